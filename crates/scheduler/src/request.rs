//! What a sweep is asked to do.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use gansweep_config::PlannedRun;
use gansweep_store::SweepRecord;

use crate::{Launcher, Notice, Pruner, Recorder, Searcher, StopSignal};

/// A place where one worker trains one group at a time.
#[derive(Clone)]
pub struct Slot {
    /// `cpu`, `vulkan:0`, ...
    pub device: String,
    /// Threads its worker may use.
    pub threads: u32,
    /// How many lanes a group with such a run has here at most. Asked once for each group key.
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

/// Floating-point operations of one step of a run: of the runs that wait, the longest begins first.
pub type StepFlops = fn(&PlannedRun) -> f64;

/// What a sweep is asked to do.
#[derive(Debug, Clone)]
pub struct SweepRequest {
    /// The sweep as it is recorded; its `record` is what workers record.
    pub sweep: SweepRecord,
    /// All slots take groups from one queue.
    pub slots: Vec<Slot>,
    /// The scheduler knows no networks and is told what they cost.
    pub step_flops: StepFlops,
    /// Holds the database; checkpoint paths are relative to it.
    pub results_dir: PathBuf,
    /// A folder with the datasets' files; `None` for the cache.
    pub data_dir: Option<PathBuf>,
    /// The folder of the dataset `idx`.
    pub idx_dir: Option<PathBuf>,
    /// How many attempts in a row a run may lose to failures before it is failed. An attempt that
    /// brought a new checkpoint starts the count anew, and neither interruptions by the user nor
    /// attempts of earlier invocations count: who stops a sweep often loses no run by it.
    pub max_attempts: u32,
    /// A worker that sends nothing for so long, or neither trains a step nor uses the processor, is
    /// taken for hung and killed. Counted from its first sign of life.
    pub hang_timeout: Duration,
    /// Times that only tests have reason to change.
    pub pacing: Pacing,
}

/// What a sweep works with.
pub struct SweepParts<'a> {
    /// Proposes the runs.
    pub searcher: &'a mut dyn Searcher,
    /// Ends or pauses runs before their last step.
    pub pruner: &'a mut dyn Pruner,
    /// Starts the workers.
    pub launcher: &'a dyn Launcher,
    /// Takes what happens, for good.
    pub recorder: &'a mut dyn Recorder,
    /// The user's stop requests.
    pub stop: &'a StopSignal,
    /// Is told what happens, for display.
    pub observer: &'a mut dyn FnMut(&Notice),
}

impl fmt::Debug for SweepParts<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SweepParts").field("stop", self.stop).finish_non_exhaustive()
    }
}

/// The runner's own times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pacing {
    /// Events are written to the database at least so often.
    pub batch_interval: Duration,
    /// Events are written at the latest when so many wait.
    pub batch_events: usize,
    /// Workers asked to stop have so long before they are killed.
    pub stop_grace: Duration,
    /// A worker that closed its stream has so long to exit, and one that exited so long to have
    /// its stream read.
    pub exit_grace: Duration,
    /// A slot rests so long after a worker that died, so that a passing shortage passes.
    pub rest: Duration,
    /// Progress is told at most so often.
    pub progress_interval: Duration,
}

impl Default for Pacing {
    /// With a grace of 1.5 s, a stopped sweep has ended within two seconds.
    fn default() -> Self {
        Self {
            batch_interval: Duration::from_millis(250),
            batch_events: 256,
            stop_grace: Duration::from_millis(1500),
            exit_grace: Duration::from_secs(5),
            rest: Duration::from_millis(200),
            progress_interval: Duration::from_millis(100),
        }
    }
}
