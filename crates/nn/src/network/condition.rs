//! How a network knows the class of an image by an embedding.

use super::{Init, TensorSpec};

/// The `nn.Embedding` of a conditional network, and where its rows go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Condition {
    /// Classes: rows of the embedding.
    pub classes: usize,
    /// Numbers of a row.
    pub width: usize,
    /// Where the row of a class goes.
    pub entry: Entry,
}

/// Where the embedding of a class goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Entry {
    /// Behind the numbers of the network's input row, as `torch.cat((x, embedding(y)), 1)` (Mirza and Osindero
    /// 2014). The first layer's input has its numbers; before a convolution they are the last channel.
    Concat,
    /// Into an inner product with the input `h` of the last Linear layer, which is added to the output:
    /// `w . h + b + embedding(y) . h` (Miyato and Koyama 2018, equation 5).
    Projection,
}

impl Condition {
    /// The name of the embedding's weight: that of an `nn.Embedding` called `embedding` beside the `nn.Sequential`'s
    /// layers.
    pub const EMBEDDING: &str = "embedding.weight";

    /// The name of the `nn.Embedding`.
    pub const MODULE: &str = "embedding";

    /// The embedding's weight, `[classes, width]`, filled as by `nn.Embedding`.
    pub fn embedding(&self) -> TensorSpec {
        TensorSpec::new(Self::EMBEDDING, &[self.classes, self.width], Init::Normal { mean: 0.0, std: 1.0 })
    }
}
