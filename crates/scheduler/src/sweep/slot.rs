//! The state of a slot.

use super::worker::ActiveWorker;
use crate::Slot;
use crate::clock::AwakeTime;
use crate::queue::{Group, Kind};

/// A slot and its state.
pub(super) struct SlotState {
    pub(super) slot: Slot,
    /// The most lanes of a group, by the kind of its runs.
    pub(super) limits: Vec<usize>,
    pub(super) activity: SlotActivity,
    /// Why it takes no more groups; `None` while it is open.
    pub(super) closed: Option<String>,
    /// No worker is started before this time.
    pub(super) rests_until: Option<AwakeTime>,
    /// Whether a worker on this slot has ever sent an event.
    pub(super) has_worked: bool,
    /// Launches in a row that failed because the system had no process, thread or open file left.
    pub(super) shortages: u32,
    /// Silent failures: workers in a row that died before they sent an event.
    pub(super) silent_failures: u32,
}

/// Activity of a slot.
pub(super) enum SlotActivity {
    Idle,
    /// The checkpoints of a group are being verified, on a thread.
    Verifying {
        launch: u64,
        group: Group,
    },
    /// A worker trains.
    Training(Box<ActiveWorker>),
}

impl SlotState {
    pub(super) fn new(slot: Slot) -> Self {
        Self {
            slot,
            limits: Vec::new(),
            activity: SlotActivity::Idle,
            closed: None,
            rests_until: None,
            has_worked: false,
            shortages: 0,
            silent_failures: 0,
        }
    }

    /// The most lanes of a group of that kind.
    pub(super) fn limit(&self, kind: Kind) -> usize {
        self.limits.get(kind).copied().unwrap_or(1)
    }

    /// Whether it can take a group now.
    pub(super) fn is_ready(&self, now: AwakeTime) -> bool {
        let rested = self.rests_until.is_none_or(|until| until <= now);
        matches!(self.activity, SlotActivity::Idle) && self.closed.is_none() && rested
    }

    pub(super) fn worker(&self) -> Option<&ActiveWorker> {
        match &self.activity {
            SlotActivity::Training(worker) => Some(worker),
            SlotActivity::Idle | SlotActivity::Verifying { .. } => None,
        }
    }

    pub(super) fn worker_mut(&mut self) -> Option<&mut ActiveWorker> {
        match &mut self.activity {
            SlotActivity::Training(worker) => Some(worker),
            SlotActivity::Idle | SlotActivity::Verifying { .. } => None,
        }
    }
}
