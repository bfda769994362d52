//! A sweep: one thread that feeds slots, hears workers and writes the database.

mod dispatch;
mod events;
mod ledger;
mod settle;
mod station;
mod watch;

use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender};
use std::time::{Duration, Instant};

use gansweep_config::RunId;

use self::events::Message;
use self::ledger::Ledger;
use self::station::{Duty, Station};
use self::watch::Ending;
use crate::queue::Queue;
use crate::roster::Roster;
use crate::{Eta, Launcher, Notice, Recorder, RunnerError, StopSignal, Summary, SweepRequest, checkpoint};

/// Messages under way from the workers' threads; beyond, they wait, and their workers with them.
const IN_FLIGHT: usize = 256;
/// The sweep looks after its workers and the stop signal so often.
const TICK: Duration = Duration::from_millis(20);
/// The same while a worker is about to be gone.
const SHORT_TICK: Duration = Duration::from_millis(1);

/// Trains what is left of a sweep, and returns when every run is over, given up or interrupted.
///
/// Runs that are trained as far as is asked, and diverged ones, are skipped; the others go on from the
/// checkpoint that the database knows, if the file is there and whole, and start afresh otherwise. Hold the
/// results folder's lock: attempts that still count as running are taken for those of a runner
/// that died.
///
/// # Errors
/// [`RunnerError::Database`] if the recorder fails: workers are stopped cleanly first, and nothing
/// that was recorded is lost. Failures of workers are no errors but part of the summary.
pub fn run_sweep(
    request: &SweepRequest,
    recorder: &mut dyn Recorder,
    launcher: &dyn Launcher,
    stop: &StopSignal,
    observer: &mut dyn FnMut(&Notice),
) -> Result<Summary, RunnerError> {
    let began = Instant::now();
    let roster = prepare(request, recorder, observer)?;
    let (outbox, inbox) = mpsc::sync_channel(IN_FLIGHT);
    let mut sweep = Sweep {
        request,
        launcher,
        stop,
        observer,
        ledger: Ledger::new(recorder),
        queue: Queue::new(&request.runs, &roster.waiting(), &|run| roster.standing(run)),
        roster,
        stations: request.slots.iter().cloned().map(Station::new).collect(),
        inbox,
        outbox,
        ending: None,
        trouble: None,
        began,
        told: None,
        eta: Eta::new(),
        launches: 0,
    };
    sweep.run();
    match sweep.trouble {
        Some(error) => Err(error),
        None => Ok(Summary {
            stopped: sweep.ending.is_some(),
            elapsed: began.elapsed(),
            ..sweep.roster.summary()
        }),
    }
}

/// Registers the sweep and finds out where its runs stand.
fn prepare<'a>(
    request: &'a SweepRequest,
    recorder: &mut dyn Recorder,
    observer: &mut dyn FnMut(&Notice),
) -> Result<Roster<'a>, RunnerError> {
    let failed = |doing| move |source| RunnerError::Database { doing, source };
    recorder.register_sweep(&request.sweep, &request.plan).map_err(failed("registering the sweep"))?;
    let stale = recorder.reclaim_stale().map_err(failed("reclaiming runs of a runner that died"))?;
    let runner_died = !stale.is_empty();
    for (run, attempt) in stale {
        observer(&Notice::Reclaimed { run, attempt });
    }
    let ids: Vec<RunId> = request.runs.iter().map(|run| run.id.clone()).collect();
    let statuses = recorder.statuses(&ids).map_err(failed("reading where runs stand"))?;
    let roster = Roster::new(&request.runs, &request.plan, &statuses);
    for (run, state) in roster.skipped() {
        observer(&Notice::Skipped { run: roster.name(run), state });
        // It may have died between recording a run's last checkpoint and deleting those before it.
        if let Some(leftover) = runner_died.then(|| tidy(request, &roster, run)).flatten() {
            observer(&leftover);
        }
    }
    if request.slots.is_empty() && !roster.waiting().is_empty() {
        return Err(RunnerError::NoSlots);
    }
    Ok(roster)
}

/// Clears a run's folder of all checkpoints but the recorded one; tells what stays there.
fn tidy(request: &SweepRequest, roster: &Roster<'_>, run: usize) -> Option<Notice> {
    let id = &roster.planned(run).id;
    let keep = roster.checkpoint(run).map(|resume| resume.path.as_str());
    let error = checkpoint::tidy(&request.results_dir, id, keep).err()?;
    Some(Notice::Leftover { path: format!("checkpoints/{id}"), reason: error.to_string() })
}

struct Sweep<'a> {
    request: &'a SweepRequest,
    launcher: &'a dyn Launcher,
    stop: &'a StopSignal,
    observer: &'a mut dyn FnMut(&Notice),
    ledger: Ledger<'a>,
    roster: Roster<'a>,
    queue: Queue,
    stations: Vec<Station>,
    inbox: Receiver<Message>,
    outbox: SyncSender<Message>,
    /// The sweep is ending before its time.
    ending: Option<Ending>,
    /// Why, if not by the user.
    trouble: Option<RunnerError>,
    began: Instant,
    /// When progress was last told.
    told: Option<Instant>,
    eta: Eta,
    launches: u64,
}

impl Sweep<'_> {
    fn run(&mut self) {
        let progress = self.progress();
        let standing = |run: usize| self.roster.standing(run);
        let queue = Queue::new(&self.request.runs, &self.roster.waiting(), &standing);
        let limit = |station: usize, run: usize| self.stations[station].slot.limit(run);
        let groups = queue.foresee(self.stations.len(), &limit, &standing).len();
        self.notify(&Notice::Begun { groups, slots: self.stations.len(), progress });
        loop {
            self.obey_stop();
            let step = self.fill_stations().and_then(|()| self.look_after_workers());
            self.heed(step);
            if self.is_over() {
                break;
            }
            let heard = self.hear();
            self.heed(heard);
            self.tell_progress();
        }
        let last = self.write();
        self.heed(last);
    }

    /// Keeps the first trouble, which ends the sweep cleanly.
    fn heed(&mut self, result: Result<(), RunnerError>) {
        if let Err(error) = result {
            self.trouble.get_or_insert(error);
        }
    }

    /// Whether nothing goes on, and nothing will.
    fn is_over(&self) -> bool {
        let idle = self.stations.iter().all(|station| matches!(station.duty, Duty::Free));
        idle && (self.ending.is_some() || (self.queue.is_empty() && self.trouble.is_none()))
    }

    /// Waits for messages, but no longer than the next look at the workers, and takes all there are.
    fn hear(&mut self) -> Result<(), RunnerError> {
        let patience = if self.somebody_is_leaving() { SHORT_TICK } else { TICK };
        match self.inbox.recv_timeout(patience) {
            Ok(message) => self.receive(message)?,
            // The sweep holds a sender itself, so the channel is never closed.
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {}
        }
        for _ in 0..IN_FLIGHT {
            let Ok(message) = self.inbox.try_recv() else { break };
            self.receive(message)?;
        }
        let pacing = &self.request.pacing;
        if self.ledger.is_due(Instant::now(), pacing.batch_interval, pacing.batch_events) {
            self.write()?;
        }
        Ok(())
    }

    /// Writes what waits, then deletes the checkpoints that are older than what was written.
    fn write(&mut self) -> Result<(), RunnerError> {
        let written = self.ledger.flush();
        self.renew_checkpoints();
        written
    }

    fn notify(&mut self, notice: &Notice) {
        (self.observer)(notice);
    }
}
