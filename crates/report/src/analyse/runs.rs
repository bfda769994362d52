//! A run as the page shows it: table row, curves, grids, attempts.

use gansweep_config::RunState;
use gansweep_protocol::{Cadence, Declaration, Direction, Metric, SampleSource};

use super::groups::Groups;
use super::{axes, charts, grids, health, text};
use crate::context::{Attempt, Axis, Best, Column, FormattedNumber, Number, Run};
use crate::input::{AttemptInput, BestInput, RunInput};

/// The metrics of the run table as `(metric, substitute)`. The table shows an epoch's mean; for a run that has not
/// finished an epoch, it shows the last per-step value. Others, such as quality figures, have no mean, and a column only if
/// a run has them, which `drawn` says. The objective comes first.
pub(super) fn table_metrics(objective: Option<Metric>, drawn: &[Metric]) -> Vec<(Metric, Metric)> {
    let of_table = |metric: Metric| match metric.declaration() {
        Declaration { in_run_table: true, cadence: Cadence::Step(epoch), .. } => Some((epoch, metric)),
        Declaration { in_run_table: true, .. } if drawn.contains(&metric) => Some((metric, metric)),
        _ => None,
    };
    let mut metrics: Vec<(Metric, Metric)> = Metric::ALL.into_iter().filter_map(of_table).collect();
    if let Some(objective) = objective {
        let is_objective = |(shown, other): &(Metric, Metric)| *shown == objective || *other == objective;
        let place = metrics.iter().position(is_objective);
        let first = place.map_or((objective, objective), |place| metrics.remove(place));
        metrics.insert(0, first);
    }
    metrics
}

/// The run table's metric columns.
pub(super) fn columns(metrics: &[(Metric, Metric)]) -> Vec<Column> {
    let column = |(shown, substitute): &(Metric, Metric)| {
        let help = shown.declaration().help;
        Column {
            better: Some(substitute.declaration().direction)
                .filter(|direction| *direction != Direction::Neither),
            metric: shown.name().to_owned(),
            title: substitute.declaration().title.to_owned(),
            unit: substitute.declaration().unit.to_owned(),
            // Known once all values are: `write_columns` and `configs::write_results` find them.
            decimals: 0,
            mean_decimals: 0,
            help: match shown == substitute {
                true => help.to_owned(),
                false => format!("{help}; before the end of the first epoch, the last recorded value"),
            },
        }
    };
    metrics.iter().map(column).collect()
}

/// Writes the numbers of each column of the run table with the same decimals; returns those of the metrics.
pub(super) fn write_columns(runs: &mut [Run]) -> Vec<usize> {
    let columns = runs.first().map_or(0, |run| run.last_values.len());
    let decimals =
        (0..columns).map(|column| write_column(runs, &|run| run.last_values[column].as_mut())).collect();
    write_column(runs, &|run| run.images_per_second.as_mut());
    write_column(runs, &|run| run.best.as_mut().map(|best| &mut best.epoch));
    decimals
}

/// Writes the first metric, which is the objective, with as many decimals as its means.
pub(super) fn write_objective(runs: &mut [Run], column: &mut Column, decimals: usize) {
    column.decimals = column.decimals.max(decimals);
    for number in runs.iter_mut().filter_map(|run| run.last_values.first_mut()?.as_mut()) {
        number.text = text::fixed(number.value.0, column.decimals);
    }
}

fn write_column(runs: &mut [Run], cell: &dyn Fn(&mut Run) -> Option<&mut FormattedNumber>) -> usize {
    let values: Vec<f64> = runs.iter_mut().filter_map(|run| cell(run).map(|number| number.value.0)).collect();
    let decimals = text::decimals(values.into_iter());
    for number in runs.iter_mut().filter_map(cell) {
        number.text = text::fixed(number.value.0, decimals);
    }
    decimals
}

/// One run. `metrics` are those of the table, `drawn` those with a chart, `epochs` those whose grids the page shows.
pub(super) fn run(
    input: &RunInput,
    axes: &[Axis],
    metrics: &[(Metric, Metric)],
    drawn: &[Metric],
    epochs: &[u32],
    groups: &Groups<'_>,
) -> Run {
    let last = |(shown, substitute): &(Metric, Metric)| {
        let value = input.last.get(shown).or_else(|| input.last.get(substitute))?;
        Some(measured(*value))
    };
    Run {
        id: input.id.clone(),
        label: input.label.clone(),
        seed: input.seed,
        values: axes::positions(input, axes),
        state: input.state,
        cause: input.cause.clone(),
        warnings: health::warnings(input),
        step: input.step,
        total_steps: input.total_steps,
        epochs: input.epochs,
        seconds: FormattedNumber {
            value: Number::rounded(input.seconds),
            text: text::seconds(input.seconds),
        },
        images_per_second: input.images_per_second.map(measured),
        value: None,
        last_values: metrics.iter().map(last).collect(),
        best: input.best.as_ref().map(best),
        attempts: input.attempts.iter().map(|input| attempt(input, groups)).collect(),
        grids: grids::of_run(input, SampleSource::Raw, epochs),
        averaged_grids: grids::of_run(input, SampleSource::Ema, epochs),
        geometry: None,
        colored: input.image.channels > 1,
        real: None,
        classes: input.classes.clone(),
        x_axes: charts::x_axes(input),
        series: drawn.iter().map(|metric| charts::series(input, *metric)).collect(),
    }
}

/// Device and backend of an attempt: `cpu (native (AVX-512))`.
pub(super) fn device(attempt: &AttemptInput) -> String {
    match &attempt.backend {
        Some(backend) => format!("{} ({backend})", attempt.device),
        None => attempt.device.clone(),
    }
}

/// Number of runs per state; states without runs are left out.
pub(super) fn count_states(runs: &[RunInput]) -> Vec<crate::context::StateCount> {
    let count = |state: RunState| crate::context::StateCount {
        state,
        runs: runs.iter().filter(|run| run.state == state).count(),
    };
    RunState::ALL.into_iter().map(count).filter(|count| count.runs > 0).collect()
}

fn best(input: &BestInput) -> Best {
    let title = input.metric.declaration().title;
    Best {
        step: input.step,
        epoch: measured(input.epoch),
        figure: format!("{title} {}", text::measured(input.value)),
    }
}

fn attempt(input: &AttemptInput, groups: &Groups<'_>) -> Attempt {
    Attempt {
        attempt: input.attempt,
        device: device(input),
        place: groups.place(input),
        state: input.state,
        cause: input.cause.clone(),
    }
}

fn measured(value: f64) -> FormattedNumber {
    FormattedNumber { value: Number::rounded(value), text: text::measured(value) }
}
