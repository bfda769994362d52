//! Training: Adam on the cross-entropy, with a learning rate that falls to zero.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use rayon::prelude::*;

use crate::images::{LabelledImages, to_inputs};
use crate::layout::Layout;
use crate::passes::{backward, forward};

const BATCH: usize = 128;
/// Images of a chunk. The chunks of a batch go to the threads, and their gradients are added in order, so that the
/// number of threads changes no bit.
pub(crate) const CHUNK: usize = 16;
/// On MNIST the fifth epoch gains nothing that exceeds the differences between seeds.
const EPOCHS: usize = 4;
/// The least number of steps: small datasets have more epochs to reach it.
const LEAST_STEPS: usize = 1000;
const PEAK_RATE: f64 = 2e-3;
const BETAS: [f32; 2] = [0.9, 0.999];
const EPSILON: f32 = 1e-8;
/// Any number: it decides the weights and the order of the images.
const SEED: u64 = 1;
/// Steps between two checkpoints: a few seconds on MNIST, which is hundreds of times what writing one takes.
pub(crate) const CHECKPOINT_STEPS: usize = 100;

/// How far the training has come.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TrainingProgress {
    /// Steps done.
    pub step: usize,
    /// Steps in all.
    pub steps: usize,
    /// Mean cross-entropy of the last batch.
    pub loss: f64,
}

/// Training between two steps. The rest of the training needs nothing else: the order of the images follows from the seed.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct TrainingState {
    /// Steps done.
    pub(crate) step: usize,
    pub(crate) parameters: Vec<f32>,
    /// Adam's mean and mean square of each gradient.
    pub(crate) moments: Vec<(f32, f32)>,
}

impl TrainingState {
    /// Before the first step.
    pub(crate) fn fresh(layout: &Layout) -> Self {
        Self { step: 0, parameters: initial(layout), moments: vec![(0.0, 0.0); layout.parameters] }
    }
}

/// Fresh parameters: normal weights with the variance `2 / inputs` (He et al. 2015), biases of zero.
pub(crate) fn initial(layout: &Layout) -> Vec<f32> {
    let mut random = ChaCha8Rng::seed_from_u64(SEED);
    let mut parameters = vec![0.0; layout.parameters];
    for (range, inputs) in layout.weights() {
        let deviation = (2.0 / inputs as f64).sqrt();
        for value in &mut parameters[range] {
            *value = (deviation * normal(&mut random)) as f32;
        }
    }
    parameters
}

/// A normal number (Box and Muller 1958).
fn normal(random: &mut ChaCha8Rng) -> f64 {
    let mut uniform = || (f64::from(random.next_u32()) + 0.5) / 2_f64.powi(32);
    let radius = (-2.0 * libm::log(uniform())).sqrt();
    radius * libm::cos(std::f64::consts::TAU * uniform())
}

/// Trains from a state to the end; from a later state the parameters have the same bits as from a fresh one. There must be at
/// least one image, and no label beyond the classes. `observe` is called after each step.
pub(crate) fn train(
    layout: &Layout,
    images: LabelledImages<'_>,
    mut state: TrainingState,
    observe: &mut dyn FnMut(TrainingProgress, &TrainingState),
) -> Vec<f32> {
    let count = images.labels.len();
    let (per_epoch, steps) = (steps_of_epoch(count), steps(count));
    let mut random = ChaCha8Rng::seed_from_u64(SEED + 1);
    let mut order: Vec<usize> = (0..count).collect();
    let first = state.step;
    for step in 0..steps {
        let place = step % per_epoch;
        // Each order is made from the one before, so those of the epochs that are done are needed, too.
        if place == 0 {
            shuffle(&mut order, &mut random);
        }
        if step < first {
            continue;
        }
        let batch = &order[place * BATCH..count.min((place + 1) * BATCH)];
        let (gradient, loss) = gradient(layout, &state.parameters, images, batch);
        let rate = PEAK_RATE * 0.5 * (1.0 + libm::cos(std::f64::consts::PI * step as f64 / steps as f64));
        state.update(&gradient, rate);
        observe(TrainingProgress { step: step + 1, steps, loss }, &state);
    }
    state.parameters
}

fn steps_of_epoch(images: usize) -> usize {
    images.div_ceil(BATCH)
}

/// Number of steps for that many images, at least one.
pub(crate) fn steps(images: usize) -> usize {
    steps_of_epoch(images) * epochs(images)
}

/// Number of epochs for that many images, at least one.
pub(crate) fn epochs(images: usize) -> usize {
    EPOCHS.max(LEAST_STEPS.div_ceil(steps_of_epoch(images)))
}

fn shuffle(order: &mut [usize], random: &mut ChaCha8Rng) {
    for index in (1..order.len()).rev() {
        let pick = ((u64::from(random.next_u32()) * (index as u64 + 1)) >> 32) as usize;
        order.swap(index, pick);
    }
}

/// The gradient of the mean cross-entropy, and that mean.
fn gradient(
    layout: &Layout,
    parameters: &[f32],
    images: LabelledImages<'_>,
    batch: &[usize],
) -> (Vec<f32>, f64) {
    let size = layout.image.size();
    let of_chunk = |chunk: &[usize]| {
        let pixels: Vec<u8> = chunk
            .iter()
            .flat_map(|image| &images.pixels[image * size..(image + 1) * size])
            .copied()
            .collect();
        let labels: Vec<u16> = chunk.iter().map(|image| images.labels[*image]).collect();
        let activations = forward(layout, parameters, to_inputs(layout.image, &pixels));
        backward(layout, parameters, &activations, &labels)
    };
    let parts: Vec<(Vec<f32>, f64)> = batch.par_chunks(CHUNK).map(of_chunk).collect();
    let scale = 1.0 / batch.len() as f32;
    let mut sum = vec![0.0; layout.parameters];
    for (part, _) in &parts {
        for (sum, value) in sum.iter_mut().zip(part) {
            *sum += scale * value;
        }
    }
    (sum, parts.iter().map(|(_, loss)| loss).sum::<f64>() / batch.len() as f64)
}

impl TrainingState {
    /// A step of Adam (Kingma and Ba 2015).
    fn update(&mut self, gradient: &[f32], rate: f64) {
        self.step += 1;
        let correction = BETAS.map(|beta| 1.0 - libm::pow(f64::from(beta), self.step as f64));
        let rate = (rate / correction[0]) as f32;
        let unbias = (1.0 / correction[1]) as f32;
        let parameters = self.parameters.iter_mut().zip(gradient).zip(&mut self.moments);
        for ((value, gradient), (mean, square)) in parameters {
            *mean += (1.0 - BETAS[0]) * (gradient - *mean);
            *square += (1.0 - BETAS[1]) * (gradient * gradient - *square);
            *value -= rate * *mean / ((*square * unbias).sqrt() + EPSILON);
        }
    }
}

#[cfg(test)]
mod tests {
    use gansweep_config::ImageShape;

    use super::*;

    #[test]
    fn the_number_of_threads_changes_no_bit() {
        let image = ImageShape { channels: 1, height: 12, width: 12 };
        let layout = Layout::new(image, 3);
        let labels: Vec<u16> = (0..100).map(|i| i % 3).collect();
        let pixels: Vec<u8> = (0..100 * 144).map(|i| (i * 31 % 251) as u8).collect();
        let images = LabelledImages { pixels: &pixels, labels: &labels };
        let batch: Vec<usize> = (0..100).collect();
        let with_threads = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| gradient(&layout, &initial(&layout), images, &batch))
        };
        let bits = |(gradient, loss): (Vec<f32>, f64)| {
            (gradient.into_iter().map(f32::to_bits).collect::<Vec<_>>(), loss.to_bits())
        };
        assert_eq!(bits(with_threads(1)), bits(with_threads(3)));
    }

    #[test]
    fn fresh_weights_have_the_variance_that_their_inputs_ask_for() {
        let layout = Layout::new(ImageShape { channels: 1, height: 20, width: 20 }, 10);
        let parameters = initial(&layout);
        for (range, inputs) in layout.weights() {
            let weights = &parameters[range];
            let variance =
                weights.iter().map(|value| f64::from(*value).powi(2)).sum::<f64>() / weights.len() as f64;
            assert!((variance * inputs as f64 / 2.0 - 1.0).abs() < 0.4, "{variance} {inputs}");
        }
        assert!(parameters[layout.hidden.bias.clone()].iter().all(|bias| *bias == 0.0));
    }
}
