//! Specs of datasets, as they are stored.

use gansweep_config::{ClassNames, DatasetSpec, ImageShape};
use rusqlite::{Connection, OptionalExtension, Row};

use crate::fault::Fault;

/// The columns of the table `datasets`, called `d`, that make a spec without the names of the classes.
pub(crate) const COLUMNS: &str =
    "d.channels, d.height, d.width, d.classes, d.train_images, d.test_images, d.data_fingerprint";

/// Reads a spec, without the names of the classes, from a row that begins with the [`COLUMNS`].
pub(crate) fn of_row(row: &Row<'_>) -> rusqlite::Result<DatasetSpec> {
    Ok(DatasetSpec {
        image: ImageShape { channels: row.get(0)?, height: row.get(1)?, width: row.get(2)? },
        classes: row.get(3)?,
        train_images: row.get(4)?,
        test_images: row.get(5)?,
        fingerprint: row.get(6)?,
        class_names: ClassNames::default(),
    })
}

/// Spec of the data that a config's runs train on; `None` for a config without runs. Without the names of the classes, which
/// databases do not have yet when they are migrated to version 4.
pub(crate) fn of_config(connection: &Connection, config_id: i64) -> Result<Option<DatasetSpec>, Fault> {
    let mut statement = connection.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM runs r JOIN datasets d USING (data_fingerprint) WHERE r.config_id = ?1 LIMIT 1"
    ))?;
    Ok(statement.query_row([config_id], of_row).optional()?)
}
