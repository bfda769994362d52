//! Queries on the database: list, show and compare runs; SQL.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;

use gansweep_config::{Config, RunId};
use gansweep_protocol::{BestCheckpoint, Metric};
use gansweep_scheduler::{AttemptLog, slurm_logs_of};
use gansweep_store::{
    AttemptRow, CheckpointRow, ConfigValue, DatasetRow, KeyDifference, Reader, RunFilter, RunRow, SampleInfo,
    Store, StoreError, SummaryRow, SweepRow, Table, export,
};
use serde::Serialize;

use crate::{AppError, check, slurm};

/// Everything recorded of a run except its points and images.
#[derive(Debug, Clone, Serialize)]
pub struct RunDetails {
    /// The run.
    pub run: RunRow,
    /// The images that it trains on.
    pub data: DatasetRow,
    /// Its resolved config.
    pub config: Vec<ConfigValue>,
    /// One row per metric.
    pub summaries: Vec<SummaryRow>,
    /// One row per attempt.
    pub attempts: Vec<AttemptRow>,
    /// The checkpoint that it would resume from.
    pub checkpoint: Option<CheckpointRow>,
    /// The one with the best value of a quality figure.
    pub best: Option<BestCheckpoint>,
    /// Its sample grids, without images.
    pub samples: Vec<SampleInfo>,
    /// Its tags.
    pub tags: Vec<String>,
    /// Logs of its attempts on a cluster.
    pub logs: Vec<ClusterLog>,
}

/// The log of an attempt on a cluster.
#[derive(Debug, Clone, Serialize)]
pub struct ClusterLog {
    /// The attempt that the job began with. A job that was started again went on with further ones.
    pub attempt: u32,
    /// The job: `17_3`.
    pub job: String,
    /// The file.
    pub path: String,
}

/// The comparison of several runs.
#[derive(Debug, Clone)]
pub struct Comparison {
    /// The runs, in the order of the request.
    pub runs: Vec<RunRow>,
    /// The keys in which they differ.
    pub differences: Vec<KeyDifference>,
    /// The last values of all deterministic metrics.
    pub last_values: Vec<LastValues>,
}

/// The last values of one metric.
#[derive(Debug, Clone, PartialEq)]
pub struct LastValues {
    /// The metric.
    pub metric: Metric,
    /// One value per run; `None` if the run has none.
    pub values: Vec<Option<f64>>,
}

/// Output format of rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RowFormat {
    /// Comma-separated values with a header.
    Csv,
    /// One JSON object a line.
    JsonLines,
}

impl RowFormat {
    /// Writes the rows of a SELECT in this format.
    pub(crate) fn write(self, reader: &Reader, sql: &str, out: &mut dyn Write) -> Result<(), AppError> {
        match self {
            Self::Csv => export::csv(reader, sql, out)?,
            Self::JsonLines => export::jsonl(reader, sql, out)?,
        }
        Ok(())
    }
}

/// Opens a results folder to show what is recorded.
///
/// A killed program leaves its runs recorded as running. If nothing holds the lock of the folder, they are marked as
/// interrupted first, so that nobody waits for a sweep that has ended.
pub(crate) fn open(results: &Path) -> Result<Reader, StoreError> {
    let reader = Reader::open(results)?;
    // A database file elsewhere is a copy, which has no lock.
    if results.is_dir()
        && reader.has_active_runs()?
        && let Err(error) = reclaim(results)
    {
        // The folder may be in use, or belong to someone else. What is recorded can be read all the same.
        tracing::debug!(%error, results = %results.display(), "runs that are recorded as running stay so");
    }
    Ok(reader)
}

fn reclaim(results: &Path) -> Result<(), AppError> {
    let _lock = check::lock_now(results)?;
    slurm::refuse_beside_jobs(results)?;
    Store::open(results)?.reclaim_stale()?;
    Ok(())
}

/// What a name on the command line stands for.
pub(crate) enum SweepOrRun {
    Sweep(SweepRow),
    Run(RunRow),
}

/// The sweep of that name, or else the run whose id starts with it.
pub(crate) fn find(reader: &Reader, name: &str) -> Result<SweepOrRun, AppError> {
    let known = match reader.sweep(name) {
        Err(StoreError::UnknownSweep { known, .. }) => known,
        found => return Ok(SweepOrRun::Sweep(found?)),
    };
    match reader.run(name) {
        Err(StoreError::UnknownRun { .. }) => {
            Err(AppError::NeitherSweepNorRun { name: name.to_owned(), known })
        }
        found => Ok(SweepOrRun::Run(found?)),
    }
}

/// The recorded runs that match the filter. An unknown sweep is an error.
pub fn list_runs(results: &Path, filter: &RunFilter) -> Result<Vec<RunRow>, AppError> {
    Ok(open(results)?.runs(filter)?)
}

/// The logs that a run's jobs on a cluster have left.
fn logs_of(results: &Path, run: &RunId) -> Vec<ClusterLog> {
    let log =
        |AttemptLog { attempt, job, path }| ClusterLog { attempt, job, path: path.display().to_string() };
    slurm_logs_of(results, run.as_str()).into_iter().map(log).collect()
}

/// Everything recorded of the run whose id starts with `id`.
pub fn show_run(results: &Path, id: &str) -> Result<RunDetails, AppError> {
    let reader = open(results)?;
    let run = reader.run(id)?;
    Ok(RunDetails {
        data: reader.dataset(&run.data_fingerprint)?,
        config: reader.config_values(&run.id)?,
        summaries: reader.summaries(&run.id, run.total_steps)?,
        attempts: reader.attempts(&run.id)?,
        checkpoint: reader.checkpoint(&run.id)?,
        best: reader.best_checkpoint(&run.id)?,
        samples: reader.samples_index(&run.id, run.total_steps)?,
        tags: reader.tags(&run.id)?,
        logs: logs_of(results, &run.id),
        run,
    })
}

/// The keys that a run's config has only neutral values of, because it does not use them.
pub fn unused_keys(run: &RunRow) -> Vec<&'static str> {
    Config::from_stored(&run.config).map_or(Vec::new(), |config| config.unused_keys())
}

/// Compares the runs whose ids start with these. Of a key that a run does not use it has no value.
pub fn compare_runs(results: &Path, ids: &[String]) -> Result<Comparison, AppError> {
    let reader = open(results)?;
    let runs = ids.iter().map(|id| reader.run(id)).collect::<Result<Vec<_>, _>>()?;
    let ids: Vec<RunId> = runs.iter().map(|run| run.id.clone()).collect();
    let mut differences = reader.diff(&ids)?;
    for (place, run) in runs.iter().enumerate() {
        let unused = unused_keys(run);
        for difference in differences.iter_mut().filter(|it| unused.contains(&it.key.as_str())) {
            difference.values[place] = None;
        }
    }
    differences.retain(|difference| difference.values.iter().any(Option::is_some));
    let last_values = last_values(&reader, &runs)?;
    Ok(Comparison { runs, differences, last_values })
}

fn last_values(reader: &Reader, runs: &[RunRow]) -> Result<Vec<LastValues>, AppError> {
    let mut last: BTreeMap<Metric, Vec<Option<f64>>> = BTreeMap::new();
    for (index, run) in runs.iter().enumerate() {
        for summary in reader.summaries(&run.id, run.total_steps)? {
            last.entry(summary.metric).or_insert_with(|| vec![None; runs.len()])[index] = Some(summary.last);
        }
    }
    let shown = last.into_iter().filter(|(metric, _)| metric.declaration().deterministic);
    Ok(shown.map(|(metric, values)| LastValues { metric, values }).collect())
}

/// The result of a SELECT as a table in memory.
pub fn query(results: &Path, sql: &str) -> Result<Table, AppError> {
    Ok(open(results)?.query(sql)?)
}

/// Writes the result of a SELECT row by row.
pub fn stream(results: &Path, sql: &str, format: RowFormat, out: &mut dyn Write) -> Result<(), AppError> {
    format.write(&open(results)?, sql, out)
}
