//! The inputs of a block of steps in device memory.

use burn::tensor::{Device, Int, Tensor};

use super::inputs::{Block, most_steps};
use super::masks::integers;
use super::step_plan::RowLayout;

/// The rows of a block, and the index of the next one.
///
/// Recorded steps rely on these tensors to keep their addresses, so each is changed in place.
#[derive(Debug)]
pub(super) struct Rows {
    /// `[steps, floats]`.
    floats: Tensor<2>,
    /// `[steps, integers]`.
    integers: Tensor<2, Int>,
    /// The index of the next row, `[1]`.
    next: Tensor<1, Int>,
    device: Device,
}

impl Rows {
    /// Memory for the largest block of rows of that layout.
    pub(super) fn new(layout: &RowLayout, device: &Device) -> Self {
        let steps = most_steps(layout);
        Self {
            floats: Tensor::zeros([steps, layout.floats], device),
            // Not `zeros`, which makes 64-bit integers on libtorch.
            integers: integers(&vec![0; steps * layout.integers], device).reshape([steps, layout.integers]),
            next: integers(&[0], device),
            device: device.clone(),
        }
    }

    /// Replaces the rows, and starts with the first.
    pub(super) fn fill(&mut self, block: &Block) {
        let steps = block.steps;
        let (floats, ints) = (block.floats.len() / steps, block.integers.len() / steps);
        let new = Tensor::<1>::from_data(block.floats.as_slice(), &self.device).reshape([steps, floats]);
        self.floats.inplace(|rows| rows.slice_assign([0..steps, 0..floats], new));
        let new = integers(&block.integers, &self.device).reshape([steps, ints]);
        self.integers.inplace(|rows| rows.slice_assign([0..steps, 0..ints], new));
        self.next.inplace(|next| next.mul_scalar(0));
    }

    /// The next row's floats and integers. The index lives on the device, so that a replay moves it too.
    pub(super) fn take(&mut self) -> (Tensor<1>, Tensor<1, Int>) {
        let [_, floats] = self.floats.dims();
        let [_, ints] = self.integers.dims();
        let floats = self.floats.clone().select(0, self.next.clone()).reshape([floats]);
        let integers = self.integers.clone().select(0, self.next.clone()).reshape([ints]);
        self.next.inplace(|next| next.add_scalar(1));
        (floats, integers)
    }

    /// The rows taken so far, read from the device. Waits for the device.
    pub(super) fn taken(&self) -> Option<usize> {
        let next: i32 = self.next.clone().try_into_scalar().ok()?;
        usize::try_from(next).ok()
    }
}
