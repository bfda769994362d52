//! Charts and their curves.

use std::collections::HashSet;

use gansweep_config::Config;
use gansweep_protocol::{Direction, Metric};

use crate::context::{Chart, ChartGroup, Number, ReferenceLine, Series, XAxes};
use crate::input::RunInput;

/// Chart groups; charts without a point in any run are left out.
pub(super) fn groups(runs: &[RunInput]) -> Vec<ChartGroup> {
    let drawn = drawn_metrics(runs);
    let chart = |metric: Metric| {
        let series = drawn.iter().position(|candidate| *candidate == metric)?;
        Some(self::chart(metric, series, runs))
    };
    let group = |group: gansweep_protocol::ChartGroup| {
        let charts: Vec<Chart> = of_group(group).filter_map(chart).collect();
        let hint = group.hint(charts.iter().any(|chart| chart.reference.is_some())).to_owned();
        ChartGroup { title: group.title().to_owned(), hint, charts }
    };
    gansweep_protocol::ChartGroup::ALL
        .into_iter()
        .map(group)
        .filter(|group| !group.charts.is_empty())
        .collect()
}

/// The metrics of a chart group.
fn of_group(group: gansweep_protocol::ChartGroup) -> impl Iterator<Item = Metric> {
    Metric::ALL.into_iter().filter(move |metric| metric.declaration().group == Some(group))
}

/// The metrics with a chart. A run's `series` have this order.
pub(super) fn drawn_metrics(runs: &[RunInput]) -> Vec<Metric> {
    let has_points = |metric: &Metric| {
        runs.iter().any(|run| run.series.get(metric).is_some_and(|points| !points.is_empty()))
    };
    gansweep_protocol::ChartGroup::ALL.into_iter().flat_map(of_group).filter(has_points).collect()
}

/// A run's points of one metric.
pub(super) fn series(run: &RunInput, metric: Metric) -> Series {
    let points = run.series.get(&metric).map_or(&[][..], Vec::as_slice);
    Series {
        steps: points.iter().map(|(step, _)| *step).collect(),
        values: points.iter().map(|(_, value)| Number::rounded(*value)).collect(),
    }
}

/// Maps the run's steps to the other x axes.
pub(super) fn x_axes(run: &RunInput) -> XAxes {
    XAxes {
        epoch: corner_points(&series(run, Metric::Epoch)),
        images_seen: corner_points(&series(run, Metric::ImagesSeen)),
        seconds: corner_points(&series(run, Metric::Seconds)),
    }
}

fn chart(metric: Metric, series: usize, runs: &[RunInput]) -> Chart {
    let declaration = metric.declaration();
    Chart {
        metric: declaration.name.to_owned(),
        title: declaration.title.to_owned(),
        unit: declaration.unit.to_owned(),
        help: declaration.help.to_owned(),
        series,
        once: metric.is_figure()
            && runs.iter().all(|run| run.series.get(&metric).is_none_or(|points| points.len() < 2)),
        better: Some(declaration.direction).filter(|direction| *direction != Direction::Neither),
        range: declaration.range.map(|(low, high)| [Number(low), Number(high)]),
        incomparable: incomparable(declaration.group, runs),
        reference: reference(metric, runs),
    }
}

/// Why losses must not be compared by value: their definition is not the same in all runs.
fn incomparable(group: Option<gansweep_protocol::ChartGroup>, runs: &[RunInput]) -> Option<String> {
    if group != Some(gansweep_protocol::ChartGroup::Losses) {
        return None;
    }
    let first = runs.first()?.config.get("loss")?.as_object()?;
    let differs = |key: &&String| {
        runs.iter().any(|run| run.config["loss"].get(key.as_str()) != first.get(key.as_str()))
    };
    let keys: Vec<String> = first.keys().filter(differs).map(|key| format!("loss.{key}")).collect();
    (!keys.is_empty()).then(|| {
        format!(
            "The runs differ in {}, so this loss has several definitions: compare shapes, not values.",
            keys.join(" and ")
        )
    })
}

/// The metric's reference value, if it is the same for all runs (it may depend on the config).
fn reference(metric: Metric, runs: &[RunInput]) -> Option<ReferenceLine> {
    let of = |run: &RunInput| {
        // `from_stored` also reads configs that another version of the program has stored.
        let config = Config::from_stored(&run.config).ok()?;
        metric.declaration().reference.map(|reference| reference(&config))
    };
    let first = of(runs.first()?)?;
    // Reading a config takes long, and there are fewer configs than runs.
    let mut seen = HashSet::new();
    let mut configs = runs.iter().filter(|run| seen.insert(run.config.to_string()));
    let common = configs.all(|run| of(run) == Some(first));
    common.then(|| ReferenceLine { value: Number::rounded(first.value), text: first.text.to_owned() })
}

/// Reduces a nearly piecewise linear series to its corners and ends: the page interpolates between them,
/// and a run at constant speed needs two points instead of a thousand.
fn corner_points(series: &Series) -> Series {
    /// Relative to the series' range: about a third of a pixel in a chart 300 pixels wide.
    const TOLERANCE: f64 = 1e-3;
    let points: Vec<(u64, f64)> =
        series.steps.iter().copied().zip(series.values.iter().map(|value| value.0)).collect();
    let mut kept = Series::default();
    let mut keep = |(step, value): (u64, f64)| {
        kept.steps.push(step);
        kept.values.push(Number(value));
    };
    let range = points.last().map_or(0.0, |last| last.1) - points.first().map_or(0.0, |first| first.1);
    let mut start = 0;
    for index in 0..points.len() {
        let at_end = index == 0 || index + 1 == points.len();
        if at_end || !straight(&points[start..=index + 1], TOLERANCE * range.abs()) {
            keep(points[index]);
            start = index;
        }
    }
    kept
}

/// Whether all points are within `tolerance` of the line from the first to the last.
fn straight(points: &[(u64, f64)], tolerance: f64) -> bool {
    let [(from, first), .., (to, last)] = *points else { return true };
    let slope = (last - first) / (to - from) as f64;
    points.iter().all(|(step, value)| (first + slope * (step - from) as f64 - value).abs() <= tolerance)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(points: &[(u64, f64)]) -> Series {
        Series {
            steps: points.iter().map(|point| point.0).collect(),
            values: points.iter().map(|point| Number(point.1)).collect(),
        }
    }

    #[test]
    fn a_linear_axis_keeps_only_its_ends() {
        let straight: Vec<(u64, f64)> = (0..100).map(|step| (step, step as f64 / 10.0)).collect();
        assert_eq!(corner_points(&numbers(&straight)), numbers(&[(0, 0.0), (99, 9.9)]));
    }

    #[test]
    fn an_axis_keeps_the_points_at_which_its_slope_changes() {
        let paused = [(0, 0.0), (10, 1.0), (20, 2.0), (30, 10.0), (40, 18.0)];
        assert_eq!(corner_points(&numbers(&paused)), numbers(&[(0, 0.0), (20, 2.0), (40, 18.0)]));
    }

    #[test]
    fn axes_with_no_or_one_point_are_not_changed() {
        assert_eq!(corner_points(&Series::default()), Series::default());
        assert_eq!(corner_points(&numbers(&[(5, 1.0)])), numbers(&[(5, 1.0)]));
    }
}
