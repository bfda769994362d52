//! What training a config costs.

use crate::{Config, ImageShape};

impl Config {
    /// Floating-point operations of the matrix products of one full step; a multiply-add counts as
    /// two.
    ///
    /// A discriminator update runs the generator forward and the discriminator forward and backward
    /// on a real and a fake batch. The generator's update runs both networks forward and backward,
    /// but needs no gradient of the discriminator's weights. No first layer needs the gradient of
    /// its input, except the discriminator's in the generator's update.
    pub fn flops_per_step(&self, image: ImageShape) -> f64 {
        let (latent, image) = (f64::from(self.model.latent_dim), image.size() as f64);
        let generator = Products::of(latent, &self.model.generator.hidden, image);
        let discriminator = Products::of(image, &self.model.discriminator.hidden, 1.0);
        let update_d = generator.all + 2.0 * (2.0 * discriminator.all + discriminator.behind_first);
        let update_g = 2.0 * generator.all + generator.behind_first + 2.0 * discriminator.all;
        let batch = f64::from(self.train.batch_size);
        2.0 * batch * (f64::from(self.train.d_steps) * update_d + update_g)
    }
}

/// Multiply-adds of one row's way through a network.
struct Products {
    all: f64,
    /// Without the first layer's.
    behind_first: f64,
}

impl Products {
    fn of(inputs: f64, hidden: &[u32], outputs: f64) -> Self {
        let hidden = hidden.iter().copied().map(f64::from);
        let widths: Vec<f64> = [inputs].into_iter().chain(hidden).chain([outputs]).collect();
        let layers = widths.windows(2).map(|pair| pair[0] * pair[1]);
        Self { all: layers.clone().sum(), behind_first: layers.skip(1).sum() }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use crate::fixtures::spec;
    use crate::{Config, Experiment, LoadOptions};

    fn recipe(name: &str) -> Config {
        let source = format!("name = \"{name}\"\nrecipe = \"{name}\"\n");
        Experiment::parse(Path::new("recipe.toml"), source, &LoadOptions::default()).unwrap().config
    }

    #[test]
    fn the_recipes_cost_what_the_documentation_says() {
        let documentation = include_str!("../../../docs/performance.md");
        for name in crate::recipes::NAMES {
            let line = documentation.lines().find(|line| line.starts_with(&format!("| `{name}` |"))).unwrap();
            let documented: f64 = line.split('|').nth(4).unwrap().trim().replace(',', "").parse().unwrap();
            let computed = recipe(name).flops_per_step(spec().image) / 1e6;
            assert!((computed - documented).abs() < 0.51, "{name}: {computed} MFLOP, not {documented}");
        }
    }

    #[test]
    fn each_discriminator_update_is_paid_for() {
        let mut config = recipe("jovian");
        let once = config.flops_per_step(spec().image);
        config.train.d_steps = 2;
        let twice = config.flops_per_step(spec().image);
        config.train.d_steps = 3;
        assert!(
            twice > once * 1.4 && (config.flops_per_step(spec().image) - twice - (twice - once)).abs() < 1.0
        );
    }
}
