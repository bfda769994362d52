//! Expansion: every combination of an experiment's factors, and the constraints that each must satisfy.

use std::collections::HashMap;

use crate::constraints::{Conflict, conflicts};
use crate::schema::{self, Key};
use crate::sweep::{Exclusion, Factor};
use crate::{BudgetedConfig, DataIdentity, Dataset, Experiment, Fault, Layer, Place, Problem, Value};

/// The most runs of one sweep, before exclusions: a limit on the time and memory of planning.
const MAX_RUNS: u128 = 1_000_000;

/// What the runs on each dataset really train on, looked up once for each.
pub(crate) struct DataLookup<'d> {
    look_up: &'d dyn Fn(Dataset) -> DataIdentity,
    known: HashMap<Dataset, DataIdentity>,
}

impl<'d> DataLookup<'d> {
    pub(crate) fn new(look_up: &'d dyn Fn(Dataset) -> DataIdentity) -> Self {
        Self { look_up, known: HashMap::new() }
    }

    pub(crate) fn of(&mut self, dataset: Dataset) -> &DataIdentity {
        self.known.entry(dataset).or_insert_with(|| (self.look_up)(dataset))
    }
}

/// One value of each axis, and the config and budget with these values assigned.
#[derive(Debug, Clone)]
pub(crate) struct Combination<'e> {
    pub(crate) run: BudgetedConfig,
    pub(crate) recipe: &'e str,
    /// In the order of [`Sweep::axes`](crate::Sweep::axes).
    pub(crate) values: Vec<&'e Value>,
    keys: Vec<&'e Key>,
}

impl Combination<'_> {
    /// The exclusion rules that match with some seed, as indices into `rules`.
    pub(crate) fn excluded_by<'x>(&'x self, rules: &'x [Exclusion]) -> impl Iterator<Item = usize> + 'x {
        rules.iter().enumerate().filter(|(_, rule)| self.matches(rule)).map(|(index, _)| index)
    }

    /// Whether the combination has all values of a rule: then assigning them changes nothing.
    fn matches(&self, rule: &Exclusion) -> bool {
        if self.differs(rule) {
            return false;
        }
        let mut assigned = self.run.clone();
        for (key, value) in &rule.values {
            if key.path == schema::RECIPE && value.as_text() != Some(self.recipe) {
                return false;
            }
            key.apply(value, &mut assigned);
        }
        assigned == self.run
    }

    /// Whether a rule has another value for an axis. Most rules do in most combinations, and this test
    /// needs no copy of the config.
    fn differs(&self, rule: &Exclusion) -> bool {
        let chosen = |key: &Key| Some(self.values[self.keys.iter().position(|other| *other == key)?]);
        // Not for widths, since one width and a list may mean the same, and not for two values on one
        // key, of which the later counts: these are compared in the config.
        let is_plain = |key: &Key, value: &Value| {
            let again = rule.values.iter().filter(|(other, _)| other.shares_target(key)).count() > 1;
            !matches!(value, Value::Width(_) | Value::Widths(_)) && !again
        };
        let other_value = |(key, value): &(&Key, Value)| chosen(key).is_some_and(|chosen| chosen != value);
        rule.values.iter().any(|rule| other_value(rule) && is_plain(rule.0, &rule.1))
    }
}

/// Every combination of an experiment's factors, the last factor changing fastest.
pub(crate) fn combinations(experiment: &Experiment) -> impl Iterator<Item = Combination<'_>> {
    let lengths: Vec<usize> = experiment.sweep.factors.iter().map(Factor::len).collect();
    let all = lengths.iter().product();
    (0..all).map(move |index| combination(experiment, &picks(index, &lengths)))
}

/// The mixed-radix digits of `index`: the position in each factor, the last factor changing fastest.
fn picks(mut index: usize, lengths: &[usize]) -> Vec<usize> {
    let mut picks = vec![0; lengths.len()];
    for (pick, length) in picks.iter_mut().zip(lengths).rev() {
        (*pick, index) = (index % length, index / length);
    }
    picks
}

fn combination<'e>(experiment: &'e Experiment, picks: &[usize]) -> Combination<'e> {
    let factors = experiment.sweep.factors.iter().zip(picks);
    let chosen = factors
        .flat_map(|(factor, &pick)| factor.axes.iter().map(move |axis| (axis.key, &axis.values[pick])));
    let chosen: Vec<(&Key, &Value)> = chosen.collect();
    // A recipe is a layer below the file, so it is applied before the values of other axes.
    let recipe =
        chosen.iter().find(|(key, _)| key.path == schema::RECIPE).and_then(|(_, value)| value.as_text());
    let recipe = recipe.unwrap_or(&experiment.recipe);
    let mut run = experiment.bases.get(recipe).cloned().unwrap_or_else(|| experiment.budgeted_config());
    for (key, value) in &chosen {
        key.apply(value, &mut run);
    }
    let (keys, values) = chosen.into_iter().unzip();
    Combination { run, recipe, values, keys }
}

/// The faults of an experiment's runs, without those that may be consequences of the `known` faults.
/// Without `data`, constraints that depend on the dataset's spec are not checked.
pub(crate) fn check(
    experiment: &Experiment,
    known: &[Fault],
    mut data: Option<&mut DataLookup<'_>>,
) -> Vec<Fault> {
    let runs = experiment.sweep.configs().saturating_mul(experiment.sweep.seeds.len() as u128);
    if runs > MAX_RUNS {
        let place = Place::File(experiment.file.clone());
        let fault = Fault::new(place, None, "sweep", Problem::TooManyRuns(runs));
        return vec![fault.expected(format_args!("at most {MAX_RUNS}"))];
    }
    let (mut all, mut left) = (0, 0);
    let mut found: Vec<(Conflict, usize)> = Vec::new();
    let mut places: HashMap<Conflict, usize> = HashMap::new();
    for combination in combinations(experiment) {
        all += 1;
        let rules = &experiment.sweep.exclude;
        if combination.excluded_by(rules).any(|rule| rules[rule].seed.is_none()) {
            continue;
        }
        left += 1;
        let config = &combination.run.config;
        let identity = data.as_mut().map(|data| data.of(config.data.dataset));
        for conflict in conflicts(config, experiment, identity) {
            let place = *places.entry(conflict.clone()).or_insert(found.len());
            match found.get_mut(place) {
                Some((_, configs)) => *configs += 1,
                None => found.push((conflict, 1)),
            }
        }
    }
    let is_uncertain = |conflict: &Conflict| {
        let mut keys = conflict.keys.iter().filter_map(|path| schema::find(path));
        keys.any(|key| known.iter().any(|fault| fault.casts_doubt_on(key)))
    };
    found.retain(|(conflict, _)| !is_uncertain(conflict));
    let mut faults: Vec<_> =
        found.into_iter().map(|(conflict, some)| conflict_fault(experiment, conflict, (some, all))).collect();
    faults.extend(nothing_left(experiment, left));
    faults
}

fn conflict_fault(experiment: &Experiment, conflict: Conflict, configs: (usize, usize)) -> Fault {
    let (key, place, layer) = key_to_report(experiment, conflict.keys);
    let problem = Problem::Conflict { reason: conflict.reason, configs };
    Fault::new(place, layer, key, problem).expected(conflict.expected)
}

/// The key of a conflict to report, and where it got its value: an axis on one of the keys, or else the
/// last layer that gives one of them a value.
fn key_to_report(experiment: &Experiment, keys: &'static [&'static str]) -> (String, Place, Option<Layer>) {
    let known = || keys.iter().filter_map(|path| schema::find(path));
    for axis in experiment.sweep.axes() {
        if known().any(|key| axis.key.overlaps(key)) {
            return (axis.key.path.to_owned(), axis.place.clone(), Some(axis.layer.clone()));
        }
    }
    let origins = known().filter_map(|key| Some((key, experiment.origins.get(key.path)?)));
    // `max_by` returns the last of equal layers; the order is reversed to get the first key.
    let latest = origins.rev().max_by(|(_, a), (_, b)| a.0.cmp(&b.0));
    match latest {
        Some((key, (layer, place))) => (key.path.to_owned(), place.clone(), Some(layer.clone())),
        None => {
            (keys.first().copied().unwrap_or_default().to_owned(), Place::File(experiment.file.clone()), None)
        }
    }
}

fn nothing_left(experiment: &Experiment, left: usize) -> Option<Fault> {
    let rules = experiment.sweep.exclude.first().filter(|_| left == 0)?;
    let fault = Fault::new(rules.place.clone(), None, schema::EXCLUDE, Problem::NoRuns);
    Some(fault.expected("at least one run to stay"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_factor_changes_fastest() {
        let all: Vec<_> = (0..6).map(|index| picks(index, &[2, 3])).collect();
        assert_eq!(all, [[0, 0], [0, 1], [0, 2], [1, 0], [1, 1], [1, 2]]);
        assert_eq!(picks(0, &[]), Vec::<usize>::new());
    }
}
