//! What a mock worker does, and how it fails.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use gansweep_config::RunId;

use crate::ExitStatus;

/// What a mock worker does.
#[derive(Debug, Clone, Default)]
pub struct Script {
    /// How it fails, after that many frames.
    pub fault: Option<(u64, Fault)>,
    /// A long step: after that many frames it sends only heartbeats until the step ends.
    pub long_step: Option<(u64, Pause)>,
    /// After that many frames it sends nothing until the pause ends, as if the machine slept.
    pub sleep: Option<(u64, Pause)>,
    /// It obeys no commands.
    pub ignores_commands: bool,
    /// It does not exit when its runs are over.
    pub never_exits: bool,
    /// Runs that diverge, and at which step.
    pub diverging: Vec<(RunId, u64)>,
    /// Runs that the worker reports as failed at that step, while the other lanes continue.
    pub failing: Vec<(RunId, u64)>,
    /// Runs that have trained for as long as they may at that step, while the other lanes continue.
    pub overdue: Vec<(RunId, u64)>,
    /// Runs that kill their worker with SIGSEGV at that step.
    pub crashing: Vec<(RunId, u64)>,
    /// The `fd` of runs at the end of each epoch; other runs record none.
    pub figures: Vec<(RunId, Vec<f64>)>,
    /// Pause before each step.
    pub pace: Duration,
}

/// When a pause of a mock worker ends.
#[derive(Debug, Clone)]
pub enum Pause {
    /// After that time.
    For(Duration),
    /// When the flag is set.
    Until(Arc<AtomicBool>),
}

impl Pause {
    /// Whether a pause that began then is over.
    pub(super) fn is_over(&self, began: Instant) -> bool {
        match self {
            Self::For(time) => began.elapsed() >= *time,
            Self::Until(flag) => flag.load(Ordering::SeqCst),
        }
    }
}

/// How a mock worker fails.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// It exits with that status and stderr.
    Exit(ExitStatus, String),
    /// It sends nothing until it is killed.
    Hang,
    /// It sends heartbeats but finishes no step and uses no processor time, until it is killed.
    Stall,
    /// It is killed inside a frame.
    TornFrame,
    /// It sends a frame whose checksum is wrong, and goes on.
    CorruptFrame,
    /// It closes its stream but does not exit.
    Linger,
    /// It exits, but a descendant holds its stream open.
    LeaveOpen,
    /// It sends an event of a run that it does not train.
    ForeignRun,
    /// It skips an event.
    MissingEvent,
    /// It cannot be started: no such program.
    NoProgram,
    /// It cannot be started: no such device.
    NoDevice,
    /// It cannot be started: no thread.
    NoThread,
    /// It cannot be started: too many open files.
    NoFile,
}

impl Script {
    /// Trains to the end.
    pub fn healthy() -> Self {
        Self::default()
    }

    /// Fails in that way after that many frames.
    pub fn failing_after(frames: u64, fault: Fault) -> Self {
        Self { fault: Some((frames, fault)), ..Self::default() }
    }

    /// Exits with that status after that many frames.
    pub fn exiting_after(frames: u64, status: ExitStatus) -> Self {
        Self::failing_after(frames, Fault::Exit(status, String::new()))
    }
}
