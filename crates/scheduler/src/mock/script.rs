//! What a mock worker does, and how it fails.

use std::time::Duration;

use gansweep_config::RunId;

use crate::ExitStatus;

/// What a mock worker does.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Script {
    /// How it fails, after that many frames.
    pub fault: Option<(u64, Fault)>,
    /// A long step: after that many frames it sends only heartbeats for that time.
    pub long_step: Option<(u64, Duration)>,
    /// After that many frames it sends nothing for that time, as if the machine slept.
    pub sleep: Option<(u64, Duration)>,
    /// It obeys no commands.
    pub ignores_commands: bool,
    /// It does not exit when its runs are over.
    pub never_exits: bool,
    /// Runs that diverge, and at which step.
    pub diverging: Vec<(RunId, u64)>,
    /// Runs that the worker reports as failed at that step, while the other lanes continue.
    pub failing: Vec<(RunId, u64)>,
    /// Runs that kill their worker with SIGSEGV at that step.
    pub crashing: Vec<(RunId, u64)>,
    /// The `fd` of runs at the end of each epoch; other runs record none.
    pub figures: Vec<(RunId, Vec<f64>)>,
    /// Pause before each step.
    pub pace: Duration,
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
