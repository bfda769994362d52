//! The discriminator's input: real images, fakes, or both.

use std::sync::Arc;

use gansweep_config::Pixels;
use pulp::{Arch, NullaryFnOnce};

use super::matrix::{LINE, Line, Matrix};
use super::sparse::{Input, SparseBatch, SparseImages};
use super::stage::Rows;
use gansweep_train::TrainingImages;

/// Real images, then fakes.
#[derive(Debug)]
pub(super) struct Batch {
    /// The real images, if they are sparse; otherwise they are the first rows of `dense`.
    real: Option<SparseBatch>,
    /// `[up to 2 batch, image size]`: the last `fakes` rows are fakes.
    dense: Matrix,
    fakes: usize,
    /// The class of each row, if they are of use.
    classes: Option<Vec<u16>>,
}

impl Batch {
    /// Empty, with memory for `most` real images of `size` numbers and as many fakes.
    /// With `classes`, rows have classes.
    pub(super) fn new(
        most: usize,
        size: usize,
        sparse_images: Option<Arc<SparseImages>>,
        classes: bool,
    ) -> Self {
        Self {
            real: sparse_images.map(|sparse_images| SparseBatch::new(sparse_images, most, size)),
            dense: Matrix::new(2 * most, size),
            fakes: 0,
            classes: classes.then(|| Vec::with_capacity(2 * most)),
        }
    }

    /// Gathers the real images with indices `places`, and reserves rows for as many fakes.
    pub(super) fn collect(&mut self, arch: Arch, images: &TrainingImages, places: &[u32]) {
        self.fakes = places.len();
        self.take_classes(images, places);
        let size = self.dense.cols();
        if let Some(real) = &mut self.real {
            real.collect(places);
            self.dense.reshape(self.fakes, size);
        } else {
            self.dense.reshape(2 * self.fakes, size);
            arch.dispatch(Collect { images, places, rows: &mut self.dense });
        }
    }

    /// Reserves rows for `count` fakes, and drops the real images.
    pub(super) fn only_fakes(&mut self, count: usize) {
        self.fakes = count;
        if let Some(classes) = &mut self.classes {
            classes.clear();
        }
        self.dense.reshape(count, self.dense.cols());
        if let Some(real) = &mut self.real {
            real.collect(&[]);
        }
    }

    /// Drops the real images, and keeps the fakes.
    pub(super) fn keep_fakes(&mut self) {
        let (first, rows, panels) = (self.dense.rows() - self.fakes, self.dense.rows(), self.dense.panels());
        let lines = self.dense.lines_mut();
        for panel in 0..panels {
            let from = panel * rows + first;
            lines.copy_within(from..from + self.fakes, panel * self.fakes);
        }
        self.only_fakes(self.fakes);
    }

    /// Gathers the real images with indices `places` alone.
    pub(super) fn only_real(&mut self, arch: Arch, images: &TrainingImages, places: &[u32]) {
        self.fakes = 0;
        self.take_classes(images, places);
        let size = self.dense.cols();
        if let Some(real) = &mut self.real {
            real.collect(places);
            self.dense.reshape(0, size);
        } else {
            self.dense.reshape(places.len(), size);
            arch.dispatch(Collect { images, places, rows: &mut self.dense });
        }
    }

    /// The classes of the real images with indices `places`, and of no fakes yet.
    fn take_classes(&mut self, images: &TrainingImages, places: &[u32]) {
        if let Some(classes) = &mut self.classes {
            *classes = images.classes(places);
        }
    }

    /// Gives the fakes their classes, if rows have any.
    pub(super) fn set_fake_classes(&mut self, of_fakes: &[u16]) {
        if let Some(classes) = &mut self.classes {
            classes.extend_from_slice(of_fakes);
        }
    }

    /// Writes the batch's real images, whose indices are `places`, to the rows of another matrix, with the noise on them.
    pub(super) fn copy_real(&self, arch: Arch, images: &TrainingImages, places: &[u32], rows: &mut Matrix) {
        let count = places.len();
        if self.real.is_some() {
            arch.dispatch(Collect { images, places, rows });
        } else {
            rows.copy_rows(&self.dense, std::slice::from_ref(&(0..count)), count);
        }
    }

    /// Real images that are not sparse, and fakes.
    pub(super) fn dense_mut(&mut self) -> &mut Matrix {
        &mut self.dense
    }

    /// The matrix with the fakes, and the first of their rows.
    pub(super) fn dense_fakes(&self) -> (&Matrix, usize) {
        (&self.dense, self.dense.rows() - self.fakes)
    }

    pub(super) fn input(&self) -> Input<'_> {
        let classes = self.classes.as_deref().unwrap_or_default();
        Input { sparse: self.real.as_ref(), dense: &self.dense, nonzeros: None, classes }
    }

    /// The rows that the generator writes its fakes to.
    pub(super) fn fakes_mut(&mut self) -> Rows<'_> {
        let first_row = self.dense.rows() - self.fakes;
        Rows { matrix: &mut self.dense, first_row }
    }

    /// The fakes of a batch without real images.
    pub(super) fn fakes(&self) -> &Matrix {
        assert_eq!(self.dense.rows(), self.fakes, "fakes alone");
        &self.dense
    }
}

/// Writes the scaled pixels of the images with indices `places` to the first rows of `rows`.
struct Collect<'a> {
    images: &'a TrainingImages,
    places: &'a [u32],
    rows: &'a mut Matrix,
}

impl NullaryFnOnce for Collect<'_> {
    type Output = ();

    /// Computes the values of [`TrainingImages::table`], which is faster in vectors than looking them up.
    #[inline(always)]
    fn call(self) {
        let (shift, scale) = match self.images.pixels {
            Pixels::Signed => (0.5, 0.5),
            Pixels::Unit => (0.0, 1.0),
        };
        for (row, &index) in self.places.iter().enumerate() {
            let (panels, rest) = self.images.image(index as usize).as_chunks::<LINE>();
            for (panel, bytes) in panels.iter().enumerate() {
                let mut values = [0.0; LINE];
                for i in 0..LINE {
                    values[i] = (f32::from(bytes[i]) / 255.0 - shift) / scale;
                }
                self.rows.panel_mut(panel)[row] = Line(values);
            }
            if !rest.is_empty() {
                let mut values = [0.0; LINE];
                for i in 0..rest.len() {
                    values[i] = (f32::from(rest[i]) / 255.0 - shift) / scale;
                }
                self.rows.panel_mut(panels.len())[row] = Line(values);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use gansweep_config::ImageShape;

    use super::*;

    #[test]
    fn pixels_have_the_values_of_the_table() {
        // One image fills its last panel, the other does not.
        for (pixels, height) in [(Pixels::Signed, 16), (Pixels::Unit, 16), (Pixels::Signed, 9)] {
            let shape = ImageShape { channels: 3, height, width: 5 };
            let bytes = Arc::new((0..2 * shape.size()).map(|i| (i * 7) as u8).collect::<Vec<u8>>());
            let images = TrainingImages { shape, bytes, labels: Arc::new(vec![0; 2]), count: 2, pixels };
            let mut rows = Matrix::new(3, shape.size());
            Arch::new().dispatch(Collect { images: &images, places: &[1, 0], rows: &mut rows });
            let table = TrainingImages::table(pixels);
            for (row, image) in [(0, 1), (1, 0)] {
                for (col, &byte) in images.image(image).iter().enumerate() {
                    assert_eq!(rows.get(row, col).to_bits(), table[usize::from(byte)].to_bits());
                }
            }
        }
    }
}
