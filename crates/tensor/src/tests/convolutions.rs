//! Networks of convolutions, and spectral norms.

use super::*;

#[test]
fn spectral_norm_follows_the_native_path() {
    let all: [&[&str]; 4] = [
        &["loss.kind=hinge"],
        &["model.discriminator.batch_norm=true", "train.d_steps=2", "train.ema=0.9"],
        &["loss.kind=wasserstein", "penalty.kind=wgan-gp"],
        &["model.generator.spectral_norm=false", "penalty.kind=r1-r2", "optimizer.clip_norm=0.1"],
    ];
    for kind in ["model.kind=mlp", "model.kind=dcgan"] {
        for sets in cases(all) {
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

/// Small DCGANs, each with one setting of its own. Adam's `eps` as elsewhere: the bias before a `BatchNorm` has no gradient
/// but rounding.
fn dcgans(sets: &[&str], own: &[&str]) -> Vec<Config> {
    let common = ["model.kind=dcgan", "optimizer.eps=1e-3", "data.images=30"];
    own.iter().map(|own| small("fast", &[&common[..], sets, &[own]].concat())).collect()
}

/// Asserts that both backends train the same over a few steps.
fn follow(configs: &[Config], what: &str) {
    let [measured, states, images] = apart(configs, &[3, 2]);
    eprintln!("{what}: {measured:e} {states:e} {images:e}");
    assert!(measured < 1e-5, "{what}: {measured:e}");
    assert!(states < 1e-4 && images < 1e-4, "{what}: {states:e} {images:e}");
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
    for sets in cases(all) {
        let configs = dcgans(sets, &["optimizer.lr=1e-4", "optimizer.lr=3e-4"]);
        follow(&configs, &format!("{sets:?}"));
    }
}

/// Few steps, as of all DCGANs: after many, rounding has decided the signs of some activations.
#[test]
fn the_dcgans_among_the_recipes_follow_the_native_path() {
    let recipes: Vec<_> = recipes().filter(|name| convolves(name)).collect();
    for recipe in cases(recipes) {
        let sets = ["optimizer.eps=1e-3", "data.images=30"];
        follow(&[small(recipe, &sets)], recipe);
    }
}

#[test]
fn conditional_dcgans_follow_the_native_path() {
    let all: [&[&str]; 5] = [
        &["model.discriminator.condition=concat", "model.discriminator.batch_norm=true", "train.ema=0.9"],
        &["model.discriminator.condition=projection", "model.embedding=4", "train.d_steps=2"],
        &["model.discriminator.condition=concat", "penalty.kind=wgan-gp"],
        &["model.discriminator.condition=projection", "penalty.kind=r1-r2", "train.noise=shared"],
        &[
            "model.generator.condition=batch-norm",
            "model.discriminator.condition=projection",
            "train.ema=0.9",
        ],
    ];
    for sets in cases(all) {
        let own = [&["model.conditional=true", "model.dropout=0"], sets].concat();
        let configs = dcgans(&own, &["optimizer.lr=1e-4", "optimizer.lr=3e-4"]);
        follow(&configs, &format!("{sets:?}"));
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
    for [kind, one, other] in cases(all) {
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
