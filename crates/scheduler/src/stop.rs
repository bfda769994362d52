//! Stop request from the user (Ctrl-C).

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

/// How urgently the sweep is to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StopLevel {
    /// Not at all.
    Run,
    /// Workers finish their step, write a checkpoint and end.
    Cleanly,
    /// Workers are killed; what their last checkpoints have is kept.
    AtOnce,
}

/// A level that only rises, shared by those who may stop the sweep (a signal handler's thread, a
/// test) and the sweep itself.
#[derive(Debug, Clone, Default)]
pub struct StopSignal(Arc<AtomicU8>);

impl StopSignal {
    /// At [`StopLevel::Run`].
    pub fn new() -> Self {
        Self::default()
    }

    /// One level up: what each Ctrl-C does.
    pub fn escalate(&self) {
        let next = if self.level() == StopLevel::Run { StopLevel::Cleanly } else { StopLevel::AtOnce };
        self.raise(next);
    }

    /// To that level at least.
    pub fn raise(&self, level: StopLevel) {
        self.0.fetch_max(level as u8, Ordering::SeqCst);
    }

    /// Where it stands.
    pub fn level(&self) -> StopLevel {
        match self.0.load(Ordering::SeqCst) {
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
        assert_eq!(signal.level(), StopLevel::AtOnce);
    }
}
