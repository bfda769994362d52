//! Convolutions over feature maps, `[channels, height, width]`, with square kernels and zero padding.

use gansweep_config::Window;

use super::describe::{feature_map, volume, with_bias};
use super::{Describe, Init, TensorSpec};

/// `nn.Conv2d`. Its weight is `[outputs, inputs, kernel, kernel]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Conv2d {
    /// Channels of the output.
    pub outputs: usize,
    /// Its kernel.
    pub window: Window,
    /// Whether it has a bias.
    pub bias: bool,
}

impl Describe for Conv2d {
    fn name(&self, _: &[usize]) -> &'static str {
        "Conv2d"
    }

    fn output(&self, input: &[usize]) -> Result<Vec<usize>, String> {
        let [_, height, width] = feature_map(input)?;
        let too_small = || format!("a feature map of at least {} pixels a side, padded", self.window.kernel);
        let sides = [height, width].map(|side| self.window.positions(side).ok_or_else(too_small));
        let [height, width] = sides;
        Ok(vec![self.outputs, height?, width?])
    }

    fn parameters(&self, input: &[usize]) -> Vec<TensorSpec> {
        let (inputs, kernel) = (input.first().copied().unwrap_or(0), self.window.kernel);
        let init = Init::Uniform { fan_in: inputs.saturating_mul(self.window.taps()) };
        let weight = TensorSpec::new("weight", &[self.outputs, inputs, kernel, kernel], init);
        with_bias(weight, self.bias.then_some(self.outputs))
    }

    /// Products with the padding are counted, as is usual.
    fn multiply_adds(&self, input: &[usize]) -> u64 {
        let pixels = self.output(input).map_or(0, |output| volume(&output));
        let of_one = input.first().copied().unwrap_or(0).saturating_mul(self.window.taps());
        pixels.saturating_mul(of_one) as u64
    }
}

/// `nn.ConvTranspose2d`: the input gradient of a [`Conv2d`] with the same window. Its weight is
/// `[inputs, outputs, kernel, kernel]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ConvTranspose2d {
    /// Channels of the output.
    pub outputs: usize,
    /// Its kernel.
    pub window: Window,
    /// Rows and columns of the output beyond those that the window gives; less than the stride.
    pub output_padding: usize,
    /// Whether it has a bias.
    pub bias: bool,
}

impl Describe for ConvTranspose2d {
    fn name(&self, _: &[usize]) -> &'static str {
        "ConvTranspose2d"
    }

    fn output(&self, input: &[usize]) -> Result<Vec<usize>, String> {
        let [_, height, width] = feature_map(input)?;
        let too_small = || format!("a feature map with more than a padding of {}", self.window.padding);
        let spread = |side| self.window.spread(side, self.output_padding).ok_or_else(too_small);
        let [height, width] = [height, width].map(spread);
        Ok(vec![self.outputs, height?, width?])
    }

    /// PyTorch takes the second axis of the weight for the fan-in, which here is that of the outputs.
    fn parameters(&self, input: &[usize]) -> Vec<TensorSpec> {
        let (inputs, kernel) = (input.first().copied().unwrap_or(0), self.window.kernel);
        let init = Init::Uniform { fan_in: self.outputs.saturating_mul(self.window.taps()) };
        let weight = TensorSpec::new("weight", &[inputs, self.outputs, kernel, kernel], init);
        with_bias(weight, self.bias.then_some(self.outputs))
    }

    /// Products with the padding are counted, as is usual.
    fn multiply_adds(&self, input: &[usize]) -> u64 {
        volume(input).saturating_mul(self.outputs).saturating_mul(self.window.taps()) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW: Window = Window { kernel: 4, stride: 2, padding: 1 };

    fn conv(outputs: usize) -> Conv2d {
        Conv2d { outputs, window: WINDOW, bias: true }
    }

    fn transpose(outputs: usize, window: Window) -> ConvTranspose2d {
        ConvTranspose2d { outputs, window, output_padding: 0, bias: true }
    }

    #[test]
    fn a_stride_of_two_halves_the_sides_and_its_transpose_doubles_them() {
        let conv = conv(64);
        assert_eq!(conv.output(&[3, 28, 32]), Ok(vec![64, 14, 16]));
        assert_eq!(conv.multiply_adds(&[3, 28, 32]), 64 * 14 * 16 * 3 * 16);
        let transpose = transpose(3, WINDOW);
        assert_eq!(transpose.output(&[64, 14, 16]), Ok(vec![3, 28, 32]));
        assert_eq!(transpose.multiply_adds(&[64, 14, 16]), 64 * 14 * 16 * 3 * 16);
    }

    #[test]
    fn weights_have_the_shapes_and_bounds_of_pytorch() {
        let of = |layer: &dyn Describe| {
            let parameters = layer.parameters(&[3, 28, 28]);
            parameters.into_iter().map(|it| (it.name, it.shape, it.init)).collect::<Vec<_>>()
        };
        let init = Init::Uniform { fan_in: 3 * 16 };
        let (weight, bias) = ("weight".to_owned(), "bias".to_owned());
        assert_eq!(of(&conv(8)), [(weight.clone(), vec![8, 3, 4, 4], init), (bias.clone(), vec![8], init)]);
        // `nn.ConvTranspose2d(3, 8, 4).weight.abs().max()` is 1 / sqrt(8 * 16).
        let init = Init::Uniform { fan_in: 8 * 16 };
        assert_eq!(of(&transpose(8, WINDOW)), [(weight, vec![3, 8, 4, 4], init), (bias, vec![8], init)]);
    }

    #[test]
    fn a_layer_without_a_bias_has_its_weight_alone() {
        let biased = (conv(8), transpose(8, WINDOW));
        let unbiased = (Conv2d { bias: false, ..biased.0 }, ConvTranspose2d { bias: false, ..biased.1 });
        let layers: [[&dyn Describe; 2]; 2] = [[&biased.0, &unbiased.0], [&biased.1, &unbiased.1]];
        for [biased, unbiased] in layers.map(|both| both.map(|layer| layer.parameters(&[3, 28, 28]))) {
            assert_eq!((biased.len(), unbiased.len()), (2, 1));
            assert_eq!(unbiased[0], biased[0]);
        }
    }

    #[test]
    fn an_output_padding_enlarges_both_sides_at_no_cost() {
        let window = Window { kernel: 3, stride: 2, padding: 1 };
        let transpose = transpose(8, window);
        let padded = ConvTranspose2d { output_padding: 1, ..transpose };
        assert_eq!(transpose.output(&[3, 7, 9]), Ok(vec![8, 13, 17]));
        assert_eq!(padded.output(&[3, 7, 9]), Ok(vec![8, 14, 18]));
        assert_eq!(padded.multiply_adds(&[3, 7, 9]), transpose.multiply_adds(&[3, 7, 9]));
    }

    #[test]
    fn a_map_without_room_for_the_kernel_is_refused() {
        let conv = conv(8);
        assert!(conv.output(&[3, 1, 8]).unwrap_err().contains("at least 4 pixels"));
        assert!(conv.output(&[8]).unwrap_err().contains("channels x height x width"));
        let narrow = Window { kernel: 2, stride: 1, padding: 1 };
        assert!(transpose(8, narrow).output(&[3, 1, 1]).is_err());
        assert_eq!(transpose(8, narrow).output(&[3, 2, 2]), Ok(vec![8, 1, 1]));
    }
}
