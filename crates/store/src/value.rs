//! How values are stored: numbers that `REAL` cannot hold, 64-bit seeds, config values, JSON text.

use rusqlite::types::Value as SqlValue;
use serde_json::Value;

use crate::StoreError;

/// Kind of a value, for what a `REAL` column cannot hold. The numbers are those of the table `value_kinds`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Finite = 0,
    PositiveInfinity = 1,
    NegativeInfinity = 2,
    Nan = 3,
}

impl Kind {
    pub(crate) const ALL: [Self; 4] =
        [Self::Finite, Self::PositiveInfinity, Self::NegativeInfinity, Self::Nan];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Finite => "finite",
            Self::PositiveInfinity => "+inf",
            Self::NegativeInfinity => "-inf",
            Self::Nan => "nan",
        }
    }
}

/// Splits a value into a nullable `REAL` and its kind. SQLite would store NaN as NULL.
pub(crate) fn split(value: f64) -> (Option<f64>, Kind) {
    if value.is_finite() {
        (Some(value), Kind::Finite)
    } else if value.is_nan() {
        (None, Kind::Nan)
    } else if value > 0.0 {
        (None, Kind::PositiveInfinity)
    } else {
        (None, Kind::NegativeInfinity)
    }
}

/// Inverse of [`split`]. An unknown kind gives NaN.
pub(crate) fn join(value: Option<f64>, kind: i64) -> f64 {
    match (value, kind) {
        (Some(value), _) => value,
        (None, 1) => f64::INFINITY,
        (None, 2) => f64::NEG_INFINITY,
        (None, _) => f64::NAN,
    }
}

/// Converts a count to SQLite's signed integer.
pub(crate) fn count(what: &'static str, value: u64) -> Result<i64, StoreError> {
    i64::try_from(value).map_err(|_| StoreError::TooLarge { what, value })
}

/// Stores a seed as a signed integer of the same 64 bits.
pub(crate) const fn seed_to_sql(seed: u64) -> i64 {
    seed.cast_signed()
}

/// Inverse of [`seed_to_sql`].
pub(crate) const fn seed_from_sql(seed: i64) -> u64 {
    seed.cast_unsigned()
}

/// All leaves of a config with their full keys: `optimizer.generator.lr`.
pub(crate) fn leaves(config: &Value) -> Vec<(String, Value)> {
    let mut leaves = Vec::new();
    let mut open = vec![(String::new(), config)];
    while let Some((prefix, value)) = open.pop() {
        match value {
            Value::Object(entries) => open.extend(entries.into_iter().map(|(name, value)| {
                let key = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
                (key, value)
            })),
            // A null has no row.
            Value::Null => {}
            leaf => leaves.push((prefix, leaf.clone())),
        }
    }
    leaves
}

/// A row of `config_values` as JSON.
pub(crate) fn config_value(key: &str, kind: &str, cell: SqlValue) -> Result<Value, StoreError> {
    match (kind, cell) {
        ("boolean", SqlValue::Integer(truth)) => Ok(Value::Bool(truth != 0)),
        ("integer", SqlValue::Integer(integer)) => Ok(integer.into()),
        ("real", SqlValue::Real(real)) => Ok(real.into()),
        ("text", SqlValue::Text(text)) => Ok(text.into()),
        ("list", SqlValue::Text(list)) => parse_json(&format!("the list at {key}"), &list),
        (kind, cell) => Err(StoreError::Content {
            what: format!("the value of {key}"),
            detail: format!("it should be of type {kind}, and is {:?}", cell.data_type()),
        }),
    }
}

/// JSON text from a column; `what` names the value in the error.
pub(crate) fn parse_json<T: serde::de::DeserializeOwned>(what: &str, text: &str) -> Result<T, StoreError> {
    serde_json::from_str(text)
        .map_err(|error| StoreError::Content { what: what.to_owned(), detail: error.to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_comes_back_from_its_two_columns() {
        for value in [0.0, -1.5, f64::MAX, f64::MIN_POSITIVE, f64::INFINITY, f64::NEG_INFINITY] {
            let (real, kind) = split(value);
            assert_eq!(join(real, kind as i64).to_bits(), value.to_bits());
        }
        let (real, kind) = split(f64::NAN);
        assert!(real.is_none() && kind == Kind::Nan && join(real, kind as i64).is_nan());
    }

    #[test]
    fn seeds_keep_all_64_bits() {
        for seed in [0, 1, i64::MAX as u64, u64::MAX] {
            assert_eq!(seed_from_sql(seed_to_sql(seed)), seed);
        }
    }

    #[test]
    fn a_step_beyond_63_bits_is_refused() {
        let error = count("step", u64::MAX).unwrap_err();
        assert_eq!(error.to_string(), "step 18446744073709551615 is too large to be recorded");
    }
}
