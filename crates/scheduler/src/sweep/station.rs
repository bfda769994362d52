//! A slot and what goes on there.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use gansweep_config::{RunId, RunState};
use gansweep_protocol::Progress;

use crate::queue::Group;
use crate::{Exit, Slot, Worker};

/// A slot and what goes on there.
pub(super) struct Station {
    pub(super) slot: Slot,
    pub(super) duty: Duty,
    /// Why it takes no more groups.
    pub(super) out_of_service: Option<String>,
    /// No worker is started before.
    pub(super) rests_until: Option<Instant>,
    /// Whether a worker has ever sent an event from here.
    pub(super) proven: bool,
    /// Workers in a row that died without a word.
    pub(super) stillborn: u32,
}

/// What goes on at a slot.
pub(super) enum Duty {
    Free,
    /// The checkpoints of a group are being verified, on a thread.
    Checking {
        launch: u64,
        group: Group,
    },
    Working(Box<ActiveWorker>),
}

/// A worker and its lanes.
pub(super) struct ActiveWorker {
    /// Tells its messages from those of the slot's earlier workers.
    pub(super) launch: u64,
    pub(super) worker: Box<dyn Worker>,
    pub(super) lanes: Vec<ActiveLane>,
    /// Of its group.
    pub(super) failures: u32,
    pub(super) pulse: Arc<Pulse>,
    /// Whether any event has come.
    pub(super) heard: bool,
    /// When its stream closed, and the fault in it, if any.
    pub(super) closed: Option<(Instant, Option<String>)>,
    pub(super) exited: Option<(Instant, Exit)>,
    /// When the runner killed it, and why.
    pub(super) killed: Option<(Instant, String)>,
    /// The runner has asked it to stop.
    pub(super) asked_to_stop: bool,
    /// It has told what cannot be: nothing more of it is believed.
    pub(super) distrusted: bool,
}

/// A run in the hands of a worker.
pub(super) struct ActiveLane {
    /// Its place in the request.
    pub(super) run: usize,
    pub(super) id: RunId,
    pub(super) attempt: u32,
    pub(super) fate: Fate,
    /// The latest it told for display.
    pub(super) progress: Option<Progress>,
}

/// What a worker has told of a lane's end.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Fate {
    /// Nothing yet.
    Training,
    /// Completed or diverged.
    Over(RunState),
    Interrupted,
    /// With its cause.
    Failed(String),
}

impl Station {
    pub(super) fn new(slot: Slot) -> Self {
        Self { slot, duty: Duty::Free, out_of_service: None, rests_until: None, proven: false, stillborn: 0 }
    }

    /// Whether it could take a group now.
    pub(super) fn is_ready(&self, now: Instant) -> bool {
        let rested = self.rests_until.is_none_or(|until| until <= now);
        matches!(self.duty, Duty::Free) && self.out_of_service.is_none() && rested
    }

    pub(super) fn worker(&self) -> Option<&ActiveWorker> {
        match &self.duty {
            Duty::Working(worker) => Some(worker),
            _ => None,
        }
    }

    pub(super) fn worker_mut(&mut self) -> Option<&mut ActiveWorker> {
        match &mut self.duty {
            Duty::Working(worker) => Some(worker),
            _ => None,
        }
    }
}

impl ActiveWorker {
    pub(super) fn new(
        launch: u64,
        worker: Box<dyn Worker>,
        lanes: Vec<ActiveLane>,
        failures: u32,
        pulse: Arc<Pulse>,
    ) -> Self {
        let (closed, exited, killed) = (None, None, None);
        let (heard, asked_to_stop, distrusted) = (false, false, false);
        Self {
            launch,
            worker,
            lanes,
            failures,
            pulse,
            heard,
            closed,
            exited,
            killed,
            asked_to_stop,
            distrusted,
        }
    }

    /// Kills it for that reason; the first reason stays.
    pub(super) fn kill(&mut self, now: Instant, reason: impl Into<String>) {
        if self.killed.is_none() {
            self.worker.kill();
            self.killed = Some((now, reason.into()));
        }
    }

    /// Lanes whose end has not been told.
    pub(super) fn open_lanes(&self) -> impl Iterator<Item = &ActiveLane> {
        self.lanes.iter().filter(|lane| lane.fate == Fate::Training)
    }
}

/// When a worker was last heard, kept by the thread that reads its events.
///
/// While the reader waits for the sweep to take an event, it is not the worker that is silent.
#[derive(Debug)]
pub(super) struct Pulse(Mutex<Beat>);

#[derive(Debug)]
struct Beat {
    heard: Instant,
    delivering: bool,
}

impl Pulse {
    pub(super) fn new(now: Instant) -> Self {
        Self(Mutex::new(Beat { heard: now, delivering: false }))
    }

    /// An event has come (`delivering`), or has been delivered.
    pub(super) fn beat(&self, delivering: bool) {
        let mut beat = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *beat = Beat { heard: Instant::now(), delivering };
    }

    /// How long the worker has been silent.
    pub(super) fn silence(&self, now: Instant) -> Duration {
        let beat = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if beat.delivering { Duration::ZERO } else { now.saturating_duration_since(beat.heard) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_worker_whose_event_waits_to_be_taken_is_not_silent() {
        let pulse = Pulse::new(Instant::now());
        pulse.beat(true);
        let later = Instant::now() + Duration::from_hours(1);
        assert_eq!(pulse.silence(later), Duration::ZERO);
        pulse.beat(false);
        assert!(pulse.silence(later) >= Duration::from_secs(3599));
    }
}
