//! The IDX format of the published files, read strictly and written.
//!
//! A file is a big-endian header (two zero bytes, a type code, the number of dimensions, then each
//! dimension as a `u32`) and the bytes themselves. No header field is trusted: each is compared
//! with what a dataset must have and with the file's length before anything is taken from it.

use crate::images::{PIXELS, SIDE};

/// Type code 8 (unsigned byte), three dimensions: images, rows, columns.
const IMAGES_MAGIC: u32 = 0x0803;
/// Type code 8 (unsigned byte), one dimension: labels.
const LABELS_MAGIC: u32 = 0x0801;
/// Magic number, count, rows, columns.
const IMAGES_HEADER: usize = 16;
/// Magic number, count.
const LABELS_HEADER: usize = 8;

/// The length of a sound file of `count` images.
pub(crate) const fn images_len(count: usize) -> usize {
    IMAGES_HEADER + count * PIXELS
}

/// The length of a sound file of `count` labels.
pub(crate) const fn labels_len(count: usize) -> usize {
    LABELS_HEADER + count
}

/// What is wrong with the content of an IDX file: what was found, and what was expected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IdxFault {
    /// Not even a header.
    #[error("it has {found} bytes, fewer than the {expected} of an IDX header")]
    NoHeader {
        /// Bytes in the file.
        found: usize,
        /// Bytes in a header.
        expected: usize,
    },
    /// Another kind of file.
    #[error("it starts with 0x{found:08x}, an IDX file of {what} with 0x{expected:08x}")]
    Magic {
        /// What the file should hold: images or labels.
        what: &'static str,
        /// The first four bytes.
        found: u32,
        /// What they should be.
        expected: u32,
    },
    /// Images of another size.
    #[error("its images have {rows} x {cols} pixels, expected 28 x 28")]
    Side {
        /// Rows by the header.
        rows: u32,
        /// Columns by the header.
        cols: u32,
    },
    /// More or fewer entries than this part of a dataset has.
    #[error("its header promises {found} {what}, expected {expected}")]
    Count {
        /// Images or labels.
        what: &'static str,
        /// By the header.
        found: u32,
        /// In this part of the dataset.
        expected: usize,
    },
    /// The file ends early.
    #[error("it ends after {found} bytes, expected {expected}: it is truncated")]
    Truncated {
        /// Bytes in the file.
        found: usize,
        /// Bytes that the header promises.
        expected: usize,
    },
    /// There is more than the header promises.
    #[error("it goes on after the {expected} bytes that its header promises")]
    Trailing {
        /// Bytes that the header promises.
        expected: usize,
    },
    /// A label outside the ten classes.
    #[error("label {index} is {found}, expected 0 to 9")]
    Label {
        /// Which, from 0.
        index: usize,
        /// Its value.
        found: u8,
    },
    /// Not the content that the dataset's file has.
    #[error("its content has {algorithm} {found}, the published file has {expected}")]
    Content {
        /// Which digest.
        algorithm: &'static str,
        /// Of the file, in hexadecimal.
        found: String,
        /// Of the published file, in hexadecimal.
        expected: &'static str,
    },
    /// A `.gz` that cannot be decompressed.
    #[error("it is no sound gzip file: {0}")]
    Gzip(String),
}

/// Checks a file of `expected` images and returns the offset of the first pixel.
pub(crate) fn check_images(bytes: &[u8], expected: usize) -> Result<usize, IdxFault> {
    let [magic, count, rows, cols] = header(bytes)?;
    let what = "images";
    if magic != IMAGES_MAGIC {
        return Err(IdxFault::Magic { what, found: magic, expected: IMAGES_MAGIC });
    }
    if rows as usize != SIDE || cols as usize != SIDE {
        return Err(IdxFault::Side { rows, cols });
    }
    check_count(what, count, expected)?;
    check_len(bytes.len(), images_len(expected))?;
    Ok(IMAGES_HEADER)
}

/// Checks a file of `expected` labels and returns the offset of the first.
pub(crate) fn check_labels(bytes: &[u8], expected: usize) -> Result<usize, IdxFault> {
    let [magic, count] = header(bytes)?;
    let what = "labels";
    if magic != LABELS_MAGIC {
        return Err(IdxFault::Magic { what, found: magic, expected: LABELS_MAGIC });
    }
    check_count(what, count, expected)?;
    check_len(bytes.len(), labels_len(expected))?;
    match bytes[LABELS_HEADER..].iter().position(|&label| label > 9) {
        Some(index) => Err(IdxFault::Label { index, found: bytes[LABELS_HEADER + index] }),
        None => Ok(LABELS_HEADER),
    }
}

/// A file of `[count, 784]` pixels.
pub(crate) fn encode_images(pixels: &[u8]) -> Vec<u8> {
    let side = SIDE as u32;
    encode(&[IMAGES_MAGIC, (pixels.len() / PIXELS) as u32, side, side], pixels)
}

/// A file of labels.
pub(crate) fn encode_labels(labels: &[u8]) -> Vec<u8> {
    encode(&[LABELS_MAGIC, labels.len() as u32], labels)
}

fn encode(header: &[u32], body: &[u8]) -> Vec<u8> {
    let header = header.iter().flat_map(|field| field.to_be_bytes());
    header.chain(body.iter().copied()).collect()
}

fn header<const FIELDS: usize>(bytes: &[u8]) -> Result<[u32; FIELDS], IdxFault> {
    let (words, _) = bytes.as_chunks::<4>();
    let Some(words) = words.first_chunk::<FIELDS>() else {
        return Err(IdxFault::NoHeader { found: bytes.len(), expected: FIELDS * 4 });
    };
    Ok(words.map(u32::from_be_bytes))
}

fn check_count(what: &'static str, found: u32, expected: usize) -> Result<(), IdxFault> {
    if found as usize == expected { Ok(()) } else { Err(IdxFault::Count { what, found, expected }) }
}

fn check_len(found: usize, expected: usize) -> Result<(), IdxFault> {
    if found < expected {
        return Err(IdxFault::Truncated { found, expected });
    }
    if found > expected { Err(IdxFault::Trailing { expected }) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sound_images() -> Vec<u8> {
        encode_images(&(0..3 * PIXELS).map(|i| i as u8).collect::<Vec<_>>())
    }

    #[test]
    fn what_is_written_is_read_back() {
        let images = sound_images();
        let start = check_images(&images, 3).unwrap();
        assert_eq!(images.len() - start, 3 * PIXELS);
        assert_eq!(images[start + 7], 7);
        let labels = encode_labels(&[3, 0, 9]);
        assert_eq!(&labels[check_labels(&labels, 3).unwrap()..], [3, 0, 9]);
    }

    #[test]
    fn a_header_that_lies_about_its_count_is_refused_without_believing_it() {
        let mut images = sound_images();
        images[4..8].copy_from_slice(&u32::MAX.to_be_bytes());
        let fault = IdxFault::Count { what: "images", found: u32::MAX, expected: 3 };
        assert_eq!(check_images(&images, 3), Err(fault));
    }

    #[test]
    fn a_header_that_lies_about_its_size_is_refused() {
        let mut images = sound_images();
        images[8..12].copy_from_slice(&0x8000_0000_u32.to_be_bytes());
        assert_eq!(check_images(&images, 3), Err(IdxFault::Side { rows: 0x8000_0000, cols: 28 }));
    }

    #[test]
    fn a_truncated_file_and_one_with_a_tail_are_refused() {
        let mut images = sound_images();
        let expected = images.len();
        assert_eq!(
            check_images(&images[..expected - 1], 3),
            Err(IdxFault::Truncated { found: expected - 1, expected })
        );
        images.push(0);
        assert_eq!(check_images(&images, 3), Err(IdxFault::Trailing { expected }));
    }

    #[test]
    fn labels_in_place_of_images_and_the_reverse_are_refused() {
        let magic = |what, found, expected| Err(IdxFault::Magic { what, found, expected });
        assert_eq!(check_images(&encode_labels(&[1; 99]), 3), magic("images", 0x801, 0x803));
        assert_eq!(check_labels(&sound_images(), 3), magic("labels", 0x803, 0x801));
    }

    #[test]
    fn a_label_beyond_nine_is_refused_with_its_place() {
        let fault = IdxFault::Label { index: 1, found: 10 };
        assert_eq!(check_labels(&encode_labels(&[9, 10, 11]), 3), Err(fault));
    }

    #[test]
    fn an_empty_file_has_no_header() {
        assert_eq!(check_images(&[], 3), Err(IdxFault::NoHeader { found: 0, expected: 16 }));
        assert_eq!(check_labels(&[0; 7], 3), Err(IdxFault::NoHeader { found: 7, expected: 8 }));
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_are_never_taken_for_images(bytes in proptest::collection::vec(any::<u8>(), 0..4000)) {
            prop_assert!(check_images(&bytes, 3).is_err());
            prop_assert!(check_labels(&bytes, usize::MAX >> 16).is_err());
        }

        #[test]
        fn any_change_of_a_header_is_refused(at in 0..16_usize, flip in 1..=255_u8) {
            let mut images = sound_images();
            images[at] ^= flip;
            prop_assert!(check_images(&images, 3).is_err());
        }

        #[test]
        fn any_other_length_is_refused(len in 0..3 * PIXELS + 16) {
            prop_assert!(check_images(&sound_images()[..len], 3).is_err());
        }

        #[test]
        fn any_label_outside_the_classes_is_refused(at in 0..50_usize, label in 10..=255_u8) {
            let mut labels = [0; 50];
            labels[at] = label;
            let fault = IdxFault::Label { index: at, found: label };
            prop_assert_eq!(check_labels(&encode_labels(&labels), 50), Err(fault));
        }
    }
}
