//! What this backend can train.

use gansweep_config::{Config, DatasetSpec, NetworkKind};
use gansweep_nn::network::{Layer, Network};
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
    let [_, discriminator] = Network::both(config, spec)?;
    let has_tangents = |layer: &Layer| !matches!(layer, Layer::BatchNorm | Layer::Upsample(_));
    if config.penalty.exists() && !discriminator.nodes.iter().all(|node| has_tangents(&node.layer)) {
        return Err(Unsupported("it does not penalise the input gradient through `BatchNorm`".to_owned()));
    }
    Ok(())
}
