//! Self-attention over the pixels of a map, and what scales its result.

use super::describe::feature_map;
use super::{Describe, Init, TensorSpec};

/// Self-attention over the pixels of a map (Zhang et al. 2019, equations 1 and 2), without the convolutions around it.
///
/// The first `width` channels of the input are the queries, the next `width` the keys, and all others the values. Each pixel of the
/// output is a mean of the values of all pixels, whose weights are the softmax of its query's products with their keys over
/// `sqrt(width)`, as in `nn.functional.scaled_dot_product_attention`. It has no tensors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Attention {
    /// Channels of the queries, and of the keys; at least 1.
    pub width: usize,
}

impl Attention {
    /// What products of queries and keys are multiplied by.
    pub fn factor(self) -> f64 {
        1.0 / (self.width as f64).sqrt()
    }
}

impl Describe for Attention {
    fn name(&self, _: &[usize]) -> &'static str {
        "Attention"
    }

    fn output(&self, input: &[usize]) -> Result<Vec<usize>, String> {
        let [channels, height, width] = feature_map(input)?;
        match channels.checked_sub(2 * self.width) {
            Some(values) if values > 0 => Ok(vec![values, height, width]),
            _ => Err(format!("more than {} channels", 2 * self.width)),
        }
    }

    /// Those of queries with keys, and of the weights with values.
    fn multiply_adds(&self, input: &[usize]) -> u64 {
        let Ok([channels, height, width]) = feature_map(input) else { return 0 };
        let pairs = (height * width).saturating_mul(height * width);
        pairs.saturating_mul(channels.saturating_sub(self.width)) as u64
    }
}

/// The product with one trained number, which is 0 at first: what is scaled joins a residual little by little (the `gamma` of Zhang et
/// al. 2019, equation 3; Bachlechner et al. 2021).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Scale;

impl Describe for Scale {
    fn name(&self, _: &[usize]) -> &'static str {
        "Scale"
    }

    fn parameters(&self, _: &[usize]) -> Vec<TensorSpec> {
        vec![TensorSpec::new("weight", &[1], Init::Zero)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_values_are_what_queries_and_keys_leave() {
        let attention = Attention { width: 8 };
        assert_eq!(attention.output(&[48, 7, 5]), Ok(vec![32, 7, 5]));
        assert_eq!(attention.multiply_adds(&[48, 7, 5]), 35 * 35 * (8 + 32));
        assert_eq!(attention.output(&[16, 7, 5]).unwrap_err(), "more than 16 channels");
        assert!(attention.output(&[48]).unwrap_err().contains("channels x height x width"));
        assert!((Attention { width: 16 }.factor() - 0.25).abs() < 1e-15);
    }
}
