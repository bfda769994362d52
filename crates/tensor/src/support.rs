//! What this backend can train.

use gansweep_config::{Config, DatasetSpec, NetworkKind};
use gansweep_nn::network::{Layer, Network, Role};
use gansweep_train::Unsupported;

/// Whether this backend can train runs of that config on that data.
///
/// # Errors
///
/// The reason why not.
pub fn supports(config: &Config, spec: &DatasetSpec) -> Result<(), Unsupported> {
    let kinds = [config.model.generator.kind, config.model.discriminator.kind];
    if kinds.contains(&NetworkKind::Layers) {
        return Err(Unsupported("it does not train networks of `kind = \"layers\"`".to_owned()));
    }
    for network in Network::both(config, spec.image)? {
        for node in &network.nodes {
            let name = node.layer.describe().name(&node.input);
            match node.layer {
                Layer::Conv2d(_) | Layer::ConvTranspose2d(_) | Layer::Flatten | Layer::Unflatten(_) => {
                    return Err(Unsupported::layer(network.role, name));
                }
                Layer::BatchNorm if network.role == Role::Discriminator => {
                    return Err(Unsupported::layer(network.role, name));
                }
                _ => {}
            }
        }
    }
    Ok(())
}
