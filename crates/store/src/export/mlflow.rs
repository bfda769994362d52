//! Export as an `MLflow` tracking store of files.

use std::collections::BTreeMap;
use std::path::Path;

use gansweep_base::digest::sha256;
use gansweep_config::{Assignment, RunState, value_text};
use gansweep_protocol::Metric;
use serde_json::Value;

use super::folder::{self, ExportFolder, ExportedRuns};
use crate::{Reader, RunRow, StoreError, value::leaves};

/// `MLflow`'s statuses.
const RUNNING: u8 = 1;
const FINISHED: u8 = 3;
const FAILED: u8 = 4;
const KILLED: u8 = 5;
/// The longest value of a parameter that `MLflow` reads.
const LONGEST: usize = 6000;

/// Writes an experiment for each sweep and a run for each of its runs: parameters, metrics, tags, and sample grids as artifacts; in
/// place of what an earlier export of the sweep wrote there. `mlflow ui --backend-store-uri FOLDER` shows them. The paths of
/// artifacts are absolute, so the folder stays where it is.
///
/// # Errors
/// [`StoreError::UnknownSweep`], [`StoreError::OutputFile`].
pub fn mlflow(reader: &Reader, sweep: Option<&str>, folder: &Path) -> Result<ExportedRuns, StoreError> {
    let folder = std::path::absolute(folder)
        .map_err(|source| StoreError::OutputFile { path: folder.to_owned(), source })?;
    let runs = folder::runs_of(reader, sweep)?;
    let mut files = ExportFolder::new(&folder);
    let mut experiments: Vec<&str> = runs.iter().filter_map(|run| run.sweep.as_deref()).collect();
    experiments.dedup();
    for name in experiments {
        let row = reader.sweep(name)?;
        let id = experiment_id(name);
        let location = text(&uri(&files.path(&id)));
        write_fields(
            &mut files,
            format!("{id}/meta.yaml"),
            &[
                ("artifact_location", location),
                ("creation_time", row.created_unix_ms.to_string()),
                ("experiment_id", text(&id)),
                ("last_update_time", row.updated_unix_ms.to_string()),
                ("lifecycle_stage", "active".to_owned()),
                ("name", text(name)),
            ],
        )?;
        write_text(&mut files, format!("{id}/tags/mlflow.note.content"), &row.description)?;
    }
    for run in &runs {
        write_run(reader, run, &mut files)?;
    }
    Ok(ExportedRuns { runs: runs.len(), deleted: files.finish()? })
}

fn write_run(reader: &Reader, run: &RunRow, files: &mut ExportFolder<'_>) -> Result<(), StoreError> {
    let sweep = run.sweep.as_deref().unwrap_or_default();
    let experiment = experiment_id(sweep);
    // A run of several sweeps or budgets is a run of each experiment, and MLflow looks for ids in all of them.
    let id = sha256(format!("{sweep}/{}/{}", run.id, run.epochs))[..32].to_owned();
    let place = format!("{experiment}/{id}");
    let artifacts = text(&uri(&files.path(&place).join("artifacts")));
    let began = run.started_unix_ms.unwrap_or(run.created_unix_ms);
    let status = match run.state {
        RunState::Completed => FINISHED,
        RunState::Diverged | RunState::Failed => FAILED,
        RunState::Interrupted | RunState::Pruned | RunState::Paused => KILLED,
        RunState::Queued | RunState::Pending | RunState::Running => RUNNING,
    };
    write_fields(
        files,
        format!("{place}/meta.yaml"),
        &[
            ("artifact_uri", artifacts),
            ("end_time", run.ended_unix_ms.map_or_else(|| "null".to_owned(), |ended| ended.to_string())),
            ("entry_point_name", text("")),
            ("experiment_id", text(&experiment)),
            ("lifecycle_stage", "active".to_owned()),
            ("run_id", text(&id)),
            ("run_name", text(&run.label)),
            ("run_uuid", text(&id)),
            ("source_name", text("")),
            ("source_type", "4".to_owned()),
            ("source_version", text("")),
            ("start_time", began.to_string()),
            ("status", status.to_string()),
            ("tags", "[]".to_owned()),
            ("user_id", text("")),
        ],
    )?;
    write_parameters(run, files, &format!("{place}/params"))?;
    write_text(files, format!("{place}/params/seed"), &run.seed.to_string())?;
    write_text(files, format!("{place}/params/train.epochs"), &run.epochs.to_string())?;
    for (tag, value) in [
        ("mlflow.runName", run.label.as_str()),
        ("mlflow.source.name", "gansweep"),
        ("gansweep.run", run.id.as_str()),
        ("gansweep.config", run.config_hash.as_str()),
        ("gansweep.state", run.state.name()),
    ] {
        write_text(files, format!("{place}/tags/{tag}"), value)?;
    }
    write_metrics(reader, run, files, (&place, began))?;
    write_grids(reader, run, files, &format!("{place}/artifacts/samples"))
}

/// The values of the config, and the swept keys that it does not have: the variant, the recipe, shorthands, names of lists.
fn write_parameters(run: &RunRow, files: &mut ExportFolder<'_>, place: &str) -> Result<(), StoreError> {
    let config: BTreeMap<String, Value> = leaves(&run.config).into_iter().collect();
    for (key, value) in &config {
        write_text(files, format!("{place}/{key}"), &cut(&value_text(value)))?;
    }
    for Assignment { key, value } in &run.assignments {
        let name = match config.get(key) {
            None => key.clone(),
            // A parameter has one value, and the list itself is that of its key.
            Some(list) if list.is_array() && value.is_string() => format!("{key}.name"),
            Some(_) => continue,
        };
        write_text(files, format!("{place}/{name}"), &cut(&value_text(value)))?;
    }
    Ok(())
}

/// One file per metric, a line per point: time, value, step.
fn write_metrics(
    reader: &Reader,
    run: &RunRow,
    files: &mut ExportFolder<'_>,
    (place, began): (&str, i64),
) -> Result<(), StoreError> {
    let seconds = reader.points(&run.id, Metric::Seconds, run.total_steps, usize::MAX)?;
    let time = |step: u64| {
        let at = seconds.partition_point(|point| point.step < step);
        let point = seconds.get(at).or(seconds.last());
        began + point.map_or(0, |point| (point.value * 1000.0) as i64)
    };
    for metric in Metric::ALL {
        let points = reader.points(&run.id, metric, run.total_steps, usize::MAX)?;
        if points.is_empty() {
            continue;
        }
        files.write(format!("{place}/metrics/{}", metric.name()), |output| {
            for point in &points {
                writeln!(output, "{} {} {}", time(point.step), point.value, point.step)?;
            }
            Ok(())
        })?;
    }
    Ok(())
}

fn write_grids(
    reader: &Reader,
    run: &RunRow,
    files: &mut ExportFolder<'_>,
    place: &str,
) -> Result<(), StoreError> {
    for info in reader.samples_index(&run.id, run.total_steps)? {
        let Some(grid) = reader.sample(&run.id, info.step, info.source)? else { continue };
        let name = format!("{place}/{}-{:08}.png", info.source.name(), info.step);
        files.write(name, |output| Ok(output.write_all(&grid.png)?))?;
    }
    Ok(())
}

/// `MLflow` takes any text of digits for an id.
fn experiment_id(sweep: &str) -> String {
    let digits = u64::from_str_radix(&sha256(sweep)[..15], 16).unwrap_or(0);
    format!("{digits:018}")
}

/// A text in YAML: a text in JSON is one.
fn text(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn cut(value: &str) -> String {
    value.chars().take(LONGEST).collect()
}

fn uri(path: &Path) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/-_.~".contains(&byte);
    let encoded: String = path
        .as_os_str()
        .as_encoded_bytes()
        .iter()
        .map(|byte| if plain(*byte) { char::from(*byte).to_string() } else { format!("%{byte:02X}") })
        .collect();
    format!("file://{encoded}")
}

fn write_fields(
    files: &mut ExportFolder<'_>,
    path: String,
    fields: &[(&str, String)],
) -> Result<(), StoreError> {
    files.write(path, |output| {
        for (name, value) in fields {
            writeln!(output, "{name}: {value}")?;
        }
        Ok(())
    })
}

fn write_text(files: &mut ExportFolder<'_>, path: String, text: &str) -> Result<(), StoreError> {
    files.write(path, |output| Ok(output.write_all(text.as_bytes())?))
}
