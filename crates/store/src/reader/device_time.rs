//! How long devices have trained.

use rusqlite::Connection;

use super::Reader;
use crate::StoreError;

impl Reader {
    /// Seconds in which devices trained the sweep's runs. Workers of one device at the same time count once, devices
    /// and machines each by themselves. An attempt counts from when its worker began to train, not from when it was submitted;
    /// one whose end nobody recorded is left out.
    pub fn device_seconds(&self, sweep: &str) -> Result<f64, StoreError> {
        self.read(|connection| Ok(device_seconds(connection, sweep)?))
    }
}

/// [`Reader::device_seconds`].
pub(super) fn device_seconds(connection: &Connection, sweep: &str) -> rusqlite::Result<f64> {
    let mut statement = connection.prepare_cached(
        "SELECT a.host, a.device, a.started_ms, a.ended_ms FROM attempts a
         WHERE a.started_ms IS NOT NULL AND a.ended_ms IS NOT NULL AND a.run_id IN
             (SELECT m.run_id FROM sweep_runs m JOIN sweeps s USING (sweep_id) WHERE s.name = ?1)
         ORDER BY a.host, a.device, a.started_ms",
    )?;
    let mut rows = statement.query([sweep])?;
    let (mut place, mut until, mut sum) = (None, i64::MIN, 0_i64);
    while let Some(row) = rows.next()? {
        let here: (Option<String>, String) = (row.get(0)?, row.get(1)?);
        let (started, ended): (i64, i64) = (row.get(2)?, row.get(3)?);
        if place.as_ref() != Some(&here) {
            (place, until) = (Some(here), i64::MIN);
        }
        // What overlaps with an earlier attempt has been counted. A clock that was set back makes an attempt end early.
        sum += (ended - started.max(until)).max(0);
        until = until.max(ended);
    }
    Ok(sum as f64 / 1000.0)
}
