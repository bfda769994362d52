//! The search against random search on functions with known minima.

use std::f64::consts::PI;

use crate::{Dimension, Settings, Space, Trial, propose};

/// `SplitMix64`, as numbers from 0 to below 1.
fn uniforms(mut state: u64) -> impl FnMut() -> f64 {
    move || {
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut word = state;
        word = (word ^ (word >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((word ^ (word >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// A function to minimise, and which dimensions have an effect at a point.
struct Problem {
    space: Space,
    value: fn(&[f64]) -> f64,
    effects: fn(&[f64]) -> Vec<bool>,
}

const STARTUP: usize = 10;

impl Problem {
    /// The smallest value of that number of trials, of which `in_flight` are proposed before the first of them has its value.
    fn minimise(&self, trials: usize, startup: usize, in_flight: usize, seed: u64) -> f64 {
        let mut uniform = uniforms(seed);
        let mut done: Vec<Trial> = Vec::new();
        let mut best = f64::INFINITY;
        while done.len() < trials {
            let mut open: Vec<Vec<f64>> = Vec::new();
            for _ in 0..in_flight.min(trials - done.len()) {
                let known = if done.len() < startup { &[][..] } else { &done[..] };
                let settings =
                    Settings { candidates: if known.is_empty() { 1 } else { 24 }, ..Settings::default() };
                let point = propose(&self.space, known, settings, &mut uniform, &mut |point| {
                    Some((self.effects)(point))
                })
                .unwrap();
                let effects = (self.effects)(&point);
                let kept =
                    point.iter().zip(effects).map(|(number, has_effect)| has_effect.then_some(*number));
                done.push(Trial { point: kept.collect(), value: None });
                open.push(point);
            }
            let first = done.len() - open.len();
            for (trial, point) in done[first..].iter_mut().zip(open) {
                let value = (self.value)(&point);
                trial.value = Some(value);
                best = best.min(value);
            }
        }
        best
    }

    /// Medians over 15 repetitions: of the search, of the search with four in flight, and of random draws.
    fn compare(&self, trials: usize) -> [f64; 3] {
        let median = |startup: usize, in_flight: usize| {
            let mut bests: Vec<f64> =
                (1..=15).map(|seed| self.minimise(trials, startup, in_flight, seed)).collect();
            bests.sort_by(f64::total_cmp);
            bests[bests.len() / 2]
        };
        [median(STARTUP, 1), median(STARTUP, 4), median(usize::MAX, 1)]
    }
}

fn real(low: f64, high: f64) -> Dimension {
    Dimension::Real { low, high, log: false }
}

/// Two variables, three minima of 0.398 (Dixon and Szegö 1978).
fn branin() -> Problem {
    let value = |x: &[f64]| {
        let (a, b) = (x[0], x[1]);
        (b - 5.1 / (4.0 * PI * PI) * a * a + 5.0 / PI * a - 6.0).powi(2)
            + 10.0 * (1.0 - 1.0 / (8.0 * PI)) * a.cos()
            + 10.0
    };
    Problem { space: Space::new(vec![real(-5.0, 10.0), real(0.0, 15.0)]), value, effects: |_| vec![true; 2] }
}

/// Six variables, a minimum of -3.322 (Hartman 1973).
fn hartmann() -> Problem {
    const SHARPNESS: [[f64; 6]; 4] = [
        [10.0, 3.0, 17.0, 3.5, 1.7, 8.0],
        [0.05, 10.0, 17.0, 0.1, 8.0, 14.0],
        [3.0, 3.5, 1.7, 10.0, 17.0, 8.0],
        [17.0, 8.0, 0.05, 10.0, 0.1, 14.0],
    ];
    const CENTRES: [[f64; 6]; 4] = [
        [0.1312, 0.1696, 0.5569, 0.0124, 0.8283, 0.5886],
        [0.2329, 0.4135, 0.8307, 0.3736, 0.1004, 0.9991],
        [0.2348, 0.1451, 0.3522, 0.2883, 0.3047, 0.6650],
        [0.4047, 0.8828, 0.8732, 0.5743, 0.1091, 0.0381],
    ];
    let value = |x: &[f64]| {
        let hill = |(height, (sharpness, centre)): (f64, (&[f64; 6], &[f64; 6]))| {
            let distance: f64 =
                x.iter().zip(sharpness).zip(centre).map(|((x, s), c)| s * (x - c).powi(2)).sum();
            height * (-distance).exp()
        };
        -[1.0, 1.2, 3.0, 3.2].into_iter().zip(SHARPNESS.iter().zip(&CENTRES)).map(hill).sum::<f64>()
    };
    Problem { space: Space::new(vec![real(0.0, 1.0); 6]), value, effects: |_| vec![true; 6] }
}

/// A choice of two optimisers, each with a rate of its own that has no effect with the other; a width that both have.
/// The minimum is 0, for the second optimiser at a rate of 1e-3 and a width of 64.
fn conditional() -> Problem {
    let value = |x: &[f64]| {
        let (rate, best, penalty) = if x[0] < 0.5 { (x[1], 1e-1, 0.3) } else { (x[2], 1e-3, 0.0) };
        (rate / best).log10().powi(2) + (x[3] / 64.0).log2().powi(2) + penalty
    };
    let rate = Dimension::Real { low: 1e-5, high: 1.0, log: true };
    let width = Dimension::Integer { low: 8, high: 1024, log: true };
    let space = Space::new(vec![Dimension::Choice(2), rate, rate, width]);
    Problem { space, value, effects: |x| vec![true, x[0] < 0.5, x[0] > 0.5, true] }
}

#[test]
fn the_search_beats_random_draws() {
    for (problem, trials) in [(branin(), 60), (hartmann(), 80), (conditional(), 60)] {
        let [one, four, random] = problem.compare(trials);
        assert!(one < random && four < random, "one {one:.4}, four {four:.4}, random {random:.4}");
    }
}

#[test]
fn excluded_points_are_not_proposed_and_an_exhausted_space_ends_the_search() {
    let space = Space::new(vec![Dimension::Integer { low: 1, high: 5, log: false }]);
    let (mut uniform, mut trials) = (uniforms(1), Vec::<Trial>::new());
    let mut found = Vec::new();
    loop {
        let mut usable =
            |point: &[f64]| (point[0] as u64 != 3 && !found.contains(&point[0])).then(|| vec![true]);
        let Some(point) = propose(&space, &trials, Settings::default(), &mut uniform, &mut usable) else {
            break;
        };
        found.push(point[0]);
        trials.push(Trial { point: vec![Some(point[0])], value: Some(point[0]) });
    }
    found.sort_by(f64::total_cmp);
    assert_eq!(found, [1.0, 2.0, 4.0, 5.0]);
}

#[test]
fn failed_trials_are_kept_away_from() {
    let space = Space::new(vec![real(0.0, 1.0)]);
    let trial = |number: f64, value: f64| Trial { point: vec![Some(number)], value: Some(value) };
    let trials: Vec<Trial> = (0..20)
        .map(|index| f64::from(index) / 20.0)
        .map(|number| trial(number, if number < 0.5 { f64::INFINITY } else { number }))
        .collect();
    let mut uniform = uniforms(3);
    for _ in 0..20 {
        let point = propose(&space, &trials, Settings::default(), &mut uniform, &mut |_| Some(vec![true]));
        assert!(point.unwrap()[0] > 0.4);
    }
}
