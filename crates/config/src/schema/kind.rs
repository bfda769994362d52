//! Kinds: which values a key accepts.

use std::fmt;

use gansweep_base::text;
use toml::Spanned;
use toml::de::{DeInteger, DeValue};

use crate::Value;
use crate::network_layer_reader::{self, LayerFault, MAX_LAYERS as MAX_LISTED};

/// The largest seed: the largest integer that survives every reader of JSON.
pub const MAX_SEED: u64 = (1 << 53) - 1;
/// The most seeds of an experiment.
pub const MAX_SEEDS: u64 = 10_000;
/// The most characters of a name.
const MAX_NAME: usize = 100;
/// The widest hidden layer.
const MAX_WIDTH: u64 = 8192;
/// The most hidden layers of one network.
const MAX_LAYERS: usize = 16;

/// The word for a value that the program chooses.
pub(crate) const AUTO: &str = "auto";

/// Which values a key accepts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Kind {
    /// `true` or `false`.
    Bool,
    /// An integer between two bounds, both allowed.
    Integer(u64, u64),
    /// An integer between two bounds, both allowed, or `"auto"`.
    IntegerOrAuto(u64, u64),
    /// One of these integers.
    OneOf(&'static [u64]),
    /// A number in an interval.
    Number(Interval),
    /// One of these words.
    Choice(&'static [&'static str]),
    /// Any text.
    Text,
    /// One line of 1 to 100 characters.
    Name,
    /// A list of the widths of hidden layers, or one width for every layer.
    Hidden,
    /// A list of the layers of a network.
    Layers,
    /// One device or a list of devices.
    Devices,
    /// A count `n`, which means the seeds 0 to n - 1, or a list of seeds.
    Seeds,
}

/// An interval of numbers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    /// The lower end.
    pub low: f64,
    /// Whether the lower end is excluded.
    pub above_low: bool,
    /// The upper end.
    pub high: f64,
    /// Whether the upper end is excluded.
    pub below_high: bool,
}

impl Interval {
    /// `[low, high]`.
    pub(super) const fn closed(low: f64, high: f64) -> Self {
        Self { low, above_low: false, high, below_high: false }
    }

    /// `(low, high]`.
    pub(super) const fn above(low: f64, high: f64) -> Self {
        Self { low, above_low: true, high, below_high: false }
    }

    /// `[low, high)`.
    pub(super) const fn below(low: f64, high: f64) -> Self {
        Self { low, above_low: false, high, below_high: true }
    }

    /// Whether a number is in the interval; NaN never is.
    pub fn contains(&self, number: f64) -> bool {
        let high_enough = if self.above_low { number > self.low } else { number >= self.low };
        let low_enough = if self.below_high { number < self.high } else { number <= self.high };
        high_enough && low_enough
    }
}

impl fmt::Display for Interval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (low, high) = (text::exact(self.low), text::exact(self.high));
        match (self.above_low, self.below_high) {
            (false, false) => write!(f, "from {low} to {high}"),
            (false, true) => write!(f, "from {low} to below {high}"),
            (true, false) => write!(f, "above {low}, at most {high}"),
            (true, true) => write!(f, "above {low} and below {high}"),
        }
    }
}

/// Why a key refuses a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum InvalidValue {
    /// The wrong type.
    Type,
    /// The right type, but out of range, or not one of the choices.
    Range,
    /// A seed that is listed twice.
    Repeated(u64),
    /// Items of a list that are no layers.
    Layers(Vec<LayerFault>),
}

impl Kind {
    /// Whether an axis may be a range of numbers.
    pub(crate) fn is_numeric(&self) -> bool {
        matches!(self, Self::Integer(..) | Self::Number(_))
    }

    /// Whether values are lists of a network's layers, or stand for one.
    pub(crate) const fn is_list(self) -> bool {
        matches!(self, Self::Hidden | Self::Layers)
    }

    /// Reads a value.
    pub(crate) fn read(&self, toml: &DeValue<'_>) -> Result<Value, InvalidValue> {
        match (self, toml) {
            (Self::Bool, DeValue::Boolean(truth)) => Ok(Value::Bool(*truth)),
            (Self::IntegerOrAuto(..), DeValue::String(word)) => {
                (word == AUTO).then(|| Value::Text(AUTO.to_owned())).ok_or(InvalidValue::Range)
            }
            (Self::Integer(low, high) | Self::IntegerOrAuto(low, high), _) => {
                integer(toml, *low, *high).map(Value::Integer)
            }
            (Self::OneOf(choices), _) => {
                let value = integer(toml, 0, u64::MAX)?;
                choices.contains(&value).then_some(Value::Integer(value)).ok_or(InvalidValue::Range)
            }
            (Self::Number(interval), _) => {
                let number = number(toml).ok_or(InvalidValue::Type)?;
                // Adding 0.0 turns -0.0 into 0.0: two configs that compute the same must be equal.
                interval.contains(number).then_some(Value::Number(number + 0.0)).ok_or(InvalidValue::Range)
            }
            (Self::Choice(words), DeValue::String(word)) => {
                words.contains(&&**word).then(|| Value::Text(word.to_string())).ok_or(InvalidValue::Range)
            }
            (Self::Text, DeValue::String(text)) => Ok(Value::Text(text.to_string())),
            (Self::Name, DeValue::String(text)) => {
                is_name(text).then(|| Value::Text(text.to_string())).ok_or(InvalidValue::Range)
            }
            (Self::Hidden, DeValue::Array(widths)) => hidden(widths),
            (Self::Hidden, _) => width(toml).map(Value::Width),
            (Self::Layers, DeValue::Array(items)) => layers(items),
            (Self::Devices, _) => devices(toml),
            (Self::Seeds, _) => seeds(toml),
            _ => Err(InvalidValue::Type),
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool => f.write_str("`true` or `false`"),
            Self::Integer(low, high) => write!(f, "an integer from {low} to {high}"),
            Self::IntegerOrAuto(low, high) => write!(f, "\"{AUTO}\", or an integer from {low} to {high}"),
            Self::OneOf(choices) => {
                let choices: Vec<_> = choices.iter().map(ToString::to_string).collect();
                write!(f, "one of {}", choices.join(", "))
            }
            Self::Number(interval) => write!(f, "a number {interval}"),
            Self::Choice(words) => {
                let quoted: Vec<_> = words.iter().map(|word| format!("\"{word}\"")).collect();
                write!(f, "one of {}", quoted.join(", "))
            }
            Self::Text => f.write_str("a string"),
            Self::Name => write!(f, "a string of 1 to {MAX_NAME} characters on one line"),
            Self::Hidden => write!(
                f,
                "a list of 1 to {MAX_LAYERS} widths from 1 to {MAX_WIDTH}, or one width for every layer"
            ),
            Self::Layers => write!(
                f,
                "a list of up to {MAX_LISTED} layers, such as `[{{ linear = 256 }}, \"relu\", {{ linear = 512 }}]`"
            ),
            Self::Devices => f.write_str("a device such as \"cpu\", or a list of devices"),
            Self::Seeds => write!(
                f,
                "a count from 1 to {MAX_SEEDS}, or a list of 1 to {MAX_SEEDS} different seeds from 0 to {MAX_SEED}"
            ),
        }
    }
}

/// Whether a text may be the name of a sweep. Names are printed on terminals, so they have no characters that
/// end a line, move the cursor or reverse the direction of the text around them.
pub fn is_name(text: &str) -> bool {
    const SEPARATORS: [char; 2] = ['\u{2028}', '\u{2029}'];
    const DIRECTIONS: [char; 12] = [
        '\u{61c}', '\u{200e}', '\u{200f}', '\u{202a}', '\u{202b}', '\u{202c}', '\u{202d}', '\u{202e}',
        '\u{2066}', '\u{2067}', '\u{2068}', '\u{2069}',
    ];
    let is_refused = |c: char| c.is_control() || SEPARATORS.contains(&c) || DIRECTIONS.contains(&c);
    (1..=MAX_NAME).contains(&text.chars().count()) && !text.contains(is_refused)
}

/// `None` for an integer beyond 128 bits.
fn parse_integer(integer: &DeInteger<'_>) -> Option<i128> {
    i128::from_str_radix(integer.as_str(), integer.radix()).ok()
}

fn integer(toml: &DeValue<'_>, low: u64, high: u64) -> Result<u64, InvalidValue> {
    let integer = toml.as_integer().ok_or(InvalidValue::Type)?;
    let value = parse_integer(integer).and_then(|value| u64::try_from(value).ok());
    value.filter(|value| (low..=high).contains(value)).ok_or(InvalidValue::Range)
}

/// A float or an integer as a number, including infinities and NaN.
pub(crate) fn number(toml: &DeValue<'_>) -> Option<f64> {
    match toml {
        DeValue::Integer(integer) => parse_integer(integer).map(|value| value as f64),
        DeValue::Float(float) => float.as_str().parse().ok(),
        _ => None,
    }
}

fn width(toml: &DeValue<'_>) -> Result<u32, InvalidValue> {
    integer(toml, 1, MAX_WIDTH).map(|width| width as u32)
}

fn hidden(widths: &[Spanned<DeValue<'_>>]) -> Result<Value, InvalidValue> {
    let widths: Vec<u32> = widths.iter().map(|item| width(item.get_ref())).collect::<Result<_, _>>()?;
    (1..=MAX_LAYERS).contains(&widths.len()).then_some(Value::Widths(widths)).ok_or(InvalidValue::Range)
}

fn layers(items: &[Spanned<DeValue<'_>>]) -> Result<Value, InvalidValue> {
    if items.len() > MAX_LISTED {
        return Err(InvalidValue::Range);
    }
    network_layer_reader::read(items).map(Value::Layers).map_err(InvalidValue::Layers)
}

fn devices(toml: &DeValue<'_>) -> Result<Value, InvalidValue> {
    let device = |toml: &DeValue<'_>| {
        let name = toml.as_str().ok_or(InvalidValue::Type)?;
        if name.trim().is_empty() { Err(InvalidValue::Range) } else { Ok(name.to_owned()) }
    };
    let names = match toml.as_array() {
        None => vec![device(toml)?],
        Some(items) => items.iter().map(|item| device(item.get_ref())).collect::<Result<_, _>>()?,
    };
    if names.is_empty() { Err(InvalidValue::Range) } else { Ok(Value::Texts(names)) }
}

fn seeds(toml: &DeValue<'_>) -> Result<Value, InvalidValue> {
    let Some(items) = toml.as_array() else {
        return integer(toml, 1, MAX_SEEDS).map(|count| Value::Integers((0..count).collect()));
    };
    let seeds: Vec<u64> =
        items.iter().map(|item| integer(item.get_ref(), 0, MAX_SEED)).collect::<Result<_, _>>()?;
    let mut sorted = seeds.clone();
    sorted.sort_unstable();
    if let Some(pair) = sorted.windows(2).find(|pair| pair[0] == pair[1]) {
        return Err(InvalidValue::Repeated(pair[0]));
    }
    let fits = !seeds.is_empty() && seeds.len() as u64 <= MAX_SEEDS;
    fits.then_some(Value::Integers(seeds)).ok_or(InvalidValue::Range)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(kind: Kind, toml: &str) -> Result<Value, InvalidValue> {
        kind.read(DeValue::parse(toml).unwrap().get_ref())
    }

    #[test]
    fn integers_keep_to_their_bounds_in_every_notation() {
        let kind = Kind::Integer(1, 1000);
        assert_eq!(read(kind, "1"), Ok(Value::Integer(1)));
        assert_eq!(read(kind, "1_000"), Ok(Value::Integer(1000)));
        assert_eq!(read(kind, "0x10"), Ok(Value::Integer(16)));
        for text in ["0", "1001", "-1", "9223372036854775807"] {
            assert_eq!(read(kind, text), Err(InvalidValue::Range), "{text}");
        }
        for text in ["1.0", "'1'", "true", "[1]", "{}", "1979-05-27"] {
            assert_eq!(read(kind, text), Err(InvalidValue::Type), "{text}");
        }
    }

    #[test]
    fn an_integer_may_be_left_to_the_program_by_a_word() {
        let kind = Kind::IntegerOrAuto(0, 9);
        assert_eq!(read(kind, "9"), Ok(Value::Integer(9)));
        assert_eq!(read(kind, "'auto'"), Ok(Value::Text("auto".into())));
        assert_eq!(read(kind, "'automatic'"), Err(InvalidValue::Range));
        assert_eq!(read(kind, "10"), Err(InvalidValue::Range));
        assert_eq!(read(kind, "1.0"), Err(InvalidValue::Type));
        assert_eq!(kind.to_string(), "\"auto\", or an integer from 0 to 9");
    }

    #[test]
    fn a_choice_of_integers_takes_these_alone() {
        let kind = Kind::OneOf(&[0, 1, 3]);
        assert_eq!(read(kind, "3"), Ok(Value::Integer(3)));
        assert_eq!(read(kind, "2"), Err(InvalidValue::Range));
        assert_eq!(read(kind, "'3'"), Err(InvalidValue::Type));
        assert_eq!(kind.to_string(), "one of 0, 1, 3");
    }

    #[test]
    fn numbers_may_be_written_as_integers_and_are_finite() {
        let kind = Kind::Number(Interval::below(0.0, 1.0));
        assert_eq!(read(kind, "0"), Ok(Value::Number(0.0)));
        assert_eq!(read(kind, "0.999"), Ok(Value::Number(0.999)));
        for text in ["1", "1.0", "-0.1", "inf", "-inf", "nan", "1e999"] {
            assert_eq!(read(kind, text), Err(InvalidValue::Range), "{text}");
        }
        let Ok(Value::Number(zero)) = read(kind, "-0.0") else { panic!("no number") };
        assert!(zero.is_sign_positive());
    }

    #[test]
    fn hidden_layers_are_a_list_of_widths_or_one_width() {
        assert_eq!(read(Kind::Hidden, "128"), Ok(Value::Width(128)));
        assert_eq!(read(Kind::Hidden, "[256, 512]"), Ok(Value::Widths(vec![256, 512])));
        for text in ["0", "[]", "[0]", "[8193]", "[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]"] {
            assert_eq!(read(Kind::Hidden, text), Err(InvalidValue::Range), "{text}");
        }
        assert_eq!(read(Kind::Hidden, "[[1]]"), Err(InvalidValue::Type));
    }

    #[test]
    fn seeds_are_a_count_or_a_list_without_repetition() {
        assert_eq!(read(Kind::Seeds, "3"), Ok(Value::Integers(vec![0, 1, 2])));
        assert_eq!(read(Kind::Seeds, "[5, 111]"), Ok(Value::Integers(vec![5, 111])));
        assert_eq!(read(Kind::Seeds, "[5, 1, 5]"), Err(InvalidValue::Repeated(5)));
        for text in ["0", "[]", "-1", "[-1]", "10001", "[9007199254740992]"] {
            assert_eq!(read(Kind::Seeds, text), Err(InvalidValue::Range), "{text}");
        }
    }

    #[test]
    fn devices_are_one_name_or_a_list_of_names() {
        assert_eq!(read(Kind::Devices, "'cpu'"), Ok(Value::Texts(vec!["cpu".into()])));
        assert_eq!(
            read(Kind::Devices, "['cpu', 'vulkan:0']"),
            Ok(Value::Texts(vec!["cpu".into(), "vulkan:0".into()]))
        );
        assert_eq!(read(Kind::Devices, "[]"), Err(InvalidValue::Range));
        assert_eq!(read(Kind::Devices, "['']"), Err(InvalidValue::Range));
        assert_eq!(read(Kind::Devices, "[1]"), Err(InvalidValue::Type));
    }

    #[test]
    fn names_stay_on_one_line() {
        assert_eq!(read(Kind::Name, "'lr'"), Ok(Value::Text("lr".into())));
        assert_eq!(read(Kind::Name, "''"), Err(InvalidValue::Range));
        for text in ["a\\nb", "\\u001b[31m", "\\u0085", "a\\u2028b", "\\u202eb", "\\u2066b"] {
            assert_eq!(read(Kind::Name, &format!("\"{text}\"")), Err(InvalidValue::Range), "{text}");
        }
        for text in ["gan/lr", "März 2026", "数字", "a\u{0301}", "👩\u{200d}🔬"] {
            assert_eq!(read(Kind::Name, &format!("'{text}'")), Ok(Value::Text(text.into())), "{text}");
        }
        assert_eq!(read(Kind::Name, &format!("'{}'", "x".repeat(101))), Err(InvalidValue::Range));
    }
}
