//! One run's row, curves and grids.

use gansweep_config::RunState;
use gansweep_protocol::{Cadence, Declaration, Metric};

use super::groups::Groups;
use super::{axes, charts, text};
use crate::context::{Attempt, Axis, Column, Final, Grid, Number, Run};
use crate::input::{AttemptInput, RunInput};

/// The metrics of the run table: the mean over the last epoch, each with the metric that stands in for it in
/// a run that has not finished an epoch.
fn table_metrics() -> impl Iterator<Item = (Metric, Metric)> {
    Metric::ALL.into_iter().filter_map(|metric| match metric.declaration() {
        Declaration { in_run_table: true, cadence: Cadence::Step(epoch), .. } => Some((epoch, metric)),
        _ => None,
    })
}

/// The run table's metrics.
pub(super) fn columns() -> Vec<Column> {
    let column = |(epoch, step): (Metric, Metric)| Column {
        metric: epoch.name().to_owned(),
        title: step.declaration().title.to_owned(),
        unit: step.declaration().unit.to_owned(),
        help: format!("{}; before the first is over, the last point's", epoch.declaration().help),
    };
    table_metrics().map(column).collect()
}

/// One run, with those of its grids that the page shows.
pub(super) fn run(
    input: &RunInput,
    axes: &[Axis],
    drawn: &[Metric],
    grids: Vec<Grid>,
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
        step: input.step,
        total_steps: input.total_steps,
        epochs: input.epochs,
        seconds: Final { value: Number::rounded(input.seconds), text: text::seconds(input.seconds) },
        images_per_second: input.images_per_second.map(measured),
        finals: table_metrics().map(last).collect(),
        attempts: input.attempts.iter().map(|input| attempt(input, groups)).collect(),
        grids,
        clock: charts::clock(input),
        series: drawn.iter().map(|metric| charts::series(input, *metric)).collect(),
    }
}

/// Where an attempt trained: `cpu (native x86-64-v4)`.
pub(super) fn device(attempt: &AttemptInput) -> String {
    match &attempt.backend {
        Some(backend) => format!("{} ({backend})", attempt.device),
        None => attempt.device.clone(),
    }
}

/// How many runs are in each state that any is in.
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

fn measured(value: f64) -> Final {
    Final { value: Number::rounded(value), text: text::measured(value) }
}
