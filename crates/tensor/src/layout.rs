//! The layout of a network's tensors in one flat row per lane.
//!
//! All parameters of a network are one tensor `[lanes, numbers]`, and so are their gradients and each buffer
//! of the optimiser. So an update is a dozen operations for any number of layers.

use std::collections::BTreeMap;

use burn::tensor::Tensor;

use gansweep_nn::network::{Network, TensorSpec};
use gansweep_nn::state::Array;

/// One tensor of a network within a lane's flat row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TensorSlice {
    /// PyTorch's name under its role: `generator.0.weight`.
    pub(super) name: String,
    /// Index of its first number.
    pub(super) start: usize,
    /// A Linear weight is `[inputs, outputs]`, an embedding `[width, classes]`, everything else `[1, numbers]`.
    pub(super) rows: usize,
    pub(super) columns: usize,
    /// The shape in PyTorch.
    shape: Vec<usize>,
    /// Whether PyTorch stores the transpose.
    transposed: bool,
}

impl TensorSlice {
    pub(super) fn count(&self) -> usize {
        self.rows * self.columns
    }
}

/// The slices of all parameters, or all buffers, of a network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Layout {
    /// In the order of the layers.
    pub(super) slices: Vec<TensorSlice>,
    /// Numbers in a lane's row.
    pub(super) count: usize,
}

impl Layout {
    /// The layout of the trained tensors, in the order of [`Network::parameters`].
    pub(super) fn parameters(network: &Network) -> Self {
        Self::new(network, network.parameters())
    }

    /// The layout of the buffers, in the order of [`Network::buffers`].
    pub(super) fn running(network: &Network) -> Self {
        Self::new(network, network.buffers())
    }

    fn new(network: &Network, tensors: Vec<TensorSpec>) -> Self {
        let mut start = 0;
        let slices = tensors.into_iter().map(|TensorSpec { name, shape, .. }| {
            let name = format!("{}.{name}", network.role.name());
            let (rows, columns, transposed) = match *shape {
                [outputs, inputs] => (inputs, outputs, true),
                _ => (1, shape.iter().product(), false),
            };
            let slice = TensorSlice { name, start, rows, columns, shape, transposed };
            start += slice.count();
            slice
        });
        let slices = slices.collect();
        Self { slices, count: start }
    }

    /// Each slice of `flat`, `[lanes, count]`, as `[lanes, rows, columns]`.
    pub(super) fn split(&self, flat: &Tensor<2>) -> Vec<Tensor<3>> {
        let [lanes, _] = flat.dims();
        let part = |slice: &TensorSlice| {
            let row = flat.clone().slice([0..lanes, slice.start..slice.start + slice.count()]);
            row.reshape([lanes, slice.rows, slice.columns])
        };
        self.slices.iter().map(part).collect()
    }

    /// The inverse of [`split`](Self::split).
    pub(super) fn join(&self, parts: Vec<Tensor<3>>) -> Tensor<2> {
        let rows = parts.into_iter().zip(&self.slices).map(|(part, slice)| {
            let [lanes, ..] = part.dims();
            part.reshape([lanes, slice.count()])
        });
        Tensor::cat(rows.collect(), 1)
    }

    /// Appends a lane's row to `out`, from the arrays whose names are `prefix` plus a slice's name.
    pub(super) fn gather(
        &self,
        prefix: &str,
        arrays: &BTreeMap<String, Array>,
        out: &mut Vec<f32>,
    ) -> Result<(), String> {
        for slice in &self.slices {
            let name = format!("{prefix}{}", slice.name);
            let array = arrays.get(&name).ok_or_else(|| format!("tensor {name} is missing"))?;
            if array.shape != slice.shape || array.values.len() != slice.count() {
                let (found, expected) = (&array.shape, &slice.shape);
                return Err(format!("tensor {name} has shape {found:?}, expected {expected:?}"));
            }
            if slice.transposed {
                out.extend(transpose(&array.values, slice.columns));
            } else {
                out.extend_from_slice(&array.values);
            }
        }
        Ok(())
    }

    /// Writes a lane's row to the arrays whose names are `prefix` plus a slice's name.
    pub(super) fn scatter(&self, prefix: &str, row: &[f32], arrays: &mut BTreeMap<String, Array>) {
        for slice in &self.slices {
            let values = &row[slice.start..slice.start + slice.count()];
            let values =
                if slice.transposed { transpose(values, slice.rows).collect() } else { values.to_vec() };
            arrays.insert(format!("{prefix}{}", slice.name), Array { shape: slice.shape.clone(), values });
        }
    }
}

/// The elements of a row-major matrix of `rows` rows in column-major order.
fn transpose(values: &[f32], rows: usize) -> impl Iterator<Item = f32> {
    let columns = values.len() / rows;
    (0..columns).flat_map(move |column| (0..rows).map(move |row| values[row * columns + column]))
}
