//! Logs progress, notices and events: the same ones that the display and the database receive, so that
//! each is reported in one place.
//!
//! The target of a line is the crate that does the work, so that filters by crate work as expected.

use gansweep_protocol::{Envelope, Event, Frame};
use gansweep_scheduler::{Notice, RunName};
use tracing::{debug, error, info, trace, warn};

use crate::{Observer, Progress};

/// The target of worker events.
const WORKER: &str = "gansweep_train";

/// Logs progress and passes it on.
pub(crate) struct LoggingObserver<'a>(pub(crate) &'a mut dyn Observer);

impl Observer for LoggingObserver<'_> {
    fn observe(&mut self, progress: Progress<'_>) {
        log_progress(&progress);
        self.0.observe(progress);
    }
}

fn log_progress(progress: &Progress<'_>) {
    match progress {
        Progress::Data(gansweep_data::Progress::Images { done, total }) => {
            trace!(target: "gansweep_data", done, total, "preparing pictures");
        }
        Progress::Data(gansweep_data::Progress::Download(download)) => {
            trace!(target: "gansweep_data", url = download.url, received = download.received, "downloading");
        }
        Progress::Data(gansweep_data::Progress::LeftOut(left_out)) => {
            warn!(target: "gansweep_data", %left_out, "damaged pictures");
        }
        Progress::DataEnded => trace!(target: "gansweep_data", "no more to download or prepare"),
        Progress::NotInDataFolder { dataset, folder } => {
            info!(target: "gansweep_data", dataset = dataset.name(), folder = %folder.display(), "not in the data folder");
        }
        Progress::UnusedDataPath(path) => {
            warn!(target: "gansweep_data", path = %path.display(), "no run uses the folder");
        }
        Progress::SortedPart(part) => {
            let (images, classes) = (part.images, part.classes);
            warn!(target: "gansweep_data", images, classes, "images seem to be sorted by class");
        }
        Progress::UnusedExclusion(place) => {
            warn!(target: "gansweep_config", %place, "exclusion matches no run");
        }
        Progress::SearchWithoutProposals(trials) => {
            warn!(target: "gansweep_config", trials, "all trials of the search are random draws");
        }
        Progress::MergedVariant { variant, earlier } => {
            warn!(target: "gansweep_config", variant, earlier, "a variant has no runs of its own");
        }
        Progress::WithoutEffect(setting) => {
            let (key, value) = (&setting.setting.key, &setting.setting.value);
            warn!(target: "gansweep_config", key, %value, "setting without effect");
        }
        Progress::RunsLeft { name, runs } => {
            warn!(target: "gansweep_store", name, runs, "runs are no longer in the plan of the sweep");
        }
        Progress::FellBack { dataset, fallback, reason } => {
            let (dataset, fallback) = (dataset.name(), fallback.name());
            warn!(target: "gansweep_data", dataset, fallback, %reason, "dataset replaced");
        }
        Progress::OtherFile { name, before, now } => {
            warn!(target: "gansweep_store", name, before, now = %now.display(), "sweep of another file");
        }
        Progress::ChangedRows { first, more } => {
            warn!(target: "gansweep_store", %first, more, "rows are not those that were written");
        }
        Progress::EvaluatorCache { error, effect } => {
            warn!(target: "gansweep_evaluator", %error, ?effect, "cache not used");
        }
        Progress::TrainingEvaluator { dataset, progress } => {
            let (dataset, step, of, loss) = (dataset.name(), progress.step, progress.steps, progress.loss);
            trace!(target: "gansweep_evaluator", dataset, step, of, loss, "training the evaluator");
        }
        Progress::EnergyUnknown(error) => warn!(%error, "energy is not estimated"),
        Progress::FiguresNotRecorded(error) => {
            warn!(target: "gansweep_evaluator", %error, "figures not recorded");
        }
        Progress::NotEvaluated { label, error } => {
            warn!(target: "gansweep_evaluator", label, %error, "no figures");
        }
        Progress::Evaluating { label, place, runs } => {
            debug!(target: "gansweep_evaluator", label, place, runs, "evaluating");
        }
        Progress::Generating { done, total } => trace!(done, total, "generating images"),
        Progress::Planned(plan) => {
            let axes: Vec<&str> = plan.axes.iter().map(|axis| axis.key.as_str()).collect();
            info!(target: "gansweep_config", runs = plan.runs.len(), ?axes, "planned");
        }
        Progress::Scheduled(schedule) => {
            let (every, share) = (schedule.record.evaluate_epochs, schedule.share);
            info!(target: "gansweep_evaluator", ?every, share, without = ?schedule.without, "figures scheduled");
        }
        Progress::WaitingForResults { results, holder } => {
            let results = results.display();
            info!(target: "gansweep_store", %results, holder, "waiting for the results folder");
        }
        Progress::Sweep(notice) => log_notice(notice),
        Progress::WritingReport { page, .. } => {
            info!(target: "gansweep_report", page = %page.display(), "writing the report");
        }
    }
}

fn log_notice(notice: &Notice) {
    const TARGET: &str = "gansweep_scheduler";
    match notice {
        Notice::Reclaimed { run, attempt } => {
            warn!(target: TARGET, %run, attempt, "attempt ended without an event");
        }
        Notice::Skipped { run, state } => {
            // `trace`: a restarted sweep may skip thousands of runs.
            trace!(target: TARGET, run = %run.id, label = run.label, state = state.name(), "already done");
        }
        Notice::Begun { groups, slots, progress } => {
            info!(target: TARGET, groups, slots, runs = progress.runs, done = progress.done, "sweep starts");
        }
        Notice::CheckpointUnusable { run, path, reason } => {
            warn!(target: TARGET, run = %run.id, path, reason, "checkpoint cannot be used");
        }
        Notice::BestUnusable { run, path, reason } => {
            warn!(target: TARGET, run = %run.id, path, reason, "best checkpoint cannot be used");
        }
        Notice::Resuming { run, step } => {
            info!(target: TARGET, run = %run.id, label = run.label, step, "run resumes from its checkpoint");
        }
        Notice::GroupStarted { slot, device, runs } => {
            info!(target: TARGET, slot, device, runs = ids(runs), "group started");
        }
        Notice::Progress { sweep, .. } => {
            let (done, active) = (sweep.done, sweep.active);
            trace!(target: TARGET, done, active, steps = sweep.steps_done, of = sweep.steps_total, "progress");
        }
        Notice::RunEnded { run, state, step, cause } => {
            let (label, state) = (&run.label, state.name());
            info!(target: TARGET, run = %run.id, label, state, step, cause, "run ended");
        }
        Notice::WorkerLost { slot, device, cause, requeued, groups, failed } => {
            let (requeued, failed) = (ids(requeued), ids(failed));
            warn!(target: TARGET, slot, device, cause, requeued, groups, failed, "worker lost");
        }
        Notice::SlotLost { slot, device, cause, left } => {
            warn!(target: TARGET, slot, device, cause, left, "slot closed");
        }
        Notice::Leftover { path, reason } => {
            warn!(target: TARGET, path, reason, "unneeded file cannot be deleted");
        }
        Notice::SharedCause { cause } => {
            error!(target: TARGET, cause, "sweep ends: cause affects all runs");
        }
        Notice::WaitingForWorkers { workers, waited } => {
            info!(target: TARGET, workers = workers.len(), ?waited, "waiting for workers to save");
        }
        Notice::Stopping { level, workers } => info!(target: TARGET, ?level, workers, "stopping"),
        Notice::Leaving { workers, waiting } => info!(target: TARGET, workers, waiting, "leaving"),
    }
}

fn ids(runs: &[RunName]) -> String {
    runs.iter().map(|run| run.id.as_str()).collect::<Vec<_>>().join(" ")
}

/// Logs a frame before it is sent.
pub(crate) fn log_frame(frame: &Frame) {
    match frame {
        Frame::Event(envelope) => log_event(envelope),
        Frame::Progress(it) => {
            let (run, attempt, step, of) = (&it.run, it.attempt, it.step, it.total_steps);
            trace!(target: WORKER, %run, attempt, step, of, "progress");
        }
        // Several per second: not worth a line each.
        Frame::Heartbeat(_) => {}
    }
}

fn log_event(envelope: &Envelope) {
    let Envelope { run, attempt, event, .. } = envelope;
    let step = event.step();
    let ended =
        |cause: Option<&String>, what: &str| debug!(target: WORKER, %run, attempt, step, cause, "run {what}");
    match event {
        Event::Started(it) => {
            let (backend, lane) = (&it.backend, it.lane);
            debug!(target: WORKER, %run, attempt, step, device = it.device, backend, lane, "run started");
        }
        Event::Checkpoint(it) => {
            let (path, bytes) = (&it.path, it.bytes);
            debug!(target: WORKER, %run, attempt, step, path, bytes, "checkpoint written");
        }
        Event::Completed(_) => ended(None, "completed"),
        Event::Interrupted(_) => ended(None, "interrupted"),
        Event::Paused(it) => ended(Some(&it.cause), "paused"),
        Event::Pruned(it) => ended(Some(&it.cause), "pruned"),
        Event::Diverged(it) => ended(Some(&it.cause), "diverged"),
        Event::Failed(it) => ended(Some(&it.cause), "failed"),
        Event::TimedOut(it) => ended(Some(&it.cause), "out of time"),
        Event::Points(_) => trace!(target: WORKER, %run, attempt, step, "points"),
        Event::Evaluated(_) => trace!(target: WORKER, %run, attempt, step, "evaluated"),
        Event::Samples(_) => trace!(target: WORKER, %run, attempt, step, "samples"),
    }
}
