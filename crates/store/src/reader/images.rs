//! Sample grids and grids of real images.

use gansweep_config::RunId;
use rusqlite::{OptionalExtension, Row};

use super::{Reader, dataset, geometry, signed, unsigned};
use crate::{RealImages, SampleImage, SampleInfo, StoreError};

impl Reader {
    /// The run's sample grids by step up to `until_step` (`u64::MAX` for all), without their images.
    pub fn samples_index(&self, run: &RunId, until_step: u64) -> Result<Vec<SampleInfo>, StoreError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT step, epoch, rows, cols, height, width, length(png) FROM samples
                 WHERE run_id = (SELECT run_id FROM runs WHERE id = ?1) AND step <= ?2 ORDER BY step",
            )?;
            Ok(statement.query_map((run.as_str(), signed(until_step)), info)?.collect::<Result<_, _>>()?)
        })
    }

    /// The run's sample grid at that step.
    pub fn sample(&self, run: &RunId, step: u64) -> Result<Option<SampleImage>, StoreError> {
        let Ok(step) = i64::try_from(step) else { return Ok(None) };
        self.read(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT step, epoch, rows, cols, height, width, length(png), png FROM samples
                 WHERE run_id = (SELECT run_id FROM runs WHERE id = ?1) AND step = ?2",
            )?;
            let image = |row: &Row<'_>| Ok(SampleImage { info: info(row)?, png: row.get(7)? });
            Ok(statement.query_row((run.as_str(), step), image).optional()?)
        })
    }

    /// The grids of real images of that data, the largest last.
    pub fn real_images(&self, data_fingerprint: &str) -> Result<Vec<RealImages>, StoreError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT dataset, rows, cols, height, width, png FROM real_images
                 WHERE data_fingerprint = ?1 ORDER BY rows * cols, rows",
            )?;
            let mut rows = statement.query([data_fingerprint])?;
            let mut images = Vec::new();
            while let Some(row) = rows.next()? {
                images.push(RealImages {
                    dataset: dataset(&row.get::<_, String>(0)?)?,
                    data_fingerprint: data_fingerprint.to_owned(),
                    geometry: geometry(row, 1)?,
                    png: row.get(5)?,
                });
            }
            Ok(images)
        })
    }
}

fn info(row: &Row<'_>) -> rusqlite::Result<SampleInfo> {
    Ok(SampleInfo {
        step: unsigned(row, 0)?,
        epoch: row.get(1)?,
        geometry: geometry(row, 2)?,
        bytes: unsigned(row, 6)?,
    })
}
