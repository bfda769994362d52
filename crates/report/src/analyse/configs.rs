//! Which settings the runs share and which differ.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde_json::Value;

use gansweep_base::alignment::{Row, aligned};
use gansweep_compare::assigned;
use gansweep_config::RunState;
use gansweep_config::schema::is_list_of_layers;

use super::labels::Labels;
use super::text;
use crate::context::{
    ConfigRuns, Configuration, Differing, LayerRow, Number, Run, Section, Setting, Spread, ValueRuns,
};
use crate::input::RunInput;

/// Splits the configs' keys into shared and differing ones. `shown` are the same runs as `runs`, analysed.
pub(super) fn configuration(runs: &[RunInput], shown: &[Run], labels: &Labels) -> Configuration {
    let configs = configs(runs, shown, labels);
    let mut differing: Vec<Differing> = Vec::new();
    let mut shared: Vec<Section> = Vec::new();
    for key in keys(runs, &configs) {
        let (values, by_config) = values(runs, &configs, &key);
        if let [only] = values.as_slice() {
            add_shared(&mut shared, &key, only);
        } else if let Some(same) = differing.iter_mut().find(|known| known.values == values) {
            same.keys.push(key);
        } else {
            let layers = layers(runs, &key, &values);
            differing.push(Differing { keys: vec![key], values, by_config, layers });
        }
    }
    Configuration { configs, differing, shared }
}

fn configs(runs: &[RunInput], shown: &[Run], labels: &Labels) -> Vec<ConfigRuns> {
    let mut configs: Vec<ConfigRuns> = Vec::new();
    let mut places: BTreeMap<String, usize> = BTreeMap::new();
    for (index, run) in runs.iter().enumerate() {
        let place = *places.entry(run.config.to_string()).or_insert(configs.len());
        if place == configs.len() {
            configs.push(ConfigRuns {
                label: labels.config(&shown[index]),
                runs: Vec::new(),
                failures: 0,
                collapsed: 0,
                standing: None,
                results: Vec::new(),
            });
        }
        configs[place].runs.push(index);
    }
    for config in &mut configs {
        add_results(config, shown);
    }
    configs
}

fn add_results(config: &mut ConfigRuns, shown: &[Run]) {
    let runs: Vec<&Run> = config.runs.iter().map(|run| &shown[*run]).collect();
    let (bad, good): (Vec<&Run>, Vec<&Run>) =
        runs.iter().partition(|run| matches!(run.state, RunState::Failed | RunState::Diverged));
    config.failures = bad.len();
    config.collapsed = runs.iter().filter(|run| !run.warnings.is_empty()).count();
    let columns = runs.first().map_or(0, |run| run.last_values.len());
    let values =
        |column: usize| good.iter().filter_map(move |run| Some(run.last_values[column].as_ref()?.value.0));
    config.results = (0..columns).map(|column| spread(values(column))).collect();
}

/// Mean and sample standard deviation of the finite values; `None` if there is none.
fn spread(values: impl Iterator<Item = f64>) -> Option<Spread> {
    let values: Vec<f64> = values.filter(|value| value.is_finite()).collect();
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    let squares = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>();
    // Equal values differ from their mean by rounding.
    let is_rounding = |deviation: f64| deviation < 1e-12 * mean.abs();
    let deviation = (values.len() > 1).then(|| (squares / (count - 1.0)).sqrt());
    let deviation = deviation.map(|deviation| if is_rounding(deviation) { 0.0 } else { deviation });
    let rounded = Number::rounded;
    (!values.is_empty()).then(|| Spread {
        mean: rounded(mean),
        deviation: deviation.map(rounded),
        runs: values.len(),
        text: String::new(),
    })
}

/// Writes the results of each column with the same decimals; returns their numbers.
pub(super) fn write_results(configs: &mut [ConfigRuns]) -> Vec<usize> {
    let columns = configs.first().map_or(0, |config| config.results.len());
    let of_column = |column: usize| {
        let spreads = || configs.iter().filter_map(move |config| config.results[column].as_ref());
        text::decimals(spreads().map(|spread| spread.mean.0))
    };
    let decimals: Vec<usize> = (0..columns).map(of_column).collect();
    for config in configs {
        for (result, decimals) in config.results.iter_mut().zip(&decimals) {
            if let Some(spread) = result {
                spread.text = spread_text(spread, *decimals);
            }
        }
    }
    decimals
}

fn spread_text(spread: &Spread, decimals: usize) -> String {
    let mean = text::fixed(spread.mean.0, decimals);
    match spread.deviation {
        Some(deviation) => format!("{mean} ± {}", text::fixed(deviation.0, decimals)),
        None => mean,
    }
}

/// A config's first run. Runs of a config differ in nothing that is looked at here, and there may be many.
fn example<'a>(runs: &'a [RunInput], config: &ConfigRuns) -> &'a Value {
    &runs[config.runs[0]].config
}

/// The keys of all configs, in order of first appearance.
fn keys(runs: &[RunInput], configs: &[ConfigRuns]) -> Vec<String> {
    let mut keys = Vec::new();
    let mut seen = BTreeSet::new();
    for config in configs {
        leaves(example(runs, config), "", &mut |key| {
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

/// The key's distinct values in order of first appearance, and the index of each config's value; `-` stands for a missing
/// key.
fn values(runs: &[RunInput], configs: &[ConfigRuns], key: &str) -> (Vec<ValueRuns>, Vec<usize>) {
    let pointer = pointer(key);
    let mut values: Vec<ValueRuns> = Vec::new();
    let mut places: HashMap<Option<String>, usize> = HashMap::new();
    let mut by_config = Vec::with_capacity(configs.len());
    for config in configs {
        let value = example(runs, config).pointer(&pointer);
        let place = *places.entry(value.map(Value::to_string)).or_insert(values.len());
        if place == values.len() {
            let text = value.map_or_else(|| "-".to_owned(), text::of_value);
            let name = if is_list_of_layers(key) { name_of(&runs[config.runs[0]], key) } else { None };
            values.push(ValueRuns { text, name, runs: Vec::new() });
        }
        values[place].runs.extend(&config.runs);
        by_config.push(place);
    }
    for value in &mut values {
        value.runs.sort_unstable();
    }
    (values, by_config)
}

/// The layers of a key's distinct values, aligned; none if they are no lists of layers.
fn layers(runs: &[RunInput], key: &str, values: &[ValueRuns]) -> Vec<LayerRow> {
    if !is_list_of_layers(key) {
        return Vec::new();
    }
    let pointer = pointer(key);
    let of_value = |value: &ValueRuns| -> Vec<String> {
        let list = runs[value.runs[0]].config.pointer(&pointer).and_then(Value::as_array);
        list.into_iter().flatten().map(text::of_value).collect()
    };
    let lists: Vec<Vec<String>> = values.iter().map(of_value).collect();
    let row = |Row { item, is_in }| LayerRow { text: item, is_in };
    aligned(&lists).into_iter().map(row).collect()
}

/// The name that the sweep has for a run's value of a key.
fn name_of(run: &RunInput, key: &str) -> Option<String> {
    assigned(&run.assignments, key)?.as_str().map(str::to_owned)
}

fn pointer(key: &str) -> String {
    format!("/{}", key.replace('.', "/"))
}

fn add_shared(sections: &mut Vec<Section>, key: &str, value: &ValueRuns) {
    let (name, key) = key.split_once('.').unwrap_or(("", key));
    let setting = Setting { key: key.to_owned(), text: value.text.clone() };
    match sections.iter_mut().find(|section| section.name == name) {
        Some(section) => section.settings.push(setting),
        None => sections.push(Section { name: name.to_owned(), settings: vec![setting] }),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::collections::BTreeMap;

    use gansweep_config::{ImageShape, RunId, RunState};
    use serde_json::json;

    use super::super::groups::Groups;
    use super::super::runs;
    use super::*;

    /// A queued run of that config.
    pub(in crate::analyse) fn run(config: Value) -> RunInput {
        RunInput {
            best: None,
            id: RunId::parse("0123456789abcdef").unwrap(),
            label: String::new(),
            seed: 1,
            assignments: Vec::new(),
            config_hash: String::new(),
            data_fingerprint: String::new(),
            config,
            state: RunState::Queued,
            cause: None,
            step: 0,
            total_steps: 0,
            epochs: 0,
            seconds: 0.0,
            images_per_second: None,
            attempts: Vec::new(),
            last: BTreeMap::new(),
            series: BTreeMap::new(),
            grids: Vec::new(),
            classes: Vec::new(),
            image: ImageShape { channels: 1, height: 28, width: 28 },
            data_classes: 10,
            diversity: None,
        }
    }

    fn configuration_of(configs: &[Value]) -> Configuration {
        let inputs: Vec<RunInput> = configs.iter().cloned().map(run).collect();
        let shown: Vec<Run> =
            inputs.iter().map(|input| runs::run(input, &[], &[], &[], &[], &Groups::default())).collect();
        configuration(&inputs, &shown, &Labels::of(&shown, &[]))
    }

    #[test]
    fn keys_that_differ_in_the_same_runs_by_the_same_values_share_a_row() {
        let config = |lr: f64| json!({"g": {"lr": lr, "width": 64}, "d": {"lr": lr}});
        let configuration = configuration_of(&[config(1e-4), config(2e-4), config(1e-4)]);
        let [row] = configuration.differing.as_slice() else { panic!("{configuration:?}") };
        assert_eq!(row.keys, ["g.lr", "d.lr"]);
        assert_eq!(row.values[0], ValueRuns { text: "1e-4".to_owned(), name: None, runs: vec![0, 2] });
        assert_eq!(row.by_config, [0, 1]);
        let runs: Vec<_> = configuration.configs.iter().map(|config| config.runs.clone()).collect();
        assert_eq!(runs, [vec![0, 2], vec![1]]);
        assert_eq!(configuration.shared[0].name, "g");
        assert_eq!(
            configuration.shared[0].settings,
            [Setting { key: "width".to_owned(), text: "64".to_owned() }]
        );
    }

    #[test]
    fn a_spread_is_over_finite_values_and_one_run_has_no_deviation() {
        let of = |values: &[f64]| spread(values.iter().copied());
        // numpy.std([1, 2, 4], ddof=1) == 1.5275252316519468
        let three = of(&[1.0, 2.0, f64::NAN, 4.0]).unwrap();
        assert_eq!((three.mean, three.deviation, three.runs), (Number(2.33333), Some(Number(1.52753)), 3));
        assert_eq!(spread_text(&three, 3), "2.333 ± 1.528");
        let one = of(&[2.0, f64::INFINITY]).unwrap();
        assert_eq!((spread_text(&one, 1), one.deviation, one.runs), ("2.0".to_owned(), None, 1));
        assert_eq!(of(&[f64::NAN]), None);
        assert_eq!(of(&[]), None);
    }

    #[test]
    fn lists_of_layers_stand_beside_each_other() {
        let config = |layers: Value| json!({"model": {"generator": {"layers": layers}}});
        let configuration = configuration_of(&[
            config(json!(["linear 9", "tanh"])),
            config(json!(["linear 9", "relu", "tanh"])),
            json!({"model": {"generator": {"kind": "mlp"}}}),
        ]);
        let layers = &configuration.differing[0].layers;
        let shown: Vec<_> = layers.iter().map(|row| (row.text.as_str(), row.is_in.as_slice())).collect();
        assert_eq!(
            shown,
            [
                ("linear 9", &[true, true, false][..]),
                ("relu", &[false, true, false]),
                ("tanh", &[true, true, false]),
            ]
        );
        assert_eq!(configuration.differing[1].layers, []);
    }

    #[test]
    fn a_key_that_some_configs_lack_differs() {
        let configuration = configuration_of(&[json!({"a": {"x": 1}}), json!({"a": {"x": 1, "y": "b"}})]);
        let [row] = configuration.differing.as_slice() else { panic!("{configuration:?}") };
        let texts: Vec<&str> = row.values.iter().map(|value| value.text.as_str()).collect();
        assert_eq!((row.keys.as_slice(), texts.as_slice()), (&["a.y".to_owned()][..], &["-", "b"][..]));
    }
}
