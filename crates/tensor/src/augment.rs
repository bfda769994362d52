//! Random changes of the discriminator's inputs, for all lanes.
//!
//! An image is moved by a product with matrices of zeros and ones, whose gradient is another such product: in one order
//! on every device, which scattered additions are not.

use burn::tensor::{Device, Tensor};
use gansweep_config::{Config, ImageShape};
use gansweep_nn::augment::{Augmentation, grey};

/// Numbers of an [`Augmentation`] in a row of floats.
pub(super) const NUMBERS: usize = 9;

/// The changes that all lanes of a group have; the lanes may differ in how large they are.
#[derive(Debug, Clone)]
pub(super) struct Augment {
    image: ImageShape,
    /// The value of uncovered and cut out pixels.
    grey: f32,
    colors: bool,
    moves: bool,
    cuts_out: bool,
    /// How far a row lies below another, `[1, 1, height, height]`.
    below: Tensor<4>,
    /// How far a column lies to the right of another, which is the first index, `[1, 1, width, width]`.
    beside: Tensor<4>,
    /// The numbers of the rows, `[1, 1, height, 1]`, and of the columns, `[1, 1, 1, width]`.
    rows: Tensor<4>,
    cols: Tensor<4>,
}

impl Augment {
    /// Of lanes of one group, whose tensors last; `None` if images are not changed.
    pub(super) fn new(configs: &[&Config], image: ImageShape, device: &Device) -> Option<Self> {
        let config = configs.first().filter(|config| config.augment.exists())?;
        let (height, width) = (image.height as usize, image.width as usize);
        let grid = |shape: [usize; 2], value: fn(f32, f32) -> f32| {
            let places = (0..shape[0]).flat_map(|i| (0..shape[1]).map(move |j| (i as f32, j as f32)));
            let values: Vec<f32> = places.map(|(i, j)| value(i, j)).collect();
            Tensor::<1>::from_data(values.as_slice(), device).reshape([1, 1, shape[0], shape[1]])
        };
        Some(Self {
            image,
            grey: grey(config.data.pixels),
            colors: config.augment.color > 0.0,
            moves: config.augment.translation > 0.0,
            cuts_out: config.augment.cutout > 0.0,
            below: grid([height, height], |to, from| to - from),
            beside: grid([width, width], |from, to| to - from),
            rows: grid([height, 1], |row, _| row),
            cols: grid([1, width], |_, col| col),
        })
    }

    /// The images `[lanes, batch, size]` changed as `drawn`, `[lanes, batch, NUMBERS]`, says.
    pub(super) fn apply(&self, images: Tensor<3>, drawn: &Tensor<3>) -> Tensor<3> {
        let shape @ [lanes, batch, _] = images.dims();
        let ImageShape { channels, height, width } = self.image;
        let count = lanes * batch;
        let number = |index| -> Tensor<4> { drawn.clone().narrow(2, index, 1).reshape([count, 1, 1, 1]) };
        let mut images = images.reshape([count, channels as usize, height as usize, width as usize]);
        if self.colors {
            images = change_colors(images + number(0), number(1), number(2));
        }
        let (below, beside) = (number(3), number(4));
        let mut kept = None;
        if self.moves {
            images = self.moved(images, &below, &beside);
            let rows = between(&self.rows, below.clone(), below + height as f32);
            let cols = between(&self.cols, beside.clone(), beside + width as f32);
            kept = Some(rows * cols);
        }
        if self.cuts_out {
            let rows = between(&self.rows, number(5), number(6));
            let cols = between(&self.cols, number(7), number(8));
            let rest = (rows * cols).neg() + 1.0;
            kept = Some(match kept {
                Some(kept) => kept * rest,
                None => rest,
            });
        }
        if let Some(kept) = kept {
            images = images * kept.clone() + (kept.neg() + 1.0) * self.grey;
        }
        images.reshape(shape)
    }

    /// Images that are moved down and to the right, with zeros where nothing is.
    fn moved(&self, images: Tensor<4>, down: &Tensor<4>, right: &Tensor<4>) -> Tensor<4> {
        let [count, channels, height, width] = images.dims();
        let is_at = |distances: &Tensor<4>, moved: &Tensor<4>, side: usize| {
            let shape = [count, channels, side, side];
            (distances.clone() - moved.clone()).equal_elem(0.0).float().expand(shape)
        };
        let rows = is_at(&self.below, down, height);
        let cols = is_at(&self.beside, right, width);
        rows.matmul(images).matmul(cols)
    }
}

/// Enlarges the differences of a pixel's channels from their mean, and then all differences from the image's mean.
fn change_colors(images: Tensor<4>, saturation: Tensor<4>, contrast: Tensor<4>) -> Tensor<4> {
    let [count, channels, ..] = images.dims();
    let images = if channels > 1 {
        let differences = images.clone() - images.clone().mean_dim(1);
        images + differences * saturation
    } else {
        images
    };
    let numbers = images.dims().iter().product::<usize>() / count;
    let mean = images.clone().reshape([count, numbers]).mean_dim(1).reshape([count, 1, 1, 1]);
    images.clone() + (images - mean) * contrast
}

/// One for each place from `start` to before `end`, else zero.
fn between(places: &Tensor<4>, start: Tensor<4>, end: Tensor<4>) -> Tensor<4> {
    let after = (places.clone() - start).greater_equal_elem(0.0).float();
    after * (places.clone() - end).lower_elem(0.0).float()
}

/// Writes the changes of images, each as [`NUMBERS`] numbers.
pub(super) fn write(changes: impl Iterator<Item = Augmentation>, out: &mut [f32]) {
    for (change, out) in changes.zip(out.chunks_exact_mut(NUMBERS)) {
        let Augmentation { brightness, saturation, contrast, moved, cut_out: [rows, cols] } = change;
        let [down, right] = moved.map(|by| by as f32);
        let [top, bottom, left, end] = [rows.start, rows.end, cols.start, cols.end].map(|place| place as f32);
        out.copy_from_slice(&[brightness, saturation, contrast, down, right, top, bottom, left, end]);
    }
}
