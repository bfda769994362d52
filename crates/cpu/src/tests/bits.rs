//! Bits do not depend on other lanes, threads, chunks or interruptions.

use gansweep_config::SampleMode;

use super::cases::long_batch;
use super::{advance_alone, cases, images, initial, lane, trainer, with};
use crate::{CpuTrainer, Vectors};
use gansweep_nn::state::LaneState;
use gansweep_protocol::{Metric, SampleSource};
use gansweep_train::{Latents, StepRows, Trainer, fixed_latents};

/// Bits, so that NaN equals itself and zeros with unequal signs do not.
fn bits(state: &LaneState) -> Vec<(&String, Vec<u32>)> {
    let of = |values: &Vec<f32>| values.iter().map(|value| value.to_bits()).collect();
    state.arrays.iter().map(|(name, array)| (name, of(&array.values))).collect()
}

#[test]
fn a_lane_alone_has_the_bits_of_lane_three_of_four_on_any_number_of_threads() {
    for (case, config) in cases().into_iter().chain([long_batch()]) {
        let mut alone = trainer(&config, &[3], 1);
        let chunk = advance_alone(&mut alone, 7);
        let expected = alone.state(0).unwrap();
        for threads in [1, 2, 3, 9] {
            let mut group = trainer(&config, &[0, 1, 3, 2], threads);
            let chunks = group.advance(7, true).unwrap();
            assert_eq!(chunks[2].as_ref(), Some(&chunk), "{case} on {threads} threads");
            assert_eq!(bits(&group.state(2).unwrap()), bits(&expected), "{case} on {threads} threads");
        }
    }
}

#[test]
fn vectors_of_any_width_give_the_same_bits() {
    for (case, config) in cases() {
        let mut widest = trainer(&config, &[3], 1);
        let expected = advance_alone(&mut widest, 7);
        for vectors in Vectors::all().into_iter().filter(|vectors| vectors.are_fused()) {
            let state = initial(&config, 3);
            let (lanes, images) = (vec![lane(&config, 3)], images(&config));
            let mut other = CpuTrainer::with_vectors(vectors, lanes, vec![state], images, 1).unwrap();
            assert_eq!(advance_alone(&mut other, 7), expected, "{case} with {vectors}");
            assert_eq!(
                bits(&other.state(0).unwrap()),
                bits(&widest.state(0).unwrap()),
                "{case} with {vectors}"
            );
        }
    }
}

#[test]
fn vectors_of_any_width_agree_where_avx512_adds_in_another_order() {
    let (_, config) = long_batch();
    let mut widest = trainer(&config, &[3], 1);
    advance_alone(&mut widest, 2);
    let expected = widest.state(0).unwrap();
    for vectors in Vectors::all() {
        let (lanes, images) = (vec![lane(&config, 3)], images(&config));
        let mut other =
            CpuTrainer::with_vectors(vectors, lanes, vec![initial(&config, 3)], images, 1).unwrap();
        advance_alone(&mut other, 2);
        for (name, array) in &other.state(0).unwrap().arrays {
            for (found, expected) in array.values.iter().zip(&expected.arrays[name].values) {
                assert!((found - expected).abs() < 1e-5, "{name} with {vectors}: {found}, not {expected}");
            }
        }
    }
}

#[test]
fn chunks_of_any_length_give_the_same_bits() {
    for (case, config) in cases().into_iter().chain([long_batch()]) {
        let mut whole = trainer(&config, &[8], 1);
        let steps = advance_alone(&mut whole, 9).steps;
        let mut parts = trainer(&config, &[8], 1);
        let mut collected = StepRows::with_capacity(9);
        for count in [1, 4, 0, 2, 2] {
            for row in advance_alone(&mut parts, count).steps.iter() {
                collected.push(row);
            }
            // Sampling in between leaves no trace.
            for source in SampleSource::ALL {
                let latents = Latents { lanes: vec![fixed_latents(1, &config, 3)], classes: vec![3, 0, 2] };
                let drawn = parts.sample(&latents, SampleMode::BatchStatistics, source);
                assert_eq!(drawn.is_ok(), source == SampleSource::Raw || config.train.ema > 0.0, "{case}");
            }
        }
        assert_eq!(collected, steps, "{case}");
        assert_eq!(bits(&parts.state(0).unwrap()), bits(&whole.state(0).unwrap()), "{case}");
    }
}

#[test]
fn a_new_trainer_goes_on_from_a_state_as_if_nothing_had_happened() {
    for (case, config) in cases().into_iter().chain([long_batch()]) {
        let mut whole = trainer(&config, &[8], 1);
        advance_alone(&mut whole, 5);
        let state = whole.state(0).unwrap();
        let mut resumed =
            CpuTrainer::new(vec![lane(&config, 8)], vec![state.clone()], images(&config), 1).unwrap();
        assert_eq!(bits(&resumed.state(0).unwrap()), bits(&state), "{case}: the state does not round-trip");
        let expected = advance_alone(&mut whole, 6);
        assert_eq!(advance_alone(&mut resumed, 6), expected, "{case}");
        assert_eq!(bits(&resumed.state(0).unwrap()), bits(&whole.state(0).unwrap()), "{case}");
        assert_eq!(resumed.state(0).unwrap().step, 11);
    }
}

#[test]
fn a_state_starts_as_it_was_given() {
    for (case, config) in cases() {
        let initial = initial(&config, 4);
        assert_eq!(trainer(&config, &[4], 1).state(0).unwrap(), initial, "{case}");
    }
}

#[test]
fn a_lane_that_diverges_ends_its_chunk_and_changes_no_bit_of_its_neighbours() {
    let config = with(|config| config.model.generator.batch_norm = true);
    let mut healthy = trainer(&config, &[1, 2, 3], 2);
    let lanes = (1..=3).map(|seed| lane(&config, seed)).collect();
    let mut states: Vec<_> = (1..=3).map(|seed| initial(&config, seed)).collect();
    states[1].arrays.get_mut("discriminator.0.weight").unwrap().values[100] = f32::NAN;
    let mut sick = CpuTrainer::new(lanes, states, images(&config), 2).unwrap();
    let (expected, found) = (healthy.advance(6, true).unwrap(), sick.advance(6, true).unwrap());
    let ended = found[1].as_ref().unwrap();
    assert_eq!(ended.steps.len(), 1);
    assert!(ended.steps.column(Metric::DLoss)[0].is_nan());
    for lane in [0, 2] {
        assert_eq!(found[lane], expected[lane]);
        assert_eq!(bits(&sick.state(lane).unwrap()), bits(&healthy.state(lane).unwrap()));
    }
    sick.retire(1);
    assert!(sick.state(1).is_err());
    let (expected, found) = (healthy.advance(3, false).unwrap(), sick.advance(3, false).unwrap());
    assert!(found[1].is_none());
    assert_eq!((&found[0], &found[2]), (&expected[0], &expected[2]));
}

#[test]
fn what_is_measured_for_a_point_changes_no_bit() {
    let config = with(|config| config.model.discriminator.dropout = 0.3);
    let (mut with_norms, mut without) = (trainer(&config, &[1], 1), trainer(&config, &[1], 1));
    assert!(with_norms.advance(4, true).unwrap()[0].as_ref().unwrap().point.is_some());
    assert!(without.advance(4, false).unwrap()[0].as_ref().unwrap().point.is_none());
    assert_eq!(bits(&with_norms.state(0).unwrap()), bits(&without.state(0).unwrap()));
}

#[test]
fn lanes_that_do_not_fit_are_refused() {
    let config = with(|_| {});
    let state = initial(&config, 0);
    let new = |lanes, states| CpuTrainer::new(lanes, states, images(&config), 1).map(|_| ());
    assert!(new(vec![lane(&config, 0)], vec![]).is_err());
    let wide = with(|config| config.model.generator.hidden = vec![7, 19]);
    assert!(new(vec![lane(&wide, 0)], vec![state.clone()]).is_err());
    let many = with(|config| config.data.images = 1000);
    assert!(new(vec![lane(&many, 0)], vec![state]).is_err());
}
