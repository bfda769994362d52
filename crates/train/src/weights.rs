//! Export of a network's weights as a PyTorch state dict.

use std::collections::HashMap;

use safetensors::tensor::{Dtype, TensorView};

use crate::TrainError;
use gansweep_nn::average;
use gansweep_nn::network::{Layer, Network, Role};
use gansweep_nn::state::LaneState;
use gansweep_protocol::SampleSource;

/// `safetensors` bytes of one network: `0.weight` as `[out, in]`, `0.bias`, and for `BatchNorm`
/// `1.running_mean`, `1.running_var` and `1.num_batches_tracked`, so that
/// `nn.Sequential.load_state_dict` takes them. `prefix` stands before every name: `model.` for a
/// module that holds its `nn.Sequential` under that name. `source` must be one that the network has: the
/// discriminator has raw weights alone.
pub fn export(
    network: &Network,
    state: &LaneState,
    source: SampleSource,
    prefix: &str,
) -> Result<Vec<u8>, TrainError> {
    let averaged = match source {
        SampleSource::Raw => "",
        SampleSource::Ema => average::PREFIX,
    };
    let role = format!("{averaged}{}.", network.role.name());
    let mut tensors: Vec<(String, Dtype, Vec<usize>, Vec<u8>)> = state
        .arrays
        .iter()
        .filter_map(|(name, array)| Some((name.strip_prefix(&role)?, array)))
        .map(|(name, array)| {
            let bytes = array.values.iter().flat_map(|value| value.to_le_bytes()).collect();
            (format!("{prefix}{name}"), Dtype::F32, array.shape.clone(), bytes)
        })
        .collect();
    let batches = forward_passes(network.role, state).to_le_bytes();
    for (index, node) in network.nodes.iter().enumerate() {
        if matches!(node.layer, Layer::BatchNorm(_)) {
            tensors.push((
                format!("{prefix}{index}.num_batches_tracked"),
                Dtype::I64,
                vec![],
                batches.to_vec(),
            ));
        }
    }
    let views = tensors
        .iter()
        .map(|(name, dtype, shape, bytes)| Ok((name, TensorView::new(*dtype, shape.clone(), bytes)?)))
        .collect::<Result<Vec<_>, safetensors::SafeTensorError>>();
    let metadata = HashMap::from([("format".to_owned(), "pt".to_owned())]);
    views
        .and_then(|views| safetensors::serialize(views, Some(metadata)))
        .map_err(|error| TrainError::Export(error.to_string()))
}

/// Forward passes of a network in training mode, which PyTorch counts in `num_batches_tracked`. The
/// generator also makes fakes for every update of the discriminator.
fn forward_passes(role: Role, state: &LaneState) -> i64 {
    let passes = match role {
        Role::Generator => state.generator_updates + state.discriminator_updates,
        Role::Discriminator => 2 * state.discriminator_updates + state.generator_updates,
    };
    i64::try_from(passes).unwrap_or(i64::MAX)
}
