//! A worker of the sweep: its lanes, its timeouts, and why it ended.

use std::sync::Arc;
use std::time::Duration;

use gansweep_config::{RunId, RunState};
use gansweep_protocol::Progress;
use tracing::info;

use crate::clock::{AwakeTime, FrameCounters, Watchdog};
use crate::exit::with_stderr;
use crate::request::Pacing;
use crate::retry::LossCause;
use crate::{EXIT_DEVICE_UNAVAILABLE, EXIT_SHARED_CAUSE, Exit, ExitStatus, TaskEnd, Worker};

/// Time to wait for a killed worker to end while the sweep stops.
const LAST_WAIT: Duration = Duration::from_millis(300);

/// A worker that finishes no step for this many hang timeouts counts as stuck, although it uses the processor. An
/// endless loop looks like a long step, so that the bound is far from any step that is likely.
const MOST_HANG_TIMEOUTS_A_STEP: u32 = 20;
/// A worker that advances this often after it had time to obey a stop request does not obey it. A few advances
/// may still be in the pipe.
const MOST_STEPS_AFTER_STOP: u32 = 10;

/// Time limits of a worker.
#[derive(Debug, Clone, Copy)]
pub(super) struct Timeouts {
    /// From its launch to its first frame.
    pub(super) start: Option<Duration>,
    /// Without a frame; and without a report or processor time.
    pub(super) hang: Duration,
    pub(super) pacing: Pacing,
}

/// A worker and its lanes.
pub(super) struct ActiveWorker {
    /// Distinguishes its messages from those of earlier workers at the slot.
    pub(super) launch: u64,
    pub(super) worker: Box<dyn Worker>,
    pub(super) lanes: Vec<ActiveLane>,
    /// Failures of its group.
    pub(super) failures: u32,
    pub(super) counters: Arc<FrameCounters>,
    pub(super) watchdog: Watchdog,
    /// Whether it has sent any event.
    pub(super) has_reported: bool,
    /// When its stream closed, with the error if there was one.
    pub(super) closed: Option<(AwakeTime, Option<String>)>,
    pub(super) exited: Option<(AwakeTime, Exit)>,
    /// When the runner killed it, and why.
    pub(super) killed: Option<(AwakeTime, String)>,
    /// When the runner asked it to stop.
    pub(super) stop_requested: Option<AwakeTime>,
    /// Advances of its first lane after it was asked to stop and had time to finish its steps.
    pub(super) steps_after_stop: u32,
    /// It has sent an invalid event: later ones are ignored.
    pub(super) untrusted: bool,
}

/// A run that a worker trains.
pub(super) struct ActiveLane {
    /// Index in the run table.
    pub(super) run: usize,
    pub(super) id: RunId,
    pub(super) attempt: u32,
    /// `seq` of its next event.
    pub(super) next_seq: u64,
    pub(super) outcome: LaneOutcome,
    /// The state that the worker was asked to end it in, and why.
    pub(super) halting: Option<(RunState, String)>,
    /// The latest progress frame, for display.
    pub(super) progress: Option<Progress>,
}

/// How a lane ended, as its worker reported it.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum LaneOutcome {
    /// Not yet.
    Training,
    /// Completed, diverged, paused or pruned.
    Over,
    Interrupted,
    /// Failed, with its cause.
    Failed(String),
}

impl ActiveWorker {
    /// Kills it, unless that has happened already.
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

    pub(super) fn check_exit(&mut self, now: AwakeTime) {
        if self.exited.is_none() {
            self.exited = self.worker.try_wait().map(|exit| (now, exit));
        }
    }

    /// Kills it if a time limit is exceeded.
    pub(super) fn check_timeouts(&mut self, now: AwakeTime, timeouts: &Timeouts) {
        self.watchdog.update(&self.counters, now);
        if self.exited.is_some() || self.killed.is_some() {
            return;
        }
        if let Some(reason) = self.timeout(now, timeouts) {
            self.kill(now, reason);
        }
    }

    /// The exceeded time limit, if any, in words. A step may take longer than the hang timeout as long as
    /// heartbeats come and the processor is used, but no longer than [`MOST_HANG_TIMEOUTS_A_STEP`] times.
    fn timeout(&self, now: AwakeTime, timeouts: &Timeouts) -> Option<String> {
        let exit_grace = timeouts.pacing.exit_grace;
        if let Some((since, _)) = &self.closed {
            let overdue = now.since(*since) > exit_grace;
            return overdue.then(|| "it closed its event stream but did not exit".to_owned());
        }
        if let (Some(limit), Some(waited)) = (timeouts.start, self.watchdog.starting(now)) {
            let overdue = waited > limit;
            return overdue
                .then(|| format!("it gave no sign of life for {} s after its start", limit.as_secs_f64()));
        }
        let (silent, idle) = (self.watchdog.silent(now)?, self.watchdog.idle(now)?);
        if self.open_lanes().next().is_none() {
            let overdue = silent.max(idle) > exit_grace;
            return overdue.then(|| "its runs were over but it did not exit".to_owned());
        }
        let hang = timeouts.hang;
        if silent > hang {
            return Some(format!("it sent nothing for {} s and was taken for hung", hang.as_secs_f64()));
        }
        let seconds = hang.as_secs_f64();
        if idle > hang {
            return Some(format!(
                "it finished no step and used no processor time for {seconds} s and was taken for hung"
            ));
        }
        let longest = hang * MOST_HANG_TIMEOUTS_A_STEP;
        (self.watchdog.unreported(now)? > longest).then(|| {
            let seconds = longest.as_secs_f64();
            format!(
                "it finished no step for {seconds} s, {MOST_HANG_TIMEOUTS_A_STEP} times execution.hang_seconds, and was \
                 taken for stuck"
            )
        })
    }

    /// Why it is to be killed after a stop request, if it is: it makes no progress, or trains on.
    pub(super) fn stop_overdue(&self, now: AwakeTime, timeouts: &Timeouts) -> Option<String> {
        let asked = self.stop_requested?;
        if self.exited.is_some() || self.killed.is_some() {
            return None;
        }
        let limit = timeouts.pacing.stop_grace.min(timeouts.hang);
        let idle = self.watchdog.idle(now).unwrap_or(Duration::MAX).min(now.since(asked));
        if idle > limit {
            return Some(format!("stopped, and killed because it made no progress for {limit:?}"));
        }
        (self.steps_after_stop > MOST_STEPS_AFTER_STOP)
            .then(|| "stopped, and killed because it trained on".to_owned())
    }

    /// Whether it can be removed: it has exited and its stream is read, or that does not happen in time (a
    /// descendant may hold the stream open; a process that is stuck in a driver cannot be killed). A task of a cluster is
    /// waited for without a limit: it has time to save after it was killed, and its runs would be trained twice.
    pub(super) fn is_gone(&self, now: AwakeTime, pacing: &Pacing, stopping: bool) -> bool {
        let grace = if stopping { LAST_WAIT } else { pacing.exit_grace };
        let overdue = |since: AwakeTime| now.since(since) > grace;
        match (&self.exited, &self.closed) {
            (Some(_), Some(_)) => true,
            (Some((since, _)), None) => {
                overdue(*since) && self.watchdog.silent(now).is_none_or(|silent| silent > LAST_WAIT)
            }
            (None, _) if self.worker.may_restart() => false,
            (None, _) => self.killed.as_ref().is_some_and(|(since, _)| overdue(*since)),
        }
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

/// Why a worker ended before its runs, or could not be started.
pub(super) struct WorkerLoss {
    /// For the user.
    pub(super) cause: String,
    pub(super) kind: LossCause,
    /// Whether it never sent an event.
    pub(super) silent: bool,
    /// Whether the runner asked it to stop.
    pub(super) requested: bool,
}

impl WorkerLoss {
    /// Why this worker ended.
    pub(super) fn of(worker: &ActiveWorker) -> Self {
        let unknown = Exit::without_stderr(ExitStatus::Unknown);
        let exit = worker.exited.as_ref().map_or(&unknown, |(_, exit)| exit);
        let fault = worker.closed.as_ref().and_then(|(_, fault)| fault.as_ref());
        let cause = match (&worker.killed, fault) {
            (Some((_, reason)), _) => with_stderr(reason.clone(), &exit.stderr),
            (None, Some(fault)) if exit.status == ExitStatus::Code(0) => {
                with_stderr(fault.clone(), &exit.stderr)
            }
            // The worker's own message says all.
            _ if exit.status == ExitStatus::Code(EXIT_SHARED_CAUSE) && !exit.stderr.is_empty() => {
                exit.stderr.clone()
            }
            _ => exit.describe(),
        };
        let kind = match exit.status {
            _ if worker.killed.is_some() => LossCause::Lanes,
            ExitStatus::Cluster(TaskEnd::Preempted | TaskEnd::NodeLost) => LossCause::Cluster,
            ExitStatus::Code(EXIT_DEVICE_UNAVAILABLE) => LossCause::Slot,
            _ if exit.is_shared() => LossCause::Shared,
            _ if exit.is_out_of_memory() => LossCause::GroupSize,
            _ if exit.is_shortage() => LossCause::Shortage,
            _ => LossCause::Lanes,
        };
        // Whoever cancels a job does not want it back.
        let is_cancelled = exit.status == ExitStatus::Cluster(TaskEnd::Cancelled) && worker.killed.is_none();
        let requested = worker.stop_requested.is_some() || is_cancelled;
        Self { cause, kind, silent: !worker.has_reported, requested }
    }
}
