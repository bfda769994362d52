//! A few training steps of every recipe at its full size, against PyTorch.
//!
//! `tests/golden/values` holds what the original tutorials, written in PyTorch, computed from the
//! same initial weights, images, latents and dropout masks; `tests/golden/README.md` says how they
//! were made. The values are float64's. Beside them stands how far PyTorch's own float32 run
//! landed from them, the scale of what rounding alone does to a tensor after these steps; a
//! backend may be [`SLACK`] times as far away. Each tensor is compared in a few entries and in
//! three sums over all of it, one of them with signs that notice exchanged entries.

use std::collections::BTreeMap;

use gansweep_experiment::SampleMode;
use gansweep_gan::native::NativeTrainer;
use gansweep_gan::state::{Array, LaneState};
use gansweep_gan::streams;
use gansweep_gan::trainer::{Lane, Schedule, Trainer, TrainingImages, fixed_latents};
use serde::Deserialize;

use crate::case::{self, Case, LATENT_SEED, SAMPLES};

/// How many times PyTorch's float32 deviation is allowed. Kernels that sum in another order than
/// PyTorch's differ from it by such a factor, most where a sum cancels.
const SLACK: f64 = 8.0;
/// Losses, scores and gradient norms, relative: eight roundings of a float32. PyTorch's float32 run
/// stays within two.
const SCALAR: f64 = 8.0 * EPSILON;
/// One rounding of a float32.
const EPSILON: f64 = f32::EPSILON as f64;

#[derive(Debug, Deserialize)]
struct Golden {
    inputs_sha256: String,
    steps: Vec<BTreeMap<String, Scalar>>,
    tensors: BTreeMap<String, Summary>,
    samples: BTreeMap<String, Summary>,
}

#[derive(Debug, Deserialize)]
struct Scalar {
    value: f64,
}

/// A tensor in a few numbers.
#[derive(Debug, Deserialize)]
struct Summary {
    sum: f64,
    squares: f64,
    signed: f64,
    entries: Vec<(usize, f64)>,
    deviation: Deviation,
}

/// Of PyTorch's float32 from its float64, over the whole tensor.
#[derive(Debug, Deserialize)]
struct Deviation {
    largest: f64,
    typical: f64,
}

/// What was found to be wrong, and the worst of all deviations as a share of what is allowed.
#[derive(Debug, Default)]
struct Comparison {
    faults: Vec<String>,
    worst: (f64, String),
}

impl Comparison {
    fn expect(&mut self, what: &str, found: f64, expected: f64, allowed: f64) {
        let share = (found - expected).abs() / allowed;
        if share > 1.0 || share.is_nan() {
            self.faults.push(format!("{what}: {found:e}, expected {expected:e} +- {allowed:.1e}"));
        }
        if share > self.worst.0 {
            self.worst = (share, what.to_owned());
        }
    }

    /// `floor` is an entry's rounding that a lucky PyTorch may have escaped in a small tensor.
    fn expect_tensor(&mut self, what: &str, found: &[f64], golden: &Summary, floor: f64) {
        let count = found.len() as f64;
        let typical = SLACK * golden.deviation.typical + floor;
        let largest = SLACK * golden.deviation.largest + floor;
        for &(place, expected) in &golden.entries {
            self.expect(&format!("{what}[{place}]"), found[place], expected, largest);
        }
        // By Cauchy and Schwarz, from a root mean square deviation of `typical`.
        let signed = found.iter().zip(0u32..).map(|(&value, index)| sign(index) * value).sum();
        self.expect(&format!("sum of {what}"), found.iter().sum(), golden.sum, count * typical);
        self.expect(&format!("signed sum of {what}"), signed, golden.signed, count * typical);
        let squares = found.iter().map(|value| value * value).sum();
        let allowed = (2.0 * golden.squares.sqrt() + count.sqrt() * typical) * count.sqrt() * typical;
        self.expect(&format!("squares of {what}"), squares, golden.squares, allowed);
    }
}

fn sign(index: u32) -> f64 {
    if streams::hash32(0, 0, index) & 1 == 1 { -1.0 } else { 1.0 }
}

type Start = fn(Lane, LaneState, TrainingImages) -> Box<dyn Trainer>;

fn native(lane: Lane, state: LaneState, images: TrainingImages) -> Box<dyn Trainer> {
    Box::new(NativeTrainer::new(vec![lane], vec![state], images, 1).expect("the case can be trained"))
}

/// On the device that `GANSWEEP_TEST_DEVICE` names, or Burn's own CPU backend.
#[cfg(feature = "burn-path")]
#[expect(clippy::needless_pass_by_value, reason = "both backends are started by one type of function")]
fn burn(lane: Lane, state: LaneState, images: TrainingImages) -> Box<dyn Trainer> {
    use gansweep_gan::burn_path::BurnTrainer;
    use gansweep_gan::device::open;

    let name = std::env::var("GANSWEEP_TEST_DEVICE").unwrap_or_else(|_| "flex".to_owned());
    let device = open(name.parse().expect("a device's name")).expect("this build has the device");
    Box::new(BurnTrainer::new(&device, vec![lane], vec![state], &images).expect("the case can be trained"))
}

fn compare(start: Start, name: &str) {
    let case = Case::all().into_iter().find(|case| case.name == name).expect("the case is in the list");
    let path = format!("{}/../../tests/golden/values/{name}.json", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).expect("the values are committed");
    let golden: Golden = serde_json::from_str(&text).expect("the values have the shape of `Golden`");
    assert_eq!(
        case::digest(&case.inputs()),
        golden.inputs_sha256,
        "the inputs are not those that the golden values were computed from: see tests/golden/README.md"
    );
    let initial = LaneState::initial(&case.config, case.seed);
    let mut trainer = start(case.lane(), initial.clone(), case.images());
    let mut comparison = Comparison::default();
    compare_steps(&mut comparison, &mut *trainer, &golden);
    let state = trainer.state(0).expect("the lane has a state");
    compare_state(&mut comparison, &case, &initial, &state, &golden);
    compare_samples(&mut comparison, &case, &mut *trainer, &golden);
    assert_eq!(trainer.state(0).expect("the lane has a state"), state, "sampling changed the state");
    let Comparison { faults, worst: (share, what) } = comparison;
    println!("{name} on {}: at worst {share:.2} of what is allowed, {what}", trainer.backend());
    assert!(faults.is_empty(), "{name}: {} values are wrong:\n{}", faults.len(), faults.join("\n"));
}

fn compare_steps(comparison: &mut Comparison, trainer: &mut dyn Trainer, golden: &Golden) {
    for (step, expected) in golden.steps.iter().enumerate() {
        let chunks = trainer.advance(1, true).expect("the step can be computed");
        let chunk = chunks[0].as_ref().expect("the lane is active");
        let (values, norms) = (chunk.steps[0], chunk.gradient_norms.expect("norms were asked for"));
        let found = [
            ("d_loss", values.d_loss),
            ("g_loss", values.g_loss),
            ("d_real", values.d_real),
            ("d_fake_before", values.d_fake_before),
            ("d_fake_after", values.d_fake_after),
            ("grad_norm_d", norms.discriminator),
            ("grad_norm_g", norms.generator),
        ];
        for (name, found) in found {
            let expected = expected[name].value;
            comparison.expect(&format!("{name} of step {step}"), found.into(), expected, SCALAR * expected);
        }
    }
}

fn compare_state(
    comparison: &mut Comparison,
    case: &Case,
    initial: &LaneState,
    state: &LaneState,
    golden: &Golden,
) {
    assert_eq!(state.step, case.steps);
    assert_eq!(state.generator_updates, case.steps);
    assert_eq!(state.discriminator_updates, discriminator_updates(case));
    assert!(state.arrays.keys().eq(golden.tensors.keys()), "the state has other tensors than PyTorch's");
    for (name, summary) in &golden.tensors {
        let mut values = wide(&state.arrays[name]);
        if name.contains("adam") || name.contains("running") {
            let scale = (summary.squares / values.len() as f64).sqrt();
            let floor = SCALAR * scale + SLACK * deviation_beside(name, golden);
            comparison.expect_tensor(name, &values, summary, floor);
        } else {
            // Parameters are compared in how they changed; what they changed from rounds each step.
            let start = wide(&initial.arrays[name]);
            let scale = start.iter().fold(0.0, |largest: f64, value| largest.max(value.abs()));
            values.iter_mut().zip(start).for_each(|(value, start)| *value -= start);
            comparison.expect_tensor(name, &values, summary, case.steps as f64 * EPSILON * scale);
        }
    }
}

/// PyTorch's deviation in the weight beside a bias of a single number, whose own may be luck: there,
/// hundreds of gradients of both signs become one small sum.
fn deviation_beside(name: &str, golden: &Golden) -> f64 {
    let is_single = golden.tensors[name].entries.len() == 1;
    let weight = name.strip_suffix("bias").filter(|_| is_single).map(|layer| format!("{layer}weight"));
    weight.and_then(|weight| golden.tensors.get(&weight)).map_or(0.0, |it| it.deviation.largest)
}

fn discriminator_updates(case: &Case) -> u64 {
    let (lane, mut schedule) = (case.lane(), Schedule::new());
    (0..case.steps).map(|step| schedule.batches(&lane, step).len() as u64).sum()
}

fn compare_samples(comparison: &mut Comparison, case: &Case, trainer: &mut dyn Trainer, golden: &Golden) {
    for (name, mode) in [("eval", SampleMode::Eval), ("batch-statistics", SampleMode::BatchStatistics)] {
        let latents = fixed_latents(LATENT_SEED, &case.config, SAMPLES);
        let images = trainer.sample(&[latents], SAMPLES, mode).expect("samples can be drawn");
        let images: Vec<f64> =
            images[0].as_ref().expect("the lane is active").iter().map(|&v| v.into()).collect();
        comparison.expect_tensor(&format!("images in {name}"), &images, &golden.samples[name], EPSILON);
    }
}

fn wide(array: &Array) -> Vec<f64> {
    array.values.iter().map(|&value| value.into()).collect()
}

macro_rules! golden_tests {
    ($module:ident, $start:expr) => {
        mod $module {
            #[test]
            fn realpython_steps_as_in_pytorch() {
                super::compare($start, "realpython");
            }

            #[test]
            fn jovian_steps_as_in_pytorch() {
                super::compare($start, "jovian");
            }

            #[test]
            fn coursera_steps_as_in_pytorch() {
                super::compare($start, "coursera");
            }

            #[test]
            fn udacity_steps_as_in_pytorch() {
                super::compare($start, "udacity");
            }

            #[test]
            fn fast_steps_as_in_pytorch() {
                super::compare($start, "fast");
            }

            #[test]
            fn settings_that_no_recipe_has_step_as_in_pytorch() {
                super::compare($start, "variations");
            }
        }
    };
}

golden_tests!(on_the_native_path, super::native);
#[cfg(feature = "burn-path")]
golden_tests!(on_burns_tensors, super::burn);
