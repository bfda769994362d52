//! Patches of images for convolutions, and max pooling. Images are `[height, width, channels]`.

use crate::layout::Block;

/// Fills `patches`, `[images * pixels, 9 * inputs]`, with what each output pixel of a padded 3x3 convolution sees.
pub(crate) fn gather(block: &Block, images: &[f32], patches: &mut [f32]) {
    let channels = block.inputs;
    for_taps(block, images.len(), |tap, source, pixel| {
        let target = pixel * 9 * channels + tap * channels;
        match source {
            Some(source) => {
                patches[target..target + channels].copy_from_slice(&images[source * channels..][..channels]);
            }
            None => patches[target..target + channels].fill(0.0),
        }
    });
}

/// Adds the gradients of patches to those of the images.
pub(crate) fn scatter(block: &Block, patches: &[f32], images: &mut [f32]) {
    let channels = block.inputs;
    images.fill(0.0);
    for_taps(block, images.len(), |tap, source, pixel| {
        if let Some(source) = source {
            let from = &patches[pixel * 9 * channels + tap * channels..][..channels];
            for (sum, value) in images[source * channels..][..channels].iter_mut().zip(from) {
                *sum += value;
            }
        }
    });
}

/// Calls `visit` with each tap of each output pixel: the tap, the input pixel under it unless that lies outside, and
/// the output pixel. Pixels are counted over all images, which have `values` numbers together.
fn for_taps(block: &Block, values: usize, mut visit: impl FnMut(usize, Option<usize>, usize)) {
    let Block { height, width, inputs, .. } = *block;
    for image in 0..values / (height * width * inputs) {
        let first = image * height * width;
        for y in 0..height {
            for x in 0..width {
                let pixel = first + y * width + x;
                for tap in 0..9 {
                    // Rows and columns from one before the pixel.
                    let (row, column) = (y + tap / 3, x + tap % 3);
                    let is_inside = (1..=height).contains(&row) && (1..=width).contains(&column);
                    visit(tap, is_inside.then(|| first + (row - 1) * width + column - 1), pixel);
                }
            }
        }
    }
}

/// Max pooling over 2x2 pixels, and ReLU. `chosen` gets the place of each largest value.
pub(crate) fn pool(block: &Block, maps: &[f32], pooled: &mut [f32], chosen: &mut [u32]) {
    let (channels, columns) = (block.outputs, block.width / 2);
    let rows = block.height / 2;
    let pixels = pooled.chunks_exact_mut(channels).zip(chosen.chunks_exact_mut(channels));
    for (pixel, (pooled, chosen)) in pixels.enumerate() {
        let (image, y, x) = (pixel / (rows * columns), pixel / columns % rows, pixel % columns);
        let first = (image * block.pixels() + 2 * y * block.width + 2 * x) * channels;
        let below = first + block.width * channels;
        pooled.copy_from_slice(&maps[first..first + channels]);
        for (place, chosen) in chosen.iter_mut().enumerate() {
            *chosen = (first + place) as u32;
        }
        for other in [first + channels, below, below + channels] {
            let values = &maps[other..other + channels];
            for (place, ((best, chosen), value)) in
                pooled.iter_mut().zip(chosen.iter_mut()).zip(values).enumerate()
            {
                if *value > *best {
                    (*best, *chosen) = (*value, (other + place) as u32);
                }
            }
        }
        for value in pooled {
            *value = value.max(0.0);
        }
    }
}

/// The gradient before pooling and ReLU.
pub(crate) fn unpool(pooled: &[f32], gradient: &[f32], chosen: &[u32], maps: &mut [f32]) {
    maps.fill(0.0);
    for ((value, gradient), place) in pooled.iter().zip(gradient).zip(chosen) {
        if *value > 0.0 {
            maps[*place as usize] = *gradient;
        }
    }
}
