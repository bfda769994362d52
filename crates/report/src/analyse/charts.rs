//! Which charts there are, and the curves on them.

use gansweep_config::Config;
use gansweep_protocol::Metric;

use crate::context::{Chart, ChartGroup, Clock, Number, ReferenceLine, Series};
use crate::input::RunInput;

/// The charts that at least one run has a point for.
pub(super) fn groups(runs: &[RunInput]) -> Vec<ChartGroup> {
    let drawn = drawn_metrics(runs);
    let chart = |metric: Metric| {
        let series = drawn.iter().position(|candidate| *candidate == metric)?;
        Some(self::chart(metric, series, runs))
    };
    let group = |group: gansweep_protocol::ChartGroup| ChartGroup {
        title: group.title().to_owned(),
        hint: group.hint().to_owned(),
        charts: of_group(group).filter_map(chart).collect(),
    };
    gansweep_protocol::ChartGroup::ALL
        .into_iter()
        .map(group)
        .filter(|group| !group.charts.is_empty())
        .collect()
}

/// The metrics that are drawn in a group of charts.
fn of_group(group: gansweep_protocol::ChartGroup) -> impl Iterator<Item = Metric> {
    Metric::ALL.into_iter().filter(move |metric| metric.declaration().group == Some(group))
}

/// The metrics with a chart, in the order of a run's series.
pub(super) fn drawn_metrics(runs: &[RunInput]) -> Vec<Metric> {
    let has_points = |metric: &Metric| {
        runs.iter().any(|run| run.series.get(metric).is_some_and(|points| !points.is_empty()))
    };
    gansweep_protocol::ChartGroup::ALL.into_iter().flat_map(of_group).filter(has_points).collect()
}

/// One metric of one run.
pub(super) fn series(run: &RunInput, metric: Metric) -> Series {
    let points = run.series.get(&metric).map_or(&[][..], Vec::as_slice);
    Series {
        steps: points.iter().map(|(step, _)| *step).collect(),
        values: points.iter().map(|(_, value)| Number::rounded(*value)).collect(),
    }
}

/// What the run's steps were on the other x axes.
pub(super) fn clock(run: &RunInput) -> Clock {
    Clock {
        epoch: bends(&series(run, Metric::Epoch)),
        images_seen: bends(&series(run, Metric::ImagesSeen)),
        seconds: bends(&series(run, Metric::Seconds)),
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
        range: declaration.range.map(|(low, high)| [Number(low), Number(high)]),
        reference: reference(metric, runs),
    }
}

/// The metric's reference value, if all runs have the same.
fn reference(metric: Metric, runs: &[RunInput]) -> Option<ReferenceLine> {
    let of = |run: &RunInput| {
        // Read key by key, a config of another version has its reference values too.
        let config = Config::from_stored(&run.config).ok()?;
        metric.declaration().reference.map(|reference| reference(&config))
    };
    let first = of(runs.first()?)?;
    let common = runs.iter().all(|run| of(run) == Some(first));
    common.then(|| ReferenceLine { value: Number::rounded(first.value), text: first.text.to_owned() })
}

/// The points at which a piecewise straight series bends, its ends included.
fn bends(series: &Series) -> Series {
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

/// Whether all points lie within `tolerance` of the line from the first to the last.
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
    fn a_straight_clock_keeps_its_ends_alone() {
        let straight: Vec<(u64, f64)> = (0..100).map(|step| (step, step as f64 / 10.0)).collect();
        assert_eq!(bends(&numbers(&straight)), numbers(&[(0, 0.0), (99, 9.9)]));
    }

    #[test]
    fn a_clock_keeps_the_points_at_which_its_pace_changes() {
        let paused = [(0, 0.0), (10, 1.0), (20, 2.0), (30, 10.0), (40, 18.0)];
        assert_eq!(bends(&numbers(&paused)), numbers(&[(0, 0.0), (20, 2.0), (40, 18.0)]));
    }

    #[test]
    fn clocks_of_no_and_of_one_point_stay_as_they_are() {
        assert_eq!(bends(&Series::default()), Series::default());
        assert_eq!(bends(&numbers(&[(5, 1.0)])), numbers(&[(5, 1.0)]));
    }
}
