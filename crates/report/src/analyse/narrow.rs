//! The next sweep: an experiment file whose values lie around those of the best config.

use std::path::Path;

use toml::{Table, Value};

use crate::context::{Axis, ConfigRuns, Findings, NextExperiment, Run};
use crate::input::SweepInput;

/// Keys that are swept again, those that explain most; the others keep the best config's value.
const MOST_KEYS: usize = 3;
/// The ratio of the largest to the smallest of positive values from which on they are refined by factors, others by differences.
const WIDE: f64 = 4.0;

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
    let mut grid = Table::new();
    let mut refined = 0;
    for axis in by_importance(axes, findings) {
        let Some(place) = values[axis] else { continue };
        let around = (refined < MOST_KEYS).then(|| around(&axes[axis], place)).flatten();
        refined += usize::from(around.is_some());
        let only = || vec![Value::try_from(&axes[axis].values[place].value).unwrap_or(Value::Boolean(false))];
        grid.insert(axes[axis].key.clone(), Value::Array(around.unwrap_or_else(only)));
    }
    if refined == 0 {
        return None;
    }
    let mut table: Table = input.source.parse().ok()?;
    let mut sweep = Table::new();
    if let Some(seeds) = table.get("sweep").and_then(|sweep| sweep.get("seeds")) {
        sweep.insert("seeds".to_owned(), seeds.clone());
    }
    sweep.insert("grid".to_owned(), Value::Table(grid));
    table.insert("sweep".to_owned(), Value::Table(sweep));
    let file = beside(&input.file);
    table.insert("name".to_owned(), Value::String(format!("{}-narrow", input.name)));
    table.insert("description".to_owned(), Value::String(format!("Around {}.", best.label)));
    let command = input.call.clone().unwrap_or_default().command(&file);
    Some(NextExperiment { text: toml::to_string_pretty(&table).ok()?, file, command })
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

    fn of(values: &[serde_json::Value], place: usize) -> Option<Vec<f64>> {
        let value =
            |value: &serde_json::Value| AxisValue { value: value.clone(), text: value.to_string(), runs: 1 };
        let numeric = values.iter().all(serde_json::Value::is_number);
        let values = values.iter().map(value).collect();
        let axis = Axis { key: "optimizer.lr".to_owned(), short: "lr".to_owned(), values, numeric };
        let numbers = around(&axis, place)?.into_iter();
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
}
