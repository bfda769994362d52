//! The forward and the backward pass over a chunk of images.

use crate::layout::{FEATURES, Layout};
use crate::matrix::View;
use crate::patches;

/// The activations of a chunk.
pub(crate) struct Activations {
    blocks: Vec<BlockActivations>,
    /// `[images, FEATURES]`, after ReLU.
    pub(crate) features: Vec<f32>,
    /// `[images, classes]`.
    pub(crate) probabilities: Vec<f32>,
}

struct BlockActivations {
    /// `[images * pixels, 9 * inputs]`.
    patches: Vec<f32>,
    /// `[images * pooled pixels, outputs]`, after ReLU.
    pooled: Vec<f32>,
    /// The place of each pooled value before pooling.
    chosen: Vec<u32>,
}

/// Features and probabilities of images `[images, height, width, channels]`, from 0 to 1.
pub(crate) fn forward(layout: &Layout, parameters: &[f32], images: Vec<f32>) -> Activations {
    let count = images.len() / layout.image.size();
    let mut blocks: Vec<BlockActivations> = Vec::with_capacity(layout.blocks.len());
    for block in &layout.blocks {
        let input = blocks.last().map_or(&images, |before| &before.pooled);
        let mut patches = vec![0.0; count * block.pixels() * 9 * block.inputs];
        patches::gather(block, input, &mut patches);
        let mut maps = vec![0.0; count * block.pixels() * block.outputs];
        let weight = View::new(&parameters[block.weight.clone()], block.outputs);
        View::new(&patches, 9 * block.inputs).times(weight, &mut maps);
        add_bias(&mut maps, &parameters[block.bias.clone()]);
        let mut pooled = vec![0.0; count * block.pooled() * block.outputs];
        let mut chosen = vec![0; pooled.len()];
        patches::pool(block, &maps, &mut pooled, &mut chosen);
        blocks.push(BlockActivations { patches, pooled, chosen });
    }
    let flat = blocks.last().map_or(&images, |before| &before.pooled);
    let Classified { features, probabilities } = classify(layout, parameters, flat);
    // Images without a block are the input of the hidden layer, which its gradient needs.
    if blocks.is_empty() {
        blocks.push(BlockActivations { patches: Vec::new(), pooled: images, chosen: Vec::new() });
    }
    Activations { blocks, features, probabilities }
}

/// What the layers behind the blocks make of images.
pub(crate) struct Classified {
    /// `[images, FEATURES]`, after ReLU.
    pub(crate) features: Vec<f32>,
    /// `[images, classes]`.
    pub(crate) probabilities: Vec<f32>,
}

/// The hidden layer and the logits of what the last block makes of images, `[images, inputs of the hidden layer]`.
pub(crate) fn classify(layout: &Layout, parameters: &[f32], flat: &[f32]) -> Classified {
    let count = flat.len() / layout.hidden.inputs;
    let mut features = vec![0.0; count * FEATURES];
    let weight = View::new(&parameters[layout.hidden.weight.clone()], FEATURES);
    View::new(flat, layout.hidden.inputs).times(weight, &mut features);
    add_bias(&mut features, &parameters[layout.hidden.bias.clone()]);
    for value in &mut features {
        *value = value.max(0.0);
    }
    let mut probabilities = vec![0.0; count * layout.classes];
    let weight = View::new(&parameters[layout.logits.weight.clone()], layout.classes);
    View::new(&features, FEATURES).times(weight, &mut probabilities);
    add_bias(&mut probabilities, &parameters[layout.logits.bias.clone()]);
    probabilities.chunks_exact_mut(layout.classes).for_each(softmax);
    Classified { features, probabilities }
}

/// The gradient of the sum of cross-entropies, in the layout of the parameters, and that sum.
pub(crate) fn backward(
    layout: &Layout,
    parameters: &[f32],
    activations: &Activations,
    labels: &[u16],
) -> (Vec<f32>, f64) {
    let mut gradient = vec![0.0; layout.parameters];
    let mut loss = 0.0;
    // Of softmax and cross-entropy together: the probabilities less the labels.
    let mut of_logits = activations.probabilities.clone();
    for (row, label) in of_logits.chunks_exact_mut(layout.classes).zip(labels) {
        let own = &mut row[usize::from(*label)];
        loss -= f64::from(libm::logf(own.max(f32::MIN_POSITIVE)));
        *own -= 1.0;
    }
    let logits = &layout.logits;
    let transposed = View::new(&activations.features, FEATURES).transposed();
    transposed.times(View::new(&of_logits, layout.classes), &mut gradient[logits.weight.clone()]);
    sum_rows(&of_logits, &mut gradient[logits.bias.clone()]);

    let mut of_features = vec![0.0; activations.features.len()];
    let weight = View::new(&parameters[logits.weight.clone()], layout.classes);
    View::new(&of_logits, layout.classes).times(weight.transposed(), &mut of_features);
    for (value, feature) in of_features.iter_mut().zip(&activations.features) {
        if *feature <= 0.0 {
            *value = 0.0;
        }
    }
    let hidden = &layout.hidden;
    let flat = activations.blocks.last().map_or(&[][..], |block| &block.pooled);
    let transposed = View::new(flat, hidden.inputs).transposed();
    transposed.times(View::new(&of_features, FEATURES), &mut gradient[hidden.weight.clone()]);
    sum_rows(&of_features, &mut gradient[hidden.bias.clone()]);

    let mut of_output = vec![0.0; flat.len()];
    let weight = View::new(&parameters[hidden.weight.clone()], FEATURES);
    View::new(&of_features, FEATURES).times(weight.transposed(), &mut of_output);
    for (place, (block, kept)) in layout.blocks.iter().zip(&activations.blocks).enumerate().rev() {
        let mut maps = vec![0.0; kept.patches.len() / (9 * block.inputs) * block.outputs];
        patches::unpool(&kept.pooled, &of_output, &kept.chosen, &mut maps);
        let transposed = View::new(&kept.patches, 9 * block.inputs).transposed();
        transposed.times(View::new(&maps, block.outputs), &mut gradient[block.weight.clone()]);
        sum_rows(&maps, &mut gradient[block.bias.clone()]);
        // Nobody needs the gradient of the images.
        if place > 0 {
            let mut of_patches = vec![0.0; kept.patches.len()];
            let weight = View::new(&parameters[block.weight.clone()], block.outputs);
            View::new(&maps, block.outputs).times(weight.transposed(), &mut of_patches);
            of_output = vec![0.0; activations.blocks[place - 1].pooled.len()];
            patches::scatter(block, &of_patches, &mut of_output);
        }
    }
    (gradient, loss)
}

fn add_bias(rows: &mut [f32], bias: &[f32]) {
    for row in rows.chunks_exact_mut(bias.len()) {
        for (value, bias) in row.iter_mut().zip(bias) {
            *value += bias;
        }
    }
}

fn sum_rows(rows: &[f32], sums: &mut [f32]) {
    for row in rows.chunks_exact(sums.len()) {
        for (sum, value) in sums.iter_mut().zip(row) {
            *sum += value;
        }
    }
}

fn softmax(row: &mut [f32]) {
    let largest = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    for value in row.iter_mut() {
        *value = libm::expf(*value - largest);
    }
    let sum: f32 = row.iter().sum();
    for value in row {
        *value /= sum;
    }
}

#[cfg(test)]
mod tests {
    use gansweep_config::ImageShape;

    use super::*;

    /// Numbers from -0.5 to 0.5, by a formula.
    fn numbers(count: usize, factor: usize) -> Vec<f32> {
        (0..count).map(|i| (i * factor % 1009) as f32 / 1009.0 - 0.5).collect()
    }

    fn loss(layout: &Layout, parameters: &[f32], images: &[f32], labels: &[u16]) -> f64 {
        let activations = forward(layout, parameters, images.to_vec());
        let rows = activations.probabilities.chunks_exact(layout.classes).zip(labels);
        rows.map(|(row, label)| -f64::from(row[usize::from(*label)]).ln()).sum()
    }

    #[test]
    fn gradients_are_those_of_finite_differences() {
        for (image, images) in [
            (ImageShape { channels: 2, height: 13, width: 6 }, 3),
            (ImageShape { channels: 1, height: 1, width: 8 }, 5),
        ] {
            let layout = Layout::new(image, 4);
            let parameters: Vec<f32> =
                numbers(layout.parameters, 613).iter().map(|value| value / 3.0).collect();
            let inputs: Vec<f32> =
                numbers(images * image.size(), 377).iter().map(|value| value + 0.5).collect();
            let labels: Vec<u16> = (0..images as u16).map(|i| i % 4).collect();
            let activations = forward(&layout, &parameters, inputs.clone());
            let (gradient, of_pass) = backward(&layout, &parameters, &activations, &labels);
            let sum = loss(&layout, &parameters, &inputs, &labels);
            assert!((sum - of_pass).abs() < 1e-4);
            let places = layout
                .weights()
                .flat_map(|(range, _)| [range.start, range.start + 7, range.end - 1, range.end]);
            for place in places.filter(|place| *place < layout.parameters) {
                const STEP: f32 = 1e-3;
                let at = |by: f32| {
                    let mut parameters = parameters.clone();
                    parameters[place] += by;
                    loss(&layout, &parameters, &inputs, &labels)
                };
                // Pooling and ReLU have kinks, which bend one side.
                let slopes = [at(STEP) - sum, sum - at(-STEP)].map(|difference| difference / f64::from(STEP));
                let found = f64::from(gradient[place]);
                let is_near = |slope: f64| (slope - found).abs() < 0.02 * found.abs().max(0.05);
                assert!(slopes.into_iter().any(is_near), "{place}: {found}, not {slopes:?}");
            }
        }
    }

    #[test]
    fn an_image_has_the_same_features_in_any_chunk() {
        let layout = Layout::new(ImageShape { channels: 1, height: 16, width: 16 }, 3);
        let parameters = numbers(layout.parameters, 811);
        let inputs = numbers(5 * 256, 91);
        let together = forward(&layout, &parameters, inputs.clone());
        let alone = forward(&layout, &parameters, inputs[2 * 256..3 * 256].to_vec());
        for (one, other) in together.features[2 * FEATURES..3 * FEATURES].iter().zip(&alone.features) {
            assert!((one - other).abs() < 1e-4, "{one} {other}");
        }
    }
}
