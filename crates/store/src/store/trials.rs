//! The trials of a sweep whose configs are proposed while it goes on.

use gansweep_config::PlannedRun;
use rusqlite::{Connection, params};

use super::Store;
use super::{ids::find_sweep, register::add_members};
use crate::{StoreError, TrialRow, fault::Fault, trials::read};

impl Store {
    /// The trials of a sweep in their order; none if the sweep is not recorded.
    pub fn trials(&self, sweep: &str) -> Result<Vec<TrialRow>, StoreError> {
        read(&self.connection, sweep).map_err(|fault| fault.at(&self.path))
    }

    /// Replaces the trials of a registered sweep.
    ///
    /// # Errors
    /// [`StoreError::UnknownSweep`].
    pub fn replace_trials(&mut self, sweep: &str, trials: &[TrialRow]) -> Result<(), StoreError> {
        let now = (self.clock)();
        self.write(|transaction, _| {
            let sweep_id = find_sweep(transaction, sweep)?;
            let kept: Vec<u32> = trials.iter().map(|trial| trial.trial).collect();
            let kept = serde_json::Value::from(kept).to_string();
            let sql =
                "DELETE FROM trials WHERE sweep_id = ?1 AND trial NOT IN (SELECT value FROM json_each(?2))";
            transaction.execute(sql, params![sweep_id, kept])?;
            trials.iter().try_for_each(|trial| put_trial(transaction, sweep_id, trial, now))
        })
    }

    /// Appends a trial and its runs to a registered sweep: both or none.
    ///
    /// # Errors
    /// [`StoreError::UnknownSweep`].
    pub fn add_trials(
        &mut self,
        sweep: &str,
        trials: &[TrialRow],
        runs: &[PlannedRun],
    ) -> Result<(), StoreError> {
        let now = (self.clock)();
        self.write(|transaction, _| {
            let sweep_id = find_sweep(transaction, sweep)?;
            add_members(transaction, sweep_id, runs, now)?;
            trials.iter().try_for_each(|trial| put_trial(transaction, sweep_id, trial, now))
        })
    }
}

fn put_trial(connection: &Connection, sweep_id: i64, trial: &TrialRow, now: i64) -> Result<(), Fault> {
    let unwritable = |error: serde_json::Error| StoreError::Content {
        what: "a trial".to_owned(),
        detail: error.to_string(),
    };
    let assignments = serde_json::to_string(&trial.assignments).map_err(unwritable)?;
    let open = serde_json::to_string(&trial.open).map_err(unwritable)?;
    let mut upsert = connection.prepare_cached(
        "INSERT INTO trials (sweep_id, trial, source, metric, assignments, config_hash, open, proposed_ms)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
         ON CONFLICT (sweep_id, trial) DO UPDATE SET
             source = excluded.source, metric = excluded.metric, assignments = excluded.assignments,
             config_hash = excluded.config_hash, open = excluded.open",
    )?;
    upsert.execute(params![
        sweep_id,
        trial.trial,
        trial.source.name(),
        trial.metric,
        assignments,
        trial.config_hash,
        open,
        now
    ])?;
    Ok(())
}
