//! The configs that whole steps are compared for.

use gansweep_config::{
    Activation, AugmentConfig, Combine, ConditionKind, Config, Dataset, Latent, LossConfig, LossKind,
    NetworkKind, NetworkOptimizer, Noise, OptimizerConfig, Output, PenaltyConfig, PenaltyKind, Pixels,
    Relativistic,
};

use super::attention::{attentions, penalised_attentions};
use super::class_norms::class_norms;
use super::conditional_lists::{conditional_lists, penalised_conditional_lists};
use super::convolutions::{conditional_convolutions, convolutions, penalised_convolutions};
use super::instance_norms::{instance_norms, penalised_instance_norms};
use super::lists::{lists, penalised_blocks, penalised_lists};
use super::shortcuts::{penalised_shortcuts, shortcuts};
use super::smooth_activations::{penalised_smooth_activations, smooth_activations};
use super::without_biases::{lists_without_biases, penalised_without_biases};
use super::{EPS, LR, small, with};

/// Every kind of layer, loss, schedule and optimiser, alone and together; on images of noise, and on
/// images that are mostly background.
pub(super) fn cases() -> Vec<(&'static str, Config)> {
    let on_background = kinds().into_iter().map(|(kind, mut config)| {
        config.data.dataset = Dataset::Mnist;
        (kind, config)
    });
    // Sparse images make no difference to a convolution.
    on_background
        .chain(kinds())
        .chain(convolutions())
        .chain(penalised_convolutions())
        .chain(conditional_convolutions())
        .chain(lists())
        .chain(penalised_lists())
        .chain(attentions())
        .chain(penalised_attentions())
        .chain(penalised_blocks())
        .chain(shortcuts())
        .chain(penalised_shortcuts())
        .chain(lists_without_biases())
        .chain(penalised_without_biases())
        .chain(conditional_lists())
        .chain(penalised_conditional_lists())
        .chain(class_norms())
        .chain(instance_norms())
        .chain(penalised_instance_norms())
        .chain(smooth_activations())
        .chain(penalised_smooth_activations())
        .collect()
}

/// ReLUs behind which AVX-512 multiplies the nonzero elements of four rows together. Vectors of other widths add them in another order.
pub(super) fn long_batch() -> (&'static str, Config) {
    let config = with(|c| {
        c.model.generator.hidden = vec![96, 80];
        c.model.discriminator.hidden = vec![80, 96];
        c.model.discriminator.activation = Activation::Relu;
        c.data.images = 150;
        c.train.batch_size = 64;
    });
    ("a long batch behind ReLUs", config)
}

fn kinds() -> Vec<(&'static str, Config)> {
    let mut kinds = layers_losses_and_schedules();
    kinds.extend(optimizers());
    kinds.extend(LossKind::ALL.map(|kind| (kind.name(), with(|config| config.loss.kind = kind))));
    kinds.extend(losses_of_differences());
    kinds.extend(penalties());
    kinds.extend(noise());
    kinds.extend(augmentations());
    kinds.extend(conditions());
    kinds.extend(spectral_norms());
    kinds
}

/// Every optimiser on each of the networks, beside another on the other one.
fn optimizers() -> impl Iterator<Item = (&'static str, Config)> {
    let all: Vec<_> = NetworkOptimizer::examples()
        .into_iter()
        .map(|it| NetworkOptimizer { lr: LR, eps: EPS, ..it })
        .collect();
    let others = all.clone().into_iter().cycle().skip(1);
    all.into_iter().zip(others).map(|(generator, discriminator)| {
        let optimizer = OptimizerConfig { generator, discriminator };
        (generator.kind.name(), with(|config| config.optimizer = optimizer))
    })
}

fn losses_of_differences() -> impl Iterator<Item = (&'static str, Config)> {
    use Relativistic::{Average, Paired};
    let all = [
        ("pairs", LossKind::NonSaturating, Paired, Combine::Sum),
        ("pairs by least squares", LossKind::LeastSquares, Paired, Combine::Sum),
        ("pairs by hinge", LossKind::Hinge, Paired, Combine::Sum),
        ("average", LossKind::NonSaturating, Average, Combine::Mean),
        ("average by least squares", LossKind::LeastSquares, Average, Combine::Sum),
        ("average by hinge", LossKind::Hinge, Average, Combine::Mean),
    ];
    all.into_iter().map(|(name, kind, relativistic, combine)| {
        let config = with(|config| {
            config.loss = LossConfig { kind, relativistic, combine, ..config.loss.clone() };
            if kind != LossKind::Hinge {
                config.loss.label_smoothing = 0.1;
            }
            config.model.discriminator.dropout = 0.3;
            config.train.d_steps = if relativistic == Paired { 1 } else { 2 };
        });
        (name, config)
    })
}

/// Conditional models, of each arrangement of the discriminator.
fn conditions() -> Vec<(&'static str, Config)> {
    let conditional = |condition, change: &dyn Fn(&mut Config)| {
        with(|config| {
            (config.model.conditional, config.model.discriminator.condition) = (true, condition);
            change(config);
        })
    };
    let (concat, projection) = (ConditionKind::Concat, ConditionKind::Projection);
    vec![
        ("classes by concatenation", conditional(concat, &|_| {})),
        ("classes by projection", conditional(projection, &|_| {})),
        (
            "classes by concatenation, everything in between",
            conditional(concat, &|config| {
                config.model.embedding = 17;
                config.model.generator.batch_norm = true;
                config.model.discriminator.dropout = 0.3;
                config.optimizer.discriminator.clip_norm = 0.5;
                (config.train.d_steps, config.train.noise, config.train.ema) = (2, Noise::Shared, 0.9);
                config.data.flip = true;
            }),
        ),
        (
            "classes by projection, layer norm, averages, instance noise",
            conditional(projection, &|config| {
                config.model.embedding = 3;
                config.model.discriminator.layer_norm = true;
                (config.train.d_steps, config.train.instance_noise, config.train.ema) = (2, 0.1, 0.9);
                config.optimizer.generator.clip_norm = 0.05;
            }),
        ),
        (
            "classes by concatenation, wgan-gp",
            conditional(concat, &|config| {
                config.loss.kind = LossKind::Wasserstein;
                config.penalty.kind = PenaltyKind::WganGp;
            }),
        ),
        (
            "classes by projection, pairs, r1 and r2",
            conditional(projection, &|config| {
                config.loss.relativistic = Relativistic::Paired;
                config.penalty.kind = PenaltyKind::R1R2;
            }),
        ),
        (
            "classes by projection, r2",
            conditional(projection, &|config| config.penalty.kind = PenaltyKind::R2),
        ),
        (
            "classes by projection, spectral norm of the discriminator, wgan-gp",
            conditional(projection, &|config| {
                config.model.discriminator.spectral_norm = true;
                config.loss.kind = LossKind::Wasserstein;
                config.penalty.kind = PenaltyKind::WganGp;
            }),
        ),
        (
            "classes by concatenation, spectral norm in both, an average",
            conditional(concat, &|config| {
                (config.model.generator.spectral_norm, config.model.discriminator.spectral_norm) =
                    (true, true);
                (config.model.embedding, config.train.ema, config.train.d_steps) = (17, 0.9, 2);
            }),
        ),
        (
            "classes by concatenation, spectral norm, clipped gradients, r2",
            conditional(concat, &|config| {
                config.model.discriminator.spectral_norm = true;
                config.optimizer.discriminator.clip_norm = 0.5;
                config.penalty.kind = PenaltyKind::R2;
            }),
        ),
        (
            "classes by concatenation, layer norm, wgan-gp, two discriminator updates",
            conditional(concat, &|config| {
                config.model.discriminator.layer_norm = true;
                config.loss.kind = LossKind::Wasserstein;
                (config.penalty.kind, config.train.d_steps) = (PenaltyKind::WganGp, 2);
            }),
        ),
        (
            "classes by projection, layer norm and spectral norm, pairs, r1 and r2",
            conditional(projection, &|config| {
                (config.model.discriminator.layer_norm, config.model.discriminator.spectral_norm) =
                    (true, true);
                config.loss.relativistic = Relativistic::Paired;
                config.penalty.kind = PenaltyKind::R1R2;
            }),
        ),
        (
            "classes by concatenation, clipped weights",
            conditional(concat, &|config| config.loss.kind = LossKind::Wasserstein),
        ),
    ]
}

/// Weights that are divided by their spectral norms.
fn spectral_norms() -> Vec<(&'static str, Config)> {
    let normalised = |change: &dyn Fn(&mut Config)| {
        with(|c| {
            (c.model.generator.spectral_norm, c.model.discriminator.spectral_norm) = (true, true);
            change(c);
        })
    };
    vec![
        ("spectral norm", normalised(&|c| c.loss.kind = LossKind::Hinge)),
        (
            "spectral norm and batch norm, two discriminator updates, shared noise, an average",
            normalised(&|c| {
                (c.model.generator.batch_norm, c.model.discriminator.batch_norm) = (true, true);
                (c.data.images, c.train.batch_size) = (30, 12);
                (c.train.d_steps, c.train.noise, c.train.ema) = (2, Noise::Shared, 0.9);
            }),
        ),
        (
            "spectral norm of the discriminator, clipped gradients, differences, dropout",
            normalised(&|c| {
                c.model.generator.spectral_norm = false;
                c.model.discriminator.dropout = 0.3;
                c.loss.relativistic = Relativistic::Paired;
                c.optimizer.discriminator.clip_norm = 0.05;
            }),
        ),
        (
            "spectral norm, wgan-gp",
            normalised(&|c| {
                c.loss.kind = LossKind::Wasserstein;
                c.penalty.kind = PenaltyKind::WganGp;
            }),
        ),
    ]
}

fn noise() -> [(&'static str, Config); 4] {
    [
        (
            "two-sided smoothing and flips",
            with(|config| {
                config.loss.label_smoothing = 0.1;
                config.loss.fake_label_smoothing = 0.2;
                config.loss.label_flip = 0.3;
            }),
        ),
        (
            "flips of pairs",
            with(|config| {
                config.loss.relativistic = Relativistic::Paired;
                config.loss.label_flip = 0.4;
            }),
        ),
        (
            "instance noise that decays, differences by least squares",
            with(|config| {
                config.loss.kind = LossKind::LeastSquares;
                config.loss.relativistic = Relativistic::Average;
                config.loss.fake_label_smoothing = 0.1;
                (config.train.instance_noise, config.train.instance_noise_epochs) = (0.5, 2.5);
            }),
        ),
        (
            "instance noise and a penalty",
            with(|config| {
                config.train.instance_noise = 0.3;
                config.penalty.kind = PenaltyKind::WganGp;
            }),
        ),
    ]
}

/// Random changes of all images; numbers of more than one channel and of other sides are in the tests of `augment`.
fn augmentations() -> Vec<(&'static str, Config)> {
    let all = AugmentConfig { color: 1.0, translation: 0.125, cutout: 0.5 };
    vec![
        ("changed images", with(|config| config.augment = all.clone())),
        (
            "changed colours, pixels on [0, 1], two discriminator updates, shared noise",
            with(|config| {
                config.augment.color = 0.7;
                (config.data.pixels, config.model.output) = (Pixels::Unit, Output::Sigmoid);
                (config.train.d_steps, config.train.noise) = (2, Noise::Shared);
            }),
        ),
        (
            "moved images with noise, differences by least squares",
            with(|config| {
                config.augment.translation = 0.3;
                config.loss.kind = LossKind::LeastSquares;
                config.loss.relativistic = Relativistic::Average;
                config.train.instance_noise = 0.2;
            }),
        ),
        (
            "cut out, wgan-gp",
            with(|config| {
                config.augment.cutout = 0.3;
                config.penalty.kind = PenaltyKind::WganGp;
            }),
        ),
        (
            "changed images, dragan, flips",
            with(|config| {
                config.augment = all.clone();
                config.penalty.kind = PenaltyKind::Dragan;
                config.data.flip = true;
            }),
        ),
        (
            "changed images, convolutions, r1 and r2",
            with(|config| {
                config.augment = all.clone();
                (config.model.generator.kind, config.model.generator.width) = (NetworkKind::Dcgan, 3);
                (config.model.discriminator.kind, config.model.discriminator.width) = (NetworkKind::Dcgan, 2);
                config.penalty =
                    PenaltyConfig { kind: PenaltyKind::R1R2, weight: 0.5, ..PenaltyConfig::default() };
                (config.data.images, config.train.batch_size) = (5, 2);
            }),
        ),
    ]
}

fn penalties() -> impl Iterator<Item = (&'static str, Config)> {
    let all = [
        ("no penalty", PenaltyKind::None),
        ("wgan-gp", PenaltyKind::WganGp),
        ("dragan", PenaltyKind::Dragan),
        ("r1", PenaltyKind::R1),
        ("r2", PenaltyKind::R2),
        ("r1 and r2", PenaltyKind::R1R2),
    ];
    let each = all.into_iter().map(|(name, kind)| {
        let config = with(|config| {
            config.loss.kind =
                if kind == PenaltyKind::WganGp { LossKind::Wasserstein } else { LossKind::Hinge };
            config.penalty = PenaltyConfig { kind, weight: 2.0, ..PenaltyConfig::default() };
        });
        (name, config)
    });
    each.chain([
        (
            "one-sided, with dropout",
            with(|config| {
                config.model.discriminator.dropout = 0.3;
                config.penalty = PenaltyConfig {
                    kind: PenaltyKind::Dragan,
                    one_sided: true,
                    noise: 0.7,
                    ..PenaltyConfig::default()
                };
            }),
        ),
        (
            "r1 and r2 of pairs, with dropout and clipped gradients",
            with(|config| {
                config.model.discriminator.dropout = 0.3;
                config.loss.relativistic = Relativistic::Paired;
                config.optimizer.discriminator.clip_norm = 0.5;
                config.penalty.kind = PenaltyKind::R1R2;
            }),
        ),
        (
            "layer norm, wgan-gp",
            with(|config| {
                config.loss.kind = LossKind::Wasserstein;
                config.model.discriminator.layer_norm = true;
                config.penalty.kind = PenaltyKind::WganGp;
            }),
        ),
        (
            "layer norm, r1 and r2, with dropout and clipped gradients",
            with(|config| {
                config.model.discriminator.layer_norm = true;
                config.model.discriminator.dropout = 0.3;
                config.optimizer.discriminator.clip_norm = 0.5;
                config.penalty.kind = PenaltyKind::R1R2;
            }),
        ),
        (
            "layer norm and spectral norm, r2, another slope",
            with(|config| {
                let discriminator = &mut config.model.discriminator;
                (discriminator.layer_norm, discriminator.spectral_norm, discriminator.slope) =
                    (true, true, 0.3);
                config.penalty.kind = PenaltyKind::R2;
            }),
        ),
        (
            "now and then",
            with(|config| {
                config.train.d_steps = 2;
                config.model.discriminator.slope = 0.3;
                config.penalty = PenaltyConfig {
                    kind: PenaltyKind::WganGp,
                    weight: 0.5,
                    every: 3,
                    ..PenaltyConfig::default()
                };
            }),
        ),
    ])
}

fn layers_losses_and_schedules() -> Vec<(&'static str, Config)> {
    vec![
        ("plain", small()),
        ("flips", with(|c| c.data.flip = true)),
        (
            "leaky generator, uniform latents",
            with(|c| {
                c.model.generator.activation = Activation::LeakyRelu;
                c.model.generator.slope = 0.3;
                c.model.latent = Latent::Uniform;
                // Unusual, but valid.
                c.model.discriminator.slope = 0.9;
            }),
        ),
        (
            "batch norm and sigmoid",
            with(|c| {
                c.model.generator.batch_norm = true;
                c.model.output = Output::Sigmoid;
                c.data.pixels = Pixels::Unit;
                c.loss.combine = Combine::Mean;
            }),
        ),
        (
            "layer norm in both",
            with(|c| {
                c.model.generator.layer_norm = true;
                c.model.discriminator.layer_norm = true;
                c.model.discriminator.dropout = 0.3;
            }),
        ),
        (
            "dropout in both",
            with(|c| {
                c.model.generator.dropout = 0.4;
                c.model.discriminator.dropout = 0.3;
                c.model.discriminator.activation = Activation::Relu;
            }),
        ),
        (
            "label smoothing, no shuffle",
            with(|c| {
                c.loss.label_smoothing = 0.1;
                c.train.shuffle = false;
            }),
        ),
        (
            "two discriminator updates, shared noise",
            with(|c| {
                c.train.d_steps = 2;
                c.train.noise = Noise::Shared;
            }),
        ),
        (
            "averaged generator, batch norm",
            with(|c| {
                c.model.generator.batch_norm = true;
                c.train.ema = 0.9;
            }),
        ),
        (
            "average with warm-up, clipped gradients",
            with(|c| {
                c.optimizer.generator.clip_norm = 0.05;
                c.train.ema = 0.75;
                c.train.ema_warmup = true;
            }),
        ),
        (
            "one hidden layer, wide batch",
            with(|c| {
                c.model.generator.hidden = vec![33];
                c.model.discriminator.hidden = vec![1];
                c.data.images = 60;
                c.train.batch_size = 23;
                c.train.drop_last = true;
            }),
        ),
        (
            "everything",
            with(|c| {
                c.model.generator.batch_norm = true;
                c.model.generator.dropout = 0.25;
                c.model.generator.activation = Activation::LeakyRelu;
                c.model.generator.slope = 0.1;
                c.model.discriminator.dropout = 0.5;
                c.loss = LossConfig::non_saturating(Combine::Mean, 0.2);
                c.train.d_steps = 3;
                c.train.noise = Noise::Shared;
            }),
        ),
        (
            "batch norm in both networks",
            with(|c| {
                (c.model.generator.batch_norm, c.model.discriminator.batch_norm) = (true, true);
                (c.data.images, c.train.batch_size) = (30, 12);
            }),
        ),
    ]
}
