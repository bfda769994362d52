//! Steps of multilayer perceptrons against those of the CPU backend.

use super::*;

/// Gradients of the Wasserstein and the hinge loss are of one size: in a bias those of real images and of fakes cancel to
/// rounding where as many of both count. Adam would divide rounding by rounding there, and the bias is part of the scores.
fn well_conditioned(recipe: &str) -> &'static [&'static str] {
    let cancels = matches!(config(recipe, &[]).loss.kind, LossKind::Wasserstein | LossKind::Hinge);
    if cancels { &["optimizer.eps=1e-3"] } else { &[] }
}

#[test]
fn the_first_step_of_each_recipe_is_the_native_paths() {
    for recipe in recipes() {
        let [measured, states, images] = apart(&[small(recipe, well_conditioned(recipe))], &[1]);
        eprintln!("{recipe}: {measured:e} {states:e} {images:e}");
        assert!(measured < 2e-5, "{recipe}: {measured:e}");
        // Adam's first update is the gradient's sign times lr: where a gradient is rounding error
        // its sign is a coin toss, so states may differ by twice the lr.
        assert!(states < 5e-3 && images < 2e-3, "{recipe}: {states:e} {images:e}");
    }
}

#[test]
fn each_recipe_follows_the_native_path_for_a_hundred_steps() {
    // Adam divides rounding by rounding in the biases before a DCGAN's normalisations, and rounding decides the sign of some
    // of their many activations: networks of convolutions have a test of their own, of fewer steps and with a larger `eps`.
    for recipe in recipes().filter(|name| !convolves(name)) {
        let [measured, states, images] = apart(&[small(recipe, well_conditioned(recipe))], &[60, 40]);
        eprintln!("{recipe}: {measured:e} {states:e} {images:e}");
        assert!(measured < 1e-5, "{recipe}: {measured:e}");
    }
}

#[test]
fn lanes_with_hyperparameters_of_their_own_follow_the_native_path() {
    let configs = [
        small(
            "udacity",
            &["optimizer.lr=1e-3", "model.generator.slope=0.1", "model.discriminator.dropout=0.5"],
        ),
        small(
            "udacity",
            &["loss.label_smoothing=0.2", "optimizer.beta1=0.5", "train.noise=shared", "loss.combine=mean"],
        ),
        small(
            "udacity",
            &[
                "model.generator.activation=relu",
                "model.latent=normal",
                "optimizer.eps=1e-6",
                "train.shuffle=true",
            ],
        ),
    ];
    let [measured, states, images] = apart(&configs, &[20]);
    eprintln!("{measured:e} {states:e} {images:e}");
    assert!(measured < 1e-5, "{measured:e}");
}

#[test]
fn each_loss_follows_the_native_path() {
    for kind in cases(LossKind::ALL) {
        let configs = ["1e-4", "3e-4"].map(|lr| {
            // Gradients of the hinge loss are of one size and cancel to rounding in a bias; with a small `eps`
            // Adam would divide rounding by rounding there.
            let sets = [&format!("optimizer.lr={lr}"), "optimizer.eps=1e-3", "loss.combine=mean"];
            let mut config = small("fast", &sets);
            config.loss.kind = kind;
            config
        });
        let [measured, states, images] = apart(&configs, &[30]);
        eprintln!("{kind:?}: {measured:e} {states:e} {images:e}");
        assert!(measured < 1e-5, "{kind:?}: {measured:e}");
    }
}

#[test]
fn each_loss_of_differences_follows_the_native_path() {
    for kind in cases([LossKind::NonSaturating, LossKind::LeastSquares, LossKind::Hinge]) {
        for relativistic in [Relativistic::Paired, Relativistic::Average] {
            let configs = ["sum", "mean"].map(|combine| {
                let sets = [&format!("loss.combine={combine}"), "optimizer.eps=1e-3", "train.d_steps=2"];
                let mut config = small("fast", &sets);
                config.loss.kind = kind;
                config.loss.relativistic = relativistic;
                config
            });
            let [measured, states, images] = apart(&configs, &[30]);
            eprintln!("{kind:?}, {relativistic:?}: {measured:e} {states:e} {images:e}");
            assert!(measured < 1e-5, "{kind:?}, {relativistic:?}: {measured:e}");
        }
    }
}

#[test]
fn noise_on_labels_and_images_follows_the_native_path() {
    let all = [
        ["loss.label_flip=0.3", "loss.fake_label_smoothing=0.2", "loss.kind=least-squares"],
        ["loss.label_flip=0.2", "loss.relativistic=paired", "train.d_steps=2"],
        ["train.instance_noise=0.5", "train.instance_noise_epochs=0.004", "loss.relativistic=average"],
        ["train.instance_noise=0.2", "penalty.kind=dragan", "train.d_steps=2"],
    ];
    for sets in cases(all) {
        let own = ["loss.label_smoothing=0.1", "loss.label_smoothing=0"];
        let configs = own.map(|own| small("fast", &[&sets[..], &[own, "optimizer.eps=1e-3"]].concat()));
        let [measured, states, images] = apart(&configs, &[30]);
        eprintln!("{sets:?}: {measured:e} {states:e} {images:e}");
        assert!(measured < 1e-5, "{sets:?}: {measured:e}");
    }
}

#[test]
fn changes_of_images_follow_the_native_path() {
    let all = [
        ["augment.color=1", "augment.translation=0", "augment.cutout=0", "train.noise=shared"],
        ["augment.color=0", "augment.translation=0.125", "augment.cutout=0", "train.d_steps=2"],
        ["augment.color=0", "augment.translation=0", "augment.cutout=0.5", "penalty.kind=wgan-gp"],
        ["augment.color=1", "augment.translation=0.3", "augment.cutout=0.3", "loss.relativistic=average"],
        ["augment.color=1", "augment.translation=0.3", "train.instance_noise=0.1", "penalty.kind=r1-r2"],
    ];
    for sets in cases(all) {
        // Lanes of their own strengths.
        let configs = [1.0, 0.5].map(|share| {
            let mut config = small("fast", &[&sets[..], &["optimizer.eps=1e-3"]].concat());
            let gansweep_config::AugmentConfig { color, translation, cutout } = &mut config.augment;
            for strength in [color, translation, cutout] {
                *strength *= share;
            }
            config
        });
        let [measured, states, images] = apart(&configs, &[30]);
        eprintln!("{sets:?}: {measured:e} {states:e} {images:e}");
        assert!(measured < 1e-5, "{sets:?}: {measured:e}");
    }
}

#[test]
fn each_penalty_follows_the_native_path() {
    let all = [
        ["wgan-gp", "penalty.every=1", "model.discriminator.dropout=0.3"],
        ["wgan-gp", "penalty.one_sided=true", "model.discriminator.dropout=0"],
        ["dragan", "penalty.every=3", "model.discriminator.dropout=0.3"],
        ["r1", "penalty.every=2", "model.discriminator.dropout=0.3"],
        ["r2", "penalty.every=1", "model.discriminator.dropout=0"],
        ["r1-r2", "penalty.every=1", "model.discriminator.dropout=0.3"],
    ];
    for [kind, one, other] in cases(all) {
        let configs = ["0.5", "10"].map(|weight| {
            let (kind, weight) = (format!("penalty.kind={kind}"), format!("penalty.weight={weight}"));
            small("fast", &[&kind, &weight, one, other, "optimizer.eps=1e-3", "train.d_steps=2"])
        });
        let [measured, states, images] = apart(&configs, &[30]);
        eprintln!("{kind}, {one}: {measured:e} {states:e} {images:e}");
        assert!(measured < 1e-5, "{kind}, {one}: {measured:e}");
    }
}

/// Settings of conditional models: both networks in all forms, and all that decides which classes fakes and the points
/// of a penalty have.
const CONDITIONAL: [&[&str]; 8] = [
    &["model.discriminator.condition=concat", "model.embedding=7", "train.ema=0.9"],
    &["model.discriminator.condition=projection", "model.embedding=3", "train.d_steps=2"],
    &["model.discriminator.condition=concat", "train.noise=shared", "train.d_steps=2", "data.flip=true"],
    &["model.discriminator.condition=projection", "loss.relativistic=average", "train.instance_noise=0.2"],
    &["model.discriminator.condition=projection", "penalty.kind=wgan-gp", "penalty.every=2"],
    &["model.discriminator.condition=concat", "penalty.kind=dragan", "train.d_steps=2"],
    &["model.discriminator.condition=projection", "penalty.kind=r1-r2", "penalty.weight=0.5"],
    &["model.generator.condition=batch-norm", "train.d_steps=2", "train.ema=0.9"],
];

#[test]
fn conditional_models_follow_the_native_path() {
    for sets in cases(CONDITIONAL) {
        let configs = ["1e-4", "3e-4"].map(|lr| {
            let own = ["model.conditional=true", "optimizer.eps=1e-3", "data.images=100"];
            small("fast", &[&own, sets, &[&format!("optimizer.lr={lr}")]].concat())
        });
        let [measured, states, images] = apart(&configs, &[8, 5, 9]);
        eprintln!("{sets:?}: {measured:e} {states:e} {images:e}");
        assert!(measured < 1e-5, "{sets:?}: {measured:e}");
        assert!(states < 1e-4 && images < 1e-4, "{sets:?}: {states:e} {images:e}");
    }
}

#[test]
fn layer_norm_follows_the_native_path() {
    let config = |lr: &str| small("udacity", &["model.layer_norm=true", &format!("optimizer.lr={lr}")]);
    let [measured, states, images] = apart(&["1e-4", "3e-4"].map(config), &[30]);
    eprintln!("{measured:e} {states:e} {images:e}");
    assert!(measured < 1e-5, "{measured:e}");
}

#[test]
fn averages_follow_the_native_path_with_decays_of_each_lanes_own() {
    let decays = [["train.ema=0.9", "train.ema_warmup=false"], ["train.ema=0.5", "train.ema_warmup=true"]];
    // Adam's `eps` as elsewhere: the bias before a BatchNorm has no gradient but rounding.
    let configs = decays.map(|sets| small("fast", &[&sets[..], &["optimizer.eps=1e-3"]].concat()));
    let [measured, states, images] = apart(&configs, &[30]);
    eprintln!("{measured:e} {states:e} {images:e}");
    assert!(measured < 1e-5 && states < 1e-4 && images < 1e-4, "{measured:e} {states:e} {images:e}");
    let lanes = lanes(&configs);
    let mut group = burn(&lanes, &initial(&lanes));
    advance(&mut group, 7);
    for (index, lane) in lanes.iter().enumerate() {
        let state = group.state(index).unwrap();
        let mut alone = burn(std::slice::from_ref(lane), &initial(std::slice::from_ref(lane)));
        advance(&mut alone, 7);
        let far = state_distance(&alone.state(0).unwrap(), &state);
        assert!(far < 1e-5, "lane {index}: {far:e}");
        let moved = |name: &str| {
            let (average, own) = (&state.arrays[&format!("ema.{name}")], &state.arrays[name]);
            distance(&average.values, &own.values)
        };
        for name in ["generator.0.weight", "generator.1.running_mean", "generator.1.running_var"] {
            assert!(moved(name) > 1e-4, "{name} of lane {index} is no average: {:e}", moved(name));
        }
    }
}

#[test]
fn each_optimizer_follows_the_native_path() {
    for optimizer in cases(NetworkOptimizer::examples()) {
        let configs = [1e-4, 3e-4].map(|lr| {
            let own = NetworkOptimizer { lr, ..optimizer };
            let mut config = small("fast", &[]);
            config.optimizer = OptimizerConfig { generator: own, discriminator: own };
            config
        });
        let [measured, states, images] = apart(&configs, &[30]);
        eprintln!("{optimizer:?}: {measured:e} {states:e} {images:e}");
        assert!(measured < 1e-5, "{optimizer:?}: {measured:e}");
    }
}

#[test]
fn partial_batches_and_several_discriminator_steps_follow_the_native_path() {
    // 50 images: four batches of 12 and one of 2, so three steps of two, two and one updates.
    let config = small("coursera", &["data.images=50", "train.d_steps=2", "train.drop_last=false"]);
    let [measured, states, images] = apart(&[config], &[2, 1, 4]);
    eprintln!("{measured:e} {states:e} {images:e}");
    assert!(measured < 1e-5, "{measured:e}");
}

#[test]
fn flips_follow_the_native_path() {
    let config = small("fast", &["data.flip=true", "data.images=100"]);
    let [measured, ..] = apart(std::slice::from_ref(&config), &[9, 9, 9]);
    assert!(measured < 1e-5, "{measured:e}");
    // And they are not what the unflipped images give.
    let plain = small("fast", &["data.images=100"]);
    let steps = |config: Config| {
        let lanes = lanes(&[config]);
        advance(&mut burn(&lanes, &initial(&lanes)), 9)
    };
    assert!(chunk_distance(&steps(config), &steps(plain)) > 1e-4);
}

#[test]
fn a_full_size_jovian_follows_the_native_path() {
    let [measured, states, images] = apart(&[config("jovian", &["data.images=3000"])], &[20]);
    eprintln!("{measured:e} {states:e} {images:e}");
    assert!(measured < 1e-5, "{measured:e}");
}
