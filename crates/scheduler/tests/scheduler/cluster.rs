//! Sweeps whose workers outlive the runner, as those of a cluster do.

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use gansweep_config::RunState;
use gansweep_protocol::{Command, Job};
use gansweep_scheduler::mock::{Fault, MockLauncher, Pause, Script};
use gansweep_scheduler::{
    AdoptedWorker, Exit, FrameSink, FrameStream, LaunchError, Launcher, Notice, StopLevel, Worker,
};

use crate::support::{Harness, Memory, runs, undisturbed};

/// Mock workers behind a queue of their own.
struct Cluster {
    workers: MockLauncher,
    /// Jobs that an earlier runner has left behind.
    left: Mutex<Vec<Job>>,
    /// This many workers are handed over; the others wait for it.
    room: AtomicUsize,
    /// The runner is told this often that a worker is being handed over.
    handing_over: AtomicUsize,
    /// Workers that are in the cluster now.
    working: Arc<AtomicUsize>,
    /// The most workers at the same time.
    most: AtomicUsize,
}

impl Cluster {
    fn new(workers: MockLauncher) -> Self {
        Self {
            workers,
            left: Mutex::default(),
            room: AtomicUsize::new(usize::MAX),
            handing_over: AtomicUsize::new(0),
            working: Arc::default(),
            most: AtomicUsize::new(0),
        }
    }
}

impl Launcher for Cluster {
    fn launch(&self, job: &Job) -> Result<Box<dyn Worker>, LaunchError> {
        let is_handed_over = self.room.load(Ordering::SeqCst) > 0;
        self.room.fetch_sub(usize::from(is_handed_over), Ordering::SeqCst);
        let worker = self.workers.launch(job)?;
        let working = Arc::clone(&self.working);
        self.most.fetch_max(working.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        Ok(Box::new(Task { worker, is_handed_over, saving: None, working: Some(working) }))
    }

    fn is_handing_over(&self) -> bool {
        self.room.load(Ordering::SeqCst) == 0
    }

    fn stop_handing_over(&self) -> bool {
        let left = |left: usize| left.checked_sub(1);
        self.handing_over.fetch_update(Ordering::SeqCst, Ordering::SeqCst, left).is_err()
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

/// A mock worker in the cluster, or on its way there: then it sends nothing.
struct Task {
    worker: Box<dyn Worker>,
    is_handed_over: bool,
    /// It was killed, and saves until it has been asked this often whether it has ended.
    saving: Option<u32>,
    /// `None` once it has ended.
    working: Option<Arc<AtomicUsize>>,
}

impl Worker for Task {
    fn frames(&mut self) -> FrameStream {
        Box::new(std::iter::empty())
    }

    fn forward(&mut self, sink: FrameSink) -> io::Result<()> {
        if self.is_handed_over { self.worker.forward(sink) } else { Ok(()) }
    }

    fn send(&mut self, command: &Command) {
        self.worker.send(command);
    }

    fn kill(&mut self) {
        self.saving = Some(20);
    }

    fn try_wait(&mut self) -> Option<Exit> {
        self.saving = self.saving.map(|left| left.saturating_sub(1));
        if self.saving == Some(0) {
            self.worker.kill();
        }
        let exit = self.worker.try_wait();
        if exit.is_some()
            && let Some(working) = self.working.take()
        {
            working.fetch_sub(1, Ordering::SeqCst);
        }
        exit
    }

    fn may_restart(&self) -> bool {
        true
    }

    fn is_handed_over(&self) -> bool {
        self.is_handed_over
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

/// Of three workers one is handed over and trains without end; the others wait.
fn with_room_for_one() -> (Harness, Cluster) {
    let cluster = Cluster::new(MockLauncher::new(|_, _| Script::failing_after(3, Fault::Hang)));
    cluster.room.store(1, Ordering::SeqCst);
    (Harness::new(runs(3, 100_000), 3, 1), cluster)
}

#[test]
fn a_stop_does_not_wait_for_a_cluster_that_takes_no_jobs_and_counts_what_goes_on() {
    let (mut harness, cluster) = with_room_for_one();
    cluster.handing_over.store(2, Ordering::SeqCst);
    let mut memory = Memory::default();
    let summary = harness
        .sweep_with(&mut memory, &cluster, |notice, stop| {
            if matches!(notice, Notice::Progress { .. }) {
                stop.raise(StopLevel::Cleanly);
            }
        })
        .unwrap();
    assert!(summary.stopped);
    assert_eq!((summary.left, summary.interrupted, summary.queued), (1, 2, 0));
    assert!(harness.notices.contains(&Notice::Leaving { workers: 1, waiting: 2 }));
    let left: Vec<bool> =
        (0..3).map(|run| memory.runs[&harness.id(run)].state == RunState::Interrupted).collect();
    assert_eq!(left.iter().filter(|interrupted| **interrupted).count(), 2);
    assert_eq!(cluster.handing_over.load(Ordering::SeqCst), 0, "what is being handed over is waited for");
}

#[test]
fn a_second_stop_does_not_wait_for_workers_that_are_being_handed_over() {
    let (mut harness, cluster) = with_room_for_one();
    cluster.handing_over.store(usize::MAX, Ordering::SeqCst);
    let summary = harness
        .sweep_with(&mut Memory::default(), &cluster, |notice, stop| match notice {
            Notice::Progress { .. } => stop.raise(StopLevel::Cleanly),
            Notice::Leaving { .. } => stop.escalate(),
            _ => {}
        })
        .unwrap();
    assert_eq!((summary.left, summary.interrupted), (1, 2));
}

#[test]
fn a_killed_task_is_replaced_only_when_it_has_ended() {
    let mut memory = Memory::default();
    let mut harness = Harness::new(runs(1, 3), 1, 1);
    harness.request.pacing.exit_grace = Duration::ZERO;
    let script = |_: &Job, launches| match launches {
        // It would go on for long if it were not killed.
        0 => Script {
            long_step: Some((3, Pause::For(Duration::from_mins(10)))),
            ..Script::failing_after(3, Fault::ForeignRun)
        },
        _ => Script::healthy(),
    };
    let cluster = Cluster::new(MockLauncher::new(script));
    assert!(harness.sweep(&mut memory, &cluster).unwrap().all_well());
    assert_eq!(cluster.workers.jobs().len(), 2);
    assert_eq!(cluster.most.load(Ordering::SeqCst), 1, "two tasks trained the same run");
}
