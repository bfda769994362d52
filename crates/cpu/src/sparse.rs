//! Sparse representation of real images: a background of one value, and the pixels that differ from it.
//!
//! Four fifths of MNIST's numbers are its background, black. Which value it is, and whether there is enough
//! of it, the images tell: drawings on white paper are as sparse. With `x = b + s`, where `b` is the background's value
//! and `s` is zero but for the ink, a product with `x` is `b` times sums of the other operand's rows
//! plus a product with `s`, of which only the ink has to be multiplied.

use std::sync::Arc;

use super::matrix::fetch;
use gansweep_train::TrainingImages;

/// Images with a larger share of ink are multiplied in full. At MNIST's 19 % the ink's products take two
/// fifths of the time of full ones, and that grows with the ink.
const MOST_INK: f64 = 0.3;
/// Images that the background and the share of ink are estimated from: the first ones. Which product is
/// used decides how sums round, so another sample would change the bits of runs.
const LOOKED_AT: usize = 256;
/// Places of ink are counted in 32 bits.
const MOST_BYTES: usize = u32::MAX as usize;
/// Bytes that are compared with the background at once.
const WORD: usize = 8;
/// Images between the one that is sorted into columns and the one that is fetched.
const AHEAD: usize = 3;

/// An element that is not background: its place in a line, and its byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ink(u32);

impl Ink {
    const fn new(at: usize, byte: u8) -> Self {
        Self((at as u32) << 8 | byte as u32)
    }

    /// Its column within a row, or its row within a column.
    #[inline(always)]
    pub(super) const fn at(self) -> usize {
        (self.0 >> 8) as usize
    }

    #[inline(always)]
    pub(super) const fn byte(self) -> u8 {
        self.0 as u8
    }
}

/// The ink of all training images, image by image.
#[derive(Debug)]
pub(super) struct Drawings {
    background: f32,
    /// The value of each byte, less the background's.
    values: [f32; 256],
    /// Where each block of each image begins, and where the last one ends.
    starts: Vec<u32>,
    /// Of an image.
    blocks: usize,
    ink: Vec<Ink>,
}

impl Drawings {
    /// Columns of a block: as many lines of four panels fill the first cache.
    pub(super) const BLOCK: usize = 12 * WORD;

    /// The byte that is most frequent in the images, if all others together are so few that the sparse
    /// product is faster; of equally frequent ones the smallest.
    pub(super) fn background(images: &TrainingImages) -> Option<u8> {
        let looked_at = &images.bytes[..images.count.min(LOOKED_AT) * images.shape.size()];
        let mut counts = [0_usize; 256];
        for &byte in looked_at {
            counts[usize::from(byte)] += 1;
        }
        let (background, count) = (0..=u8::MAX).zip(counts).rev().max_by_key(|&(_, count)| count)?;
        let ink = looked_at.len() - count;
        let is_sparse = ink as f64 <= MOST_INK * looked_at.len() as f64;
        (is_sparse && images.bytes.len() <= MOST_BYTES).then_some(background)
    }

    /// The ink on a background of that byte.
    pub(super) fn new(images: &TrainingImages, background: u8) -> Self {
        let table = TrainingImages::table(images.pixels);
        let (byte, background) = (background, table[usize::from(background)]);
        let blocks = images.shape.size().div_ceil(Self::BLOCK);
        let mut starts = Vec::with_capacity(images.count * blocks + 1);
        let mut ink = Vec::with_capacity(images.count * images.shape.size() / 5);
        starts.push(0);
        for image in 0..images.count {
            let bytes = images.image(image);
            for (block, bytes) in bytes.chunks(Self::BLOCK).enumerate() {
                each_ink(bytes, byte, |at, byte| ink.push(Ink::new(block * Self::BLOCK + at, byte)));
                starts.push(ink.len() as u32);
            }
        }
        Self { background, values: table.map(|value| value - background), starts, blocks, ink }
    }

    /// The ink of an image, from the left of the first line on.
    fn image(&self, image: usize) -> &[Ink] {
        let first = image * self.blocks;
        &self.ink[self.starts[first] as usize..self.starts[first + self.blocks] as usize]
    }

    /// The same within a block.
    #[inline(always)]
    fn block(&self, image: usize, block: usize) -> &[Ink] {
        let block = image * self.blocks + block;
        &self.ink[self.starts[block] as usize..self.starts[block + 1] as usize]
    }
}

/// Calls `take` with the place and value of every byte that is not background.
fn each_ink(bytes: &[u8], background: u8, mut take: impl FnMut(usize, u8)) {
    for (index, word) in bytes.chunks(WORD).enumerate() {
        let mut whole = [background; WORD];
        whole[..word.len()].copy_from_slice(word);
        // Zero where a byte is background.
        let mut left = u64::from_le_bytes(whole) ^ u64::from_le_bytes([background; WORD]);
        while left != 0 {
            let place = left.trailing_zeros() / 8;
            take(index * WORD + place as usize, whole[place as usize]);
            left &= !(0xff << (8 * place));
        }
    }
}

/// Some drawings as a matrix, `[rows, image size]`, by row and by column.
#[derive(Debug, Clone)]
pub(super) struct Sparse {
    drawings: Arc<Drawings>,
    rows: Vec<u32>,
    /// The ink of each column, with room for `most` rows.
    cols: Vec<Ink>,
    /// How much there is in each.
    counts: Vec<u32>,
    most: usize,
}

impl Sparse {
    /// Without rows, with room for `most` images of `size` numbers.
    pub(super) fn new(drawings: Arc<Drawings>, most: usize, size: usize) -> Self {
        Self {
            drawings,
            rows: Vec::with_capacity(most),
            cols: vec![Ink(0); most * size],
            counts: vec![0; size],
            most,
        }
    }

    /// The value of every element that is not ink.
    pub(super) fn background(&self) -> f32 {
        self.drawings.background
    }

    /// The value of each byte of ink, less the background's.
    pub(super) fn values(&self) -> &[f32; 256] {
        &self.drawings.values
    }

    pub(super) fn rows(&self) -> usize {
        self.rows.len()
    }

    pub(super) fn cols(&self) -> usize {
        self.counts.len()
    }

    /// Blocks of columns in a row.
    pub(super) fn blocks(&self) -> usize {
        self.drawings.blocks
    }

    /// The ink of a row within a block, from the left.
    #[inline(always)]
    pub(super) fn row(&self, row: usize, block: usize) -> &[Ink] {
        self.drawings.block(self.rows[row] as usize, block)
    }

    /// The ink of a column, from the top.
    #[inline(always)]
    pub(super) fn col(&self, col: usize) -> &[Ink] {
        &self.cols[col * self.most..][..self.counts[col] as usize]
    }

    /// Takes other rows.
    pub(super) fn collect(&mut self, images: &[u32]) {
        assert!(images.len() <= self.most, "room for {} images", self.most);
        self.rows.clear();
        self.rows.extend_from_slice(images);
        self.counts.fill(0);
        for (row, &image) in images.iter().enumerate() {
            if let Some(&next) = images.get(row + AHEAD) {
                let ink = self.drawings.image(next as usize);
                (0..ink.len()).step_by(64 / size_of::<Ink>()).for_each(|at| fetch(ink, at));
            }
            for &ink in self.drawings.image(image as usize) {
                let count = &mut self.counts[ink.at()];
                self.cols[ink.at() * self.most + *count as usize] = Ink::new(row, ink.byte());
                *count += 1;
            }
        }
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
        fn every_pixel_is_the_background_or_ink_by_row_and_by_column(
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
            let mut sparse = Sparse::new(Arc::new(Drawings::new(&images, ground)), 4, images.shape.size());
            // What was there before leaves no trace.
            sparse.collect(&[2, 1, 0]);
            sparse.collect(&batch);
            prop_assert_eq!(sparse.rows(), batch.len());
            for (row, &index) in batch.iter().enumerate() {
                for (col, &byte) in images.image(index as usize).iter().enumerate() {
                    let of = |line: &[Ink], at| {
                        line.iter().filter(|ink| ink.at() == at).map(|ink| ink.byte()).collect::<Vec<_>>()
                    };
                    let in_row = of(sparse.row(row, col / Drawings::BLOCK), col);
                    prop_assert_eq!(&in_row, &of(sparse.col(col), row));
                    prop_assert_eq!(&in_row[..], if byte == ground { &[][..] } else { std::slice::from_ref(&byte) });
                    let ink = in_row.first().map_or(0.0, |&byte| sparse.values()[usize::from(byte)]);
                    prop_assert!((sparse.background() + ink - table[usize::from(byte)]).abs() < 2e-7);
                }
            }
            sparse.collect(&[]);
            prop_assert_eq!(sparse.rows(), 0);
            prop_assert!((0..images.shape.size()).all(|col| sparse.col(col).is_empty()));
        }
    }

    #[test]
    fn it_pays_for_images_that_are_mostly_background() {
        let background = |ground: u8, ink: u8, every: usize| {
            let bytes = (0..2 * 28 * 28).map(|i| if i % every == 0 { ink } else { ground }).collect();
            Drawings::background(&images(Pixels::Signed, 28, bytes))
        };
        for (ground, ink) in [(0, 1), (255, 0), (9, 200)] {
            let found = [5, 4, 3].map(|every| background(ground, ink, every));
            assert_eq!(found, [Some(ground), Some(ground), None]);
            // All ink is a background again.
            assert_eq!(background(ground, ink, 1), Some(ink));
        }
        let even = (0..2 * 28 * 28).map(|i| i as u8).collect();
        assert_eq!(Drawings::background(&images(Pixels::Signed, 28, even)), None);
    }
}
