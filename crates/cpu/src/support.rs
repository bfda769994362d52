//! What this backend can train.

use gansweep_config::{Config, DatasetSpec};
use gansweep_nn::network::Network;
use gansweep_train::Unsupported;

use super::conv;
use super::network::is_perceptron;

/// Whether this backend can train runs of that config on that data.
///
/// # Errors
///
/// The reason why not.
pub fn supports(config: &Config, spec: &DatasetSpec) -> Result<(), Unsupported> {
    for network in Network::both(config, spec.image)? {
        if conv::is_convolutional(&network) {
            conv::plan(&network)?;
        } else if !is_perceptron(&network) {
            return Err(Unsupported(format!("it does not compute the {} of these layers", network.role)));
        }
    }
    Ok(())
}
