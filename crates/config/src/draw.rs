//! Random draws. A value depends on seed, key and position alone, in every version of the program.

use gansweep_base::digest::Sha256;
use gansweep_base::text;
use gansweep_search::Dimension;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use crate::{Value, range};

/// The digits of a drawn number, but in narrow ranges. They may never change, because the same draws make the same runs.
const DIGITS: usize = 4;
/// The fewest numbers that a range is drawn from: a narrow one has more digits.
const FEWEST_NUMBERS: f64 = 50.0;
/// The most digits that tell two numbers apart.
const MOST_DIGITS: usize = 17;

/// A number with the digits of those between `low` and `high`.
fn rounded(number: f64, low: f64, high: f64) -> f64 {
    let largest = low.abs().max(high.abs());
    // From its text, since a logarithm may be rounded differently from machine to machine.
    let exponent =
        format!("{largest:e}").rsplit_once('e').and_then(|(_, exponent)| exponent.parse::<i32>().ok());
    let step = |digits: usize| {
        let exponent = exponent.unwrap_or(0) - (digits as i32 - 1);
        format!("1e{exponent}").parse::<f64>().unwrap_or(0.0)
    };
    let has_enough = |digits: &usize| high - low >= FEWEST_NUMBERS * step(*digits);
    let digits = (DIGITS..MOST_DIGITS).find(has_enough).unwrap_or(MOST_DIGITS);
    range::rounded(number, digits).clamp(low, high)
}

/// The distribution of a drawn axis.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Draw {
    /// Uniform between two numbers.
    Uniform(f64, f64),
    /// Log-uniform between two numbers.
    LogUniform(f64, f64),
    /// Uniform over the integers from the first to the last.
    Integer(u64, u64),
    /// Log-uniform from the first integer to the last, rounded down.
    LogInteger(u64, u64),
    /// Uniform over the values.
    Choice(Vec<Value>),
}

impl Draw {
    /// The distribution as experiment files write it, with `choice` for each value of a choice.
    pub(crate) fn text(&self, choice: &dyn Fn(&Value) -> String) -> String {
        let number = |number: &f64| text::exact(*number);
        let ends = match self {
            Self::Uniform(low, high) | Self::LogUniform(low, high) => {
                format!("{}, {}", number(low), number(high))
            }
            Self::Integer(low, high) | Self::LogInteger(low, high) => format!("{low}, {high}"),
            Self::Choice(values) => values.iter().map(choice).collect::<Vec<_>>().join(", "),
        };
        let word = match self {
            Self::Uniform(..) => "uniform",
            Self::LogUniform(..) => "log_uniform",
            Self::Integer(..) => "integer",
            Self::LogInteger(..) => "log_integer",
            Self::Choice(_) => "choice",
        };
        format!("{word} [{ends}]")
    }

    /// The dimension of a search space.
    pub(crate) fn dimension(&self) -> Dimension {
        match self {
            Self::Uniform(low, high) => Dimension::Real { low: *low, high: *high, log: false },
            Self::LogUniform(low, high) => Dimension::Real { low: *low, high: *high, log: true },
            Self::Integer(low, high) => Dimension::Integer { low: *low, high: *high, log: false },
            Self::LogInteger(low, high) => Dimension::Integer { low: *low, high: *high, log: true },
            Self::Choice(values) => Dimension::Choice(values.len()),
        }
    }

    /// The value at a coordinate of that dimension: a number has the digits of a drawn one.
    pub(crate) fn value_at(&self, coordinate: f64) -> Option<Value> {
        match self {
            Self::Uniform(low, high) | Self::LogUniform(low, high) => {
                Some(Value::Number(rounded(coordinate, *low, *high)))
            }
            Self::Integer(..) | Self::LogInteger(..) => Some(Value::Integer(coordinate as u64)),
            Self::Choice(values) => values.get(coordinate as usize).cloned(),
        }
    }

    /// The coordinate of a value, as recorded; `None` if the distribution does not have it.
    pub(crate) fn coordinate_of(&self, value: &serde_json::Value) -> Option<f64> {
        let number = |low: f64, high: f64| value.as_f64().filter(|number| (low..=high).contains(number));
        match self {
            Self::Uniform(low, high) | Self::LogUniform(low, high) => number(*low, *high),
            Self::Integer(low, high) | Self::LogInteger(low, high) => number(*low as f64, *high as f64),
            Self::Choice(values) => {
                values.iter().position(|choice| choice.to_json() == *value).map(|index| index as f64)
            }
        }
    }

    /// Values that differ from one: all other choices, or one other number.
    pub(crate) fn others(&self, value: &Value) -> Vec<Value> {
        let ends = match self {
            Self::Uniform(low, high) | Self::LogUniform(low, high) => {
                vec![Value::Number(*low), Value::Number(*high)]
            }
            Self::Integer(low, high) | Self::LogInteger(low, high) => {
                vec![Value::Integer(*low), Value::Integer(*high)]
            }
            Self::Choice(values) => values.clone(),
        };
        ends.into_iter().filter(|other| other != value).collect()
    }

    /// The first `n` draws for a key.
    ///
    /// The i-th value depends on `seed`, `key` and i alone: the i-th 64-bit word of `ChaCha8`, keyed
    /// with the SHA-256 of `gansweep/random/SEED/KEY`, decides it. So a larger `n` keeps the
    /// earlier draws, and another key beside this one changes nothing.
    pub(crate) fn values(&self, seed: u64, key: &str, n: usize) -> Vec<Value> {
        let mut hasher = Sha256::default();
        hasher.add(format!("gansweep/random/{seed}/{key}"));
        let mut generator = ChaCha8Rng::from_seed(hasher.bytes());
        (0..n).map(|_| self.value(generator.next_u64())).collect()
    }

    /// The value that 64 random bits decide. Logarithms come from `libm`, because the system's mathematical
    /// library may round differently from machine to machine.
    fn value(&self, bits: u64) -> Value {
        match self {
            Self::Uniform(low, high) => {
                Value::Number(rounded(low + (high - low) * fraction(bits), *low, *high))
            }
            Self::LogUniform(low, high) => {
                Value::Number(rounded(log_between(*low, *high, bits), *low, *high))
            }
            Self::Integer(low, high) => Value::Integer(low + below(high - low + 1, bits)),
            Self::LogInteger(low, high) => {
                let integer = log_between(*low as f64, *high as f64 + 1.0, bits).floor() as u64;
                Value::Integer(integer.clamp(*low, *high))
            }
            Self::Choice(values) => values[below(values.len() as u64, bits) as usize].clone(),
        }
    }
}

/// Random numbers from `[0, 1)` for one trial of a search: those of `ChaCha8`, keyed with the SHA-256 of
/// `gansweep/search/SEED/TRIAL`.
pub(crate) fn uniforms(seed: u64, trial: usize) -> impl FnMut() -> f64 {
    let mut hasher = Sha256::default();
    hasher.add(format!("gansweep/search/{seed}/{trial}"));
    let mut generator = ChaCha8Rng::from_seed(hasher.bytes());
    move || fraction(generator.next_u64())
}

/// From `[0, 1)`, with 53 random bits.
fn fraction(bits: u64) -> f64 {
    (bits >> 11) as f64 / (1u64 << 53) as f64
}

fn log_between(low: f64, high: f64, bits: u64) -> f64 {
    let (from, to) = (libm::log(low), libm::log(high));
    libm::exp(from + (to - from) * fraction(bits))
}

/// From `0..n`, by multiplication (Lemire 2019) without the rejection step: with n below 2^17 the
/// bias is less than 2^-47.
fn below(n: u64, bits: u64) -> u64 {
    ((u128::from(bits) * u128::from(n)) >> 64) as u64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn any_draw() -> impl Strategy<Value = Draw> {
        prop_oneof![
            (1e-6f64..1.0, 1.0f64..9.0).prop_map(|(low, high)| Draw::Uniform(low, high)),
            (1e-6f64..1.0, 1.0f64..9.0).prop_map(|(low, high)| Draw::LogUniform(low, high)),
            (0u64..9, 9u64..99).prop_map(|(low, high)| Draw::Integer(low, high)),
            (1u64..9, 9u64..99).prop_map(|(low, high)| Draw::LogInteger(low, high)),
            prop::collection::vec(0u64..9, 1..5)
                .prop_map(|values| Draw::Choice(values.into_iter().map(Value::Integer).collect())),
        ]
    }

    fn is_within(draw: &Draw, value: &Value) -> bool {
        match (draw, value) {
            (Draw::Uniform(low, high) | Draw::LogUniform(low, high), Value::Number(x)) => {
                (*low..=*high).contains(x)
            }
            (Draw::Integer(low, high) | Draw::LogInteger(low, high), Value::Integer(x)) => {
                (*low..=*high).contains(x)
            }
            (Draw::Choice(values), value) => values.contains(value),
            _ => false,
        }
    }

    #[test]
    fn the_same_seed_draws_the_same_values_for_ever() {
        let rates = Draw::LogUniform(1e-5, 1e-2).values(1, "optimizer.lr", 5);
        assert_eq!(rates, RATES.map(Value::Number));
        let widths = Draw::LogInteger(16, 512).values(1, "model.hidden", 5);
        assert_eq!(widths, WIDTHS.map(Value::Integer));
    }

    const RATES: [f64; 5] = [5.031e-3, 1.679e-3, 2.298e-4, 7.695e-5, 1.572e-5];
    const WIDTHS: [u64; 5] = [281, 103, 36, 331, 60];

    #[test]
    fn narrow_ranges_have_as_many_digits_as_it_takes() {
        let distinct = |draw: Draw| {
            let mut values: Vec<_> = draw.values(1, "train.ema", 20).iter().map(Value::to_json).collect();
            values.sort_by_key(ToString::to_string);
            values.dedup();
            values.len()
        };
        assert!(distinct(Draw::Uniform(0.9999, 0.99999)) > 14);
        assert!(distinct(Draw::LogUniform(0.9999, 0.99999)) > 14);
        assert!(distinct(Draw::Uniform(-0.5, -0.4999)) > 14);
        let digits = |number: f64, low: f64, high: f64| rounded(number, low, high).to_string();
        assert_eq!(digits(0.123_456_789, 0.0, 1.0), "0.1235");
        assert_eq!(digits(0.123_456_789, 1e-5, 0.2), "0.1235");
        assert_eq!(digits(0.999_912_345, 0.9999, 0.99999), "0.999912");
        assert_eq!(digits(1.0, 1.0, 1.0), "1");
    }

    #[test]
    fn seeds_and_keys_have_draws_of_their_own() {
        let draw = Draw::Uniform(0.0, 1.0);
        let first = draw.values(0, "a", 8);
        assert_ne!(first, draw.values(1, "a", 8));
        assert_ne!(first, draw.values(0, "b", 8));
    }

    #[test]
    fn integers_fall_evenly() {
        let values = Draw::Integer(3, 5).values(7, "train.d_steps", 3000);
        for integer in 3..=5 {
            let hits = values.iter().filter(|value| **value == Value::Integer(integer)).count();
            assert!((900..1100).contains(&hits), "{integer}: {hits}");
        }
    }

    proptest! {
        #[test]
        fn draws_stay_within_their_bounds_and_more_of_them_keep_the_first(
            draw in any_draw(), seed in any::<u64>(), n in 1usize..20, more in 1usize..20,
        ) {
            let few = draw.values(seed, "key", n);
            let many = draw.values(seed, "key", n + more);
            prop_assert_eq!(&few[..], &many[..n]);
            prop_assert!(many.iter().all(|value| is_within(&draw, value)));
        }

        #[test]
        fn the_ends_of_the_bits_stay_within_bounds(draw in any_draw()) {
            prop_assert!(is_within(&draw, &draw.value(0)));
            prop_assert!(is_within(&draw, &draw.value(u64::MAX)));
        }
    }
}
