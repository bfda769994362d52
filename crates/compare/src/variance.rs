//! What each axis explains of the variance.

use gansweep_base::text;
use gansweep_config::{AxisKind, value_text};
use gansweep_statistics::{CONFIDENCE, Design, Effect, Factor, Share, level_effects, variance_shares};
use serde_json::Value;

use super::axes::{EPOCHS, SweptAxis, assigned};
use super::configs::{Numbering, config_of};
use super::result::{AxisEffects, AxisShare, LevelEffect, Variance};
use super::values::MeasuredRun;

/// What stands for the value of a key that does not apply to a run.
const NONE: &str = "none";

/// What each axis explains of the variance of the runs' values, and what its values do. Zipped axes are one; the values
/// of a random axis are put into bins.
pub(super) fn explain(
    runs: &[MeasuredRun],
    axes: &[SweptAxis],
    by: &[String],
) -> Option<(Variance, Vec<AxisEffects>)> {
    let compared: Vec<&SweptAxis> = axes
        .iter()
        .filter(|axis| axis.key != EPOCHS || (by.contains(&axis.key) && !axis.is_implied))
        .collect();
    let columns: Vec<Column> = columns(runs, &compared).into_iter().filter(Column::varies).collect();
    let values: Vec<f64> = runs.iter().map(MeasuredRun::number).collect();
    let mut configs = Numbering::default();
    let cells: Vec<usize> = runs.iter().map(|run| configs.number(config_of(&run.row, by))).collect();
    let factors: Vec<Factor<'_>> =
        columns.iter().map(|column| Factor { levels: &column.levels, absent: column.absent }).collect();
    let is_drawn = compared.iter().any(|axis| axis.kind == AxisKind::Random);
    let design = if is_drawn { Design::Draws } else { Design::Grid };
    let shares = variance_shares(&values, &cells, &factors, design, CONFIDENCE)?;
    let effects = level_effects(&values, &factors, &shares, CONFIDENCE);
    let effects = columns.iter().zip(effects).zip(&shares.factors);
    let effects = effects.map(|((column, effects), share)| column.effects(effects, *share)).collect();
    let axis = |(column, share): (Column, Share)| {
        let is_constant = column.is_constant(&values);
        let Column { keys, short, bins, .. } = column;
        AxisShare { keys, short, bins, share, is_constant }
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
    /// The level of the runs to which the key does not apply.
    absent: Option<usize>,
    bins: Option<usize>,
}

impl Column {
    fn varies(&self) -> bool {
        self.levels.windows(2).any(|pair| pair[0] != pair[1])
    }

    /// Whether the runs with a finite value have one level.
    fn is_constant(&self, values: &[f64]) -> bool {
        let mut levels = self.levels.iter().zip(values).filter(|(_, value)| value.is_finite());
        let first = levels.next().map(|(level, _)| level);
        levels.all(|(level, _)| Some(level) == first)
    }

    fn effects(&self, effects: Vec<Option<Effect>>, share: Share) -> AxisEffects {
        let mut levels: Vec<_> = self.texts.iter().zip(effects).collect();
        // Levels are numbered as they appear in the plan.
        let mut texts = self.texts.iter().enumerate();
        if texts.all(|(level, (_, number))| number.is_some() || Some(level) == self.absent) {
            let order = |number: &Option<f64>| number.unwrap_or(f64::INFINITY);
            levels.sort_by(|((_, a), _), ((_, b), _)| order(a).total_cmp(&order(b)));
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
        let values = || runs.iter().map(|run| assigned(&run.row.assignments, &axis.key)).collect::<Vec<_>>();
        let bins = (axis.kind == AxisKind::Random).then(|| bins(&values(), random)).flatten();
        let count = bins.as_ref().map(|bins| bins.texts.iter().filter(|(_, low)| low.is_some()).count());
        let Levels { of_runs, texts, absent } = bins.unwrap_or_else(|| levels_of(runs, &tied));
        columns.push(Column {
            keys: tied.iter().map(|axis| axis.key.clone()).collect(),
            short: tied.iter().map(|axis| axis.short.as_str()).collect::<Vec<_>>().join("+"),
            levels: of_runs,
            texts,
            absent,
            bins: count,
        });
    }
    columns
}

/// The levels of the values of an axis, or of tied ones.
struct Levels {
    /// The level of each run.
    of_runs: Vec<usize>,
    /// The text and number of each level.
    texts: Vec<(String, Option<f64>)>,
    /// The level of the runs to which the key does not apply.
    absent: Option<usize>,
}

/// A level for each value.
fn levels_of(runs: &[MeasuredRun], axes: &[&SweptAxis]) -> Levels {
    let mut values = Numbering::default();
    let (mut texts, mut absent) = (Vec::new(), None);
    let level = |run: &MeasuredRun| {
        let assigned: Vec<Option<&Value>> =
            axes.iter().map(|axis| assigned(&run.row.assignments, &axis.key)).collect();
        let shown: Vec<Option<String>> = assigned.iter().map(|value| value.map(value_text)).collect();
        let text: Vec<&str> = shown.iter().map(|text| text.as_deref().unwrap_or(NONE)).collect();
        let text = text.join(", ");
        let level = values.number(shown);
        if level == texts.len() {
            texts.push((text, assigned.first().and_then(|value| value.and_then(Value::as_f64))));
            absent = if assigned == [None] { Some(level) } else { absent };
        }
        level
    };
    let of_runs = runs.iter().map(level).collect();
    Levels { of_runs, texts, absent }
}

/// Bins with about equally many values for a random axis of numbers, whose values hardly ever occur twice: four
/// bins, or fewer where there are less than four values for each bin of all `random` axes. Runs to which the key does not
/// apply are a level of their own. `None` if its values are few or no numbers.
fn bins(values: &[Option<&Value>], random: usize) -> Option<Levels> {
    const MOST: usize = 4;
    if values.iter().flatten().any(|value| !value.is_number()) {
        return None;
    }
    let numbers: Vec<Option<f64>> = values.iter().map(|value| value.and_then(Value::as_f64)).collect();
    let mut sorted: Vec<f64> = numbers.iter().copied().flatten().collect();
    sorted.sort_by(f64::total_cmp);
    sorted.dedup();
    if sorted.len() <= MOST {
        return None;
    }
    let bins = (sorted.len() / (MOST * random)).clamp(2, MOST);
    let bin_of = |number: f64| sorted.partition_point(|other| *other < number) * bins / sorted.len();
    let of_runs = numbers.iter().map(|number| number.map_or(bins, bin_of)).collect();
    let text = |bin: usize| {
        let here = || sorted.iter().copied().filter(|number| bin_of(*number) == bin);
        let (low, high) = (here().fold(f64::INFINITY, f64::min), here().fold(f64::NEG_INFINITY, f64::max));
        (format!("{} to {}", text::measured(low), text::measured(high)), Some(low))
    };
    let mut texts: Vec<_> = (0..bins).map(text).collect();
    let absent = numbers.contains(&None).then_some(bins);
    texts.extend(absent.map(|_| (NONE.to_owned(), None)));
    Some(Levels { of_runs, texts, absent })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn texts(bins: &Levels) -> Vec<&str> {
        bins.texts.iter().map(|(text, _)| text.as_str()).collect()
    }

    #[test]
    fn drawn_numbers_are_put_into_bins_of_equally_many() {
        let values: Vec<Value> = [8, 1, 7, 2, 6, 3, 5, 4, 1].map(|value| json!(value)).into();
        let found = bins(&values.iter().map(Some).collect::<Vec<_>>(), 1).unwrap();
        assert_eq!(texts(&found), ["1 to 4", "5 to 8"]);
        assert_eq!(found.of_runs, [1, 0, 1, 0, 1, 0, 1, 0, 0]);
    }

    #[test]
    fn runs_to_which_the_key_does_not_apply_are_a_level_of_their_own() {
        let values: Vec<Value> = (1..=16).map(|value| json!(f64::from(value) / 10.0)).collect();
        let values: Vec<Option<&Value>> = values.iter().map(Some).chain([None, None]).collect();
        let found = bins(&values, 1).unwrap();
        assert_eq!(texts(&found), ["0.1 to 0.4", "0.5 to 0.8", "0.9 to 1.2", "1.3 to 1.6", "none"]);
        assert_eq!((&found.of_runs[12..], found.absent), (&[3, 3, 3, 3, 4, 4][..], Some(4)));
    }

    #[test]
    fn few_values_and_those_that_are_no_numbers_have_no_bins() {
        let few = [json!(1), json!(2), json!(3), json!(4)];
        assert!(bins(&few.iter().map(Some).collect::<Vec<_>>(), 1).is_none());
        let words = ["a", "b", "c", "d", "e"].map(|word| json!(word));
        assert!(bins(&words.iter().map(Some).collect::<Vec<_>>(), 1).is_none());
    }
}
