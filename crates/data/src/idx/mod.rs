//! The IDX format: reading files of known content and files of any shape, and writing.
//!
//! A file is a big-endian header (two zero bytes, a type code, the number of dimensions, then each dimension
//! as a `u32`) and the data. No header field is trusted: each is compared with what the dataset may have, and
//! with the length of the file.

mod any;
mod fault;
mod known;

use gansweep_config::ImageShape;

pub use fault::IdxFault;

pub(crate) use any::{AnyImages, AnyLabels, ReadError, describe, read_any_labels};
pub(crate) use known::{check_classes, check_images, check_labels, images_len, labels_len};

/// Type code 8 (unsigned byte), three dimensions: images, rows, columns.
const IMAGES_MAGIC: u32 = 0x0803;
/// The same with four dimensions: images, and channels before or after rows and columns.
const CHANNELS_MAGIC: u32 = 0x0804;
/// Type code 8 (unsigned byte), one dimension: labels.
const LABELS_MAGIC: u32 = 0x0801;
/// Magic number, count.
pub(crate) const LABELS_HEADER: usize = 8;

/// Encodes images `[count, height, width]`, or `[count, channels, height, width]` with several channels.
pub(crate) fn encode_images(image: ImageShape, pixels: &[u8]) -> Vec<u8> {
    let ImageShape { channels, height, width } = image;
    let count = (pixels.len() / image.size()) as u32;
    match channels {
        1 => encode(&[IMAGES_MAGIC, count, height, width], pixels),
        _ => encode(&[CHANNELS_MAGIC, count, channels, height, width], pixels),
    }
}

/// Encodes labels.
pub(crate) fn encode_labels(labels: &[u8]) -> Vec<u8> {
    encode(&[LABELS_MAGIC, labels.len() as u32], labels)
}

fn encode(header: &[u32], body: &[u8]) -> Vec<u8> {
    let header = header.iter().flat_map(|field| field.to_be_bytes());
    header.chain(body.iter().copied()).collect()
}

pub(crate) fn check_len(found: usize, expected: usize) -> Result<(), IdxFault> {
    if found < expected {
        return Err(IdxFault::Truncated { found, expected });
    }
    if found > expected { Err(IdxFault::Trailing { expected }) } else { Ok(()) }
}
