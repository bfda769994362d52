//! Shortcuts around the layers of residual blocks.

use gansweep_nn::network::{Layer, Network};

/// What enters the residual blocks of a network, from a block's first layer to its end. Nothing else is kept, so that the
/// memory of the other activations is free as soon as they are used.
pub(super) struct Shortcuts<T>(Vec<Shortcut<T>>);

struct Shortcut<T> {
    first: usize,
    end: usize,
    kept: Option<T>,
}

impl<T: Clone> Shortcuts<T> {
    /// Of a forward pass that has not begun.
    pub(super) fn new(network: &Network) -> Self {
        let of_node = |(end, layer): (usize, &Layer)| match layer {
            Layer::Residual(residual) => Some(Shortcut { first: residual.first(end)?, end, kept: None }),
            _ => None,
        };
        Self(network.nodes.iter().map(|node| &node.layer).enumerate().filter_map(of_node).collect())
    }

    /// Keeps the input of the layer with that index where a block starts with it.
    pub(super) fn keep(&mut self, layer: usize, input: &T) {
        for shortcut in self.0.iter_mut().filter(|shortcut| shortcut.first == layer) {
            shortcut.kept = Some(input.clone());
        }
    }

    /// What the residual with that index adds.
    pub(super) fn end(&mut self, layer: usize) -> T {
        let own = self.0.iter_mut().find(|shortcut| shortcut.end == layer);
        own.and_then(|shortcut| shortcut.kept.take()).expect("a block's first layer is before its end")
    }
}
