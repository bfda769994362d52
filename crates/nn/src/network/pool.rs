//! Reducing feature maps.

use super::Describe;
use super::describe::feature_map;

/// Each square of `factor` pixels along both sides becomes one pixel. Rows and columns at the end that fill no square are left
/// out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Pool {
    /// Pixels of a square along each side.
    pub factor: usize,
    /// What a square becomes.
    pub kind: PoolKind,
}

/// What the pixels of a square become.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PoolKind {
    /// Their mean: `nn.AvgPool2d(factor)`.
    Average,
    /// Their sum: `nn.AvgPool2d(factor, divisor_override=1)`.
    Sum,
}

impl Pool {
    /// What each pixel is multiplied by, before the pixels of a square are added.
    pub const fn share(self) -> f32 {
        match self.kind {
            PoolKind::Average => 1.0 / (self.factor * self.factor) as f32,
            PoolKind::Sum => 1.0,
        }
    }
}

impl Describe for Pool {
    fn name(&self, _: &[usize]) -> &'static str {
        "AvgPool2d"
    }

    fn output(&self, input: &[usize]) -> Result<Vec<usize>, String> {
        let [channels, height, width] = feature_map(input)?;
        let (height, width) = (height / self.factor, width / self.factor);
        match height.min(width) {
            0 => Err(format!("at least {} pixels along both sides", self.factor)),
            _ => Ok(vec![channels, height, width]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fills_no_square_is_left_out() {
        let pool = |factor| Pool { factor, kind: PoolKind::Average };
        assert_eq!(pool(2).output(&[3, 7, 8]), Ok(vec![3, 3, 4]));
        assert!(pool(4).output(&[3, 3, 8]).unwrap_err().contains("at least 4 pixels"));
        assert!(pool(4).output(&[8]).unwrap_err().contains("channels x height x width"));
    }
}
