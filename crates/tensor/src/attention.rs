//! Self-attention over the pixels of the feature maps of all lanes.

use burn::tensor::{Tensor, activation};
use gansweep_nn::network::Attention;

use super::conv::Sides;

/// Queries, keys and values of each image, `[lanes * images, channels, pixels]`.
struct Parts {
    queries: Tensor<3>,
    keys: Tensor<3>,
    values: Tensor<3>,
}

impl Parts {
    /// Of maps with these sides, `[lanes, channels, images * pixels]`.
    fn new(layer: Attention, maps: Tensor<3>, sides: Sides) -> Self {
        let [lanes, channels, numbers] = maps.dims();
        let (pixels, width) = (sides.pixels(), layer.width);
        let of_images = maps.reshape([lanes, channels, numbers / pixels, pixels]).swap_dims(1, 2);
        let of_images = of_images.reshape([lanes * numbers / pixels, channels, pixels]);
        Self {
            queries: of_images.clone().narrow(1, 0, width),
            keys: of_images.clone().narrow(1, width, width),
            values: of_images.narrow(1, 2 * width, channels - 2 * width),
        }
    }
}

/// The products of the queries of each image with its keys, times the layer's factor: `[images, pixels of the queries, pixels of the
/// keys]`.
fn products(layer: Attention, queries: Tensor<3>, keys: Tensor<3>) -> Tensor<3> {
    queries.swap_dims(1, 2).matmul(keys) * layer.factor()
}

/// The sums of values, `[images, channels, pixels]`, with these weights.
fn sums(values: Tensor<3>, weights: Tensor<3>) -> Tensor<3> {
    values.matmul(weights.swap_dims(1, 2))
}

/// Images `[lanes * images, channels, pixels]` as maps, `[lanes, channels, images * pixels]`.
fn to_maps(images: Tensor<3>, lanes: usize) -> Tensor<3> {
    let [all, channels, pixels] = images.dims();
    let of_lanes = images.reshape([lanes, all / lanes, channels, pixels]).swap_dims(1, 2);
    of_lanes.reshape([lanes, channels, all / lanes * pixels])
}

/// The layer's output for maps with these sides, `[lanes, channels, images * pixels]`.
pub(super) fn attend(layer: Attention, maps: Tensor<3>, sides: Sides) -> Tensor<3> {
    let [lanes, ..] = maps.dims();
    let Parts { queries, keys, values } = Parts::new(layer, maps, sides);
    let weights = activation::softmax(products(layer, queries, keys), 2);
    to_maps(sums(values, weights), lanes)
}

/// The derivative of [`attend`] along `change` at `maps`.
pub(super) fn change_by_attention(
    layer: Attention,
    maps: Tensor<3>,
    change: Tensor<3>,
    sides: Sides,
) -> Tensor<3> {
    let [lanes, ..] = maps.dims();
    let Parts { queries, keys, values } = Parts::new(layer, maps, sides);
    let along = Parts::new(layer, change, sides);
    let weights = activation::softmax(products(layer, queries.clone(), keys.clone()), 2);
    let of_products = products(layer, along.queries, keys) + products(layer, queries, along.keys);
    let mean = (weights.clone() * of_products.clone()).sum_dim(2);
    let of_weights = weights.clone() * (of_products - mean);
    to_maps(sums(values, of_weights) + sums(along.values, weights), lanes)
}
