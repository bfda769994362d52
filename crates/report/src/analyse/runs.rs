//! A run as the page shows it: table row, curves, grids, attempts.

use gansweep_config::RunState;
use gansweep_protocol::{Cadence, Declaration, Direction, Metric, SampleSource};

use super::groups::Groups;
use super::{axes, charts, grids, health, text};
use crate::context::{Attempt, Axis, Column, FormattedNumber, Number, Run};
use crate::input::{AttemptInput, RunInput};

/// The metrics of the run table as `(epoch mean, per-step metric)`. The table shows the last epoch's
/// mean; for a run that has not finished an epoch, it shows the last per-step value. Quality figures have no mean, and a
/// column only if a run has them.
fn table_metrics(drawn: &[Metric]) -> impl Iterator<Item = (Metric, Metric)> {
    Metric::ALL.into_iter().filter_map(|metric| match metric.declaration() {
        Declaration { in_run_table: true, cadence: Cadence::Step(epoch), .. } => Some((epoch, metric)),
        Declaration { in_run_table: true, cadence: Cadence::Figure, .. } if drawn.contains(&metric) => {
            Some((metric, metric))
        }
        _ => None,
    })
}

/// The run table's metric columns.
pub(super) fn columns(drawn: &[Metric]) -> Vec<Column> {
    let column = |(epoch, step): (Metric, Metric)| Column {
        better: Some(step.declaration().direction).filter(|direction| *direction != Direction::Neither),
        metric: epoch.name().to_owned(),
        title: step.declaration().title.to_owned(),
        unit: step.declaration().unit.to_owned(),
        help: match epoch.declaration().cadence {
            Cadence::Figure => epoch.declaration().help.to_owned(),
            _ => format!(
                "{}; before the end of the first epoch, the last recorded value",
                epoch.declaration().help
            ),
        },
    };
    table_metrics(drawn).map(column).collect()
}

/// One run. `drawn` are the metrics with a chart, `epochs` those whose grids the page shows.
pub(super) fn run(
    input: &RunInput,
    axes: &[Axis],
    drawn: &[Metric],
    epochs: &[u32],
    groups: &Groups<'_>,
) -> Run {
    let last = |(epoch, step): (Metric, Metric)| {
        let value = input.last.get(&epoch).or_else(|| input.last.get(&step))?;
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
        last_values: table_metrics(drawn).map(last).collect(),
        attempts: input.attempts.iter().map(|input| attempt(input, groups)).collect(),
        grids: grids::of_run(input, SampleSource::Raw, epochs),
        averaged_grids: grids::of_run(input, SampleSource::Ema, epochs),
        x_axes: charts::x_axes(input),
        series: drawn.iter().map(|metric| charts::series(input, *metric)).collect(),
    }
}

/// Device and backend of an attempt: `cpu (native x86-64-v4)`.
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
