//! Which runs are compared with which.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::hash::Hash;

use gansweep_config::{Assignment, value_text};
use gansweep_statistics::Measurement;
use gansweep_store::RunRow;

use super::axes::{EPOCHS, SweptAxis, assigned};
use super::result::ComparedConfig;
use super::values::MeasuredRun;

/// The configs to compare, and the value of each run.
pub(super) struct Grouped {
    pub(super) configs: Vec<ComparedConfig>,
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
pub(super) fn group(runs: &[MeasuredRun], axes: &[SweptAxis], by: &[String]) -> Grouped {
    let shown = |axis: &&SweptAxis| if by.is_empty() { axis.key != EPOCHS } else { by.contains(&axis.key) };
    let shown: Vec<&SweptAxis> = axes.iter().filter(shown).collect();
    // A key that changes with a compared one would leave no pairs.
    let is_tied = |axis: &SweptAxis| shown.iter().any(|other| axis.is_tied_to(other));
    let others: Vec<&SweptAxis> = axes.iter().filter(|axis| axis.key != EPOCHS && !is_tied(axis)).collect();

    // As the weight of a penalty, which runs without one lack.
    let common: Vec<&SweptAxis> =
        others.iter().copied().filter(|axis| applies_to_all_groups(runs, axis, &shown)).collect();

    let (mut groups, mut blocks, mut outer_blocks) =
        (Numbering::default(), Numbering::default(), Numbering::default());
    let mut grouped = Grouped { configs: Vec::new(), measurements: Vec::with_capacity(runs.len()) };
    let mut members: Vec<HashSet<_>> = Vec::new();
    for run in runs {
        let config = config_of(&run.row, by);
        let divides = by.is_empty().then(|| config.clone());
        let group = groups.number((divides, texts(&run.row, &shown)));
        if group == grouped.configs.len() {
            grouped.configs.push(config_shown(&run.row, &shown));
            members.push(HashSet::new());
        }
        members[group].insert(config);
        if let Err(cause) = run.value {
            *grouped.configs[group].without_value.entry(cause.to_owned()).or_default() += 1;
        }
        let block = blocks.number((run.row.seed, texts(&run.row, &others)));
        let outer_block = outer_blocks.number((run.row.seed, texts(&run.row, &common)));
        grouped.measurements.push(Measurement { group, block, outer_block, value: run.number() });
    }
    for (config, members) in grouped.configs.iter_mut().zip(members) {
        config.configs = members.len();
    }
    grouped
}

/// Whether each group, by the values of some axes, has a run that the axis applies to.
fn applies_to_all_groups(runs: &[MeasuredRun], axis: &SweptAxis, shown: &[&SweptAxis]) -> bool {
    let mut applies: HashMap<Vec<Option<String>>, bool> = HashMap::new();
    for run in runs {
        *applies.entry(texts(&run.row, shown)).or_default() |= assigned(&run.row, &axis.key).is_some();
    }
    applies.into_values().all(|applies| applies)
}

fn texts(row: &RunRow, axes: &[&SweptAxis]) -> Vec<Option<String>> {
    axes.iter().map(|axis| assigned(row, &axis.key).map(value_text)).collect()
}

fn config_shown(row: &RunRow, axes: &[&SweptAxis]) -> ComparedConfig {
    let values = axes.iter().filter_map(|axis| Some((axis, assigned(row, &axis.key)?)));
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
        without_value: BTreeMap::new(),
    }
}
