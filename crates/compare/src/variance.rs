//! What each axis explains of the variance.

use std::collections::{BTreeMap, BTreeSet};

use gansweep_config::{AxisKind, value_text};
use gansweep_statistics::{CONFIDENCE, Factor, variance_shares};

use super::axes::{EPOCHS, SweptAxis, assigned};
use super::configs::{Numbering, config_of};
use super::result::{AxisShare, Variance};
use super::values::MeasuredRun;

/// What each axis explains of the variance of the runs' values. Zipped axes are one; the values of a random axis
/// are put into bins.
pub(super) fn explain(runs: &[MeasuredRun], axes: &[SweptAxis], by: &[String]) -> Option<Variance> {
    let compared: Vec<&SweptAxis> =
        axes.iter().filter(|axis| axis.key != EPOCHS || by.contains(&axis.key)).collect();
    let columns: Vec<Column> = columns(runs, &compared).into_iter().filter(Column::varies).collect();
    let values: Vec<f64> = runs.iter().map(MeasuredRun::number).collect();
    let mut configs = Numbering::default();
    let cells: Vec<usize> = runs.iter().map(|run| configs.number(config_of(&run.row, by))).collect();
    let factors: Vec<Factor<'_>> = columns.iter().map(|column| Factor { levels: &column.levels }).collect();
    let shares = variance_shares(&values, &cells, &factors, CONFIDENCE)?;
    let axis = |(column, share)| {
        let Column { keys, short, bins, .. } = column;
        AxisShare { keys, short, bins, share }
    };
    Some(Variance {
        axes: columns.into_iter().zip(shares.factors).map(axis).collect(),
        interactions: shares.interactions,
        seed: shares.noise,
        noise_source: shares.noise_source,
    })
}

/// A factor: what of each run it distinguishes.
struct Column {
    keys: Vec<String>,
    short: String,
    levels: Vec<usize>,
    bins: Option<usize>,
}

impl Column {
    fn varies(&self) -> bool {
        self.levels.windows(2).any(|pair| pair[0] != pair[1])
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
        let (bins, levels) = bins.unzip();
        columns.push(Column {
            keys: tied.iter().map(|axis| axis.key.clone()).collect(),
            short: tied.iter().map(|axis| axis.short.as_str()).collect::<Vec<_>>().join("+"),
            levels: levels.unwrap_or_else(|| levels_of(runs, &tied)),
            bins,
        });
    }
    columns
}

fn levels_of(runs: &[MeasuredRun], axes: &[&SweptAxis]) -> Vec<usize> {
    let mut values = Numbering::default();
    let text = |run: &MeasuredRun| -> Vec<Option<String>> {
        axes.iter().map(|axis| assigned(&run.row, &axis.key).map(value_text)).collect()
    };
    runs.iter().map(|run| values.number(text(run))).collect()
}

/// Bins with about equally many values for a random axis of numbers, whose values hardly ever occur twice: four
/// bins, or fewer where there are less than four values for each bin of all `random` axes. `None` if its values
/// are few or no numbers.
fn bins(runs: &[MeasuredRun], axis: &SweptAxis, random: usize) -> Option<(usize, Vec<usize>)> {
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
    Some((bins, numbers.iter().map(|number| places[&number.to_bits()]).collect()))
}
