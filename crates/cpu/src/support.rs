//! What this backend can train.

use gansweep_config::{Config, DatasetSpec};
use gansweep_nn::network::{Entry, Layer, Network};
use gansweep_train::Unsupported;

use super::net::{self, Form};

/// Whether this backend can train runs of that config on that data.
///
/// # Errors
///
/// The reason why not.
pub fn supports(config: &Config, spec: &DatasetSpec) -> Result<(), Unsupported> {
    for network in Network::both(config, spec)? {
        let is_penalised = net::is_penalised(&network, config);
        let form = Form::of(&network, config);
        if form == Form::AnyOrder && network.condition.is_some() {
            if is_penalised && config.model.discriminator.layer_norm {
                return Err(Unsupported(
                    "it does not penalise the input gradient of a discriminator that knows classes through its `layer_norm`"
                        .to_owned(),
                ));
            }
            return Err(Unsupported(format!(
                "it lets networks with layers in the common orders alone know classes, and its {} has others",
                network.role
            )));
        }
        let is_behind_input = network.condition.is_some_and(|condition| condition.entry == Entry::Concat);
        if form == Form::Perceptron && is_behind_input && network.spectral_norm {
            return Err(Unsupported(format!(
                "it does not divide the weights of a perceptron by their norms where the class is part of its input, as of its {}",
                network.role
            )));
        }
        let mut layers = network.nodes.iter().enumerate().filter(|_| is_penalised);
        if let Some((index, node)) = layers.find(|(_, node)| node.layer == Layer::BatchNorm) {
            return Err(Unsupported(format!(
                "it does not penalise the input gradient through layer {index} of the discriminator, {}, whose output for one image depends on the others",
                node.layer.describe().name(&node.input)
            )));
        }
    }
    Ok(())
}
