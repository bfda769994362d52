//! Sparse representation of real images: a constant background plus the pixels that differ from it.
//!
//! Four fifths of MNIST's pixels are black. The background is whatever value is most frequent, so
//! drawings on white paper are as sparse. With `x = b + s`, where `b` is the background's value and `s` is
//! zero but for the foreground, a product with `x` is `b` times the column sums of the other operand plus
//! a product with `s`, which multiplies foreground pixels alone.

use std::sync::Arc;

use super::matrix::{Matrix, fetch};
use super::nonzeros::Nonzeros;
use gansweep_train::TrainingImages;

/// Images with a larger share of foreground are multiplied in full. At MNIST's 19 % a sparse product takes
/// two fifths of the time of a full one, and its time grows with the share.
const MAX_DENSITY: f64 = 0.3;
/// The background and the density are estimated from the first images. Which product is used decides how
/// sums are rounded, so another sample would change the bits of runs.
const SAMPLED_IMAGES: usize = 256;
/// The largest data set that is stored this way: pixels are counted in 32 bits.
const MAX_BYTES: usize = u32::MAX as usize;
/// Bytes that are compared with the background at once.
const WORD: usize = 8;
/// How many images ahead of the current one are prefetched; the images of a batch are in random order.
const AHEAD: usize = 3;

/// A foreground pixel: its index in a row or a column (24 bits) and its byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Pixel(u32);

impl Pixel {
    const fn new(at: usize, byte: u8) -> Self {
        // An image has at most 3 x 256 x 256 numbers, so the index fits.
        Self((at as u32) << 8 | byte as u32)
    }

    /// The column of a pixel of a row, or the row of a pixel of a column.
    #[inline(always)]
    pub(super) const fn at(self) -> usize {
        (self.0 >> 8) as usize
    }

    #[inline(always)]
    pub(super) const fn byte(self) -> u8 {
        self.0 as u8
    }
}

/// The foreground of all training images, image by image.
#[derive(Debug)]
pub(super) struct SparseImages {
    background: f32,
    /// The value of each byte minus the background's.
    values: [f32; 256],
    /// The index in `pixels` at which each block of each image begins, and the end of the last one.
    starts: Vec<u32>,
    /// Blocks of an image.
    blocks: usize,
    pixels: Vec<Pixel>,
}

impl SparseImages {
    /// Columns of a block. As many lines of four panels of the other operand fill 24 KiB of the first-level cache.
    pub(super) const BLOCK: usize = 12 * WORD;

    /// The most frequent byte of the images (the smallest of equally frequent ones), if the images are
    /// sparse enough for the sparse product to be faster.
    pub(super) fn background(images: &TrainingImages) -> Option<u8> {
        let sampled = &images.bytes[..images.count.min(SAMPLED_IMAGES) * images.shape.size()];
        let mut counts = [0_usize; 256];
        for &byte in sampled {
            counts[usize::from(byte)] += 1;
        }
        let (background, count) = (0..=u8::MAX).zip(counts).rev().max_by_key(|&(_, count)| count)?;
        let foreground = sampled.len() - count;
        let is_sparse = foreground as f64 <= MAX_DENSITY * sampled.len() as f64;
        (is_sparse && images.bytes.len() <= MAX_BYTES).then_some(background)
    }

    /// The pixels of `images` that differ from the byte `background`.
    pub(super) fn new(images: &TrainingImages, background: u8) -> Self {
        let table = TrainingImages::table(images.pixels);
        let (byte, background) = (background, table[usize::from(background)]);
        let blocks = images.shape.size().div_ceil(Self::BLOCK);
        let mut starts = Vec::with_capacity(images.count * blocks + 1);
        let mut pixels = Vec::with_capacity(images.count * images.shape.size() / 5);
        starts.push(0);
        for image in 0..images.count {
            let bytes = images.image(image);
            for (block, bytes) in bytes.chunks(Self::BLOCK).enumerate() {
                each_pixel(bytes, byte, |at, byte| pixels.push(Pixel::new(block * Self::BLOCK + at, byte)));
                starts.push(pixels.len() as u32);
            }
        }
        Self { background, values: table.map(|value| value - background), starts, blocks, pixels }
    }

    /// The foreground of an image, in order.
    fn image(&self, image: usize) -> &[Pixel] {
        let first = image * self.blocks;
        &self.pixels[self.starts[first] as usize..self.starts[first + self.blocks] as usize]
    }

    /// The foreground of one block of an image.
    #[inline(always)]
    fn block(&self, image: usize, block: usize) -> &[Pixel] {
        let block = image * self.blocks + block;
        &self.pixels[self.starts[block] as usize..self.starts[block + 1] as usize]
    }
}

/// Calls `take` with index and value of every byte that is not background.
fn each_pixel(bytes: &[u8], background: u8, mut take: impl FnMut(usize, u8)) {
    for (index, word) in bytes.chunks(WORD).enumerate() {
        let mut whole = [background; WORD];
        whole[..word.len()].copy_from_slice(word);
        // Compares eight bytes at once: a byte of `left` is zero where the image is background.
        let mut left = u64::from_le_bytes(whole) ^ u64::from_le_bytes([background; WORD]);
        while left != 0 {
            let place = left.trailing_zeros() / 8;
            take(index * WORD + place as usize, whole[place as usize]);
            left &= !(0xff << (8 * place));
        }
    }
}

/// A batch of sparse images as a matrix `[rows, image size]`, stored by row and by column.
#[derive(Debug, Clone)]
pub(super) struct SparseBatch {
    sparse_images: Arc<SparseImages>,
    rows: Vec<u32>,
    /// The pixels of each column, in slots of `most` pixels.
    cols: Vec<Pixel>,
    /// Pixels in each column.
    counts: Vec<u32>,
    most: usize,
}

impl SparseBatch {
    /// An empty batch with room for `most` images of `size` numbers.
    pub(super) fn new(sparse_images: Arc<SparseImages>, most: usize, size: usize) -> Self {
        Self {
            sparse_images,
            rows: Vec::with_capacity(most),
            cols: vec![Pixel(0); most * size],
            counts: vec![0; size],
            most,
        }
    }

    /// The value of the background.
    pub(super) fn background(&self) -> f32 {
        self.sparse_images.background
    }

    /// The value of each byte minus the background's.
    pub(super) fn values(&self) -> &[f32; 256] {
        &self.sparse_images.values
    }

    pub(super) fn rows(&self) -> usize {
        self.rows.len()
    }

    pub(super) fn cols(&self) -> usize {
        self.counts.len()
    }

    /// Blocks of columns in a row.
    pub(super) fn blocks(&self) -> usize {
        self.sparse_images.blocks
    }

    /// The foreground of a row within a block, from the left.
    #[inline(always)]
    pub(super) fn row(&self, row: usize, block: usize) -> &[Pixel] {
        self.sparse_images.block(self.rows[row] as usize, block)
    }

    /// The foreground of a column, from the top.
    #[inline(always)]
    pub(super) fn col(&self, col: usize) -> &[Pixel] {
        &self.cols[col * self.most..][..self.counts[col] as usize]
    }

    /// Replaces the rows by the images with these indices.
    pub(super) fn collect(&mut self, images: &[u32]) {
        assert!(images.len() <= self.most, "room for {} images", self.most);
        self.rows.clear();
        self.rows.extend_from_slice(images);
        self.counts.fill(0);
        for (row, &image) in images.iter().enumerate() {
            if let Some(&next) = images.get(row + AHEAD) {
                let pixels = self.sparse_images.image(next as usize);
                (0..pixels.len()).step_by(64 / size_of::<Pixel>()).for_each(|at| fetch(pixels, at));
            }
            for &pixel in self.sparse_images.image(image as usize) {
                let count = &mut self.counts[pixel.at()];
                self.cols[pixel.at() * self.most + *count as usize] = Pixel::new(row, pixel.byte());
                *count += 1;
            }
        }
    }
}

/// The input of a Linear layer: sparse images, if there are any, and dense rows after them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Input<'a> {
    pub(super) sparse: Option<&'a SparseBatch>,
    pub(super) dense: &'a Matrix,
    /// The nonzero elements of `dense`, if these are few; of its columns, for a product that transposes it.
    pub(super) nonzeros: Option<&'a Nonzeros>,
    /// The class of each row, at the beginning of a conditional network; else empty.
    pub(super) classes: &'a [u16],
}

impl<'a> Input<'a> {
    /// With the class of each row.
    pub(super) fn with_classes(self, classes: &'a [u16]) -> Self {
        Self { classes, ..self }
    }

    /// Rows of both kinds.
    pub(super) fn rows(&self) -> usize {
        self.sparse_rows() + self.dense.rows()
    }

    pub(super) fn sparse_rows(&self) -> usize {
        self.sparse.map_or(0, SparseBatch::rows)
    }

    pub(super) fn cols(&self) -> usize {
        self.dense.cols()
    }
}

impl<'a> From<&'a Matrix> for Input<'a> {
    fn from(dense: &'a Matrix) -> Self {
        Self { sparse: None, dense, nonzeros: None, classes: &[] }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use gansweep_config::{ImageShape, Pixels};
    use proptest::prelude::*;

    use super::*;

    /// Images of 15 x 15 pixels have no whole number of words.
    fn images(pixels: Pixels, side: u32, bytes: Vec<u8>) -> TrainingImages {
        let shape = ImageShape { channels: 1, height: side, width: side };
        let count = bytes.len() / shape.size();
        TrainingImages { shape, bytes: Arc::new(bytes), labels: Arc::default(), count, pixels }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn every_pixel_is_background_or_foreground_by_row_and_by_column(
            (side, ground, bytes) in (prop_oneof![Just(28), Just(15)], any::<u8>()).prop_flat_map(
                |(side, ground): (u32, u8)| {
                    let byte = prop_oneof![3 => Just(ground), 1 => any::<u8>()];
                    (Just(side), Just(ground), prop::collection::vec(byte, 3 * (side * side) as usize))
                }
            ),
            batch in prop::collection::vec(0u32..3, 0..5),
            signed: bool,
        ) {
            let pixels = if signed { Pixels::Signed } else { Pixels::Unit };
            let (images, table) = (images(pixels, side, bytes), TrainingImages::table(pixels));
            let mut sparse = SparseBatch::new(Arc::new(SparseImages::new(&images, ground)), 4, images.shape.size());
            // What was there before leaves no trace.
            sparse.collect(&[2, 1, 0]);
            sparse.collect(&batch);
            prop_assert_eq!(sparse.rows(), batch.len());
            for (row, &index) in batch.iter().enumerate() {
                for (col, &byte) in images.image(index as usize).iter().enumerate() {
                    let of = |line: &[Pixel], at| {
                        line.iter().filter(|pixel| pixel.at() == at).map(|pixel| pixel.byte()).collect::<Vec<_>>()
                    };
                    let in_row = of(sparse.row(row, col / SparseImages::BLOCK), col);
                    prop_assert_eq!(&in_row, &of(sparse.col(col), row));
                    prop_assert_eq!(&in_row[..], if byte == ground { &[][..] } else { std::slice::from_ref(&byte) });
                    let difference = in_row.first().map_or(0.0, |&byte| sparse.values()[usize::from(byte)]);
                    prop_assert!((sparse.background() + difference - table[usize::from(byte)]).abs() < 2e-7);
                }
            }
            sparse.collect(&[]);
            prop_assert_eq!(sparse.rows(), 0);
            prop_assert!((0..images.shape.size()).all(|col| sparse.col(col).is_empty()));
        }
    }

    #[test]
    fn it_pays_for_images_that_are_mostly_background() {
        let background = |ground: u8, foreground: u8, every: usize| {
            let bytes = (0..2 * 28 * 28).map(|i| if i % every == 0 { foreground } else { ground }).collect();
            SparseImages::background(&images(Pixels::Signed, 28, bytes))
        };
        for (ground, foreground) in [(0, 1), (255, 0), (9, 200)] {
            let found = [5, 4, 3].map(|every| background(ground, foreground, every));
            assert_eq!(found, [Some(ground), Some(ground), None]);
            // A single value everywhere is the background, whatever it is.
            assert_eq!(background(ground, foreground, 1), Some(foreground));
        }
        let even = (0..2 * 28 * 28).map(|i| i as u8).collect();
        assert_eq!(SparseImages::background(&images(Pixels::Signed, 28, even)), None);
    }
}
