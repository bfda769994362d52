//! What the tests of sweeps share: small plans, a recorder in memory, and a harness.

mod memory;

use std::sync::Arc;
use std::time::Duration;

use gansweep_config::{Config, ConfigHash, DatasetSpec, PlannedRun, RunId, RunState};
use gansweep_fixtures::config::like_mnist;
use gansweep_scheduler::mock::sweep_record;
use gansweep_scheduler::{
    Launcher, NeverPrune, Notice, Pacing, PlannedRuns, Pruner, Recorder, RunnerError, Searcher, Slot,
    StopSignal, Summary, SweepParts, SweepRequest, run_sweep,
};
pub(crate) use memory::{Memory, Row};

pub(crate) const STEPS_PER_EPOCH: u64 = 4;

/// Of four steps an epoch.
pub(crate) fn config(hidden: u32) -> Config {
    gansweep_fixtures::config::config(
        "fast",
        &[
            "data.dataset=strokes",
            "data.images=64",
            "model.latent_dim=8",
            &format!("model.generator.hidden=[{hidden}]"),
            "model.generator.batch_norm=false",
            &format!("model.discriminator.hidden=[{hidden}]"),
            "model.discriminator.dropout=0",
            "train.batch_size=16",
        ],
    )
}

/// `seeds` runs of one config.
pub(crate) fn runs(seeds: u64, epochs: u32) -> Vec<PlannedRun> {
    (1..=seeds).map(|seed| run(&config(16), epochs, seed)).collect()
}

pub(crate) fn run(config: &Config, epochs: u32, seed: u64) -> PlannedRun {
    let config_hash = ConfigHash::of(config);
    PlannedRun {
        id: RunId::of(&config_hash, seed, "strokes"),
        config_hash,
        config: config.clone(),
        epochs,
        seed,
        spec: strokes(),
        assignments: Vec::new(),
        label: format!("seed={seed}"),
    }
}

fn strokes() -> DatasetSpec {
    DatasetSpec { fingerprint: "strokes".to_owned(), ..like_mnist() }
}

/// A step costs more the wider the generator is.
pub(crate) fn step_flops(run: &PlannedRun) -> f64 {
    run.config.model.generator.hidden.iter().copied().map(f64::from).sum::<f64>() * 1e6
}

/// A slot that trains at most `max_lanes` runs at a time.
pub(crate) fn slot(device: &str, max_lanes: usize) -> Slot {
    Slot { device: device.to_owned(), threads: 1, max_lanes: Arc::new(move |_| max_lanes) }
}

/// A results folder, a request on it, and what has been told.
pub(crate) struct Harness {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) request: SweepRequest,
    /// The plan.
    pub(crate) runs: Vec<PlannedRun>,
    pub(crate) notices: Vec<Notice>,
    pub(crate) stop: StopSignal,
}

impl Harness {
    pub(crate) fn new(runs: Vec<PlannedRun>, slots: usize, max_lanes: usize) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let slots = (0..slots).map(|slot| self::slot(&format!("mock:{slot}"), max_lanes)).collect();
        let request = SweepRequest {
            sweep: sweep_record("test"),
            plan: None,
            slots,
            step_flops,
            check_checkpoint: |_, _, _| Ok(()),
            detach: false,
            restore_checkpoints: false,
            results_dir: folder.path().to_owned(),
            data_dir: None,
            idx_dir: None,
            max_attempts: 3,
            run_seconds: None,
            hang_timeout: Duration::from_secs(30),
            pacing: Pacing {
                batch_interval: Duration::from_millis(2),
                batch_events: 16,
                stop_grace: Duration::from_millis(200),
                exit_grace: Duration::from_millis(200),
                rest: Duration::ZERO,
                progress_interval: Duration::ZERO,
            },
        };
        Self { folder, request, runs, notices: Vec::new(), stop: StopSignal::new() }
    }

    /// Runs the sweep with a fresh stop signal.
    pub(crate) fn sweep(
        &mut self,
        recorder: &mut dyn Recorder,
        launcher: &dyn Launcher,
    ) -> Result<Summary, RunnerError> {
        self.sweep_with(recorder, launcher, |_, _| {})
    }

    /// The same, with something done at each notice.
    pub(crate) fn sweep_with(
        &mut self,
        recorder: &mut dyn Recorder,
        launcher: &dyn Launcher,
        at: impl FnMut(&Notice, &StopSignal),
    ) -> Result<Summary, RunnerError> {
        let mut searcher = PlannedRuns::new(self.runs.clone());
        self.sweep_through(recorder, launcher, &mut searcher, &mut NeverPrune, at)
    }

    /// The same, with runs of another source than the plan.
    pub(crate) fn sweep_through(
        &mut self,
        recorder: &mut dyn Recorder,
        launcher: &dyn Launcher,
        searcher: &mut dyn Searcher,
        pruner: &mut dyn Pruner,
        mut at: impl FnMut(&Notice, &StopSignal),
    ) -> Result<Summary, RunnerError> {
        self.stop = StopSignal::new();
        self.notices.clear();
        let (notices, stop) = (&mut self.notices, &self.stop);
        let mut observer = |notice: &Notice| {
            notices.push(notice.clone());
            at(notice, stop);
        };
        let observer = &mut observer;
        run_sweep(&self.request, SweepParts { searcher, pruner, launcher, recorder, stop, observer })
    }

    pub(crate) fn id(&self, run: usize) -> RunId {
        self.runs[run].id.clone()
    }

    /// The causes of lost workers, in order.
    pub(crate) fn losses(&self) -> Vec<&str> {
        let causes = self.notices.iter().filter_map(|notice| match notice {
            Notice::WorkerLost { cause, .. } => Some(cause.as_str()),
            _ => None,
        });
        causes.collect()
    }

    /// How runs ended, and why.
    pub(crate) fn ends(&self) -> Vec<(RunId, RunState, String)> {
        let end = |notice: &Notice| match notice {
            Notice::RunEnded { run, state, cause, .. } => Some((run.id.clone(), *state, cause.clone())),
            _ => None,
        };
        self.notices.iter().filter_map(end).collect()
    }

    /// Sizes of the groups started, in order.
    pub(crate) fn group_sizes(&self) -> Vec<usize> {
        let size = |notice: &Notice| match notice {
            Notice::GroupStarted { runs, .. } => Some(runs.len()),
            _ => None,
        };
        self.notices.iter().filter_map(size).collect()
    }

    /// Files in a run's checkpoint folder, sorted.
    pub(crate) fn checkpoints(&self, run: usize) -> Vec<String> {
        let folder = self.folder.path().join("checkpoints").join(self.id(run).as_str());
        let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
        let mut names: Vec<String> = entries
            .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }
}

/// What an undisturbed sweep of those runs records.
pub(crate) fn undisturbed(runs: &[PlannedRun]) -> Memory {
    let mut memory = Memory::default();
    let mut harness = Harness::new(runs.to_vec(), 1, 1);
    let summary = harness.sweep(&mut memory, &gansweep_scheduler::mock::MockLauncher::healthy());
    assert!(summary.expect("a healthy sweep").all_well());
    memory
}
