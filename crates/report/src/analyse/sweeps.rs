//! Combines the analyses of one sweep.

use std::collections::BTreeSet;

use gansweep_protocol::{Geometry, Metric};

use super::groups::Groups;
use super::labels::Labels;
use super::{
    axes, charts, configs, findings, grid_layout, grids, health, narrow, rungs, runs, search, text, variants,
};
use crate::context::{DatasetUse, Samples, Sweep};
use crate::input::{RunInput, SweepInput};
use crate::options::ReportOptions;

/// The context of one sweep.
pub(super) fn sweep(input: &SweepInput, options: &ReportOptions) -> Sweep {
    let axes = axes::axes(&input.runs);
    let drawn = charts::drawn_metrics(&input.runs);
    let shown = grids::shown(&input.runs, input.page_bytes, options.max_image_bytes);
    let geometry = most_common(input.runs.iter().filter_map(RunInput::geometry));
    let groups = Groups::of(&input.runs);
    let objective = Metric::from_name(input.analysis.comparison.metric.name);
    let metrics = runs::table_metrics(objective.filter(|_| !input.runs.is_empty()), &drawn);
    let mut runs: Vec<_> = input
        .runs
        .iter()
        .map(|run| runs::run(run, &axes, &metrics, &drawn, &shown.epochs, &groups))
        .collect();
    for (run, input_run) in runs.iter_mut().zip(&input.runs) {
        run.geometry = input_run.geometry().filter(|own| Some(*own) != geometry);
        run.real = input.real.iter().position(|real| real.data_fingerprint == input_run.data_fingerprint);
    }
    let decimals = runs::write_columns(&mut runs);
    let labels = Labels::of(&runs, &axes);
    for run in &mut runs {
        run.label = labels.run(run);
    }
    let mut configuration = configs::configuration(&input.runs, &runs, &labels);
    let mean_decimals = configs::write_results(&mut configuration.configs);
    let mut columns = runs::columns(&metrics);
    for (place, column) in columns.iter_mut().enumerate() {
        // Without a run there are no columns of numbers.
        column.decimals = decimals.get(place).copied().unwrap_or_default();
        column.mean_decimals = mean_decimals.get(place).copied().unwrap_or_default();
    }
    let unchecked = input.runs.iter().filter(|run| health::is_unchecked(run)).count();
    let findings =
        findings::findings(&input.analysis, &mut runs, &mut configuration.configs, &axes, unchecked);
    if let Some(column) = columns.first_mut().filter(|_| findings.objective.better.is_some()) {
        runs::write_objective(&mut runs, column, findings.objective.decimals);
    }
    // Where keys make no matrix, the best config comes first.
    let order =
        findings.order.iter().flat_map(|config| configuration.configs[*config].runs.clone()).collect();
    Sweep {
        name: input.name.clone(),
        description: input.description.clone(),
        recipe: input.recipe.clone(),
        file: input.file.clone(),
        source: input.source.clone(),
        dataset: DatasetUse {
            requested: input.dataset_requested.clone(),
            effective: input.dataset_effective.clone(),
            fell_back: input.dataset_requested != input.dataset_effective,
        },
        palette: input.palette,
        program_version: input.program_version.clone(),
        machine: input.machine.clone(),
        created: text::timestamp(input.created_unix_ms),
        ended: ended(&input.runs).map(text::timestamp),
        command: input.call.clone().unwrap_or_default().command(&input.file),
        next: narrow::experiment(input, &axes, &runs, &configuration.configs, &findings),
        devices: devices(&input.runs),
        states: runs::count_states(&input.runs),
        seeds: input.runs.iter().map(|run| run.seed).collect::<BTreeSet<_>>().into_iter().collect(),
        columns,
        charts: charts::groups(&input.runs),
        samples: Samples {
            real: if shown.epochs.is_empty() { Vec::new() } else { input.real.clone() },
            epochs_left_out: shown.left_out,
            shades: shown.shades,
            averaged: runs.iter().any(|run| !run.averaged_grids.is_empty()),
            geometry: geometry.filter(|_| !shown.epochs.is_empty()),
            epochs: shown.epochs,
            layout: grid_layout::grid_layout(&runs, &axes, order),
        },
        configuration,
        rungs: rungs::rungs(&input.rungs),
        search: search::search(&input.trials, &input.runs, &axes, &labels),
        findings,
        variants: variants::variants(&input.axes),
        axes,
        runs,
    }
}

/// The first of those that most runs have.
fn most_common(geometries: impl Iterator<Item = Geometry>) -> Option<Geometry> {
    let mut counts: Vec<(Geometry, usize)> = Vec::new();
    for geometry in geometries {
        match counts.iter_mut().find(|(known, _)| *known == geometry) {
            Some((_, count)) => *count += 1,
            None => counts.push((geometry, 1)),
        }
    }
    counts.into_iter().rev().max_by_key(|(_, count)| *count).map(|(geometry, _)| geometry)
}

/// End of the last attempt; `None` while any run is active.
fn ended(runs: &[RunInput]) -> Option<i64> {
    let running = runs.iter().any(|run| run.state.is_active());
    let last = runs.iter().flat_map(|run| &run.attempts).filter_map(|attempt| attempt.ended_unix_ms).max();
    last.filter(|_| !running)
}

fn devices(runs: &[RunInput]) -> Vec<String> {
    let names = runs.iter().flat_map(|run| &run.attempts).map(runs::device);
    names.collect::<BTreeSet<_>>().into_iter().collect()
}
