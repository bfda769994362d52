//! Groups of runs that wait for a slot, and how slots share them.
//!
//! Runs wait in groups of equal shape, however many they are. A slot that is ready takes a part: no
//! more lanes than it can hold, and no more than its share, so that no other slot that is ready
//! stands idle. The longest run begins first, so that no slot is left alone with a long one at the
//! end.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use gansweep_config::{PlannedRun, group_runs};

use crate::Slot;

/// Runs of equal shape, given by their places in the request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Group {
    pub(crate) lanes: Vec<usize>,
    /// Workers in a row that this group, or the one it was cut from, has lost to failures.
    pub(crate) failures: u32,
}

/// Runs that a slot would train together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedGroup {
    /// The slot, by its place.
    pub slot: usize,
    /// The runs, by their places.
    pub runs: Vec<usize>,
}

/// The groups that the slots would make of `runs`, which have done `steps` steps each, if all slots
/// took turns.
pub fn form_groups(runs: &[PlannedRun], steps: &[u64], slots: &[Slot]) -> Vec<PlannedGroup> {
    let standing = |run: usize| Standing::of(&runs[run], steps[run]);
    let limit = |slot: usize, run: usize| slots[slot].limit(run);
    let queue = Queue::new(runs, &(0..runs.len()).collect::<Vec<_>>(), &standing);
    queue.foresee(slots.len(), &limit, &standing)
}

/// What of a run decides when it begins, and with whom.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Standing {
    /// Lanes of a group have the same; see [`Config::phase`](gansweep_config::Config::phase).
    pub(crate) phase: u64,
    turn: Turn,
}

/// Whose turn comes first: a run that has begun, then the longest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Turn {
    fresh: bool,
    /// Floating-point operations until its end.
    work: Reverse<u64>,
}

impl Standing {
    /// Of a run that has done so many steps.
    pub(crate) fn of(run: &PlannedRun, step: u64) -> Self {
        let left = run.total_steps().saturating_sub(step) as f64;
        let work = Reverse((left * run.config.flops_per_step(run.spec.image)) as u64);
        Self { phase: run.config.phase(&run.spec, step), turn: Turn { fresh: step == 0, work } }
    }
}

/// Tells where a run stands now.
pub(crate) type Standings<'a> = dyn Fn(usize) -> Standing + 'a;

/// Tells the most lanes of a group with a run in it, given a slot and the run.
pub(crate) type Limits<'a> = dyn Fn(usize, usize) -> usize + 'a;

/// All groups that wait.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    groups: BTreeMap<Rank, Group>,
    /// Lanes in all of them.
    waiting: usize,
    arrivals: u64,
}

/// Who comes first: who has failed least, then whose turn it is, then who came first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Rank {
    failures: u32,
    turn: Turn,
    arrival: u64,
}

impl Queue {
    /// Of those runs of `planned`.
    pub(crate) fn new(planned: &[PlannedRun], runs: &[usize], standing: &Standings<'_>) -> Self {
        let mut queue = Self::default();
        for alike in group_runs(runs.iter().map(|&run| &planned[run])) {
            let mut lanes: Vec<usize> = alike.into_iter().map(|position| runs[position]).collect();
            lanes.sort_by_key(|&run| standing(run).turn);
            queue.push(Group { lanes, failures: 0 }, standing);
        }
        queue
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }

    /// Lets a group wait.
    pub(crate) fn push(&mut self, group: Group, standing: &Standings<'_>) {
        self.arrivals += 1;
        self.insert(group, self.arrivals, standing);
    }

    /// Everything that waits, which waits no longer.
    pub(crate) fn clear(&mut self) -> impl Iterator<Item = usize> + use<> {
        std::mem::take(self).groups.into_values().flat_map(|group| group.lanes)
    }

    /// The groups that the slots would take if all took turns.
    pub(crate) fn foresee(
        mut self,
        slots: usize,
        limit: &Limits<'_>,
        standing: &Standings<'_>,
    ) -> Vec<PlannedGroup> {
        let all: Vec<usize> = (0..slots).collect();
        let mut foreseen = Vec::new();
        while !self.is_empty() && !all.is_empty() {
            let round = self.deal_all(&all, limit, standing);
            foreseen.extend(round.into_iter().map(|(slot, group)| PlannedGroup { slot, runs: group.lanes }));
        }
        foreseen
    }

    /// A group for each of the slots that are `ready`, as far as groups wait.
    pub(crate) fn deal_all(
        &mut self,
        ready: &[usize],
        limit: &Limits<'_>,
        standing: &Standings<'_>,
    ) -> Vec<(usize, Group)> {
        let mut ready = ready.to_vec();
        let mut dealt = Vec::new();
        while let Some((slot, group)) = self.deal(&ready, limit, standing) {
            ready.retain(|&other| other != slot);
            dealt.push((slot, group));
        }
        dealt
    }

    /// A part of the first group for one of the slots that are `ready`: the one that holds most of
    /// it.
    fn deal(
        &mut self,
        ready: &[usize],
        limit: &Limits<'_>,
        standing: &Standings<'_>,
    ) -> Option<(usize, Group)> {
        let (_, first) = self.groups.first_key_value()?;
        let limit = |slot: usize| limit(slot, first.lanes[0]);
        let slot = ready.iter().copied().min_by_key(|&slot| Reverse(limit(slot)))?;
        let own = limit(slot);
        let all: usize = ready.iter().map(|&slot| limit(slot)).sum();
        let share = (self.waiting as f64 * own as f64 / all as f64).round() as usize;
        let (rank, Group { lanes, failures }) = self.groups.pop_first()?;
        self.waiting -= lanes.len();
        let phase = standing(lanes[0]).phase;
        let alike = lanes.iter().filter(|&&run| standing(run).phase == phase).count();
        let count = evenly(alike, own).min(share.max(1));
        let mut taken = Vec::with_capacity(count);
        let mut left = Vec::new();
        for run in lanes {
            let takes = taken.len() < count && standing(run).phase == phase;
            if takes { &mut taken } else { &mut left }.push(run);
        }
        if !left.is_empty() {
            self.insert(Group { lanes: left, failures }, rank.arrival, standing);
        }
        Some((slot, Group { lanes: taken, failures }))
    }

    fn insert(&mut self, group: Group, arrival: u64, standing: &Standings<'_>) {
        let Some(&first) = group.lanes.first() else { return };
        let rank = Rank { failures: group.failures, turn: standing(first).turn, arrival };
        self.waiting += group.lanes.len();
        self.groups.insert(rank, group);
    }
}

/// The largest of the fewest parts of at most `most` into which `count` can be cut, all as equal as
/// can be: nine of at most eight make five and four.
fn evenly(count: usize, most: usize) -> usize {
    count.div_ceil(count.div_ceil(most).max(1))
}
