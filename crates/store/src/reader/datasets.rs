//! Datasets that runs train on.

use gansweep_config::{DatasetSpec, ImageShape};
use rusqlite::{OptionalExtension, Row};

use super::{Reader, dataset};
use crate::{DatasetRow, StoreError};

impl Reader {
    /// The dataset with that fingerprint.
    ///
    /// # Errors
    /// [`StoreError::Content`] if none is recorded: registering a run records its dataset.
    pub fn dataset(&self, data_fingerprint: &str) -> Result<DatasetRow, StoreError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT dataset, channels, height, width, classes, train_images, test_images FROM datasets
                 WHERE data_fingerprint = ?1",
            )?;
            let columns = |row: &Row<'_>| Ok((row.get::<_, String>(0)?, spec(row, data_fingerprint)?));
            let found = statement.query_row([data_fingerprint], columns).optional()?;
            let (name, spec) = found.ok_or_else(|| StoreError::Content {
                what: "a run's data".to_owned(),
                detail: format!("no dataset with the fingerprint {data_fingerprint} is recorded"),
            })?;
            Ok(DatasetRow { dataset: dataset(&name)?, spec })
        })
    }
}

/// Reads the columns after the name.
fn spec(row: &Row<'_>, fingerprint: &str) -> rusqlite::Result<DatasetSpec> {
    Ok(DatasetSpec {
        image: ImageShape { channels: row.get(1)?, height: row.get(2)?, width: row.get(3)? },
        classes: row.get(4)?,
        train_images: row.get(5)?,
        test_images: row.get(6)?,
        fingerprint: fingerprint.to_owned(),
    })
}
