//! What this backend can train.

use gansweep_config::{Config, DatasetSpec};
use gansweep_nn::network::{Network, Role};
use gansweep_nn::penalty::Points;
use gansweep_train::Unsupported;

use super::net::Form;

/// Whether this backend can train runs of that config on that data.
///
/// # Errors
///
/// The reason why not.
pub fn supports(config: &Config, spec: &DatasetSpec) -> Result<(), Unsupported> {
    for network in Network::both(config, spec)? {
        let form = Form::of(&network);
        if form == Form::AnyOrder && network.condition.is_some() {
            return Err(Unsupported(format!(
                "it lets networks with layers in the common orders alone know classes, and its {} has others",
                network.role
            )));
        }
        let is_penalised = network.role == Role::Discriminator && Points::of(&config.penalty).is_some();
        if form == Form::AnyOrder && is_penalised {
            return Err(Unsupported(
                "it penalises the input gradient of layers in the common orders alone: products with an activation \
                 behind each"
                    .to_owned(),
            ));
        }
    }
    Ok(())
}
