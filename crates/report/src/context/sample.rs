//! The wall of sample grids.

use gansweep_protocol::Geometry;
use serde::Serialize;

/// The wall of sample grids.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Samples {
    /// The positions of the slider: epochs at which at least one run has a grid, ascending.
    pub epochs: Vec<u32>,
    /// How many more recorded epochs were left out to keep the page small.
    pub epochs_left_out: usize,
    /// The layout of a grid; none where no run has one.
    pub geometry: Option<Geometry>,
    /// Grids of real images; more than one where the runs differ in their data.
    pub real: Vec<RealGrid>,
    /// Where each run's grid hangs.
    pub wall: Wall,
}

/// A sample grid of one run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Grid {
    /// Steps done when it was drawn.
    pub step: u64,
    /// Epochs done when it was drawn.
    pub epoch: u32,
}

/// A grid of real images.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RealGrid {
    /// The dataset.
    pub dataset: String,
    /// The data's fingerprint, by which the image is found.
    pub data_fingerprint: String,
    /// The layout of the grid.
    pub geometry: Geometry,
}

/// Where each run's grid hangs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Wall {
    /// What the rows stand for; none where there is only one.
    pub rows: Option<Heading>,
    /// What the columns stand for; none where the runs hang in the order of the plan.
    pub columns: Option<Heading>,
    /// `cells[row][column]`: the runs that hang there, by index.
    pub cells: Vec<Vec<Vec<usize>>>,
}

/// What rows or columns stand for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Heading {
    /// The swept key, or `seed`.
    pub title: String,
    /// One per row or column.
    pub labels: Vec<String>,
}
