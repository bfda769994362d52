//! Sample grids and their layout.

use std::ops::Not;

use gansweep_protocol::Geometry;
use serde::Serialize;

/// The sample grids of a sweep.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Samples {
    /// The epochs of the slider: those at which at least one run has a grid, ascending.
    pub epochs: Vec<u32>,
    /// Number of recorded epochs left out to limit the page's size.
    pub epochs_left_out: usize,
    /// Shades of grey of the grids.
    pub shades: Shades,
    /// Rows, columns and image size of most runs' grids; `None` if no run has a grid.
    pub geometry: Option<Geometry>,
    /// Whether a run has grids of the moving average of its weights.
    pub averaged: bool,
    /// Grids of real images, one per dataset of the runs.
    pub real: Vec<RealGrid>,
    /// Which table cell each run's grid is in.
    pub layout: GridLayout,
}

/// How many shades of grey a grid has in the page. Generated images have noise of one or two shades in their background
/// that nobody sees, and that takes half of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(into = "u8")]
pub enum Shades {
    /// No pixel changes by more than 4 of 255.
    ThirtyTwo,
    /// Two pixels to a byte, and about 60 % of the size. No pixel changes by more than 8 of 255: where it would cost
    /// epochs, nobody looks for more.
    Sixteen,
    /// About 60 % of that size. No pixel changes by more than 21 of 255: letters and digits are as legible, soft edges
    /// are not. Only where the page would otherwise be too large to send, or show fewer than four epochs.
    Seven,
}

impl From<Shades> for u8 {
    fn from(shades: Shades) -> Self {
        match shades {
            Shades::ThirtyTwo => 32,
            Shades::Sixteen => 16,
            Shades::Seven => 7,
        }
    }
}

/// A sample grid of one run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Grid {
    /// Completed steps when it was drawn.
    pub step: u64,
    /// Completed epochs when it was drawn.
    pub epoch: u32,
}

/// A grid of real images.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RealGrid {
    /// The dataset.
    pub dataset: String,
    /// The data's fingerprint: the image's key in the database.
    pub data_fingerprint: String,
    /// Rows, columns and image size.
    pub geometry: Geometry,
    /// Whether the images are in colour.
    #[serde(skip_serializing_if = "Not::not")]
    pub colored: bool,
}

/// A matrix of runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GridLayout {
    /// Row headings; `None` if there is one row.
    pub rows: Option<Heading>,
    /// Column headings; `None` if all runs are in one cell, those of the best config first.
    pub columns: Option<Heading>,
    /// `cells[row][column]`: indices of the runs in that cell.
    pub cells: Vec<Vec<Vec<usize>>>,
}

/// The headings of the rows or of the columns.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Heading {
    /// The swept key, or `seed`.
    pub title: String,
    /// One per row or column.
    pub labels: Vec<String>,
}
