//! Datasets that runs train on.

use gansweep_config::{ClassNames, DatasetSpec};
use rusqlite::{OptionalExtension, Row};

use super::{Reader, dataset};
use crate::value::parse_json;
use crate::{DatasetRow, StoreError, spec};

impl Reader {
    /// The dataset with that fingerprint.
    ///
    /// # Errors
    /// [`StoreError::Content`] if none is recorded: registering a run records its dataset.
    pub fn dataset(&self, data_fingerprint: &str) -> Result<DatasetRow, StoreError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(&format!(
                "SELECT {}, d.dataset, d.class_names FROM datasets d WHERE d.data_fingerprint = ?1",
                spec::COLUMNS
            ))?;
            let columns =
                |row: &Row<'_>| Ok((spec::of_row(row)?, row.get::<_, String>(7)?, row.get::<_, String>(8)?));
            let found = statement.query_row([data_fingerprint], columns).optional()?;
            let (spec, name, class_names) = found.ok_or_else(|| StoreError::Content {
                what: "a run's data".to_owned(),
                detail: format!("no dataset with the fingerprint {data_fingerprint} is recorded"),
            })?;
            let class_names: Vec<String> = parse_json("the names of a dataset's classes", &class_names)?;
            let spec = DatasetSpec { class_names: ClassNames::new(class_names), ..spec };
            Ok(DatasetRow { dataset: dataset(&name)?, spec })
        })
    }
}
