//! The layers of a network that an experiment file lists one by one.

use std::fmt;

use serde::{Serialize, Serializer};

use crate::SmoothActivation;

/// PyTorch's default stride.
pub(crate) const STRIDE: usize = 1;
/// PyTorch's default padding.
pub(crate) const PADDING: usize = 0;
/// PyTorch's default output padding.
pub(crate) const OUTPUT_PADDING: usize = 0;
/// Products have a bias by default, as in PyTorch.
pub(crate) const BIAS: bool = true;
/// PyTorch's default slope of a leaky ReLU.
pub(crate) const SLOPE: f64 = 0.01;
/// PyTorch's default rate of a dropout.
pub(crate) const RATE: f64 = 0.5;

/// The most numbers in a row between two layers: 64 MiB.
const MAX_NUMBERS: usize = 1 << 24;
/// The most numbers in a weight: 256 MiB.
const MAX_WEIGHT: usize = 1 << 26;
/// The most pixels of a map that attention relates to each other: 64 MiB of weights for an image.
const MAX_ATTENDED: usize = 1 << 12;

/// One layer of a network, as PyTorch's layer of that name.
///
/// Its text is the layer's name, its main value, and the settings that differ from PyTorch's defaults:
/// `conv 64 kernel 4 stride 2`. Experiment files may have it in place of `{ conv = 64, kernel = 4, stride = 2 }`; ids,
/// databases and labels always have it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum NetworkLayer {
    /// `nn.Linear`.
    Linear {
        /// Numbers of an output row.
        outputs: u32,
        /// Whether it adds a bias.
        bias: bool,
    },
    /// `nn.Conv2d`.
    Conv {
        /// Channels of the output.
        outputs: u32,
        /// Its kernel.
        window: Window,
        /// Whether it adds a bias.
        bias: bool,
    },
    /// `nn.ConvTranspose2d`.
    ConvTranspose {
        /// Channels of the output.
        outputs: u32,
        /// Its kernel.
        window: Window,
        /// Rows and columns of the output beyond those of [`Window::spread`]; less than the stride.
        output_padding: usize,
        /// Whether it adds a bias.
        bias: bool,
    },
    /// `nn.Upsample`: each pixel becomes that many along both sides.
    Upsample(u32),
    /// `nn.AvgPool2d`: each square of that many pixels along both sides becomes one.
    AveragePool(u32),
    /// The same with the sum of the square: `nn.AvgPool2d` with `divisor_override=1`.
    SumPool(u32),
    /// The sum of its input and the input of the layer that many layers before it: a residual block of those layers.
    Residual(u32),
    /// The input of the layer that many layers before it, in place of its own: a shortcut around those layers, with the layers that
    /// follow in it. A residual that starts with this layer adds what it left out.
    Shortcut(u32),
    /// Self-attention over the pixels of a map. Of the input's channels, the first that many are the queries, as many the keys, and the
    /// others the values, which it mixes.
    Attention(u32),
    /// The product with one trained number, which is 0 at first.
    Scale,
    /// `nn.BatchNorm1d` or `nn.BatchNorm2d`.
    BatchNorm,
    /// `nn.LayerNorm` over all numbers of a row.
    LayerNorm,
    /// `nn.InstanceNorm2d` with affine parameters.
    InstanceNorm,
    /// `nn.LeakyReLU` with that slope; `nn.ReLU` where it is 0.
    LeakyRelu(f64),
    /// An activation whose derivative has no jump.
    Smooth(SmoothActivation),
    /// `nn.Tanh`.
    Tanh,
    /// `nn.Sigmoid`.
    Sigmoid,
    /// `nn.Dropout` with that rate.
    Dropout(f64),
    /// `nn.Unflatten` to channels, height and width.
    Reshape([u32; 3]),
    /// `nn.Flatten`.
    Flatten,
}

/// Kernel, stride and padding of a convolution; the same along both sides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Window {
    /// Pixels of the kernel along a side.
    pub kernel: usize,
    /// Input pixels from one position of the kernel to the next; at least 1.
    pub stride: usize,
    /// Rows and columns of zeros around the input.
    pub padding: usize,
}

impl Window {
    /// Positions of the kernel along a side of the input; `None` if it has no room.
    pub fn positions(self, side: usize) -> Option<usize> {
        let room = side.checked_add(2 * self.padding)?.checked_sub(self.kernel)?;
        room.checked_div(self.stride).map(|steps| steps + 1)
    }

    /// The side of an output whose kernel positions are the input's pixels, which leave over `left_over` pixels, fewer than
    /// the stride: the inverse of [`positions`](Self::positions).
    pub fn spread(self, side: usize, left_over: usize) -> Option<usize> {
        let all = side.checked_sub(1)?.checked_mul(self.stride)?.checked_add(self.kernel + left_over)?;
        all.checked_sub(2 * self.padding).filter(|&side| side > 0)
    }

    /// Weights of a kernel for one pair of channels.
    pub const fn taps(self) -> usize {
        self.kernel.saturating_mul(self.kernel)
    }
}

impl NetworkLayer {
    /// Its name in experiment files.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Linear { .. } => "linear",
            Self::Conv { .. } => "conv",
            Self::ConvTranspose { .. } => "conv-transpose",
            Self::Upsample(_) => "upsample",
            Self::AveragePool(_) => "avg-pool",
            Self::SumPool(_) => "sum-pool",
            Self::Residual(_) => "residual",
            Self::Shortcut(_) => "shortcut",
            Self::Attention(_) => "attention",
            Self::Scale => "scale",
            Self::BatchNorm => "batch-norm",
            Self::LayerNorm => "layer-norm",
            Self::InstanceNorm => "instance-norm",
            Self::LeakyRelu(slope) => {
                if *slope == 0.0 {
                    "relu"
                } else {
                    "leaky-relu"
                }
            }
            Self::Smooth(activation) => activation.name(),
            Self::Tanh => "tanh",
            Self::Sigmoid => "sigmoid",
            Self::Dropout(_) => "dropout",
            Self::Reshape(_) => "reshape",
            Self::Flatten => "flatten",
        }
    }

    /// The shape of its output for a row of shape `input`: `[features]`, or `[channels, height, width]`. `inputs` are the shapes
    /// of the inputs of the layers before it, the nearest last.
    ///
    /// # Errors
    ///
    /// Why the layer does not take such a row there.
    pub fn output(&self, inputs: &[Vec<usize>], input: &[usize]) -> Result<Vec<usize>, String> {
        let Some(around) = self.around() else { return self.alone(input) };
        let Some(first) = inputs.len().checked_sub(around as usize) else {
            return Err(format!("there are only {} layers before it", inputs.len()));
        };
        let entered = &inputs[first];
        if matches!(self, Self::Residual(_)) && entered != input {
            let (added, own) = (shown(entered), shown(input));
            return Err(format!(
                "adds the input of layer {first}, {added}, to {own}; both must have one shape"
            ));
        }
        Ok(entered.clone())
    }

    /// How many layers before it the layer is whose input it takes, if it takes one.
    const fn around(&self) -> Option<u32> {
        match *self {
            Self::Residual(around) | Self::Shortcut(around) => Some(around),
            _ => None,
        }
    }

    /// The shape of its output for a row of that shape, where this follows from the layer alone.
    fn alone(&self, input: &[usize]) -> Result<Vec<usize>, String> {
        let wide = |count: u32| count as usize;
        let output = match *self {
            Self::Linear { outputs, .. } => match input {
                [_] => vec![wide(outputs)],
                _ => {
                    return Err(format!("takes a row of numbers, not {}; `flatten` makes one", shown(input)));
                }
            },
            Self::Conv { outputs, window, .. } => {
                let [_, height, width] = feature_map(input)?;
                let sides = [height, width].map(|side| window.positions(side));
                let [Some(height), Some(width)] = sides else {
                    return Err(format!("{} does not fit {height} x {width}", windowed(window)));
                };
                vec![wide(outputs), height, width]
            }
            Self::ConvTranspose { outputs, window, output_padding, .. } => {
                let [_, height, width] = feature_map(input)?;
                let sides = [height, width].map(|side| window.spread(side, output_padding));
                let [Some(height), Some(width)] = sides else {
                    return Err(format!("{} leaves nothing of {height} x {width}", windowed(window)));
                };
                vec![wide(outputs), height, width]
            }
            Self::Upsample(factor) => {
                let [channels, height, width] = feature_map(input)?;
                vec![channels, height.saturating_mul(wide(factor)), width.saturating_mul(wide(factor))]
            }
            Self::AveragePool(factor) | Self::SumPool(factor) => {
                let [channels, height, width] = feature_map(input)?;
                let sides = [height, width].map(|side| side / wide(factor));
                if sides.contains(&0) {
                    return Err(format!("a square of {factor} x {factor} does not fit {height} x {width}"));
                }
                vec![channels, sides[0], sides[1]]
            }
            Self::Reshape(shape) => {
                let shape = shape.map(wide);
                if input.len() != 1 {
                    return Err(format!("takes a row of numbers, not {}; `flatten` makes one", shown(input)));
                }
                if volume(&shape) != volume(input) {
                    let (numbers, found) = (volume(&shape), volume(input));
                    return Err(format!("{} is {numbers} numbers, not {found}", shown(&shape)));
                }
                shape.to_vec()
            }
            Self::Attention(width) => attended(width, feature_map(input)?)?.to_vec(),
            Self::InstanceNorm => {
                let [_, height, width] = feature_map(input)?;
                if height.saturating_mul(width) < 2 {
                    return Err(format!("{} has one pixel a channel, which would become 0", shown(input)));
                }
                input.to_vec()
            }
            Self::Flatten => vec![volume(input)],
            Self::Scale
            | Self::BatchNorm
            | Self::LayerNorm
            | Self::LeakyRelu(_)
            | Self::Smooth(_)
            | Self::Tanh
            | Self::Sigmoid
            | Self::Dropout(_)
            | Self::Residual(_)
            | Self::Shortcut(_) => input.to_vec(),
        };
        if volume(&output) > MAX_NUMBERS {
            return Err(format!("{} is more than {MAX_NUMBERS} numbers", shown(&output)));
        }
        let weight = self.weight(input);
        if weight > MAX_WEIGHT {
            return Err(format!("a weight of {weight} numbers is more than {MAX_WEIGHT}"));
        }
        Ok(output)
    }

    /// Whether it adds a bias, if it is a product.
    const fn bias(&self) -> Option<bool> {
        match *self {
            Self::Linear { bias, .. } | Self::Conv { bias, .. } | Self::ConvTranspose { bias, .. } => {
                Some(bias)
            }
            _ => None,
        }
    }

    /// Numbers in its weight, if it is a product.
    fn weight(&self, input: &[usize]) -> usize {
        let inputs = input.first().copied().unwrap_or(0);
        match *self {
            Self::Linear { outputs, .. } => inputs.saturating_mul(outputs as usize),
            Self::Conv { outputs, window, .. } | Self::ConvTranspose { outputs, window, .. } => {
                inputs.saturating_mul(outputs as usize).saturating_mul(window.taps())
            }
            _ => 0,
        }
    }
}

/// Checks the shapes of a network of these layers, which takes rows of shape `input` and ends with `end` numbers.
///
/// # Errors
///
/// The first mismatch, with the layer's index as in `nn.Sequential`.
pub(crate) fn check(layers: &[NetworkLayer], input: &[usize], end: &[usize]) -> Result<(), String> {
    let (mut inputs, mut shape) = (Vec::new(), input.to_vec());
    for (index, layer) in layers.iter().enumerate() {
        let output = layer.output(&inputs, &shape).and_then(|output| {
            check_shortcut(layers, index)?;
            Ok(output)
        });
        let output = output.map_err(|why| format!("layer {index}, {}: {why}", layer.name()))?;
        inputs.push(std::mem::replace(&mut shape, output));
    }
    let is_row = shape.len() == 1 || volume(end) == 1;
    match volume(&shape) == volume(end) && (is_row || shape == end) {
        true => Ok(()),
        false => Err(format!("the last layer gives {}, not {}", shown(&shape), shown(end))),
    }
}

/// Checks that a later layer takes what a shortcut leaves out.
fn check_shortcut(layers: &[NetworkLayer], index: usize) -> Result<(), String> {
    let is_taken = |(later, layer): (usize, &NetworkLayer)| {
        layer.around().is_some_and(|around| later.checked_sub(around as usize) == Some(index))
    };
    if !matches!(layers[index], NetworkLayer::Shortcut(_)) || layers.iter().enumerate().any(is_taken) {
        return Ok(());
    }
    Err(format!(
        "nothing takes the output of the layer before it; a later layer `residual N` adds it, where N is its place less {index}"
    ))
}

/// Channels, height and width of a feature map.
fn feature_map(input: &[usize]) -> Result<[usize; 3], String> {
    <[usize; 3]>::try_from(input).map_err(|_| {
        format!("takes channels x height x width, not a row of {}; `reshape` makes them", shown(input))
    })
}

/// The shape that attention with that many channels of queries makes of a map.
fn attended(width: u32, [channels, height, sides]: [usize; 3]) -> Result<[usize; 3], String> {
    let (width, pixels) = (width as usize, height.saturating_mul(sides));
    if channels <= 2 * width {
        return Err(format!(
            "takes {width} channels of queries, {width} of keys and at least one of values, not {channels} channels"
        ));
    }
    if pixels > MAX_ATTENDED {
        return Err(format!("{height} x {sides} is {pixels} pixels, more than {MAX_ATTENDED}"));
    }
    Ok([channels - 2 * width, height, sides])
}

fn volume(shape: &[usize]) -> usize {
    shape.iter().copied().fold(1, usize::saturating_mul)
}

/// A shape as `128 x 7 x 7`; a row is its length.
pub(crate) fn shown(shape: &[usize]) -> String {
    shape.iter().map(ToString::to_string).collect::<Vec<_>>().join(" x ")
}

fn windowed(window: Window) -> String {
    match window.padding {
        0 => format!("kernel {}", window.kernel),
        padding => format!("kernel {} with padding {padding}", window.kernel),
    }
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "kernel {}", self.kernel)?;
        if self.stride != STRIDE {
            write!(f, " stride {}", self.stride)?;
        }
        if self.padding != PADDING {
            write!(f, " padding {}", self.padding)?;
        }
        Ok(())
    }
}

impl fmt::Display for NetworkLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())?;
        match self {
            Self::Linear { outputs: count, .. }
            | Self::Upsample(count)
            | Self::AveragePool(count)
            | Self::SumPool(count)
            | Self::Residual(count)
            | Self::Shortcut(count)
            | Self::Attention(count) => write!(f, " {count}"),
            Self::Conv { outputs, window, .. } => write!(f, " {outputs} {window}"),
            Self::ConvTranspose { outputs, window, output_padding, .. } => {
                write!(f, " {outputs} {window}")?;
                match *output_padding {
                    OUTPUT_PADDING => Ok(()),
                    output_padding => write!(f, " output_padding {output_padding}"),
                }
            }
            Self::LeakyRelu(number) if *number == 0.0 || *number == SLOPE => Ok(()),
            Self::Dropout(number) if *number == RATE => Ok(()),
            Self::LeakyRelu(number) | Self::Dropout(number) => write!(f, " {number}"),
            Self::Reshape([channels, height, width]) => write!(f, " {channels}x{height}x{width}"),
            Self::Scale
            | Self::BatchNorm
            | Self::LayerNorm
            | Self::InstanceNorm
            | Self::Smooth(_)
            | Self::Tanh
            | Self::Sigmoid
            | Self::Flatten => Ok(()),
        }?;
        match self.bias() {
            Some(bias) if bias != BIAS => write!(f, " bias {bias}"),
            _ => Ok(()),
        }
    }
}

impl Serialize for NetworkLayer {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::network_layer_reader as reader;

    fn window() -> impl Strategy<Value = Window> {
        (1usize..=8, 1usize..=4, 0usize..=3).prop_map(|(kernel, stride, padding)| Window {
            kernel,
            stride,
            padding,
        })
    }

    /// Any layer, whether it fits anything or not.
    pub(crate) fn any_layer() -> impl Strategy<Value = NetworkLayer> {
        use NetworkLayer::*;
        prop_oneof![
            (1u32..=512, any::<bool>()).prop_map(|(outputs, bias)| Linear { outputs, bias }),
            (1u32..=9, window(), any::<bool>()).prop_map(|(outputs, window, bias)| Conv {
                outputs,
                window,
                bias
            }),
            (1u32..=9, window(), 0usize..4, any::<bool>()).prop_map(|(outputs, window, extra, bias)| {
                ConvTranspose { outputs, window, output_padding: extra % window.stride, bias }
            }),
            (2u32..=16).prop_map(Upsample),
            (2u32..=16).prop_map(AveragePool),
            (2u32..=16).prop_map(SumPool),
            (1u32..=12).prop_map(Residual),
            (1u32..=12).prop_map(Shortcut),
            (1u32..=6).prop_map(Attention),
            prop::sample::select(vec![Scale, BatchNorm, LayerNorm, InstanceNorm, Tanh, Sigmoid, Flatten]),
            prop::sample::select(SmoothActivation::ALL.to_vec()).prop_map(Smooth),
            (0.0..0.9).prop_map(LeakyRelu),
            prop::sample::select(vec![LeakyRelu(0.0), LeakyRelu(0.01), LeakyRelu(1e-7), Dropout(0.5)]),
            (0.01..0.99).prop_map(Dropout),
            prop::array::uniform3(1u32..=16).prop_map(Reshape),
        ]
    }

    proptest! {
        #[test]
        fn a_layer_is_read_back_from_its_text(layer in any_layer()) {
            prop_assert_eq!(reader::parse(&layer.to_string()).ok(), Some(layer));
            let json = serde_json::to_string(&layer).unwrap();
            prop_assert_eq!(serde_json::from_str::<NetworkLayer>(&json).unwrap(), layer);
        }

        #[test]
        fn a_list_is_checked_without_a_panic(
            layers in prop::collection::vec(any_layer(), 0..12),
            input in prop::collection::vec(1usize..40, 1..=3),
        ) {
            let _ = check(&layers, &input, &[1]);
        }
    }

    #[test]
    fn a_mismatch_names_the_layer_and_the_sizes() {
        use NetworkLayer::*;
        let linear = |outputs| Linear { outputs, bias: true };
        let window = |kernel, stride, padding| Window { kernel, stride, padding };
        let transpose = |window| ConvTranspose { outputs: 4, window, output_padding: 0, bias: true };
        let conv = |window| Conv { outputs: 4, window, bias: true };
        let reason = |layers: &[NetworkLayer]| check(layers, &[100], &[1, 28, 28]).unwrap_err();
        assert_eq!(
            reason(&[linear(9), Reshape([1, 3, 3]), conv(window(4, 1, 0))]),
            "layer 2, conv: kernel 4 does not fit 3 x 3"
        );
        assert_eq!(
            reason(&[linear(9), Reshape([1, 3, 3]), transpose(window(2, 1, 2))]),
            "layer 2, conv-transpose: kernel 2 with padding 2 leaves nothing of 3 x 3"
        );
        assert_eq!(
            reason(&[linear(9), Reshape([2, 7, 7])]),
            "layer 1, reshape: 2 x 7 x 7 is 98 numbers, not 9"
        );
        assert_eq!(
            reason(&[linear(9), LeakyRelu(0.0), Upsample(2)]),
            "layer 2, upsample: takes channels x height x width, not a row of 9; `reshape` makes them"
        );
        assert_eq!(
            reason(&[Reshape([1, 10, 10]), linear(784)]),
            "layer 1, linear: takes a row of numbers, not 1 x 10 x 10; `flatten` makes one"
        );
        assert_eq!(
            reason(&[Reshape([1, 10, 10]), AveragePool(4), AveragePool(3)]),
            "layer 2, avg-pool: a square of 3 x 3 does not fit 2 x 2"
        );
        let convolved = |layer| reason(&[Reshape([1, 10, 10]), conv(window(3, 1, 1)), LeakyRelu(0.0), layer]);
        assert_eq!(
            convolved(Residual(2)),
            "layer 3, residual: adds the input of layer 1, 1 x 10 x 10, to 4 x 10 x 10; both must have one shape"
        );
        assert_eq!(convolved(Residual(4)), "layer 3, residual: there are only 3 layers before it");
        assert_eq!(convolved(Shortcut(4)), "layer 3, shortcut: there are only 3 layers before it");
        assert_eq!(
            convolved(Shortcut(2)),
            "layer 3, shortcut: nothing takes the output of the layer before it; a later layer `residual N` adds it, where N is \
             its place less 3"
        );
        assert_eq!(reason(&[linear(783)]), "the last layer gives 783, not 1 x 28 x 28");
        assert_eq!(
            reason(&[linear(784), Reshape([28, 28, 1])]),
            "the last layer gives 28 x 28 x 1, not 1 x 28 x 28"
        );
        assert_eq!(
            reason(&[Reshape([1, 10, 10]), Upsample(16), Upsample(16), Upsample(16)]),
            "layer 3, upsample: 1 x 40960 x 40960 is more than 16777216 numbers"
        );
        assert_eq!(
            reason(&[Reshape([1, 10, 10]), Upsample(16), Flatten, linear(65536)]),
            "layer 3, linear: a weight of 1677721600 numbers is more than 67108864"
        );
        assert_eq!(check(&[linear(1), Reshape([1, 1, 1])], &[100], &[1]), Ok(()));
        assert_eq!(check(&[linear(100), LeakyRelu(0.0), Residual(2), linear(784)], &[100], &[784]), Ok(()));
        let around = [linear(784), LeakyRelu(0.0), Shortcut(2), linear(784), Residual(2)];
        assert_eq!(check(&around, &[100], &[784]), Ok(()));
        assert_eq!(check(&[linear(784)], &[100], &[1, 28, 28]), Ok(()));
        assert_eq!(check(&[linear(784), Reshape([1, 28, 28])], &[100], &[1, 28, 28]), Ok(()));
    }

    #[test]
    fn texts_have_what_differs_from_the_defaults() {
        let text = |layer: NetworkLayer| layer.to_string();
        let window = Window { kernel: 4, stride: 2, padding: 1 };
        let conv = |bias| NetworkLayer::Conv { outputs: 64, window, bias };
        assert_eq!(text(conv(true)), "conv 64 kernel 4 stride 2 padding 1");
        assert_eq!(text(conv(false)), "conv 64 kernel 4 stride 2 padding 1 bias false");
        let transpose = |stride, output_padding, bias| {
            let window = Window { kernel: 3, stride, padding: 0 };
            NetworkLayer::ConvTranspose { outputs: 1, window, output_padding, bias }
        };
        assert_eq!(text(transpose(1, 0, true)), "conv-transpose 1 kernel 3");
        let long = "conv-transpose 1 kernel 3 stride 2 output_padding 1 bias false";
        assert_eq!(text(transpose(2, 1, false)), long);
        assert_eq!(text(NetworkLayer::Linear { outputs: 9, bias: true }), "linear 9");
        assert_eq!(text(NetworkLayer::LeakyRelu(0.2)), "leaky-relu 0.2");
        assert_eq!(text(NetworkLayer::LeakyRelu(0.01)), "leaky-relu");
        assert_eq!(text(NetworkLayer::LeakyRelu(0.0)), "relu");
        assert_eq!(text(NetworkLayer::Dropout(0.5)), "dropout");
        assert_eq!(text(NetworkLayer::Reshape([128, 7, 7])), "reshape 128x7x7");
    }
}
