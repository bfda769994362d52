//! The spectral norms of averaged weights.

use gansweep_config::Config;
use gansweep_nn::network::{Network, Role, SPECTRAL_TENSORS};
use gansweep_nn::state::LaneState;
use gansweep_train::Trainer;

use super::{advance_alone, spec, trainer, with};

/// With a decay at which the average is of weights whose singular vectors differ.
fn averaged() -> Config {
    with(|c| {
        (c.model.generator.spectral_norm, c.train.ema) = (true, 0.95);
    })
}

/// Of each averaged weight, the norm that it is divided by and a better estimate of its largest singular value.
fn norms(config: &Config, state: &LaneState) -> Vec<(f64, f64)> {
    let network = Network::of(Role::Generator, config, &spec()).unwrap();
    let of_layer = |(index, matrix): (Option<usize>, gansweep_nn::network::WeightMatrix)| {
        let [weight, u, v] = SPECTRAL_TENSORS
            .map(|name| state.arrays[&format!("ema.generator.{}.{name}", index.unwrap())].values.clone());
        let norm = |u: &[f32], v: &[f32]| -> f64 {
            let row =
                |row: &[f32]| row.iter().zip(v).map(|(w, v)| f64::from(*w) * f64::from(*v)).sum::<f64>();
            weight.chunks_exact(matrix.inputs).zip(u).map(|(weights, u)| row(weights) * f64::from(*u)).sum()
        };
        let (mut better_u, mut better_v) = (u.clone(), v.clone());
        for _ in 0..10 {
            matrix.warm_up(&weight, &mut better_u, &mut better_v);
        }
        (norm(&u, &v), norm(&better_u, &better_v))
    };
    network.spectral_norms().map(of_layer).collect()
}

#[test]
fn an_averaged_weight_is_divided_by_its_own_norm() {
    let config = averaged();
    let mut trainer = trainer(&config, &[3], 1);
    for _ in 0..4 {
        advance_alone(&mut trainer, 30);
        let state = trainer.state(0).unwrap();
        // One power iteration for each update follows weights that learn as fast as these with a delay.
        for (norm, largest) in norms(&config, &state) {
            assert!(
                (norm / largest - 1.0).abs() < 0.1,
                "{norm}, and the largest singular value is {largest}"
            );
        }
        for (name, vector) in state.arrays.iter().filter(|(name, _)| is_averaged_vector(name)) {
            let squares: f32 = vector.values.iter().map(|x| x * x).sum();
            assert!((squares - 1.0).abs() < 1e-5, "{name}: {squares}");
        }
    }
}

fn is_averaged_vector(name: &str) -> bool {
    let [_, u, v] = SPECTRAL_TENSORS;
    name.starts_with("ema.") && (name.ends_with(u) || name.ends_with(v))
}

#[test]
fn averages_of_singular_vectors_in_an_older_state_are_mended() {
    let config = averaged();
    let mut trainer = trainer(&config, &[3], 1);
    advance_alone(&mut trainer, 60);
    let good = trainer.state(0).unwrap();
    let mut unchanged = good.clone();
    unchanged.mend(&config, &spec()).unwrap();
    assert_eq!(unchanged, good);
    let mut older = good.clone();
    for (_, array) in older.arrays.iter_mut().filter(|(name, _)| is_averaged_vector(name)) {
        array.values.iter_mut().enumerate().for_each(|(i, x)| *x *= if i % 2 == 0 { 0.1 } else { 0.5 });
    }
    older.mend(&config, &spec()).unwrap();
    for (norm, largest) in norms(&config, &older) {
        assert!((norm / largest - 1.0).abs() < 0.01, "{norm}, and the largest singular value is {largest}");
    }
}
