//! Which runs are compared with which.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::hash::Hash;

use gansweep_config::{Assignment, AxisKind, value_text};
use gansweep_statistics::Measurement;
use gansweep_store::RunRow;

use super::axes::{EPOCHS, SweptAxis, assigned};
use super::result::{ComparedConfig, Unit};
use super::values::MeasuredRun;

/// The configs to compare.
pub(super) struct Grouped {
    pub(super) configs: Vec<ComparedConfig>,
    /// The config of each run, as a place in `configs`.
    pub(super) config_of_runs: Vec<usize>,
    /// What a measurement is of.
    pub(super) unit: Unit,
    pub(super) measurements: Vec<Measurement>,
}

/// Numbers values from 0 by first appearance.
pub(super) struct Numbering<T>(HashMap<T, usize>);

impl<T> Default for Numbering<T> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<T: Eq + Hash> Numbering<T> {
    pub(super) fn number(&mut self, value: T) -> usize {
        let next = self.0.len();
        *self.0.entry(value).or_insert(next)
    }
}

/// What the seeds of a config have in common: config, data, and the budget where that is compared.
pub(super) fn config_of(row: &RunRow, by: &[String]) -> (String, String, Option<u32>) {
    let epochs = by.iter().any(|key| key == EPOCHS).then_some(row.epochs);
    (row.config_hash.to_string(), row.data_fingerprint.clone(), epochs)
}

/// Groups the runs by config, or by the values of the keys of `by`. Runs of different groups are a pair if they
/// have the same seed, and equal values of the other swept keys; if no runs of two groups do, those that apply to both.
///
/// Where other keys were drawn, the draws are what groups are compared by: the runs of one draw have its accident in
/// common, however many seeds it has. Draws are a pair if both groups have them, and none is where the compared keys were
/// drawn too.
pub(super) fn group(runs: &[MeasuredRun], axes: &[SweptAxis], by: &[String]) -> Grouped {
    let shown = |axis: &&SweptAxis| if by.is_empty() { axis.key != EPOCHS } else { by.contains(&axis.key) };
    let shown: Vec<&SweptAxis> = axes.iter().filter(shown).collect();
    // A key that changes with a compared one would leave no pairs.
    let is_tied = |axis: &SweptAxis| shown.iter().any(|other| axis.is_tied_to(other));
    let others: Vec<&SweptAxis> = axes.iter().filter(|axis| axis.key != EPOCHS && !is_tied(axis)).collect();

    let is_drawn = |axis: &&SweptAxis| axis.kind == AxisKind::Random && axis.key != EPOCHS;
    let is_hidden = |axis: &&SweptAxis| !shown.iter().any(|other| other.key == axis.key);
    let drawn: Vec<&SweptAxis> = axes.iter().filter(is_drawn).filter(is_hidden).collect();
    let unit = if drawn.is_empty() { Unit::Run } else { Unit::Draw };
    let are_draws_of_groups = drawn.iter().any(|axis| is_tied(axis));
    let paired_by: &[&SweptAxis] = if unit == Unit::Run { &others } else { &drawn };
    // As the weight of a penalty, which runs without one lack.
    let common: Vec<&SweptAxis> =
        paired_by.iter().copied().filter(|axis| applies_to_all_groups(runs, axis, &shown)).collect();

    let (mut groups, mut blocks, mut outer_blocks) =
        (Numbering::default(), Numbering::default(), Numbering::default());
    let mut units = Units::default();
    let (mut configs, mut config_of_runs) = (Vec::new(), Vec::with_capacity(runs.len()));
    let mut members: Vec<HashSet<_>> = Vec::new();
    for run in runs {
        let config = config_of(&run.row, by);
        let divides = by.is_empty().then(|| config.clone());
        let group = groups.number((divides, texts(&run.row, &shown)));
        if group == configs.len() {
            configs.push(config_shown(&run.row, &shown));
            members.push(HashSet::new());
        }
        members[group].insert(config);
        config_of_runs.push(group);
        configs[group].runs += 1;
        if let Err(cause) = run.value {
            *configs[group].without_value.entry(cause.to_owned()).or_default() += 1;
        }
        let seed = (unit == Unit::Run).then_some(run.row.seed);
        // Draws of different groups are no pairs, whatever values they have in common.
        let of_group = are_draws_of_groups.then_some(group);
        let block = blocks.number((seed, of_group, texts(&run.row, paired_by)));
        let outer_block = outer_blocks.number((seed, of_group, texts(&run.row, &common)));
        let (value, without_value) = (run.number(), usize::from(run.value.is_err()));
        let measurement = Measurement { group, block, outer_block, value, without_value };
        match unit {
            Unit::Run => units.push(measurement),
            Unit::Draw => units.add(measurement),
        }
    }
    for (config, members) in configs.iter_mut().zip(members) {
        config.configs = members.len();
    }
    Grouped { configs, config_of_runs, unit, measurements: units.measurements() }
}

/// The values that are compared.
#[derive(Default)]
struct Units {
    /// Each with the number of runs that its value is the sum of.
    sums: Vec<(Measurement, usize)>,
    places: HashMap<(usize, usize), usize>,
}

impl Units {
    fn push(&mut self, run: Measurement) {
        self.sums.push((run, usize::from(run.without_value == 0)));
    }

    /// Adds a run to those of its group and block.
    fn add(&mut self, run: Measurement) {
        let place = *self.places.entry((run.group, run.block)).or_insert(self.sums.len());
        let Some((sum, count)) = self.sums.get_mut(place) else { return self.push(run) };
        sum.without_value += run.without_value;
        if run.without_value == 0 {
            sum.value = if *count == 0 { run.value } else { sum.value + run.value };
            *count += 1;
        }
    }

    fn measurements(self) -> Vec<Measurement> {
        let mean =
            |(sum, count): (Measurement, usize)| Measurement { value: sum.value / count as f64, ..sum };
        self.sums.into_iter().map(mean).collect()
    }
}

/// Whether each group, by the values of some axes, has a run that the axis applies to.
fn applies_to_all_groups(runs: &[MeasuredRun], axis: &SweptAxis, shown: &[&SweptAxis]) -> bool {
    let mut applies: HashMap<Vec<Option<String>>, bool> = HashMap::new();
    for run in runs {
        *applies.entry(texts(&run.row, shown)).or_default() |=
            assigned(&run.row.assignments, &axis.key).is_some();
    }
    applies.into_values().all(|applies| applies)
}

fn texts(row: &RunRow, axes: &[&SweptAxis]) -> Vec<Option<String>> {
    axes.iter().map(|axis| assigned(&row.assignments, &axis.key).map(value_text)).collect()
}

fn config_shown(row: &RunRow, axes: &[&SweptAxis]) -> ComparedConfig {
    let values = axes.iter().filter_map(|axis| Some((axis, assigned(&row.assignments, &axis.key)?)));
    let mut texts: Vec<String> =
        values.clone().map(|(axis, value)| format!("{}={}", axis.short, value_text(value))).collect();
    if texts.is_empty() {
        // None of the keys applies to the config: `weight=none`, as the filter of the page calls it.
        texts.extend(axes.iter().map(|axis| format!("{}=none", axis.short)));
    }
    ComparedConfig {
        label: texts.join(" "),
        assignments: values
            .map(|(axis, value)| Assignment { key: axis.key.clone(), value: value.clone() })
            .collect(),
        configs: 0,
        runs: 0,
        without_value: BTreeMap::new(),
    }
}
