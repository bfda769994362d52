//! Recording of what a pruner decides.

use std::collections::HashMap;

use gansweep_config::{RunId, RunState};
use gansweep_protocol::Metric;
use rusqlite::params;

use super::attempts::find;
use super::{Store, ids::find_sweep};
use crate::{RungDecision, RungRow, StoreError, rungs, value::split};

impl Store {
    /// Records decisions about runs of a sweep. A later decision about a run at a rung replaces the earlier one. A run that
    /// stays where it is gets the reason as its cause.
    ///
    /// # Errors
    /// [`StoreError::UnknownSweep`], [`StoreError::UnknownRun`].
    pub fn record_rungs(&mut self, sweep: &str, rows: &[RungRow]) -> Result<(), StoreError> {
        let now = (self.clock)();
        self.write(|transaction, _| {
            let sweep_id = find_sweep(transaction, sweep)?;
            for row in rows {
                let found = find(transaction, &row.run)?;
                let (value, kind) = row.value.map(split).map_or((None, None), |(value, kind)| (value, Some(kind as i64)));
                transaction
                    .prepare_cached(
                        "INSERT INTO rungs (sweep_id, run_id, epochs, bracket, value, kind, decision, reason, at_ms)
                         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
                         ON CONFLICT (sweep_id, run_id, epochs) DO UPDATE SET
                             bracket = excluded.bracket, value = excluded.value, kind = excluded.kind,
                             decision = excluded.decision, reason = excluded.reason, at_ms = excluded.at_ms",
                    )?
                    .execute(params![
                        sweep_id,
                        found.run_id,
                        row.epochs,
                        row.bracket,
                        value,
                        kind,
                        row.decision.name(),
                        row.reason,
                        now
                    ])?;
                let stays = row.decision == RungDecision::Stays;
                if stays && !found.state.is_active() && !found.is_over(transaction)? {
                    transaction
                        .prepare_cached("UPDATE runs SET state = ?2, cause = ?3 WHERE run_id = ?1")?
                        .execute(params![found.run_id, RunState::Paused.name(), row.reason])?;
                }
            }
            Ok(())
        })
    }

    /// The recorded values of a metric of each of these runs, by step. Runs without any are absent.
    pub fn values(
        &self,
        runs: &[RunId],
        metric: Metric,
    ) -> Result<HashMap<RunId, Vec<(u64, f64)>>, StoreError> {
        rungs::values(&self.connection, runs, metric).map_err(|fault| fault.at(&self.path))
    }

    /// What was decided about the runs of a sweep, by run and rung.
    pub fn rungs(&self, sweep: &str) -> Result<Vec<RungRow>, StoreError> {
        rungs::of(&self.connection, sweep).map_err(|fault| fault.at(&self.path))
    }
}
