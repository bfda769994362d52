//! The configs with networks of convolutions in the common order.

use gansweep_config::{
    ConditionKind, Config, InitKind, LossKind, NetworkKind, Noise, Output, PenaltyConfig, PenaltyKind,
    Pixels, Relativistic,
};

use super::with;

/// Conditional models with networks of convolutions.
pub(super) fn conditional_convolutions() -> Vec<(&'static str, Config)> {
    let dcgan = |condition, change: &dyn Fn(&mut Config)| {
        with(|c| {
            (c.model.generator.kind, c.model.generator.width) = (NetworkKind::Dcgan, 3);
            (c.model.discriminator.kind, c.model.discriminator.width) = (NetworkKind::Dcgan, 2);
            (c.model.conditional, c.model.discriminator.condition) = (true, condition);
            change(c);
        })
    };
    let (concat, projection) = (ConditionKind::Concat, ConditionKind::Projection);
    vec![
        ("dcgan with classes by concatenation", dcgan(concat, &|_| {})),
        ("dcgan with classes by projection", dcgan(projection, &|_| {})),
        (
            "dcgan with classes by concatenation, batch norm in both, averages, more channels than a panel has columns",
            dcgan(concat, &|c| {
                (c.model.generator.batch_norm, c.model.discriminator.batch_norm) = (true, true);
                (c.model.generator.width, c.model.discriminator.width) = (9, 9);
                (c.model.embedding, c.train.noise, c.train.ema) = (5, Noise::Shared, 0.9);
            }),
        ),
        (
            "dcgan with classes by projection, layer norm and dropout in both, clipped gradients, averages",
            dcgan(projection, &|c| {
                (c.model.generator.layer_norm, c.model.discriminator.layer_norm) = (true, true);
                (c.model.generator.dropout, c.model.discriminator.dropout) = (0.25, 0.3);
                (c.train.d_steps, c.model.embedding, c.train.ema) = (2, 17, 0.9);
                c.optimizer.generator.clip_norm = 0.05;
                c.optimizer.discriminator.clip_norm = 0.5;
            }),
        ),
        (
            "dcgan with classes by concatenation, wgan-gp",
            dcgan(concat, &|c| {
                c.loss.kind = LossKind::Wasserstein;
                c.penalty =
                    PenaltyConfig { kind: PenaltyKind::WganGp, weight: 2.0, ..PenaltyConfig::default() };
                (c.data.images, c.train.batch_size) = (5, 2);
            }),
        ),
        (
            "dcgan with classes by concatenation, layer norm, r1 and r2",
            dcgan(concat, &|c| {
                c.model.discriminator.layer_norm = true;
                c.penalty.kind = PenaltyKind::R1R2;
                (c.data.images, c.train.batch_size) = (5, 2);
            }),
        ),
        (
            "dcgan with classes by projection, layer norm and spectral norm, wgan-gp",
            dcgan(projection, &|c| {
                (c.model.discriminator.layer_norm, c.model.discriminator.spectral_norm) = (true, true);
                c.loss.kind = LossKind::Wasserstein;
                c.penalty =
                    PenaltyConfig { kind: PenaltyKind::WganGp, weight: 0.1, ..PenaltyConfig::default() };
                (c.data.images, c.train.batch_size) = (5, 2);
            }),
        ),
        (
            "dcgan with classes by projection, spectral norm in both, an average, clipped gradients",
            dcgan(projection, &|c| {
                (c.model.generator.spectral_norm, c.model.discriminator.spectral_norm) = (true, true);
                (c.loss.kind, c.train.ema) = (LossKind::Hinge, 0.9);
                c.optimizer.discriminator.clip_norm = 0.5;
            }),
        ),
        (
            "dcgan with classes by concatenation, spectral norm in both, r1",
            dcgan(concat, &|c| {
                (c.model.generator.spectral_norm, c.model.discriminator.spectral_norm) = (true, true);
                c.penalty.kind = PenaltyKind::R1;
                (c.data.images, c.train.batch_size) = (5, 2);
            }),
        ),
        (
            "dcgan with classes by projection, r1 and r2",
            dcgan(projection, &|c| {
                // With a larger one, rounding of the loss shows in its finite differences.
                c.penalty =
                    PenaltyConfig { kind: PenaltyKind::R1R2, weight: 0.5, ..PenaltyConfig::default() };
                (c.data.images, c.train.batch_size) = (5, 2);
            }),
        ),
        (
            "dcgan's generator and a perceptron with classes by projection, pairs",
            dcgan(projection, &|c| {
                c.model.discriminator.kind = NetworkKind::Mlp;
                c.loss.relativistic = Relativistic::Paired;
            }),
        ),
        (
            "dcgan's discriminator with classes by concatenation, instance noise, clipped weights",
            dcgan(concat, &|c| {
                c.model.generator.kind = NetworkKind::Mlp;
                c.loss.kind = LossKind::Wasserstein;
                c.train.instance_noise = 0.1;
            }),
        ),
    ]
}

/// A small GAN of two networks of convolutions.
fn dcgan(change: &dyn Fn(&mut Config)) -> Config {
    with(|c| {
        (c.model.generator.kind, c.model.generator.width) = (NetworkKind::Dcgan, 3);
        (c.model.discriminator.kind, c.model.discriminator.width) = (NetworkKind::Dcgan, 2);
        change(c);
    })
}

/// Networks of convolutions, alone and beside multilayer perceptrons.
///
/// A discriminator with batch norm is not beside a generator whose fakes are all alike: their batch statistics
/// would enlarge what rounding does.
pub(super) fn convolutions() -> Vec<(&'static str, Config)> {
    vec![
        ("dcgan", dcgan(&|_| {})),
        (
            "dcgan, batch norm in both, more channels than a panel has columns",
            dcgan(&|c| {
                (c.model.generator.batch_norm, c.model.discriminator.batch_norm) = (true, true);
                c.model.generator.width = 9;
                c.model.discriminator.width = 9;
                c.train.noise = Noise::Shared;
            }),
        ),
        (
            "dcgan, layer norm and dropout in both, two discriminator updates",
            dcgan(&|c| {
                (c.model.generator.layer_norm, c.model.discriminator.layer_norm) = (true, true);
                (c.model.generator.dropout, c.model.discriminator.dropout) = (0.25, 0.3);
                c.model.init = InitKind::Dcgan;
                c.train.d_steps = 2;
            }),
        ),
        (
            "dcgan with clipped gradients and weights, another slope",
            dcgan(&|c| {
                c.model.discriminator.slope = 0.3;
                c.optimizer.generator.clip_norm = 0.05;
                c.optimizer.discriminator.clip_norm = 0.05;
                c.loss.kind = LossKind::Wasserstein;
            }),
        ),
        (
            "dcgan's generator with batch norm, a perceptron for a discriminator, sigmoid",
            dcgan(&|c| {
                c.model.discriminator.kind = NetworkKind::Mlp;
                c.model.output = Output::Sigmoid;
                c.data.pixels = Pixels::Unit;
                c.model.generator.batch_norm = true;
                (c.data.images, c.train.batch_size) = (30, 12);
            }),
        ),
        ("dcgan's discriminator", dcgan(&|c| c.model.generator.kind = NetworkKind::Mlp)),
        (
            "dcgan, spectral norm in both, more channels than a panel has columns, an average",
            dcgan(&|c| {
                (c.model.generator.spectral_norm, c.model.discriminator.spectral_norm) = (true, true);
                (c.model.generator.width, c.model.discriminator.width) = (9, 9);
                c.loss.kind = LossKind::Hinge;
                c.train.ema = 0.9;
                c.optimizer.generator.clip_norm = 0.05;
            }),
        ),
    ]
}

/// Critics of convolutions with a penalty.
pub(super) fn penalised_convolutions() -> Vec<(&'static str, Config)> {
    vec![
        (
            "dcgan, spectral norm, r1",
            dcgan(&|c| {
                c.model.discriminator.spectral_norm = true;
                c.penalty.kind = PenaltyKind::R1;
                (c.data.images, c.train.batch_size) = (5, 2);
            }),
        ),
        (
            "dcgan, wgan-gp, more channels than a panel has columns",
            dcgan(&|c| {
                c.loss.kind = LossKind::Wasserstein;
                c.penalty =
                    PenaltyConfig { kind: PenaltyKind::WganGp, weight: 2.0, ..PenaltyConfig::default() };
                c.model.discriminator.width = 9;
                (c.data.images, c.train.batch_size) = (5, 2);
            }),
        ),
        (
            "dcgan, r1 and r2, with dropout and clipped gradients",
            dcgan(&|c| {
                c.penalty = PenaltyConfig { kind: PenaltyKind::R1R2, ..PenaltyConfig::default() };
                c.model.discriminator.dropout = 0.3;
                c.optimizer.discriminator.clip_norm = 0.5;
                (c.data.images, c.train.batch_size) = (5, 2);
            }),
        ),
        (
            "dcgan, layer norm, wgan-gp, more channels than a panel has columns",
            dcgan(&|c| {
                (c.loss.kind, c.penalty.kind) = (LossKind::Wasserstein, PenaltyKind::WganGp);
                (c.model.discriminator.layer_norm, c.model.discriminator.width) = (true, 9);
                (c.data.images, c.train.batch_size) = (5, 2);
            }),
        ),
        (
            "dcgan, layer norm, r1 and r2, with dropout",
            dcgan(&|c| {
                (c.model.discriminator.layer_norm, c.model.discriminator.dropout) = (true, 0.3);
                c.penalty.kind = PenaltyKind::R1R2;
                (c.data.images, c.train.batch_size) = (5, 2);
            }),
        ),
        (
            "dcgan, r2, another slope",
            dcgan(&|c| {
                c.penalty = PenaltyConfig { kind: PenaltyKind::R2, weight: 3.0, ..PenaltyConfig::default() };
                c.model.discriminator.slope = 0.3;
                (c.data.images, c.train.batch_size) = (5, 2);
            }),
        ),
    ]
}
