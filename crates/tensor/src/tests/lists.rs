//! Networks whose layers are listed in any order.

use super::*;

/// The layers of a generator and of a discriminator.
struct Lists {
    generator: &'static str,
    discriminator: &'static str,
    sets: &'static [&'static str],
}

/// Normalisations behind activations, activations behind each other, dropout by itself and with rates of each layer's own.
const UNUSUAL: Lists = Lists {
    generator: "'linear 98', 'leaky-relu 0.3', 'batch-norm', 'dropout 0.2', 'reshape 2x7x7', 'upsample 2', \
                'conv 5 kernel 3 padding 1', 'relu', 'layer-norm', 'conv-transpose 3 kernel 4 stride 2 padding 1', \
                'tanh', 'leaky-relu 0.5', 'dropout 0.1', 'conv 1 kernel 5 padding 2'",
    discriminator: "'conv 3 kernel 5 stride 3 padding 2', 'sigmoid', 'layer-norm', 'leaky-relu 0.1', 'conv 4 kernel 2', \
                    'leaky-relu 0.2', 'dropout 0.3', 'conv-transpose 2 kernel 3 padding 2', 'flatten', 'dropout 0.1', \
                    'linear 6', 'layer-norm', 'tanh', 'linear 1'",
    sets: &["train.d_steps=2"],
};

const ALL: [Lists; 18] = [
    UNUSUAL,
    // Residual blocks: one in another, two with the same start, one around the image, one of rows.
    Lists {
        generator: "'linear 98', 'reshape 2x7x7', 'batch-norm', 'leaky-relu 0.1', 'conv 2 kernel 3 padding 1', 'residual 3', \
                    'conv 2 kernel 3 padding 1', 'batch-norm', 'residual 6', 'upsample 4', 'conv 1 kernel 3 padding 1'",
        discriminator: "'conv 1 kernel 3 padding 1', 'leaky-relu 0.2', 'residual 2', 'avg-pool 3', 'conv 3 kernel 1', \
                        'layer-norm', 'leaky-relu 0.1', 'conv 3 kernel 3 padding 1', 'residual 2', 'dropout 0.2', \
                        'residual 4', 'avg-pool 2', 'flatten', 'linear 48', 'residual 1', 'linear 1'",
        sets: &["train.ema=0.9"],
    },
    Lists {
        generator: "'linear 18', 'residual 1', 'leaky-relu 0.1', 'linear 784'",
        discriminator: "'conv 3 kernel 4 stride 4', 'layer-norm', 'leaky-relu 0.2', 'conv 3 kernel 3 padding 1', \
                        'residual 2', 'avg-pool 2', 'tanh', 'conv 3 kernel 1', 'residual 2', 'flatten', 'linear 1'",
        sets: &["penalty.kind=wgan-gp", "penalty.weight=2", "model.latent_dim=18"],
    },
    Lists {
        generator: "'linear 98', 'reshape 2x7x7', 'batch-norm', 'relu', 'upsample 2', 'conv 5 kernel 3 padding 1', \
                    'batch-norm', 'leaky-relu 0.2', 'upsample 2', 'conv 1 kernel 3 padding 1'",
        discriminator: "'flatten', 'linear 12', 'leaky-relu 0.2', 'leaky-relu 0.5', 'reshape 3x2x2', 'conv 2 kernel 1', \
                        'leaky-relu 0.1', 'flatten', 'linear 1'",
        sets: &["train.ema=0.9", "loss.relativistic=average"],
    },
    // Ends with maps of one pixel, and with an image; clipped weights.
    Lists {
        generator: "'linear 20', 'dropout 0.4', 'linear 784', 'reshape 1x28x28'",
        discriminator: "'upsample 2', 'conv 2 kernel 8 stride 4 padding 3', 'batch-norm', 'tanh', \
                        'conv 3 kernel 7 stride 7', 'leaky-relu 0.1', 'conv 1 kernel 2'",
        sets: &["loss.kind=wasserstein"],
    },
    // Without biases, and with an output padding.
    Lists {
        generator: "'linear 98 bias false', 'reshape 2x7x7', 'batch-norm', 'leaky-relu 0.1', \
                    'conv-transpose 3 kernel 3 stride 2 padding 1 output_padding 1 bias false', 'leaky-relu 0.2', \
                    'upsample 2', 'conv 1 kernel 3 padding 1 bias false'",
        discriminator: "'conv 3 kernel 4 stride 4 bias false', 'layer-norm', 'leaky-relu 0.2', 'conv 4 kernel 3 padding 1', \
                        'leaky-relu 0.2', 'flatten', 'linear 9 bias false', 'tanh', 'linear 1 bias false'",
        sets: &["penalty.kind=r1", "penalty.weight=2", "train.ema=0.9"],
    },
    // Classes as a channel of the image that a residual block starts with; latent vector and class become one map.
    Lists {
        generator: "'reshape 26x1x1', 'conv-transpose 3 kernel 7 bias false', 'batch-norm', 'relu', 'upsample 4', \
                    'conv 1 kernel 3 padding 1'",
        discriminator: "'conv 2 kernel 3 padding 1', 'residual 1', 'conv 3 kernel 4 stride 4', 'leaky-relu 0.2', 'flatten', \
                        'linear 1'",
        sets: &["model.conditional=true", "model.latent_dim=16", "train.ema=0.9"],
    },
    // The same with a penalty, through rows.
    Lists {
        generator: "'linear 18', 'relu', 'linear 784'",
        discriminator: "'linear 9 bias false', 'tanh', 'linear 6', 'leaky-relu 0.2', 'linear 1'",
        sets: &["model.conditional=true", "model.embedding=5", "penalty.kind=r1", "penalty.weight=2"],
    },
    // A projection of a map, without a bias.
    Lists {
        generator: "'linear 98', 'reshape 2x7x7', 'leaky-relu 0.1', 'conv-transpose 1 kernel 4 stride 4'",
        discriminator: "'conv 3 kernel 4 stride 4', 'layer-norm', 'tanh', 'flatten', 'linear 1 bias false'",
        sets: &[
            "model.conditional=true",
            "model.discriminator.condition=projection",
            "model.discriminator.spectral_norm=true",
            "loss.kind=hinge",
        ],
    },
    // Instance normalisation of maps and of the image.
    Lists {
        generator: "'linear 98', 'reshape 2x7x7', 'instance-norm', 'leaky-relu 0.1', 'upsample 4', 'conv 1 kernel 3 padding 1', \
                    'instance-norm'",
        discriminator: "'instance-norm', 'conv 3 kernel 4 stride 4', 'instance-norm', 'leaky-relu 0.2', 'flatten', 'linear 1'",
        sets: &["train.ema=0.9"],
    },
    Lists {
        generator: "'linear 784'",
        discriminator: "'conv 3 kernel 4 stride 4', 'instance-norm', 'leaky-relu 0.2', 'conv 4 kernel 3', 'instance-norm', 'tanh', \
                        'flatten', 'linear 1'",
        sets: &["penalty.kind=wgan-gp", "penalty.weight=2"],
    },
    // Smooth activations, behind each other and in front.
    Lists {
        generator: "'linear 18', 'batch-norm', 'silu', 'elu', 'linear 784'",
        discriminator: "'gelu', 'conv 3 kernel 4 stride 4', 'elu', 'conv 4 kernel 3', 'silu', 'flatten', 'linear 1'",
        sets: &[],
    },
    Lists {
        generator: "'linear 784'",
        discriminator: "'silu', 'conv 3 kernel 4 stride 4', 'elu', 'conv 4 kernel 3', 'layer-norm', 'gelu', 'flatten', 'linear 1'",
        sets: &["penalty.kind=wgan-gp", "penalty.weight=2"],
    },
    // Attention as a residual block, by itself, and behind a normalisation.
    Lists {
        generator: "'linear 72', 'reshape 2x6x6', 'batch-norm', 'leaky-relu 0.1', 'conv 7 kernel 1', 'attention 2', 'conv 2 kernel 1', \
                    'scale', 'residual 4', 'flatten', 'linear 784'",
        discriminator: "'conv 3 kernel 4 stride 4', 'layer-norm', 'leaky-relu 0.2', 'conv 5 kernel 1', 'attention 1', 'scale', \
                        'residual 3', 'conv 8 kernel 3', 'attention 3', 'flatten', 'scale', 'linear 1'",
        sets: &["train.ema=0.9", "model.generator.spectral_norm=true"],
    },
    Lists {
        generator: "'linear 784'",
        discriminator: "'conv 3 kernel 4 stride 4', 'tanh', 'conv 5 kernel 1', 'attention 1', 'scale', 'residual 3', \
                        'conv 8 kernel 3', 'attention 3', 'layer-norm', 'flatten', 'linear 1'",
        sets: &["penalty.kind=wgan-gp", "penalty.weight=2"],
    },
    // Takes images as rows.
    Lists {
        generator: "'linear 18', 'layer-norm', 'leaky-relu 0.1', 'linear 784', 'batch-norm'",
        discriminator: "'linear 12', 'sigmoid', 'reshape 3x2x2', 'upsample 3', 'flatten', 'linear 1', 'leaky-relu 0.9'",
        sets: &[],
    },
    // Shortcuts with layers of their own: of larger and smaller maps, of rows, without layers, around the image; sums of squares.
    Lists {
        generator: "'linear 98', 'leaky-relu 0.2', 'shortcut 2', 'linear 98', 'residual 2', 'reshape 2x7x7', 'batch-norm', \
                    'leaky-relu 0.1', 'upsample 2', 'conv 3 kernel 3 padding 1', 'batch-norm', 'shortcut 5', 'upsample 2', \
                    'conv 3 kernel 1', 'residual 3', 'leaky-relu 0.3', 'conv-transpose 1 kernel 2 stride 2'",
        discriminator: "'conv 2 kernel 3 padding 1', 'leaky-relu 0.2', 'conv 3 kernel 3 padding 1', 'avg-pool 4', 'shortcut 4', \
                        'avg-pool 4', 'conv 3 kernel 1', 'residual 3', 'leaky-relu 0.1', 'conv 3 kernel 1', 'shortcut 1', \
                        'residual 1', 'layer-norm', 'tanh', 'sum-pool 7', 'flatten', 'linear 1'",
        sets: &["train.ema=0.9"],
    },
    Lists {
        generator: "'linear 9', 'leaky-relu 0.2', 'shortcut 2', 'linear 9', 'residual 2', 'linear 784'",
        discriminator: "'conv 2 kernel 3 padding 1', 'tanh', 'conv 3 kernel 3 padding 1', 'avg-pool 4', 'shortcut 4', \
                        'avg-pool 4', 'conv 3 kernel 1', 'residual 3', 'leaky-relu 0.1', 'conv 3 kernel 1', 'shortcut 1', \
                        'layer-norm', 'residual 2', 'leaky-relu 0.2', 'sum-pool 7', 'flatten', 'linear 1'",
        sets: &["penalty.kind=wgan-gp", "penalty.weight=2"],
    },
];

/// Runs of these lists, each with one setting of its own. Adam's `eps` as elsewhere: the bias before a `BatchNorm` has no
/// gradient but rounding.
fn runs(lists: &Lists, sets: &[&str], own: &[&str]) -> Vec<Config> {
    let [generator, discriminator] = [("generator", lists.generator), ("discriminator", lists.discriminator)]
        .map(|(role, layers)| format!("model.{role}.layers=[{layers}]"));
    let common = ["model.kind=layers", &generator, &discriminator, "optimizer.eps=1e-3", "data.images=30"];
    own.iter().map(|own| small("fast", &[&common[..], lists.sets, sets, &[own]].concat())).collect()
}

#[test]
fn lists_follow_the_native_path_in_any_order() {
    for lists in &ALL {
        let [measured, states, images] =
            apart(&runs(lists, &[], &["optimizer.lr=1e-4", "optimizer.lr=3e-4"]), &[3, 2]);
        eprintln!("{}: {measured:e} {states:e} {images:e}", lists.discriminator);
        assert!(measured < 1e-5, "{}: {measured:e}", lists.discriminator);
        assert!(states < 1e-4 && images < 1e-4, "{}: {states:e} {images:e}", lists.discriminator);
    }
}

/// On a GPU a step is recorded where an epoch has enough of them.
#[test]
fn many_steps_of_a_list_in_an_epoch_follow_the_native_path() {
    let [measured, ..] = apart(&runs(&ALL[3], &["data.images=240"], &["optimizer.lr=1e-4"]), &[6, 3]);
    assert!(measured < 1e-5, "{measured:e}");
}

#[test]
fn a_list_alone_is_the_list_in_a_group() {
    let own = ["optimizer.lr=1e-4", "optimizer.lr=3e-4", "loss.label_smoothing=0.1"];
    let lanes = lanes(&runs(&UNUSUAL, &[], &own));
    let states = initial(&lanes);
    let mut group = burn(&lanes, &states);
    let fused = advance(&mut group, 6);
    for (lane, chunk) in fused.iter().enumerate() {
        assert_eq!(chunk.steps.len(), 6, "a loss is not finite");
        let mut alone = burn(&lanes[lane..=lane], &states[lane..=lane]);
        let far = chunk_distance(&advance(&mut alone, 6), std::slice::from_ref(chunk));
        assert!(far < 1e-5, "lane {lane}: {far:e}");
        let (before, trained) = (&states[lane].arrays, group.state(lane).unwrap().arrays);
        let still = before.iter().find(|(name, before)| before.values == trained[*name].values);
        assert!(still.is_none(), "{} has not moved", still.unwrap().0);
    }
}

#[test]
fn a_penalty_through_a_normalised_batch_is_refused_with_the_layer() {
    let mut config = runs(&ALL[4], &[], &["optimizer.lr=1e-4"]).remove(0);
    assert_eq!(crate::supports(&config, &like_mnist()).map_err(|it| it.to_string()), Ok(()));
    config.penalty.kind = gansweep_config::PenaltyKind::R1;
    let reason = crate::supports(&config, &like_mnist()).unwrap_err().to_string();
    assert!(reason.contains("layer 2 of the discriminator, BatchNorm2d"), "{reason}");
}
