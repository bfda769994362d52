//! The training images in the device's memory.

use burn::tensor::{Device, Int, Tensor};
use gansweep_config::IMAGE_PIXELS;

use super::masks::integers;
use gansweep_train::TrainingImages;

/// Pixels in one 32-bit integer.
const PACKED: usize = 4;

/// All training images, four pixels to a 32-bit integer: every backend has that type, and the
/// smallest buffers that drivers promise (128 MiB) hold 60,000 images.
#[derive(Debug, Clone)]
pub(super) struct DeviceImages {
    /// `[count, 196]`, the first pixel in the lowest byte.
    packed: Tensor<2, Int>,
    /// How far each byte is from the lowest one, in bits, `[1, 1, 4]`.
    shifts: Tensor<3, Int>,
    /// The value of each byte, `[256]`.
    table: Tensor<1>,
}

impl DeviceImages {
    /// Uploads them.
    pub(super) fn new(images: &TrainingImages, device: &Device) -> Self {
        let used = &images.bytes[..images.count * IMAGE_PIXELS];
        let packed: Vec<i32> =
            used.as_chunks::<PACKED>().0.iter().map(|&bytes| i32::from_le_bytes(bytes)).collect();
        Self {
            packed: integers(&packed, device).reshape([images.count, IMAGE_PIXELS / PACKED]),
            shifts: integers(&[0, 8, 16, 24], device).reshape([1, 1, PACKED]),
            table: Tensor::from_data(TrainingImages::table(images.pixels).as_slice(), device),
        }
    }

    /// The images of those indices, `[lanes * batch]`, scaled: `[lanes, batch, 784]`.
    pub(super) fn gather(&self, indices: Tensor<1, Int>, lanes: usize) -> Tensor<3> {
        let [count] = indices.dims();
        let packed = self.packed.clone().select(0, indices).reshape([count, IMAGE_PIXELS / PACKED, 1]);
        let bytes = packed.bitwise_right_shift(self.shifts.clone()).bitwise_and_scalar(0xff);
        let values = self.table.clone().select(0, bytes.reshape([count * IMAGE_PIXELS]));
        values.reshape([lanes, count / lanes, IMAGE_PIXELS])
    }
}
