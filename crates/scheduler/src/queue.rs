//! The queue of runs, and how slots share it.
//!
//! Runs of one group key wait in a pool. A ready slot takes a group from it: no more lanes than it can
//! hold, and no more than its share, so that no other ready slot stays idle. Where the launcher has a queue
//! of its own there are slots for all runs, most of which are to stay idle: there is no share then. The longest run
//! begins first, so that no long run is left over at the end. Taking a group costs O(log n) for each lane.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use gansweep_config::{GroupKey, PlannedRun};

use crate::{Slot, StepFlops};

/// Index of a group key: runs of one kind can train together.
pub(crate) type Kind = usize;

/// The kind of a run; a new group key is added to `kinds`.
pub(crate) fn kind_of(kinds: &mut HashMap<GroupKey, Kind>, run: &PlannedRun) -> Kind {
    let next = kinds.len();
    *kinds.entry(GroupKey::of(&run.config, &run.spec)).or_insert(next)
}

/// Runs to train together.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Group {
    /// Indices in the run table.
    pub(crate) runs: Vec<usize>,
    /// Number of workers in a row that died on this group, or on the one that it was split from.
    pub(crate) failures: u32,
}

/// A group that a slot would take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedGroup {
    /// Index of the slot.
    pub slot: usize,
    /// Indices of the runs.
    pub runs: Vec<usize>,
}

/// Simulates the queue: the groups that the slots would take if all took turns. `steps` has the steps that
/// each run has done.
pub fn form_groups(
    runs: &[PlannedRun],
    steps: &[u64],
    slots: &[Slot],
    step_flops: StepFlops,
) -> Vec<PlannedGroup> {
    let mut kinds = HashMap::new();
    let mut limits: Vec<Vec<usize>> = Vec::new();
    let mut queue = Queue::default();
    for (place, (run, &step)) in runs.iter().zip(steps).enumerate() {
        let kind = kind_of(&mut kinds, run);
        if kind == limits.len() {
            limits.push(slots.iter().map(|slot| slot.limit(run)).collect());
        }
        let flops = step_flops(run) * run.total_steps().saturating_sub(step) as f64;
        queue.push(Candidate::new(place, kind, run, step, flops));
    }
    queue.simulate(slots.len(), &|slot, kind| limits[kind][slot])
}

/// A waiting run, with what decides when it begins and which runs it can train with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Candidate {
    run: usize,
    kind: Kind,
    /// Equal for all lanes of a group; see [`Config::phase`](gansweep_config::Config::phase).
    phase: u64,
    priority: Priority,
}

/// Order of runs: those that have begun, then the longest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Priority {
    fresh: bool,
    /// Floating-point operations until its end.
    flops: Reverse<u64>,
}

impl Candidate {
    /// A run that has done `step` steps and has `flops` floating-point operations left.
    pub(crate) fn new(run: usize, kind: Kind, planned: &PlannedRun, step: u64, flops: f64) -> Self {
        let PlannedRun { config, spec, .. } = planned;
        let priority = Priority { fresh: step == 0, flops: Reverse(flops as u64) };
        Self { run, kind, phase: config.phase(spec, step), priority }
    }

    pub(crate) const fn phase(&self) -> u64 {
        self.phase
    }
}

/// The most lanes of a group, by slot and kind.
pub(crate) type Limits<'a> = dyn Fn(usize, Kind) -> usize + 'a;

/// How many lanes a slot takes while other slots are ready.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Share {
    /// Its part of the waiting runs, so that no other ready slot stays idle.
    #[default]
    Fair,
    /// As many as it holds.
    Whole,
}

/// All waiting runs.
#[derive(Debug, Default, Clone)]
pub(crate) struct Queue {
    share: Share,
    pools: HashMap<Kind, Pool>,
    /// What comes first. No two ranks are equal, since `arrival` differs.
    order: BTreeMap<Rank, Source>,
    waiting: usize,
    arrivals: u64,
}

/// Order in the queue: fewest failures, then priority, then arrival.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Rank {
    failures: u32,
    priority: Priority,
    arrival: u64,
}

#[derive(Debug, Clone)]
enum Source {
    /// The pool of that kind.
    Pool(Kind),
    /// Runs that stay together after their worker died.
    Group(Vec<Candidate>),
}

/// Waiting runs of one kind, by priority, then in the order of the plan.
#[derive(Debug, Clone)]
struct Pool {
    rank: Rank,
    all: BTreeSet<(Priority, usize, u64)>,
    by_phase: HashMap<u64, BTreeSet<(Priority, usize)>>,
}

impl Pool {
    fn insert(&mut self, Candidate { run, phase, priority, .. }: Candidate) {
        self.all.insert((priority, run, phase));
        self.by_phase.entry(phase).or_default().insert((priority, run));
    }

    fn remove(&mut self, &Candidate { run, phase, priority, .. }: &Candidate) -> bool {
        if let Some(alike) = self.by_phase.get_mut(&phase) {
            alike.remove(&(priority, run));
        }
        self.all.remove(&(priority, run, phase))
    }

    /// Takes the first runs that have the phase of the first run; `count` maps the number of such runs to
    /// the number to take.
    fn take(&mut self, count: impl FnOnce(usize) -> usize) -> Vec<usize> {
        let Some(&(_, _, phase)) = self.all.first() else { return Vec::new() };
        let alike = self.by_phase.entry(phase).or_default();
        let mut taken = Vec::new();
        for _ in 0..count(alike.len()) {
            let Some((priority, run)) = alike.pop_first() else { break };
            self.all.remove(&(priority, run, phase));
            taken.push(run);
        }
        taken
    }
}

impl Queue {
    pub(crate) fn new(share: Share) -> Self {
        Self { share, ..Self::default() }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.waiting == 0
    }

    /// Adds a run to the pool of its kind.
    pub(crate) fn push(&mut self, candidate: Candidate) {
        self.waiting += 1;
        let Candidate { kind, priority, .. } = candidate;
        if let Some(pool) = self.pools.get_mut(&kind) {
            pool.insert(candidate);
        } else {
            self.arrivals += 1;
            let rank = Rank { failures: 0, priority, arrival: self.arrivals };
            let mut pool = Pool { rank, all: BTreeSet::new(), by_phase: HashMap::new() };
            pool.insert(candidate);
            self.pools.insert(kind, pool);
        }
        self.rank_pool(kind);
    }

    /// Adds runs that stay together.
    pub(crate) fn push_group(&mut self, candidates: Vec<Candidate>, failures: u32) {
        self.arrivals += 1;
        self.insert_group(candidates, failures, self.arrivals);
    }

    /// Removes a run; `false` if it is not in the queue.
    pub(crate) fn remove(&mut self, candidate: &Candidate) -> bool {
        let of_pool = self.pools.get_mut(&candidate.kind).is_some_and(|pool| pool.remove(candidate));
        if of_pool {
            self.waiting -= 1;
            self.rank_pool(candidate.kind);
            return true;
        }
        self.remove_from_group(candidate.run)
    }

    fn remove_from_group(&mut self, run: usize) -> bool {
        let holds =
            |source: &Source| matches!(source, Source::Group(group) if group.iter().any(|it| it.run == run));
        let Some(rank) = self.order.iter().find(|(_, source)| holds(source)).map(|(rank, _)| *rank) else {
            return false;
        };
        if let Some(Source::Group(mut group)) = self.order.remove(&rank) {
            self.waiting -= group.len();
            group.retain(|candidate| candidate.run != run);
            self.insert_group(group, rank.failures, rank.arrival);
        }
        true
    }

    /// The groups that the slots would take if all took turns.
    pub(crate) fn simulate(mut self, slots: usize, limit: &Limits<'_>) -> Vec<PlannedGroup> {
        let all: Vec<usize> = (0..slots).collect();
        let mut groups = Vec::new();
        while !self.is_empty() && !all.is_empty() {
            let round = self.take_for_all(&all, limit);
            groups.extend(round.into_iter().map(|(slot, group)| PlannedGroup { slot, runs: group.runs }));
        }
        groups
    }

    /// A group for each `ready` slot, as long as runs wait.
    pub(crate) fn take_for_all(&mut self, ready: &[usize], limit: &Limits<'_>) -> Vec<(usize, Group)> {
        let mut ready = ready.to_vec();
        let mut groups = Vec::new();
        while let Some((slot, group)) = self.take(&ready, limit) {
            ready.retain(|&other| other != slot);
            groups.push((slot, group));
        }
        groups
    }

    /// A group of what comes first, for the `ready` slot that holds most such lanes.
    fn take(&mut self, ready: &[usize], limit: &Limits<'_>) -> Option<(usize, Group)> {
        let (&rank, source) = self.order.first_key_value()?;
        let kind = match source {
            Source::Pool(kind) => *kind,
            Source::Group(group) => group.first()?.kind,
        };
        let slot = ready.iter().copied().min_by_key(|&slot| Reverse(limit(slot, kind)))?;
        let own = limit(slot, kind);
        let share = match self.share {
            Share::Fair => {
                let all: usize = ready.iter().map(|&slot| limit(slot, kind)).sum();
                (self.waiting as f64 * own as f64 / all as f64).round() as usize
            }
            Share::Whole => own,
        };
        let count = |alike: usize| even_part(alike, own).min(share.max(1));
        let runs = match self.order.remove(&rank)? {
            Source::Pool(kind) => {
                let runs = self.pools.get_mut(&kind)?.take(count);
                self.waiting -= runs.len();
                self.rank_pool(kind);
                runs
            }
            Source::Group(group) => self.split(group, rank, count),
        };
        Some((slot, Group { runs, failures: rank.failures }))
    }

    /// Takes the first runs of a group that have one phase; the others stay in the queue.
    fn split(&mut self, group: Vec<Candidate>, rank: Rank, count: impl FnOnce(usize) -> usize) -> Vec<usize> {
        self.waiting -= group.len();
        let phase = group.first().map(|first| first.phase);
        let is_alike = |candidate: &Candidate| Some(candidate.phase) == phase;
        let count = count(group.iter().filter(|candidate| is_alike(candidate)).count());
        let (mut taken, mut left) = (Vec::with_capacity(count), Vec::new());
        for candidate in group {
            if taken.len() < count && is_alike(&candidate) {
                taken.push(candidate.run);
            } else {
                left.push(candidate);
            }
        }
        self.insert_group(left, rank.failures, rank.arrival);
        taken
    }

    fn insert_group(&mut self, candidates: Vec<Candidate>, failures: u32, arrival: u64) {
        let Some(first) = candidates.first() else { return };
        self.waiting += candidates.len();
        self.order.insert(Rank { failures, priority: first.priority, arrival }, Source::Group(candidates));
    }

    /// Updates a pool's place in the order after its first run changed; removes an empty pool.
    fn rank_pool(&mut self, kind: Kind) {
        let Some(pool) = self.pools.get_mut(&kind) else { return };
        self.order.remove(&pool.rank);
        match pool.all.first() {
            Some(&(priority, _, _)) => {
                pool.rank.priority = priority;
                self.order.insert(pool.rank, Source::Pool(kind));
            }
            None => drop(self.pools.remove(&kind)),
        }
    }
}

/// Size of the largest part when `count` is split into as few parts of at most `most` as possible, as evenly
/// as possible: nine with at most eight make five and four.
fn even_part(count: usize, most: usize) -> usize {
    count.div_ceil(count.div_ceil(most).max(1))
}
