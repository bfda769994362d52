//! Reads the input from the database.

use std::collections::{BTreeMap, HashMap};

use gansweep_compare::{Analysis, CompareError};
use gansweep_config::{Config, DatasetSpec, ImageShape, RunId};
use gansweep_protocol::{Geometry, Metric, SampleSource};
use gansweep_store::{AttemptRow, Reader, RunFilter, RunRow, StoreError, SweepRow};
use rayon::prelude::*;
use serde_json::Value;

use crate::context::{RealGrid, Shades};
use crate::input::{AttemptInput, BestInput, GridInput, PageBytes, ReportInput, RunInput, SweepInput};
use crate::{ReportError, ReportOptions, pixels};

/// The metrics with a chart, and those of the x axes.
fn series_metrics() -> impl Iterator<Item = Metric> {
    let drawn = |metric: &Metric| metric.declaration().group.is_some();
    let x_axes = [Metric::Epoch, Metric::ImagesSeen, Metric::Seconds];
    Metric::ALL.into_iter().filter(drawn).chain(x_axes)
}

/// Reads the sweeps that the options name. One transaction, so that a page written during a sweep is
/// consistent.
pub(crate) fn read(reader: &Reader, options: &ReportOptions) -> Result<ReportInput, ReportError> {
    let _snapshot = reader.snapshot()?;
    let rows = chosen(reader.sweeps()?, reader, options)?;
    let sweeps = rows.into_iter().map(|row| sweep(reader, row, options)).collect::<Result<_, _>>()?;
    Ok(ReportInput { database: reader.path().display().to_string(), sweeps })
}

fn chosen(
    mut rows: Vec<SweepRow>,
    reader: &Reader,
    options: &ReportOptions,
) -> Result<Vec<SweepRow>, ReportError> {
    if options.sweeps.is_empty() {
        rows.reverse();
        return Ok(rows);
    }
    let find = |name: &String| {
        rows.iter().find(|row| row.name == *name).cloned().ok_or_else(|| ReportError::UnknownSweep {
            name: name.clone(),
            database: reader.path().display().to_string(),
            known: rows.iter().map(|row| row.name.clone()).collect(),
        })
    };
    options.sweeps.iter().map(find).collect()
}

fn sweep(reader: &Reader, row: SweepRow, options: &ReportOptions) -> Result<SweepInput, ReportError> {
    let filter = RunFilter { sweep: Some(row.name.clone()), where_sql: None };
    let rows = reader.runs(&filter)?;
    let analysis = analysis(reader, &row, &rows, options)?;
    let max_points = options.points_per_curve(rows.len());
    let mut fingerprints: Vec<String> = Vec::new();
    for run in &rows {
        if !fingerprints.contains(&run.data_fingerprint) {
            fingerprints.push(run.data_fingerprint.clone());
        }
    }
    let mut specs = BTreeMap::new();
    for fingerprint in &fingerprints {
        specs.insert(fingerprint.clone(), reader.dataset(fingerprint)?.spec);
    }
    let variances = real_variances(reader, &fingerprints)?;
    let ids: Vec<RunId> = rows.iter().map(|run| run.id.clone()).collect();
    let comparable = reader.with_comparable_figures(&ids)?;
    let (mut runs, mut real_of_runs) = (Vec::with_capacity(rows.len()), Vec::with_capacity(rows.len()));
    for row in rows {
        real_of_runs.push(variances.get(&row.data_fingerprint).copied());
        let spec = &specs[&row.data_fingerprint];
        runs.push(run(reader, row, spec, max_points, &comparable)?);
    }
    note_diversity(reader, &mut runs, &real_of_runs)?;
    let mut real = Vec::new();
    for fingerprint in &fingerprints {
        let mut of_data = runs.iter().filter(|run| run.data_fingerprint == *fingerprint);
        let geometry = of_data.find_map(RunInput::geometry);
        real.extend(real_grid(reader, fingerprint, &specs[fingerprint], geometry)?);
    }
    Ok(SweepInput {
        page_bytes: page_bytes(reader, &runs)?,
        analysis,
        rungs: reader.rungs(&row.name)?,
        trials: reader.trials(&row.name)?,
        name: row.name,
        description: row.description,
        recipe: row.recipe,
        file: row.file,
        call: row.call,
        source: row.source_toml,
        axes: row.axes,
        dataset_requested: row.dataset_requested.name().to_owned(),
        dataset_effective: row.dataset.name().to_owned(),
        palette: row.record.palette,
        program_version: row.program_version,
        machine: row.machine,
        created_unix_ms: row.created_unix_ms,
        real,
        runs,
    })
}

/// The comparison by the objective, or by the default one if the sweep has not recorded it: a page of several sweeps
/// cannot be refused because of one of them. The page names what it compares by.
fn analysis(
    reader: &Reader,
    sweep: &SweepRow,
    rows: &[RunRow],
    options: &ReportOptions,
) -> Result<Analysis, CompareError> {
    match gansweep_compare::analyse(reader, sweep, rows.to_vec(), &[], options.objective) {
        Err(CompareError::MetricNotRecorded { .. }) => {
            gansweep_compare::analyse(reader, sweep, rows.to_vec(), &[], None)
        }
        result => result,
    }
}

/// How many bytes of the page a byte of a sample grid takes, from a sample of the grids: re-encoding makes them
/// smaller, base64 larger.
fn page_bytes(reader: &Reader, runs: &[RunInput]) -> Result<PageBytes, StoreError> {
    const MOST_GRIDS: usize = 24;
    let grids: Vec<_> =
        runs.iter().flat_map(|run| run.grids.iter().map(|grid| (&run.id, grid.step, grid.source))).collect();
    let mut pngs = Vec::new();
    for (run, step, source) in grids.iter().step_by(grids.len().div_ceil(MOST_GRIDS).max(1)) {
        pngs.extend(reader.sample(run, *step, *source)?.map(|sample| sample.png));
    }
    let before: usize = pngs.iter().map(Vec::len).sum();
    let ratio = |shades| {
        let base64_of = |png: &Vec<u8>| 4 * pixels::compact(png, shades).len().div_ceil(3);
        let after: usize = pngs.par_iter().map(base64_of).sum();
        if before == 0 { 1.0 } else { after as f64 / before as f64 }
    };
    Ok(PageBytes {
        thirty_two: ratio(Shades::ThirtyTwo),
        sixteen: ratio(Shades::Sixteen),
        seven: ratio(Shades::Seven),
    })
}

/// For each dataset, the variance between its real images.
fn real_variances(reader: &Reader, fingerprints: &[String]) -> Result<BTreeMap<String, f64>, StoreError> {
    let mut variances = BTreeMap::new();
    for fingerprint in fingerprints {
        let largest = reader.real_images(fingerprint)?.pop();
        let variance = largest.and_then(|grid| pixels::variance(&grid.png, grid.geometry));
        variances.extend(variance.map(|variance| (fingerprint.clone(), variance)));
    }
    Ok(variances)
}

/// Notes the variance between the images of each run's last grid, relative to that of the real images of the run's data.
fn note_diversity(reader: &Reader, runs: &mut [RunInput], real: &[Option<f64>]) -> Result<(), StoreError> {
    /// Images in memory at a time.
    const TOGETHER: usize = 64;
    for (runs, real) in runs.chunks_mut(TOGETHER).zip(real.chunks(TOGETHER)) {
        let grids = runs.iter().map(|run| last_grid(reader, run)).collect::<Result<Vec<_>, _>>()?;
        runs.par_iter_mut().zip(grids).zip(real).for_each(|((run, grid), real)| {
            let variance = grid.and_then(|(png, geometry)| pixels::variance(&png, geometry));
            let real = real.filter(|real| *real > 0.0);
            run.diversity = variance.zip(real).map(|(variance, real)| variance / real);
        });
    }
    Ok(())
}

/// The last grid of the run's weights.
fn last_grid(reader: &Reader, run: &RunInput) -> Result<Option<(Vec<u8>, Geometry)>, StoreError> {
    let Some(last) = run.grids.iter().rfind(|grid| grid.source == SampleSource::Raw) else { return Ok(None) };
    let sample = reader.sample(&run.id, last.step, last.source)?;
    Ok(sample.map(|sample| (sample.png, last.geometry)))
}

/// The grid of real images with the same geometry as the sample grids, or else the largest.
fn real_grid(
    reader: &Reader,
    fingerprint: &str,
    spec: &DatasetSpec,
    geometry: Option<Geometry>,
) -> Result<Option<RealGrid>, StoreError> {
    let grids = reader.real_images(fingerprint)?;
    let same = grids.iter().find(|grid| Some(grid.geometry) == geometry);
    Ok(same.or(grids.last()).map(|grid| RealGrid {
        dataset: grid.dataset.name().to_owned(),
        data_fingerprint: grid.data_fingerprint.clone(),
        geometry: grid.geometry,
        colored: spec.image.channels > 1,
    }))
}

/// What the columns of a conditional run's sample grids are called, a class each; empty for any other run.
fn classes(row: &RunRow, spec: &DatasetSpec, grids: &[GridInput]) -> Vec<String> {
    let is_conditional = row.typed_config().is_ok_and(|config| config.model.conditional);
    let Some(grid) = grids.last().filter(|_| is_conditional) else { return Vec::new() };
    (0..grid.geometry.cols as usize).map(|class| spec.class_names.name(class)).collect()
}

/// Figures that do not compare with those of other runs are left out: a chart or column cannot tell them apart.
fn run(
    reader: &Reader,
    row: RunRow,
    spec: &DatasetSpec,
    max_points: usize,
    comparable: &HashMap<RunId, u32>,
) -> Result<RunInput, StoreError> {
    let is_shown = |metric: Metric| !metric.is_figure() || comparable.contains_key(&row.id);
    let mut series = BTreeMap::new();
    for metric in series_metrics().filter(|metric| is_shown(*metric)) {
        let points = reader.points(&row.id, metric, row.total_steps, max_points)?;
        series.insert(metric, points.into_iter().map(|point| (point.step, point.value)).collect());
    }
    let summaries = reader.summaries(&row.id, row.total_steps)?;
    let shown = summaries.into_iter().filter(|summary| is_shown(summary.metric));
    let last = shown.map(|summary| (summary.metric, summary.last)).collect();
    let grids = reader.samples_index(&row.id, row.total_steps)?.into_iter().map(|info| GridInput {
        step: info.step,
        epoch: info.epoch,
        source: info.source,
        geometry: info.geometry,
        png_bytes: info.bytes,
    });
    let best = reader.best_checkpoint(&row.id)?.filter(|best| best.step <= row.total_steps);
    let grids: Vec<GridInput> = grids.collect();
    Ok(RunInput {
        best: best.map(|best| BestInput {
            step: best.step,
            epoch: row.epoch_of(best.step),
            metric: best.metric,
            value: best.value,
        }),
        attempts: attempts(reader.attempts(&row.id)?, row.total_steps),
        classes: classes(&row, spec, &grids),
        grids,
        diversity: None,
        last,
        series,
        id: row.id,
        label: row.label,
        seed: row.seed,
        assignments: row.assignments,
        config_hash: row.config_hash.to_string(),
        data_fingerprint: row.data_fingerprint,
        config: as_trained(row.config, row.epochs, spec.image),
        image: spec.image,
        data_classes: spec.classes,
        state: row.state,
        cause: row.cause,
        step: row.step,
        total_steps: row.total_steps,
        epochs: row.epochs,
        seconds: row.seconds,
        images_per_second: row.images_per_second,
    })
}

/// The attempts up to the first that reached the sweep's budget: later ones belong to a sweep with a larger
/// budget.
fn attempts(rows: Vec<AttemptRow>, total_steps: u64) -> Vec<AttemptInput> {
    let reached = rows.iter().position(|row| row.step.is_some_and(|step| step >= total_steps));
    let count = reached.map_or(rows.len(), |place| place + 1);
    rows.into_iter().take(count).map(attempt).collect()
}

/// The config with the budget, which is a setting like others for the reader of the page, and with the size and the
/// channels of the images in place of a 0 for the dataset's own; without the keys that the run does not use.
fn as_trained(mut config: Value, epochs: u32, image: ImageShape) -> Value {
    let unused = Config::from_stored(&config).map_or(Vec::new(), |config| config.unused_keys());
    for key in unused {
        let (table, name) = key.rsplit_once('.').unwrap_or(("", key));
        let table = config.pointer_mut(&format!("/{}", table.replace('.', "/")));
        if let Some(table) = table.and_then(Value::as_object_mut) {
            table.shift_remove(name);
        }
    }
    if let Some(train) = config.get_mut("train").and_then(Value::as_object_mut) {
        train.shift_insert(0, "epochs".to_owned(), epochs.into());
    }
    for (key, own) in [("/data/side", image.height), ("/data/channels", image.channels)] {
        if let Some(value) = config.pointer_mut(key).filter(|value| value.as_u64() == Some(0)) {
            *value = own.into();
        }
    }
    config
}

fn attempt(row: AttemptRow) -> AttemptInput {
    AttemptInput {
        attempt: row.attempt,
        device: row.device,
        backend: row.backend,
        lane: row.lane.zip(row.lanes),
        worker: row.host.zip(row.pid),
        state: row.state,
        cause: row.cause,
        began_unix_ms: row.began_unix_ms,
        ended_unix_ms: row.ended_unix_ms,
    }
}
