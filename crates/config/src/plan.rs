//! A plan: the runs of an experiment, in order.

use std::collections::{HashMap, HashSet};

use serde::Serialize;

use crate::expand::{self, Combination};
use crate::sweep::Axis;
use crate::{
    Asked, Assignment, AxisKind, ConfigHash, Dataset, DatasetSpec, Experiment, Faults, Place, PlannedRun,
    RunId, Value, short,
};

/// The data that runs on a dataset really train on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataIdentity {
    /// The dataset itself, or the one to fall back on.
    pub dataset: Dataset,
    /// Its shapes, counts and fingerprint.
    pub spec: DatasetSpec,
}

/// What runs on each dataset really train on, asked for once for each.
pub(crate) struct Identities<'d> {
    ask: &'d dyn Fn(Dataset) -> DataIdentity,
    known: HashMap<Dataset, DataIdentity>,
}

impl Identities<'_> {
    pub(crate) fn of(&mut self, dataset: Dataset) -> &DataIdentity {
        self.known.entry(dataset).or_insert_with(|| (self.ask)(dataset))
    }
}

/// The runs of an experiment, in order, and how they came about.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Plan {
    /// The runs, each once for each budget: configs in the order of the factors, the seeds of each
    /// together.
    pub runs: Vec<PlannedRun>,
    /// What is swept, in the order of the runs' assignments.
    pub axes: Vec<AxisSummary>,
    /// The seeds of every config.
    pub seeds: Vec<u64>,
    /// Runs left out because an earlier one has the same config, seed and budget.
    pub duplicates: usize,
    /// Runs left out by `[[sweep.exclude]]`.
    pub excluded: usize,
    /// Where rules of `[[sweep.exclude]]` stand that leave out nothing.
    pub idle_exclusions: Vec<Place>,
}

/// One axis, for display.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AxisSummary {
    /// As the experiment file writes it: `optimizer.lr`.
    pub key: String,
    /// As labels write it: `lr`.
    pub short: String,
    /// Its values, in order.
    pub values: Vec<serde_json::Value>,
    /// How it combines with the others.
    pub kind: AxisKind,
}

impl Plan {
    /// Expands an experiment. `data` says, for each dataset, what the runs on it really train on;
    /// it is asked once for each.
    ///
    /// # Errors
    ///
    /// If values contradict each other or the data in some run, or if there are too many runs or none.
    pub fn new(experiment: &Experiment, data: &dyn Fn(Dataset) -> DataIdentity) -> Result<Self, Faults> {
        let mut identities = Identities { ask: data, known: HashMap::new() };
        Faults::unless(expand::check(experiment, &[], Some(&mut identities)), ())?;
        let sweep = &experiment.sweep;
        let mut draft = Draft::new(experiment, identities);
        for combination in expand::combinations(experiment) {
            draft.add(&combination);
        }
        let idle = sweep.exclude.iter().zip(&draft.rule_is_idle).filter(|(_, idle)| **idle);
        let idle_exclusions = idle.map(|(rule, _)| rule.place.clone()).collect();
        let axes = axis_summaries(experiment, &draft.names);
        let Draft { runs, duplicates, excluded, .. } = draft;
        Ok(Self { runs, axes, seeds: sweep.seeds.clone(), duplicates, excluded, idle_exclusions })
    }

    /// Each run once, with the largest budget that the plan asks for it: what there is to train.
    /// In the order in which the plan first lists them.
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

fn axis_summaries(experiment: &Experiment, names: &[String]) -> Vec<AxisSummary> {
    let kinds = experiment.sweep.factors.iter().flat_map(|factor| factor.axes.iter().map(|_| factor.kind));
    let summary = |((axis, kind), short): ((&Axis, AxisKind), &String)| AxisSummary {
        key: axis.key.path.to_owned(),
        short: short.clone(),
        values: axis.values.iter().map(Value::to_json).collect(),
        kind,
    };
    experiment.sweep.axes().zip(kinds).zip(names).map(summary).collect()
}

/// A plan in the making.
struct Draft<'e> {
    experiment: &'e Experiment,
    identities: Identities<'e>,
    /// The axes' names in labels.
    names: Vec<String>,
    /// Runs with their budgets.
    seen: HashSet<(RunId, u32)>,
    runs: Vec<PlannedRun>,
    duplicates: usize,
    excluded: usize,
    rule_is_idle: Vec<bool>,
}

impl<'e> Draft<'e> {
    fn new(experiment: &'e Experiment, identities: Identities<'e>) -> Self {
        let paths: Vec<_> = experiment.sweep.axes().map(|axis| axis.key.path).collect();
        Self {
            experiment,
            identities,
            names: short::short_keys(&paths),
            seen: HashSet::new(),
            runs: Vec::new(),
            duplicates: 0,
            excluded: 0,
            rule_is_idle: vec![true; experiment.sweep.exclude.len()],
        }
    }

    /// Adds the runs of a combination, one per seed.
    fn add(&mut self, combination: &Combination<'_>) {
        let rules = &self.experiment.sweep.exclude;
        let matching: Vec<usize> = combination.excluded_by(rules).collect();
        let Asked { config, epochs } = &combination.asked;
        let identity = self.identities.of(config.data.dataset).clone();
        let mut config = config.clone().canonical(&identity.spec);
        config.data.dataset = identity.dataset;
        let config_hash = ConfigHash::of(&config);
        for &seed in &self.experiment.sweep.seeds {
            let hits = matching.iter().filter(|&&rule| rules[rule].seed.is_none_or(|only| only == seed));
            let hits: Vec<usize> = hits.copied().collect();
            if !hits.is_empty() {
                self.excluded += 1;
                for rule in hits {
                    self.rule_is_idle[rule] = false;
                }
                continue;
            }
            let id = RunId::of(&config_hash, seed, &identity.spec.fingerprint);
            if !self.seen.insert((id.clone(), *epochs)) {
                self.duplicates += 1;
                continue;
            }
            self.runs.push(PlannedRun {
                id,
                config_hash: config_hash.clone(),
                config: config.clone(),
                epochs: *epochs,
                seed,
                spec: identity.spec.clone(),
                assignments: self.assignments(combination, identity.dataset),
                label: self.label(combination, identity.dataset, seed),
            });
        }
    }

    /// The swept keys and their values, the dataset being the one that is really trained on.
    fn assignments(&self, combination: &Combination<'_>, dataset: Dataset) -> Vec<Assignment> {
        let axes = self.experiment.sweep.axes().zip(&combination.values);
        let value = |axis: &Axis, value: &Value| match axis.key.path {
            DATASET => dataset.name().into(),
            _ => value.to_json(),
        };
        axes.map(|(axis, given)| Assignment { key: axis.key.path.to_owned(), value: value(axis, given) })
            .collect()
    }

    fn label(&self, combination: &Combination<'_>, dataset: Dataset, seed: u64) -> String {
        let mut label = String::new();
        for ((axis, value), name) in self.experiment.sweep.axes().zip(&combination.values).zip(&self.names) {
            let value =
                if axis.key.path == DATASET { dataset.name().to_owned() } else { short::value(value) };
            label.extend([name, "=", &value, " "]);
        }
        label + "seed=" + &seed.to_string()
    }
}

const DATASET: &str = "data.dataset";
