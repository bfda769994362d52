//! Parameters of a sweep.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use gansweep_config::PlannedRun;
use gansweep_protocol::Resume;
use gansweep_store::SweepRecord;

use crate::{Launcher, Notice, Pruner, Recorder, Searcher, StopSignal};

/// A place where one worker trains one group at a time.
#[derive(Clone)]
pub struct Slot {
    /// `cpu`, `vulkan:0`, ...
    pub device: String,
    /// Threads its worker may use.
    pub threads: u32,
    /// The most lanes of a group with this run. Called once for each group key.
    pub max_lanes: Arc<dyn Fn(&PlannedRun) -> usize + Send + Sync>,
}

impl Slot {
    /// The most lanes of a group with that run in it.
    pub(crate) fn limit(&self, run: &PlannedRun) -> usize {
        (self.max_lanes)(run).max(1)
    }
}

impl fmt::Debug for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { device, threads, .. } = self;
        f.debug_struct("Slot").field("device", device).field("threads", threads).finish_non_exhaustive()
    }
}

/// Floating-point operations of one step of a run. Of the waiting runs, the longest begins first.
pub type StepFlops = fn(&PlannedRun) -> f64;

/// Checks whether a run can resume from the content of a checkpoint file; the error says why not. The digest has
/// been checked before: this finds files of another format, run or shape.
pub type CheckCheckpoint = fn(content: &[u8], resume: &Resume, run: &PlannedRun) -> Result<(), String>;

/// Parameters of a sweep.
#[derive(Debug, Clone)]
pub struct SweepRequest {
    /// The sweep, as stored; its `record` says what workers record.
    pub sweep: SweepRecord,
    /// The runs that are recorded as the sweep's, where the searcher begins with a part of them; `None` where it begins
    /// with all.
    pub plan: Option<Vec<PlannedRun>>,
    /// Where groups are trained. All slots share one queue.
    pub slots: Vec<Slot>,
    /// Cost of a run's step: the scheduler knows no networks.
    pub step_flops: StepFlops,
    /// The scheduler does not know the format of checkpoints.
    pub check_checkpoint: CheckCheckpoint,
    /// Whether the runner leaves its workers behind as soon as all groups are handed over, where the launcher allows
    /// it.
    pub detach: bool,
    /// Whether completed runs are trained again whose final checkpoint is missing or cannot be resumed from.
    pub restore_checkpoints: bool,
    /// Folder of the database and the checkpoints; checkpoint paths are relative to it.
    pub results_dir: PathBuf,
    /// A folder with the datasets' files; `None` for the cache.
    pub data_dir: Option<PathBuf>,
    /// The folder of the dataset `idx`.
    pub idx_dir: Option<PathBuf>,
    /// A run fails after this many failed attempts in a row. An attempt that wrote a new checkpoint resets
    /// the count. Interruptions by the user and attempts of earlier invocations do not count, so that no
    /// run fails because a sweep is stopped often.
    pub max_attempts: u32,
    /// The seconds that a run may train, in all of its attempts together; `None` for no limit. A run that reaches them has
    /// failed at a checkpoint, and is not attempted again in this invocation.
    pub run_seconds: Option<f64>,
    /// A worker that sends nothing for this long after its first frame, or neither finishes a step nor uses
    /// the processor, counts as hung and is killed.
    pub hang_timeout: Duration,
    /// Intervals and grace periods; only tests change them.
    pub pacing: Pacing,
}

/// Components of a sweep.
pub struct SweepParts<'a> {
    /// Proposes the runs.
    pub searcher: &'a mut dyn Searcher,
    /// Stops or pauses runs before their budget.
    pub pruner: &'a mut dyn Pruner,
    /// Starts the workers.
    pub launcher: &'a dyn Launcher,
    /// Records events.
    pub recorder: &'a mut dyn Recorder,
    /// The user's stop requests.
    pub stop: &'a StopSignal,
    /// Receives notices.
    pub observer: &'a mut dyn FnMut(&Notice),
}

impl fmt::Debug for SweepParts<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SweepParts").field("stop", self.stop).finish_non_exhaustive()
    }
}

/// Intervals and grace periods of the runner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pacing {
    /// An event waits at most this long before it is written to the database.
    pub batch_interval: Duration,
    /// A batch is written when it has this many events.
    pub batch_events: usize,
    /// A worker that was asked to stop is killed when it has made no progress for this time, or for the hang
    /// timeout if that is shorter. Progress is a report or processor time; a worker that flushes a large
    /// checkpoint to a slow disk shows neither.
    pub stop_grace: Duration,
    /// Time for a worker to exit after it closed its stream, for its stream to be read after it exited, and
    /// for it to finish the steps in progress when it is asked to stop.
    pub exit_grace: Duration,
    /// Pause of a slot after a worker failed there, since a shortage may be temporary. It doubles with each further failure
    /// of the same group.
    pub rest: Duration,
    /// Minimum time between progress notices.
    pub progress_interval: Duration,
}

impl Default for Pacing {
    fn default() -> Self {
        Self {
            batch_interval: Duration::from_millis(250),
            batch_events: 256,
            stop_grace: Duration::from_mins(1),
            exit_grace: Duration::from_secs(5),
            rest: Duration::from_millis(200),
            progress_interval: Duration::from_millis(100),
        }
    }
}
