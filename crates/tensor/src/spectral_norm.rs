//! Spectral normalisation of weights ([`WeightMatrix`]), for all lanes at once.
//!
//! Weights are divided within the graph, with the singular vectors for constants, so that autodiff finds the gradients of
//! what the optimiser updates.

use burn::tensor::Tensor;
use gansweep_nn::network::{Layer, Network, Node, SPECTRAL_EPS, SPECTRAL_TENSORS, WeightMatrix};

use super::optimizer::norm;

/// A weight that is divided by its norm.
struct Normalised<'a> {
    /// Its place among the parameters.
    place: usize,
    /// Its layer; an embedding is none.
    node: Option<&'a Node>,
    matrix: WeightMatrix,
}

/// The weights of a network that are divided by their norms, in the order of their singular vectors.
fn normalised(network: &Network) -> impl Iterator<Item = Normalised<'_>> {
    let [original, ..] = SPECTRAL_TENSORS;
    let parameters = network.parameters().into_iter().enumerate();
    let weights = parameters.filter(move |(_, parameter)| parameter.name.ends_with(original));
    weights.map(|(place, _)| place).zip(network.spectral_norms()).map(|(place, (index, matrix))| Normalised {
        place,
        node: index.map(|index| &network.nodes[index]),
        matrix,
    })
}

impl Normalised<'_> {
    /// The transpose of the weight's matrix, `[lanes, inputs, outputs]`.
    fn transpose(&self, weight: Tensor<3>) -> Tensor<3> {
        let ([lanes, ..], WeightMatrix { outputs, inputs, .. }) = (weight.dims(), self.matrix);
        match self.node.map(|node| node.layer) {
            Some(Layer::Conv2d(_)) => weight.reshape([lanes, outputs, inputs]).swap_dims(1, 2),
            Some(Layer::ConvTranspose2d(layer)) => {
                let taps = layer.window.taps();
                let split = weight.reshape([lanes, inputs / taps, outputs, taps]);
                split.swap_dims(2, 3).reshape([lanes, inputs, outputs])
            }
            _ => weight,
        }
    }
}

/// Parameters with the weights of products divided by their norms. `vectors` are both singular vectors of each in turn,
/// `[lanes, 1, numbers]`.
pub(super) fn divide(network: &Network, parameters: &[Tensor<3>], vectors: &[Tensor<3>]) -> Vec<Tensor<3>> {
    let mut parameters = parameters.to_vec();
    let (vectors, _) = vectors.as_chunks::<2>();
    for (weight, [u, v]) in normalised(network).zip(vectors) {
        let own = parameters[weight.place].clone();
        let sigma = (v.clone().matmul(weight.transpose(own.clone())) * u.clone()).sum_dim(2);
        parameters[weight.place] = own / sigma;
    }
    parameters
}

/// One power iteration.
pub(super) fn iterate(network: &Network, parameters: &[Tensor<3>], vectors: &mut [Tensor<3>]) {
    let (vectors, _) = vectors.as_chunks_mut::<2>();
    for (weight, [u, v]) in normalised(network).zip(vectors) {
        let matrix = weight.transpose(parameters[weight.place].clone());
        let left = unit(v.clone().matmul(matrix.clone()));
        let right = unit(left.clone().matmul(matrix.swap_dims(1, 2)));
        // A recorded step writes to the same memory again, so that the new numbers are added to zeros in place.
        for (vector, new) in [(u, left), (v, right)] {
            vector.inplace(|old| old * 0.0 + new);
        }
    }
}

/// Vectors `[lanes, 1, numbers]` divided by their norms.
fn unit(vectors: Tensor<3>) -> Tensor<3> {
    let [lanes, _, count] = vectors.dims();
    let norms = norm(&vectors.clone().reshape([lanes, count])).clamp_min(SPECTRAL_EPS);
    vectors / norms.reshape([lanes, 1, 1])
}
