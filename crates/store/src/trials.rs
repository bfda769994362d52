//! Reading the trials of a search: the writer needs it as the readers do.

use rusqlite::Connection;

use crate::{TrialRow, TrialSource, fault::Fault, value::parse_json};

/// The trials of a sweep in their order; none if the sweep is not recorded.
pub(crate) fn read(connection: &Connection, sweep: &str) -> Result<Vec<TrialRow>, Fault> {
    let mut statement = connection.prepare_cached(
        "SELECT trial, source, metric, assignments, config_hash, open FROM trials
         WHERE sweep_id = (SELECT sweep_id FROM sweeps WHERE name = ?1) ORDER BY trial",
    )?;
    let mut rows = statement.query([sweep])?;
    let mut trials = Vec::new();
    while let Some(row) = rows.next()? {
        let source: String = row.get(1)?;
        trials.push(TrialRow {
            trial: row.get(0)?,
            source: if source == TrialSource::Drawn.name() { TrialSource::Drawn } else { TrialSource::Model },
            metric: row.get(2)?,
            assignments: parse_json("a trial's assignments", &row.get::<_, String>(3)?)?,
            config_hash: row.get(4)?,
            open: parse_json("a trial's open trials", &row.get::<_, String>(5)?)?,
        });
    }
    Ok(trials)
}
