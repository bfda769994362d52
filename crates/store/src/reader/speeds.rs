//! How fast runs have trained.

use gansweep_config::DatasetSpec;

use super::{Reader, unsigned};
use crate::spec::{self, COLUMNS};
use crate::value::parse_json;
use crate::{SpeedRow, StoreError};

impl Reader {
    /// How fast the last `most` runs trained whose latest attempt was made on that machine and has ended, the latest first.
    pub fn speeds(&self, host: &str, most: usize) -> Result<Vec<SpeedRow>, StoreError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(&format!(
                "SELECT {COLUMNS}, c.json, a.device, a.lanes, r.step, r.seconds
                 FROM runs r
                 JOIN attempts a ON a.run_id = r.run_id AND a.attempt = r.attempts
                 JOIN configs c USING (config_id)
                 JOIN datasets d ON d.data_fingerprint = r.data_fingerprint
                 WHERE r.step > 0 AND r.seconds > 0 AND a.host = ?1 AND a.lanes > 0
                 ORDER BY r.ended_ms DESC, r.run_id DESC LIMIT ?2"
            ))?;
            let mut rows = statement.query((host, i64::try_from(most).unwrap_or(i64::MAX)))?;
            let mut speeds = Vec::new();
            while let Some(row) = rows.next()? {
                let spec: DatasetSpec = spec::of_row(row)?;
                speeds.push(SpeedRow {
                    config: parse_json("a run's config", &row.get::<_, String>(7)?)?,
                    spec,
                    device: row.get(8)?,
                    lanes: row.get(9)?,
                    steps: unsigned(row, 10)?,
                    seconds: row.get(11)?,
                });
            }
            Ok(speeds)
        })
    }
}
