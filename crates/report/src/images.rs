//! The source of the page's images.

use gansweep_config::RunId;
use gansweep_protocol::SampleSource;
use gansweep_store::Reader;

use crate::ReportError;
use crate::context::RealGrid;

/// The images that a [`Context`](crate::Context) refers to. They are fetched one at a time while the page
/// is written: a large sweep's images do not fit into memory.
pub trait Images {
    /// The sample grid of a run at a step, drawn by those weights: an 8-bit PNG, grey or RGB.
    fn grid(&self, run: &RunId, step: u64, source: SampleSource) -> Result<Vec<u8>, ReportError>;

    /// A grid of real images: an 8-bit PNG, grey or RGB.
    fn real(&self, grid: &RealGrid) -> Result<Vec<u8>, ReportError>;
}

impl Images for Reader {
    fn grid(&self, run: &RunId, step: u64, source: SampleSource) -> Result<Vec<u8>, ReportError> {
        let sample = self.sample(run, step, source)?;
        sample.map(|sample| sample.png).ok_or_else(|| ReportError::MissingGrid { run: run.clone(), step })
    }

    fn real(&self, grid: &RealGrid) -> Result<Vec<u8>, ReportError> {
        let candidates = self.real_images(&grid.data_fingerprint)?;
        let found = candidates.into_iter().find(|candidate| candidate.geometry == grid.geometry);
        found
            .map(|found| found.png)
            .ok_or_else(|| ReportError::MissingRealGrid { dataset: grid.dataset.clone() })
    }
}
