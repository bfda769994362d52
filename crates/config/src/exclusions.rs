//! Exclusion rules, indexed by the values of the axes.
//!
//! A sweep may have thousands of rules and thousands of configs. Comparing each rule with each config
//! would take minutes, so the rules that name values of axes are looked up by these values.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use crate::schema::{Key, RECIPE, VARIANT};
use crate::sweep::{Axis, Exclusion};
use crate::{BudgetedConfig, Experiment, Value};

/// The exclusion rules of an experiment.
pub(crate) struct Exclusions<'e> {
    /// Rules with equal values, which differ in their seeds alone.
    conditions: Vec<Condition<'e>>,
    /// The conditions by the axes that they name, as indices.
    by_axes: BTreeMap<Vec<usize>, Lookup>,
}

/// For each choice of values, as indices in the order of the axes, the conditions that require it.
type Lookup = HashMap<Vec<usize>, Vec<usize>>;

/// The common values of some rules.
#[derive(Debug, Default)]
struct Condition<'e> {
    values: &'e [(&'static Key, Value)],
    /// Whether the values of the axes alone do not decide if a config has the values.
    needs_config: bool,
    any_seed: Vec<usize>,
    by_seed: HashMap<u64, Vec<usize>>,
}

/// The rules that match one combination.
#[derive(Debug)]
pub(crate) struct Matches<'x> {
    conditions: Vec<&'x Condition<'x>>,
}

impl Matches<'_> {
    /// The rules that exclude the run with that seed, as indices into the list of rules.
    pub(crate) fn rules(&self, seed: u64) -> impl Iterator<Item = usize> + '_ {
        self.conditions.iter().flat_map(move |condition| {
            condition.any_seed.iter().chain(condition.by_seed.get(&seed).into_iter().flatten()).copied()
        })
    }

    /// Whether every run with one of these seeds is excluded.
    pub(crate) fn exclude_all(&self, seeds: &[u64]) -> bool {
        !self.conditions.is_empty() && seeds.iter().all(|&seed| self.rules(seed).next().is_some())
    }
}

impl<'e> Exclusions<'e> {
    pub(crate) fn new(experiment: &'e Experiment) -> Self {
        let rules = &experiment.sweep.exclude;
        // Most experiments have no rules, and some have many values.
        let swept = experiment.sweep.axes().filter(|_| !rules.is_empty());
        let axes: Vec<SweptAxis<'_>> = swept.map(SweptAxis::new).collect();
        let values = experiment.sweep.variants.iter().flat_map(|variant| &variant.values);
        let beyond = BeyondAxes {
            recipes: !experiment.sweep.recipes(&experiment.recipe).is_empty(),
            keys: values.flat_map(|it| it.key.targets()).map(|key| key.path).collect(),
        };
        let mut exclusions = Self { conditions: Vec::new(), by_axes: BTreeMap::new() };
        let mut known: HashMap<String, usize> = HashMap::new();
        for (index, rule) in rules.iter().enumerate() {
            let next = exclusions.conditions.len();
            let condition = *known.entry(text(rule)).or_insert(next);
            if condition == next {
                exclusions.add_condition(&rule.values, experiment, &axes, &beyond);
            }
            let condition = &mut exclusions.conditions[condition];
            match rule.seed {
                None => condition.any_seed.push(index),
                Some(seed) => condition.by_seed.entry(seed).or_default().push(index),
            }
        }
        exclusions
    }

    fn add_condition(
        &mut self,
        values: &'e [(&'static Key, Value)],
        experiment: &Experiment,
        axes: &[SweptAxis<'_>],
        beyond: &BeyondAxes,
    ) {
        let index = self.conditions.len();
        let Required { of_axes, needs_config, is_possible } = Required::by(values, experiment, axes, beyond);
        self.conditions.push(Condition { values, needs_config, ..Condition::default() });
        if !is_possible {
            return;
        }
        let lookup = self.by_axes.entry(of_axes.keys().copied().collect()).or_default();
        for choice in choices(of_axes.values()) {
            lookup.entry(choice).or_default().push(index);
        }
    }

    /// The rules that match a config, whose axes have the values with the indices `picks`.
    pub(crate) fn matching(&self, picks: &[usize], run: &BudgetedConfig, recipe: &str) -> Matches<'_> {
        let candidates = self.candidates(picks).map(|index| &self.conditions[index]);
        let holds =
            |condition: &&Condition<'_>| !condition.needs_config || has_all(condition.values, run, recipe);
        Matches { conditions: candidates.filter(holds).collect() }
    }

    /// The conditions whose values of axes are those with the indices `picks`.
    fn candidates<'x>(&'x self, picks: &'x [usize]) -> impl Iterator<Item = usize> + 'x {
        let found = self.by_axes.iter().filter_map(|(axes, lookup)| {
            let choice: Vec<usize> = axes.iter().map(|&axis| picks[axis]).collect();
            lookup.get(&choice)
        });
        found.flatten().copied()
    }
}

/// The identity of a rule's values.
fn text(rule: &Exclusion) -> String {
    let values: Vec<String> =
        rule.values.iter().map(|(key, value)| format!("{} = {value:?}", key.path)).collect();
    values.join("\n")
}

/// An axis whose values are looked up by their text.
struct SweptAxis<'e> {
    axis: &'e Axis,
    by_text: HashMap<String, BTreeSet<usize>>,
}

impl<'e> SweptAxis<'e> {
    fn new(axis: &'e Axis) -> Self {
        let mut by_text: HashMap<String, BTreeSet<usize>> = HashMap::new();
        for (index, value) in axis.values.iter().enumerate() {
            by_text.entry(format!("{value:?}")).or_default().insert(index);
        }
        Self { axis, by_text }
    }

    /// The indices of the values that may satisfy a required one, and whether the config has to tell if they do.
    fn satisfying(&self, required: &Value) -> (BTreeSet<usize>, bool) {
        let mut indices = self.by_text.get(&format!("{required:?}")).cloned().unwrap_or_default();
        let all_equal = |widths: &[u32], width: u32| widths.iter().all(|other| *other == width);
        let values = self.axis.values.iter().enumerate();
        match required {
            Value::Width(width) => {
                let alike =
                    |value: &Value| matches!(value, Value::Widths(widths) if all_equal(widths, *width));
                indices.extend(values.filter(|(_, value)| alike(value)).map(|(index, _)| index));
                (indices, false)
            }
            Value::Widths(widths) => {
                let alike = |value: &Value| matches!(value, Value::Width(width) if all_equal(widths, *width));
                let perhaps: Vec<usize> =
                    values.filter(|(_, value)| alike(value)).map(|(index, _)| index).collect();
                indices.extend(&perhaps);
                // The network's number of layers decides whether the lists are equal.
                (indices, !perhaps.is_empty())
            }
            _ => (indices, false),
        }
    }
}

/// What differs between configs beside the keys of the axes: each recipe and each variant has its own values.
struct BeyondAxes {
    recipes: bool,
    /// The keys that some variant sets.
    keys: HashSet<&'static str>,
}

/// What a condition requires.
struct Required {
    /// For each axis that the condition names, the indices of the values that may satisfy it.
    of_axes: BTreeMap<usize, BTreeSet<usize>>,
    needs_config: bool,
    /// `false` if a value that is not swept differs from the required one.
    is_possible: bool,
}

impl Required {
    fn by(
        values: &[(&'static Key, Value)],
        experiment: &Experiment,
        axes: &[SweptAxis<'_>],
        beyond: &BeyondAxes,
    ) -> Self {
        let mut required = Self { of_axes: BTreeMap::new(), needs_config: false, is_possible: true };
        for (position, (key, value)) in values.iter().enumerate() {
            let others = || values.iter().enumerate().filter(|(other, _)| *other != position);
            for target in key.targets() {
                // Of two values for one key the later counts, and of widths perhaps both do.
                let is_repeated = others().any(|(_, (other, _))| other.covers(target));
                match axes.iter().position(|swept| swept.axis.key.covers(target)) {
                    _ if is_repeated => required.needs_config = true,
                    Some(axis) => required.of_axis(axis, axes[axis].satisfying(value)),
                    None if beyond.recipes || beyond.keys.contains(target.path) => {
                        required.needs_config = true;
                    }
                    None => required.is_possible &= is_fixed_value(experiment, target, value),
                }
            }
        }
        required
    }

    fn of_axis(&mut self, axis: usize, (indices, needs_config): (BTreeSet<usize>, bool)) {
        self.needs_config |= needs_config;
        // Two keys of a rule may be parts of one axis.
        let known = self.of_axes.entry(axis).or_insert_with(|| indices.clone());
        known.retain(|index| indices.contains(index));
    }
}

/// Whether a key that is not swept has that value in every config.
fn is_fixed_value(experiment: &Experiment, key: &'static Key, value: &Value) -> bool {
    *key != VARIANT && has_all(&[(key, value.clone())], &experiment.budgeted_config(), &experiment.recipe)
}

/// Whether a config has all of these values: then assigning them changes nothing.
fn has_all(values: &[(&'static Key, Value)], run: &BudgetedConfig, recipe: &str) -> bool {
    let mut assigned = run.clone();
    for (key, value) in values {
        // The name of a list that no axis has.
        if key.kind.is_list() && value.as_text().is_some() {
            return false;
        }
        if key.path == RECIPE && value.as_text() != Some(recipe) {
            return false;
        }
        key.apply(value, &mut assigned);
    }
    assigned == *run
}

/// Every choice of one element of each set.
fn choices<'s>(sets: impl Iterator<Item = &'s BTreeSet<usize>>) -> Vec<Vec<usize>> {
    sets.fold(vec![Vec::new()], |choices, set| {
        let extended =
            |choice: &Vec<usize>| set.iter().map(|&index| [&choice[..], &[index]].concat()).collect();
        choices.iter().flat_map(|choice| -> Vec<Vec<usize>> { extended(choice) }).collect()
    })
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;
    use std::path::Path;

    use proptest::prelude::*;

    use super::*;
    use crate::LoadOptions;
    use crate::expand::{Combination, Expansion};

    fn experiment(text: &str) -> Experiment {
        Experiment::parse(Path::new("test.toml"), text.to_owned(), &LoadOptions::default()).unwrap()
    }

    /// The conditions that are compared with combinations, of all combinations together.
    fn comparisons(experiment: &Experiment) -> usize {
        let expansion = Expansion::new(experiment);
        let picks = |values: &[&Value]| -> Vec<usize> {
            let places = |(axis, value): (&Axis, &&Value)| axis.values.iter().position(|it| it == *value);
            experiment.sweep.axes().zip(values).map(|it| places(it).unwrap()).collect()
        };
        let compared = |it: Combination<'_>| expansion.exclusions.candidates(&picks(&it.values)).count();
        expansion.combinations().map(compared).sum()
    }

    #[test]
    fn many_rules_are_not_compared_with_many_configs() {
        let axes = "[sweep]\nseeds = 2\n[sweep.grid]\n\"optimizer.lr\" = { log = [1e-5, 1e-2], n = 500 }\n\
                    \"optimizer.beta1\" = [0.1, 0.2]\n";
        let swept = experiment(axes);
        let rates: Vec<String> =
            swept.sweep.axes().next().unwrap().values.iter().map(|rate| rate.to_json().to_string()).collect();
        let mut text = axes.to_owned();
        for rate in &rates {
            let _ = writeln!(text, "[[sweep.exclude]]\noptimizer.lr = {rate}\noptimizer.beta1 = 0.1");
            let _ = writeln!(text, "[[sweep.exclude]]\noptimizer.generator.lr = {rate}\nseed = 1");
            let _ = writeln!(text, "[[sweep.exclude]]\noptimizer.lr = {rate}\ntrain.batch_size = 7");
        }
        // One rule matches each of 500 configs, another all of 1000; the third never matches.
        assert_eq!(comparisons(&experiment(&text)), 1500);
    }

    #[test]
    fn rules_with_equal_values_are_compared_once_however_many_seeds_they_have() {
        let mut text = "[sweep]\nseeds = 1000\n[sweep.grid]\n\"optimizer.lr\" = [1e-3, 1e-4]\n".to_owned();
        for seed in 0..999 {
            let _ = writeln!(text, "[[sweep.exclude]]\nseed = {seed}");
        }
        assert_eq!(comparisons(&experiment(&text)), 2);
    }

    /// Parts of rules; of those with one key a rule has at most one.
    const PARTS: [(&str, &[&str]); 10] = [
        ("optimizer.lr", &["1e-3", "1e-4", "7.0"]),
        ("optimizer.generator.lr", &["1e-3", "1e-4"]),
        ("model.hidden", &["64", "[64, 64]", "[64, 64, 64]", "32"]),
        ("model.generator.hidden", &["64", "[64, 32]"]),
        ("recipe", &["\"jovian\"", "\"coursera\""]),
        ("train.batch_size", &["100", "128", "64"]),
        ("train.epochs", &["1", "2"]),
        ("seed", &["0", "1"]),
        ("variant", &["\"plain\"", "\"other\""]),
        ("train.d_steps", &["1", "2"]),
    ];

    fn any_rule() -> impl Strategy<Value = String> {
        let part =
            (0..PARTS.len()).prop_flat_map(|key| (Just(key), prop::sample::select(PARTS[key].1.to_vec())));
        prop::collection::btree_map(0..PARTS.len(), part, 1..4).prop_map(|parts| {
            let parts: BTreeMap<usize, &str> = parts.into_values().collect();
            let lines = parts.into_iter().map(|(key, value)| format!("{:?} = {value}\n", PARTS[key].0));
            format!("[[sweep.exclude]]\n{}", lines.collect::<String>())
        })
    }

    proptest! {
        #[test]
        fn a_rule_that_is_looked_up_matches_as_one_that_is_compared(
            rules in prop::collection::vec(any_rule(), 1..6),
            sweeps_recipe in any::<bool>(),
            has_variants in any::<bool>(),
        ) {
            let recipe = if sweeps_recipe { "recipe = [\"jovian\", \"coursera\", \"fast\"]\n" } else { "" };
            let own = if sweeps_recipe { "" } else { "recipe = \"jovian\"\n" };
            let variants = match has_variants {
                true => format!("[sweep.variants.plain]\n[sweep.variants.other]\ntrain.d_steps = 2\ntrain.batch_size = 100\n{own}"),
                false => String::new(),
            };
            let text = format!(
                "[sweep]\nseeds = 2\n[sweep.grid]\n\"optimizer.lr\" = [1e-3, 1e-4]\n\
                 \"model.hidden\" = [64, [64, 64], [64, 32]]\n\"train.epochs\" = [1, 2]\n{recipe}{variants}{}",
                rules.concat()
            );
            let options = LoadOptions::default();
            let Ok(experiment) = Experiment::parse(Path::new("test.toml"), text, &options) else { return Ok(()) };
            for combination in Expansion::new(&experiment).combinations() {
                let text_of = |key: &str| {
                    let mut axes = experiment.sweep.axes().zip(&combination.values);
                    axes.find(|(axis, _)| axis.key.path == key).and_then(|(_, value)| value.as_text())
                };
                let name = text_of(VARIANT.path);
                let brought = name.and_then(|name| experiment.sweep.variant(name)?.recipe());
                let recipe = text_of(RECIPE).or(brought).unwrap_or(&experiment.recipe);
                for seed in [0, 1] {
                    let is_of = |(key, value): &(&Key, Value)| **key != VARIANT || value.as_text() == name;
                    let holds = |rule: &Exclusion| {
                        rule.seed.is_none_or(|only| only == seed)
                            && rule.values.iter().all(is_of)
                            && has_all(&rule.values, &combination.run, recipe)
                    };
                    let rules = experiment.sweep.exclude.iter().enumerate();
                    let compared: BTreeSet<usize> =
                        rules.filter(|(_, rule)| holds(rule)).map(|(index, _)| index).collect();
                    let looked_up: BTreeSet<usize> = combination.excluded.rules(seed).collect();
                    prop_assert_eq!(looked_up, compared);
                }
            }
        }
    }
}
