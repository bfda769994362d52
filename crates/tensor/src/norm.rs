//! Normalisation over the batch and of each image by itself, of rows and of feature maps.

use burn::tensor::Tensor;
use gansweep_nn::network::{BatchNorm, InstanceNorm, Layer, LayerNorm, Node};

/// Batch statistics of a `BatchNorm`, outside of autodiff.
pub(super) struct Moments {
    /// Mean and biased variance of each part of the batch, `[lanes, 1, features]`.
    pub(super) parts: Vec<[Tensor<3>; 2]>,
    /// Numbers of a feature in a part.
    pub(super) count: usize,
}

/// Weight and bias of a `BatchNorm`, in the form that broadcasts over the input with axes for the parts of the batch.
pub(super) struct BatchAffine([Tensor<5>; 2]);

impl BatchAffine {
    /// One weight and bias, each `[lanes, 1, features]`, or of each class, `[lanes, features, classes]`. The classes of the rows
    /// are one-hot, `[lanes, rows, classes]`.
    pub(super) fn new(
        node: &Node,
        affine: [Tensor<3>; 2],
        classes: Option<&Tensor<3>>,
        parts: usize,
    ) -> Self {
        let across = Across::of(node);
        let of_classes = classes.filter(|_| matches!(node.layer, Layer::BatchNorm(norm) if norm.classes > 0));
        Self(affine.map(|numbers| match of_classes {
            Some(classes) => across.of_rows(&numbers, classes, parts),
            None => across.broadcast(numbers),
        }))
    }

    fn apply(self, normal: Tensor<5>) -> Tensor<5> {
        let Self([weight, bias]) = self;
        normal * weight + bias
    }
}

/// What `BatchNorm` computes its statistics across.
#[derive(Debug, Clone, Copy)]
enum Across {
    /// The rows of `[lanes, batch, features]`.
    Rows,
    /// The images and pixels of `[lanes, channels, batch * pixels]`. They are summed one after the other, here and where
    /// autodiff sums what was broadcast: a sum over both at once loses the sixth digit.
    Pixels(usize),
}

impl Across {
    fn of(node: &Node) -> Self {
        match *node.input {
            [_, height, width] => Self::Pixels(height * width),
            _ => Self::Rows,
        }
    }

    /// The input with axes for the parts of the batch and their rows, or images and pixels.
    fn split(self, x: Tensor<3>, parts: usize) -> Tensor<5> {
        let [lanes, rows, columns] = x.dims();
        match self {
            Self::Rows => x.reshape([lanes, parts, rows / parts, columns, 1]),
            Self::Pixels(pixels) => x.reshape([lanes, rows, parts, columns / (parts * pixels), pixels]),
        }
    }

    /// The mean of each feature of each part, of what [`split`](Self::split) gives.
    fn mean(self, x: Tensor<5>) -> Tensor<5> {
        match self {
            Self::Rows => x.mean_dim(2),
            Self::Pixels(_) => x.mean_dim(4).mean_dim(3),
        }
    }

    /// One number a feature, `[lanes, 1, features]`, in the form that broadcasts over [`split`](Self::split).
    fn broadcast(self, numbers: Tensor<3>) -> Tensor<5> {
        let [lanes, _, features] = numbers.dims();
        match self {
            Self::Rows => numbers.reshape([lanes, 1, 1, features, 1]),
            Self::Pixels(_) => numbers.reshape([lanes, features, 1, 1, 1]),
        }
    }

    /// Numbers `[lanes, features, classes]` of the class of each row, in the form that broadcasts over [`split`](Self::split).
    fn of_rows(self, numbers: &Tensor<3>, classes: &Tensor<3>, parts: usize) -> Tensor<5> {
        let [lanes, features, _] = numbers.dims();
        let [_, rows, _] = classes.dims();
        match self {
            Self::Rows => {
                let of_rows = classes.clone().matmul(numbers.clone().swap_dims(1, 2));
                of_rows.reshape([lanes, parts, rows / parts, features, 1])
            }
            Self::Pixels(_) => {
                let of_rows = numbers.clone().matmul(classes.clone().swap_dims(1, 2));
                of_rows.reshape([lanes, features, parts, rows / parts, 1])
            }
        }
    }

    /// The statistics of one part, `[lanes, 1, features]`, of those of all.
    fn part(self, all: &Tensor<5>, part: usize) -> Tensor<3> {
        let [lanes, channels, _, features, _] = all.dims();
        match self {
            Self::Rows => all.clone().narrow(1, part, 1).reshape([lanes, 1, features]),
            Self::Pixels(_) => all.clone().narrow(2, part, 1).reshape([lanes, 1, channels]),
        }
    }
}

/// `BatchNorm` with the statistics of each of `parts` batches, one after the other in the input, which it returns too.
pub(super) fn by_batch(node: &Node, x: Tensor<3>, parts: usize, affine: BatchAffine) -> (Tensor<3>, Moments) {
    let (across, shape) = (Across::of(node), x.dims());
    let x = across.split(x, parts);
    let mean = across.mean(x.clone());
    let count = x.dims().iter().product::<usize>() / mean.dims().iter().product::<usize>();
    let centred = x - mean.clone();
    let variance = across.mean(centred.clone().square());
    let both = [mean, variance.clone()].map(Tensor::without_autodiff);
    let of_part = |part: usize| both.each_ref().map(|all| across.part(all, part));
    let moments = Moments { parts: (0..parts).map(of_part).collect(), count };
    let normal = centred / deviation(variance, BatchNorm::EPS);
    (affine.apply(normal).reshape(shape), moments)
}

/// `BatchNorm` with given mean and variance, each `[lanes, 1, features]`.
pub(super) fn by_running(
    node: &Node,
    x: Tensor<3>,
    statistics: [Tensor<3>; 2],
    affine: BatchAffine,
) -> Tensor<3> {
    let (across, shape) = (Across::of(node), x.dims());
    let [mean, variance] = statistics.map(|numbers| across.broadcast(numbers));
    let normal = (across.split(x, 1) - mean) / deviation(variance, BatchNorm::EPS);
    affine.apply(normal).reshape(shape)
}

/// An input of `LayerNorm` or `InstanceNorm2d` as it is normalised: each image's numbers are on the second and the last axis.
struct ByImage {
    /// `[lanes, channels, images, pixels]`, with one channel for rows.
    centred: Tensor<4>,
    /// `[lanes, 1, images, 1]`, or `[lanes, channels, images, 1]`.
    deviation: Tensor<4>,
}

impl ByImage {
    fn new(node: &Node, x: Tensor<3>) -> Self {
        let x = split_images(node, x);
        let mean = mean_of_image(node, x.clone());
        let centred = x - mean;
        let variance = mean_of_image(node, centred.clone().square());
        let eps = if node.layer == Layer::InstanceNorm { InstanceNorm::EPS } else { LayerNorm::EPS };
        Self { deviation: deviation(variance, eps), centred }
    }
}

/// `LayerNorm`, whose weight and bias have a number for each number of an image, or `InstanceNorm2d`, whose weight and bias have
/// a number for each channel.
pub(super) fn by_image(node: &Node, x: Tensor<3>, affine: [Tensor<3>; 2]) -> Tensor<3> {
    let shape = x.dims();
    let [weight, bias] = affine.map(|numbers| of_each_number(node, numbers));
    let ByImage { centred, deviation } = ByImage::new(node, x);
    (centred / deviation * weight + bias).reshape(shape)
}

/// The derivative of [`by_image`] along `change` at `x`.
pub(super) fn change_by_image(node: &Node, x: Tensor<3>, change: Tensor<3>, weight: Tensor<3>) -> Tensor<3> {
    let shape = x.dims();
    let ByImage { centred, deviation } = ByImage::new(node, x);
    let normal = centred / deviation.clone();
    let change = split_images(node, change);
    let along = mean_of_image(node, normal.clone() * change.clone());
    let change = change.clone() - mean_of_image(node, change) - normal * along;
    (change / deviation * of_each_number(node, weight)).reshape(shape)
}

fn split_images(node: &Node, x: Tensor<3>) -> Tensor<4> {
    let [lanes, rows, columns] = x.dims();
    match *node.input {
        [channels, height, width] => {
            let pixels = height * width;
            x.reshape([lanes, channels, columns / pixels, pixels])
        }
        _ => x.reshape([lanes, 1, rows, columns]),
    }
}

/// Parameters `[lanes, 1, count]` in the form that broadcasts over [`split_images`].
fn of_each_number(node: &Node, numbers: Tensor<3>) -> Tensor<4> {
    let [lanes, _, count] = numbers.dims();
    let channels = if node.input.len() == 3 { node.input[0] } else { 1 };
    numbers.reshape([lanes, channels, 1, count / channels])
}

/// The mean of the numbers of each image that are normalised together.
fn mean_of_image(node: &Node, x: Tensor<4>) -> Tensor<4> {
    let is_over_channels = x.dims()[1] > 1 && node.layer != Layer::InstanceNorm;
    let mean = x.mean_dim(3);
    if is_over_channels { mean.mean_dim(1) } else { mean }
}

fn deviation<const D: usize>(variance: Tensor<D>, eps: f64) -> Tensor<D> {
    (variance + eps).sqrt()
}
