//! How numbers lie in the database.

use crate::StoreError;

/// What a `REAL` column cannot say of a value; the numbers are those of the table `value_kinds`.
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

/// A value as a nullable `REAL` and its kind: SQLite turns NaN into NULL.
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

/// The value that [`split`] took apart. A kind that no version of the program writes reads as NaN.
pub(crate) fn join(value: Option<f64>, kind: i64) -> f64 {
    match (value, kind) {
        (Some(value), _) => value,
        (None, 1) => f64::INFINITY,
        (None, 2) => f64::NEG_INFINITY,
        (None, _) => f64::NAN,
    }
}

/// A count as SQLite's signed integer.
pub(crate) fn count(what: &'static str, value: u64) -> Result<i64, StoreError> {
    i64::try_from(value).map_err(|_| StoreError::TooLarge { what, value })
}

/// A seed as SQLite's signed integer: the same 64 bits.
pub(crate) const fn seed_to_sql(seed: u64) -> i64 {
    seed.cast_signed()
}

/// The seed that [`seed_to_sql`] stored.
pub(crate) const fn seed_from_sql(seed: i64) -> u64 {
    seed.cast_unsigned()
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
