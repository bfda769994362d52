//! Permutation tests: exact by enumeration while that is small, else by a fixed stream of random arrangements.
//!
//! A p-value is two-sided: twice the smaller of the shares of arrangements whose statistic is at least, and at
//! most, the observed one (as `scipy.stats.permutation_test`), at most 1.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use serde::Serialize;

/// Arrangements are enumerated up to this number: milliseconds.
const MOST_ENUMERATED: f64 = 1e6;
/// Random arrangements beyond that. With the observed one they make a round number.
const DRAWS: u64 = 99_999;
/// Any number: the same data always has the same p-value.
const STREAM: u64 = 0x6761_6e73_7765_6570;
/// Statistics that are closer than this, relative to the largest value, count as equal: rounding must not
/// decide whether a tie counts.
const TIE: f64 = 1e-12;

/// The result of a permutation test.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct PermutationTest {
    /// The two-sided p-value.
    pub p: f64,
    /// The smallest p-value that this number of values can have, whatever they are.
    pub smallest: f64,
    /// How the arrangements were counted.
    pub method: Method,
}

/// How arrangements were counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// All of them.
    Exact {
        /// Number of arrangements, the observed one included.
        arrangements: u64,
    },
    /// Random ones from a fixed stream, and the observed one (Phipson and Smyth 2010).
    MonteCarlo {
        /// Number of random arrangements.
        draws: u64,
    },
}

/// The smallest two-sided p-value of [`sign_flip`] for that number of differences.
pub(crate) fn smallest_sign_flip(pairs: usize) -> f64 {
    smallest(2_f64.powi(pairs.min(1000) as i32))
}

/// The smallest two-sided p-value of [`two_sample`] for these numbers of values.
pub(crate) fn smallest_two_sample(a: usize, b: usize) -> f64 {
    smallest(choose(a + b, a))
}

fn smallest(arrangements: f64) -> f64 {
    let counted = if arrangements <= MOST_ENUMERATED { arrangements } else { (DRAWS + 1) as f64 };
    (2.0 / counted).min(1.0)
}

/// Number of ways to choose `k` of `n`; infinite beyond a double.
fn choose(n: usize, k: usize) -> f64 {
    // Rounded after each factor, since each is a binomial coefficient itself.
    (1..=k.min(n - k)).fold(1.0, |ways, i| (ways * (n - i + 1) as f64 / i as f64).round())
}

/// Tests whether paired differences are symmetric around 0: under the null hypothesis that the two sides of
/// each pair are exchangeable, each sign is as likely as the other. `None` without differences. All must be finite.
pub(crate) fn sign_flip(differences: &[f64]) -> Option<PermutationTest> {
    let mut values = scaled(differences, 0.0)?;
    // The draws must not depend on the order of the input.
    values.sort_by(f64::total_cmp);
    let mut count = Count::new(values.iter().sum(), values.len());
    if 2_f64.powi(values.len().min(1000) as i32) <= MOST_ENUMERATED {
        flip(&values, 0.0, &mut count);
        return Some(count.exact());
    }
    let mut random = ChaCha8Rng::seed_from_u64(STREAM);
    for _ in 0..DRAWS {
        let mut bits = 0;
        let signed = values.iter().enumerate().map(|(index, value)| {
            if index % 64 == 0 {
                bits = random.next_u64();
            }
            let sign = bits >> (index % 64) & 1;
            if sign == 0 { *value } else { -value }
        });
        count.add(signed.sum());
    }
    Some(count.sampled())
}

/// Adds the sums of all signs.
fn flip(values: &[f64], sum: f64, count: &mut Count) {
    let Some((first, rest)) = values.split_first() else { return count.add(sum) };
    flip(rest, sum + first, count);
    flip(rest, sum - first, count);
}

/// Tests whether two samples have one distribution, by the difference of their means: under the null hypothesis
/// every division of all values into samples of these sizes is equally likely. `None` if either is empty. All
/// values must be finite.
pub(crate) fn two_sample(a: &[f64], b: &[f64]) -> Option<PermutationTest> {
    if a.is_empty() || b.is_empty() {
        return None;
    }
    let all: Vec<f64> = a.iter().chain(b).copied().collect();
    let centre = all.iter().map(|value| value / all.len() as f64).sum();
    let mut values = scaled(&all, centre)?;
    // For given sizes, the difference of the means grows with the sum of the first sample.
    let mut count = Count::new(values[..a.len()].iter().sum(), all.len());
    if choose(all.len(), a.len()) <= MOST_ENUMERATED {
        divide(&values, a.len(), 0.0, &mut count);
        return Some(count.exact());
    }
    values.sort_by(f64::total_cmp);
    let mut random = ChaCha8Rng::seed_from_u64(STREAM);
    for _ in 0..DRAWS {
        for index in 0..a.len() {
            let remaining = (values.len() - index) as u64;
            // The bias of this product is below 2^-32 for any number of values that fits in memory.
            let pick = ((random.next_u64() >> 32) * remaining) >> 32;
            values.swap(index, index + pick as usize);
        }
        count.add(values[..a.len()].iter().sum());
    }
    Some(count.sampled())
}

/// Adds the sums of all choices of `wanted` values.
fn divide(values: &[f64], wanted: usize, sum: f64, count: &mut Count) {
    if wanted == 0 {
        return count.add(sum);
    }
    for first in 0..=values.len() - wanted {
        divide(&values[first + 1..], wanted - 1, sum + values[first], count);
    }
}

/// The values relative to a centre and in units of the largest distance from it, so that one tolerance fits all.
fn scaled(values: &[f64], centre: f64) -> Option<Vec<f64>> {
    let scale = values.iter().map(|value| (value - centre).abs()).fold(0.0, f64::max);
    let unit = if scale > 0.0 { scale } else { 1.0 };
    (!values.is_empty()).then(|| values.iter().map(|value| (value - centre) / unit).collect())
}

/// Counts statistics on both sides of the observed one.
struct Count {
    observed: f64,
    tolerance: f64,
    at_least: u64,
    at_most: u64,
    all: u64,
    smallest: f64,
}

impl Count {
    fn new(observed: f64, values: usize) -> Self {
        Self { observed, tolerance: TIE * values as f64, at_least: 0, at_most: 0, all: 0, smallest: 1.0 }
    }

    fn add(&mut self, statistic: f64) {
        self.all += 1;
        self.at_least += u64::from(statistic >= self.observed - self.tolerance);
        self.at_most += u64::from(statistic <= self.observed + self.tolerance);
    }

    fn exact(mut self) -> PermutationTest {
        self.smallest = smallest(self.all as f64);
        let method = Method::Exact { arrangements: self.all };
        self.result(method)
    }

    fn sampled(mut self) -> PermutationTest {
        let draws = self.all;
        // The observed arrangement is one of those that the null hypothesis allows.
        self.add(self.observed);
        self.smallest = 2.0 / self.all as f64;
        self.result(Method::MonteCarlo { draws })
    }

    fn result(&self, method: Method) -> PermutationTest {
        let one_sided = self.at_least.min(self.at_most) as f64 / self.all as f64;
        PermutationTest { p: (2.0 * one_sided).min(1.0), smallest: self.smallest, method }
    }
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "these values are exact")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn two_values_against_two_cannot_be_told_apart() {
        let test = two_sample(&[1.0, 2.0], &[1e6, 2e6]).unwrap();
        assert_eq!((test.p, test.smallest), (1.0 / 3.0, 1.0 / 3.0));
        assert_eq!(test.method, Method::Exact { arrangements: 6 });
        assert_eq!(smallest_two_sample(2, 2), 1.0 / 3.0);
        let paired = sign_flip(&[5.0, 7.0]).unwrap();
        assert_eq!((paired.p, paired.smallest), (0.5, 0.5));
    }

    #[test]
    fn small_tests_are_counted_by_hand() {
        // Sums of two of 1, 2, 3, 10: 3, 4, 5, 11, 12, 13; the observed one is the largest but one.
        assert_eq!(two_sample(&[2.0, 10.0], &[1.0, 3.0]).unwrap().p, 2.0 * 2.0 / 6.0);
        // Of the eight signs of 1, 2, 3, two have a sum of at least 4.
        assert_eq!(sign_flip(&[-1.0, 2.0, 3.0]).unwrap().p, 2.0 * 2.0 / 8.0);
    }

    #[test]
    fn equal_values_are_no_evidence() {
        assert_eq!(two_sample(&[1.0, 1.0], &[1.0, 1.0, 1.0]).unwrap().p, 1.0);
        assert_eq!(sign_flip(&[0.0, 0.0, 0.0]).unwrap().p, 1.0);
        assert_eq!(two_sample(&[], &[1.0]), None);
        assert_eq!(sign_flip(&[]), None);
    }

    #[test]
    fn rounding_does_not_break_a_tie() {
        // 0.1 + 0.2 and 0.3 differ in their last bit; the exact sums of these samples are equal.
        let test = two_sample(&[0.1, 0.2, 0.6], &[0.3, 0.5, 0.1]).unwrap();
        assert_eq!(test.p, 1.0);
    }

    #[test]
    fn beyond_the_enumeration_a_fixed_stream_draws() {
        let a: Vec<f64> = (0..20).map(f64::from).collect();
        let near: Vec<f64> = a.iter().map(|value| value + 0.5).collect();
        let far: Vec<f64> = a.iter().map(|value| value + 30.0).collect();
        let test = two_sample(&a, &near).unwrap();
        assert_eq!(test.method, Method::MonteCarlo { draws: 99_999 });
        assert_eq!(two_sample(&a, &near), Some(test));
        assert!((0.7..0.9).contains(&test.p), "{test:?}");
        let clear = two_sample(&a, &far).unwrap();
        assert_eq!((clear.p, clear.smallest), (2e-5, 2e-5));
        assert_eq!(smallest_two_sample(20, 20), 2e-5);
        assert_eq!(sign_flip(&[1.0; 30]).unwrap().p, 2e-5);
        assert_eq!(sign_flip(&[1.0, -1.0].repeat(15)).unwrap().p, 1.0);
    }

    #[test]
    fn sampled_and_enumerated_p_values_agree() {
        let a: Vec<f64> = (0..11).map(|i| f64::from(i * i % 7)).collect();
        let b: Vec<f64> = (0..9).map(|i| f64::from(i * 5 % 8) + 1.0).collect();
        let exact = two_sample(&a, &b).unwrap();
        let mut random = Count::new(0.0, 20);
        let centre = a.iter().chain(&b).sum::<f64>() / 20.0;
        let mut values: Vec<f64> = a.iter().chain(&b).map(|value| value - centre).collect();
        random.observed = values[..11].iter().sum();
        let mut stream = ChaCha8Rng::seed_from_u64(1);
        for _ in 0..20_000 {
            for index in 0..11 {
                let pick = stream.next_u64() % (20 - index);
                values.swap(index as usize, (index + pick) as usize);
            }
            random.add(values[..11].iter().sum());
        }
        assert!((random.sampled().p - exact.p).abs() < 0.02);
    }

    proptest! {
        #[test]
        fn p_values_depend_on_neither_order_nor_unit_nor_side(
            a in proptest::collection::vec(-10.0..10.0, 1..5), b in proptest::collection::vec(-10.0..10.0, 1..5),
            scale in 0.001..1000.0, shift in -10.0..10.0,
        ) {
            let test = two_sample(&a, &b).unwrap();
            let moved = |values: &[f64]| values.iter().rev().map(|value| value * scale + shift).collect::<Vec<_>>();
            prop_assert_eq!(two_sample(&moved(&a), &moved(&b)).unwrap(), test);
            prop_assert_eq!(two_sample(&b, &a).unwrap().p, test.p);
            prop_assert!(test.p >= test.smallest - 1e-15 && test.p <= 1.0);
            let signs = sign_flip(&a).unwrap();
            let flipped: Vec<f64> = a.iter().rev().map(|value| -value * scale).collect();
            prop_assert_eq!(sign_flip(&flipped).unwrap(), signs);
            prop_assert!(signs.p >= signs.smallest);
        }
    }
}
