//! The training images in the device's memory.

use burn::tensor::{Device, Int, Tensor};

use super::masks::integers;
use gansweep_train::TrainingImages;

/// Bytes in one 32-bit integer.
const PACKED: usize = 4;

/// Bytes of an image of `size` numbers on a device.
pub(super) const fn packed_bytes(size: usize) -> usize {
    size.next_multiple_of(PACKED)
}

/// All training images, four bytes to a 32-bit integer. Every backend has that type, and the largest
/// buffer that every driver supports (128 MiB) holds all of MNIST this way.
#[derive(Debug, Clone)]
pub(super) struct DeviceImages {
    /// Numbers in an image.
    size: usize,
    /// `[count, size / 4 rounded up]`, the first number in the lowest byte.
    packed: Tensor<2, Int>,
    /// The shift of each byte in bits, `[1, 1, 4]`.
    shifts: Tensor<3, Int>,
    /// The value of each byte, `[256]`.
    table: Tensor<1>,
}

impl DeviceImages {
    /// Uploads them.
    pub(super) fn new(images: &TrainingImages, device: &Device) -> Self {
        let size = images.shape.size();
        let used = images.bytes.chunks_exact(size).take(images.count);
        let packed: Vec<i32> = used.flat_map(|image| image.chunks(PACKED).map(packed)).collect();
        Self {
            size,
            packed: integers(&packed, device).reshape([images.count, packed_bytes(size) / PACKED]),
            shifts: integers(&[0, 8, 16, 24], device).reshape([1, 1, PACKED]),
            table: Tensor::from_data(TrainingImages::table(images.pixels).as_slice(), device),
        }
    }

    /// The images of those indices, `[lanes * batch]`, scaled: `[lanes, batch, size]`.
    pub(super) fn gather(&self, indices: Tensor<1, Int>, lanes: usize) -> Tensor<3> {
        let [count] = indices.dims();
        let stored = packed_bytes(self.size);
        let packed = self.packed.clone().select(0, indices).reshape([count, stored / PACKED, 1]);
        let bytes = packed.bitwise_right_shift(self.shifts.clone()).bitwise_and_scalar(0xff);
        let values = self.table.clone().select(0, bytes.reshape([count * stored]));
        let values = values.reshape([lanes, count / lanes, stored]);
        if stored == self.size { values } else { values.narrow(2, 0, self.size) }
    }
}

/// Up to four bytes as one integer.
fn packed(bytes: &[u8]) -> i32 {
    let mut whole = [0; PACKED];
    whole[..bytes.len()].copy_from_slice(bytes);
    i32::from_le_bytes(whole)
}
