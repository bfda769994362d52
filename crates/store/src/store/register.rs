//! Registration of a sweep and its plan.

use std::collections::BTreeMap;

use gansweep_config::{Dataset, DatasetSpec, PlannedRun, RunState};
use rusqlite::{Connection, OptionalExtension, params, types::Value};

use crate::{
    StoreError, SweepId, SweepRecord,
    fault::Fault,
    store::{
        Store,
        ids::{find_sweep, known_run},
    },
    value::{leaves, seed_to_sql},
};

impl Store {
    /// Records a sweep and its plan; positions are those in `runs`. A run may occur several times, with
    /// different budgets.
    ///
    /// If the sweep exists, it is updated and new entries are added. Runs that are no longer in the plan stay in
    /// the database with all records, and a later plan may contain them again.
    pub fn register_sweep(
        &mut self,
        sweep: &SweepRecord,
        runs: &[PlannedRun],
    ) -> Result<SweepId, StoreError> {
        self.register_sweep_unless(sweep, runs, &|| false)
    }

    /// As [`Store::register_sweep`], unless `cancelled` returns true meanwhile: a large plan takes seconds.
    ///
    /// # Errors
    /// [`StoreError::Cancelled`]: nothing has been recorded then.
    pub fn register_sweep_unless(
        &mut self,
        sweep: &SweepRecord,
        runs: &[PlannedRun],
        cancelled: &dyn Fn() -> bool,
    ) -> Result<SweepId, StoreError> {
        let now = (self.clock)();
        // One wait for the disk is cheap compared to the training that follows.
        self.set_durable(true)?;
        self.write(|transaction, _| {
            let sweep_id = put_sweep(transaction, sweep, now)?;
            put_datasets(transaction, runs)?;
            transaction.execute("UPDATE sweep_runs SET current = 0 WHERE sweep_id = ?1", [sweep_id])?;
            for (position, run) in (0_i64..).zip(runs) {
                if cancelled() {
                    return Err(StoreError::Cancelled.into());
                }
                let config_id = put_config(transaction, run)?;
                let run_id = put_run(transaction, run, config_id, now)?;
                put_member(transaction, sweep_id, run_id, position, run)?;
            }
            Ok(SweepId(sweep_id))
        })
    }
}

impl Store {
    /// Appends runs to a registered sweep. Entries that it already has keep their position.
    ///
    /// # Errors
    /// [`StoreError::UnknownSweep`].
    pub fn add_runs(&mut self, sweep: &str, runs: &[PlannedRun]) -> Result<(), StoreError> {
        let now = (self.clock)();
        self.write(|transaction, _| {
            let sweep_id = find_sweep(transaction, sweep)?;
            add_members(transaction, sweep_id, runs, now)
        })
    }
}

/// Appends runs to the plan of a sweep. Entries that it already has keep their position.
pub(super) fn add_members(
    connection: &Connection,
    sweep_id: i64,
    runs: &[PlannedRun],
    now: i64,
) -> Result<(), Fault> {
    let next: i64 = connection.query_row(
        "SELECT coalesce(max(position) + 1, 0) FROM sweep_runs WHERE sweep_id = ?1 AND current = 1",
        [sweep_id],
        |row| row.get(0),
    )?;
    put_datasets(connection, runs)?;
    for (position, run) in (next..).zip(runs) {
        let config_id = put_config(connection, run)?;
        let run_id = put_run(connection, run, config_id, now)?;
        if !is_member(connection, sweep_id, run_id, run.epochs)? {
            put_member(connection, sweep_id, run_id, position, run)?;
        }
    }
    Ok(())
}

fn is_member(connection: &Connection, sweep_id: i64, run_id: i64, epochs: u32) -> Result<bool, Fault> {
    let mut statement = connection.prepare_cached(
        "SELECT EXISTS (SELECT 1 FROM sweep_runs
             WHERE sweep_id = ?1 AND run_id = ?2 AND epochs = ?3 AND current = 1)",
    )?;
    Ok(statement.query_row(params![sweep_id, run_id, epochs], |row| row.get(0))?)
}

fn put_sweep(connection: &Connection, sweep: &SweepRecord, now: i64) -> Result<i64, Fault> {
    let record = json("the sweep's record settings", &sweep.record)?;
    let palette = json("the sweep's palette", &sweep.record.palette)?;
    let call = json("the sweep's call", &sweep.call)?;
    let mut statement = connection.prepare_cached(
        "INSERT INTO sweeps (name, file, source, description, recipe, axes, dataset_requested, dataset,
             record, latent_seed, palette, program_version, machine, call, created_ms, updated_ms)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?15)
         ON CONFLICT (name) DO UPDATE SET
             file = excluded.file, source = excluded.source, description = excluded.description,
             recipe = excluded.recipe, axes = excluded.axes,
             dataset_requested = excluded.dataset_requested, dataset = excluded.dataset,
             record = excluded.record, latent_seed = excluded.latent_seed, palette = excluded.palette,
             program_version = excluded.program_version, machine = excluded.machine,
             call = excluded.call, updated_ms = excluded.updated_ms
         RETURNING sweep_id",
    )?;
    let id = statement.query_row(
        params![
            sweep.name,
            sweep.file,
            sweep.source_toml,
            sweep.description,
            sweep.recipe,
            sweep.axes_json,
            sweep.dataset_requested.name(),
            sweep.dataset.name(),
            record,
            seed_to_sql(sweep.record.latent_seed),
            palette.trim_matches('"'),
            sweep.program_version,
            sweep.machine,
            call,
            now
        ],
        |row| row.get(0),
    )?;
    Ok(id)
}

/// Records the datasets of the runs.
fn put_datasets(connection: &Connection, runs: &[PlannedRun]) -> Result<(), Fault> {
    let datasets = runs.iter().map(|run| (&*run.spec.fingerprint, run));
    for run in datasets.collect::<BTreeMap<_, _>>().into_values() {
        put_dataset(connection, run.config.data.dataset, &run.spec)?;
    }
    Ok(())
}

/// Records a dataset. For equal training data, the latest counts and name replace older ones.
fn put_dataset(connection: &Connection, dataset: Dataset, spec: &DatasetSpec) -> Result<(), Fault> {
    let DatasetSpec { image, classes, train_images, test_images, fingerprint, class_names } = spec;
    let class_names = json("names of classes", &class_names.as_slice())?;
    let mut upsert = connection.prepare_cached(
        "INSERT INTO datasets (data_fingerprint, dataset, channels, height, width, classes, train_images,
             test_images, class_names)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
         ON CONFLICT (data_fingerprint) DO UPDATE SET
             dataset = excluded.dataset, channels = excluded.channels, height = excluded.height,
             width = excluded.width, classes = excluded.classes, train_images = excluded.train_images,
             test_images = excluded.test_images, class_names = excluded.class_names",
    )?;
    upsert.execute(params![
        fingerprint,
        dataset.name(),
        image.channels,
        image.height,
        image.width,
        classes,
        train_images,
        test_images,
        class_names
    ])?;
    Ok(())
}

fn put_config(connection: &Connection, run: &PlannedRun) -> Result<i64, Fault> {
    let hash = run.config_hash.as_str();
    let mut known = connection.prepare_cached("SELECT config_id FROM configs WHERE hash = ?1")?;
    if let Some(id) = known.query_row([hash], |row| row.get(0)).optional()? {
        return Ok(id);
    }
    let text = json("a config", &run.config)?;
    connection.prepare_cached("INSERT INTO configs (hash, json) VALUES (?1, ?2)")?.execute([hash, &text])?;
    let config_id = connection.last_insert_rowid();
    let mut insert = connection
        .prepare_cached("INSERT INTO config_values (config_id, key, type, value) VALUES (?1, ?2, ?3, ?4)")?;
    let tree = serde_json::to_value(&run.config).map_err(|error| unwritable("a config", &error))?;
    for (key, value) in leaves(&tree) {
        let (kind, value) = cell(&value);
        insert.execute(params![config_id, key, kind, value])?;
    }
    Ok(config_id)
}

fn put_run(connection: &Connection, run: &PlannedRun, config_id: i64, now: i64) -> Result<i64, Fault> {
    if let Some(run_id) = known_run(connection, &run.id)? {
        return Ok(run_id);
    }
    let mut insert = connection.prepare_cached(
        "INSERT INTO runs (id, config_id, seed, data_fingerprint, state, steps_per_epoch, created_ms)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?;
    insert.execute(params![
        run.id.as_str(),
        config_id,
        seed_to_sql(run.seed),
        run.spec.fingerprint,
        RunState::Queued.name(),
        run.config.steps_per_epoch(&run.spec),
        now
    ])?;
    Ok(connection.last_insert_rowid())
}

fn put_member(
    connection: &Connection,
    sweep_id: i64,
    run_id: i64,
    position: i64,
    run: &PlannedRun,
) -> Result<(), Fault> {
    let assignments = json("a run's assignments", &run.assignments)?;
    let mut upsert = connection.prepare_cached(
        "INSERT INTO sweep_runs (sweep_id, run_id, epochs, position, label, assignments, current)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, 1)
         ON CONFLICT (sweep_id, run_id, epochs) DO UPDATE SET
             position = excluded.position, label = excluded.label, assignments = excluded.assignments,
             current = 1",
    )?;
    upsert.execute(params![sweep_id, run_id, run.epochs, position, run.label, assignments])?;
    Ok(())
}

/// A JSON value as a type name and an SQLite value.
fn cell(value: &serde_json::Value) -> (&'static str, Value) {
    match value {
        serde_json::Value::Bool(truth) => ("boolean", Value::Integer(i64::from(*truth))),
        serde_json::Value::String(text) => ("text", Value::Text(text.clone())),
        serde_json::Value::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(integer), _) => ("integer", Value::Integer(integer)),
            (None, Some(real)) => ("real", Value::Real(real)),
            (None, None) => ("text", Value::Text(number.to_string())),
        },
        other => ("list", Value::Text(other.to_string())),
    }
}

fn json(what: &str, value: &impl serde::Serialize) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|error| unwritable(what, &error))
}

fn unwritable(what: &str, error: &serde_json::Error) -> StoreError {
    StoreError::Content { what: what.to_owned(), detail: error.to_string() }
}
