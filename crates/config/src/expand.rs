//! Expansion: every combination of an experiment's factors as a config.

use std::collections::HashMap;

use crate::clash::{Clash, clashes};
use crate::plan::Identities;
use crate::schema::{self, Key};
use crate::sweep::Exclusion;
use crate::{Asked, Experiment, Fault, Layer, Place, Problem, Value};

/// The most runs of one sweep, before any is left out.
const MAX_RUNS: u128 = 1_000_000;

/// One value of each axis, and what they ask of a run together.
#[derive(Debug, Clone)]
pub(crate) struct Combination<'e> {
    pub(crate) asked: Asked,
    pub(crate) recipe: &'e str,
    /// In the order of [`Sweep::axes`](crate::Sweep::axes).
    pub(crate) values: Vec<&'e Value>,
    keys: Vec<&'e Key>,
}

impl Combination<'_> {
    /// The rules that leave it out with some seed, as positions in the list of exclusions.
    pub(crate) fn excluded_by<'x>(&'x self, rules: &'x [Exclusion]) -> impl Iterator<Item = usize> + 'x {
        rules.iter().enumerate().filter(|(_, rule)| self.matches(rule)).map(|(index, _)| index)
    }

    /// Whether a rule's values are its own: then assigning them changes nothing.
    fn matches(&self, rule: &Exclusion) -> bool {
        if self.differs(rule) {
            return false;
        }
        let mut assigned = self.asked.clone();
        for (key, value) in &rule.values {
            if key.path == schema::RECIPE && value.as_text() != Some(self.recipe) {
                return false;
            }
            key.apply(value, &mut assigned);
        }
        assigned == self.asked
    }

    /// Whether a rule names another value than the one chosen for an axis. Most rules do in most
    /// combinations, and this tells it without a copy of the config.
    fn differs(&self, rule: &Exclusion) -> bool {
        let chosen = |key: &Key| Some(self.values[self.keys.iter().position(|other| *other == key)?]);
        // One width may stand for the list of widths that was chosen, and of two values on one key
        // the later counts: for these the config is asked.
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
    let lengths: Vec<usize> = experiment.sweep.factors.iter().map(crate::Factor::len).collect();
    let all = lengths.iter().product();
    (0..all).map(move |index| combination(experiment, &picks(index, &lengths)))
}

/// The digits of a number whose places count to these lengths.
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
    // A recipe replaces the values below the file's, so it comes before all assignments.
    let recipe =
        chosen.iter().find(|(key, _)| key.path == schema::RECIPE).and_then(|(_, value)| value.as_text());
    let recipe = recipe.unwrap_or(&experiment.recipe);
    let mut asked = experiment.bases.get(recipe).cloned().unwrap_or_else(|| experiment.asked());
    for (key, value) in &chosen {
        key.apply(value, &mut asked);
    }
    let (keys, values) = chosen.into_iter().unzip();
    Combination { asked, recipe, values, keys }
}

/// What is wrong with the runs of an experiment; only what `known` faults cast no doubt on. Without
/// `data`, what does not depend on it.
pub(crate) fn check(
    experiment: &Experiment,
    known: &[Fault],
    mut data: Option<&mut Identities<'_>>,
) -> Vec<Fault> {
    let runs = experiment.sweep.configs().saturating_mul(experiment.sweep.seeds.len() as u128);
    if runs > MAX_RUNS {
        let place = Place::File(experiment.file.clone());
        let fault = Fault::new(place, None, "sweep", Problem::TooManyRuns(runs));
        return vec![fault.expected(format_args!("at most {MAX_RUNS}"))];
    }
    let (mut all, mut left) = (0, 0);
    let mut found: Vec<(Clash, usize)> = Vec::new();
    let mut places: HashMap<Clash, usize> = HashMap::new();
    for combination in combinations(experiment) {
        all += 1;
        let rules = &experiment.sweep.exclude;
        if combination.excluded_by(rules).any(|rule| rules[rule].seed.is_none()) {
            continue;
        }
        left += 1;
        let config = &combination.asked.config;
        let identity = data.as_mut().map(|data| data.of(config.data.dataset));
        for clash in clashes(config, experiment, identity) {
            let place = *places.entry(clash.clone()).or_insert(found.len());
            match found.get_mut(place) {
                Some((_, configs)) => *configs += 1,
                None => found.push((clash, 1)),
            }
        }
    }
    let doubtful = |clash: &Clash| {
        let mut keys = clash.keys.iter().filter_map(|path| schema::find(path));
        keys.any(|key| known.iter().any(|fault| fault.casts_doubt_on(key)))
    };
    found.retain(|(clash, _)| !doubtful(clash));
    let mut faults: Vec<_> =
        found.into_iter().map(|(clash, some)| clash_fault(experiment, clash, (some, all))).collect();
    faults.extend(nothing_left(experiment, left));
    faults
}

fn clash_fault(experiment: &Experiment, clash: Clash, configs: (usize, usize)) -> Fault {
    let (key, place, layer) = culprit(experiment, clash.keys);
    let problem = Problem::Clash { reason: clash.reason, configs };
    Fault::new(place, layer, key, problem).expected(clash.expected)
}

/// Which of the keys of a clash to name, and where it got its value: an axis on one of them, or
/// the latest layer that gives one.
fn culprit(experiment: &Experiment, keys: &'static [&'static str]) -> (String, Place, Option<Layer>) {
    let known = || keys.iter().filter_map(|path| schema::find(path));
    for axis in experiment.sweep.axes() {
        if known().any(|key| axis.key.overlaps(key)) {
            return (axis.key.path.to_owned(), axis.place.clone(), Some(axis.layer.clone()));
        }
    }
    let origins = known().filter_map(|key| Some((key, experiment.origins.get(key.path)?)));
    // Of equal layers the first key, which is the one to name.
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
