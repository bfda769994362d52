//! Shortcuts around layers.

use super::{Describe, Node};

/// The end of a residual block: the sum of its input and the input of the layer `around` layers before it (He et al. 2016,
/// equation 1). `nn.Sequential` has no such layer; it has no tensors, so that the names of the others stay those of PyTorch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Residual {
    /// Layers of the block; at least 1.
    pub around: usize,
}

impl Residual {
    /// The layer whose input is added, for a residual with that index.
    pub const fn first(self, index: usize) -> Option<usize> {
        index.checked_sub(self.around)
    }

    /// Checks that what is added has the shape of the input, behind these layers.
    ///
    /// # Errors
    ///
    /// What it takes, if it does not take that input.
    pub(super) fn check(self, before: &[Node], input: &[usize]) -> Result<(), String> {
        match self.first(before.len()).map(|first| &before[first].input) {
            None => Err(format!("at least {} layers before it", self.around)),
            Some(added) if added == input => Ok(()),
            Some(_) => Err(format!("the shape of the input {} layers before it", self.around)),
        }
    }
}

impl Describe for Residual {
    fn name(&self, _: &[usize]) -> &'static str {
        "Residual"
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Layer, Linear, Network, Role};
    use super::*;

    #[test]
    fn both_terms_of_the_sum_have_one_shape() {
        let network = |around, inputs| {
            let linear = |outputs| Layer::Linear(Linear { outputs });
            let residual = Layer::Residual(Residual { around });
            Network::new(Role::Discriminator, &[inputs], [linear(5), Layer::Tanh, residual, linear(1)], 1)
        };
        assert!(network(2, 5).is_ok() && network(1, 3).is_ok());
        assert_eq!(
            network(2, 3).unwrap_err().to_string(),
            "layer 2 of the discriminator (Residual) takes the shape of the input 2 layers before it, and gets 5"
        );
        assert_eq!(
            network(3, 5).unwrap_err().to_string(),
            "layer 2 of the discriminator (Residual) takes at least 3 layers before it, and gets 5"
        );
    }
}
