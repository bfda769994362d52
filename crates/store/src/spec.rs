//! Specs of datasets, as they are stored.

use gansweep_config::{DatasetSpec, ImageShape};
use rusqlite::{Connection, OptionalExtension};

use crate::fault::Fault;

/// Spec of the data that a config's runs train on; `None` for a config without runs.
pub(crate) fn of_config(connection: &Connection, config_id: i64) -> Result<Option<DatasetSpec>, Fault> {
    let sql =
        "SELECT d.classes, d.train_images, d.test_images, d.channels, d.height, d.width, r.data_fingerprint
               FROM runs r JOIN datasets d USING (data_fingerprint) WHERE r.config_id = ?1 LIMIT 1";
    let mut statement = connection.prepare_cached(sql)?;
    let spec = statement.query_row([config_id], |row| {
        Ok(DatasetSpec {
            classes: row.get(0)?,
            train_images: row.get(1)?,
            test_images: row.get(2)?,
            image: ImageShape { channels: row.get(3)?, height: row.get(4)?, width: row.get(5)? },
            fingerprint: row.get(6)?,
        })
    });
    Ok(spec.optional()?)
}
