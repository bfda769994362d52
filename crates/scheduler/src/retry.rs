//! What becomes of the runs that a lost worker leaves behind.
//!
//! A worker's death says little about which of its lanes is to blame. So a group is tried a second
//! time as it is, and cut in halves whenever it fails again: a lane that kills every worker is
//! alone after a few rounds, while its neighbours train on together. A run is given up only when
//! it has used up its attempts and the last of them was its own: it was alone, or its worker named
//! it.

use crate::queue::Group;

/// Whom the loss of a worker is put down to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Blame {
    /// The slot: its lanes are free of guilt.
    Slot,
    /// The size of the group.
    Memory,
    /// Its lanes, one of them, or chance.
    Lanes,
}

/// A run left behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Lost {
    /// Its place in the request.
    pub(crate) run: usize,
    /// Attempts in a row that it has lost, this one included.
    pub(crate) tries: u32,
    /// Whether the worker named this lane as the one that failed.
    pub(crate) named: bool,
}

/// What is to be done.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Verdict {
    /// To go back to the queue.
    pub(crate) groups: Vec<Group>,
    /// To be given up.
    pub(crate) failed: Vec<usize>,
}

/// Judges; `failures` counts the workers in a row that the group has lost, this one included.
pub(crate) fn judge(failures: u32, lost: &[Lost], blame: Blame, max_attempts: u32) -> Verdict {
    let alone = lost.len() == 1;
    let spent = |lane: &Lost| blame != Blame::Slot && lane.tries >= max_attempts;
    let (failed, kept): (Vec<Lost>, Vec<Lost>) =
        lost.iter().copied().partition(|lane| spent(lane) && (lane.named || alone));
    let cut = match blame {
        Blame::Slot => false,
        Blame::Memory => true,
        // Who is named is known: there is nobody to look for.
        Blame::Lanes => kept.iter().any(|lane| !lane.named) && (failures >= 2 || kept.iter().any(spent)),
    };
    let lanes: Vec<usize> = kept.iter().map(|lane| lane.run).collect();
    let groups = if lanes.is_empty() {
        Vec::new()
    } else if cut && lanes.len() > 1 {
        // A half has failed once in a sense: when it fails again it is cut again.
        let (left, right) = lanes.split_at(lanes.len().div_ceil(2));
        [left, right].map(|half| Group { lanes: half.to_vec(), failures: failures.min(1) }).into()
    } else {
        vec![Group { lanes, failures }]
    };
    Verdict { groups, failed: failed.iter().map(|lane| lane.run).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lanes(runs: std::ops::Range<usize>, tries: u32) -> Vec<Lost> {
        runs.map(|run| Lost { run, tries, named: false }).collect()
    }

    fn group(runs: std::ops::Range<usize>, failures: u32) -> Group {
        Group { lanes: runs.collect(), failures }
    }

    #[test]
    fn the_first_failure_brings_the_group_back_as_it_was() {
        let verdict = judge(1, &lanes(0..4, 1), Blame::Lanes, 3);
        assert_eq!(verdict, Verdict { groups: vec![group(0..4, 1)], failed: vec![] });
    }

    #[test]
    fn the_second_failure_cuts_it_in_halves_that_are_cut_at_their_next() {
        let verdict = judge(2, &lanes(0..5, 2), Blame::Lanes, 3);
        assert_eq!(verdict.groups, [group(0..3, 1), group(3..5, 1)]);
        let verdict = judge(2, &lanes(0..3, 3), Blame::Lanes, 3);
        assert_eq!(verdict.groups, [group(0..2, 1), group(2..3, 1)]);
    }

    #[test]
    fn no_lane_is_given_up_in_company_however_often_it_has_failed() {
        let verdict = judge(2, &lanes(0..2, 9), Blame::Lanes, 3);
        assert_eq!(verdict.failed, Vec::<usize>::new());
        assert_eq!(verdict.groups, [group(0..1, 1), group(1..2, 1)]);
    }

    #[test]
    fn a_lane_alone_is_given_up_after_its_attempts() {
        assert_eq!(judge(2, &lanes(7..8, 2), Blame::Lanes, 3).groups, [group(7..8, 2)]);
        assert_eq!(judge(3, &lanes(7..8, 3), Blame::Lanes, 3).failed, [7]);
    }

    #[test]
    fn a_lane_named_by_its_worker_is_given_up_in_company_too() {
        let mut lost = lanes(0..3, 3);
        lost[1].named = true;
        let verdict = judge(1, &lost, Blame::Lanes, 3);
        assert_eq!(verdict.failed, [1]);
        assert_eq!(verdict.groups.iter().flat_map(|group| group.lanes.clone()).collect::<Vec<_>>(), [0, 2]);
    }

    #[test]
    fn lanes_that_were_all_named_stay_together() {
        let lost = lanes(0..3, 2).into_iter().map(|lane| Lost { named: true, ..lane });
        let verdict = judge(2, &lost.collect::<Vec<_>>(), Blame::Lanes, 3);
        assert_eq!(verdict.groups, [group(0..3, 2)]);
    }

    #[test]
    fn with_a_single_attempt_allowed_a_group_is_cut_at_once() {
        assert_eq!(judge(1, &lanes(0..2, 1), Blame::Lanes, 1).groups.len(), 2);
        assert_eq!(judge(1, &lanes(0..1, 1), Blame::Lanes, 1).failed, [0]);
    }

    #[test]
    fn too_little_memory_halves_a_group_and_fails_only_a_lane_alone() {
        assert_eq!(judge(0, &lanes(0..4, 0), Blame::Memory, 3).groups, [group(0..2, 0), group(2..4, 0)]);
        assert_eq!(judge(3, &lanes(0..1, 3), Blame::Memory, 3).failed, [0]);
    }

    #[test]
    fn a_lost_slot_costs_its_lanes_nothing() {
        let verdict = judge(0, &lanes(0..1, 5), Blame::Slot, 3);
        assert_eq!(verdict, Verdict { groups: vec![group(0..1, 0)], failed: vec![] });
    }
}
