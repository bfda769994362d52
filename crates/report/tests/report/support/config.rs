//! The config of a run.

use gansweep_config::{
    Activation, Combine, Config, DataConfig, Dataset, DiscriminatorConfig, GeneratorConfig, Latent,
    LossConfig, ModelConfig, NetworkOptimizer, Noise, OptimizerConfig, Output, Pixels, TrainConfig,
};

use super::Spec;

pub(super) fn config(spec: &Spec, dataset: Dataset) -> Config {
    let adam = NetworkOptimizer::adam(spec.lr, 0.5, 0.999, 1e-8);
    Config {
        data: DataConfig { dataset, images: 0, pixels: Pixels::Signed },
        model: ModelConfig {
            latent_dim: 64,
            latent: Latent::Normal,
            output: Output::Tanh,
            generator: GeneratorConfig {
                hidden: vec![spec.width, 2 * spec.width],
                activation: Activation::Relu,
                slope: 0.0,
                batch_norm: true,
                dropout: 0.0,
            },
            discriminator: DiscriminatorConfig {
                hidden: vec![2 * spec.width, spec.width],
                activation: Activation::LeakyRelu,
                slope: 0.2,
                dropout: 0.3,
            },
        },
        loss: LossConfig::non_saturating(Combine::Sum, 0.0),
        optimizer: OptimizerConfig { generator: adam, discriminator: adam },
        train: TrainConfig {
            batch_size: 100,
            d_steps: 1,
            noise: Noise::Fresh,
            shuffle: true,
            drop_last: false,
        },
    }
}
