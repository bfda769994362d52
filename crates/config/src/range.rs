//! Ranges: numbers at equal distances or equal ratios between two ends.

/// The digits of a number between the ends of a range, so that a label shows all of them.
const DIGITS: usize = 4;
/// The largest number of significant digits that an `f64` needs.
const MAX_DIGITS: usize = 17;

/// How the numbers of a range lie between its ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Spacing {
    /// At equal distances.
    Linear,
    /// At equal ratios.
    Log,
}

/// `n` numbers from `first` to `last`. The ends are exact. The numbers between them are rounded to four
/// digits, or to as many as it takes to keep their distances.
pub(crate) fn numbers(spacing: Spacing, first: f64, last: f64, n: u64) -> Vec<f64> {
    let exact = unrounded(spacing, first, last, n);
    let (low, high) = (first.min(last), first.max(last));
    let round = |number: &f64, digits| rounded(*number, digits).clamp(low, high);
    // A twentieth of a distance changes the shape of no curve.
    let keeps_distances = |digits: &usize| {
        exact.windows(2).all(|pair| {
            let moved = pair.iter().map(|number| (round(number, *digits) - number).abs()).fold(0.0, f64::max);
            moved <= (pair[1] - pair[0]).abs() / 20.0
        })
    };
    let digits = (DIGITS..MAX_DIGITS).find(keeps_distances).unwrap_or(MAX_DIGITS);
    let mut numbers: Vec<f64> = exact.iter().map(|number| round(number, digits)).collect();
    if let [start, .., end] = &mut numbers[..] {
        (*start, *end) = (first, last);
    }
    numbers
}

/// The numbers of a range, rounded to integers. Some may be equal.
pub(crate) fn integers(spacing: Spacing, first: f64, last: f64, n: u64) -> Vec<u64> {
    unrounded(spacing, first, last, n).iter().map(|number| number.round() as u64).collect()
}

fn unrounded(spacing: Spacing, first: f64, last: f64, n: u64) -> Vec<f64> {
    // `libm` computes the same bits on every machine, so the ids of runs do not depend on the machine.
    let at = |share: f64| match spacing {
        Spacing::Linear => first + (last - first) * share,
        Spacing::Log => {
            let (from, to) = (libm::log(first), libm::log(last));
            libm::exp(from + (to - from) * share)
        }
    };
    let number = |index: u64| match index {
        0 => first,
        _ if index == n - 1 => last,
        _ => at(index as f64 / (n - 1) as f64).clamp(first.min(last), first.max(last)),
    };
    (0..n).map(number).collect()
}

/// Rounded to `digits` significant decimal digits.
pub(crate) fn rounded(number: f64, digits: usize) -> f64 {
    format!("{number:.*e}", digits - 1).parse().unwrap_or(number)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_linear_range_has_equal_distances() {
        assert_eq!(numbers(Spacing::Linear, 0.0, 1.0, 5), [0.0, 0.25, 0.5, 0.75, 1.0]);
        assert_eq!(numbers(Spacing::Linear, 0.9, 0.5, 3), [0.9, 0.7, 0.5]);
        assert_eq!(numbers(Spacing::Linear, 0.0, 1.0, 4), [0.0, 0.3333, 0.6667, 1.0]);
    }

    #[test]
    fn a_logarithmic_range_has_equal_ratios_and_readable_numbers() {
        assert_eq!(numbers(Spacing::Log, 1e-5, 1e-1, 5), [1e-5, 1e-4, 1e-3, 1e-2, 1e-1]);
        assert_eq!(numbers(Spacing::Log, 5e-5, 1e-3, 4), [5e-5, 1.357e-4, 3.684e-4, 1e-3]);
    }

    #[test]
    fn a_narrow_range_has_as_many_digits_as_its_distances_need() {
        assert_eq!(numbers(Spacing::Linear, 0.9999, 0.99999, 4), [0.9999, 0.99993, 0.99996, 0.99999]);
        assert_eq!(numbers(Spacing::Linear, 1000.0, 1000.2, 3), [1000.0, 1000.1, 1000.2]);
    }

    #[test]
    fn integers_are_rounded_to_integers_and_to_nothing_else() {
        assert_eq!(integers(Spacing::Linear, 12345.0, 54321.0, 3), [12345, 33333, 54321]);
        assert_eq!(integers(Spacing::Linear, 1.0, 3.0, 6), [1, 1, 2, 2, 3, 3]);
        assert_eq!(integers(Spacing::Log, 32.0, 128.0, 3), [32, 64, 128]);
        assert_eq!(integers(Spacing::Log, 10_000.0, 1_000_000.0, 4), [10_000, 46_416, 215_443, 1_000_000]);
        assert_eq!(integers(Spacing::Linear, 100_000_000.0, 1.0, 3), [100_000_000, 50_000_001, 1]);
    }

    fn any_spacing() -> impl Strategy<Value = Spacing> {
        prop::sample::select(vec![Spacing::Linear, Spacing::Log])
    }

    proptest! {
        #[test]
        fn every_range_is_monotone_between_its_exact_ends(spacing in any_spacing(), a in 1e-12f64..1e3, b in 1e-12f64..1e3, n in 2u64..50) {
            let range = numbers(spacing, a, b, n);
            prop_assert_eq!(range.len() as u64, n);
            prop_assert_eq!((range[0], range[range.len() - 1]), (a, b));
            prop_assert!(range.is_sorted() || range.iter().rev().is_sorted());
        }

        #[test]
        fn the_numbers_of_a_narrow_range_differ(spacing in any_spacing(), a in 1e-6f64..1e3, width in 1e-9f64..1e-2, n in 2u64..50) {
            let range = numbers(spacing, a, a * (1.0 + width), n);
            prop_assert!(range.windows(2).all(|pair| pair[0] < pair[1]), "{:?}", range);
        }

        #[test]
        fn integers_are_the_nearest_to_their_places(a in 1u64..100_000_000, b in 1u64..100_000_000, n in 2u64..50) {
            let range = integers(Spacing::Linear, a as f64, b as f64, n);
            prop_assert_eq!((range.len() as u64, range[0], range[range.len() - 1]), (n, a, b));
            for (index, &integer) in (0..n).zip(&range) {
                let place = a as f64 + (b as f64 - a as f64) * index as f64 / (n - 1) as f64;
                prop_assert!((integer as f64 - place).abs() <= 0.5 + 1e-6, "{integer} for {place}");
            }
        }

        #[test]
        fn rounding_keeps_four_digits(number in prop::num::f64::POSITIVE | prop::num::f64::NEGATIVE) {
            let near = rounded(number, 4);
            prop_assert!((near - number).abs() <= 0.00051 * number.abs() || near.is_infinite());
        }
    }
}
