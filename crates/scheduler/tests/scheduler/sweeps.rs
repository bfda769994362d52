//! Sweeps in which nothing goes wrong but the order of things.

use std::time::Duration;

use gansweep_config::RunState;
use gansweep_protocol::Resume;
use gansweep_scheduler::mock::{MockLauncher, Script};
use gansweep_scheduler::{Notice, RunnerError, StopLevel};

use crate::support::{Harness, Memory, STEPS_PER_EPOCH, config, run, runs, slot, undisturbed};

#[test]
fn every_run_is_trained_and_recorded_once() {
    let mut memory = Memory::default();
    let mut harness = Harness::new(runs(5, 3), 2, 4);
    let launcher = MockLauncher::healthy();
    let summary = harness.sweep(&mut memory, &launcher).unwrap();
    assert_eq!((summary.total, summary.completed, summary.resumed), (5, 5, 0));
    assert!(summary.all_well() && !summary.stopped);
    assert_eq!(memory.lasting(), undisturbed(&harness.runs).lasting());
    let mut sizes = harness.group_sizes();
    sizes.sort_unstable();
    assert_eq!(sizes, [2, 3], "no group is so large that a slot has none");
}

#[test]
fn a_finished_sweep_is_skipped_without_a_worker() {
    let mut memory = Memory::default();
    let mut harness = Harness::new(runs(3, 1), 1, 8);
    harness.sweep(&mut memory, &MockLauncher::healthy()).unwrap();
    let launcher = MockLauncher::healthy();
    let summary = harness.sweep(&mut memory, &launcher).unwrap();
    assert_eq!((summary.skipped, summary.completed), (3, 0));
    assert!(summary.all_well() && launcher.jobs().is_empty());
    let skipped = harness.notices.iter().filter(|notice| matches!(notice, Notice::Skipped { .. }));
    assert_eq!(skipped.count(), 3);
}

#[test]
fn an_enlarged_sweep_runs_only_what_is_new() {
    let mut memory = Memory::default();
    Harness::new(runs(2, 1), 1, 8).sweep(&mut memory, &MockLauncher::healthy()).unwrap();
    let mut harness = Harness::new(runs(5, 1), 1, 8);
    let launcher = MockLauncher::healthy();
    let summary = harness.sweep(&mut memory, &launcher).unwrap();
    assert_eq!((summary.skipped, summary.completed), (2, 3));
    assert_eq!(launcher.jobs()[0].lanes.len(), 3);
}

#[test]
fn a_sweep_that_begins_with_a_part_of_its_plan_records_all_of_it_and_trains_the_part() {
    let mut memory = Memory::default();
    let mut harness = Harness::new(runs(5, 1), 1, 8);
    let plan = harness.runs.clone();
    harness.request.plan = Some(plan.clone());
    harness.runs.drain(1..4);
    let launcher = MockLauncher::healthy();
    let summary = harness.sweep(&mut memory, &launcher).unwrap();
    assert!(summary.all_well());
    assert_eq!((summary.total, summary.completed, launcher.jobs()[0].lanes.len()), (2, 2, 2));
    let states: Vec<RunState> = plan.iter().map(|run| memory.runs[&run.id].state).collect();
    let (done, queued) = (RunState::Completed, RunState::Queued);
    assert_eq!(states, [done, queued, queued, queued, done]);
    // All of it later: the rest.
    let mut harness = Harness::new(plan, 1, 8);
    let summary = harness.sweep(&mut memory, &launcher).unwrap();
    assert_eq!((summary.total, summary.skipped, summary.completed), (5, 2, 3));
    assert_eq!(memory.lasting(), undisturbed(&harness.runs).lasting());
}

#[test]
fn a_diverged_run_ends_alone_and_is_never_tried_again() {
    let mut memory = Memory::default();
    let mut harness = Harness::new(runs(3, 2), 1, 8);
    let diverging = harness.id(1);
    let launcher = MockLauncher::new(move |_, _| Script {
        diverging: vec![(diverging.clone(), 5)],
        ..Script::healthy()
    });
    let summary = harness.sweep(&mut memory, &launcher).unwrap();
    assert_eq!((summary.completed, summary.diverged), (2, 1));
    assert!(!summary.all_well());
    assert_eq!(memory.runs[&harness.id(1)].state, RunState::Diverged);
    assert!(harness.ends().contains(&(harness.id(1), RunState::Diverged, "d_loss is NaN".to_owned())));
    let again = harness.sweep(&mut memory, &launcher).unwrap();
    assert_eq!((again.skipped, again.skipped_diverged), (3, 1));
    assert!(!again.all_well());
}

#[test]
fn of_each_run_only_the_newest_checkpoint_is_kept() {
    let mut memory = Memory::default();
    let mut harness = Harness::new(runs(2, 5), 1, 8);
    harness.sweep(&mut memory, &MockLauncher::healthy()).unwrap();
    for run in 0..2 {
        assert_eq!(harness.checkpoints(run), ["step-00000020.safetensors"]);
    }
}

#[test]
fn lanes_at_different_steps_go_on_in_one_group() {
    let (mut memory, mut harness, resume) = interrupted(2);
    harness.request.slots = vec![slot("mock:0", 8)];
    let launcher = MockLauncher::healthy();
    let summary = harness.sweep(&mut memory, &launcher).unwrap();
    assert_eq!(summary.completed, 2);
    let resumes: Vec<_> = launcher.jobs()[0].lanes.iter().map(|lane| lane.resume.clone()).collect();
    assert_eq!(resumes, [Some(resume), None], "the one that has begun comes first");
    assert_eq!(memory.lasting(), undisturbed(&harness.runs).lasting());
}

/// A sweep of a number of runs, stopped in the middle of the first, and the first's checkpoint.
fn interrupted(count: u64) -> (Memory, Harness, Resume) {
    let mut memory = Memory::default();
    let mut harness = Harness::new(runs(count, 300), 1, 1);
    let summary = harness
        .sweep_with(&mut memory, &MockLauncher::healthy(), |notice, stop| match notice {
            Notice::Progress { sweep, .. } if sweep.steps_done > 3 * STEPS_PER_EPOCH => {
                stop.raise(StopLevel::Cleanly);
            }
            _ => {}
        })
        .unwrap();
    assert!(summary.stopped);
    assert_eq!((summary.interrupted, summary.queued), (1, count as usize - 1));
    let resume = memory.runs[&harness.id(0)].resume.clone().expect("a checkpoint");
    assert!(resume.checkpoint.step < 1200, "stopped before its end");
    (memory, harness, resume)
}

#[test]
fn an_interrupted_run_goes_on_from_its_checkpoint() {
    let (mut memory, mut harness, resume) = interrupted(1);
    let launcher = MockLauncher::healthy();
    let summary = harness.sweep(&mut memory, &launcher).unwrap();
    assert_eq!((summary.completed, summary.resumed), (1, 1));
    assert_eq!(launcher.jobs()[0].lanes[0].resume.as_ref(), Some(&resume));
    let reported = harness
        .notices
        .iter()
        .any(|notice| matches!(notice, Notice::Resuming { step, .. } if *step == resume.checkpoint.step));
    assert!(reported);
    assert_eq!(memory.lasting(), undisturbed(&harness.runs).lasting());
}

#[test]
fn a_missing_or_damaged_checkpoint_starts_the_run_afresh() {
    type Damage = fn(&std::path::Path);
    let damages: [Damage; 2] =
        [|path| std::fs::remove_file(path).unwrap(), |path| std::fs::write(path, "half of it").unwrap()];
    for damage in damages {
        let (mut memory, mut harness, resume) = interrupted(1);
        damage(&harness.folder.path().join(&resume.checkpoint.path));
        let launcher = MockLauncher::healthy();
        let summary = harness.sweep(&mut memory, &launcher).unwrap();
        assert_eq!((summary.completed, summary.resumed), (1, 0));
        assert_eq!(launcher.jobs()[0].lanes[0].resume, None);
        let reported =
            harness.notices.iter().any(|notice| matches!(notice, Notice::CheckpointUnusable { .. }));
        assert!(reported);
        assert_eq!(memory.lasting(), undisturbed(&harness.runs).lasting());
    }
}

#[test]
fn a_checkpoint_of_another_content_or_a_folder_in_its_place_starts_the_run_afresh_once() {
    type Damage = fn(&mut Harness, &std::path::Path);
    let damages: [Damage; 3] = [
        |harness, _| {
            // The digest fits, and the content is of another run or an older format.
            harness.request.check_checkpoint = |_, resume, _| match resume.checkpoint.step {
                0..1200 => Err("it is of run ffffffffffffffff".to_owned()),
                _ => Ok(()),
            };
        },
        |_, path| {
            std::fs::remove_file(path).unwrap();
            std::fs::create_dir_all(path.join("mine")).unwrap();
        },
        |_, path| {
            std::fs::remove_file(path).unwrap();
            std::os::unix::net::UnixListener::bind(path).unwrap();
        },
    ];
    for damage in damages {
        let (mut memory, mut harness, resume) = interrupted(1);
        let path = harness.folder.path().join(&resume.checkpoint.path);
        damage(&mut harness, &path);
        let launcher = MockLauncher::healthy();
        let summary = harness.sweep(&mut memory, &launcher).unwrap();
        assert_eq!((summary.completed, summary.resumed, launcher.jobs().len()), (1, 0, 1));
        let told = |notice: &&Notice| matches!(notice, Notice::CheckpointUnusable { .. });
        assert_eq!(harness.notices.iter().filter(told).count(), 1);
        assert_eq!(memory.lasting(), undisturbed(&harness.runs).lasting());
    }
}

#[test]
fn a_checkpoint_that_cannot_be_read_now_ends_the_sweep_and_is_kept() {
    let (mut memory, mut harness, resume) = interrupted(2);
    let path = harness.folder.path().join(&resume.checkpoint.path);
    let kept = path.with_file_name("kept");
    std::fs::rename(&path, &kept).unwrap();
    // A loop of links stands for a file system that answers with errors.
    std::os::unix::fs::symlink(&path, &path).unwrap();
    let launcher = MockLauncher::healthy();
    let summary = harness.sweep(&mut memory, &launcher).unwrap();
    let cause = summary.shared_cause.clone().unwrap();
    assert!(cause.starts_with(&format!("checkpoint {} cannot be read", resume.checkpoint.path)), "{cause}");
    assert_eq!((summary.failed, launcher.jobs().len()), (0, 0));
    std::fs::rename(&kept, &path).unwrap();
    let summary = harness.sweep(&mut memory, &launcher).unwrap();
    assert_eq!((summary.completed, summary.resumed), (2, 1));
    assert_eq!(memory.lasting(), undisturbed(&harness.runs).lasting());
}

#[test]
fn final_checkpoints_are_made_again_on_request_and_nothing_else_changes() {
    let (mut memory, mut harness) = (Memory::default(), Harness::new(runs(4, 3), 2, 1));
    harness.sweep(&mut memory, &MockLauncher::healthy()).unwrap();
    let calm = undisturbed(&harness.runs);
    let files = |harness: &Harness| (0..4).map(|run| harness.checkpoints(run)).collect::<Vec<_>>();
    let whole = files(&harness);
    let path = |harness: &Harness, run: usize| {
        let folder = harness.folder.path().join("checkpoints").join(harness.id(run).as_str());
        folder.join(&whole[run][0])
    };
    std::fs::remove_file(path(&harness, 0)).unwrap();
    std::fs::write(path(&harness, 1), "half of it").unwrap();
    std::fs::remove_file(path(&harness, 2)).unwrap();
    std::fs::create_dir(path(&harness, 2)).unwrap();
    // Unasked they are left as they are: a user may delete checkpoints for space.
    let launcher = MockLauncher::healthy();
    assert_eq!(harness.sweep(&mut memory, &launcher).unwrap().skipped, 4);
    assert!(launcher.jobs().is_empty());
    harness.request.restore_checkpoints = true;
    // Interrupted on the way, and taken up again.
    let stop = |notice: &Notice, stop: &gansweep_scheduler::StopSignal| {
        if matches!(notice, Notice::Progress { sweep, .. } if sweep.active > 0) {
            stop.raise(StopLevel::Cleanly);
        }
    };
    harness.sweep_with(&mut memory, &slowly(), stop).unwrap();
    let summary = harness.sweep(&mut memory, &MockLauncher::healthy()).unwrap();
    assert!(summary.all_well(), "{summary:?}");
    assert_eq!(memory.lasting(), calm.lasting());
    for run in 0..4 {
        assert!(path(&harness, run).is_file(), "run {run}");
        assert_eq!(memory.runs[&harness.id(run)].state, RunState::Completed);
    }
    let summary = harness.sweep(&mut memory, &launcher).unwrap();
    assert_eq!((summary.skipped, launcher.jobs().len()), (4, 0), "nothing is left to restore");
}

fn slowly() -> MockLauncher {
    MockLauncher::new(|_, _| Script { pace: Duration::from_millis(1), ..Script::healthy() })
}

#[test]
fn what_a_killed_worker_left_beside_the_checkpoint_is_cleared_away() {
    let (mut memory, mut harness, resume) = interrupted(1);
    let folder = harness.folder.path().join("checkpoints").join(harness.id(0).as_str());
    for orphan in ["step-00001199.safetensors", ".step-00001198.safetensors.AbCd12.part"] {
        std::fs::write(folder.join(orphan), "orphan").unwrap();
    }
    let launcher = MockLauncher::new(|_, _| Script::failing_after(0, gansweep_scheduler::mock::Fault::Hang));
    harness
        .sweep_with(&mut memory, &launcher, |notice, stop| {
            if matches!(notice, Notice::GroupStarted { .. }) {
                stop.raise(StopLevel::AtOnce);
            }
        })
        .unwrap();
    assert_eq!(harness.checkpoints(0), [resume.checkpoint.path.rsplit('/').next().unwrap()]);
}

#[test]
fn the_longest_group_begins_first() {
    let mut plan = runs(1, 1);
    plan.push(run(&config(16), 9, 7));
    plan.push(run(&config(64), 2, 8));
    let mut harness = Harness::new(plan, 1, 1);
    let launcher = MockLauncher::healthy();
    harness.sweep(&mut Memory::default(), &launcher).unwrap();
    let seeds: Vec<u64> = launcher.jobs().iter().map(|job| job.lanes[0].seed).collect();
    assert_eq!(seeds, [7, 8, 1]);
}

#[test]
fn a_job_carries_what_its_slot_and_its_runs_need() {
    let mut harness = Harness::new(runs(2, 1), 1, 2);
    harness.request.slots[0].threads = 7;
    harness.request.data_dir = Some("data".into());
    harness.request.idx_dir = Some("own".into());
    let launcher = MockLauncher::healthy();
    harness.sweep(&mut Memory::default(), &launcher).unwrap();
    let job = &launcher.jobs()[0];
    assert_eq!((job.device.as_str(), job.threads), ("mock:0", 7));
    assert_eq!(job.data_dir.as_deref(), Some("data".as_ref()));
    assert_eq!(job.idx_dir.as_deref(), Some("own".as_ref()));
    assert_eq!(job.results_dir, harness.folder.path());
    assert_eq!(job.record, harness.request.sweep.record);
    let lanes = job.lanes.iter().map(|lane| (lane.seed, lane.attempt, lane.epochs, lane.config.clone()));
    assert_eq!(lanes.collect::<Vec<_>>(), [(1, 1, 1, config(16)), (2, 1, 1, config(16))]);
}

#[test]
fn progress_ends_at_all_steps_and_tells_of_workers() {
    let mut harness = Harness::new(runs(4, 50), 2, 2);
    harness.sweep(&mut Memory::default(), &MockLauncher::healthy()).unwrap();
    let progress = harness.notices.iter().filter_map(|notice| match notice {
        Notice::Progress { sweep, workers } => Some((sweep, workers)),
        _ => None,
    });
    let progress: Vec<_> = progress.collect();
    let (last, _) = progress.last().expect("progress is reported");
    assert_eq!((last.runs, last.steps_total), (4, 4 * 50 * STEPS_PER_EPOCH));
    let reported = progress.iter().flat_map(|(_, workers)| workers.iter()).find(|worker| worker.epoch > 1);
    let worker = reported.expect("a worker's epoch is reported");
    assert!(worker.lanes == 2 && worker.epochs == 50 && worker.fraction > 0.0);
    assert!((worker.d_loss + worker.g_loss - 1.0).abs() < 1e-9);
    assert!((worker.images_per_second - 2000.0).abs() < 1e-9);
}

#[test]
fn without_a_slot_there_is_an_error_unless_nothing_is_left_to_do() {
    let mut memory = Memory::default();
    let mut harness = Harness::new(runs(1, 1), 0, 1);
    let error = harness.sweep(&mut memory, &MockLauncher::healthy()).unwrap_err();
    assert!(matches!(error, RunnerError::NoSlots));
    let mut other = Harness::new(runs(1, 1), 1, 1);
    other.sweep(&mut memory, &MockLauncher::healthy()).unwrap();
    assert!(harness.sweep(&mut memory, &MockLauncher::healthy()).unwrap().all_well());
}

#[test]
fn a_slow_database_holds_workers_up_but_never_makes_them_look_hung() {
    let mut memory = Memory { delay: Duration::from_millis(400), ..Memory::default() };
    let mut harness = Harness::new(runs(2, 60), 2, 1);
    harness.request.hang_timeout = Duration::from_millis(200);
    let summary = harness.sweep(&mut memory, &MockLauncher::healthy()).unwrap();
    assert!(summary.all_well());
    assert_eq!(harness.losses(), Vec::<&str>::new());
}
