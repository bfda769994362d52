//! A lane's training is its own, whatever group it is in, and its state is all that it goes on from.

use super::*;

#[test]
fn a_conditional_lane_alone_is_the_lane_in_a_group_and_goes_on_in_another() {
    let embedding = "generator.embedding.weight";
    for (condition, of_generator) in [
        ("discriminator.condition=concat", embedding),
        ("discriminator.condition=projection", embedding),
        ("generator.condition=batch-norm", "generator.1.weight"),
    ] {
        let condition = format!("model.{condition}");
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
            for name in [of_generator, "discriminator.embedding.weight"] {
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
fn an_average_that_is_not_kept_draws_nothing() {
    let lanes = lanes(&[small("fast", &[])]);
    let latents = latents(&lanes[..1], 4);
    let drawn = burn(&lanes, &initial(&lanes)).sample(&latents, SampleMode::Eval, SampleSource::Ema);
    let error = drawn.unwrap_err();
    assert!(error.to_string().contains("lane 0 keeps no average"), "{error}");
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
