//! The Burn backend against the hand-written CPU backend, and against itself.

#[cfg(feature = "wgpu")]
mod driver;
mod lists;
pub(super) mod recording;

use std::sync::{Arc, LazyLock};

use gansweep_config::{Config, LossKind, NetworkOptimizer, OptimizerConfig, Relativistic, SampleMode};
use gansweep_fixtures::config::{config, like_mnist};
use rand::Rng;

use super::TensorTrainer;
use super::masks::{MaskMaker, integers};
use super::step_plan::{Mask, MaskGroup, MaskPlan};
use crate::device::{self, OpenDevice};
use gansweep_cpu::CpuTrainer;
use gansweep_nn::rng::{Key, Pass, Purpose, dropout_mask};
use gansweep_nn::state::LaneState;
use gansweep_protocol::{Metric, SampleSource};
use gansweep_train::DeviceName;
use gansweep_train::{Lane, LaneChunk, Latents, Trainer, TrainingImages};

/// Layers small enough for a test, with widths that no vector or tile divides.
const SMALL: [&str; 6] = [
    "model.generator.hidden=[20, 37]",
    "model.discriminator.hidden=[33, 18]",
    "model.generator.width=5",
    "model.discriminator.width=3",
    "model.latent_dim=9",
    "train.batch_size=12",
];

/// The device of these tests: `GANSWEEP_TEST_DEVICE`, or the first that the build has.
pub(super) fn test_device() -> OpenDevice {
    static OPEN: LazyLock<OpenDevice> = LazyLock::new(|| {
        let first = match (cfg!(feature = "flex"), cfg!(feature = "wgpu")) {
            (true, _) => DeviceName::Flex,
            (_, true) => DeviceName::Vulkan(0),
            _ => DeviceName::LibtorchCpu,
        };
        let name = std::env::var("GANSWEEP_TEST_DEVICE").unwrap_or_else(|_| first.to_string());
        let device = device::open(name.parse().unwrap()).unwrap();
        // To find out whether it is a recorded step that is wrong.
        if std::env::var_os("GANSWEEP_TEST_ISSUED").is_some() { device.without_replay() } else { device }
    });
    OPEN.clone()
}

fn small(recipe: &str, sets: &[&str]) -> Config {
    config(recipe, &[&SMALL[..], sets].concat())
}

fn images(config: &Config) -> TrainingImages {
    let (shape, count) = (like_mnist().image, config.images(&like_mnist()) as usize);
    let mut bytes = vec![0; count * shape.size()];
    Key::new(1, Purpose::Generate, &[]).generator().fill_bytes(&mut bytes);
    let labels = (0..count).map(|image| (image % like_mnist().classes as usize) as u16).collect();
    let (bytes, labels) = (Arc::new(bytes), Arc::new(labels));
    TrainingImages { shape, bytes, labels, count, pixels: config.data.pixels }.with_flips(&config.data)
}

pub(super) fn lanes(configs: &[Config]) -> Vec<Lane> {
    configs
        .iter()
        .zip(7..)
        .map(|(config, seed)| Lane { config: config.clone(), spec: like_mnist(), seed })
        .collect()
}

pub(super) fn initial(lanes: &[Lane]) -> Vec<LaneState> {
    lanes.iter().map(|lane| LaneState::initial(&lane.config, &lane.spec, lane.seed).unwrap()).collect()
}

pub(super) fn burn(lanes: &[Lane], states: &[LaneState]) -> TensorTrainer {
    let images = images(&lanes[0].config);
    TensorTrainer::new(&test_device(), lanes.to_vec(), states.to_vec(), &images).unwrap()
}

fn native(lanes: &[Lane], states: &[LaneState]) -> CpuTrainer {
    CpuTrainer::new(lanes.to_vec(), states.to_vec(), images(&lanes[0].config), 1).unwrap()
}

pub(super) fn advance(trainer: &mut dyn Trainer, steps: u32) -> Vec<LaneChunk> {
    trainer.advance(steps, true).unwrap().into_iter().flatten().collect()
}

/// All metrics but accuracies: where an output is at the threshold, a rounding moves an accuracy by a whole
/// image. (The oracle of `cpu` tests accuracies; `apart` tests that backends agree on them.)
fn numbers(chunk: &LaneChunk) -> Vec<f32> {
    let is_smooth = |metric: &Metric| !ACCURACIES.contains(metric);
    let of_step = |row: &[f32]| {
        let named = Metric::of_steps().zip(row.to_vec());
        named.filter(|(metric, _)| is_smooth(metric)).map(|(_, value)| value).collect::<Vec<_>>()
    };
    chunk.steps.iter().flat_map(of_step).chain(chunk.point.iter().flatten().copied()).collect()
}

const ACCURACIES: [Metric; 2] = [Metric::DAccuracyReal, Metric::DAccuracyFake];

/// Whether accuracies differ by no more than an image here and there.
fn accuracies_agree(a: &[LaneChunk], b: &[LaneChunk]) -> bool {
    a.iter().zip(b).all(|(a, b)| {
        ACCURACIES.into_iter().all(|metric| {
            let (a, b) = (a.steps.column(metric), b.steps.column(metric));
            let apart: f32 = a.iter().zip(&b).map(|(a, b)| (a - b).abs()).sum();
            a.len() == b.len() && apart <= 0.01 * a.len() as f32 + 0.1
        })
    })
}

/// The largest difference, relative to numbers above one and absolute below.
fn distance(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| (a - b).abs() / a.abs().max(b.abs()).max(1.0)).fold(0.0, f32::max)
}

fn chunk_distance(a: &[LaneChunk], b: &[LaneChunk]) -> f32 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| distance(&numbers(a), &numbers(b))).fold(0.0, f32::max)
}

fn state_distance(a: &LaneState, b: &LaneState) -> f32 {
    assert_eq!(
        (a.step, a.generator_updates, a.discriminator_updates),
        (b.step, b.generator_updates, b.discriminator_updates)
    );
    assert!(a.arrays.keys().eq(b.arrays.keys()));
    a.arrays.iter().map(|(name, array)| distance(&array.values, &b.arrays[name].values)).fold(0.0, f32::max)
}

/// Fixed latents of each lane, and a class for each image.
fn latents(lanes: &[Lane], count: usize) -> Latents {
    Latents {
        lanes: lanes.iter().map(|lane| gansweep_train::fixed_latents(3, &lane.config, count)).collect(),
        classes: gansweep_train::classes_in_turn(&lanes[0].spec, count),
    }
}

/// The distance of both backends after training the same lanes: in metrics, states, samples.
fn apart(configs: &[Config], steps: &[u32]) -> [f32; 3] {
    let lanes = lanes(configs);
    let states = initial(&lanes);
    let (mut burn, mut native) = (burn(&lanes, &states), native(&lanes, &states));
    let mut far = [0.0f32; 3];
    for &steps in steps {
        let (ours, theirs) = (advance(&mut burn, steps), advance(&mut native, steps));
        assert!(accuracies_agree(&ours, &theirs));
        far[0] = far[0].max(chunk_distance(&ours, &theirs));
    }
    let latents = latents(&lanes, 6);
    for lane in 0..lanes.len() {
        far[1] = far[1].max(state_distance(&burn.state(lane).unwrap(), &native.state(lane).unwrap()));
    }
    let sources = if configs[0].train.ema > 0.0 { &SampleSource::ALL[..] } else { &[SampleSource::Raw] };
    for mode in [SampleMode::Eval, SampleMode::BatchStatistics] {
        for &source in sources {
            let ours = burn.sample(&latents, mode, source).unwrap();
            let theirs = native.sample(&latents, mode, source).unwrap();
            for (a, b) in ours.iter().flatten().zip(theirs.iter().flatten()) {
                far[2] = far[2].max(distance(a, b));
            }
        }
    }
    far
}

/// The recipes that this backend trains.
fn recipes() -> impl Iterator<Item = &'static str> {
    let trained = |name: &&str| crate::supports(&config(name, &[]), &like_mnist()).is_ok();
    gansweep_config::recipes::NAMES.into_iter().filter(trained)
}

/// A bias of a Wasserstein critic has the gradients of real images and of fakes, which cancel to rounding where as many
/// of both are above zero. Adam would divide rounding by rounding there, and the bias is part of the scores.
fn well_conditioned(recipe: &str) -> &'static [&'static str] {
    if recipe == "wgan-gp" { &["optimizer.eps=1e-3"] } else { &[] }
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
    // of their many activations: DCGANs have a test of their own, of fewer steps and with a larger `eps`.
    for recipe in recipes().filter(|name| *name != "dcgan") {
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
    for kind in LossKind::ALL {
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
    for kind in [LossKind::NonSaturating, LossKind::LeastSquares, LossKind::Hinge] {
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
    for sets in all {
        let own = ["loss.label_smoothing=0.1", "loss.label_smoothing=0"];
        let configs = own.map(|own| small("fast", &[&sets[..], &[own, "optimizer.eps=1e-3"]].concat()));
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
    for [kind, one, other] in all {
        let configs = ["0.5", "10"].map(|weight| {
            let (kind, weight) = (format!("penalty.kind={kind}"), format!("penalty.weight={weight}"));
            small("fast", &[&kind, &weight, one, other, "optimizer.eps=1e-3", "train.d_steps=2"])
        });
        let [measured, states, images] = apart(&configs, &[30]);
        eprintln!("{kind}, {one}: {measured:e} {states:e} {images:e}");
        assert!(measured < 1e-5, "{kind}, {one}: {measured:e}");
    }
}

/// Settings of conditional models: the discriminator in both forms, and all that decides which classes fakes and the points
/// of a penalty have.
const CONDITIONAL: [&[&str]; 7] = [
    &["model.discriminator.condition=concat", "model.embedding=7", "train.ema=0.9"],
    &["model.discriminator.condition=projection", "model.embedding=3", "train.d_steps=2"],
    &["model.discriminator.condition=concat", "train.noise=shared", "train.d_steps=2", "data.flip=true"],
    &["model.discriminator.condition=projection", "loss.relativistic=average", "train.instance_noise=0.2"],
    &["model.discriminator.condition=projection", "penalty.kind=wgan-gp", "penalty.every=2"],
    &["model.discriminator.condition=concat", "penalty.kind=dragan", "train.d_steps=2"],
    &["model.discriminator.condition=projection", "penalty.kind=r1-r2", "penalty.weight=0.5"],
];

#[test]
fn conditional_models_follow_the_native_path() {
    for sets in CONDITIONAL {
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
fn a_conditional_lane_alone_is_the_lane_in_a_group_and_goes_on_in_another() {
    for condition in ["concat", "projection"] {
        let condition = format!("model.discriminator.condition={condition}");
        let sets = ["model.conditional=true", "data.images=50", "optimizer.eps=1e-3", &condition];
        let configs = ["1e-4", "3e-4", "1e-3"]
            .map(|lr| small("coursera", &[&sets[..], &[&format!("optimizer.lr={lr}")]].concat()));
        let lanes = lanes(&configs);
        let states = initial(&lanes);
        let mut group = burn(&lanes, &states);
        let first = advance(&mut group, 7);
        let kept: Vec<_> = (0..3).map(|lane| group.state(lane).unwrap()).collect();
        let next = advance(&mut group, 9);
        for lane in 0..3 {
            let own = &lanes[lane..=lane];
            for name in ["generator.embedding.weight", "discriminator.embedding.weight"] {
                assert_ne!(
                    states[lane].arrays[name], kept[lane].arrays[name],
                    "{condition}: {name}, lane {lane}"
                );
            }
            let far = chunk_distance(&advance(&mut burn(own, &states[lane..=lane]), 7), &first[lane..=lane]);
            assert!(far < 1e-5, "{condition}, lane {lane} alone: {far:e}");
            let far = chunk_distance(&advance(&mut burn(own, &kept[lane..=lane]), 9), &next[lane..=lane]);
            assert!(far < 1e-5, "{condition}, lane {lane} resumed: {far:e}");
        }
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
fn spectral_norm_follows_the_native_path() {
    let all: [&[&str]; 4] = [
        &["loss.kind=hinge"],
        &["model.discriminator.batch_norm=true", "train.d_steps=2", "train.ema=0.9"],
        &["loss.kind=wasserstein", "penalty.kind=wgan-gp"],
        &["model.generator.spectral_norm=false", "penalty.kind=r1-r2", "optimizer.clip_norm=0.1"],
    ];
    for kind in ["model.kind=mlp", "model.kind=dcgan"] {
        for sets in all {
            let common = [kind, "model.spectral_norm=true", "optimizer.eps=1e-3", "data.images=60"];
            let config = |lr: &str| small("fast", &[&common[..], sets, &[lr]].concat());
            let [measured, states, images] =
                apart(&["optimizer.lr=1e-4", "optimizer.lr=3e-4"].map(config), &[4, 3]);
            eprintln!("{kind}, {sets:?}: {measured:e} {states:e} {images:e}");
            assert!(measured < 1e-5, "{kind}, {sets:?}: {measured:e}");
            assert!(states < 1e-4 && images < 1e-4, "{kind}, {sets:?}: {states:e} {images:e}");
        }
    }
}

#[test]
fn a_lane_with_spectral_norms_alone_is_the_lane_in_a_group_and_goes_on_from_its_state() {
    let sets = ["model.spectral_norm=true", "model.discriminator.batch_norm=true", "loss.kind=hinge"];
    let lanes = lanes(&dcgans(&sets, &["optimizer.lr=1e-4", "optimizer.lr=1e-3"]));
    let states = initial(&lanes);
    let mut whole = burn(&lanes, &states);
    assert_eq!(whole.state(1).unwrap(), states[1]);
    advance(&mut whole, 5);
    let kept = whole.state(1).unwrap();
    let expected = advance(&mut whole, 6);
    let resumed = advance(&mut burn(&lanes[1..], &[kept]), 6);
    let far = chunk_distance(&resumed, &expected[1..]);
    assert!(far < 1e-5, "{far:e}");
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
fn an_average_that_is_not_kept_draws_nothing() {
    let lanes = lanes(&[small("fast", &[])]);
    let latents = latents(&lanes[..1], 4);
    let drawn = burn(&lanes, &initial(&lanes)).sample(&latents, SampleMode::Eval, SampleSource::Ema);
    let error = drawn.unwrap_err();
    assert!(error.to_string().contains("lane 0 keeps no average"), "{error}");
}

#[test]
fn each_optimizer_follows_the_native_path() {
    for optimizer in NetworkOptimizer::examples() {
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

/// Small DCGANs, each with one setting of its own. Adam's `eps` as elsewhere: the bias before a `BatchNorm` has no gradient
/// but rounding.
fn dcgans(sets: &[&str], own: &[&str]) -> Vec<Config> {
    let common = ["model.kind=dcgan", "optimizer.eps=1e-3", "data.images=30"];
    own.iter().map(|own| small("fast", &[&common[..], sets, &[own]].concat())).collect()
}

#[test]
fn convolutions_follow_the_native_path_with_every_normalisation_and_dropout() {
    let all: [&[&str]; 4] = [
        &["model.discriminator.batch_norm=true", "model.dropout=0"],
        &["model.batch_norm=false", "model.layer_norm=true", "model.dropout=0.3", "train.d_steps=2"],
        &["model.discriminator.batch_norm=true", "loss.relativistic=average", "train.ema=0.9"],
        // Only one of the networks has convolutions.
        &["model.discriminator.kind=mlp", "model.generator.batch_norm=false", "model.generator.dropout=0.2"],
    ];
    for sets in all {
        let configs = dcgans(sets, &["optimizer.lr=1e-4", "optimizer.lr=3e-4"]);
        let [measured, states, images] = apart(&configs, &[3, 2]);
        eprintln!("{sets:?}: {measured:e} {states:e} {images:e}");
        assert!(measured < 1e-5, "{sets:?}: {measured:e}");
        assert!(states < 1e-4 && images < 1e-4, "{sets:?}: {states:e} {images:e}");
    }
}

#[test]
fn conditional_dcgans_follow_the_native_path() {
    let all: [&[&str]; 4] = [
        &["model.discriminator.condition=concat", "model.discriminator.batch_norm=true", "train.ema=0.9"],
        &["model.discriminator.condition=projection", "model.embedding=4", "train.d_steps=2"],
        &["model.discriminator.condition=concat", "penalty.kind=wgan-gp"],
        &["model.discriminator.condition=projection", "penalty.kind=r1-r2", "train.noise=shared"],
    ];
    for sets in all {
        let own = [&["model.conditional=true", "model.dropout=0"], sets].concat();
        let configs = dcgans(&own, &["optimizer.lr=1e-4", "optimizer.lr=3e-4"]);
        let [measured, states, images] = apart(&configs, &[3, 2]);
        eprintln!("{sets:?}: {measured:e} {states:e} {images:e}");
        assert!(measured < 1e-5, "{sets:?}: {measured:e}");
        assert!(states < 1e-4 && images < 1e-4, "{sets:?}: {states:e} {images:e}");
    }
}

/// On a GPU a step is recorded where an epoch has enough of them.
#[test]
fn many_steps_of_convolutions_in_an_epoch_follow_the_native_path() {
    let [measured, ..] = apart(&dcgans(&["data.images=120"], &["optimizer.lr=1e-4"]), &[6, 3]);
    assert!(measured < 1e-5, "{measured:e}");
}

#[test]
fn each_penalty_of_convolutions_follows_the_native_path() {
    let all = [
        ["wgan-gp", "penalty.every=1", "model.discriminator.dropout=0.3"],
        ["dragan", "penalty.every=2", "model.discriminator.dropout=0"],
        ["r1-r2", "penalty.every=1", "model.discriminator.dropout=0.3"],
    ];
    for [kind, one, other] in all {
        let kind = format!("penalty.kind={kind}");
        let configs =
            dcgans(&[&kind, one, other, "train.d_steps=2"], &["penalty.weight=0.5", "penalty.weight=10"]);
        let [measured, states, images] = apart(&configs, &[5]);
        eprintln!("{kind}, {one}: {measured:e} {states:e} {images:e}");
        assert!(measured < 1e-5 && states < 1e-4, "{kind}, {one}: {measured:e} {states:e}");
    }
}

#[test]
fn a_penalised_critic_of_convolutions_alone_is_the_one_in_a_group() {
    for layer_norm in [false, true] {
        let own = ["penalty.weight=0.5", "penalty.weight=10", "model.discriminator.slope=0.3"];
        let mut configs = dcgans(&["penalty.kind=wgan-gp", "model.discriminator.dropout=0.3"], &own);
        for config in &mut configs {
            config.model.discriminator.layer_norm = layer_norm;
        }
        let lanes = lanes(&configs);
        let states = initial(&lanes);
        let fused = advance(&mut burn(&lanes, &states), 6);
        for (lane, chunk) in fused.iter().enumerate() {
            assert_eq!(chunk.steps.len(), 6, "a loss is not finite");
            let solo = advance(&mut burn(&lanes[lane..=lane], &states[lane..=lane]), 6);
            let far = chunk_distance(&solo, std::slice::from_ref(chunk));
            assert!(far < 1e-5, "layer norm {layer_norm}, lane {lane}: {far:e}");
        }
    }
}

#[test]
fn a_dcgan_alone_is_the_dcgan_in_a_group_and_trains() {
    let own = ["model.generator.slope=0.3", "model.generator.slope=0.1", "model.discriminator.dropout=0.3"];
    let sets = [
        "model.discriminator.batch_norm=true",
        "model.generator.activation=leaky-relu",
        "model.discriminator.dropout=0.5",
        "train.ema=0.9",
    ];
    let lanes = lanes(&dcgans(&sets, &own));
    let states = initial(&lanes);
    let mut group = burn(&lanes, &states);
    let fused = advance(&mut group, 12);
    for (lane, chunk) in fused.iter().enumerate() {
        assert_eq!(chunk.steps.len(), 12, "a loss is not finite");
        let mut alone = burn(&lanes[lane..=lane], &states[lane..=lane]);
        let far = chunk_distance(&advance(&mut alone, 12), std::slice::from_ref(chunk));
        assert!(far < 1e-5, "lane {lane}: {far:e}");
        let (before, trained) = (&states[lane].arrays, group.state(lane).unwrap().arrays);
        assert!(before.keys().eq(trained.keys()));
        let still = before.iter().find(|(name, before)| before.values == trained[*name].values);
        assert!(still.is_none(), "{} has not moved", still.unwrap().0);
    }
}

#[test]
fn a_dcgan_goes_on_from_its_state_in_another_group() {
    let sets = ["model.discriminator.batch_norm=true"];
    let lanes = lanes(&dcgans(&sets, &["optimizer.lr=1e-4", "optimizer.lr=1e-3"]));
    let states = initial(&lanes);
    let mut whole = burn(&lanes, &states);
    for (lane, state) in states.iter().enumerate() {
        assert_eq!(whole.state(lane).unwrap(), *state);
    }
    advance(&mut whole, 5);
    let kept = whole.state(1).unwrap();
    let expected = advance(&mut whole, 6);
    let resumed = advance(&mut burn(&lanes[1..], &[kept]), 6);
    let far = chunk_distance(&resumed, &expected[1..]);
    assert!(far < 1e-5, "{far:e}");
}

#[test]
fn a_dcgan_that_is_not_a_number_changes_no_bit_of_its_neighbours() {
    let lanes = lanes(&dcgans(&["model.discriminator.batch_norm=true"], &["optimizer.lr=1e-4"; 3]));
    let healthy = initial(&lanes);
    let mut broken = healthy.clone();
    broken[1].arrays.get_mut("discriminator.0.weight").unwrap().values[5] = f32::NAN;
    let (mut with, mut without) = (burn(&lanes, &broken), burn(&lanes, &healthy));
    let (a, b) = (advance(&mut with, 6), advance(&mut without, 6));
    assert!(a[1].steps.len() <= 1, "a lane's steps end with the first that is not finite");
    for lane in [0, 2] {
        assert_eq!(a[lane], b[lane]);
        assert_eq!(with.state(lane).unwrap(), without.state(lane).unwrap());
    }
}

#[test]
fn images_drawn_in_many_passes_are_those_of_one() {
    let own = ["model.generator.slope=0.3", "model.generator.slope=0.1", "model.generator.slope=0.2"];
    let lanes = lanes(&dcgans(&["train.batch_size=6", "model.generator.activation=leaky-relu"], &own));
    let mut trainer = burn(&lanes, &initial(&lanes));
    advance(&mut trainer, 3);
    let states: Vec<_> = (0..3).map(|lane| trainer.state(lane).unwrap()).collect();
    let latents = |(lane, seed): (&Lane, u64)| gansweep_train::fixed_latents(seed, &lane.config, 25);
    let classes = vec![0; 25];
    let latents = Latents { lanes: lanes.iter().zip(3..).map(latents).collect(), classes };
    for mode in [SampleMode::Eval, SampleMode::BatchStatistics] {
        // More images than three lanes have in a step.
        let drawn = trainer.sample(&latents, mode, SampleSource::Raw).unwrap();
        for (lane, drawn) in drawn.into_iter().enumerate() {
            let mut native = native(&lanes[lane..=lane], &states[lane..=lane]);
            let own = Latents { lanes: vec![latents.lanes[lane].clone()], classes: latents.classes.clone() };
            let expected = native.sample(&own, mode, SampleSource::Raw).unwrap();
            let far = distance(&drawn.unwrap(), expected[0].as_ref().unwrap());
            assert!(far < 1e-4, "lane {lane}: {far:e}");
        }
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

#[test]
fn a_lane_alone_is_the_lane_in_a_group() {
    let configs = ["1e-4", "3e-4", "1e-3"].map(|lr| small("realpython", &[&format!("optimizer.lr={lr}")]));
    let lanes = lanes(&configs);
    let states = initial(&lanes);
    let fused = advance(&mut burn(&lanes, &states), 30);
    for (lane, chunk) in fused.iter().enumerate() {
        let solo = advance(&mut burn(&lanes[lane..=lane], &states[lane..=lane]), 30);
        let far = chunk_distance(&solo, std::slice::from_ref(chunk));
        eprintln!("lane {lane}: {far:e}");
        assert!(far < 1e-5, "lane {lane}: {far:e}");
    }
}

#[test]
fn a_lane_that_is_not_a_number_changes_no_bit_of_its_neighbours() {
    let configs = [small("fast", &[]), small("fast", &[]), small("fast", &[])];
    let lanes = lanes(&configs);
    let healthy = initial(&lanes);
    let mut broken = healthy.clone();
    broken[1].arrays.get_mut("generator.0.weight").unwrap().values[5] = f32::NAN;
    let (mut with, mut without) = (burn(&lanes, &broken), burn(&lanes, &healthy));
    let (a, b) = (advance(&mut with, 12), advance(&mut without, 12));
    assert_eq!(a[1].steps.len(), 1, "a lane's steps end with the first that is not finite");
    for lane in [0, 2] {
        assert_eq!(a[lane], b[lane]);
        assert_eq!(with.state(lane).unwrap(), without.state(lane).unwrap());
    }
    with.retire(1);
    assert!(with.advance(1, false).unwrap()[1].is_none());
}

#[test]
fn a_state_comes_back_as_it_was_given() {
    let averaged = |set: &str| small("coursera", &["train.ema=0.99", set]);
    let lanes = lanes(&["optimizer.lr=1e-4", "optimizer.lr=1e-3"].map(averaged));
    let states = initial(&lanes);
    let mut trainer = burn(&lanes, &states);
    for (lane, state) in states.iter().enumerate() {
        assert_eq!(trainer.state(lane).unwrap(), *state);
    }
}

#[test]
fn a_lane_resumed_in_another_group_goes_on_as_it_would_have() {
    let config = |lr: &str| small("coursera", &["data.images=50", &format!("optimizer.lr={lr}")]);
    let lanes = lanes(&["1e-4", "2e-4", "3e-4", "4e-4", "5e-4"].map(config));
    let states = initial(&lanes);
    let mut whole = burn(&lanes[..3], &states[..3]);
    let first = advance(&mut whole, 7);
    let kept = [2, 0].map(|lane| whole.state(lane).unwrap());
    let expected = advance(&mut whole, 9);
    // With strangers, at other places, in a larger group, from the middle of an epoch.
    let mut others = burn(&lanes[3..], &states[3..]);
    advance(&mut others, 7);
    let others = [0, 1].map(|lane| others.state(lane).unwrap());
    let [two, zero] = kept;
    let [three, four] = others;
    let group: Vec<_> = [3, 2, 4, 0].map(|lane: usize| lanes[lane].clone()).into();
    let resumed = advance(&mut burn(&group, &[three, two, four, zero]), 9);
    let mine = [resumed[1].clone(), resumed[3].clone()];
    let far = chunk_distance(&mine, &[expected[2].clone(), expected[0].clone()]);
    eprintln!("{far:e}");
    assert!(far < 1e-5, "{far:e}");
    assert_eq!(first[0].steps.len(), 7);
}

#[test]
fn lanes_at_different_places_in_epochs_of_equal_steps_train_together() {
    let config = |lr: &str| small("jovian", &["data.images=48", &format!("optimizer.lr={lr}")]);
    let lanes = lanes(&["1e-4", "2e-4"].map(config));
    let states = initial(&lanes);
    let mut first = burn(&lanes[..1], &states[..1]);
    advance(&mut first, 7);
    let ahead = first.state(0).unwrap();
    let mut second = burn(&lanes[1..], &states[1..]);
    let expected = [advance(&mut first, 9), advance(&mut second, 9)].concat();
    let together = advance(&mut burn(&lanes, &[ahead, states[1].clone()]), 9);
    let far = chunk_distance(&together, &expected);
    eprintln!("{far:e}");
    assert!(far < 1e-5, "{far:e}");
}

#[test]
fn lanes_whose_next_batches_differ_in_size_are_refused() {
    let lanes = lanes(&vec![small("coursera", &["data.images=50"]); 2]);
    let mut states = initial(&lanes);
    states[1].step = 1;
    let error =
        TensorTrainer::new(&test_device(), lanes.clone(), states, &images(&lanes[0].config)).unwrap_err();
    assert!(error.to_string().contains("lane 1 stands elsewhere"), "{error}");
}

#[test]
fn drawing_samples_leaves_every_state_as_it_was() {
    let lanes = lanes(&vec![small("coursera", &["train.ema=0.9"]); 2]);
    let mut trainer = burn(&lanes, &initial(&lanes));
    advance(&mut trainer, 3);
    let before = trainer.state(0).unwrap();
    let latents = latents(&[lanes[0].clone(), lanes[0].clone()], 4);
    for mode in [SampleMode::Eval, SampleMode::BatchStatistics] {
        for source in SampleSource::ALL {
            let drawn = trainer.sample(&latents, mode, source).unwrap();
            assert_eq!(drawn[1].as_ref().unwrap().len(), 4 * like_mnist().image.size());
        }
    }
    assert_eq!(trainer.state(0).unwrap(), before);
}

#[test]
fn lanes_of_different_shapes_are_refused() {
    let lanes = lanes(&[small("jovian", &[]), small("jovian", &["model.latent_dim=8"])]);
    let error = TensorTrainer::new(&test_device(), lanes.clone(), initial(&lanes), &images(&lanes[0].config))
        .unwrap_err();
    assert!(error.to_string().contains("lane 1"), "{error}");
}

#[test]
fn the_device_makes_the_masks_of_the_host() {
    let device = test_device().device;
    let mask = |update, layer, batch, features| Mask {
        pass: Pass::DiscriminatorReal,
        update,
        layer,
        batch,
        features,
    };
    let masks = [mask(0, 2, 7, 5), mask(1, 4, 3, 33)];
    let seeds = [11u64, u64::MAX];
    let keys: Vec<_> = seeds
        .iter()
        .flat_map(|&seed| masks.iter().map(move |it| Key::mask(seed, 9, it.update, it.pass, it.layer)))
        .collect();
    let half = |pick: fn((u32, u32)) -> u32| {
        let values: Vec<i32> = keys.iter().map(|key| pick(key.halves()).cast_signed()).collect();
        integers(&values, &device).reshape([2, 2])
    };
    let groups = masks.iter().map(|mask| MaskGroup { rows: mask.batch, features: mask.features }).collect();
    let plan = MaskPlan { masks: masks.to_vec(), groups };
    // By mask and lane: a rate for each lane, then one for each layer too.
    for rates in [[[0.3, 0.5]; 2], [[0.3, 0.5], [0.1, 0.9]]] {
        let of_layer = |layer| rates[usize::from(layer != 2)].to_vec();
        let maker = MaskMaker::new(&plan, of_layer, &device).unwrap();
        let made = maker.make(half(|it| it.0), half(|it| it.1));
        for (index, mask) in masks.iter().enumerate() {
            let mut expected = vec![0.0; 2 * mask.count()];
            for (lane, out) in expected.chunks_mut(mask.count()).enumerate() {
                dropout_mask(keys[lane * 2 + index], rates[index][lane], out);
            }
            assert_eq!(made[index].try_to_vec_as::<f32>().unwrap(), expected);
        }
    }
}
