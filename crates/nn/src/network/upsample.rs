//! Enlarging feature maps.

use super::Describe;
use super::describe::feature_map;

/// `nn.Upsample(scale_factor=factor)`: each pixel becomes `factor` pixels along both sides, its mode `nearest`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Upsample {
    /// Pixels of the output along each side of a pixel.
    pub factor: usize,
}

impl Describe for Upsample {
    fn name(&self, _: &[usize]) -> &'static str {
        "Upsample"
    }

    fn output(&self, input: &[usize]) -> Result<Vec<usize>, String> {
        let [channels, height, width] = feature_map(input)?;
        Ok(vec![channels, height.saturating_mul(self.factor), width.saturating_mul(self.factor)])
    }
}
