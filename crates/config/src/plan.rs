//! The plan: the runs of an experiment, in order.

use std::collections::{HashMap, HashSet};

use serde::Serialize;

use crate::expand::{self, Combination, DataLookup, Expansion};
use crate::schema::VARIANT;
use crate::sweep::{Axis, Sweep};
use crate::without_effect::{WithoutEffect, without_effect};
use crate::{
    Assignment, AxisKind, BudgetedConfig, Config, ConfigHash, DataConfig, DataIdentity, DataRequest, Dataset,
    Experiment, Faults, Place, PlannedRun, RunId, Value, Variant, VariantValue, label,
};

/// The runs of an experiment, in order.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Plan {
    /// The runs, one entry for each budget: in the order of the factors, with the seeds of a config next
    /// to each other.
    pub runs: Vec<PlannedRun>,
    /// The axes, in the order of [`PlannedRun::assignments`].
    pub axes: Vec<AxisSummary>,
    /// The seeds of every config.
    pub seeds: Vec<u64>,
    /// Runs left out because an earlier one has the same config, seed and budget.
    pub duplicates: usize,
    /// Runs left out by `[[sweep.exclude]]`.
    pub excluded: usize,
    /// Rules of `[[sweep.exclude]]` that no run matches.
    pub unused_exclusions: Vec<Place>,
    /// Variants without a run of their own, each with the variant that has come to the same runs before.
    pub merged_variants: Vec<(String, String)>,
    /// Settings and axes of the user that no run has, because another setting turns off what they belong to.
    pub without_effect: Vec<WithoutEffect>,
}

/// An axis, for display.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AxisSummary {
    /// As the experiment file writes it: `optimizer.lr`.
    pub key: String,
    /// The short name in labels: `lr`.
    pub short: String,
    /// The values, in order, or their names.
    pub values: Vec<serde_json::Value>,
    /// How it combines with the other axes.
    pub kind: AxisKind,
    /// Of the axis `variant`: all variants, of a search also those that no trial has yet.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub variants: Vec<VariantSummary>,
}

/// A variant, for display.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct VariantSummary {
    /// Its name.
    pub name: String,
    /// What it sets.
    pub sets: Vec<Assignment>,
}

impl Plan {
    /// Expands an experiment. `data` returns what runs that ask for some images really train on; it is called
    /// once for each request.
    ///
    /// # Errors
    ///
    /// If values conflict with each other or with the data in some run, or if there are too many runs or
    /// none.
    pub fn new(experiment: &Experiment, data: &dyn Fn(DataRequest) -> DataIdentity) -> Result<Self, Faults> {
        let mut lookup = DataLookup::new(data);
        Faults::unless(expand::check(experiment, &[], Some(&mut lookup)), ())?;
        let mut builder = PlanBuilder::new(experiment, lookup);
        for combination in Expansion::new(experiment).combinations() {
            builder.add(&combination);
        }
        let axes = axis_summaries(experiment, &builder.names);
        let merged_variants = builder.merged_variants();
        let PlanBuilder { runs, duplicates, excluded, used_rules, .. } = builder;
        let rules = experiment.sweep.exclude.iter().enumerate();
        let unused = rules.filter(|(rule, _)| !used_rules.contains(rule)).map(|(_, rule)| rule.place.clone());
        let (seeds, unused_exclusions) = (experiment.sweep.seeds.clone(), unused.collect());
        let without_effect = without_effect(experiment, &runs);
        Ok(Self {
            runs,
            axes,
            seeds,
            duplicates,
            excluded,
            unused_exclusions,
            merged_variants,
            without_effect,
        })
    }

    /// The runs to train: each once, with its largest budget, in the order of their first entries.
    pub fn longest(&self) -> Vec<PlannedRun> {
        let mut places: HashMap<&RunId, usize> = HashMap::with_capacity(self.runs.len());
        let mut longest: Vec<&PlannedRun> = Vec::with_capacity(self.runs.len());
        for run in &self.runs {
            let place = *places.entry(&run.id).or_insert(longest.len());
            match longest.get_mut(place) {
                Some(known) if known.epochs < run.epochs => *known = run,
                Some(_) => {}
                None => longest.push(run),
            }
        }
        longest.into_iter().cloned().collect()
    }
}

/// The config that is trained on that data, in its canonical form.
pub(crate) fn trained_config(config: &Config, identity: &DataIdentity) -> Config {
    let mut config = config.clone();
    if config.data.dataset != identity.dataset {
        let DataRequest { dataset, side, channels } =
            DataRequest::of_shape(identity.dataset, identity.spec.image);
        config.data = DataConfig { dataset, side, channels, ..config.data };
    }
    config.canonical(&identity.spec)
}

/// Whether a value of an axis matters to what is trained: that of `penalty.weight` does not where there is no penalty.
fn has_effect(
    axis: &Axis,
    value: &Value,
    run: &BudgetedConfig,
    data: &DataIdentity,
    trained: &Config,
) -> bool {
    // What is asked of the data is also what a fallback stands for, and neither a recipe nor a variant is a field of a config.
    if axis.key.path.starts_with("data.") || axis.key.targets().any(|key| key.field.is_none()) {
        return true;
    }
    let drawn = axis.draw.as_ref().map(|draw| draw.others(value));
    let others = drawn.as_ref().unwrap_or(&axis.values);
    let mut others = others.iter().filter(|other| *other != value).peekable();
    if others.peek().is_none() {
        return true;
    }
    // It is not enough that the canonical config has the value: a default is there also where it has no effect.
    others.any(|other| {
        let mut changed = run.clone();
        axis.key.apply(other, &mut changed);
        changed.epochs != run.epochs || trained_config(&changed.config, data) != *trained
    })
}

fn axis_summaries(experiment: &Experiment, names: &[String]) -> Vec<AxisSummary> {
    let kinds = experiment.sweep.factors.iter().flat_map(|factor| factor.axes.iter().map(|_| factor.kind));
    let summary = |((axis, kind), short): ((&Axis, AxisKind), &String)| AxisSummary {
        key: axis.key.path.to_owned(),
        short: short.clone(),
        values: axis.values.iter().map(|value| axis.recorded(value)).collect(),
        kind,
        variants: variant_summaries(axis, &experiment.sweep),
    };
    experiment.sweep.axes().zip(kinds).zip(names).map(summary).collect()
}

/// The variants of the axis `variant`; none for other axes.
fn variant_summaries(axis: &Axis, sweep: &Sweep) -> Vec<VariantSummary> {
    let set = |it: &VariantValue| Assignment { key: it.key.path.to_owned(), value: it.value.to_json() };
    let variants = sweep.variants.iter().filter(|_| *axis.key == VARIANT);
    let summary = |variant: &Variant| VariantSummary {
        name: variant.name.clone(),
        sets: variant.values.iter().map(set).collect(),
    };
    variants.map(summary).collect()
}

/// Collects the runs of a plan.
struct PlanBuilder<'e> {
    experiment: &'e Experiment,
    lookup: DataLookup<'e>,
    /// The short names of the axes.
    names: Vec<String>,
    /// Ids and budgets of the runs so far, with the variants that they are of.
    seen: HashMap<(RunId, u32), Option<&'e str>>,
    /// Variants of duplicates, each with the variant of the first such run.
    merged: Vec<(&'e str, &'e str)>,
    /// The first of each of these pairs.
    known_merged: HashSet<&'e str>,
    runs: Vec<PlannedRun>,
    duplicates: usize,
    excluded: usize,
    /// The exclusion rules that have excluded a run.
    used_rules: HashSet<usize>,
}

impl<'e> PlanBuilder<'e> {
    fn new(experiment: &'e Experiment, lookup: DataLookup<'e>) -> Self {
        let paths: Vec<_> = experiment.sweep.axes().map(|axis| axis.key.path).collect();
        Self {
            experiment,
            lookup,
            names: label::short_keys(&paths),
            seen: HashMap::new(),
            merged: Vec::new(),
            known_merged: HashSet::new(),
            runs: Vec::new(),
            duplicates: 0,
            excluded: 0,
            used_rules: HashSet::new(),
        }
    }

    /// Adds the runs of a combination, one for each seed that is not excluded.
    fn add(&mut self, combination: &Combination<'_>) {
        let mut seeds = Vec::new();
        for &seed in &self.experiment.sweep.seeds {
            let mut rules = combination.excluded.rules(seed).peekable();
            if rules.peek().is_none() {
                seeds.push(seed);
            } else {
                self.excluded += 1;
                self.used_rules.extend(rules);
            }
        }
        if !seeds.is_empty() {
            self.add_seeds(combination, &seeds);
        }
    }

    fn add_seeds(&mut self, combination: &Combination<'_>, seeds: &[u64]) {
        let BudgetedConfig { config, epochs } = &combination.run;
        let identity = self.lookup.of(&config.data).clone();
        let config = trained_config(config, &identity);
        let axes = self.experiment.sweep.axes().zip(&combination.values);
        let effective: Vec<bool> =
            axes.map(|(axis, value)| has_effect(axis, value, &combination.run, &identity, &config)).collect();
        let config_hash = ConfigHash::of(&config);
        let variant = self.variant_of(combination);
        for &seed in seeds {
            let id = RunId::of(&config_hash, seed, &identity.spec.fingerprint);
            if let Some(earlier) = self.seen.get(&(id.clone(), *epochs)) {
                self.duplicates += 1;
                let merged = variant.zip(*earlier);
                self.merged.extend(merged.filter(|(variant, _)| self.known_merged.insert(variant)));
                continue;
            }
            self.seen.insert((id.clone(), *epochs), variant);
            self.runs.push(PlannedRun {
                id,
                config_hash: config_hash.clone(),
                config: config.clone(),
                epochs: *epochs,
                seed,
                spec: identity.spec.clone(),
                assignments: self.assignments(combination, &effective, identity.dataset),
                label: self.label(combination, &effective, identity.dataset, seed),
            });
        }
    }

    /// The variant of a combination, by the name in the experiment.
    fn variant_of(&self, combination: &Combination<'_>) -> Option<&'e str> {
        let sweep = &self.experiment.sweep;
        let place = sweep.axes().position(|axis| *axis.key == VARIANT)?;
        Some(&sweep.variant(combination.values[place].as_text()?)?.name)
    }

    /// Variants that have no run, each with the first one that has its runs.
    fn merged_variants(&self) -> Vec<(String, String)> {
        let trained: HashSet<&str> = self.seen.values().copied().flatten().collect();
        let merged = self.merged.iter().filter(|(variant, _)| !trained.contains(variant));
        merged.map(|(variant, earlier)| ((*variant).to_owned(), (*earlier).to_owned())).collect()
    }

    /// The swept keys that have an effect on the config, and their values; of the dataset, the one that is really trained on.
    fn assignments(
        &self,
        combination: &Combination<'_>,
        effective: &[bool],
        dataset: Dataset,
    ) -> Vec<Assignment> {
        let axes = self.experiment.sweep.axes().zip(&combination.values).zip(effective);
        let axes = axes.filter(|(_, effective)| **effective).map(|(axis, _)| axis);
        let value = |axis: &Axis, value: &Value| match axis.key.path {
            DATASET => dataset.name().into(),
            _ => axis.recorded(value),
        };
        axes.map(|(axis, given)| Assignment { key: axis.key.path.to_owned(), value: value(axis, given) })
            .collect()
    }

    fn label(
        &self,
        combination: &Combination<'_>,
        effective: &[bool],
        dataset: Dataset,
        seed: u64,
    ) -> String {
        let mut label = String::new();
        let axes = self.experiment.sweep.axes().zip(&combination.values).zip(&self.names).zip(effective);
        for (((axis, value), name), _) in axes.filter(|(_, effective)| **effective) {
            let value = if axis.key.path == DATASET { dataset.name().to_owned() } else { axis.text(value) };
            label.extend([name, "=", &value, " "]);
        }
        label + "seed=" + &seed.to_string()
    }
}

const DATASET: &str = "data.dataset";
