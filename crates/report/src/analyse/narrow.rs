//! The next sweep: an experiment file whose values lie around those of the best config.

use std::path::Path;

use gansweep_config::schema::VARIANT;
use gansweep_config::{Experiment, LoadOptions};
use gansweep_store::Call;
use toml::{Table, Value};

use crate::context::{Axis, ConfigRuns, Findings, NextExperiment, Run};
use crate::input::SweepInput;

/// Keys that are swept again, those that explain most; the others keep the best config's value.
const MOST_KEYS: usize = 3;
/// The ratio of the largest to the smallest of positive values from which on they are refined by factors, others by differences.
const WIDE: f64 = 4.0;
/// The parts of an experiment that say which runs there are and what the sweep is called. The next sweep has its own.
const REPLACED: [&str; 4] = ["name", "description", "sweep", "search"];

/// The experiment file of the sweep with other values; `None` if no config is best, or nothing can be refined.
pub(super) fn experiment(
    input: &SweepInput,
    axes: &[Axis],
    runs: &[Run],
    configs: &[ConfigRuns],
    findings: &Findings,
) -> Option<NextExperiment> {
    let best = &configs[*findings.order.first()?];
    findings.objective.better?;
    best.standing.as_ref()?.rank?;
    let values = &runs[*best.runs.first()?].values;
    let call = input.call.clone().unwrap_or_default();
    let draft = Draft::new(&input.name, &input.file, &input.source, call, &best.label)?;
    let draft = Draft { recorded: input.axes.clone(), ..draft };
    let text = draft.around(axes, values, &by_importance(axes, findings))?;
    Some(NextExperiment { text, command: draft.call.command(&draft.file), file: draft.file })
}

/// Axes of an experiment.
#[derive(Debug, Clone, Default)]
struct Swept {
    /// The best config's variant alone.
    variants: Table,
    grid: Table,
    zip: Table,
}

/// The sweep's experiment without its axes, and how it was started.
struct Draft {
    /// Where the next sweep's file goes.
    file: String,
    table: Table,
    seeds: Option<Value>,
    call: Call,
    /// The tables `sweep` of the profile and of the file.
    sources: Vec<Table>,
    /// The axes of the sweep's record.
    recorded: serde_json::Value,
}

impl Draft {
    fn new(name: &str, file: &str, source: &str, mut call: Call, best: &str) -> Option<Self> {
        let mut table: Table = source.parse().ok()?;
        let profile = call.profile.as_deref();
        let profile = profile.and_then(|name| table.get_mut("profile")?.get_mut(name)?.as_table_mut());
        let mut sources: Vec<Table> = profile.and_then(take_sweep).into_iter().collect();
        sources.extend(take_sweep(&mut table));
        let is_kept = |path: &str| {
            let first = path.split(['.', '=']).next().unwrap_or_default().trim();
            !REPLACED.contains(&first) || path.starts_with("sweep.seeds")
        };
        call.sets.retain(|set| is_kept(set));
        call.variables.retain(|name, _| {
            is_kept(&name.trim_start_matches("GANSWEEP_").to_lowercase().replace("__", "."))
        });
        let seeds = sources.iter().find_map(|sweep| sweep.get("seeds")).cloned();
        table.insert("name".to_owned(), Value::String(format!("{name}-narrow")));
        table.insert("description".to_owned(), Value::String(format!("Around {best}.")));
        Some(Self { file: beside(file), table, seeds, call, sources, recorded: serde_json::Value::Null })
    }

    /// The file whose values lie around those at `places`; `None` if nothing can be refined. `order` has the axes' places, the
    /// first to be refined first.
    fn around(&self, axes: &[Axis], places: &[Option<usize>], order: &[usize]) -> Option<String> {
        let mut swept = Swept::default();
        for (axis, place) in axes.iter().zip(places) {
            if let Some(place) = place
                && axis.key == VARIANT.path
            {
                let (name, variant) = self.variant(axis.values[*place].value.as_str()?)?;
                swept.variants.insert(name, variant);
            } else if let Some(place) = place {
                swept.grid.insert(axis.key.clone(), Value::Array(vec![self.value(axis, *place)?]));
            }
        }
        let mut refined = 0;
        let zipped = self.zipped();
        for (axis, place) in order.iter().filter_map(|&axis| Some((&axes[axis], places[axis]?))) {
            if refined == MOST_KEYS || zipped.contains(&axis.key) {
                continue;
            }
            let numbers = around(axis, place).and_then(|numbers| self.accepted(&swept, axis, numbers));
            if let Some(numbers) = numbers {
                swept.grid.insert(axis.key.clone(), Value::Array(numbers));
                refined += 1;
            }
        }
        if refined < MOST_KEYS
            && let Some(with_zip) = self.zip_around(&swept, axes, places, &zipped)
        {
            swept = with_zip;
            refined += 1;
        }
        self.file(&swept).filter(|_| refined > 0)
    }

    /// The file with these axes; `None` if the program would refuse it.
    fn file(&self, swept: &Swept) -> Option<String> {
        let mut sweep = Table::new();
        if let Some(seeds) = &self.seeds {
            sweep.insert("seeds".to_owned(), seeds.clone());
        }
        for (kind, axes) in [("variants", &swept.variants), ("grid", &swept.grid), ("zip", &swept.zip)] {
            if !axes.is_empty() {
                sweep.insert(kind.to_owned(), Value::Table(axes.clone()));
            }
        }
        let mut table = self.table.clone();
        table.insert("sweep".to_owned(), Value::Table(sweep));
        let text = toml::to_string_pretty(&table).ok()?;
        let Call { profile, sets, variables, .. } = self.call.clone();
        let options = LoadOptions { profile, sets, env: variables.into_iter().collect() };
        let experiment = Experiment::parse(Path::new(&self.file), text.clone(), &options).ok()?;
        // What a profile or an argument gives would replace the best config's value.
        experiment.sweep.pinned.is_empty().then_some(text)
    }

    /// A recorded variant with its name. What an axis or a later layer decided is not among its settings.
    fn variant(&self, name: &str) -> Option<(String, Value)> {
        let mut variants =
            self.recorded.as_array()?.iter().filter_map(|axis| axis["variants"].as_array()).flatten();
        let sets = variants.find(|variant| variant["name"] == name)?["sets"].as_array()?;
        let mut table = Table::new();
        for set in sets {
            table.insert(set["key"].as_str()?.to_owned(), Value::try_from(&set["value"]).ok()?);
        }
        Some((name.to_owned(), Value::Table(table)))
    }

    /// An axis' value as an experiment has it: that of a name is what the sweep's file has under it.
    fn value(&self, axis: &Axis, place: usize) -> Option<Value> {
        let value = &axis.values[place].value;
        let named = value.as_str().and_then(|name| {
            let axes = self.sources.iter().flat_map(|sweep| {
                let random = sweep.get("random").and_then(|random| random.get("keys"));
                [sweep.get("grid"), sweep.get("zip"), random].into_iter().flatten()
            });
            axes.filter_map(|axes| axes.get(&axis.key))
                .find_map(|axis| ["values", "choice"].iter().find_map(|names| axis.get(names)?.get(name)))
        });
        named.cloned().or_else(|| Value::try_from(value).ok())
    }

    /// The keys whose values are in step.
    fn zipped(&self) -> Vec<String> {
        let zips = self.sources.iter().filter_map(|sweep| sweep.get("zip")?.as_table());
        zips.flat_map(Table::keys).cloned().collect()
    }

    /// Those of the numbers around the best value of an axis that its key takes; `None` if none is new. The best one is
    /// in `swept`.
    fn accepted(&self, swept: &Swept, axis: &Axis, numbers: Vec<Value>) -> Option<Vec<Value>> {
        let best = swept.grid.get(&axis.key)?.get(0)?;
        let is_accepted = |number: &Value| {
            let mut swept = swept.clone();
            swept.grid.insert(axis.key.clone(), Value::Array(vec![number.clone()]));
            number == best || self.file(&swept).is_some()
        };
        let numbers: Vec<Value> = numbers.into_iter().filter(is_accepted).collect();
        let known: Vec<_> = axis.values.iter().filter_map(|value| value.value.as_f64()).collect();
        let is_new = |number: &Value| {
            let number = number.as_float().or(number.as_integer().map(|number| number as f64));
            number.is_some_and(|number| !known.contains(&number))
        };
        numbers.iter().any(is_new).then_some(numbers)
    }

    /// The axes with those that are in step refined together; `None` if they are not all numbers with as many around them.
    fn zip_around(
        &self,
        swept: &Swept,
        axes: &[Axis],
        places: &[Option<usize>],
        zipped: &[String],
    ) -> Option<Swept> {
        let mut swept = swept.clone();
        let mut lengths = Vec::new();
        for (axis, place) in axes.iter().zip(places).filter(|(axis, _)| zipped.contains(&axis.key)) {
            let numbers = around(axis, (*place)?)?;
            lengths.push(numbers.len());
            swept.grid.remove(&axis.key);
            swept.zip.insert(axis.key.clone(), Value::Array(numbers));
        }
        let is_even = lengths.windows(2).all(|pair| pair[0] == pair[1]);
        (!lengths.is_empty() && is_even && self.file(&swept).is_some()).then_some(swept)
    }
}

/// Removes what the next sweep has of its own; returns the table `sweep`, if there was one.
fn take_sweep(table: &mut Table) -> Option<Table> {
    let sweep =
        REPLACED.map(|name| (name, table.remove(name))).into_iter().find(|(name, _)| *name == "sweep");
    match sweep {
        Some((_, Some(Value::Table(sweep)))) => Some(sweep),
        _ => None,
    }
}

/// The axes' places, those that explain most first.
fn by_importance(axes: &[Axis], findings: &Findings) -> Vec<usize> {
    let rank = |axis: &usize| {
        let key = &axes[*axis].key;
        findings.effects.iter().position(|effects| effects.keys.contains(key)).unwrap_or(usize::MAX)
    };
    let mut places: Vec<usize> = (0..axes.len()).collect();
    places.sort_by_key(rank);
    places
}

/// The value at that place with one on either side, half way to those of other configs; beyond an end of the axis if its
/// values are refined by factors. `None` for values that are not numbers, or one value.
fn around(axis: &Axis, place: usize) -> Option<Vec<Value>> {
    let values: Option<Vec<f64>> = axis.values.iter().map(|value| value.value.as_f64()).collect();
    let values = values.filter(|values| axis.numeric && values.len() > 1)?;
    let whole = axis.values.iter().all(|value| value.value.is_u64() || value.value.is_i64());
    let (least, largest) = (values[0], values[values.len() - 1]);
    let wide = least > 0.0 && largest / least >= WIDE;
    // Of many random values the next ones say nothing: a quarter of all is as far as a grid of four goes.
    let step = (values.len() / 4).max(1);
    let best = values[place];
    let middle = |other: f64| if wide { (best * other).sqrt() } else { f64::midpoint(best, other) };
    let (lower, higher) = (place.checked_sub(step), Some(place + step).filter(|place| *place < values.len()));
    let beyond =
        |inner: Option<usize>| inner.filter(|_| wide).map(|inner| best * best / middle(values[inner]));
    let below = lower.map(|place| middle(values[place])).or_else(|| beyond(higher));
    let above = higher.map(|place| middle(values[place])).or_else(|| beyond(lower));
    let mut numbers: Vec<f64> =
        [below, Some(best), above].into_iter().flatten().map(|number| rounded(number, best)).collect();
    if whole {
        for number in &mut numbers {
            *number = number.round();
        }
    }
    numbers.dedup();
    let value = |number: f64| if whole { Value::Integer(number as i64) } else { Value::Float(number) };
    // Whole numbers may have none between them.
    let is_new = |number: &f64| !values.contains(number);
    numbers.iter().any(is_new).then(|| numbers.iter().map(|number| value(*number)).collect())
}

/// Three significant digits, and the best value as it was.
fn rounded(number: f64, best: f64) -> f64 {
    if number.to_bits() == best.to_bits() { best } else { format!("{number:.2e}").parse().unwrap_or(number) }
}

/// `experiments/lr.toml` as `experiments/lr-narrow.toml`.
fn beside(file: &str) -> String {
    let path = Path::new(file);
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!("{stem}-narrow.toml")).display().to_string()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::context::AxisValue;

    fn axis(key: &str, values: &[serde_json::Value]) -> Axis {
        let value =
            |value: &serde_json::Value| AxisValue { value: value.clone(), text: value.to_string(), runs: 1 };
        let numeric = values.iter().all(serde_json::Value::is_number);
        let values = values.iter().map(value).collect();
        Axis { key: key.to_owned(), short: key.to_owned(), values, numeric }
    }

    fn of(values: &[serde_json::Value], place: usize) -> Option<Vec<f64>> {
        let numbers = around(&axis("optimizer.lr", values), place)?.into_iter();
        Some(
            numbers
                .map(|value| value.as_float().or(value.as_integer().map(|it| it as f64)).unwrap())
                .collect(),
        )
    }

    #[test]
    fn wide_axes_are_refined_by_factors_and_beyond_their_ends() {
        let rates = [json!(1e-4), json!(1e-3), json!(1e-2)];
        assert_eq!(of(&rates, 1).unwrap(), [3.16e-4, 1e-3, 3.16e-3]);
        assert_eq!(of(&rates, 2).unwrap(), [3.16e-3, 1e-2, 3.16e-2]);
        assert_eq!(of(&[json!(64), json!(256)], 0).unwrap(), [32.0, 64.0, 128.0]);
    }

    #[test]
    fn narrow_axes_are_refined_by_differences_and_not_beyond_their_ends() {
        let momenta = [json!(0.0), json!(0.5), json!(0.9)];
        assert_eq!(of(&momenta, 1).unwrap(), [0.25, 0.5, 0.7]);
        assert_eq!(of(&momenta, 2).unwrap(), [0.7, 0.9]);
        assert_eq!(of(&[json!(1), json!(2)], 0), None, "there is no whole number between");
        assert_eq!(of(&[json!("relu"), json!("tanh")], 0), None);
    }

    #[test]
    fn of_many_random_values_those_a_quarter_away_count() {
        let values: Vec<_> = (1..=100).map(|value| json!(f64::from(value))).collect();
        assert_eq!(of(&values, 49).unwrap(), [35.4, 50.0, 61.2]);
    }

    /// The next experiment of a sweep with these axes, each with its values and the place of the best.
    fn next(
        source: &str,
        call: Call,
        axes: &[(&str, &[serde_json::Value], usize)],
    ) -> Option<(Table, String)> {
        let axis = |&(key, values, _): &(&str, &[serde_json::Value], usize)| axis(key, values);
        let draft = Draft::new("lr", "experiments/lr.toml", source, call, "the best")?;
        let order: Vec<usize> = (0..axes.len()).collect();
        let places: Vec<_> = axes.iter().map(|(.., place)| Some(*place)).collect();
        let text = draft.around(&axes.iter().map(axis).collect::<Vec<_>>(), &places, &order)?;
        Some((text.parse().unwrap(), draft.call.command(&draft.file)))
    }

    fn axis_of<'t>(table: &'t Table, kind: &str, key: &str) -> &'t Value {
        &table["sweep"][kind][key]
    }

    #[test]
    fn values_beyond_the_range_of_a_key_are_left_out() {
        let steps = |place| next("", Call::default(), &[("train.d_steps", &[json!(1), json!(5)], place)]);
        assert_eq!(axis_of(&steps(0).unwrap().0, "grid", "train.d_steps"), &Value::from(vec![1, 2]));
        let momenta = [json!(0.1), json!(0.9)];
        let (table, _) = next("", Call::default(), &[("optimizer.beta1", &momenta, 1)]).unwrap();
        assert_eq!(axis_of(&table, "grid", "optimizer.beta1"), &Value::from(vec![0.3, 0.9]));
    }

    #[test]
    fn what_a_profile_or_an_argument_sweeps_is_replaced_and_the_rest_of_them_stays() {
        let source = "name = \"lr\"\n[profile.wide]\nname = \"wide\"\n[profile.wide.train]\nepochs = 7\n\
                      [profile.wide.sweep]\nseeds = 3\n[profile.wide.sweep.grid]\n\"optimizer.lr\" = [1e-4, 1e-3]\n";
        let sets = ["sweep.grid.\"optimizer.lr\"=[1]", "train.ema=0.9", "name=x", "sweep.seeds=4"];
        let call = Call {
            profile: Some("wide".to_owned()),
            sets: sets.map(str::to_owned).to_vec(),
            ..Call::default()
        };
        let (table, command) =
            next(source, call, &[("optimizer.lr", &[json!(1e-4), json!(1e-3)], 1)]).unwrap();
        assert_eq!(axis_of(&table, "grid", "optimizer.lr"), &Value::from(vec![3.16e-4, 1e-3, 3.16e-3]));
        assert_eq!(
            (table["name"].as_str(), table["sweep"]["seeds"].as_integer()),
            (Some("lr-narrow"), Some(3))
        );
        let profile = table["profile"]["wide"].as_table().unwrap();
        assert_eq!(profile.keys().collect::<Vec<_>>(), ["train"]);
        let expected = "gansweep sweep experiments/lr-narrow.toml --profile wide --set 'train.ema=0.9' --set 'sweep.seeds=4'";
        assert_eq!(command, expected);
    }

    #[test]
    fn a_search_becomes_a_grid() {
        let source = "[search]\nmethod = \"tpe\"\ntrials = 9\n[sweep.random.keys]\n\"optimizer.lr\" = { log = [1e-4, 1e-2] }\n";
        let (table, _) =
            next(source, Call::default(), &[("optimizer.lr", &[json!(1e-4), json!(1e-3)], 1)]).unwrap();
        assert!(!table.contains_key("search") && table["sweep"].get("random").is_none(), "{table}");
    }

    #[test]
    fn a_name_of_a_list_is_written_out() {
        let source = "[sweep.grid.\"model.hidden\".values]\nwide = 512\ndeep = [64, 64]\n";
        let names = [json!("deep"), json!("wide")];
        let axes: [(&str, &[serde_json::Value], usize); 2] =
            [("model.hidden", &names, 0), ("optimizer.lr", &[json!(1e-4), json!(1e-3)], 1)];
        let (table, _) = next(source, Call::default(), &axes).unwrap();
        assert_eq!(axis_of(&table, "grid", "model.hidden"), &Value::from(vec![vec![64, 64]]));
    }

    #[test]
    fn of_variants_the_best_stays_as_it_is_recorded() {
        let source = "[sweep.variants.plain]\n[sweep.variants.hinge]\nloss.kind = \"minimax\"\n[profile.steps]\ntrain.d_steps = 3\n";
        let axes: [(&str, &[serde_json::Value], usize); 2] = [
            ("variant", &[json!("hinge"), json!("plain")], 0),
            ("optimizer.lr", &[json!(1e-4), json!(1e-3)], 0),
        ];
        let next_of = |profile: Option<&str>, sets: serde_json::Value| {
            let call = Call { profile: profile.map(str::to_owned), ..Call::default() };
            let draft = Draft::new("lr", "lr.toml", source, call, "the best")?;
            let recorded = json!([{"key": "variant", "variants": [{"name": "hinge", "sets": sets}]}]);
            let draft = Draft { recorded, ..draft };
            let axes_of: Vec<Axis> = axes.iter().map(|(key, values, _)| axis(key, values)).collect();
            let text = draft.around(&axes_of, &[Some(0), Some(0)], &[1])?;
            Some(text.parse::<Table>().unwrap())
        };
        let hinge = json!([{"key": "loss.kind", "value": "hinge"}, {"key": "train.d_steps", "value": 2}]);
        let table = next_of(None, hinge.clone()).unwrap();
        let variants = table["sweep"]["variants"].as_table().unwrap();
        assert_eq!(variants.keys().collect::<Vec<_>>(), ["hinge"]);
        assert_eq!(
            variants["hinge"]["loss.kind"].as_str(),
            Some("hinge"),
            "an argument had replaced the file's"
        );
        // The profile's value would replace the variant's.
        assert!(next_of(Some("steps"), hinge).is_none());
        assert!(next_of(Some("steps"), json!([{"key": "loss.kind", "value": "hinge"}])).is_some());
        // Variants that are not recorded.
        assert!(next("", Call::default(), &axes).is_none());
    }

    #[test]
    fn axes_in_step_stay_in_step_and_only_whole_refinements_are_made() {
        let (rates, momenta) = ([json!(1e-4), json!(1e-3)], [json!(0.0), json!(0.5)]);
        let source = "[sweep.zip]\n\"optimizer.lr\" = [1e-4, 1e-3]\n\"optimizer.beta1\" = [0.0, 0.5]\n";
        let axes: [(&str, &[serde_json::Value], usize); 2] =
            [("optimizer.lr", &rates, 0), ("optimizer.beta1", &momenta, 0)];
        // Three rates, and two momenta: nothing lies below zero.
        assert!(next(source, Call::default(), &axes).is_none());
        let both: [(&str, &[serde_json::Value], usize); 2] =
            [("optimizer.generator.lr", &rates, 0), ("optimizer.discriminator.lr", &rates, 0)];
        let source = "[sweep.zip]\n\"optimizer.generator.lr\" = [1e-4, 1e-3]\n\"optimizer.discriminator.lr\" = [1e-4, 1e-3]\n";
        let (table, _) = next(source, Call::default(), &both).unwrap();
        assert!(table["sweep"].get("grid").is_none(), "{table}");
        assert_eq!(
            axis_of(&table, "zip", "optimizer.generator.lr"),
            &Value::from(vec![3.16e-5, 1e-4, 3.16e-4])
        );
    }
}
