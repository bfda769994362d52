//! The arithmetic cost of a training step.

use gansweep_config::{Config, DatasetSpec, Relativistic};

use crate::network::{Mismatch, Network};
use crate::penalty::Points;

/// Floating-point operations of the products of one full step, on that dataset's images; a multiplication
/// with its addition counts as two.
///
/// A discriminator update runs the generator forward and the discriminator forward and backward on a real
/// and a fake batch. The generator's update runs both networks forward and backward, but needs no gradient
/// of the discriminator's weights. No first layer needs the gradient of its input, except the
/// discriminator's in the generator's update. A penalty evaluates the discriminator at its points, unless they are images of
/// the batch, back-propagates to the points, and runs tangents forward and weight gradients back. A loss of differences
/// evaluates it on real images in the generator's update too.
///
/// # Errors
///
/// If the config's networks do not fit the images.
pub fn step_flops(config: &Config, spec: &DatasetSpec) -> Result<f64, Mismatch> {
    let networks = Network::both(config, spec)?;
    let [generator, discriminator] = networks.each_ref().map(Products::of);
    let update_d = generator.all + 2.0 * (2.0 * discriminator.all + discriminator.behind_first);
    let penalty = Points::of(&config.penalty).map_or(0.0, |points| {
        let passes = if matches!(points, Points::Images { .. }) { 3.0 } else { 4.0 };
        passes * points.per_image() as f64 * discriminator.all / f64::from(config.penalty.every)
    });
    let update_d = update_d + penalty;
    let compared = if config.loss.relativistic == Relativistic::None { 0.0 } else { discriminator.all };
    let update_g = 2.0 * generator.all + generator.behind_first + 2.0 * discriminator.all + compared;
    let batch = f64::from(config.train.batch_size);
    Ok(2.0 * batch * (f64::from(config.train.d_steps) * update_d + update_g))
}

/// Multiply-adds of a forward pass of one row.
struct Products {
    all: f64,
    /// All but those of the first layer.
    behind_first: f64,
}

impl Products {
    fn of(network: &Network) -> Self {
        let layers = || network.multiply_adds().filter(|&count| count > 0).map(|count| count as f64);
        Self { all: layers().sum(), behind_first: layers().skip(1).sum() }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use gansweep_config::{ClassNames, Dataset, Experiment, ImageShape, LoadOptions, recipes};

    use super::*;

    fn mnist() -> DatasetSpec {
        let image = ImageShape { channels: 1, height: 28, width: 28 };
        let fingerprint = "mnist".to_owned();
        DatasetSpec {
            image,
            classes: 10,
            train_images: 60_000,
            test_images: 10_000,
            fingerprint,
            class_names: ClassNames::default(),
        }
    }

    fn recipe(name: &str) -> Config {
        let source = format!("name = \"{name}\"\nrecipe = \"{name}\"\n");
        Experiment::parse(Path::new("recipe.toml"), source, &LoadOptions::default()).unwrap().config
    }

    #[test]
    fn the_recipes_cost_what_the_documentation_says() {
        let documentation = include_str!("../../../docs/performance.md");
        for name in recipes::NAMES {
            let line = documentation.lines().find(|line| line.starts_with(&format!("| `{name}` |"))).unwrap();
            let documented: f64 = line.split('|').nth(4).unwrap().trim().replace(',', "").parse().unwrap();
            let config = recipe(name);
            let mut spec = mnist();
            if config.data.dataset == Dataset::Cifar10 {
                spec.image = ImageShape { channels: 3, height: 32, width: 32 };
            }
            let computed = step_flops(&config, &spec).unwrap() / 1e6;
            assert!((computed - documented).abs() < 0.51, "{name}: {computed} MFLOP, not {documented}");
        }
    }

    #[test]
    fn each_discriminator_update_is_paid_for() {
        let mut config = recipe("jovian");
        let once = step_flops(&config, &mnist()).unwrap();
        config.train.d_steps = 2;
        let twice = step_flops(&config, &mnist()).unwrap();
        config.train.d_steps = 3;
        let thrice = step_flops(&config, &mnist()).unwrap();
        assert!(twice > once * 1.4 && (thrice - twice - (twice - once)).abs() < 1.0);
    }
}
