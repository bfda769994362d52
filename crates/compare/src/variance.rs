//! What each axis explains of the variance.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use gansweep_base::text;
use gansweep_config::{AxisKind, value_text};
use gansweep_statistics::{CONFIDENCE, Effect, Factor, Share, level_effects, variance_shares};
use serde_json::Value;

use super::axes::{EPOCHS, SweptAxis, assigned};
use super::configs::{Numbering, config_of};
use super::result::{AxisEffects, AxisShare, LevelEffect, Variance};
use super::values::MeasuredRun;

/// What each axis explains of the variance of the runs' values, and what its values do. Zipped axes are one; the values
/// of a random axis are put into bins.
pub(super) fn explain(
    runs: &[MeasuredRun],
    axes: &[SweptAxis],
    by: &[String],
) -> Option<(Variance, Vec<AxisEffects>)> {
    let compared: Vec<&SweptAxis> =
        axes.iter().filter(|axis| axis.key != EPOCHS || by.contains(&axis.key)).collect();
    let columns: Vec<Column> = columns(runs, &compared).into_iter().filter(Column::varies).collect();
    let values: Vec<f64> = runs.iter().map(MeasuredRun::number).collect();
    let mut configs = Numbering::default();
    let cells: Vec<usize> = runs.iter().map(|run| configs.number(config_of(&run.row, by))).collect();
    let factors: Vec<Factor<'_>> = columns.iter().map(|column| Factor { levels: &column.levels }).collect();
    let shares = variance_shares(&values, &cells, &factors, CONFIDENCE)?;
    let effects = level_effects(&values, &factors, &shares, CONFIDENCE);
    let effects = columns.iter().zip(effects).zip(&shares.factors);
    let effects = effects.map(|((column, effects), share)| column.effects(effects, *share)).collect();
    let axis = |(column, share)| {
        let Column { keys, short, bins, .. } = column;
        AxisShare { keys, short, bins, share }
    };
    let variance = Variance {
        axes: columns.into_iter().zip(shares.factors).map(axis).collect(),
        interactions: shares.interactions,
        seed: shares.noise,
        noise_source: shares.noise_source,
    };
    Some((variance, effects))
}

/// A factor: what of each run it distinguishes.
struct Column {
    keys: Vec<String>,
    short: String,
    /// Of each run.
    levels: Vec<usize>,
    /// Of each level: how it is displayed, and where it is among numbers.
    texts: Vec<(String, Option<f64>)>,
    bins: Option<usize>,
}

impl Column {
    fn varies(&self) -> bool {
        self.levels.windows(2).any(|pair| pair[0] != pair[1])
    }

    fn effects(&self, effects: Vec<Option<Effect>>, share: Share) -> AxisEffects {
        let mut levels: Vec<_> = self.texts.iter().zip(effects).collect();
        // Levels are numbered as they appear in the plan.
        if self.texts.iter().all(|(_, number)| number.is_some()) {
            levels.sort_by(|((_, a), _), ((_, b), _)| a.partial_cmp(b).unwrap_or(Ordering::Equal));
        }
        let level = |((text, _), effect): (&(String, Option<f64>), Option<Effect>)| LevelEffect {
            text: text.clone(),
            effect: effect.filter(|_| share.freedom > 0),
        };
        AxisEffects {
            keys: self.keys.clone(),
            short: self.short.clone(),
            levels: levels.into_iter().map(level).collect(),
        }
    }
}

fn columns(runs: &[MeasuredRun], axes: &[&SweptAxis]) -> Vec<Column> {
    let random = axes.iter().filter(|axis| axis.kind == AxisKind::Random).count();
    let mut columns = Vec::new();
    for (index, axis) in axes.iter().enumerate() {
        let tied: Vec<&SweptAxis> = match axis.kind {
            AxisKind::Zip => axes.iter().filter(|other| other.kind == AxisKind::Zip).copied().collect(),
            AxisKind::Grid | AxisKind::Random => vec![axis],
        };
        // Zipped axes are one factor, at the place of the first.
        if axes[..index].iter().any(|earlier| earlier.key == tied[0].key) {
            continue;
        }
        let bins = (axis.kind == AxisKind::Random).then(|| bins(runs, axis, random)).flatten();
        let (count, (levels, texts)) = match bins {
            Some(Bins { levels, texts }) => (Some(texts.len()), (levels, texts)),
            None => (None, levels_of(runs, &tied)),
        };
        columns.push(Column {
            keys: tied.iter().map(|axis| axis.key.clone()).collect(),
            short: tied.iter().map(|axis| axis.short.as_str()).collect::<Vec<_>>().join("+"),
            levels,
            texts,
            bins: count,
        });
    }
    columns
}

/// The level of each run, and the text and number of each level.
fn levels_of(runs: &[MeasuredRun], axes: &[&SweptAxis]) -> (Vec<usize>, Vec<(String, Option<f64>)>) {
    let mut values = Numbering::default();
    let mut texts = Vec::new();
    let level = |run: &MeasuredRun| {
        let assigned: Vec<Option<&Value>> = axes.iter().map(|axis| assigned(&run.row, &axis.key)).collect();
        let shown: Vec<Option<String>> = assigned.iter().map(|value| value.map(value_text)).collect();
        let text: Vec<&str> = shown.iter().map(|text| text.as_deref().unwrap_or("none")).collect();
        let text = text.join(", ");
        let level = values.number(shown);
        if level == texts.len() {
            texts.push((text, assigned.first().and_then(|value| value.and_then(Value::as_f64))));
        }
        level
    };
    (runs.iter().map(level).collect(), texts)
}

/// Groups of the values of a random axis.
struct Bins {
    /// Of each run.
    levels: Vec<usize>,
    texts: Vec<(String, Option<f64>)>,
}

/// Bins with about equally many values for a random axis of numbers, whose values hardly ever occur twice: four
/// bins, or fewer where there are less than four values for each bin of all `random` axes. `None` if its values
/// are few or no numbers.
fn bins(runs: &[MeasuredRun], axis: &SweptAxis, random: usize) -> Option<Bins> {
    const MOST: usize = 4;
    let numbers: Vec<f64> =
        runs.iter().map(|run| assigned(&run.row, &axis.key)?.as_f64()).collect::<Option<_>>()?;
    // Positive and negative numbers apart, bits are ordered as the numbers; only equality matters here.
    let distinct: BTreeSet<u64> = numbers.iter().map(|number| number.to_bits()).collect();
    let mut sorted: Vec<f64> = distinct.into_iter().map(f64::from_bits).collect();
    sorted.sort_by(f64::total_cmp);
    if sorted.len() <= MOST {
        return None;
    }
    let bins = (sorted.len() / (MOST * random)).clamp(2, MOST);
    let places: BTreeMap<u64, usize> = sorted
        .iter()
        .enumerate()
        .map(|(place, number)| (number.to_bits(), place * bins / sorted.len()))
        .collect();
    let levels: Vec<usize> = numbers.iter().map(|number| places[&number.to_bits()]).collect();
    let text = |bin: usize| {
        let of_bin =
            || numbers.iter().zip(&levels).filter(|(_, level)| **level == bin).map(|(number, _)| *number);
        let (low, high) =
            (of_bin().fold(f64::INFINITY, f64::min), of_bin().fold(f64::NEG_INFINITY, f64::max));
        (format!("{} to {}", text::measured(low), text::measured(high)), Some(low))
    };
    Some(Bins { texts: (0..bins).map(text).collect(), levels })
}
