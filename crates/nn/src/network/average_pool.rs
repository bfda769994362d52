//! Reducing feature maps.

use super::Describe;
use super::describe::feature_map;

/// `nn.AvgPool2d(factor)`: each square of `factor` pixels along both sides becomes its mean. Rows and columns at the end that
/// fill no square are left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct AveragePool {
    /// Pixels of a square along each side.
    pub factor: usize,
}

impl Describe for AveragePool {
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
        assert_eq!(AveragePool { factor: 2 }.output(&[3, 7, 8]), Ok(vec![3, 3, 4]));
        assert!(AveragePool { factor: 4 }.output(&[3, 3, 8]).unwrap_err().contains("at least 4 pixels"));
        assert!(AveragePool { factor: 4 }.output(&[8]).unwrap_err().contains("channels x height x width"));
    }
}
