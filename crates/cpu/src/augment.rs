//! Random changes of the discriminator's inputs, forward and backward.

use std::ops::Range;

use gansweep_config::{Config, ImageShape};
use gansweep_nn::augment::{Augmentation, grey};
use pulp::{Arch, NullaryFnOnce};

use super::matrix::{LINE, Matrix};

/// Changes images one by one.
#[derive(Debug)]
pub(super) struct Augment {
    image: ImageShape,
    /// The value of uncovered and cut out pixels.
    grey: f32,
    /// Whether colours change.
    color: bool,
    /// The numbers of an image, `[channels, height, width]`, before it is moved.
    still: Vec<f32>,
    /// The same after it is moved.
    moved: Vec<f32>,
}

impl Augment {
    /// With memory for an image; `None` if the config changes no images.
    pub(super) fn new(config: &Config, image: ImageShape) -> Option<Self> {
        config.augment.exists().then(|| Self {
            image,
            grey: grey(config.data.pixels),
            color: config.augment.color > 0.0,
            still: vec![0.0; image.size()],
            moved: vec![0.0; image.size()],
        })
    }

    /// Changes the rows of a matrix from `first` on, one for each change.
    pub(super) fn apply(
        &mut self,
        arch: Arch,
        rows: &mut Matrix,
        first: usize,
        changes: impl Iterator<Item = Augmentation>,
    ) {
        for (row, change) in (first..).zip(changes) {
            arch.dispatch(Forward { augment: self, change, rows, row });
        }
    }

    /// Turns gradients with respect to changed images, a row for each, into those with respect to the images before.
    pub(super) fn backward(
        &mut self,
        arch: Arch,
        gradients: &mut Matrix,
        changes: impl Iterator<Item = Augmentation>,
    ) {
        for (row, change) in changes.enumerate() {
            arch.dispatch(Backward { augment: self, change, rows: gradients, row });
        }
    }

    /// Enlarges each pixel's differences from its channels' mean, and then all differences from the image's mean.
    ///
    /// Both are symmetric matrices that commute, so gradients pass back through them in the same way.
    #[inline(always)]
    fn enlarge_differences(&mut self, change: &Augmentation) {
        let pixels = self.still.len() / self.image.channels as usize;
        if self.image.channels > 1 {
            for pixel in 0..pixels {
                let channels = || self.still[pixel..].iter().step_by(pixels);
                let mean = channels().sum::<f32>() / self.image.channels as f32;
                for value in self.still[pixel..].iter_mut().step_by(pixels) {
                    *value += change.saturation * (*value - mean);
                }
            }
        }
        let mean = sum(&self.still) / self.still.len() as f32;
        for value in &mut self.still {
            *value += change.contrast * (*value - mean);
        }
    }
}

/// The sum in sixteen parts, so that it has the same bits for vectors of any width.
#[inline(always)]
fn sum(values: &[f32]) -> f32 {
    let (lines, rest) = values.as_chunks::<LINE>();
    let mut sums = [0.0; LINE];
    for line in lines {
        for i in 0..LINE {
            sums[i] += line[i];
        }
    }
    sums.iter().chain(rest).sum()
}

/// Calls `visit` for each stretch of a row that is neither uncovered nor cut out: its numbers in the moved image, and
/// those in the still one.
#[inline(always)]
fn each_stretch(image: ImageShape, change: &Augmentation, mut visit: impl FnMut(Range<usize>, Range<usize>)) {
    let [down, right] = change.moved;
    let (rows, cols) = (covered(image.height, down), covered(image.width, right));
    let [cut_rows, cut_cols] = &change.cut_out;
    for channel in 0..image.channels {
        for row in rows.clone() {
            let number = |row: u32, col: u32| ((channel * image.height + row) * image.width + col) as usize;
            let mut stretch = |from: u32, to: u32| {
                if from < to {
                    let still = number(row.wrapping_add_signed(-down), from.wrapping_add_signed(-right));
                    visit(number(row, from)..number(row, to), still..still + (to - from) as usize);
                }
            };
            if cut_rows.contains(&row) {
                stretch(cols.start, cols.end.min(cut_cols.start));
                stretch(cols.start.max(cut_cols.end), cols.end);
            } else {
                stretch(cols.start, cols.end);
            }
        }
    }
}

/// The rows or columns that an image covers after it is moved by that many.
fn covered(side: u32, by: i32) -> Range<u32> {
    let lost = by.unsigned_abs().min(side);
    if by < 0 { 0..side - lost } else { lost..side }
}

/// Changes one row.
struct Forward<'a> {
    augment: &'a mut Augment,
    change: Augmentation,
    rows: &'a mut Matrix,
    row: usize,
}

impl NullaryFnOnce for Forward<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self { augment, change, rows, row } = self;
        read(rows, row, &mut augment.still);
        if augment.color {
            for value in &mut augment.still {
                *value += change.brightness;
            }
            augment.enlarge_differences(&change);
        }
        let Augment { still, moved, .. } = augment;
        moved.fill(augment.grey);
        each_stretch(augment.image, &change, |to, from| moved[to].copy_from_slice(&still[from]));
        write(moved, rows, row);
    }
}

/// Back-propagates one row.
struct Backward<'a> {
    augment: &'a mut Augment,
    change: Augmentation,
    rows: &'a mut Matrix,
    row: usize,
}

impl NullaryFnOnce for Backward<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self { augment, change, rows, row } = self;
        let Augment { still, moved, .. } = augment;
        read(rows, row, moved);
        // What is lost at an edge or cut out has no gradient.
        still.fill(0.0);
        each_stretch(augment.image, &change, |from, to| still[to].copy_from_slice(&moved[from]));
        if augment.color {
            augment.enlarge_differences(&change);
        }
        write(&augment.still, rows, row);
    }
}

#[inline(always)]
fn read(rows: &Matrix, row: usize, numbers: &mut [f32]) {
    for (panel, part) in numbers.chunks_mut(LINE).enumerate() {
        part.copy_from_slice(&rows.panel(panel)[row].0[..part.len()]);
    }
}

/// Writes a row, but for the padding of its last line.
#[inline(always)]
fn write(numbers: &[f32], rows: &mut Matrix, row: usize) {
    for (panel, part) in numbers.chunks(LINE).enumerate() {
        rows.panel_mut(panel)[row].0[..part.len()].copy_from_slice(part);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gansweep_nn::Vectors;
    use gansweep_nn::rng::hash32;
    use proptest::prelude::*;

    const IMAGE: ImageShape = ImageShape { channels: 3, height: 5, width: 7 };

    fn augment(image: ImageShape, grey: f32) -> Augment {
        let numbers = vec![0.0; image.size()];
        Augment { image, grey, color: true, still: numbers.clone(), moved: numbers }
    }

    fn random(seed: u32) -> Matrix {
        Matrix::from_fn(2, IMAGE.size(), |row, col| {
            hash32(seed, row as u32, col as u32) as f32 / 2f32.powi(31) - 1.0
        })
    }

    fn change() -> impl Strategy<Value = Augmentation> {
        let colors = (-0.5f32..0.5, -1f32..1.0, -0.5f32..0.5);
        let moved = [-7..8, -7..8];
        (colors, moved, [0u32..6, 0..6], [0u32..8, 0..8]).prop_map(|(colors, moved, rows, cols)| {
            let range = |ends: [u32; 2]| ends[0].min(ends[1])..ends[0].max(ends[1]);
            let (brightness, saturation, contrast) = colors;
            Augmentation { brightness, saturation, contrast, moved, cut_out: [range(rows), range(cols)] }
        })
    }

    /// A number of the changed image, as the change is described.
    fn described(image: &Matrix, change: &Augmentation, grey: f64, [channel, row, col]: [usize; 3]) -> f64 {
        let at = |channel, row, col| f64::from(image.get(0, (channel * 5 + row) * 7 + col));
        let from = [row as i32 - change.moved[0], col as i32 - change.moved[1]];
        let is_cut = change.cut_out[0].contains(&(row as u32)) && change.cut_out[1].contains(&(col as u32));
        if is_cut || !(0..5).contains(&from[0]) || !(0..7).contains(&from[1]) {
            return grey;
        }
        let bright = |channel, row, col| at(channel, row, col) + f64::from(change.brightness);
        let saturated = |channel, row, col| {
            let mean = (0..3).map(|channel| bright(channel, row, col)).sum::<f64>() / 3.0;
            (bright(channel, row, col) - mean) * (1.0 + f64::from(change.saturation)) + mean
        };
        let all = (0..3 * 5 * 7).map(|i| saturated(i / 35, i / 7 % 5, i % 7));
        let mean = all.sum::<f64>() / 105.0;
        (saturated(channel, from[0] as usize, from[1] as usize) - mean) * (1.0 + f64::from(change.contrast))
            + mean
    }

    proptest! {
        #[test]
        fn images_are_changed_as_described(seed: u32, change in change(), grey in 0f32..1.0) {
            let (before, mut after) = (random(seed), random(seed));
            augment(IMAGE, grey).apply(Arch::new(), &mut after, 0, [change.clone()].into_iter());
            for i in 0..IMAGE.size() {
                let expected = described(&before, &change, grey.into(), [i / 35, i / 7 % 5, i % 7]);
                prop_assert!((f64::from(after.get(0, i)) - expected).abs() < 1e-5);
                prop_assert_eq!(after.get(1, i), before.get(1, i));
            }
        }

        /// A change is affine: the gradient is its transpose, `<A x, y> = <x, A^T y>`.
        #[test]
        fn the_gradient_is_the_transposed_change(seed: u32, change in change()) {
            let dot = |a: &Matrix, b: &Matrix| -> f64 {
                (0..IMAGE.size()).map(|i| f64::from(a.get(0, i)) * f64::from(b.get(0, i))).sum()
            };
            let linear = Augmentation { brightness: 0.0, ..change };
            let (x, y) = (random(seed), random(!seed));
            let (mut changed, mut gradient) = (x.clone(), y.clone());
            augment(IMAGE, 0.0).apply(Arch::new(), &mut changed, 0, [linear.clone()].into_iter());
            augment(IMAGE, 0.0).backward(Arch::new(), &mut gradient, [linear].into_iter());
            prop_assert!((dot(&changed, &y) - dot(&x, &gradient)).abs() < 1e-4);
        }

        #[test]
        fn every_vector_width_has_the_same_bits(seed: u32, change in change()) {
            let changed = |arch| {
                let mut rows = random(seed);
                augment(IMAGE, 0.5).apply(arch, &mut rows, 1, [change.clone()].into_iter());
                rows.lines().to_vec()
            };
            let all: Vec<_> = Vectors::all().into_iter().map(|vectors| changed(vectors.arch())).collect();
            prop_assert!(all.windows(2).all(|two| two[0] == two[1]));
        }
    }
}
