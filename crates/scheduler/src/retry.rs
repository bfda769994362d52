//! Retry policy: what happens to the runs of a worker that died.
//!
//! A worker's death does not tell which of its lanes caused it. So a group is retried once as it is, and
//! split in halves whenever it fails again: a lane that crashes every worker is alone after a few rounds,
//! while the others train on together. A run fails only if it has used up its attempts and is known to
//! have caused the last failure: it was alone, or the worker named it.

use crate::queue::Group;

/// The known cause of a worker's death. It decides whether attempts are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LossCause {
    /// All runs of the sweep share it: the sweep ends.
    Shared,
    /// The slot: its device or program is missing. No attempt is counted.
    Slot,
    /// The system has no process, thread or open file left. No attempt is counted.
    Shortage,
    /// The group is too large for the memory: it is split.
    GroupSize,
    /// The cluster: it took the node away. No attempt is counted.
    Cluster,
    /// One or more of its lanes, or chance.
    Lanes,
}

/// An unfinished run of a dead worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LostRun {
    /// Index in the run table.
    pub(crate) run: usize,
    /// Failed attempts in a row, this one included.
    pub(crate) failures: u32,
    /// Whether the worker reported that this lane failed.
    pub(crate) named: bool,
}

/// What to do with unfinished runs.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Retry {
    /// Groups that return to the queue.
    pub(crate) groups: Vec<Group>,
    /// Runs that have failed.
    pub(crate) failed: Vec<usize>,
}

/// Applies the policy. `failures` is the number of workers in a row that died on this group, this one
/// included.
pub(crate) fn retry(failures: u32, lost: &[LostRun], cause: LossCause, max_attempts: u32) -> Retry {
    let alone = lost.len() == 1;
    let is_spent = |lane: &LostRun| {
        matches!(cause, LossCause::GroupSize | LossCause::Lanes) && lane.failures >= max_attempts
    };
    let (failed, kept): (Vec<LostRun>, Vec<LostRun>) =
        lost.iter().copied().partition(|lane| is_spent(lane) && (lane.named || alone));
    let split = match cause {
        LossCause::Shared | LossCause::Slot | LossCause::Shortage | LossCause::Cluster => false,
        LossCause::GroupSize => true,
        // If the worker named the failed lanes, there is no culprit to search for.
        LossCause::Lanes => {
            kept.iter().any(|lane| !lane.named) && (failures >= 2 || kept.iter().any(is_spent))
        }
    };
    let runs: Vec<usize> = kept.iter().map(|lane| lane.run).collect();
    let groups = if runs.is_empty() {
        Vec::new()
    } else if split && runs.len() > 1 {
        // Each half starts with one failure, so that its next failure splits it again.
        let (left, right) = runs.split_at(runs.len().div_ceil(2));
        [left, right].map(|half| Group { runs: half.to_vec(), failures: failures.min(1) }).into()
    } else {
        vec![Group { runs, failures }]
    };
    Retry { groups, failed: failed.iter().map(|lane| lane.run).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lost(runs: std::ops::Range<usize>, failures: u32) -> Vec<LostRun> {
        runs.map(|run| LostRun { run, failures, named: false }).collect()
    }

    fn group(runs: std::ops::Range<usize>, failures: u32) -> Group {
        Group { runs: runs.collect(), failures }
    }

    #[test]
    fn the_first_failure_brings_the_group_back_as_it_was() {
        let decided = retry(1, &lost(0..4, 1), LossCause::Lanes, 3);
        assert_eq!(decided, Retry { groups: vec![group(0..4, 1)], failed: vec![] });
    }

    #[test]
    fn the_second_failure_splits_it_in_halves_that_are_split_at_their_next() {
        let decided = retry(2, &lost(0..5, 2), LossCause::Lanes, 3);
        assert_eq!(decided.groups, [group(0..3, 1), group(3..5, 1)]);
        let decided = retry(2, &lost(0..3, 3), LossCause::Lanes, 3);
        assert_eq!(decided.groups, [group(0..2, 1), group(2..3, 1)]);
    }

    #[test]
    fn no_lane_fails_in_company_however_often_it_has_been_lost() {
        let decided = retry(2, &lost(0..2, 9), LossCause::Lanes, 3);
        assert_eq!(decided.failed, Vec::<usize>::new());
        assert_eq!(decided.groups, [group(0..1, 1), group(1..2, 1)]);
    }

    #[test]
    fn a_lane_alone_fails_after_its_attempts() {
        assert_eq!(retry(2, &lost(7..8, 2), LossCause::Lanes, 3).groups, [group(7..8, 2)]);
        assert_eq!(retry(3, &lost(7..8, 3), LossCause::Lanes, 3).failed, [7]);
    }

    #[test]
    fn a_lane_named_by_its_worker_fails_in_company_too() {
        let mut runs = lost(0..3, 3);
        runs[1].named = true;
        let decided = retry(1, &runs, LossCause::Lanes, 3);
        assert_eq!(decided.failed, [1]);
        assert_eq!(decided.groups.iter().flat_map(|group| group.runs.clone()).collect::<Vec<_>>(), [0, 2]);
    }

    #[test]
    fn lanes_that_were_all_named_stay_together() {
        let runs = lost(0..3, 2).into_iter().map(|lane| LostRun { named: true, ..lane });
        let decided = retry(2, &runs.collect::<Vec<_>>(), LossCause::Lanes, 3);
        assert_eq!(decided.groups, [group(0..3, 2)]);
    }

    #[test]
    fn with_a_single_attempt_allowed_a_group_is_split_at_once() {
        assert_eq!(retry(1, &lost(0..2, 1), LossCause::Lanes, 1).groups.len(), 2);
        assert_eq!(retry(1, &lost(0..1, 1), LossCause::Lanes, 1).failed, [0]);
    }

    #[test]
    fn too_little_memory_halves_a_group_and_fails_only_a_lane_alone() {
        assert_eq!(
            retry(0, &lost(0..4, 0), LossCause::GroupSize, 3).groups,
            [group(0..2, 0), group(2..4, 0)]
        );
        assert_eq!(retry(3, &lost(0..1, 3), LossCause::GroupSize, 3).failed, [0]);
    }

    #[test]
    fn a_lost_slot_a_shortage_and_a_shared_cause_cost_the_lanes_nothing() {
        for cause in [LossCause::Slot, LossCause::Shortage, LossCause::Shared] {
            let decided = retry(0, &lost(0..1, 5), cause, 3);
            assert_eq!(decided, Retry { groups: vec![group(0..1, 0)], failed: vec![] });
        }
    }
}
