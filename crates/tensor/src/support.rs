//! What this backend can train.

use gansweep_config::{Config, DatasetSpec};
use gansweep_nn::network::{Layer, Network};
use gansweep_train::Unsupported;

/// Whether this backend can train runs of that config on that data.
///
/// # Errors
///
/// The reason why not.
pub fn supports(config: &Config, spec: &DatasetSpec) -> Result<(), Unsupported> {
    let [_, discriminator] = Network::both(config, spec)?;
    let mut layers = discriminator.nodes.iter().enumerate();
    match layers.find(|(_, node)| matches!(node.layer, Layer::BatchNorm(_))) {
        Some((index, node)) if config.penalty.exists() => Err(Unsupported(format!(
            "it does not penalise the input gradient through layer {index} of the discriminator, {}, whose output for one image depends on the others",
            node.layer.describe().name(&node.input)
        ))),
        _ => Ok(()),
    }
}
