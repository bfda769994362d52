//! Sweeps whose workers outlive the runner, as those of a cluster do.

use std::sync::Mutex;

use gansweep_protocol::Job;
use gansweep_scheduler::mock::MockLauncher;
use gansweep_scheduler::{AdoptedWorker, LaunchError, Launcher, Worker};

use crate::support::{Harness, Memory, runs, undisturbed};

/// Mock workers behind a queue of their own.
struct Cluster {
    workers: MockLauncher,
    /// Jobs that an earlier runner has left behind.
    left: Mutex<Vec<Job>>,
}

impl Cluster {
    fn new(workers: MockLauncher) -> Self {
        Self { workers, left: Mutex::default() }
    }
}

impl Launcher for Cluster {
    fn launch(&self, job: &Job) -> Result<Box<dyn Worker>, LaunchError> {
        self.workers.launch(job)
    }

    fn adopt(&self) -> Result<Vec<AdoptedWorker>, LaunchError> {
        let left = std::mem::take(&mut *self.left.lock().unwrap());
        left.into_iter().map(|job| Ok((job.clone(), self.workers.launch(&job)?))).collect()
    }

    fn outlives_runner(&self) -> bool {
        true
    }

    fn queues_groups(&self) -> bool {
        true
    }
}

#[test]
fn groups_are_as_large_as_slots_allow_although_there_is_a_slot_for_every_run() {
    let mut memory = Memory::default();
    let mut harness = Harness::new(runs(16, 3), 16, 8);
    let cluster = Cluster::new(MockLauncher::healthy());
    assert!(harness.sweep(&mut memory, &cluster).unwrap().all_well());
    assert_eq!(harness.group_sizes(), [8, 8]);
    assert_eq!(memory.lasting(), undisturbed(&harness.runs).lasting());

    let mut uneven = Harness::new(runs(9, 3), 9, 8);
    assert!(uneven.sweep(&mut Memory::default(), &cluster).unwrap().all_well());
    assert_eq!(uneven.group_sizes(), [5, 4]);
}

#[test]
fn a_job_with_runs_of_this_sweep_and_others_is_not_taken_over_and_the_error_says_why() {
    let cluster = Cluster::new(MockLauncher::healthy());
    let mut first = Harness::new(runs(4, 3), 4, 4);
    assert!(first.sweep(&mut Memory::default(), &cluster).unwrap().all_well());
    let job = cluster.workers.jobs().remove(0);
    let error_of = |harness: &mut Harness| {
        *cluster.left.lock().unwrap() = vec![job.clone()];
        harness.sweep(&mut Memory::default(), &cluster).unwrap_err().to_string()
    };

    let mut edited = Harness::new(runs(3, 3), 3, 4);
    let error = error_of(&mut edited);
    assert!(error.contains("before its file was changed"), "{error}");

    let mut selected = Harness::new(runs(3, 3), 3, 4);
    selected.request.plan = Some(runs(4, 3));
    let error = error_of(&mut selected);
    assert!(error.contains("that --only or --retry-failed selects"), "{error}");
}
