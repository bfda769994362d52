//! Fresh weights are distributed as `nn.Linear` and `nn.BatchNorm1d` leave them.

use std::collections::BTreeMap;

use gansweep_gan::architecture::{Init, Network, Role};
use gansweep_gan::state::LaneState;
use serde::Deserialize;

use crate::case::Case;

/// Of a tensor's values times the root of its layer's inputs; both are 1 but for chance.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
struct Spread {
    /// The largest absolute value.
    largest: f64,
    /// In units of the variance of the uniform distribution on (-1, 1).
    variance: f64,
}

impl Spread {
    fn of(values: &[f32], fan_in: usize) -> Self {
        let scaled = || values.iter().map(|&value| f64::from(value) * (fan_in as f64).sqrt());
        let variance = scaled().map(|value| 3.0 * value * value).sum::<f64>() / values.len() as f64;
        Self { largest: scaled().fold(0.0, |largest, value| largest.max(value.abs())), variance }
    }

    /// The largest of `count` values falls short of 1 by more than `12 / count` once in 160,000
    /// tensors; the variance of `3 u^2` is 4/5, and five standard deviations are as rare.
    fn expect_uniform(self, count: usize, what: &str) {
        let count = count as f64;
        assert!(self.largest <= 1.0 + 1e-6 && self.largest >= 1.0 - 12.0 / count, "{what}: {self:?}");
        assert!((self.variance - 1.0).abs() <= 5.0 * (0.8 / count).sqrt(), "{what}: {self:?}");
    }
}

#[test]
fn fresh_weights_are_uniform_within_the_bounds_that_pytorch_draws_them_from() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/golden/values/initialisation.json");
    let text = std::fs::read_to_string(path).expect("the values are committed");
    let pytorch: BTreeMap<String, Spread> = serde_json::from_str(&text).expect("each tensor has a spread");
    let mut compared = 0;
    for case in Case::all() {
        let state = LaneState::initial(&case.config, case.seed);
        for role in Role::BOTH {
            for parameter in Network::of(role, &case.config).parameters() {
                let name = format!("{}.{}", role.name(), parameter.name);
                let values = &state.arrays[&name].values;
                let all = |wanted: f32| values.iter().all(|value| value.to_bits() == wanted.to_bits());
                match parameter.init {
                    Init::Uniform { fan_in } => {
                        let what = format!("{}.{name}", case.name);
                        pytorch[&what].expect_uniform(values.len(), &format!("PyTorch's {what}"));
                        Spread::of(values, fan_in).expect_uniform(values.len(), &what);
                        compared += 1;
                    }
                    Init::One => assert!(all(1.0), "{name}"),
                    Init::Zero => assert!(all(0.0), "{name}"),
                }
            }
        }
    }
    assert_eq!(compared, pytorch.len());
}

#[test]
fn tensors_of_equal_shape_and_runs_of_other_seeds_start_from_unrelated_values() {
    let case = Case::all().into_iter().find(|case| case.name == "jovian").expect("the case is in the list");
    let weight = |seed: u64, name: &str| LaneState::initial(&case.config, seed).arrays[name].values.clone();
    let one = weight(1, "generator.2.weight");
    for other in [weight(2, "generator.2.weight"), weight(1, "discriminator.2.weight")] {
        let products: f64 = one.iter().zip(&other).map(|(&a, &b)| f64::from(a * b)).sum();
        let squares: f64 = one.iter().map(|&a| f64::from(a * a)).sum();
        // Five standard deviations of a correlation of this many pairs.
        assert!((products / squares).abs() < 5.0 / (one.len() as f64).sqrt());
    }
}
