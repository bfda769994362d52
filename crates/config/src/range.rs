//! Ranges: numbers at equal distances or equal ratios between two ends.

use crate::Value;
use crate::schema::Kind;

/// `n` numbers at equal distances. The ends are exact, the numbers between them rounded.
pub(crate) fn linear(first: f64, last: f64, n: u64) -> Vec<f64> {
    spread(first, last, n, |share| first + (last - first) * share)
}

/// `n` numbers at equal ratios. The ends are exact, the numbers between them rounded.
pub(crate) fn log(first: f64, last: f64, n: u64) -> Vec<f64> {
    // `libm` computes the same bits on every machine, so the ids of runs do not depend on the machine.
    let (from, to) = (libm::log(first), libm::log(last));
    spread(first, last, n, |share| libm::exp(from + (to - from) * share))
}

fn spread(first: f64, last: f64, n: u64, at: impl Fn(f64) -> f64) -> Vec<f64> {
    let (low, high) = (first.min(last), first.max(last));
    let inner = |index: u64| rounded(at(index as f64 / (n - 1) as f64)).clamp(low, high);
    let number = |index: u64| match index {
        0 => first,
        _ if index == n - 1 => last,
        _ => inner(index),
    };
    (0..n).map(number).collect()
}

/// Rounded to four significant decimal digits, so that a label shows all of them.
pub(crate) fn rounded(number: f64) -> f64 {
    format!("{number:.3e}").parse().unwrap_or(number)
}

/// Numbers as values of a kind; integers that coincide are taken once.
pub(crate) fn of_kind(numbers: &[f64], kind: Kind) -> Vec<Value> {
    if !matches!(kind, Kind::Integer(..)) {
        return numbers.iter().map(|&number| Value::Number(number)).collect();
    }
    let mut integers: Vec<_> = numbers.iter().map(|number| number.round() as u64).collect();
    integers.dedup();
    integers.into_iter().map(Value::Integer).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_linear_range_has_equal_distances() {
        assert_eq!(linear(0.0, 1.0, 5), [0.0, 0.25, 0.5, 0.75, 1.0]);
        assert_eq!(linear(0.9, 0.5, 3), [0.9, 0.7, 0.5]);
    }

    #[test]
    fn a_logarithmic_range_has_equal_ratios_and_readable_numbers() {
        assert_eq!(log(1e-5, 1e-1, 5), [1e-5, 1e-4, 1e-3, 1e-2, 1e-1]);
        assert_eq!(log(5e-5, 1e-3, 4), [5e-5, 1.357e-4, 3.684e-4, 1e-3]);
    }

    #[test]
    fn integers_that_coincide_are_taken_once() {
        let kind = Kind::Integer(1, 100);
        assert_eq!(of_kind(&linear(1.0, 3.0, 6), kind), [1, 2, 3].map(Value::Integer));
        assert_eq!(of_kind(&log(32.0, 128.0, 3), kind), [32, 64, 128].map(Value::Integer));
    }

    proptest! {
        #[test]
        fn every_range_is_monotone_between_its_exact_ends(a in 1e-12f64..1e3, b in 1e-12f64..1e3, n in 2u64..50) {
            for range in [linear(a, b, n), log(a, b, n)] {
                prop_assert_eq!(range.len() as u64, n);
                prop_assert_eq!((range[0], range[range.len() - 1]), (a, b));
                prop_assert!(range.is_sorted() || range.iter().rev().is_sorted());
            }
        }

        #[test]
        fn rounding_keeps_four_digits(number in prop::num::f64::POSITIVE | prop::num::f64::NEGATIVE) {
            let near = rounded(number);
            prop_assert!((near - number).abs() <= 0.00051 * number.abs() || near.is_infinite());
        }
    }
}
