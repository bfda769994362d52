//! What goes on at a slot.

use std::sync::Arc;

use gansweep_config::{RunId, RunState};
use gansweep_protocol::Progress;
use tracing::info;

use crate::clock::{AwakeTime, SignsOfLife, Silence};
use crate::queue::{Group, Kind};
use crate::{Exit, Slot, Worker};

/// A slot and what goes on there.
pub(super) struct SlotState {
    pub(super) slot: Slot,
    /// The most lanes of a group here, by the kind of its runs.
    pub(super) limits: Vec<usize>,
    pub(super) activity: SlotActivity,
    /// Why it takes no more groups.
    pub(super) closed: Option<String>,
    /// No worker is started before.
    pub(super) rests_until: Option<AwakeTime>,
    /// Whether a worker has ever sent an event from here.
    pub(super) has_worked: bool,
    /// Workers in a row that died before they sent an event.
    pub(super) silent_failures: u32,
}

/// What goes on at a slot.
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

/// A worker and its lanes.
pub(super) struct ActiveWorker {
    /// Tells its messages from those of the slot's earlier workers.
    pub(super) launch: u64,
    pub(super) worker: Box<dyn Worker>,
    pub(super) lanes: Vec<ActiveLane>,
    /// Of its group.
    pub(super) failures: u32,
    pub(super) signs: Arc<SignsOfLife>,
    pub(super) silence: Silence,
    /// Whether any event has come.
    pub(super) has_reported: bool,
    /// When its stream closed, and the fault in it, if any.
    pub(super) closed: Option<(AwakeTime, Option<String>)>,
    pub(super) exited: Option<(AwakeTime, Exit)>,
    /// When the runner killed it, and why.
    pub(super) killed: Option<(AwakeTime, String)>,
    /// The runner has asked it to stop.
    pub(super) stop_requested: bool,
    /// It has sent what cannot be: nothing more of it is believed.
    pub(super) distrusted: bool,
}

/// A run that a worker has.
pub(super) struct ActiveLane {
    /// By its number in the run table.
    pub(super) run: usize,
    pub(super) id: RunId,
    pub(super) attempt: u32,
    /// The number of its next event.
    pub(super) next_seq: u64,
    pub(super) outcome: LaneOutcome,
    /// What the worker has been asked to make of it, and why.
    pub(super) halting: Option<(RunState, String)>,
    /// The latest for display.
    pub(super) progress: Option<Progress>,
}

/// What a worker has reported of a lane's end.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum LaneOutcome {
    /// Nothing yet.
    Training,
    /// Completed, diverged, paused or pruned.
    Over,
    Interrupted,
    /// With its cause.
    Failed(String),
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
            silent_failures: 0,
        }
    }

    /// The most lanes of a group with runs of that kind.
    pub(super) fn limit(&self, kind: Kind) -> usize {
        self.limits.get(kind).copied().unwrap_or(1)
    }

    /// Whether it could take a group now.
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

impl ActiveWorker {
    /// Kills it for that reason; the first reason stays.
    pub(super) fn kill(&mut self, now: AwakeTime, reason: impl Into<String>) {
        if self.killed.is_none() {
            let reason = reason.into();
            let first = self.lanes.first().map(|lane| lane.id.as_str());
            info!(launch = self.launch, first, reason, "killing a worker");
            self.worker.kill();
            self.killed = Some((now, reason));
        }
    }

    /// Lanes whose end has not been reported.
    pub(super) fn open_lanes(&self) -> impl Iterator<Item = &ActiveLane> {
        self.lanes.iter().filter(|lane| lane.is_open())
    }
}

impl ActiveLane {
    pub(super) fn new(run: usize, id: RunId, attempt: u32) -> Self {
        let outcome = LaneOutcome::Training;
        Self { run, id, attempt, next_seq: 0, outcome, halting: None, progress: None }
    }

    /// Whether its end has not been reported.
    pub(super) fn is_open(&self) -> bool {
        self.outcome == LaneOutcome::Training
    }
}
