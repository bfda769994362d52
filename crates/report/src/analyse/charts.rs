//! Which charts there are, and the curves on them.

use gansweep_protocol::Metric;

use crate::context::{Chart, ChartGroup, Clock, Number, ReferenceLine, Series};
use crate::input::RunInput;

/// Charts in groups: a heading, what to look for, the metrics.
const GROUPS: [(&str, &str, &[Metric]); 3] = [
    (
        "Losses",
        "Steady curves near the dashed line mean a balanced game. D loss falling to zero while G loss climbs means that D has won and G learns nothing more.",
        &[Metric::DLoss, Metric::GLoss],
    ),
    (
        "Scores",
        "The probability of being real that D gives to real images, D(x), and to generated ones, D(G(z)), before and after D's update. At 0.5 D can no longer tell them apart.",
        &[Metric::DReal, Metric::DFakeBefore, Metric::DFakeAfter],
    ),
    (
        "Gradients",
        "Gradient norms that vanish or explode announce trouble before the losses do.",
        &[Metric::GradNormD, Metric::GradNormG],
    ),
];

/// The charts that at least one run has a point for.
pub(super) fn groups(runs: &[RunInput]) -> Vec<ChartGroup> {
    let drawn = drawn_metrics(runs);
    let chart = |&metric: &Metric| {
        let series = drawn.iter().position(|candidate| *candidate == metric)?;
        Some(self::chart(metric, series, runs))
    };
    let group = |(title, hint, metrics): (&str, &str, &[Metric])| ChartGroup {
        title: title.to_owned(),
        hint: hint.to_owned(),
        charts: metrics.iter().filter_map(chart).collect(),
    };
    GROUPS.into_iter().map(group).filter(|group| !group.charts.is_empty()).collect()
}

/// The metrics with a chart, in the order of a run's series.
pub(super) fn drawn_metrics(runs: &[RunInput]) -> Vec<Metric> {
    let has_points = |metric: &Metric| {
        runs.iter().any(|run| run.series.get(metric).is_some_and(|points| !points.is_empty()))
    };
    GROUPS.into_iter().flat_map(|(_, _, metrics)| metrics).copied().filter(has_points).collect()
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
        probability: matches!(metric, Metric::DReal | Metric::DFakeBefore | Metric::DFakeAfter),
        reference: reference(metric, runs),
    }
}

/// What the metric is where D gives 1/2 to every image (Goodfellow et al. 2014, section 4.1):
/// every cross-entropy is then ln 2, whatever its target.
fn reference(metric: Metric, runs: &[RunInput]) -> Option<ReferenceLine> {
    let line =
        |value: f64, text: &str| Some(ReferenceLine { value: Number::rounded(value), text: text.to_owned() });
    match metric {
        Metric::DLoss => match common_combine(runs)? {
            "sum" => line(2.0 * std::f64::consts::LN_2, "2 ln 2: D gives ½ to everything"),
            "mean" => line(std::f64::consts::LN_2, "ln 2: D gives ½ to everything"),
            _ => None,
        },
        Metric::GLoss => line(std::f64::consts::LN_2, "ln 2: D gives ½ to every fake"),
        Metric::DReal | Metric::DFakeBefore | Metric::DFakeAfter => line(0.5, "D cannot tell"),
        _ => None,
    }
}

/// How D's two losses become one, if all runs agree on it.
fn common_combine(runs: &[RunInput]) -> Option<&str> {
    fn combine(run: &RunInput) -> Option<&str> {
        run.config.pointer("/loss/combine")?.as_str()
    }
    let first = combine(runs.first()?)?;
    runs.iter().all(|run| combine(run) == Some(first)).then_some(first)
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
