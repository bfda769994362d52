//! Sums over the runs of the table.

use gansweep_config::RunState;

use super::entry::{Entry, Phase};
use crate::SweepProgress;

/// Sums over all runs.
#[derive(Debug, Default, Clone)]
pub(super) struct Totals {
    pub(super) over: usize,
    pub(super) diverged: usize,
    pub(super) pruned: usize,
    pub(super) failed: usize,
    pub(super) pending: usize,
    pub(super) running: usize,
    pub(super) paused: usize,
    pub(super) steps_done: u64,
    pub(super) steps_total: u64,
    pub(super) flops_done: f64,
    pub(super) flops_total: f64,
}

impl Totals {
    pub(super) fn add(&mut self, entry: &Entry) {
        self.count(entry, |count| *count += 1);
        self.steps_done += entry.step;
        self.steps_total += entry.goal;
        self.flops_done += entry.step as f64 * entry.step_flops;
        self.flops_total += entry.goal as f64 * entry.step_flops;
    }

    pub(super) fn remove(&mut self, entry: &Entry) {
        self.count(entry, |count| *count -= 1);
        self.steps_done -= entry.step;
        self.steps_total -= entry.goal;
        self.flops_done -= entry.step as f64 * entry.step_flops;
        self.flops_total -= entry.goal as f64 * entry.step_flops;
    }

    /// Progress of the sweep, without its times.
    pub(super) fn progress(&self, runs: usize) -> SweepProgress {
        let fraction =
            if self.flops_total > 0.0 { (self.flops_done / self.flops_total).min(1.0) } else { 1.0 };
        SweepProgress {
            runs,
            done: self.over,
            diverged: self.diverged,
            pruned: self.pruned,
            failed: self.failed,
            active: self.pending + self.running,
            pending: self.pending,
            paused: self.paused,
            steps_done: self.steps_done,
            steps_total: self.steps_total,
            fraction,
            ..SweepProgress::default()
        }
    }

    /// Applies `step` to every count that the entry belongs to.
    fn count(&mut self, entry: &Entry, step: impl Fn(&mut usize)) {
        match entry.phase {
            // An interrupted run is neither done nor failed.
            Phase::Queued | Phase::Over(RunState::Interrupted) => {}
            Phase::Pending => step(&mut self.pending),
            Phase::Running => step(&mut self.running),
            Phase::Paused => step(&mut self.paused),
            Phase::Over(RunState::Failed) => step(&mut self.failed),
            Phase::Skipped(state) | Phase::Over(state) => {
                step(&mut self.over);
                match state {
                    RunState::Diverged => step(&mut self.diverged),
                    RunState::Pruned => step(&mut self.pruned),
                    _ => {}
                }
            }
        }
    }
}
