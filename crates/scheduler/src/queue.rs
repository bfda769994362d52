//! Runs that wait for a slot, and how slots share them.
//!
//! Runs wait in pools of one kind, however many they are. A slot that is ready takes a part: no more
//! lanes than it can hold, and no more than its share, so that no other slot that is ready stands
//! idle. The longest run begins first, so that no slot is left alone with a long one at the end.
//! Taking a part costs the logarithm of what waits, for each lane.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use gansweep_config::{GroupKey, PlannedRun};

use crate::{Slot, StepFlops};

/// A group key by number: runs of one kind can train together.
pub(crate) type Kind = usize;

/// The number of a run's kind among those known, a new one included.
pub(crate) fn kind_of(kinds: &mut HashMap<GroupKey, Kind>, run: &PlannedRun) -> Kind {
    let next = kinds.len();
    *kinds.entry(GroupKey::of(&run.config, &run.spec)).or_insert(next)
}

/// Runs to be trained together.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Group {
    /// By their numbers in the run table.
    pub(crate) runs: Vec<usize>,
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

/// A run that waits, with what decides when it begins and with whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Candidate {
    run: usize,
    kind: Kind,
    /// Lanes of a group have the same; see [`Config::phase`](gansweep_config::Config::phase).
    phase: u64,
    turn: Turn,
}

/// Which run comes first: one that has begun, then the longest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Turn {
    fresh: bool,
    /// Floating-point operations until its end.
    flops: Reverse<u64>,
}

impl Candidate {
    /// A run that has done `step` steps and has so many floating-point operations to go.
    pub(crate) fn new(run: usize, kind: Kind, planned: &PlannedRun, step: u64, flops: f64) -> Self {
        let PlannedRun { config, spec, .. } = planned;
        let turn = Turn { fresh: step == 0, flops: Reverse(flops as u64) };
        Self { run, kind, phase: config.phase(spec, step), turn }
    }

    pub(crate) const fn phase(&self) -> u64 {
        self.phase
    }
}

/// Gives the most lanes of a group, for a slot and a kind of run.
pub(crate) type Limits<'a> = dyn Fn(usize, Kind) -> usize + 'a;

/// All runs that wait.
#[derive(Debug, Default, Clone)]
pub(crate) struct Queue {
    pools: HashMap<Kind, Pool>,
    /// Who comes first. Ranks differ in `arrival`.
    order: BTreeMap<Rank, Source>,
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

#[derive(Debug, Clone)]
enum Source {
    /// A part of the pool of that kind.
    Pool(Kind),
    /// Runs that go together, as they did before they lost a worker.
    Group(Vec<Candidate>),
}

/// The runs of one kind that wait, in the order of their turns, then of the plan.
#[derive(Debug, Clone)]
struct Pool {
    rank: Rank,
    all: BTreeSet<(Turn, usize, u64)>,
    by_phase: HashMap<u64, BTreeSet<(Turn, usize)>>,
}

impl Pool {
    fn insert(&mut self, Candidate { run, phase, turn, .. }: Candidate) {
        self.all.insert((turn, run, phase));
        self.by_phase.entry(phase).or_default().insert((turn, run));
    }

    fn remove(&mut self, &Candidate { run, phase, turn, .. }: &Candidate) -> bool {
        if let Some(alike) = self.by_phase.get_mut(&phase) {
            alike.remove(&(turn, run));
        }
        self.all.remove(&(turn, run, phase))
    }

    /// Takes the first runs of the first run's phase, as many as `count` says of all of that phase.
    fn take(&mut self, count: impl FnOnce(usize) -> usize) -> Vec<usize> {
        let Some(&(_, _, phase)) = self.all.first() else { return Vec::new() };
        let alike = self.by_phase.entry(phase).or_default();
        let mut taken = Vec::new();
        for _ in 0..count(alike.len()) {
            let Some((turn, run)) = alike.pop_first() else { break };
            self.all.remove(&(turn, run, phase));
            taken.push(run);
        }
        taken
    }
}

impl Queue {
    pub(crate) fn is_empty(&self) -> bool {
        self.waiting == 0
    }

    /// Lets a run wait in the pool of its kind.
    pub(crate) fn push(&mut self, candidate: Candidate) {
        self.waiting += 1;
        let Candidate { kind, turn, .. } = candidate;
        if let Some(pool) = self.pools.get_mut(&kind) {
            pool.insert(candidate);
        } else {
            self.arrivals += 1;
            let rank = Rank { failures: 0, turn, arrival: self.arrivals };
            let mut pool = Pool { rank, all: BTreeSet::new(), by_phase: HashMap::new() };
            pool.insert(candidate);
            self.pools.insert(kind, pool);
        }
        self.rank_pool(kind);
    }

    /// Lets runs wait that go together.
    pub(crate) fn push_group(&mut self, candidates: Vec<Candidate>, failures: u32) {
        self.arrivals += 1;
        self.insert_group(candidates, failures, self.arrivals);
    }

    /// Takes a run out; `false` if it does not wait.
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

    /// A group for each of the slots that are `ready`, as far as runs wait.
    pub(crate) fn take_for_all(&mut self, ready: &[usize], limit: &Limits<'_>) -> Vec<(usize, Group)> {
        let mut ready = ready.to_vec();
        let mut groups = Vec::new();
        while let Some((slot, group)) = self.take(&ready, limit) {
            ready.retain(|&other| other != slot);
            groups.push((slot, group));
        }
        groups
    }

    /// A part of what comes first for one of the slots that are `ready`: the one that holds most of
    /// it.
    fn take(&mut self, ready: &[usize], limit: &Limits<'_>) -> Option<(usize, Group)> {
        let (&rank, source) = self.order.first_key_value()?;
        let kind = match source {
            Source::Pool(kind) => *kind,
            Source::Group(group) => group.first()?.kind,
        };
        let slot = ready.iter().copied().min_by_key(|&slot| Reverse(limit(slot, kind)))?;
        let own = limit(slot, kind);
        let all: usize = ready.iter().map(|&slot| limit(slot, kind)).sum();
        let share = (self.waiting as f64 * own as f64 / all as f64).round() as usize;
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

    /// Takes the first runs of a group that are in one phase; the rest waits on.
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
        self.order.insert(Rank { failures, turn: first.turn, arrival }, Source::Group(candidates));
    }

    /// Puts a pool at the place that its first run gives it, or forgets it if it is empty.
    fn rank_pool(&mut self, kind: Kind) {
        let Some(pool) = self.pools.get_mut(&kind) else { return };
        self.order.remove(&pool.rank);
        match pool.all.first() {
            Some(&(turn, _, _)) => {
                pool.rank.turn = turn;
                self.order.insert(pool.rank, Source::Pool(kind));
            }
            None => drop(self.pools.remove(&kind)),
        }
    }
}

/// The largest of the fewest parts of at most `most` into which `count` can be cut, all as equal as
/// can be: nine of at most eight make five and four.
fn even_part(count: usize, most: usize) -> usize {
    count.div_ceil(count.div_ceil(most).max(1))
}
