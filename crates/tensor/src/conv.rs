//! Convolutions of all lanes at once, as one batched product of weights and patches.
//!
//! Feature maps are `[lanes, channels, images * pixels]`, so that the product of a lane's weights and its patches is the
//! next feature map as it is.
//!
//! A kernel of `taps * stride` pixels a side that moves by `stride` pixels is a kernel of `taps` blocks that moves by one
//! block, where the `stride * stride` pixels of a block are channels. So a patch has `taps * taps` slices and not
//! `kernel * kernel`: 4 and not 16 for a DCGAN's. A transposed convolution is the same backwards: product, sum of shifted
//! slices, blocks to pixels. A kernel that is no whole number of blocks is filled up with zeros.

use burn::tensor::Tensor;
use gansweep_nn::network::{Conv2d, ConvTranspose2d, Window};

/// Rows `[lanes, images, channels * pixels]` as feature maps.
pub(super) fn to_maps(rows: Tensor<3>, channels: usize) -> Tensor<3> {
    let [lanes, images, numbers] = rows.dims();
    let pixels = numbers / channels;
    let split = rows.reshape([lanes, images, channels, pixels]);
    split.swap_dims(1, 2).reshape([lanes, channels, images * pixels])
}

/// Feature maps of `pixels` pixels as rows `[lanes, images, channels * pixels]`.
pub(super) fn to_rows(maps: Tensor<3>, pixels: usize) -> Tensor<3> {
    let [lanes, channels, numbers] = maps.dims();
    let images = numbers / pixels;
    let split = maps.reshape([lanes, channels, images, pixels]);
    split.swap_dims(1, 2).reshape([lanes, images, channels * pixels])
}

/// Height and width of feature maps.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sides {
    pub(super) height: usize,
    pub(super) width: usize,
}

impl Sides {
    pub(super) const fn pixels(self) -> usize {
        self.height * self.width
    }

    fn map(self, side: impl Fn(usize) -> usize) -> Self {
        Self { height: side(self.height), width: side(self.width) }
    }
}

/// Blocks of a kernel along a side.
const fn taps(window: Window) -> usize {
    window.kernel.div_ceil(window.stride)
}

/// The convolution without its bias of maps with sides `from`. `weight` is `[lanes, 1, numbers]` in PyTorch's order.
pub(super) fn convolve(layer: &Conv2d, maps: Tensor<3>, from: Sides, weight: Tensor<3>) -> Tensor<3> {
    let Conv2d { outputs, window, .. } = *layer;
    let ([lanes, inputs, numbers], taps) = (maps.dims(), taps(window));
    let images = numbers / from.pixels();
    let to = from.map(|side| window.positions(side).unwrap_or(0));
    let blocks = to.map(|side| side + taps - 1);
    let channels = inputs * window.stride * window.stride;
    let maps = maps.reshape([lanes * inputs, images, from.height, from.width]);
    let maps = to_blocks(maps, blocks, window);
    let maps = maps.reshape([lanes * channels, images, blocks.height, blocks.width]);
    let slices = shifts(taps).map(|(down, right)| {
        let slice = maps.clone().narrow(2, down, to.height).narrow(3, right, to.width);
        slice.reshape([lanes, channels, images * to.pixels()])
    });
    let patches = Tensor::cat(slices.collect(), 1);
    let weight = in_blocks(weight, [lanes * outputs, inputs], window);
    weight.reshape([lanes, outputs, taps * taps * channels]).matmul(patches)
}

/// The transposed convolution without its bias of maps with sides `from`. `weight` is `[lanes, 1, numbers]` in PyTorch's
/// order.
pub(super) fn convolve_transposed(
    layer: &ConvTranspose2d,
    maps: Tensor<3>,
    from: Sides,
    weight: Tensor<3>,
) -> Tensor<3> {
    let ConvTranspose2d { outputs, window, output_padding, .. } = *layer;
    let ([lanes, inputs, numbers], taps) = (maps.dims(), taps(window));
    let images = numbers / from.pixels();
    let blocks = from.map(|side| side + taps - 1);
    let channels = outputs * window.stride * window.stride;
    let weight = in_blocks(weight, [lanes * inputs, outputs], window);
    let weight = weight.reshape([lanes, inputs, taps * taps * channels]).swap_dims(1, 2);
    let columns = weight.matmul(maps);
    let shifted = shifts(taps).enumerate().map(|(tap, (down, right))| {
        let own = columns.clone().narrow(1, tap * channels, channels);
        let own = own.reshape([lanes * channels, images, from.height, from.width]);
        padded(own, [(down, taps - 1 - down), (right, taps - 1 - right)])
    });
    let Some(sum) = shifted.reduce(|sum, own| sum + own) else {
        unreachable!("a kernel has at least one block")
    };
    let pixels = from_blocks(sum, [lanes * outputs, images], blocks, window);
    let to = from.map(|side| window.spread(side, output_padding).unwrap_or(0));
    // An output padding may be more than the blocks reach.
    let missing = |side: usize, to: usize| (0, (window.padding + to).saturating_sub(side * window.stride));
    let pixels = padded(pixels, [missing(blocks.height, to.height), missing(blocks.width, to.width)]);
    let cropped = pixels.narrow(2, window.padding, to.height).narrow(3, window.padding, to.width);
    cropped.reshape([lanes, outputs, images * to.pixels()])
}

/// Places of a kernel's blocks, row by row.
fn shifts(taps: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..taps).flat_map(move |down| (0..taps).map(move |right| (down, right)))
}

/// With zeros around the last two axes. They are concatenated, since a GPU cannot record the gradient of Burn's own padding.
fn padded<const D: usize>(tensor: Tensor<D>, padding: [(usize, usize); 2]) -> Tensor<D> {
    padding.into_iter().zip(D - 2..).fold(tensor, |tensor, ((before, after), axis)| {
        let zeros = |count: usize| {
            let mut shape = tensor.dims();
            shape[axis] = count;
            (count > 0).then(|| Tensor::zeros(shape, &tensor.device()))
        };
        let (before, after) = (zeros(before), zeros(after));
        Tensor::cat(before.into_iter().chain([tensor]).chain(after).collect(), axis)
    })
}

/// Padded maps `[maps, images, height, width]` by blocks: `[maps, stride, stride, images, blocks down, blocks right]`.
fn to_blocks(maps: Tensor<4>, blocks: Sides, window: Window) -> Tensor<6> {
    let Window { stride, padding, .. } = window;
    let [count, images, height, width] = maps.dims();
    let used = blocks.map(|side| side * stride);
    let after = |side: usize, used: usize| (padding, used.saturating_sub(padding + side));
    let maps = padded(maps, [after(height, used.height), after(width, used.width)]);
    // Pixels beyond the last position of the kernel are left out.
    let maps = maps.narrow(2, 0, used.height).narrow(3, 0, used.width);
    let split = maps.reshape([count, images, blocks.height, stride, blocks.width, stride]);
    split.permute([0, 3, 5, 1, 2, 4])
}

/// The inverse of [`to_blocks`] without its padding: `[maps, images, height, width]`.
fn from_blocks(sum: Tensor<4>, [count, images]: [usize; 2], blocks: Sides, window: Window) -> Tensor<4> {
    let stride = window.stride;
    let split = sum.reshape([count, stride, stride, images, blocks.height, blocks.width]);
    let joined = split.permute([0, 3, 4, 1, 5, 2]);
    joined.reshape([count, images, blocks.height * stride, blocks.width * stride])
}

/// Weights `[.., second, kernel, kernel]` in the order of a patch: block by block, and channel by channel within.
fn in_blocks(weight: Tensor<3>, [first, second]: [usize; 2], window: Window) -> Tensor<6> {
    let (Window { kernel, stride, .. }, taps) = (window, taps(window));
    let weight = weight.reshape([first, second, kernel, kernel]);
    let missing = (0, taps * stride - kernel);
    let weight = padded(weight, [missing, missing]);
    weight.reshape([first, second, taps, stride, taps, stride]).permute([0, 2, 4, 1, 3, 5])
}

#[cfg(test)]
mod tests {
    use burn::tensor::module::{conv_transpose2d, conv2d};
    use burn::tensor::ops::{ConvOptions, ConvTransposeOptions};
    use burn::tensor::{Device, TensorData};

    use super::super::tests::test_device;
    use super::*;

    const LANES: usize = 3;
    const IMAGES: usize = 2;
    const INPUTS: usize = 3;
    const OUTPUTS: usize = 5;

    /// Numbers without a pattern that a mistake could keep.
    fn noise<const D: usize>(shape: [usize; D], seed: u32, device: &Device) -> Tensor<D> {
        let bits = (0..shape.iter().product::<usize>() as u32).map(|i| gansweep_nn::rng::hash32(seed, 1, i));
        let values: Vec<f32> = bits.map(|bits| (bits as f32 / u32::MAX as f32) - 0.5).collect();
        Tensor::from_data(TensorData::new(values, shape), device)
    }

    fn assert_near(what: &str, found: &[f32], expected: &[f32]) {
        assert_eq!(found.len(), expected.len(), "{what}");
        let far = found.iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(far < 1e-4, "{what}: {far}");
    }

    /// One lane's part of a tensor, flat.
    fn lane_of<const D: usize>(tensor: &Tensor<D>, lane: usize) -> Vec<f32> {
        let values: Vec<f32> = tensor.clone().try_into_vec_as().unwrap();
        values.chunks(values.len() / LANES).nth(lane).unwrap().to_vec()
    }

    type Ours = fn(Tensor<3>, Sides, Tensor<3>, Window) -> Tensor<3>;
    type Theirs = fn(Tensor<4>, Tensor<4>, Window) -> Tensor<4>;

    /// Outputs and gradients of all lanes at once against Burn's convolution of each lane alone.
    fn compare(ours: Ours, theirs: Theirs, weight_shape: [usize; 2], sides: Sides, window: Window) {
        let device = test_device().device;
        let kernel = window.kernel;
        let rows = noise([LANES, IMAGES, INPUTS * sides.pixels()], 1, &device);
        let weight = noise([LANES, 1, OUTPUTS * INPUTS * window.taps()], 2, &device);
        let leaves = [&rows, &weight].map(|it| it.clone().autodiff().require_grad());
        let [x, w] = leaves.clone();
        let maps = ours(to_maps(x, INPUTS), sides, w, window);
        let to_pixels = maps.dims()[2] / IMAGES;
        let output = to_rows(maps, to_pixels);
        let factors = noise(output.dims(), 4, &device);
        let mut gradients = (output.clone() * factors.clone()).sum().backward();
        let output = output.without_autodiff();
        let found = leaves.map(|leaf| leaf.grad_remove(&mut gradients).unwrap());
        for lane in 0..LANES {
            let own = |tensor: &Tensor<3>| tensor.clone().narrow(0, lane, 1);
            let x = own(&rows).reshape([IMAGES, INPUTS, sides.height, sides.width]);
            let w = own(&weight).reshape([weight_shape[0], weight_shape[1], kernel, kernel]);
            let (x, w) = (x.autodiff().require_grad(), w.autodiff().require_grad());
            let expected = theirs(x.clone(), w.clone(), window);
            let shape = expected.dims();
            let mut gradients = (expected.clone() * own(&factors).reshape(shape)).sum().backward();
            let flat = |tensor: Tensor<4>| -> Vec<f32> { tensor.try_into_vec_as().unwrap() };
            assert_near("output", &lane_of(&output, lane), &flat(expected.without_autodiff()));
            let gradient = flat(x.grad_remove(&mut gradients).unwrap());
            assert_near("gradient of the input", &lane_of(&found[0], lane), &gradient);
            let gradient = flat(w.grad_remove(&mut gradients).unwrap());
            assert_near("gradient of the weight", &lane_of(&found[1], lane), &gradient);
        }
    }

    const WINDOWS: [Window; 6] = [
        Window { kernel: 4, stride: 2, padding: 1 },
        Window { kernel: 3, stride: 1, padding: 1 },
        Window { kernel: 1, stride: 1, padding: 0 },
        Window { kernel: 6, stride: 3, padding: 2 },
        // No whole number of blocks.
        Window { kernel: 5, stride: 2, padding: 2 },
        Window { kernel: 2, stride: 3, padding: 0 },
    ];

    #[test]
    fn lanes_convolve_as_burn_convolves_each() {
        for window in WINDOWS {
            let ours: Ours = |x, sides, weight, window| {
                convolve(&Conv2d { outputs: OUTPUTS, window, bias: false }, x, sides, weight)
            };
            let theirs: Theirs = |x, w, Window { stride, padding, .. }| {
                conv2d(x, w, None, ConvOptions::new([stride; 2], [padding; 2], [1; 2], 1))
            };
            compare(ours, theirs, [OUTPUTS, INPUTS], Sides { height: 8, width: 11 }, window);
        }
    }

    #[test]
    fn lanes_convolve_transposed_as_burn_convolves_each() {
        for window in WINDOWS {
            compare_transposed::<0>(window);
            if window.stride > 1 {
                compare_transposed::<1>(window);
            }
        }
    }

    fn compare_transposed<const OUTPUT_PADDING: usize>(window: Window) {
        let ours: Ours = |x, sides, weight, window| {
            let layer =
                ConvTranspose2d { outputs: OUTPUTS, window, output_padding: OUTPUT_PADDING, bias: false };
            convolve_transposed(&layer, x, sides, weight)
        };
        let theirs: Theirs = |x, w, Window { stride, padding, .. }| {
            let options =
                ConvTransposeOptions::new([stride; 2], [padding; 2], [OUTPUT_PADDING; 2], [1; 2], 1);
            conv_transpose2d(x, w, None, options)
        };
        compare(ours, theirs, [INPUTS, OUTPUTS], Sides { height: 4, width: 7 }, window);
    }
}
