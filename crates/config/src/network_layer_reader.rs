//! Reading the layers of a network: each is a name, a table such as `{ conv = 64, kernel = 4 }`, or the same as a text,
//! `"conv 64 kernel 4"`.

use std::ops::Range;

use gansweep_base::spelling;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::SmoothActivation;
use crate::network_layer::{BIAS, NetworkLayer, OUTPUT_PADDING, PADDING, RATE, SLOPE, STRIDE, Window};

/// The most layers of a network.
pub(crate) const MAX_LAYERS: usize = 64;
/// The most features, channels, or pixels along a side.
const MAX_COUNT: u64 = 65_536;
/// The most pixels of a kernel, stride or padding.
const MAX_WINDOW: u64 = 32;
/// The largest factor of an `upsample`, an `avg-pool` or a `sum-pool`.
const MAX_FACTOR: u64 = 16;

const NAMES: [&str; 23] = [
    "linear",
    "conv",
    "conv-transpose",
    "upsample",
    "avg-pool",
    "sum-pool",
    "residual",
    "shortcut",
    "attention",
    "scale",
    "batch-norm",
    "layer-norm",
    "instance-norm",
    "relu",
    "leaky-relu",
    "silu",
    "gelu",
    "elu",
    "tanh",
    "sigmoid",
    "dropout",
    "reshape",
    "flatten",
];

/// Why an item of a list is no layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LayerFault {
    /// Of the item, or the part of it that is at fault.
    pub(crate) at: Range<usize>,
    pub(crate) problem: String,
    pub(crate) expected: String,
    pub(crate) nearest: Option<String>,
}

/// Reads a list of layers.
///
/// # Errors
///
/// Every item that is no layer.
pub(crate) fn read(items: &[Spanned<DeValue<'_>>]) -> Result<Vec<NetworkLayer>, Vec<LayerFault>> {
    let (mut layers, mut faults) = (Vec::new(), Vec::new());
    for (index, item) in items.iter().enumerate() {
        match read_item(item) {
            Ok(layer) => layers.push(layer),
            Err(Refusal { problem, expected, nearest }) => {
                let problem = format!("layer {index}: {problem}");
                faults.push(LayerFault { at: item.span(), problem, expected, nearest });
            }
        }
    }
    if faults.is_empty() { Ok(layers) } else { Err(faults) }
}

/// Reads the text of a layer.
pub(crate) fn parse(text: &str) -> Result<NetworkLayer, Refusal> {
    let mut words = text.split_whitespace();
    let name = words.next().unwrap_or_default().to_owned();
    let mut written = Written { name, main: None, settings: Vec::new() };
    let mut words = words.peekable();
    if words.peek().is_some_and(|word| word.starts_with(|c: char| c.is_ascii_digit() || "+-.".contains(c))) {
        written.main = words.next().map(Argument::of_word);
    }
    while let Some(setting) = words.next() {
        let value = words.next().map_or(Argument::Other("nothing".to_owned()), Argument::of_word);
        written.settings.push((setting.to_owned(), value));
    }
    written.layer()
}

fn read_item(item: &Spanned<DeValue<'_>>) -> Result<NetworkLayer, Refusal> {
    match item.get_ref() {
        DeValue::String(text) => parse(text),
        DeValue::Table(table) => Written::of_table(table)?.layer(),
        other => Err(Refusal {
            problem: format!("found {}", other.type_str()),
            expected: "a layer such as `\"relu\"` or `{ linear = 256 }`".to_owned(),
            nearest: None,
        }),
    }
}

/// Why something is no layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    problem: String,
    expected: String,
    nearest: Option<String>,
}

/// A layer as it is written, in either notation.
struct Written {
    name: String,
    /// The value of the name: `64` in `conv 64` and `{ conv = 64 }`.
    main: Option<Argument>,
    settings: Vec<(String, Argument)>,
}

#[derive(Debug, Clone, PartialEq)]
enum Argument {
    Boolean(bool),
    Integer(u64),
    Number(f64),
    Integers(Vec<u64>),
    /// Anything else, as it was written.
    Other(String),
}

impl Argument {
    fn of_word(word: &str) -> Self {
        let sides: Option<Vec<u64>> = word.split('x').map(|side| side.parse().ok()).collect();
        if let Ok(boolean) = word.parse() {
            return Self::Boolean(boolean);
        }
        match (word.parse(), sides, word.parse::<f64>()) {
            (Ok(integer), _, _) => Self::Integer(integer),
            (_, Some(sides), _) => Self::Integers(sides),
            (_, _, Ok(number)) => Self::Number(number),
            _ => Self::Other(word.to_owned()),
        }
    }

    fn of_toml(toml: &DeValue<'_>) -> Self {
        let integer = |toml: &DeValue<'_>| match toml {
            DeValue::Integer(integer) => u64::from_str_radix(integer.as_str(), integer.radix()).ok(),
            _ => None,
        };
        match toml {
            DeValue::Boolean(boolean) => Self::Boolean(*boolean),
            DeValue::Integer(written) => {
                integer(toml).map_or(Self::Other(written.as_str().to_owned()), Self::Integer)
            }
            DeValue::Float(float) => match float.as_str().parse() {
                Ok(number) => Self::Number(number),
                Err(_) => Self::Other(float.as_str().to_owned()),
            },
            DeValue::Array(items) => {
                let integers: Option<_> = items.iter().map(|item| integer(item.get_ref())).collect();
                integers.map_or(Self::Other("a list".to_owned()), Self::Integers)
            }
            DeValue::String(text) => Self::Other(format!("\"{text}\"")),
            other => Self::Other(other.type_str().to_owned()),
        }
    }

    fn shown(&self) -> String {
        match self {
            Self::Boolean(boolean) => boolean.to_string(),
            Self::Integer(integer) => integer.to_string(),
            Self::Number(number) => number.to_string(),
            Self::Integers(integers) => format!("{integers:?}"),
            Self::Other(text) => text.clone(),
        }
    }
}

impl Written {
    /// The key with a layer's name is the layer; the others are its settings.
    fn of_table(table: &DeTable<'_>) -> Result<Self, Refusal> {
        let mut keys: Vec<_> = table.iter().collect();
        // The parser sorts keys by name; a misspelt layer is the one that is written first.
        keys.sort_by_key(|(key, _)| key.span().start);
        let place = keys.iter().position(|(key, _)| NAMES.contains(&&**key.get_ref()));
        let Some((key, value)) = (!keys.is_empty()).then(|| keys.remove(place.unwrap_or(0))) else {
            return Err(unknown(""));
        };
        Ok(Self {
            name: key.get_ref().to_string(),
            main: Some(Argument::of_toml(value.get_ref())),
            settings: keys
                .into_iter()
                .map(|(key, value)| (key.get_ref().to_string(), Argument::of_toml(value.get_ref())))
                .collect(),
        })
    }

    fn layer(&self) -> Result<NetworkLayer, Refusal> {
        // Before the values: `kernal = 4` is a misspelt kernel, not a missing one.
        self.check_settings()?;
        Ok(match self.name.as_str() {
            "linear" => NetworkLayer::Linear { outputs: self.count(1, MAX_COUNT)?, bias: self.bias()? },
            "conv" => {
                let (outputs, window) = (self.count(1, MAX_COUNT)?, self.window()?);
                NetworkLayer::Conv { outputs, window, bias: self.bias()? }
            }
            "conv-transpose" => {
                let (outputs, window) = (self.count(1, MAX_COUNT)?, self.window()?);
                let output_padding = self.output_padding(window.stride)?;
                NetworkLayer::ConvTranspose { outputs, window, output_padding, bias: self.bias()? }
            }
            "upsample" => NetworkLayer::Upsample(self.count(2, MAX_FACTOR)?),
            "avg-pool" => NetworkLayer::AveragePool(self.count(2, MAX_FACTOR)?),
            "sum-pool" => NetworkLayer::SumPool(self.count(2, MAX_FACTOR)?),
            "residual" => NetworkLayer::Residual(self.count(1, MAX_LAYERS as u64 - 1)?),
            "shortcut" => NetworkLayer::Shortcut(self.count(1, MAX_LAYERS as u64 - 1)?),
            "attention" => NetworkLayer::Attention(self.count(1, MAX_COUNT)?),
            "scale" => self.bare(NetworkLayer::Scale)?,
            "batch-norm" => self.bare(NetworkLayer::BatchNorm)?,
            "layer-norm" => self.bare(NetworkLayer::LayerNorm)?,
            "instance-norm" => self.bare(NetworkLayer::InstanceNorm)?,
            "relu" => self.bare(NetworkLayer::LeakyRelu(0.0))?,
            "tanh" => self.bare(NetworkLayer::Tanh)?,
            "sigmoid" => self.bare(NetworkLayer::Sigmoid)?,
            "flatten" => self.bare(NetworkLayer::Flatten)?,
            "leaky-relu" => NetworkLayer::LeakyRelu(self.number(SLOPE, 0.0)?),
            "dropout" => NetworkLayer::Dropout(self.number(RATE, f64::MIN_POSITIVE)?),
            "reshape" => NetworkLayer::Reshape(self.shape()?),
            name => match SmoothActivation::named(name) {
                Some(activation) => self.bare(NetworkLayer::Smooth(activation))?,
                None => return Err(unknown(name)),
            },
        })
    }

    fn check_settings(&self) -> Result<(), Refusal> {
        let settings: &[&str] = match self.name.as_str() {
            "linear" => &["bias"],
            "conv" => &["kernel", "stride", "padding", "bias"],
            "conv-transpose" => &["kernel", "stride", "padding", "output_padding", "bias"],
            name if NAMES.contains(&name) => &[],
            // The name is at fault, whose settings are unknown.
            _ => return Ok(()),
        };
        let mut names = self.settings.iter().map(|(name, _)| name.as_str());
        let Some(wrong) = names.find(|name| !settings.contains(name)) else { return Ok(()) };
        let name = &self.name;
        // PyTorch's `kernel_size`.
        let longer =
            || settings.iter().find(|setting| wrong.starts_with(**setting)).map(|&name| name.to_owned());
        Err(Refusal {
            problem: format!("`{name}` has no setting `{wrong}`"),
            expected: match settings {
                [] => format!("`{name}` without settings"),
                settings => format!("`{}`", settings.join("`, `")),
            },
            nearest: spelling::nearest(wrong, settings.iter().copied()).or_else(longer),
        })
    }

    fn refuse<T>(&self, setting: &str, found: Option<&Argument>, expected: &str) -> Result<T, Refusal> {
        let problem = match found {
            None if setting == self.name => format!("`{setting}` has no value"),
            None => format!("`{}` has no `{setting}`", self.name),
            Some(found) if setting == self.name => format!("found `{setting} = {}`", found.shown()),
            Some(found) => format!("found `{setting} = {}` of `{}`", found.shown(), self.name),
        };
        Err(Refusal { problem, expected: expected.to_owned(), nearest: None })
    }

    /// The main value as an integer between two bounds.
    fn count(&self, low: u64, high: u64) -> Result<u32, Refusal> {
        match self.main {
            Some(Argument::Integer(count)) if (low..=high).contains(&count) => Ok(count as u32),
            ref found => self.refuse(
                &self.name,
                found.as_ref(),
                &format!("`{} = N`, an integer from {low} to {high}", self.name),
            ),
        }
    }

    /// The main value as a number from `low` to below 1; the default if there is none.
    fn number(&self, default: f64, low: f64) -> Result<f64, Refusal> {
        let number = match self.main {
            None | Some(Argument::Boolean(_) | Argument::Integers(_) | Argument::Other(_)) => None,
            Some(Argument::Integer(integer)) => Some(integer as f64),
            Some(Argument::Number(number)) => Some(number),
        };
        match (number, &self.main) {
            // Adding 0.0 turns -0.0 into 0.0.
            (Some(number), _) if number >= low && number < 1.0 => Ok(number + 0.0),
            (_, None) => Ok(default),
            (_, found) => {
                let from = if low == 0.0 { "from 0 to below 1" } else { "above 0 and below 1" };
                self.refuse(&self.name, found.as_ref(), &format!("a number {from}, or \"{}\"", self.name))
            }
        }
    }

    /// The main value as channels, height and width.
    fn shape(&self) -> Result<[u32; 3], Refusal> {
        let sides = match &self.main {
            Some(Argument::Integers(sides)) => <[u64; 3]>::try_from(sides.as_slice()).ok(),
            _ => None,
        };
        match sides.filter(|sides| sides.iter().all(|side| (1..=MAX_COUNT).contains(side))) {
            Some(sides) => Ok(sides.map(|side| side as u32)),
            None => self.refuse(
                "reshape",
                self.main.as_ref(),
                &format!("`reshape = [CHANNELS, HEIGHT, WIDTH]`, each from 1 to {MAX_COUNT}"),
            ),
        }
    }

    /// A layer that has no value.
    fn bare(&self, layer: NetworkLayer) -> Result<NetworkLayer, Refusal> {
        match &self.main {
            None => Ok(layer),
            found => self.refuse(&self.name, found.as_ref(), &format!("\"{}\" alone", self.name)),
        }
    }

    fn window(&self) -> Result<Window, Refusal> {
        Ok(Window {
            kernel: self.pixels("kernel", None, 1)?,
            stride: self.pixels("stride", Some(STRIDE), 1)?,
            padding: self.pixels("padding", Some(PADDING), 0)?,
        })
    }

    /// A setting that is a number of pixels.
    fn pixels(&self, name: &str, default: Option<usize>, low: u64) -> Result<usize, Refusal> {
        match (self.setting(name), default) {
            (Some(Argument::Integer(value)), _) if (low..=MAX_WINDOW).contains(value) => Ok(*value as usize),
            (None, Some(default)) => Ok(default),
            (found, _) => {
                self.refuse(name, found, &format!("`{name} = N`, an integer from {low} to {MAX_WINDOW}"))
            }
        }
    }

    fn output_padding(&self, stride: usize) -> Result<usize, Refusal> {
        let name = "output_padding";
        match self.pixels(name, Some(OUTPUT_PADDING), 0)? {
            // As in PyTorch: with more, the kernel would have more positions in the output than the input has pixels.
            padding if padding < stride => Ok(padding),
            _ => {
                let expected = format!("`{name} = N`, an integer below the stride, which is {stride}");
                self.refuse(name, self.setting(name), &expected)
            }
        }
    }

    fn bias(&self) -> Result<bool, Refusal> {
        match self.setting("bias") {
            None => Ok(BIAS),
            Some(Argument::Boolean(bias)) => Ok(*bias),
            found => self.refuse("bias", found, "`bias = true` or `bias = false`"),
        }
    }

    fn setting(&self, name: &str) -> Option<&Argument> {
        self.settings.iter().find(|(setting, _)| setting == name).map(|(_, value)| value)
    }
}

fn unknown(name: &str) -> Refusal {
    Refusal {
        problem: format!("no layer is called `{name}`"),
        expected: format!("one of `{}`", NAMES.join("`, `")),
        nearest: of_pytorch(name)
            .map(str::to_owned)
            .or_else(|| spelling::nearest(&name.to_lowercase().replace('_', "-"), NAMES)),
    }
}

/// The layer that PyTorch calls so.
fn of_pytorch(name: &str) -> Option<&'static str> {
    let class = name.split('(').next().unwrap_or_default();
    Some(match class.to_lowercase().as_str() {
        "conv2d" => "conv",
        "convtranspose2d" => "conv-transpose",
        "unflatten" | "view" => "reshape",
        "batchnorm1d" | "batchnorm2d" => "batch-norm",
        "avgpool2d" | "maxpool2d" | "downsample" => "avg-pool",
        "instancenorm2d" => "instance-norm",
        "leakyrelu" => "leaky-relu",
        "swish" => "silu",
        "add" | "skip" | "resblock" => "residual",
        "selfattention" | "self-attention" | "self_attn" | "multiheadattention" | "nonlocal" => "attention",
        "gamma" | "layerscale" => "scale",
        _ => return None,
    })
}

impl<'d> Deserialize<'d> for NetworkLayer {
    fn deserialize<D: Deserializer<'d>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        parse(&text).map_err(|_| D::Error::custom(format!("{text:?} is no layer")))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn list(toml: &str) -> Result<Vec<String>, Vec<LayerFault>> {
        let value = DeValue::parse(toml).unwrap();
        let layers = read(value.get_ref().as_array().unwrap())?;
        Ok(layers.iter().map(ToString::to_string).collect())
    }

    fn fault(item: &str) -> (String, String, Option<String>) {
        let faults = list(&format!("['relu', {item}]")).unwrap_err();
        assert_eq!((faults.len(), faults[0].at.start), (1, 9), "{item}");
        let LayerFault { problem, expected, nearest, .. } = faults.into_iter().next().unwrap();
        (problem, expected, nearest)
    }

    #[test]
    fn tables_and_texts_are_the_same_layers() {
        let tables = "[{ linear = 6272 }, { reshape = [128, 7, 7] }, 'batch-norm', 'relu', \
                      { conv-transpose = 64, kernel = 4, stride = 2, padding = 1 }, { leaky-relu = 0.2 }, \
                      { upsample = 2 }, { dropout = 0.3 }, { kernel = 3, conv = 1 }, 'flatten']";
        let texts = "['linear 6272', 'reshape 128x7x7', 'batch-norm', 'relu', \
                     'conv-transpose 64 kernel 4 stride 2 padding 1', 'leaky-relu 0.2', \
                     'upsample 2', 'dropout 0.3', 'conv 1 kernel 3', 'flatten']";
        let layers = list(tables).unwrap();
        assert_eq!(layers, list(texts).unwrap());
        assert_eq!(layers[4], "conv-transpose 64 kernel 4 stride 2 padding 1");
    }

    #[test]
    fn a_default_that_is_spelled_out_is_the_same_layer() {
        let pairs = [
            ("{ conv = 8, kernel = 3, stride = 1, padding = 0 }", "'conv 8 kernel 3'"),
            ("{ leaky-relu = 0.01 }", "'leaky-relu'"),
            ("{ leaky-relu = 0 }", "'relu'"),
            ("{ leaky-relu = -0.0 }", "'relu'"),
            ("{ dropout = 0.5 }", "'dropout'"),
            ("'conv 8 padding 0 kernel 3'", "'conv 8 kernel 3'"),
            ("{ linear = 8, bias = true }", "'linear 8'"),
            (
                "{ conv-transpose = 8, kernel = 3, output_padding = 0, bias = false }",
                "'conv-transpose 8 bias false kernel 3'",
            ),
        ];
        for (long, short) in pairs {
            assert_eq!(list(&format!("[{long}]")), list(&format!("[{short}]")), "{long}");
        }
    }

    #[test]
    fn a_misspelt_layer_is_told_with_the_one_that_was_meant() {
        for (wrong, right) in [
            ("'batchnorm'", "batch-norm"),
            ("'BatchNorm2d'", "batch-norm"),
            ("'leaky_relu'", "leaky-relu"),
            ("{ conv2d = 3, kernel = 3 }", "conv"),
            ("{ kernel = 4, conv_transpose = 8 }", "conv-transpose"),
            ("'Unflatten'", "reshape"),
            ("'LeakyReLU(0.2)'", "leaky-relu"),
            ("'MaxPool2d'", "avg-pool"),
            ("'InstanceNorm2d'", "instance-norm"),
            ("'SiLU'", "silu"),
            ("'Swish'", "silu"),
            ("'GELU()'", "gelu"),
            ("'SelfAttention'", "attention"),
            ("'LayerScale'", "scale"),
        ] {
            let (problem, expected, nearest) = fault(wrong);
            if wrong.starts_with("{ kernel") {
                assert_eq!(problem, "layer 1: no layer is called `kernel`");
                continue;
            }
            assert!(problem.starts_with("layer 1: no layer is called"), "{problem}");
            assert!(expected.contains("`conv-transpose`"), "{expected}");
            assert_eq!(nearest.as_deref(), Some(right), "{wrong}");
        }
    }

    #[test]
    fn a_value_that_a_layer_does_not_take_is_told_with_those_that_it_takes() {
        let cases = [
            ("'linear'", "`linear` has no value", "`linear = N`, an integer from 1 to 65536"),
            ("{ linear = 0 }", "found `linear = 0`", "`linear = N`, an integer from 1 to 65536"),
            ("{ linear = -1 }", "found `linear = -1`", "`linear = N`, an integer from 1 to 65536"),
            ("{ conv = 8 }", "`conv` has no `kernel`", "`kernel = N`, an integer from 1 to 32"),
            (
                "'conv 8 kernel'",
                "found `kernel = nothing` of `conv`",
                "`kernel = N`, an integer from 1 to 32",
            ),
            (
                "{ conv = 8, kernel = 3, stride = 0 }",
                "found `stride = 0` of `conv`",
                "`stride = N`, an integer from 1 to 32",
            ),
            (
                "{ conv = 8, kernel = 3, strid = 2 }",
                "`conv` has no setting `strid`",
                "`kernel`, `stride`, `padding`, `bias`",
            ),
            (
                "{ conv = 8, kernel = 3, bias = 0 }",
                "found `bias = 0` of `conv`",
                "`bias = true` or `bias = false`",
            ),
            ("'linear 8 bias no'", "found `bias = no` of `linear`", "`bias = true` or `bias = false`"),
            ("{ linear = 8, kernel = 3 }", "`linear` has no setting `kernel`", "`bias`"),
            (
                "{ conv = 8, kernel = 3, output_padding = 1 }",
                "`conv` has no setting `output_padding`",
                "`kernel`, `stride`, `padding`, `bias`",
            ),
            (
                "{ conv-transpose = 8, kernel = 3, stride = 2, output_padding = 2 }",
                "found `output_padding = 2` of `conv-transpose`",
                "`output_padding = N`, an integer below the stride, which is 2",
            ),
            ("'relu inplace true'", "`relu` has no setting `inplace`", "`relu` without settings"),
            ("{ relu = true }", "found `relu = true`", "\"relu\" alone"),
            ("{ dropout = 0 }", "found `dropout = 0`", "a number above 0 and below 1, or \"dropout\""),
            (
                "{ leaky-relu = 1.0 }",
                "found `leaky-relu = 1`",
                "a number from 0 to below 1, or \"leaky-relu\"",
            ),
            (
                "{ leaky-relu = nan }",
                "found `leaky-relu = NaN`",
                "a number from 0 to below 1, or \"leaky-relu\"",
            ),
            ("{ upsample = 1 }", "found `upsample = 1`", "`upsample = N`, an integer from 2 to 16"),
            (
                "{ reshape = [7, 7] }",
                "found `reshape = [7, 7]`",
                "`reshape = [CHANNELS, HEIGHT, WIDTH]`, each from 1 to 65536",
            ),
            ("7", "found integer", "a layer such as `\"relu\"` or `{ linear = 256 }`"),
        ];
        for (item, problem, expected) in cases {
            let found = fault(item);
            assert_eq!((found.0.as_str(), found.1.as_str()), (&*format!("layer 1: {problem}"), expected));
        }
    }

    #[test]
    fn a_misspelt_setting_is_told_with_the_one_that_was_meant_and_not_as_a_missing_one() {
        let settings = "`kernel`, `stride`, `padding`, `bias`";
        for (item, wrong, right) in [
            ("{ conv = 8, kernal = 4 }", "kernal", "kernel"),
            ("{ conv = 8, kernel_size = 4 }", "kernel_size", "kernel"),
            ("'conv 8 kernel-size 4'", "kernel-size", "kernel"),
            ("{ conv = 8, kernel = 4, strides = 2 }", "strides", "stride"),
        ] {
            let problem = format!("layer 1: `conv` has no setting `{wrong}`");
            assert_eq!(fault(item), (problem, settings.to_owned(), Some(right.to_owned())));
        }
    }

    #[test]
    fn every_faulty_layer_is_told() {
        let faults = list("['relu', 'tahn', { linear = 'x' }, 'sigmoid', {}]").unwrap_err();
        let problems: Vec<_> = faults.iter().map(|fault| fault.problem.as_str()).collect();
        assert_eq!(
            problems,
            [
                "layer 1: no layer is called `tahn`",
                "layer 2: found `linear = \"x\"`",
                "layer 4: no layer is called ``"
            ]
        );
    }

    proptest! {
        #[test]
        fn any_text_is_a_layer_or_refused(text in "[a-z0-9. x-]{0,40}|\\PC{0,20}") {
            if let Ok(layer) = parse(&text) {
                prop_assert_eq!(parse(&layer.to_string()), Ok(layer));
            }
        }
    }
}
