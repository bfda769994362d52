//! Expansion: every combination of an experiment's factors, and the constraints that each must satisfy.

use std::collections::HashMap;

use gansweep_base::text;

use crate::constraints::{Conflict, conflicts};
use crate::exclusions::{Exclusions, Matches};
use crate::schema::{self, Key, Kind, VARIANT};
use crate::sweep::{Axis, Factor};
use crate::{
    BudgetedConfig, Config, DataConfig, DataIdentity, DataRequest, Experiment, Fault, Layer, Place, Problem,
    Value, Variant, VariantValue,
};

/// The most runs of one sweep, before exclusions: a limit on the time and memory of planning.
const MAX_RUNS: u128 = 1_000_000;

/// What the runs that ask for some images really train on, looked up once for each request.
pub(crate) struct DataLookup<'d> {
    look_up: &'d dyn Fn(DataRequest) -> DataIdentity,
    known: HashMap<DataRequest, DataIdentity>,
}

impl<'d> DataLookup<'d> {
    pub(crate) fn new(look_up: &'d dyn Fn(DataRequest) -> DataIdentity) -> Self {
        Self { look_up, known: HashMap::new() }
    }

    pub(crate) fn of(&mut self, data: &DataConfig) -> &DataIdentity {
        let asked = DataRequest::from(data);
        self.known.entry(asked).or_insert_with(|| (self.look_up)(asked))
    }
}

/// Every combination of an experiment's factors, the last factor changing fastest.
pub(crate) struct Expansion<'e> {
    experiment: &'e Experiment,
    pub(crate) exclusions: Exclusions<'e>,
}

/// One value of each axis, and the config and budget with these values assigned.
#[derive(Debug)]
pub(crate) struct Combination<'x> {
    pub(crate) run: BudgetedConfig,
    /// In the order of [`Sweep::axes`](crate::Sweep::axes).
    pub(crate) values: Vec<&'x Value>,
    /// The exclusion rules that match with some seed.
    pub(crate) excluded: Matches<'x>,
}

impl<'e> Expansion<'e> {
    pub(crate) fn new(experiment: &'e Experiment) -> Self {
        Self { experiment, exclusions: Exclusions::new(experiment) }
    }

    pub(crate) fn combinations(&self) -> impl Iterator<Item = Combination<'_>> {
        let lengths: Vec<usize> = self.experiment.sweep.factors.iter().map(Factor::len).collect();
        let all = lengths.iter().product();
        (0..all).map(move |index| self.combination(&digits(index, &lengths)))
    }

    /// The combinations with at least one seed that is not excluded.
    pub(crate) fn planned(&self) -> impl Iterator<Item = Combination<'_>> {
        self.combinations().filter(|it| !it.excluded.exclude_all(&self.experiment.sweep.seeds))
    }

    /// The combination with those values of the factors.
    fn combination(&self, picks: &[usize]) -> Combination<'_> {
        let experiment = self.experiment;
        let factors = experiment.sweep.factors.iter().zip(picks);
        let picked = factors.flat_map(|(factor, &pick)| factor.axes.iter().map(move |axis| (axis, pick)));
        let chosen: Vec<(&Key, &Value)> =
            picked.clone().map(|(axis, pick)| (axis.key, &axis.values[pick])).collect();
        let (run, recipe) = assigned(experiment, &chosen);
        let picks: Vec<usize> = picked.map(|(_, pick)| pick).collect();
        let excluded = self.exclusions.matching(&picks, &run, recipe);
        Combination { run, values: chosen.into_iter().map(|(_, value)| value).collect(), excluded }
    }
}

/// The config and budget with these values assigned, and the recipe that they start from.
pub(crate) fn assigned<'x>(
    experiment: &'x Experiment,
    chosen: &[(&Key, &'x Value)],
) -> (BudgetedConfig, &'x str) {
    let value_of = |path: &str| chosen.iter().find(|(key, _)| key.path == path)?.1.as_text();
    let variant = value_of(VARIANT.path).and_then(|name| experiment.sweep.variant(name));
    // A recipe is a layer below the file, so it is applied before the values of other axes.
    let recipe = value_of(schema::RECIPE).or_else(|| variant?.recipe());
    let recipe = recipe.unwrap_or(&experiment.recipe);
    let base = experiment.bases.get(recipe).cloned();
    let mut run = base.unwrap_or_else(|| experiment.budgeted_config());
    let of_variant = variant.into_iter().flat_map(Variant::assigned);
    for (key, value) in of_variant.chain(chosen.iter().map(|&(key, value)| (key, value))) {
        key.apply(value, &mut run);
    }
    (run, recipe)
}

/// For a search, what it may propose and no drawn trial may have: for each choice of an axis that `is_asked` for, the config with
/// it and the first values of the other axes.
pub(crate) fn choices<'e>(
    experiment: &'e Experiment,
    is_asked: fn(&Key) -> bool,
) -> impl Iterator<Item = (BudgetedConfig, Vec<&'e Value>)> {
    let axes = experiment.sweep.axes().filter(move |axis| experiment.search.is_some() && is_asked(axis.key));
    axes.flat_map(|axis| axis.choices().map(move |choice| (axis, choice))).filter_map(|(asked, choice)| {
        let value = |axis: &'e Axis| if axis.key == asked.key { Some(choice) } else { axis.values.first() };
        let values: Vec<&Value> = experiment.sweep.axes().map(value).collect::<Option<_>>()?;
        let chosen: Vec<(&Key, &Value)> =
            experiment.sweep.axes().map(|axis| axis.key).zip(values.iter().copied()).collect();
        Some((assigned(experiment, &chosen).0, values))
    })
}

/// The mixed-radix digits of `index`: the position in each factor, the last factor changing fastest.
fn digits(mut index: usize, lengths: &[usize]) -> Vec<usize> {
    let mut digits = vec![0; lengths.len()];
    for (digit, length) in digits.iter_mut().zip(lengths).rev() {
        (*digit, index) = (index % length, index / length);
    }
    digits
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
    let (mut planned, mut longest) = (0, 0);
    let mut found: Vec<(Found<'_>, usize)> = Vec::new();
    let mut places: HashMap<Found<'_>, usize> = HashMap::new();
    for combination in Expansion::new(experiment).planned() {
        planned += 1;
        longest = longest.max(combination.run.epochs);
        let config = &combination.run.config;
        let identity = data.as_mut().map(|data| data.of(&config.data));
        for conflict in conflicts(config, experiment, identity) {
            let conflict = Found::new(conflict, experiment, &combination.values);
            let place = *places.entry(conflict.clone()).or_insert(found.len());
            match found.get_mut(place) {
                Some((_, configs)) => *configs += 1,
                None => found.push((conflict, 1)),
            }
        }
    }
    // A variant that conflicts would never be proposed, and nobody would know why.
    for (run, values) in choices(experiment, |key| *key == VARIANT).filter(|_| data.is_none()) {
        for conflict in conflicts(&run.config, experiment, None) {
            let conflict = Found::new(conflict, experiment, &values);
            if conflict.variant.is_some() && !places.contains_key(&conflict) {
                places.insert(conflict.clone(), found.len());
                found.push((conflict, 1));
            }
        }
    }
    let all = experiment.sweep.configs() as usize;
    let mut uncertain = Uncertain { known, of_keys: HashMap::new() };
    found.retain(|(found, _)| !uncertain.is_any_of(found.conflict.keys));
    let mut faults: Vec<_> =
        found.into_iter().map(|(found, some)| found.fault(experiment, (some, all))).collect();
    faults.extend(unequal_budgets(experiment));
    faults.extend(no_runs(experiment, planned));
    faults.extend(no_rungs(experiment, longest).filter(|_| planned > 0));
    faults
}

/// A conflict, and the variant and the swept recipe that bring one of its values.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Found<'e> {
    conflict: Conflict,
    variant: Option<&'e str>,
    recipe: Option<&'e str>,
}

impl<'e> Found<'e> {
    fn new(conflict: Conflict, experiment: &'e Experiment, values: &[&Value]) -> Self {
        let value_of = |path: &str| {
            let mut axes = experiment.sweep.axes().zip(values);
            axes.find_map(|(axis, value)| (axis.key.path == path).then(|| value.as_text())?)
        };
        let variant = value_of(VARIANT.path).and_then(|name| experiment.sweep.variant(name));
        let is_given =
            |key: &Key| variant.is_some_and(|it| it.values.iter().any(|given| given.key.covers(key)));
        let keys = || conflict.keys.iter().filter_map(|path| schema::find(path));
        let gives_one = |variant: &&Variant| keys().any(|key| variant.value_of(key).is_some());
        // A value of the variant's own is nearer to the mistake than its recipe.
        let giving = variant.filter(gives_one);
        let own_recipe = variant.and_then(Variant::recipe);
        let recipe = value_of(schema::RECIPE).or(own_recipe);
        let base = recipe.and_then(|recipe| experiment.bases.get_key_value(recipe));
        let brings_one = |(_, base): &(&String, &BudgetedConfig)| {
            let mut left = keys().filter(|key| !is_given(key) && !is_axis(experiment, key));
            giving.is_none() && left.any(|key| differs_from_own(experiment, base, key))
        };
        let recipe = base.filter(brings_one).map(|(recipe, _)| recipe.as_str());
        let naming = variant.filter(|_| recipe.is_some() && recipe == own_recipe);
        let variant = giving.or(naming).map(|variant| variant.name.as_str());
        let mut conflict = with_name(conflict, experiment, values);
        if let Some(recipe) = recipe {
            conflict.reason = format!("with the recipe `{recipe}`, {}", conflict.reason);
        }
        Self { conflict, variant, recipe }
    }

    fn fault(self, experiment: &Experiment, configs: (usize, usize)) -> Fault {
        let Conflict { keys, reason, expected } = self.conflict;
        let recipe: &[&str] = &[schema::RECIPE];
        let of_variant = self.variant.and_then(|name| {
            key_of_variant(experiment, name, keys).or_else(|| key_of_variant(experiment, name, recipe))
        });
        let keys = if self.recipe.is_some() { &[schema::RECIPE] } else { keys };
        let (key, place, layer) = of_variant.unwrap_or_else(|| key_to_report(experiment, keys));
        Fault::new(place, layer, key, Problem::Conflict { reason, configs }).expected(expected)
    }
}

/// Whether an axis gives the key its value.
fn is_axis(experiment: &Experiment, key: &Key) -> bool {
    experiment.sweep.axes().any(|axis| axis.key.covers(key))
}

/// Whether a run that starts from a swept recipe has another value of the key than one from the file's own recipe.
fn differs_from_own(experiment: &Experiment, base: &BudgetedConfig, key: &Key) -> bool {
    let differs = |target: &Key| {
        let value = |config: &Config| target.field?.get(&mut config.clone());
        value(&base.config) != value(&experiment.config)
    };
    key.targets().any(differs)
}

/// The conflict with the names of the lists that it is of, where lists are swept.
fn with_name(mut conflict: Conflict, experiment: &Experiment, values: &[&Value]) -> Conflict {
    let is_of = |axis: &Axis| conflict.keys.contains(&axis.key.path);
    let axes =
        experiment.sweep.axes().zip(values).filter(|(axis, _)| axis.key.kind == Kind::Layers && is_of(axis));
    let names: Vec<String> =
        axes.filter_map(|(axis, value)| Some(format!("`{}`", axis.names.of(value)?))).collect();
    if !names.is_empty() {
        conflict.reason = format!("{}: {}", names.join(", "), conflict.reason);
    }
    conflict
}

/// Which keys have uncertain values because of known faults. There may be thousands of conflicts and
/// thousands of faults, but there are few lists of keys.
struct Uncertain<'f> {
    known: &'f [Fault],
    of_keys: HashMap<&'static [&'static str], bool>,
}

impl Uncertain<'_> {
    fn is_any_of(&mut self, keys: &'static [&'static str]) -> bool {
        *self.of_keys.entry(keys).or_insert_with(|| {
            let mut keys = keys.iter().filter_map(|path| schema::find(path));
            keys.any(|key| self.known.iter().any(|fault| fault.casts_doubt_on(key)))
        })
    }
}

/// A key with the place and the layer that its value comes from.
type Reported = (String, Place, Option<Layer>);

/// The first of some keys that a variant gives a value.
fn key_of_variant(experiment: &Experiment, name: &str, keys: &[&str]) -> Option<Reported> {
    let variant = experiment.sweep.variant(name)?;
    let mut keys = keys.iter().filter_map(|path| schema::find(path));
    let VariantValue { key, place, .. } = keys.find_map(|key| variant.value_of(key))?;
    let axis = experiment.sweep.axes().find(|axis| *axis.key == VARIANT)?;
    Some((format!("{}.{name}.{}", schema::VARIANTS, key.path), place.clone(), Some(axis.layer.clone())))
}

/// The key of a conflict to report, and where it got its value: an axis on one of the keys, or else the
/// last layer that gives one of them a value.
fn key_to_report(experiment: &Experiment, keys: &'static [&'static str]) -> Reported {
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

/// Pruning that cannot end any run, which is not what its user wants.
fn no_rungs(experiment: &Experiment, longest: u32) -> Option<Fault> {
    let prune = &experiment.prune;
    if !prune.is_on() || prune.min_epochs < longest {
        return None;
    }
    let (key, place, layer) = key_to_report(experiment, &["prune.min_epochs", "prune.method"]);
    let reason = format!(
        "no run is compared before {}, and the longest is trained for {longest}",
        text::count(prune.min_epochs as usize, "epoch")
    );
    let problem = Problem::Conflict { reason, configs: (1, 1) };
    let fault = Fault::new(place, layer, key, problem);
    Some(fault.expected("`prune.min_epochs` below `train.epochs`"))
}

/// A search over recipes that bring budgets of their own: the longest would win.
fn unequal_budgets(experiment: &Experiment) -> Option<Fault> {
    experiment.search.as_ref()?;
    let mut budgets: Vec<u32> = experiment.bases.values().map(|base| base.epochs).collect();
    budgets.sort_unstable();
    budgets.dedup();
    let (longest, others) = budgets.split_last().filter(|(_, others)| !others.is_empty())?;
    let others: Vec<String> = others.iter().map(ToString::to_string).collect();
    let recipe: &[&str] = &[schema::RECIPE];
    let mut variants = experiment.sweep.variants.iter();
    let of_variant = variants.find_map(|variant| key_of_variant(experiment, &variant.name, recipe));
    let (key, place, layer) = of_variant.unwrap_or_else(|| key_to_report(experiment, &[schema::RECIPE]));
    let reason = format!(
        "the recipes train for {} and {longest} epochs, and trials compare at one budget",
        others.join(", ")
    );
    let fault = Fault::new(place, layer, key, Problem::Conflict { reason, configs: (1, 1) });
    Some(fault.expected("`train.epochs = N` in the file, which all trials have"))
}

fn no_runs(experiment: &Experiment, planned: usize) -> Option<Fault> {
    let rules = experiment.sweep.exclude.first().filter(|_| planned == 0)?;
    let fault = Fault::new(rules.place.clone(), None, schema::EXCLUDE, Problem::NoRuns);
    Some(fault.expected("at least one run to stay"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_factor_changes_fastest() {
        let all: Vec<_> = (0..6).map(|index| digits(index, &[2, 3])).collect();
        assert_eq!(all, [[0, 0], [0, 1], [0, 2], [1, 0], [1, 1], [1, 2]]);
        assert_eq!(digits(0, &[]), Vec::<usize>::new());
    }
}
