//! Comparison with scipy: `tests/golden/statistics.json`, written by `statistics_values.py` there.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use crate::distribution::{noncentral_f, student_quantile};
use crate::holm::holm;
use crate::permutation::{sign_flip, two_sample};
use crate::sample::welch;
use crate::{Design, Factor, Interval, Sample, variance_shares};

#[derive(Deserialize)]
struct Golden {
    samples: BTreeMap<String, GoldenSample>,
    two_sample: BTreeMap<String, GoldenPair>,
    sign_flip: BTreeMap<String, GoldenSigns>,
    holm: Vec<GoldenHolm>,
    variance: BTreeMap<String, GoldenVariance>,
    /// Probability, degrees of freedom, quantile.
    student_quantiles: Vec<(f64, f64, f64)>,
    /// Value, both degrees of freedom, noncentrality, probability.
    noncentral_f: Vec<(f64, f64, f64, f64, f64)>,
}

#[derive(Deserialize)]
struct GoldenSample {
    values: Vec<Value>,
    count: usize,
    excluded: usize,
    mean: Option<f64>,
    deviation: Option<f64>,
    interval: Option<(f64, f64)>,
}

#[derive(Deserialize)]
struct GoldenPair {
    a: Vec<f64>,
    b: Vec<f64>,
    p: f64,
    welch: Option<(f64, f64)>,
}

#[derive(Deserialize)]
struct GoldenSigns {
    differences: Vec<f64>,
    p: f64,
}

#[derive(Deserialize)]
struct GoldenHolm {
    p: Vec<f64>,
    adjusted: Vec<f64>,
}

#[derive(Deserialize)]
struct GoldenVariance {
    values: Vec<Value>,
    cells: Vec<usize>,
    factors: Vec<Vec<usize>>,
    shares: Vec<GoldenShare>,
    interactions: f64,
    noise: f64,
}

#[derive(Deserialize)]
struct GoldenShare {
    share: f64,
    interval: (f64, f64),
    freedom: usize,
}

fn golden() -> Golden {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/golden/statistics.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// Numbers, and those that JSON lacks as texts.
fn numbers(values: &[Value]) -> Vec<f64> {
    let number = |value: &Value| value.as_f64().unwrap_or_else(|| value.as_str().unwrap().parse().unwrap());
    values.iter().map(number).collect()
}

#[track_caller]
fn assert_near(name: &str, found: f64, expected: f64, tolerance: f64) {
    let distance = (found - expected).abs();
    assert!(distance <= tolerance * expected.abs().max(1e-6), "{name}: {found} instead of {expected}");
}

#[track_caller]
fn assert_interval(name: &str, found: Option<Interval>, expected: Option<(f64, f64)>, tolerance: f64) {
    assert_eq!(found.is_some(), expected.is_some(), "{name}");
    if let (Some(found), Some((low, high))) = (found, expected) {
        assert_near(name, found.low, low, tolerance);
        assert_near(name, found.high, high, tolerance);
    }
}

#[test]
fn samples_are_described_as_scipy_does() {
    for (name, case) in golden().samples {
        let sample: Sample = numbers(&case.values).into_iter().collect();
        assert_eq!((sample.count(), sample.excluded()), (case.count, case.excluded), "{name}");
        assert_eq!(
            (sample.mean().is_some(), sample.deviation().is_some()),
            (case.mean.is_some(), case.deviation.is_some())
        );
        assert_near(&name, sample.mean().unwrap_or(0.0), case.mean.unwrap_or(0.0), 1e-13);
        assert_near(&name, sample.deviation().unwrap_or(0.0), case.deviation.unwrap_or(0.0), 1e-12);
        assert_interval(&name, sample.interval(0.95), case.interval, 1e-10);
    }
}

#[test]
fn permutation_tests_have_the_p_values_of_scipy() {
    let golden = golden();
    for (name, case) in golden.two_sample {
        assert_near(&name, two_sample(&case.a, &case.b).unwrap().p, case.p, 1e-14);
        let [a, b] = [&case.a, &case.b].map(|values| values.iter().copied().collect::<Sample>());
        if let Some(interval) = case.welch {
            assert_interval(&name, welch(&a, &b, 0.95), Some(interval), 1e-10);
        }
    }
    for (name, case) in golden.sign_flip {
        assert_near(&name, sign_flip(&case.differences).unwrap().p, case.p, 1e-14);
    }
    for case in golden.holm {
        for (found, expected) in holm(&case.p).into_iter().zip(case.adjusted) {
            assert_near("holm", found, expected, 1e-14);
        }
    }
}

#[test]
fn distributions_are_those_of_scipy() {
    let golden = golden();
    for (p, freedom, quantile) in golden.student_quantiles {
        assert_near(&format!("t({p}, {freedom})"), student_quantile(p, freedom), quantile, 1e-11);
    }
    for (f, a, b, noncentrality, expected) in golden.noncentral_f {
        let found = noncentral_f(f, a, b, noncentrality);
        assert!(
            (found - expected).abs() < 1e-9,
            "F({f}; {a}, {b}, {noncentrality}): {found}, not {expected}"
        );
    }
}

#[test]
fn shares_of_variance_are_those_of_least_squares() {
    for (name, case) in golden().variance {
        let factors: Vec<Factor<'_>> =
            case.factors.iter().map(|levels| Factor { levels, absent: None }).collect();
        let found =
            variance_shares(&numbers(&case.values), &case.cells, &factors, Design::Grid, 0.95).unwrap();
        assert_near(&name, found.noise, case.noise, 1e-9);
        assert!((found.interactions - case.interactions).abs() < 1e-9, "{name}: {found:?}");
        assert_eq!(found.factors.len(), case.shares.len());
        for (found, expected) in found.factors.iter().zip(&case.shares) {
            assert!((found.share - expected.share).abs() < 1e-9, "{name}: {found:?}");
            assert_eq!(found.freedom, expected.freedom, "{name}");
            let interval = found.interval.unwrap();
            let (low, high) = expected.interval;
            assert!(
                (interval.low - low).abs() < 1e-6 && (interval.high - high).abs() < 1e-6,
                "{name}: {found:?}"
            );
        }
    }
}
