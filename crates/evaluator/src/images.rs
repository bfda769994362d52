//! Images as the evaluator takes them.

use gansweep_config::ImageShape;

/// Images with their classes.
#[derive(Debug, Clone, Copy)]
pub struct LabelledImages<'a> {
    /// `[images, channels, height, width]`.
    pub pixels: &'a [u8],
    /// The class of each image.
    pub labels: &'a [u16],
}

/// Images `[images, height, width, channels]` from 0 to 1, of bytes `[images, channels, height, width]`.
pub(crate) fn to_inputs(shape: ImageShape, pixels: &[u8]) -> Vec<f32> {
    let channels = shape.channels as usize;
    let plane = shape.size() / channels;
    let mut inputs = vec![0.0; pixels.len()];
    for (image, out) in pixels.chunks_exact(shape.size()).zip(inputs.chunks_exact_mut(shape.size())) {
        for (channel, values) in image.chunks_exact(plane).enumerate() {
            for (pixel, value) in values.iter().enumerate() {
                out[pixel * channels + channel] = f32::from(*value) / 255.0;
            }
        }
    }
    inputs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channels_lie_together_in_the_inputs() {
        let shape = ImageShape { channels: 3, height: 1, width: 2 };
        let inputs = to_inputs(shape, &[255, 0, 0, 255, 51, 102]);
        let tenths: Vec<i32> = inputs.iter().map(|value| (value * 10.0).round() as i32).collect();
        assert_eq!(tenths, [10, 0, 2, 0, 10, 4]);
    }
}
