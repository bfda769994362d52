//! Stop request from the user (Ctrl-C).

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

/// How the sweep is to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StopLevel {
    /// It is not.
    Run,
    /// Workers finish their current steps, write a checkpoint and exit.
    Cleanly,
    /// Workers are killed; their last checkpoints stay.
    AtOnce,
}

/// A [`StopLevel`] that only rises, shared between the sweep and a signal handler's thread or a test. Holds the number of
/// requests, of which the second is the most urgent: what comes after the training ends with a further one.
#[derive(Debug, Clone, Default)]
pub struct StopSignal(Arc<AtomicU8>);

impl StopSignal {
    /// At [`StopLevel::Run`].
    pub fn new() -> Self {
        Self::default()
    }

    /// Raises it by one level, as each Ctrl-C does.
    pub fn escalate(&self) {
        // An error means that there are as many as can be counted.
        let _ = self.0.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |requests| requests.checked_add(1));
    }

    /// Raises it to at least that level.
    pub fn raise(&self, level: StopLevel) {
        self.0.fetch_max(level as u8, Ordering::SeqCst);
    }

    /// Number of requests so far.
    pub fn requests(&self) -> u8 {
        self.0.load(Ordering::SeqCst)
    }

    /// The current level.
    pub fn level(&self) -> StopLevel {
        match self.requests() {
            0 => StopLevel::Run,
            1 => StopLevel::Cleanly,
            _ => StopLevel::AtOnce,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_escalation_is_more_urgent_and_none_is_taken_back() {
        let signal = StopSignal::new();
        assert_eq!(signal.level(), StopLevel::Run);
        signal.escalate();
        assert_eq!(signal.clone().level(), StopLevel::Cleanly);
        signal.escalate();
        signal.raise(StopLevel::Cleanly);
        assert_eq!((signal.level(), signal.requests()), (StopLevel::AtOnce, 2));
        signal.escalate();
        assert_eq!((signal.level(), signal.requests()), (StopLevel::AtOnce, 3));
    }
}
