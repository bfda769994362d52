//! What a sweep costs besides training: mock workers, the real database.
//!
//!     cargo run --release -p gansweep-scheduler --example sweep_speed [RUNS [SLOTS]]
//!
//! Trains RUNS runs (10,000 if not given) of three epochs on SLOTS slots (8) and prints the processor
//! time of the whole process and its peak memory. The mock workers are threads of the process, so what
//! they simulate, and their checkpoint files, are in the figures.

mod measured;

use std::error::Error;
use std::sync::Arc;

use gansweep_scheduler::mock::{MockLauncher, plan, sweep_record};
use gansweep_scheduler::{
    NeverPrune, Notice, Pacing, PlannedRuns, Slot, StopSignal, SweepParts, SweepRequest, run_sweep,
};
use gansweep_store::Store;

use measured::{peak_memory, report};

/// Seeds of each config.
const SEEDS: usize = 20;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1).map(|argument| argument.parse::<usize>());
    let runs = arguments.next().transpose()?.unwrap_or(10_000);
    let slots = arguments.next().transpose()?.unwrap_or(8);
    let sweep = format!(
        "[sweep]\nseeds = {SEEDS}\n[sweep.grid]\n\"optimizer.lr\" = {{ linear = [1e-5, 1e-2], n = {} }}",
        runs.div_ceil(SEEDS).max(2)
    );
    let runs = report("planned", || plan(&sweep, 3))?;
    let count = runs.len();
    let folder = tempfile::tempdir()?;
    let mut store = Store::open(folder.path())?;
    let request = SweepRequest {
        sweep: sweep_record("speed"),
        slots: (0..slots).map(slot).collect(),
        step_flops: |_| 1e9,
        check_checkpoint: |_, _, _| Ok(()),
        detach: false,
        restore_checkpoints: false,
        plan: None,
        results_dir: folder.path().to_owned(),
        data_dir: None,
        idx_dir: None,
        max_attempts: 3,
        run_seconds: None,
        hang_timeout: std::time::Duration::from_mins(5),
        pacing: Pacing::default(),
    };
    let parts = SweepParts {
        searcher: &mut PlannedRuns::new(runs),
        pruner: &mut NeverPrune,
        launcher: &MockLauncher::healthy().without_jobs(),
        recorder: &mut store,
        stop: &StopSignal::new(),
        observer: &mut |_: &Notice| {},
    };
    let summary = report("trained", || run_sweep(&request, parts))?;
    assert!(summary.all_well() && summary.completed == count, "{summary:?}");
    println!("{count} runs on {slots} slots; peak memory {}", peak_memory());
    Ok(())
}

fn slot(number: usize) -> Slot {
    Slot { device: format!("mock:{number}"), threads: 1, max_lanes: Arc::new(|_| 1) }
}
