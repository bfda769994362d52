//! Shortcuts around layers.

use gansweep_nn::network::Network;

/// What goes around layers of a network, from the first of these to the layer that takes it. Nothing else is kept, so that the memory
/// of the other activations is free as soon as they are used.
pub(super) struct Shortcuts<T>(Vec<Shortcut<T>>);

struct Shortcut<T> {
    first: usize,
    end: usize,
    kept: Option<T>,
}

impl<T: Clone> Shortcuts<T> {
    /// Of a forward pass that has not begun.
    pub(super) fn new(network: &Network) -> Self {
        let layers = network.nodes.iter().map(|node| node.layer).enumerate();
        let ends = layers.filter_map(|(end, layer)| Some((layer.entered(end)?, end)));
        Self(ends.map(|(first, end)| Shortcut { first, end, kept: None }).collect())
    }

    /// Keeps the input of the layer with that index where another layer takes it too.
    pub(super) fn keep(&mut self, layer: usize, input: &T) {
        for shortcut in self.0.iter_mut().filter(|shortcut| shortcut.first == layer) {
            shortcut.kept = Some(input.clone());
        }
    }

    /// What the layer with that index takes.
    pub(super) fn end(&mut self, layer: usize) -> T {
        let own = self.0.iter_mut().find(|shortcut| shortcut.end == layer);
        own.and_then(|shortcut| shortcut.kept.take()).expect("layers take the inputs of layers before them")
    }
}
