//! What a sweep is asked to do.

use std::path::PathBuf;
use std::time::Duration;

use gansweep_config::PlannedRun;
use gansweep_store::SweepRecord;

/// A place where one worker trains one group at a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slot {
    /// `cpu`, `vulkan:0`, ...
    pub device: String,
    /// Threads its worker may use.
    pub threads: u32,
    /// For each of the request's runs, how many lanes a group of its kind has here at most. A run
    /// without an entry trains alone.
    pub max_lanes: Vec<usize>,
}

impl Slot {
    /// The most lanes of a group with that run in it.
    pub(crate) fn limit(&self, run: usize) -> usize {
        self.max_lanes.get(run).copied().unwrap_or(1).max(1)
    }

    /// Groups with those runs in them have at most so many lanes from now on.
    pub(crate) fn lower_limit(&mut self, runs: &[usize], most: usize) {
        for &run in runs {
            if let Some(limit) = self.max_lanes.get_mut(run) {
                *limit = most.min(*limit);
            }
        }
    }
}

/// What a sweep is asked to do.
#[derive(Debug, Clone)]
pub struct SweepRequest {
    /// The sweep as it is recorded; its `record` is what workers record.
    pub sweep: SweepRecord,
    /// The plan as it is recorded: a run that is asked for several budgets stands in it for each.
    pub plan: Vec<PlannedRun>,
    /// What there is to train: the plan's runs, each once, with the largest budget.
    pub runs: Vec<PlannedRun>,
    /// All slots take groups from one queue.
    pub slots: Vec<Slot>,
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
    /// A worker that sends nothing for so long is taken for hung and killed.
    pub hang_timeout: Duration,
    /// Times that only tests have reason to change.
    pub pacing: Pacing,
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
