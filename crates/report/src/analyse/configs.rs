//! What the runs' configs share, and where they differ.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::text;
use crate::context::{Axis, ConfigUse, Configuration, Differing, Run, Section, Setting, ValueUse};
use crate::input::RunInput;

/// What the configs of the runs share, and where they differ; `shown` are the same runs, analysed.
pub(super) fn configuration(runs: &[RunInput], shown: &[Run], axes: &[Axis]) -> Configuration {
    let configs = configs(runs, shown, axes);
    let mut differing: Vec<Differing> = Vec::new();
    let mut shared: Vec<Section> = Vec::new();
    for key in keys(runs) {
        let values = values(runs, &key);
        if let [only] = values.as_slice() {
            add_shared(&mut shared, &key, only);
        } else if let Some(same) = differing.iter_mut().find(|known| known.values == values) {
            same.keys.push(key);
        } else {
            let has = |config: &ConfigUse, value: &ValueUse| value.runs.contains(&config.runs[0]);
            let place = |config| values.iter().position(|value| has(config, value)).unwrap_or_default();
            let by_config = configs.iter().map(place).collect();
            differing.push(Differing { keys: vec![key], values, by_config });
        }
    }
    Configuration { configs, differing, shared }
}

fn configs(runs: &[RunInput], shown: &[Run], axes: &[Axis]) -> Vec<ConfigUse> {
    let mut configs: Vec<ConfigUse> = Vec::new();
    let mut places: BTreeMap<String, usize> = BTreeMap::new();
    for (index, run) in runs.iter().enumerate() {
        let place = *places.entry(run.config.to_string()).or_insert(configs.len());
        if place == configs.len() {
            configs.push(ConfigUse { label: label(&shown[index], axes), runs: Vec::new() });
        }
        configs[place].runs.push(index);
    }
    configs
}

fn label(run: &Run, axes: &[Axis]) -> String {
    let assigned = |(axis, place): (&Axis, &Option<usize>)| {
        place.map(|place| format!("{}={}", axis.short, axis.values[place].text))
    };
    axes.iter().zip(&run.values).filter_map(assigned).collect::<Vec<_>>().join(" ")
}

/// Every key of every config, in the order of the first config that has it.
fn keys(runs: &[RunInput]) -> Vec<String> {
    let mut keys = Vec::new();
    let mut seen = BTreeSet::new();
    for run in runs {
        leaves(&run.config, "", &mut |key| {
            if seen.insert(key.to_owned()) {
                keys.push(key.to_owned());
            }
        });
    }
    keys
}

fn leaves(value: &Value, key: &str, found: &mut dyn FnMut(&str)) {
    match value {
        Value::Object(entries) => {
            for (name, entry) in entries {
                let key = if key.is_empty() { name.clone() } else { format!("{key}.{name}") };
                leaves(entry, &key, found);
            }
        }
        _ => found(key),
    }
}

/// The key's distinct values, by the first run that has each; `-` for runs without the key.
fn values(runs: &[RunInput], key: &str) -> Vec<ValueUse> {
    let pointer = format!("/{}", key.replace('.', "/"));
    let mut values: Vec<(Option<&Value>, ValueUse)> = Vec::new();
    for (index, run) in runs.iter().enumerate() {
        let value = run.config.pointer(&pointer);
        match values.iter_mut().find(|(known, _)| *known == value) {
            Some((_, used)) => used.runs.push(index),
            None => {
                let text = value.map_or_else(|| "-".to_owned(), text::of_value);
                values.push((value, ValueUse { text, runs: vec![index] }));
            }
        }
    }
    values.into_iter().map(|(_, used)| used).collect()
}

fn add_shared(sections: &mut Vec<Section>, key: &str, value: &ValueUse) {
    let (name, key) = key.split_once('.').unwrap_or(("", key));
    let setting = Setting { key: key.to_owned(), text: value.text.clone() };
    match sections.iter_mut().find(|section| section.name == name) {
        Some(section) => section.settings.push(setting),
        None => sections.push(Section { name: name.to_owned(), settings: vec![setting] }),
    }
}
