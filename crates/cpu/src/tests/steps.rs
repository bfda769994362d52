//! Gradients and whole steps against the oracle, and the oracle against finite differences.

use gansweep_config::{Config, LossKind, NetworkOptimizer, OptimizerConfig, Relativistic, SampleMode};

use super::cases::long_batch;
use super::oracle::{Arrays, Oracle};
use super::{EPS, LR, advance_alone, cases, images, initial, lane, spec, trainer};
use gansweep_nn::network::{Layer, Network, Role};
use gansweep_nn::state::LaneState;
use gansweep_protocol::{Metric, SampleSource};
use gansweep_train::{BatchOrder, Latents, Trainer, TrainingImages, classes_in_turn, fixed_latents};

/// Fails unless every array agrees with the oracle's, relative to the array's largest value (or what
/// roundings may leave where it is zero, as the gradient of a bias before `BatchNorm` is).
fn assert_close(case: &str, found: &LaneState, expected: &Arrays, tolerance: f64) {
    assert_eq!(found.arrays.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>());
    for (name, expected) in expected {
        let scale = expected.iter().fold(1e-3, |scale: f64, value| scale.max(value.abs()));
        for (i, (&found, expected)) in found.arrays[name].values.iter().zip(expected).enumerate() {
            let error = (f64::from(found) - expected).abs() / scale;
            assert!(error < tolerance, "{case}: {name}[{i}] is {found}, not {expected} (largest {scale})");
        }
    }
}

#[test]
fn the_gradient_of_every_layer_and_loss_is_the_oracles() {
    for (case, mut config) in cases().into_iter().chain([long_batch()]) {
        // Without inertia Adam's first moment is the gradient itself.
        let adam = NetworkOptimizer::adam(LR, 0.0, 0.99, EPS);
        config.optimizer = OptimizerConfig { generator: adam, discriminator: adam };
        let mut trainer = trainer(&config, &[5], 1);
        let lane = lane(&config, 5);
        let mut oracle = Oracle::new(&lane, &initial(&config, 5));
        let chunk = advance_alone(&mut trainer, 1);
        let (_, gradients) = oracle.step(&images(&config));
        let state = trainer.state(0).unwrap();
        for (name, gradient) in &gradients {
            let found = &state.arrays[&format!("adam.m.{name}")].values;
            // The largest of the layer: a bias before `BatchNorm` has no gradient but what roundings leave.
            let layer = name.rsplit_once('.').map_or("", |(layer, _)| layer);
            let of_layer = gradients.iter().filter(|(name, _)| name.starts_with(&format!("{layer}.")));
            let scale = of_layer.flat_map(|(_, gradient)| gradient).fold(1e-4, |scale, g| g.abs().max(scale));
            for (found, expected) in found.iter().zip(gradient) {
                let error = (f64::from(*found) - expected).abs() / scale;
                assert!(error < 2e-5, "{case}: {name} has {found}, not {expected} (largest {scale})");
            }
        }
        let norm = |role: &str| {
            let of_role = gradients.iter().filter(|(name, _)| name.starts_with(role));
            of_role.flat_map(|(_, gradient)| gradient).map(|g| g * g).sum::<f64>().sqrt()
        };
        for (metric, found) in Metric::of_points().zip(chunk.point.unwrap()) {
            let role = if metric == Metric::GradNormD { "discriminator" } else { "generator" };
            assert!((f64::from(found) / norm(role) - 1.0).abs() < 1e-5, "{case}: {metric:?}");
        }
    }
}

#[test]
fn the_oracles_gradients_are_finite_differences_of_its_losses() {
    // With several updates in a step, the gradient is one of several and the loss a mean of them.
    for (case, mut config) in cases().into_iter().filter(|(_, config)| config.train.d_steps == 1) {
        // The generator's loss is that after the discriminator's update, which must not depend on
        // the generator.
        config.optimizer.discriminator.lr = 0.0;
        let (lane, initial) = (lane(&config, 5), initial(&config, 5));
        let images = images(&config);
        let (_, gradients) = Oracle::new(&lane, &initial).without_iterations().step(&images);
        for (name, gradient) in &gradients {
            let (i, h) = (gradient.len() / 3, 1e-6);
            let loss = |h: f64| {
                let mut oracle = Oracle::new(&lane, &initial).without_iterations();
                oracle.arrays.get_mut(name).unwrap()[i] += h;
                let (values, _) = oracle.step(&images);
                // The discriminator minimises the sum of its loss and its penalty.
                let penalty = if values[7].is_nan() { 0.0 } else { values[7] };
                if name.starts_with("generator") { values[1] } else { values[0] + penalty }
            };
            let [above, below] = [loss(h), loss(-h)];
            let (exact, difference) = (gradient[i], (above - below) / (2.0 * h));
            // The rounding of a large loss shows in the difference.
            let far = (difference - exact).abs() / exact.abs().max(above.abs()).max(1.0);
            assert!(far < 1e-8, "{case}: {name}[{i}]: {difference}, not {exact}");
        }
    }
}

/// From step to step adversarial training enlarges what rounding does, so the oracle begins each step with the state that the
/// trainer begins it with.
#[test]
fn each_of_ten_steps_is_the_oracles_from_the_same_state() {
    for (case, config) in cases().into_iter().chain([long_batch()]) {
        let mut trainer = trainer(&config, &[9], 1);
        let lane = lane(&config, 9);
        let mut oracle = Oracle::new(&lane, &initial(&config, 9));
        let images = images(&config);
        for step in 0..10 {
            let chunk = advance_alone(&mut trainer, 1);
            let (expected, _) = oracle.step(&images);
            for (&found, expected) in chunk.steps.iter().flatten().zip(expected) {
                let is_near = (f64::from(found) - expected).abs() < 1e-5 * expected.abs().max(1.0);
                let is_not_measured = found.is_nan() && expected.is_nan();
                assert!(is_near || is_not_measured, "{case}, step {step}: {found}, not {expected}");
            }
            let state = trainer.state(0).unwrap();
            assert_close(&format!("{case}, step {step}"), &state, &oracle.arrays, 1e-3);
            oracle.take(&state);
        }
        compare_samples(case, &config, &mut trainer, &mut oracle);
    }
}

#[test]
fn the_discriminators_logits_are_those_that_a_step_begins_with() {
    for (case, config) in cases() {
        let discriminator = Network::of(Role::Discriminator, &config, &spec()).unwrap();
        // Such layers compute other outputs in evaluation; lists have them without the config's keys.
        let has_modes =
            discriminator.nodes.iter().any(|node| matches!(node.layer, Layer::Dropout | Layer::BatchNorm(_)));
        // A step begins with a power iteration.
        let is_plain = config.train.d_steps == 1
            && !discriminator.spectral_norm
            && !config.changes_inputs()
            && !has_modes
            && matches!(config.loss.kind, LossKind::NonSaturating | LossKind::Minimax)
            && config.loss.relativistic == Relativistic::None;
        if !is_plain {
            continue;
        }
        let mut trainer = trainer(&config, &[9], 1);
        let (lane, images) = (lane(&config, 9), images(&config));
        let mut order = BatchOrder::new();
        let batch = order.batches(&lane, 0)[0];
        let table = TrainingImages::table(config.data.pixels);
        let pixels = batch.iter().flat_map(|image| images.image(*image as usize));
        let values: Vec<f32> = pixels.map(|byte| table[usize::from(*byte)]).collect();
        let logits = trainer.logits(0, &values, &images.classes(batch)).unwrap();
        let probability = |logit: &f32| 1.0 / (1.0 + (-logit).exp());
        let mean = logits.iter().map(probability).sum::<f32>() / batch.len() as f32;
        let measured = advance_alone(&mut trainer, 1).steps.column(Metric::DReal)[0];
        assert!((measured - mean).abs() < 1e-5, "{case}: {mean}, not {measured}");
    }
}

fn compare_samples(case: &str, config: &Config, trainer: &mut dyn Trainer, oracle: &mut Oracle) {
    let before = trainer.state(0).unwrap();
    let classes = classes_in_turn(&spec(), 17);
    let latents = Latents { lanes: vec![fixed_latents(3, config, 17)], classes };
    let mut averaged = oracle.averaged();
    for mode in [SampleMode::Eval, SampleMode::BatchStatistics] {
        for (source, oracle) in [(SampleSource::Raw, &mut *oracle), (SampleSource::Ema, &mut averaged)] {
            let drawn = trainer.sample(&latents, mode, source);
            if source == SampleSource::Ema && config.train.ema == 0.0 {
                let error = drawn.unwrap_err();
                assert!(error.to_string().contains("lane 0 keeps no average"), "{error}");
                continue;
            }
            let (images, expected) =
                (drawn.unwrap().remove(0).unwrap(), oracle.sample(&latents.lanes[0], &latents.classes, mode));
            assert_eq!(images.len(), expected.len());
            for (found, expected) in images.iter().zip(expected) {
                let far = (f64::from(*found) - expected).abs();
                assert!(far < 1e-5, "{case}, {mode:?}, {source:?}: {found}, not {expected}");
            }
        }
    }
    assert_eq!(trainer.state(0).unwrap(), before, "{case}: sampling changed the state");
}
