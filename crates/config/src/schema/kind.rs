//! Kinds: what the values of a key look like, and how one is read.

use std::fmt;

use gansweep_base::text;
use toml::Spanned;
use toml::de::{DeInteger, DeValue};

use crate::Value;

/// The largest seed: the largest integer that survives every reader of JSON.
pub const MAX_SEED: u64 = (1 << 53) - 1;
/// The most seeds of one experiment.
pub const MAX_SEEDS: u64 = 10_000;
/// The most characters of a name.
const MAX_NAME: usize = 100;
/// The widest hidden layer.
const MAX_WIDTH: u64 = 8192;
/// The most hidden layers of one network.
const MAX_LAYERS: usize = 16;

/// What the values of a key look like.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Kind {
    /// `true` or `false`.
    Bool,
    /// An integer between two bounds, both allowed.
    Integer(u64, u64),
    /// A number in an interval.
    Number(Interval),
    /// One of these words.
    Choice(&'static [&'static str]),
    /// Any text.
    Text,
    /// One line of 1 to 100 characters.
    Name,
    /// The widths of a network's hidden layers, or one width for as many layers as it has.
    Hidden,
    /// One device or a list of devices.
    Devices,
    /// A count `n`, which stands for the seeds 0 to n - 1, or a list of seeds.
    Seeds,
}

/// An interval of numbers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    /// Its lower end.
    pub low: f64,
    /// Whether the lower end itself is left out.
    pub above_low: bool,
    /// Its upper end.
    pub high: f64,
    /// Whether the upper end itself is left out.
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

    /// Whether it holds a number; never NaN.
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

/// Why something is no value of a kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Misfit {
    /// A text for a number, a list for a truth value, ...
    Type,
    /// The right type, but out of range, or no choice.
    Range,
    /// A seed that is listed twice.
    Repeated(u64),
}

impl Kind {
    /// Whether a range of numbers may be given for it.
    pub(crate) fn is_numeric(&self) -> bool {
        matches!(self, Self::Integer(..) | Self::Number(_))
    }

    /// Reads a value.
    pub(crate) fn read(&self, toml: &DeValue<'_>) -> Result<Value, Misfit> {
        match (self, toml) {
            (Self::Bool, DeValue::Boolean(truth)) => Ok(Value::Bool(*truth)),
            (Self::Integer(low, high), _) => integer(toml, *low, *high).map(Value::Integer),
            (Self::Number(interval), _) => {
                let number = number(toml).ok_or(Misfit::Type)?;
                // A negative zero would be another config than zero, with the same mathematics.
                interval.contains(number).then_some(Value::Number(number + 0.0)).ok_or(Misfit::Range)
            }
            (Self::Choice(words), DeValue::String(word)) => {
                words.contains(&&**word).then(|| Value::Text(word.to_string())).ok_or(Misfit::Range)
            }
            (Self::Text, DeValue::String(text)) => Ok(Value::Text(text.to_string())),
            (Self::Name, DeValue::String(text)) => {
                let fits = (1..=MAX_NAME).contains(&text.chars().count()) && !text.contains(char::is_control);
                fits.then(|| Value::Text(text.to_string())).ok_or(Misfit::Range)
            }
            (Self::Hidden, DeValue::Array(widths)) => hidden(widths),
            (Self::Hidden, _) => width(toml).map(Value::Width),
            (Self::Devices, _) => devices(toml),
            (Self::Seeds, _) => seeds(toml),
            _ => Err(Misfit::Type),
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool => f.write_str("`true` or `false`"),
            Self::Integer(low, high) => write!(f, "an integer from {low} to {high}"),
            Self::Number(interval) => write!(f, "a number {interval}"),
            Self::Choice(words) => {
                let quoted: Vec<_> = words.iter().map(|word| format!("\"{word}\"")).collect();
                write!(f, "one of {}", quoted.join(", "))
            }
            Self::Text => f.write_str("a text"),
            Self::Name => write!(f, "a text of 1 to {MAX_NAME} characters on one line"),
            Self::Hidden => write!(
                f,
                "a list of 1 to {MAX_LAYERS} widths from 1 to {MAX_WIDTH}, or one width for every layer"
            ),
            Self::Devices => f.write_str("a device such as \"cpu\", or a list of devices"),
            Self::Seeds => write!(
                f,
                "a count from 1 to {MAX_SEEDS}, or a list of 1 to {MAX_SEEDS} different seeds from 0 to {MAX_SEED}"
            ),
        }
    }
}

/// An integer of either sign, as long as it fits 64 bits and a sign.
fn parse_integer(integer: &DeInteger<'_>) -> Option<i128> {
    i128::from_str_radix(integer.as_str(), integer.radix()).ok()
}

fn integer(toml: &DeValue<'_>, low: u64, high: u64) -> Result<u64, Misfit> {
    let integer = toml.as_integer().ok_or(Misfit::Type)?;
    let value = parse_integer(integer).and_then(|value| u64::try_from(value).ok());
    value.filter(|value| (low..=high).contains(value)).ok_or(Misfit::Range)
}

/// A float or an integer as a number; infinities and NaN as themselves.
pub(crate) fn number(toml: &DeValue<'_>) -> Option<f64> {
    match toml {
        DeValue::Integer(integer) => parse_integer(integer).map(|value| value as f64),
        DeValue::Float(float) => float.as_str().parse().ok(),
        _ => None,
    }
}

fn width(toml: &DeValue<'_>) -> Result<u32, Misfit> {
    integer(toml, 1, MAX_WIDTH).map(|width| width as u32)
}

fn hidden(widths: &[Spanned<DeValue<'_>>]) -> Result<Value, Misfit> {
    let widths: Vec<u32> = widths.iter().map(|item| width(item.get_ref())).collect::<Result<_, _>>()?;
    (1..=MAX_LAYERS).contains(&widths.len()).then_some(Value::Widths(widths)).ok_or(Misfit::Range)
}

fn devices(toml: &DeValue<'_>) -> Result<Value, Misfit> {
    let device = |toml: &DeValue<'_>| {
        let name = toml.as_str().ok_or(Misfit::Type)?;
        if name.trim().is_empty() { Err(Misfit::Range) } else { Ok(name.to_owned()) }
    };
    let names = match toml.as_array() {
        None => vec![device(toml)?],
        Some(items) => items.iter().map(|item| device(item.get_ref())).collect::<Result<_, _>>()?,
    };
    if names.is_empty() { Err(Misfit::Range) } else { Ok(Value::Texts(names)) }
}

fn seeds(toml: &DeValue<'_>) -> Result<Value, Misfit> {
    let Some(items) = toml.as_array() else {
        return integer(toml, 1, MAX_SEEDS).map(|count| Value::Integers((0..count).collect()));
    };
    let seeds: Vec<u64> =
        items.iter().map(|item| integer(item.get_ref(), 0, MAX_SEED)).collect::<Result<_, _>>()?;
    let mut sorted = seeds.clone();
    sorted.sort_unstable();
    if let Some(pair) = sorted.windows(2).find(|pair| pair[0] == pair[1]) {
        return Err(Misfit::Repeated(pair[0]));
    }
    let fits = !seeds.is_empty() && seeds.len() as u64 <= MAX_SEEDS;
    fits.then_some(Value::Integers(seeds)).ok_or(Misfit::Range)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(kind: Kind, toml: &str) -> Result<Value, Misfit> {
        kind.read(DeValue::parse(toml).unwrap().get_ref())
    }

    #[test]
    fn integers_keep_to_their_bounds_in_every_notation() {
        let kind = Kind::Integer(1, 1000);
        assert_eq!(read(kind, "1"), Ok(Value::Integer(1)));
        assert_eq!(read(kind, "1_000"), Ok(Value::Integer(1000)));
        assert_eq!(read(kind, "0x10"), Ok(Value::Integer(16)));
        for text in ["0", "1001", "-1", "9223372036854775807"] {
            assert_eq!(read(kind, text), Err(Misfit::Range), "{text}");
        }
        for text in ["1.0", "'1'", "true", "[1]", "{}", "1979-05-27"] {
            assert_eq!(read(kind, text), Err(Misfit::Type), "{text}");
        }
    }

    #[test]
    fn numbers_may_be_written_as_integers_and_are_finite() {
        let kind = Kind::Number(Interval::below(0.0, 1.0));
        assert_eq!(read(kind, "0"), Ok(Value::Number(0.0)));
        assert_eq!(read(kind, "0.999"), Ok(Value::Number(0.999)));
        for text in ["1", "1.0", "-0.1", "inf", "-inf", "nan", "1e999"] {
            assert_eq!(read(kind, text), Err(Misfit::Range), "{text}");
        }
        let Ok(Value::Number(zero)) = read(kind, "-0.0") else { panic!("no number") };
        assert!(zero.is_sign_positive());
    }

    #[test]
    fn hidden_layers_are_a_list_of_widths_or_one_width() {
        assert_eq!(read(Kind::Hidden, "128"), Ok(Value::Width(128)));
        assert_eq!(read(Kind::Hidden, "[256, 512]"), Ok(Value::Widths(vec![256, 512])));
        for text in ["0", "[]", "[0]", "[8193]", "[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]"] {
            assert_eq!(read(Kind::Hidden, text), Err(Misfit::Range), "{text}");
        }
        assert_eq!(read(Kind::Hidden, "[[1]]"), Err(Misfit::Type));
    }

    #[test]
    fn seeds_are_a_count_or_a_list_without_repetition() {
        assert_eq!(read(Kind::Seeds, "3"), Ok(Value::Integers(vec![0, 1, 2])));
        assert_eq!(read(Kind::Seeds, "[5, 111]"), Ok(Value::Integers(vec![5, 111])));
        assert_eq!(read(Kind::Seeds, "[5, 1, 5]"), Err(Misfit::Repeated(5)));
        for text in ["0", "[]", "-1", "[-1]", "10001", "[9007199254740992]"] {
            assert_eq!(read(Kind::Seeds, text), Err(Misfit::Range), "{text}");
        }
    }

    #[test]
    fn devices_are_one_name_or_a_list_of_names() {
        assert_eq!(read(Kind::Devices, "'cpu'"), Ok(Value::Texts(vec!["cpu".into()])));
        assert_eq!(
            read(Kind::Devices, "['cpu', 'vulkan:0']"),
            Ok(Value::Texts(vec!["cpu".into(), "vulkan:0".into()]))
        );
        assert_eq!(read(Kind::Devices, "[]"), Err(Misfit::Range));
        assert_eq!(read(Kind::Devices, "['']"), Err(Misfit::Range));
        assert_eq!(read(Kind::Devices, "[1]"), Err(Misfit::Type));
    }

    #[test]
    fn names_stay_on_one_line() {
        assert_eq!(read(Kind::Name, "'lr'"), Ok(Value::Text("lr".into())));
        assert_eq!(read(Kind::Name, "''"), Err(Misfit::Range));
        assert_eq!(read(Kind::Name, "\"a\\nb\""), Err(Misfit::Range));
        assert_eq!(read(Kind::Name, &format!("'{}'", "x".repeat(101))), Err(Misfit::Range));
    }
}
