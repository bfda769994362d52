//! The estimate of a lane's memory next to what a trainer allocates, and what is refused by it.

use std::sync::Arc;

use gansweep_config::Config;
use gansweep_cpu::{CpuTrainer, lane_bytes};
use gansweep_fixtures::config::{config, like_mnist};
use gansweep_fixtures::memory::{CountingAllocator, peak_of};
use gansweep_nn::state::{LaneState, state_bytes};
use gansweep_train::{Lane, TrainError, TrainingImages};

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

fn images(config: &Config) -> TrainingImages {
    let (shape, count) = (like_mnist().image, config.images(&like_mnist()) as usize);
    // Noise, which is not sparse.
    let bytes = (0..count * shape.size()).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let (bytes, labels) = (Arc::new(bytes), Arc::new(vec![0; count]));
    TrainingImages { shape, bytes, labels, count, pixels: config.data.pixels }
}

/// A critic of convolutions whose layer normalisation has a penalty.
const NORMALISED_CRITIC: [&str; 6] = [
    "model.conditional=false",
    "model.kind=dcgan",
    "model.discriminator.batch_norm=false",
    "model.discriminator.layer_norm=true",
    "penalty.kind=r1-r2",
    "data.images=512",
];

/// Residual blocks in both networks, and a penalty.
const RESIDUAL: [&str; 6] = [
    "model.kind=layers",
    "model.conditional=false",
    "penalty.kind=dragan",
    "data.images=512",
    "model.generator.layers=['linear 3136', 'reshape 16x14x14', 'batch-norm', 'relu', 'conv 16 kernel 3 padding 1', 'batch-norm', 'relu', 'conv 16 kernel 3 padding 1', 'residual 6', 'upsample 2', 'conv 1 kernel 3 padding 1']",
    "model.discriminator.layers=['conv 16 kernel 3 padding 1', 'avg-pool 2', 'leaky-relu', 'conv 16 kernel 3 padding 1', 'layer-norm', 'leaky-relu', 'conv 16 kernel 3 padding 1', 'residual 5', 'avg-pool 2', 'flatten', 'linear 1']",
];

/// Lists that know classes, with instance normalisation, and a penalty.
const LISTED_CLASSES: [&str; 7] = [
    "model.kind=layers",
    "model.conditional=true",
    "penalty.kind=r1",
    "data.images=512",
    "model.generator.layers=['linear 6272', 'reshape 128x7x7', 'instance-norm', 'relu', 'upsample 4', 'conv 1 kernel 3 padding 1']",
    "model.discriminator.condition=concat",
    "model.discriminator.layers=['conv 24 kernel 4 stride 2 padding 1', 'instance-norm', 'leaky-relu', 'conv 32 kernel 3 padding 1', 'tanh', 'instance-norm', 'flatten', 'linear 1']",
];

/// Networks of convolutions with layer normalisation.
const LAYER_NORM: [&str; 5] = [
    "model.kind=dcgan",
    "model.batch_norm=false",
    "model.layer_norm=true",
    "penalty.kind=none",
    "data.images=512",
];

/// A generator whose batch normalisations are of classes.
const CLASS_NORMS: [&str; 6] = [
    "model.kind=mlp",
    "model.conditional=true",
    "model.generator.condition=batch-norm",
    "model.generator.batch_norm=true",
    "model.generator.layer_norm=false",
    "data.images=512",
];

/// Perceptrons that are computed as lists of layers.
const SMOOTH_PERCEPTRONS: [&str; 4] =
    ["data.images=512", "model.conditional=false", "model.kind=mlp", "model.activation=silu"];

/// Attention in both networks, with a penalty.
const ATTENTION: [&str; 7] = [
    "model.conditional=false",
    "model.kind=layers",
    "penalty.kind=wgan-gp",
    "data.images=512",
    "train.batch_size=8",
    "model.generator.layers=['linear 1568', 'reshape 8x14x14', 'conv 40 kernel 1', 'attention 8', 'scale', 'relu', 'conv-transpose 1 kernel 2 stride 2']",
    "model.discriminator.layers=['conv 8 kernel 2 stride 2', 'relu', 'conv 24 kernel 1', 'attention 4', 'conv 8 kernel 1', 'scale', 'residual 4', 'flatten', 'linear 1']",
];

#[test]
fn estimates_are_near_what_is_allocated() {
    let dcgan = ["model.kind=dcgan", "data.images=512", "model.generator.width=40"];
    let listed = [
        "model.kind=layers",
        "model.conditional=false",
        "penalty.kind=none",
        "data.images=512",
        "model.generator.layers=['linear 6272', 'reshape 128x7x7', 'batch-norm', 'relu', 'dropout', 'upsample 2', 'conv 40 kernel 3 padding 1', 'relu', 'layer-norm', 'upsample 2', 'conv 1 kernel 3 padding 1']",
        "model.discriminator.layers=['conv 32 kernel 4 stride 2 padding 1', 'tanh', 'batch-norm', 'conv 64 kernel 5 stride 2', 'leaky-relu', 'dropout', 'flatten', 'dropout', 'linear 1']",
    ];
    let penalised = [
        "model.conditional=false",
        "model.discriminator.kind=layers",
        "penalty.kind=r1-r2",
        "data.images=512",
        "model.discriminator.layers=['conv 24 kernel 4 stride 2 padding 1', 'leaky-relu', 'leaky-relu 0.5', 'conv-transpose 16 kernel 3 padding 1', 'leaky-relu', 'dropout', 'upsample 2', 'flatten', 'dropout', 'linear 1']",
    ];
    let smooth = [
        "model.conditional=false",
        "model.discriminator.kind=layers",
        "penalty.kind=dragan",
        "data.images=512",
        "model.discriminator.layers=['conv 24 kernel 4 stride 2 padding 1', 'tanh', 'layer-norm', 'conv 16 kernel 3 padding 1', 'sigmoid', 'gelu', 'flatten', 'linear 9', 'layer-norm', 'leaky-relu', 'linear 1']",
    ];
    let projection = [
        "model.conditional=true",
        "model.discriminator.condition=projection",
        "model.kind=mlp",
        "data.images=512",
    ];
    let of_classes = [
        "model.kind=dcgan",
        "model.conditional=true",
        "model.discriminator.condition=concat",
        "model.generator.width=40",
        "data.images=512",
    ];
    let projected = [
        "model.kind=dcgan",
        "model.conditional=true",
        "model.discriminator.condition=projection",
        "data.images=512",
    ];
    let class_norms_of_dcgan = [&CLASS_NORMS[1..], &["model.kind=dcgan"]].concat();
    let penalised_classes = [&NORMALISED_CRITIC[1..], &["model.conditional=true"]].concat();
    let spectral = "model.spectral_norm=true";
    let normalised_dcgan = [&dcgan[..], &[spectral, "model.conditional=false"]].concat();
    // Without a penalty, the weights of a Wasserstein critic are clipped.
    let normalised_list = [&listed[..], &["model.generator.spectral_norm=true"]].concat();
    for recipe in gansweep_config::recipes::NAMES {
        let sets: [&[&str]; 24] = [
            &[
                "data.images=512",
                "model.conditional=true",
                "model.generator.kind=mlp",
                "model.discriminator.kind=mlp",
            ],
            &projection,
            &SMOOTH_PERCEPTRONS,
            &LISTED_CLASSES,
            &["data.images=512"],
            &["data.images=512", "augment.color=1", "train.instance_noise=0.1"],
            &["data.images=4096", "train.batch_size=2000", "train.ema=0.999"],
            &dcgan,
            &LAYER_NORM,
            &listed,
            &of_classes,
            &projected,
            &penalised,
            &NORMALISED_CRITIC,
            &ATTENTION,
            &smooth,
            &RESIDUAL,
            &[
                spectral,
                "model.conditional=false",
                "model.kind=mlp",
                "data.images=512",
                "train.ema=0.999",
                "optimizer.clip_norm=1",
            ],
            &[
                spectral,
                "model.conditional=true",
                "model.discriminator.condition=concat",
                "model.kind=mlp",
                "data.images=512",
            ],
            &penalised_classes,
            &CLASS_NORMS,
            &class_norms_of_dcgan,
            &normalised_dcgan,
            &normalised_list,
        ];
        for sets in sets {
            let (peak, estimate) = allocated_and_estimated(&config(recipe, sets));
            let far = (estimate as f64 - peak as f64).abs() / peak as f64;
            assert!(far < 0.1, "{recipe}, {sets:?}: {peak} bytes allocated, {estimate} estimated");
        }
    }
}

/// Bytes for a lane of the config.
fn allocated_and_estimated(config: &Config) -> (u64, u64) {
    let images = images(config);
    let state = LaneState::initial(config, &like_mnist(), 1).unwrap();
    let lane = Lane { config: config.clone(), spec: like_mnist(), seed: 1 };
    let (trainer, peak) = peak_of(|| CpuTrainer::new(vec![lane], vec![state], images, 1).unwrap());
    drop(trainer);
    (peak, lane_bytes(config, &like_mnist()).unwrap())
}

#[test]
fn states_have_the_bytes_that_are_said_of_them() {
    for recipe in gansweep_config::recipes::NAMES {
        let config = config(recipe, &["train.ema=0.999"]);
        let state = LaneState::initial(&config, &like_mnist(), 1).unwrap();
        let bytes = state.arrays.values().map(|array| 4 * array.values.len() as u64).sum::<u64>();
        assert_eq!(state_bytes(&config, &like_mnist()).unwrap(), bytes, "{recipe}");
    }
}

#[test]
fn what_no_machine_holds_is_refused_before_anything_is_allocated() {
    let config = config(
        "coursera",
        &[
            "model.hidden=[8192, 8192, 8192, 8192, 8192, 8192, 8192, 8192, 8192, 8192, 8192, 8192, 8192, 8192, 8192, 8192]",
            "train.batch_size=60000",
        ],
    );
    let needed = lane_bytes(&config, &like_mnist()).unwrap();
    assert!(needed > 60 << 30, "{needed}");
    // More lanes than any machine has memory for.
    let lanes = 1000;
    let lane = Lane { config, spec: like_mnist(), seed: 1 };
    let state = LaneState { step: 0, generator_updates: 0, discriminator_updates: 0, arrays: [].into() };
    let images = TrainingImages {
        shape: like_mnist().image,
        bytes: Arc::default(),
        labels: Arc::default(),
        count: 0,
        pixels: lane.config.data.pixels,
    };
    let (lanes, states) = (vec![lane; lanes], vec![state; lanes]);
    let (result, peak) = peak_of(|| CpuTrainer::new(lanes, states, images, 1));
    let error = result.unwrap_err();
    assert!(matches!(&error, TrainError::OutOfMemory { device, .. } if device == "cpu"), "{error}");
    assert!(peak < 1 << 20, "{peak} bytes");
}
