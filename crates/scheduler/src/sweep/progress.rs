//! Progress notices.

use std::time::Instant;

use super::Sweep;
use super::worker::{ActiveLane, ActiveWorker};
use crate::{Notice, SweepProgress, WorkerProgress};

impl Sweep<'_> {
    /// Sends a progress notice if one is due.
    pub(super) fn report_progress(&mut self) {
        let now = Instant::now();
        let interval = self.request.pacing.progress_interval;
        if self.reported.is_some_and(|reported| now.duration_since(reported) < interval) {
            return;
        }
        self.reported = Some(now);
        let (done, _) = self.table.flops();
        self.eta.observe(self.began.elapsed(), done);
        let sweep = self.progress();
        let slots = self.slots.iter().enumerate();
        let workers = slots.filter_map(|(slot, state)| {
            state.worker().map(|worker| self.worker_progress(slot, &state.slot.device, worker))
        });
        let workers = workers.collect();
        self.notify(&Notice::Progress { sweep, workers });
    }

    /// Progress of the sweep.
    pub(super) fn progress(&self) -> SweepProgress {
        let (_, left) = self.table.flops();
        let remaining = self.eta.remaining(left);
        SweepProgress { elapsed: self.began.elapsed(), remaining, ..self.table.progress() }
    }

    fn worker_progress(&self, slot: usize, device: &str, worker: &ActiveWorker) -> WorkerProgress {
        let open: Vec<&ActiveLane> = worker.open_lanes().collect();
        let latest = || open.iter().filter_map(|lane| lane.progress.as_ref());
        let first = open.first();
        let (steps, goals) = worker.lanes.iter().fold((0, 0), |(steps, goals), lane| {
            (steps + self.table.step(lane.run), goals + self.table.goal(lane.run))
        });
        WorkerProgress {
            slot,
            device: device.to_owned(),
            label: first.map(|lane| self.table.name(lane.run).label).unwrap_or_default(),
            lanes: open.len(),
            epoch: first.and_then(|lane| lane.progress.as_ref()).map_or(0, |progress| progress.epoch),
            epochs: first.map_or(0, |lane| self.table.planned(lane.run).epochs),
            d_loss: mean(latest().map(|progress| progress.d_loss)),
            g_loss: mean(latest().map(|progress| progress.g_loss)),
            images_per_second: latest().map(|progress| progress.images_per_second).sum(),
            fraction: if goals > 0 { steps as f64 / goals as f64 } else { 0.0 },
        }
    }
}

/// NaN of nothing.
fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (sum, count) = values.fold((0.0, 0.0), |(sum, count), value| (sum + value, count + 1.0));
    sum / count
}
