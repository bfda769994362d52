//! What this backend can train.

use gansweep_config::{Config, DatasetSpec};
use gansweep_nn::network::{Layer, Network};
use gansweep_train::Unsupported;

use super::net;

/// Whether this backend can train runs of that config on that data.
///
/// # Errors
///
/// The reason why not.
pub fn supports(config: &Config, spec: &DatasetSpec) -> Result<(), Unsupported> {
    for network in Network::both(config, spec)? {
        let is_penalised = net::is_penalised(&network, config);
        let mut layers = network.nodes.iter().enumerate().filter(|_| is_penalised);
        if let Some((index, node)) = layers.find(|(_, node)| matches!(node.layer, Layer::BatchNorm(_))) {
            return Err(Unsupported(format!(
                "it does not penalise the input gradient through layer {index} of the discriminator, {}, whose output for one image depends on the others",
                node.layer.describe().name(&node.input)
            )));
        }
    }
    Ok(())
}
