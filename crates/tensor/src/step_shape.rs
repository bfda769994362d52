//! The sizes of a step: steps of equal sizes are the same operations, which a device can record once.

use gansweep_nn::network::{Layer, Network};

/// The sizes of a step. Steps of equal shape are equal operations.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct StepShape {
    /// Lanes.
    pub(super) lanes: usize,
    /// Images in the batch of each discriminator update; an epoch's last step may have fewer
    /// updates and a smaller last batch.
    pub(super) batches: Vec<usize>,
    /// Length of a latent vector.
    pub(super) latent_dim: usize,
    /// Dropout layers of the generator: index in the network and features.
    pub(super) generator_dropout: Vec<(usize, usize)>,
    /// Dropout layers of the discriminator.
    pub(super) discriminator_dropout: Vec<(usize, usize)>,
    /// Numbers of an update of the generator that depend on which update it is.
    pub(super) generator_numbers: usize,
    /// The same of the discriminator.
    pub(super) discriminator_numbers: usize,
}

impl StepShape {
    /// Latents in the generator's step: as many as images in the last batch.
    pub(super) fn last_batch(&self) -> usize {
        self.batches.last().copied().unwrap_or(0)
    }
}

/// The Dropout layers of a network: index and features.
pub(super) fn dropout_layers(network: &Network) -> Vec<(usize, usize)> {
    let nodes = network.nodes.iter().enumerate();
    nodes
        .filter(|(_, node)| node.layer == Layer::Dropout)
        .map(|(index, node)| (index, node.inputs()))
        .collect()
}
