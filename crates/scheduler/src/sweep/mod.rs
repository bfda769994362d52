//! A sweep: one thread that gives groups to slots, handles messages of workers and writes the database.

mod admission;
mod adoption;
mod dispatch;
mod inbox;
mod messages;
mod progress;
mod slot;
mod worker;
mod worker_end;
mod workers;

use std::collections::HashSet;
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::time::{Duration, Instant};

use gansweep_config::RunId;
use gansweep_store::StoreError;

pub use self::inbox::FrameSink;
use self::inbox::Message;
use self::slot::{SlotActivity, SlotState};
use crate::clock::{AwakeClock, AwakeTime};
use crate::queue::{Queue, Share};
use crate::recorder::{EventBatcher, ids_of};
use crate::run_table::RunTable;
use crate::{
    AdoptedWorker, Decision, Eta, Launcher, Notice, Proposal, Pruner, RunnerError, Searcher, StopLevel,
    StopSignal, Summary, SweepParts, SweepRequest,
};

/// Capacity of the channel from the workers' threads. When it is full, the threads block, and their workers
/// with them: a slow disk slows training down instead of filling the memory.
const IN_FLIGHT: usize = 256;
/// Interval at which the sweep checks its workers and the stop signal.
const TICK: Duration = Duration::from_millis(20);
/// The same while a worker is ending, so that its slot is free soon.
const SHORT_TICK: Duration = Duration::from_millis(1);

/// Interval at which the sweep checks that the database is still at its path; it does so before each batch too.
const PLACE_INTERVAL: Duration = Duration::from_secs(1);

/// Trains the unfinished runs of a sweep, and returns when every run is over, paused, failed or interrupted.
///
/// Runs that are trained up to their budget and diverged runs are skipped, and so are pruned and paused runs
/// unless the pruner admits them. The others resume from the checkpoint that the database names, or start
/// from the beginning if its file is missing or damaged. The caller must hold the results folder's lock:
/// attempts that are still active are taken for those of a runner that died.
///
/// # Errors
/// [`RunnerError::Database`] if the recorder fails: workers are stopped cleanly, and nothing that was
/// recorded is lost. [`RunnerError::Cancelled`] if it is stopped before that. Failures of workers are part of the summary, and so is a cause that all runs share.
pub fn run_sweep<'a>(request: &'a SweepRequest, parts: SweepParts<'a>) -> Result<Summary, RunnerError> {
    let mut sweep = Sweep::open(request, parts)?;
    sweep.run();
    sweep.conclude()
}

struct Sweep<'a> {
    request: &'a SweepRequest,
    launcher: &'a dyn Launcher,
    stop: &'a StopSignal,
    observer: &'a mut dyn FnMut(&Notice),
    searcher: &'a mut dyn Searcher,
    search: SearchState,
    pruner: &'a mut dyn Pruner,
    /// A run has ended or paused since the pruner was last asked.
    pruner_has_news: bool,
    batcher: EventBatcher<'a>,
    table: RunTable,
    queue: Queue,
    slots: Vec<SlotState>,
    inbox: Receiver<Message>,
    outbox: SyncSender<Message>,
    clock: AwakeClock,
    /// Set while the sweep stops early.
    stopping: Option<Stopping>,
    /// Why it stops, if not on request.
    failure: Option<Failure>,
    began: Instant,
    /// When the last progress notice was sent.
    reported: Option<Instant>,
    /// When the place of the database was last checked.
    place_checked: Option<Instant>,
    /// Ends of runs that are to be reported.
    ended: Vec<Notice>,
    eta: Eta,
    launches: u64,
    /// No message waited when the sweep last looked.
    is_quiet: bool,
    /// An earlier invocation died: its files may need cleaning.
    runner_died: bool,
}

/// State of the searcher.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum SearchState {
    Asks,
    /// It has no proposal until another run is over.
    Waits,
    Done,
}

/// An early end of the sweep.
#[derive(Debug, Clone, Copy)]
struct Stopping {
    level: StopLevel,
    /// When the sweep began to stop.
    since: AwakeTime,
    /// When the user is next told what is waited for, counted from `since`.
    next_report: Duration,
}

/// Why a sweep ends early, the user's request aside.
#[derive(Debug)]
enum Failure {
    Error(RunnerError),
    SharedCause(String),
}

impl<'a> Sweep<'a> {
    /// Registers the sweep and reads the statuses of its first runs.
    fn open(request: &'a SweepRequest, parts: SweepParts<'a>) -> Result<Self, RunnerError> {
        let SweepParts { searcher, pruner, launcher, recorder, stop, observer } = parts;
        let began = Instant::now();
        let failed = |doing| move |source| RunnerError::Database { doing, source };
        let (runs, trials, search) = match searcher.ask(request.slots.len()) {
            Proposal::Runs(runs) => (runs, None, SearchState::Asks),
            Proposal::Trials(proposed) => (proposed.runs, Some(proposed.trials), SearchState::Asks),
            Proposal::Later => (Vec::new(), None, SearchState::Waits),
            Proposal::Done => (Vec::new(), None, SearchState::Done),
        };
        let cancelled = || stop.level() > StopLevel::Run;
        let planned = request.plan.as_deref().unwrap_or(&runs);
        recorder.register_sweep(&request.sweep, planned, &cancelled).map_err(|source| match source {
            StoreError::Cancelled => RunnerError::Cancelled,
            source => RunnerError::Database { doing: "registering the sweep", source },
        })?;
        if let Some(trials) = trials {
            recorder.replace_trials(&request.sweep.name, &trials).map_err(failed("registering trials"))?;
        }
        let adopted = launcher.adopt()?;
        let alive = runs_of(&adopted);
        let stale =
            recorder.reclaim_stale(&alive).map_err(failed("reclaiming runs of a runner that died"))?;
        let runner_died = !stale.is_empty();
        for (run, attempt) in stale {
            observer(&Notice::Reclaimed { run, attempt });
        }
        let statuses = recorder.statuses(&ids_of(&runs)).map_err(failed("reading where runs stand"))?;
        let (outbox, inbox) = mpsc::sync_channel(IN_FLIGHT);
        let share = if launcher.queues_groups() { Share::Whole } else { Share::Fair };
        let mut sweep = Self {
            request,
            launcher,
            stop,
            observer,
            searcher,
            search,
            pruner,
            pruner_has_news: true,
            batcher: EventBatcher::new(recorder, &request.sweep.name),
            table: RunTable::new(request.step_flops),
            queue: Queue::new(share),
            slots: request.slots.iter().cloned().map(SlotState::new).collect(),
            inbox,
            outbox,
            clock: AwakeClock::start(began),
            stopping: None,
            failure: None,
            began,
            reported: None,
            place_checked: None,
            ended: Vec::new(),
            eta: Eta::new(),
            launches: 0,
            is_quiet: false,
            runner_died,
        };
        let rungs = sweep.batcher.restored_rungs()?;
        sweep.pruner.restore(rungs);
        sweep.admit(runs, &statuses)?;
        sweep.adopt(adopted)?;
        if sweep.slots.is_empty() && !sweep.queue.is_empty() {
            return Err(RunnerError::NoSlots);
        }
        Ok(sweep)
    }

    fn run(&mut self) {
        let slots = self.slots.len();
        let groups = self.queue.clone().simulate(slots, &|slot, kind| self.slots[slot].limit(kind)).len();
        let begun = Notice::Begun { groups, slots, progress: self.progress() };
        self.notify(&begun);
        loop {
            self.clock.tick(Instant::now());
            self.handle_stop();
            let advanced =
                self.check_place().and_then(|()| self.fill_slots()).and_then(|()| self.check_workers());
            self.keep_failure(advanced);
            if self.is_over() {
                break;
            }
            let handled = self.handle_messages();
            self.keep_failure(handled);
            self.report_progress();
        }
        let placed = self.batcher.check_place();
        self.keep_failure(placed);
        let ended = self.end_waiting_workers();
        self.keep_failure(ended);
        let written = self.write();
        self.keep_failure(written);
    }

    fn conclude(mut self) -> Result<Summary, RunnerError> {
        let counts = self.table.summary(self.launcher.outlives_runner());
        let stopped = self.stop.level() > StopLevel::Run && self.is_unfinished(&counts);
        let summary = Summary { stopped, elapsed: self.began.elapsed(), ..counts };
        match self.failure {
            Some(Failure::Error(error)) => Err(error),
            Some(Failure::SharedCause(cause)) => Ok(Summary { shared_cause: Some(cause), ..summary }),
            None => Ok(summary),
        }
    }

    /// Whether the sweep would go on if it were started again. Nothing is recorded of what would.
    fn is_unfinished(&mut self, counts: &Summary) -> bool {
        let would_propose = match self.search {
            SearchState::Asks => !self.searcher.is_done(),
            SearchState::Waits => true,
            SearchState::Done => false,
        };
        let resumes = |decision: &Decision| matches!(decision, Decision::Resume { .. });
        counts.interrupted + counts.queued + counts.left > 0
            || would_propose
            || (self.table.is_idle() && self.pruner.on_idle().iter().any(resumes))
    }

    /// Keeps the first error, which ends the sweep cleanly. An error of the database says more than what workers met
    /// for the same reason.
    fn keep_failure(&mut self, result: Result<(), RunnerError>) {
        if let Err(error) = result
            && !matches!(self.failure, Some(Failure::Error(_)))
        {
            self.failure = Some(Failure::Error(error));
        }
    }

    /// Ends the sweep for a cause that all of its runs share. Only the first is reported.
    fn end_for_shared_cause(&mut self, cause: String) {
        // A worker may have met first that the results folder is gone, which says more.
        let placed = self.batcher.check_place();
        self.keep_failure(placed);
        // An error that closed the batcher is on its way.
        if self.failure.is_none() && !self.batcher.is_closed() {
            self.notify(&Notice::SharedCause { cause: cause.clone() });
            self.failure = Some(Failure::SharedCause(cause));
        }
    }

    /// Whether no slot is busy and no run is left to train, or the workers are left behind.
    fn is_over(&mut self) -> bool {
        if self.leaves_workers() {
            return true;
        }
        let idle = self.slots.iter().all(|slot| matches!(slot.activity, SlotActivity::Idle));
        idle && (self.stopping.is_some() || (self.failure.is_none() && !self.has_more_to_train()))
    }

    /// Writes waiting events, then deletes the checkpoints that they supersede.
    fn write(&mut self) -> Result<(), RunnerError> {
        let written = self.batcher.flush();
        self.renew_checkpoints();
        self.announce_ends();
        written
    }

    /// Reports the runs that have ended. What a run completed is reported only once it is recorded.
    fn announce_ends(&mut self) {
        if !self.batcher.is_empty() {
            return;
        }
        let is_closed = self.batcher.is_closed();
        for notice in std::mem::take(&mut self.ended) {
            let is_unrecorded =
                is_closed && matches!(&notice, Notice::RunEnded { state, .. } if state.is_final());
            if !is_unrecorded {
                self.notify(&notice);
            }
        }
    }

    /// Checks now and then that the database is still at its path.
    fn check_place(&mut self) -> Result<(), RunnerError> {
        let now = Instant::now();
        if self.place_checked.is_some_and(|checked| now.duration_since(checked) < PLACE_INTERVAL) {
            return Ok(());
        }
        self.place_checked = Some(now);
        self.batcher.check_place()
    }

    fn notify(&mut self, notice: &Notice) {
        (self.observer)(notice);
    }
}

/// The runs that those workers train.
fn runs_of(adopted: &[AdoptedWorker]) -> HashSet<RunId> {
    adopted.iter().flat_map(|(job, _)| job.lanes.iter().map(|lane| lane.run.clone())).collect()
}
