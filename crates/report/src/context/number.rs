//! JSON for numbers that may be NaN or infinite.

use serde::{Serialize, Serializer};

/// A measured number. JSON has no NaN and no infinities: they become the strings `NaN`, `Infinity` and
/// `-Infinity`, which JavaScript's `Number()` parses.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Number(pub f64);

impl Number {
    /// Rounds to six significant digits: more than a chart can resolve, and half as long in the page.
    pub fn rounded(value: f64) -> Self {
        if value == 0.0 || !value.is_finite() {
            return Self(value);
        }
        Self(format!("{value:.5e}").parse().unwrap_or(value))
    }
}

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        /// Integers up to 2^53 are exact in an `f64`.
        const EXACT: f64 = 9_007_199_254_740_992.0;
        match self.0 {
            value if value.is_nan() => serializer.serialize_str("NaN"),
            f64::INFINITY => serializer.serialize_str("Infinity"),
            f64::NEG_INFINITY => serializer.serialize_str("-Infinity"),
            value if value.fract() == 0.0 && value.abs() < EXACT => serializer.serialize_i64(value as i64),
            value => serializer.serialize_f64(value),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(value: f64) -> String {
        serde_json::to_string(&Number(value)).unwrap()
    }

    #[test]
    fn numbers_that_json_lacks_become_texts_that_javascript_reads() {
        assert_eq!(json(f64::NAN), "\"NaN\"");
        assert_eq!(json(f64::INFINITY), "\"Infinity\"");
        assert_eq!(json(f64::NEG_INFINITY), "\"-Infinity\"");
    }

    #[test]
    fn whole_numbers_are_written_without_a_fraction() {
        assert_eq!(json(600.0), "600");
        assert_eq!(json(-0.25), "-0.25");
    }

    #[test]
    fn rounding_keeps_six_significant_digits_and_leaves_what_is_not_finite() {
        assert_eq!(Number::rounded(0.123_456_789), Number(0.123_457));
        assert_eq!(Number::rounded(123_456_789.0), Number(123_457_000.0));
        assert_eq!(Number::rounded(0.0), Number(0.0));
        assert!(Number::rounded(f64::NAN).0.is_nan());
    }
}
