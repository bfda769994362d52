//! Residual blocks: layers around which their input goes.

use super::Describe;

/// The end of a residual block: the sum of its input and the input of the layer `around` layers before it (He et al. 2016,
/// equation 1). `nn.Sequential` has no such layer; it has no tensors, so that the names of the others stay those of PyTorch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Residual {
    /// Layers of the block; at least 1.
    pub around: usize,
}

/// The start of a shortcut with layers of its own: the input of the layer `around` layers before it, in place of its own input.
/// A [`Residual`] that starts with this layer adds what that was: the output of the layers that the shortcut goes around.
///
/// So shortcuts may change the shape, as in He et al. 2016, section 3.2, and in the blocks of Miyato et al. 2018.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Shortcut {
    /// Layers that the shortcut goes around; at least 1.
    pub around: usize,
}

impl Residual {
    /// Checks that what is added has the shape of the input; it is `None` if there are too few layers before it.
    ///
    /// # Errors
    ///
    /// What it takes, if it does not take that input.
    pub(super) fn check(self, added: Option<&[usize]>, input: &[usize]) -> Result<(), String> {
        match added {
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

impl Describe for Shortcut {
    fn name(&self, _: &[usize]) -> &'static str {
        "Shortcut"
    }
}
