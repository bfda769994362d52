//! Which runs train together, and where.

use std::fs;
use std::sync::Arc;

use gansweep_base::digest::sha256;
use gansweep_config::PlannedRun;
use gansweep_protocol::Checkpoint;
use gansweep_scheduler::mock::MockLauncher;
use gansweep_scheduler::{Notice, Slot, StopLevel, form_groups};

use crate::support::{Harness, Memory, config, run, runs, slot, step_flops, undisturbed};

/// Slots with these limits on lanes.
fn slots(limits: &[usize]) -> Vec<Slot> {
    limits.iter().enumerate().map(|(place, &limit)| slot(&format!("mock:{place}"), limit)).collect()
}

/// Sizes of the groups that slots of those limits make of a number of equal runs, with their slots.
fn shares(count: u64, limits: &[usize]) -> Vec<(usize, usize)> {
    let runs = runs(count, 1);
    let groups = form_groups(&runs, &vec![0; runs.len()], &slots(limits), step_flops);
    groups.iter().map(|group| (group.slot, group.runs.len())).collect()
}

#[test]
fn one_large_slot_takes_all_it_holds() {
    assert_eq!(shares(64, &[64]), [(0, 64)]);
    assert_eq!(shares(9, &[8]), [(0, 5), (0, 4)]);
    assert_eq!(shares(130, &[64]), [(0, 44), (0, 43), (0, 43)]);
    assert_eq!(shares(3, &[1]), [(0, 1); 3]);
    assert_eq!(shares(0, &[8]), []);
    assert_eq!(shares(3, &[]), []);
}

#[test]
fn equal_slots_share_so_that_none_is_idle() {
    assert_eq!(shares(8, &[64, 64]), [(0, 4), (1, 4)]);
    assert_eq!(shares(8, &[64; 3]), [(0, 3), (1, 3), (2, 2)]);
    assert_eq!(shares(8, &[3, 3]), [(0, 3), (1, 3), (0, 1), (1, 1)]);
    assert_eq!(shares(8, &[64; 16]).iter().map(|&(_, lanes)| lanes).collect::<Vec<_>>(), [1; 8]);
}

#[test]
fn a_small_slot_takes_what_fits_and_leaves_the_rest_to_the_large_one() {
    assert_eq!(shares(64, &[64, 1, 1]), [(0, 62), (1, 1), (2, 1)]);
    assert_eq!(shares(64, &[1, 64]), [(1, 63), (0, 1)]);
    assert_eq!(shares(1, &[1, 64]), [(1, 1)]);
    assert_eq!(shares(100, &[64, 1]), [(0, 50), (1, 1), (0, 48), (1, 1)]);
}

#[test]
fn the_limit_is_of_the_kind_of_run() {
    let mut plan = runs(4, 1);
    plan.extend((1..=4).map(|seed| run(&config(4096), 1, seed)));
    let wide = |run: &PlannedRun| run.config.model.generator.hidden == [4096];
    let gpu = Slot { max_lanes: Arc::new(move |run| if wide(run) { 2 } else { 4 }), ..slot("gpu", 0) };
    let groups = form_groups(&plan, &[0; 8], &[gpu], step_flops);
    let runs: Vec<_> = groups.into_iter().map(|group| group.runs).collect();
    assert_eq!(runs, [vec![4, 5], vec![6, 7], vec![0, 1, 2, 3]], "the dearest first");
}

#[test]
fn slots_of_different_sizes_train_from_one_queue() {
    let mut harness = Harness::new(runs(20, 30), 1, 1);
    harness.request.slots = slots(&[6, 1]);
    let mut memory = Memory::default();
    let launcher = MockLauncher::healthy();
    assert!(harness.sweep(&mut memory, &launcher).unwrap().all_well());
    let sizes = |device: &str| {
        let jobs = launcher.jobs().into_iter().filter(|job| job.device == device);
        jobs.map(|job| job.lanes.len()).collect::<Vec<_>>()
    };
    assert!(sizes("mock:0").iter().all(|&lanes| lanes <= 6) && sizes("mock:0")[0] == 5);
    assert!(!sizes("mock:1").is_empty() && sizes("mock:1").iter().all(|&lanes| lanes == 1));
    assert_eq!(memory.lasting(), undisturbed(&harness.runs).lasting());
}

/// Runs of four steps an epoch, of which the last is smaller than the others.
fn ragged(count: u64) -> Vec<PlannedRun> {
    let mut config = config(16);
    config.data.images = 60;
    (1..=count).map(|seed| run(&config, 3, seed)).collect()
}

#[test]
fn only_runs_that_are_in_step_train_together() {
    let (alike, apart) = (runs(4, 3), ragged(4));
    let groups = |runs: &[PlannedRun], steps| {
        let groups = form_groups(runs, steps, &slots(&[8]), step_flops);
        groups.into_iter().map(|group| group.runs).collect::<Vec<_>>()
    };
    assert_eq!(groups(&alike, &[0, 3, 5, 3]), [[1, 3, 2, 0]], "every step of these has equal batches");
    assert_eq!(groups(&apart, &[0, 4, 8, 0]), [[1, 2, 0, 3]], "at the ends of different epochs");
    assert_eq!(groups(&apart, &[0, 3, 5, 7]), [vec![1, 3], vec![2], vec![0]]);
}

#[test]
fn runs_that_have_begun_come_before_longer_ones_that_have_not() {
    let groups = form_groups(&runs(4, 3), &[0, 0, 5, 2], &slots(&[1, 1]), step_flops);
    let order: Vec<_> = groups.into_iter().flat_map(|group| group.runs).collect();
    assert_eq!(order, [3, 2, 0, 1]);
}

/// Has a run go on from a checkpoint after a number of steps.
fn leave_checkpoint(harness: &Harness, memory: &mut Memory, place: usize, step: u64) {
    let PlannedRun { id, seed, .. } = &harness.runs[place];
    let path = format!("checkpoints/{id}/step-{step:08}.safetensors");
    let file = harness.folder.path().join(&path);
    let content = format!("run {id} seed {seed} step {step}");
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(&file, &content).unwrap();
    let (bytes, sha256) = (content.len() as u64, sha256(&content));
    memory.runs.get_mut(id).unwrap().resume =
        Some(Checkpoint { step, path, bytes, sha256, best: None }.into());
}

#[test]
fn a_run_whose_checkpoint_is_damaged_leaves_the_group_it_was_in_step_with() {
    let mut harness = Harness::new(ragged(3), 1, 8);
    let mut memory = Memory::default();
    harness
        .sweep_with(&mut memory, &MockLauncher::healthy(), |notice, stop| {
            if matches!(notice, Notice::Begun { .. }) {
                stop.raise(StopLevel::Cleanly);
            }
        })
        .unwrap();
    for place in 0..3 {
        leave_checkpoint(&harness, &mut memory, place, 2);
    }
    let damaged = memory.runs[&harness.id(1)].resume.clone().unwrap().checkpoint.path;
    fs::write(harness.folder.path().join(damaged), "half of it").unwrap();
    let launcher = MockLauncher::healthy();
    assert!(harness.sweep(&mut memory, &launcher).unwrap().all_well());
    let seeds: Vec<Vec<u64>> =
        launcher.jobs().iter().map(|job| job.lanes.iter().map(|lane| lane.seed).collect()).collect();
    assert_eq!(seeds, [vec![1, 3], vec![2]]);
    assert_eq!(harness.losses(), Vec::<&str>::new());
}
