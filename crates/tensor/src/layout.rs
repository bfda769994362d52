//! Where each tensor of a network lies in one flat row per lane.
//!
//! Parameters, moments and gradients of a network are single tensors `[lanes, numbers]`, so that
//! an optimiser's update is a dozen operations whatever the number of layers.

use std::collections::BTreeMap;

use burn::tensor::Tensor;

use gansweep_nn::network::{Network, TensorSpec};
use gansweep_nn::state::Array;

/// One tensor of a network within a lane's flat row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Slot {
    /// PyTorch's name under its role: `generator.0.weight`.
    pub(super) name: String,
    /// Where its numbers begin.
    pub(super) start: usize,
    /// A Linear weight is `[inputs, outputs]`, everything else `[1, features]`.
    pub(super) rows: usize,
    /// See `rows`.
    pub(super) columns: usize,
    /// Whether PyTorch stores the transpose.
    transposed: bool,
}

impl Slot {
    /// How many numbers.
    pub(super) fn count(&self) -> usize {
        self.rows * self.columns
    }

    /// PyTorch's shape.
    fn shape(&self) -> Vec<usize> {
        if self.transposed { vec![self.columns, self.rows] } else { vec![self.columns] }
    }
}

/// All slots of one kind of tensor of a network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Layout {
    /// In the order of the layers.
    pub(super) slots: Vec<Slot>,
    /// Numbers in a lane's row.
    pub(super) count: usize,
}

impl Layout {
    /// Of the trained tensors, in the order of [`Network::parameters`].
    pub(super) fn parameters(network: &Network) -> Self {
        Self::new(network, network.parameters())
    }

    /// Of the tensors beside them, in the order of [`Network::buffers`]: mean and variance of each
    /// `BatchNorm` in turn.
    pub(super) fn running(network: &Network) -> Self {
        Self::new(network, network.buffers())
    }

    fn new(network: &Network, tensors: Vec<TensorSpec>) -> Self {
        let mut start = 0;
        let slots = tensors.into_iter().map(|TensorSpec { name, shape, .. }| {
            let name = format!("{}.{name}", network.role.name());
            let (rows, columns, transposed) = match *shape {
                [outputs, inputs] => (inputs, outputs, true),
                _ => (1, shape.iter().product(), false),
            };
            let slot = Slot { name, start, rows, columns, transposed };
            start += slot.count();
            slot
        });
        let slots = slots.collect();
        Self { slots, count: start }
    }

    /// Each slot of `flat`, `[lanes, count]`, as `[lanes, rows, columns]`.
    pub(super) fn split(&self, flat: &Tensor<2>) -> Vec<Tensor<3>> {
        let [lanes, _] = flat.dims();
        let part = |slot: &Slot| {
            let row = flat.clone().slice([0..lanes, slot.start..slot.start + slot.count()]);
            row.reshape([lanes, slot.rows, slot.columns])
        };
        self.slots.iter().map(part).collect()
    }

    /// The inverse of [`split`](Self::split).
    pub(super) fn join(&self, parts: Vec<Tensor<3>>) -> Tensor<2> {
        let rows = parts.into_iter().zip(&self.slots).map(|(part, slot)| {
            let [lanes, ..] = part.dims();
            part.reshape([lanes, slot.count()])
        });
        Tensor::cat(rows.collect(), 1)
    }

    /// Appends a lane's row to `out`, from arrays named `prefix` and a slot's name.
    pub(super) fn gather(
        &self,
        prefix: &str,
        arrays: &BTreeMap<String, Array>,
        out: &mut Vec<f32>,
    ) -> Result<(), String> {
        for slot in &self.slots {
            let name = format!("{prefix}{}", slot.name);
            let array = arrays.get(&name).ok_or_else(|| format!("tensor {name} is missing"))?;
            if array.shape != slot.shape() || array.values.len() != slot.count() {
                return Err(format!(
                    "tensor {name} has shape {:?}, expected {:?}",
                    array.shape,
                    slot.shape()
                ));
            }
            if slot.transposed {
                out.extend(transpose(&array.values, slot.columns));
            } else {
                out.extend_from_slice(&array.values);
            }
        }
        Ok(())
    }

    /// Puts a lane's row into arrays named `prefix` and a slot's name.
    pub(super) fn scatter(&self, prefix: &str, row: &[f32], arrays: &mut BTreeMap<String, Array>) {
        for slot in &self.slots {
            let values = &row[slot.start..slot.start + slot.count()];
            let values =
                if slot.transposed { transpose(values, slot.rows).collect() } else { values.to_vec() };
            arrays.insert(format!("{prefix}{}", slot.name), Array { shape: slot.shape(), values });
        }
    }
}

/// A row-major matrix of so many rows, column by column.
fn transpose(values: &[f32], rows: usize) -> impl Iterator<Item = f32> {
    let columns = values.len() / rows;
    (0..columns).flat_map(move |column| (0..rows).map(move |row| values[row * columns + column]))
}
