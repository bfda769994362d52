//! Sample grids and grids of real images.

use gansweep_config::RunId;
use gansweep_protocol::SampleSource;
use rusqlite::Row;

use super::{Reader, dataset, geometry, signed, unsigned};
use crate::{RealImages, SampleImage, SampleInfo, StoreError, fault::Fault};

impl Reader {
    /// The run's sample grids by step up to `until_step` (`u64::MAX` for all), without their images. At a step, that
    /// of the weights comes before that of their average.
    pub fn samples_index(&self, run: &RunId, until_step: u64) -> Result<Vec<SampleInfo>, StoreError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT step, epoch, rows, cols, height, width, length(png), source FROM samples
                 WHERE run_id = (SELECT run_id FROM runs WHERE id = ?1) AND step <= ?2
                 ORDER BY step, source = 'ema'",
            )?;
            let mut rows = statement.query((run.as_str(), signed(until_step)))?;
            let mut samples = Vec::new();
            while let Some(row) = rows.next()? {
                samples.push(info(row)?);
            }
            Ok(samples)
        })
    }

    /// The run's sample grid at that step, drawn by those weights.
    pub fn sample(
        &self,
        run: &RunId,
        step: u64,
        source: SampleSource,
    ) -> Result<Option<SampleImage>, StoreError> {
        let Ok(step) = i64::try_from(step) else { return Ok(None) };
        self.read(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT step, epoch, rows, cols, height, width, length(png), source, png FROM samples
                 WHERE run_id = (SELECT run_id FROM runs WHERE id = ?1) AND step = ?2 AND source = ?3",
            )?;
            let mut rows = statement.query((run.as_str(), step, source.name()))?;
            let row = rows.next()?;
            row.map(|row| Ok(SampleImage { info: info(row)?, png: row.get(8)? })).transpose()
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

fn info(row: &Row<'_>) -> Result<SampleInfo, Fault> {
    let source: String = row.get(7)?;
    let source = SampleSource::from_name(&source).ok_or_else(|| StoreError::Content {
        what: "the source of a sample grid".to_owned(),
        detail: format!("`{source}` is none that this program knows"),
    })?;
    Ok(SampleInfo {
        step: unsigned(row, 0)?,
        epoch: row.get(1)?,
        source,
        geometry: geometry(row, 2)?,
        bytes: unsigned(row, 6)?,
    })
}
