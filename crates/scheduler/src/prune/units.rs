//! What pruners compare: runs, or configs by the mean over their seeds.

use std::collections::{BTreeMap, HashMap};

use gansweep_config::{PlannedRun, Prune, PruneSeeds, RunId, RunState};
use gansweep_protocol::{Direction, Metric};

use super::{AddedRun, EpochReport};

/// All runs of a sweep, and the units that they form.
#[derive(Debug)]
pub(super) struct Units {
    seeds: PruneSeeds,
    metric: Metric,
    members: Vec<Member>,
    all: Vec<Unit>,
    of_run: HashMap<RunId, usize>,
    of_name: HashMap<(String, String), usize>,
}

/// What is compared: a run, or a config.
#[derive(Debug)]
pub(super) struct Unit {
    /// Breaks ties: the run's id, or the config's hash.
    pub(super) id: String,
    /// Fingerprint of its data. Figures of different data do not compare.
    pub(super) data: String,
    pub(super) members: Vec<usize>,
}

/// A run.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) run: RunId,
    pub(super) unit: usize,
    per_epoch: u64,
    /// In epochs.
    pub(super) budget: u32,
    /// The step at which it is paused, or of which its checkpoint was when the sweep began.
    stands_at: u64,
    /// It has come at least so far.
    reached: u64,
    pub(super) state: RunState,
    /// Values of the metric at the ends of epochs.
    values: BTreeMap<u32, f64>,
}

impl Member {
    /// Whether it will not come any further.
    pub(super) fn is_dead(&self) -> bool {
        matches!(self.state, RunState::Diverged | RunState::Failed)
    }

    pub(super) fn has_reached(&self, epochs: u32) -> bool {
        self.reached >= self.step_of(epochs)
    }

    pub(super) fn is_beyond(&self, epochs: u32) -> bool {
        self.reached > self.step_of(epochs)
    }

    /// Whether it goes on from the end of this epoch.
    pub(super) fn stands_at(&self, epochs: u32) -> bool {
        self.stands_at == self.step_of(epochs)
    }

    pub(super) fn step_of(&self, epochs: u32) -> u64 {
        u64::from(epochs) * self.per_epoch
    }

    pub(super) fn reach(&mut self, step: u64) {
        self.reached = self.reached.max(step);
    }

    pub(super) fn pause(&mut self, step: u64) {
        self.reach(step);
        self.stands_at = step;
    }

    pub(super) fn value(&self, epochs: u32) -> Option<f64> {
        self.values.get(&epochs).copied()
    }

    /// Its values up to an epoch, by epoch.
    pub(super) fn values(&self) -> &BTreeMap<u32, f64> {
        &self.values
    }
}

impl Units {
    pub(super) fn new(seeds: PruneSeeds, metric: Metric) -> Self {
        let (members, all) = (Vec::new(), Vec::new());
        Self { seeds, metric, members, all, of_run: HashMap::new(), of_name: HashMap::new() }
    }

    pub(super) const fn metric(&self) -> Metric {
        self.metric
    }

    /// Adds a run, and returns its unit.
    pub(super) fn add(&mut self, added: &AddedRun<'_>) -> usize {
        let PlannedRun { id, config_hash, spec, config, epochs, .. } = added.run;
        let name = match self.seeds {
            PruneSeeds::Together => config_hash.as_str().to_owned(),
            PruneSeeds::Apart => id.to_string(),
        };
        let data = spec.fingerprint.clone();
        let next = self.all.len();
        let unit = *self.of_name.entry((data.clone(), name.clone())).or_insert(next);
        if unit == next {
            self.all.push(Unit { id: name, data, members: Vec::new() });
        }
        let per_epoch = u64::from(config.steps_per_epoch(spec)).max(1);
        let ends_epoch = |(step, _): &&(u64, f64)| step.is_multiple_of(per_epoch);
        let at_epoch = |(step, value): &(u64, f64)| ((step / per_epoch) as u32, *value);
        let member = self.members.len();
        self.all[unit].members.push(member);
        self.of_run.insert(id.clone(), member);
        self.members.push(Member {
            run: id.clone(),
            unit,
            per_epoch,
            budget: *epochs,
            stands_at: added.step,
            reached: added.step.max(added.confirmed_step),
            state: added.state,
            values: added.values.iter().filter(ends_epoch).map(at_epoch).collect(),
        });
        unit
    }

    pub(super) fn find(&self, run: &RunId) -> Option<usize> {
        self.of_run.get(run).copied()
    }

    pub(super) fn member(&self, member: usize) -> &Member {
        &self.members[member]
    }

    pub(super) fn member_mut(&mut self, member: usize) -> &mut Member {
        &mut self.members[member]
    }

    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    pub(super) fn unit(&self, unit: usize) -> &Unit {
        &self.all[unit]
    }

    pub(super) fn members_of(&self, unit: usize) -> impl Iterator<Item = &Member> {
        self.all[unit].members.iter().map(|&member| &self.members[member])
    }

    /// The largest budget of its runs, in epochs.
    pub(super) fn budget(&self, unit: usize) -> u32 {
        self.members_of(unit).map(|member| member.budget).max().unwrap_or(0)
    }

    /// Takes an epoch's value, if the report has one; returns the run.
    pub(super) fn observe(&mut self, report: &EpochReport<'_>) -> Option<usize> {
        let member = self.find(&report.run.id)?;
        let (_, value) = report.values.iter().find(|(metric, _)| *metric == self.metric)?;
        self.members[member].values.insert(report.epoch, *value);
        Some(member)
    }

    /// A value as a score: smaller is better, and infinity is the worst.
    pub(super) fn score(&self, value: f64) -> f64 {
        let score = if self.metric.declaration().direction == Direction::Higher { -value } else { value };
        if score.is_finite() { score } else { f64::INFINITY }
    }

    /// The mean score of those runs at an epoch; infinite if one has no value or will never have one.
    pub(super) fn mean_score<'m>(&self, members: impl Iterator<Item = &'m Member>, epochs: u32) -> f64 {
        let (mut sum, mut count) = (0.0, 0.0);
        for member in members {
            sum += member.value(epochs).map_or(f64::INFINITY, |value| self.score(value));
            count += 1.0;
        }
        let mean: f64 = sum / count;
        if mean.is_finite() { mean } else { f64::INFINITY }
    }
}

/// `1st`, `2nd`, `11th`.
pub(super) fn ordinal(number: usize) -> String {
    let suffix = match (number % 10, number % 100) {
        (_, 11..=13) => "th",
        (1, _) => "st",
        (2, _) => "nd",
        (3, _) => "rd",
        _ => "th",
    };
    format!("{number}{suffix}")
}

/// The number that goes on of those that have come to a rung, once nothing else is left to train.
pub(super) fn share(prune: &Prune, come: usize) -> usize {
    (come / prune.factor as usize).max(usize::from(come > 0))
}

/// A config as its cost is computed.
#[derive(Debug, Clone)]
pub(super) struct Priced {
    /// Its rungs, ascending.
    pub(super) rungs: Vec<u32>,
    /// The budgets of its runs.
    pub(super) budgets: Vec<u32>,
}

impl Priced {
    /// Epochs of all of its runs from one rung to another, or to their budgets.
    pub(super) fn epochs(&self, from: u32, to: Option<u32>) -> u64 {
        let of_run = |budget: &u32| u64::from(to.unwrap_or(*budget).min(*budget).saturating_sub(from));
        self.budgets.iter().map(of_run).sum()
    }

    pub(super) fn next_rung(&self, after: u32) -> Option<u32> {
        self.rungs.iter().copied().find(|epochs| *epochs > after)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinals_are_written_as_in_english() {
        let written = [1, 2, 3, 4, 11, 12, 13, 21, 102, 111].map(ordinal);
        assert_eq!(written, ["1st", "2nd", "3rd", "4th", "11th", "12th", "13th", "21st", "102nd", "111th"]);
    }
}
