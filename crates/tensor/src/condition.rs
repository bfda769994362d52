//! How the networks know the class of an image.
//!
//! The classes of rows are one-hot, so that taking rows of an embedding is a product: it fuses lanes as any Linear layer
//! does, and its gradient is a sum in one order on every device. The gradient of a lookup would be scattered additions, which
//! a GPU does in any order.

use burn::tensor::{Device, Int, Tensor};
use gansweep_nn::network::{Entry, Network};

use super::masks::integers;

/// Rows of numbers, and their classes.
#[derive(Debug, Clone)]
pub(super) struct Input {
    /// `[lanes, rows, features]`.
    pub(super) rows: Tensor<3>,
    /// One-hot, `[lanes, rows, classes]`, if the network knows classes.
    pub(super) classes: Option<Tensor<3>>,
}

/// The numbers of the classes, `[1, 1, classes]`.
#[derive(Debug, Clone)]
pub(super) struct Classes(Tensor<3, Int>);

impl Classes {
    /// That many classes.
    pub(super) fn new(count: usize, device: &Device) -> Self {
        let numbers: Vec<i32> = (0..count as i32).collect();
        Self(integers(&numbers, device).reshape([1, 1, count]))
    }

    /// The classes `[lanes * rows]` one-hot: `[lanes, rows, classes]`.
    pub(super) fn one_hot(&self, classes: Tensor<1, Int>, lanes: usize) -> Tensor<3> {
        let [.., count] = self.0.dims();
        let rows = classes.dims()[0] / lanes;
        let shape = [lanes, rows, count];
        classes.reshape([lanes, rows, 1]).expand(shape).equal(self.0.clone().expand(shape)).float()
    }
}

/// The parameters as the layers of a network take them, without the embedding, which is the last of `parameters`,
/// `[lanes, width, classes]`. With a projection, the last Linear layer has an output more for each class: the inner product
/// of its input and the row of the embedding.
pub(super) fn of_layers(network: &Network, parameters: &[Tensor<3>]) -> Vec<Tensor<3>> {
    let (Some(condition), Some((embedding, layers))) = (network.condition, parameters.split_last()) else {
        return parameters.to_vec();
    };
    let mut layers = layers.to_vec();
    let has_bias = network.nodes.last().is_some_and(|last| last.layer.has_bias());
    let bias = if has_bias { layers.pop() } else { None };
    match (condition.entry, layers.last_mut(), bias) {
        (Entry::Projection, Some(weight), bias) => {
            *weight = Tensor::cat(vec![weight.clone(), embedding.clone()], 2);
            layers.extend(bias.map(|bias| {
                let [lanes, ..] = bias.dims();
                let without_bias = Tensor::zeros([lanes, 1, condition.classes], &bias.device());
                Tensor::cat(vec![bias, without_bias], 2)
            }));
        }
        (_, _, bias) => layers.extend(bias),
    }
    layers
}

/// The rows that the first layer takes: with the embedding of each row's class behind it, where that is part of the input.
pub(super) fn enter(network: &Network, parameters: &[Tensor<3>], input: &Input) -> Tensor<3> {
    match embeddings(network, parameters, input) {
        Some(embeddings) => Tensor::cat(vec![input.rows.clone(), embeddings], 2),
        None => input.rows.clone(),
    }
}

/// A change of the rows as the first layer takes it: the embedding is held fixed.
pub(super) fn enter_change(
    network: &Network,
    parameters: &[Tensor<3>],
    input: &Input,
    change: Tensor<3>,
) -> Tensor<3> {
    match embeddings(network, parameters, input) {
        Some(embeddings) => Tensor::cat(vec![change, embeddings.without_autodiff().zeros_like()], 2),
        None => change,
    }
}

/// The embedding of each row's class, `[lanes, rows, width]`, where it is part of the input.
fn embeddings(network: &Network, parameters: &[Tensor<3>], input: &Input) -> Option<Tensor<3>> {
    let is_input = network.condition.is_some_and(|condition| condition.entry == Entry::Concat);
    let (classes, embedding) = (input.classes.as_ref()?, parameters.last()?);
    is_input.then(|| classes.clone().matmul(embedding.clone().swap_dims(1, 2)))
}

/// The output of a network from that of its layers: with a projection, the sum of the first and of that of the row's class.
pub(super) fn leave(network: &Network, input: &Input, output: Tensor<3>) -> Tensor<3> {
    match (network.condition.map(|condition| condition.entry), &input.classes) {
        (Some(Entry::Projection), Some(classes)) => {
            let first = classes.clone().narrow(2, 0, 1).ones_like();
            (output * Tensor::cat(vec![first, classes.clone()], 2)).sum_dim(2)
        }
        _ => output,
    }
}
