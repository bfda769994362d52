//! The IDX format: reading files of known content and files of any shape, and writing.
//!
//! A file is a big-endian header (two zero bytes, a type code, the number of dimensions, then each dimension
//! as a `u32`) and the data. No header field is trusted: each is compared with what the dataset may have, and
//! with the length of the file.

use std::io::{self, Read};

use gansweep_config::ImageShape;

/// Type code 8 (unsigned byte), three dimensions: images, rows, columns.
const IMAGES_MAGIC: u32 = 0x0803;
/// The same with four dimensions: images, and channels before or after rows and columns.
const CHANNELS_MAGIC: u32 = 0x0804;
/// Type code 8 (unsigned byte), one dimension: labels.
const LABELS_MAGIC: u32 = 0x0801;
/// Magic number, count, rows, columns.
const IMAGES_HEADER: usize = 16;
/// Magic number, count.
pub(crate) const LABELS_HEADER: usize = 8;
/// The longest side of an image of any shape.
const MAX_SIDE: u32 = 256;

/// The length of a sound file of `count` images.
pub(crate) const fn images_len(count: usize, image: ImageShape) -> usize {
    IMAGES_HEADER + count * image.size()
}

/// The length of a sound file of `count` labels.
pub(crate) const fn labels_len(count: usize) -> usize {
    LABELS_HEADER + count
}

/// What is wrong with the content of an IDX file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IdxFault {
    /// The file is shorter than a header.
    #[error("it has {found} bytes, fewer than the {expected} of an IDX header")]
    NoHeader {
        /// The length of the file.
        found: usize,
        /// The length of a header.
        expected: usize,
    },
    /// The file has another magic number.
    #[error("it starts with 0x{found:08x}, an IDX file of {what} with 0x{expected:08x}")]
    Magic {
        /// What the file should contain: images or labels.
        what: &'static str,
        /// The first four bytes.
        found: u32,
        /// The expected ones.
        expected: u32,
    },
    /// The images have another size than the dataset's.
    #[error("its images have {rows} x {cols} pixels, expected {expected_rows} x {expected_cols}")]
    Side {
        /// The rows in the header.
        rows: u32,
        /// The columns in the header.
        cols: u32,
        /// The rows of the dataset's images.
        expected_rows: u32,
        /// The columns of the dataset's images.
        expected_cols: u32,
    },
    /// The images are too large or have no pixels.
    #[error("its images have {rows} x {cols} pixels, expected 1 to {MAX_SIDE} rows and columns")]
    Size {
        /// The rows in the header.
        rows: u32,
        /// The columns in the header.
        cols: u32,
    },
    /// Four dimensions, and it cannot be told which are the channels.
    #[error(
        "its dimensions are {0:?}; expected images, then 1 or 3 channels before or after rows and columns, \
         and not such a number at both places: three dimensions say that images are grey"
    )]
    Channels([u32; 4]),
    /// Neither three nor four dimensions of bytes.
    #[error("it starts with 0x{0:08x}, an IDX file of images with 0x00000803 or (with channels) 0x00000804")]
    NoImages(u32),
    /// There are no images.
    #[error("it has no images")]
    Empty,
    /// Another number of entries than the dataset has.
    #[error("its header promises {found} {what}, expected {expected}")]
    Count {
        /// Images or labels.
        what: &'static str,
        /// The number in the header.
        found: u32,
        /// The number in the dataset.
        expected: usize,
    },
    /// The file is shorter than its header promises.
    #[error("it ends after {found} bytes, expected {expected}: it is truncated")]
    Truncated {
        /// The length of the file.
        found: usize,
        /// The length that the header promises.
        expected: usize,
    },
    /// The file is longer than its header promises.
    #[error("it goes on after the {expected} bytes that its header promises")]
    Trailing {
        /// The length that the header promises.
        expected: usize,
    },
    /// A label is too large.
    #[error("label {index} is {found}, expected 0 to {}", classes - 1)]
    Label {
        /// The index of the label, from 0.
        index: usize,
        /// The value of the label.
        found: u8,
        /// The number of classes, at least 1.
        classes: usize,
    },
    /// The content differs from the published file.
    #[error("its content has {algorithm} {found}, the published file has {expected}")]
    Content {
        /// The kind of digest.
        algorithm: &'static str,
        /// The digest of the file, in hexadecimal.
        found: String,
        /// The digest of the published file, in hexadecimal.
        expected: &'static str,
    },
    /// A `.gz` that cannot be decompressed.
    #[error("it is no sound gzip file: {0}")]
    Gzip(String),
}

/// Checks a file of `expected` images and returns the offset of the first pixel.
pub(crate) fn check_images(bytes: &[u8], expected: usize, image: ImageShape) -> Result<usize, IdxFault> {
    let [magic, count, rows, cols] = header(bytes)?;
    let what = "images";
    if magic != IMAGES_MAGIC {
        return Err(IdxFault::Magic { what, found: magic, expected: IMAGES_MAGIC });
    }
    if (rows, cols) != (image.height, image.width) {
        let (expected_rows, expected_cols) = (image.height, image.width);
        return Err(IdxFault::Side { rows, cols, expected_rows, expected_cols });
    }
    check_count(what, count, expected)?;
    check_len(bytes.len(), images_len(expected, image))?;
    Ok(IMAGES_HEADER)
}

/// Checks a file of `expected` labels and returns the offset of the first.
pub(crate) fn check_labels(bytes: &[u8], expected: usize, classes: usize) -> Result<usize, IdxFault> {
    let [magic, count] = header(bytes)?;
    let what = "labels";
    if magic != LABELS_MAGIC {
        return Err(IdxFault::Magic { what, found: magic, expected: LABELS_MAGIC });
    }
    check_count(what, count, expected)?;
    check_len(bytes.len(), labels_len(expected))?;
    check_classes(&bytes[LABELS_HEADER..], classes)?;
    Ok(LABELS_HEADER)
}

/// Checks that each label is of one of so many classes.
pub(crate) fn check_classes(labels: &[u8], classes: usize) -> Result<(), IdxFault> {
    match labels.iter().position(|&label| usize::from(label) >= classes) {
        Some(index) => Err(IdxFault::Label { index, found: labels[index], classes }),
        None => Ok(()),
    }
}

/// Why a file of any shape cannot be read.
#[derive(Debug)]
pub(crate) enum ReadError {
    /// An error of the system, or of the decompression.
    Io(io::Error),
    /// An error in the content.
    Fault(IdxFault),
}

impl From<io::Error> for ReadError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<IdxFault> for ReadError {
    fn from(fault: IdxFault) -> Self {
        Self::Fault(fault)
    }
}

/// A whole file of images of any shape.
#[derive(Debug)]
pub(crate) struct AnyImages {
    /// The whole file, header included.
    pub(crate) bytes: Vec<u8>,
    /// The offset of the first pixel.
    start: usize,
    pub(crate) count: usize,
    pub(crate) shape: ImageShape,
    /// Whether the channels come last: `[count, height, width, channels]`.
    interleaved: bool,
}

impl AnyImages {
    /// Reads a file, at most one byte more than its header promises, so that neither a wrong file nor an
    /// archive fills the memory.
    pub(crate) fn read(mut source: impl Read) -> Result<Self, ReadError> {
        let mut bytes = Vec::new();
        let [magic] = read_words(&mut source, &mut bytes)?;
        let (count, shape, interleaved) = match magic {
            IMAGES_MAGIC => {
                let [count, height, width] = read_words(&mut source, &mut bytes)?;
                (count, ImageShape { channels: 1, height, width }, false)
            }
            CHANNELS_MAGIC => {
                let dimensions = read_words(&mut source, &mut bytes)?;
                let (shape, interleaved) = with_channels(dimensions)?;
                (dimensions[0], shape, interleaved)
            }
            other => return Err(IdxFault::NoImages(other).into()),
        };
        let side = 1..=MAX_SIDE;
        if !side.contains(&shape.height) || !side.contains(&shape.width) {
            return Err(IdxFault::Size { rows: shape.height, cols: shape.width }.into());
        }
        if count == 0 {
            return Err(IdxFault::Empty.into());
        }
        let (start, count) = (bytes.len(), count as usize);
        read_body(source, &mut bytes, count * shape.size())?;
        Ok(Self { bytes, start, count, shape, interleaved })
    }

    /// `[count, channels, height, width]`.
    pub(crate) fn into_planar(self) -> Vec<u8> {
        let Self { mut bytes, start, shape, interleaved, .. } = self;
        bytes.drain(..start);
        if interleaved && shape.channels > 1 {
            let channels = shape.channels as usize;
            for image in bytes.chunks_exact_mut(shape.size()) {
                let pixels = image.to_vec();
                let planes = (0..channels).flat_map(|c| pixels[c..].iter().step_by(channels));
                image.iter_mut().zip(planes).for_each(|(to, from)| *to = *from);
            }
        }
        bytes
    }
}

/// Finds the channels among four dimensions: the second or the last, if only one of them is 1 or 3.
fn with_channels(dimensions: [u32; 4]) -> Result<(ImageShape, bool), IdxFault> {
    let [_, a, b, c] = dimensions;
    let is_channels = |length| matches!(length, 1 | 3);
    match (is_channels(a), is_channels(c)) {
        (true, false) => Ok((ImageShape { channels: a, height: b, width: c }, false)),
        (false, true) => Ok((ImageShape { channels: c, height: a, width: b }, true)),
        _ => Err(IdxFault::Channels(dimensions)),
    }
}

/// Reads a whole file of labels of any number. The labels follow the first [`LABELS_HEADER`] bytes.
pub(crate) fn read_any_labels(mut source: impl Read) -> Result<Vec<u8>, ReadError> {
    let mut bytes = Vec::new();
    let [magic] = read_words(&mut source, &mut bytes)?;
    if magic != LABELS_MAGIC {
        return Err(IdxFault::Magic { what: "labels", found: magic, expected: LABELS_MAGIC }.into());
    }
    let [count] = read_words(&mut source, &mut bytes)?;
    read_body(source, &mut bytes, count as usize)?;
    Ok(bytes)
}

/// Reads `WORDS` words of a header, appends them to `bytes`, and returns them.
fn read_words<const WORDS: usize>(
    source: &mut impl Read,
    bytes: &mut Vec<u8>,
) -> Result<[u32; WORDS], ReadError> {
    let (start, length) = (bytes.len(), WORDS * 4);
    source.take(length as u64).read_to_end(bytes)?;
    let (words, _) = bytes[start..].as_chunks::<4>();
    let Some(words) = words.first_chunk::<WORDS>() else {
        return Err(IdxFault::NoHeader { found: bytes.len(), expected: start + length }.into());
    };
    Ok(words.map(u32::from_be_bytes))
}

/// Reads the rest of a file, which must have `length` bytes, and appends it to `bytes`.
fn read_body(source: impl Read, bytes: &mut Vec<u8>, length: usize) -> Result<(), ReadError> {
    let whole = bytes.len() + length;
    source.take(length as u64 + 1).read_to_end(bytes)?;
    Ok(check_len(bytes.len(), whole)?)
}

/// Encodes grey images `[count, height, width]`.
pub(crate) fn encode_images(image: ImageShape, pixels: &[u8]) -> Vec<u8> {
    encode(&[IMAGES_MAGIC, (pixels.len() / image.size()) as u32, image.height, image.width], pixels)
}

/// Encodes labels.
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

    const GREY: ImageShape = ImageShape { channels: 1, height: 28, width: 28 };
    const PIXELS: usize = GREY.size();

    fn sound_images() -> Vec<u8> {
        encode_images(GREY, &(0..3 * PIXELS).map(|i| i as u8).collect::<Vec<_>>())
    }

    #[test]
    fn what_is_written_is_read_back() {
        let images = sound_images();
        let start = check_images(&images, 3, GREY).unwrap();
        assert_eq!(images.len() - start, 3 * PIXELS);
        assert_eq!(images[start + 7], 7);
        let labels = encode_labels(&[3, 0, 9]);
        assert_eq!(&labels[check_labels(&labels, 3, 10).unwrap()..], [3, 0, 9]);
    }

    #[test]
    fn a_header_that_lies_about_its_count_is_refused_without_believing_it() {
        let mut images = sound_images();
        images[4..8].copy_from_slice(&u32::MAX.to_be_bytes());
        let fault = IdxFault::Count { what: "images", found: u32::MAX, expected: 3 };
        assert_eq!(check_images(&images, 3, GREY), Err(fault));
    }

    #[test]
    fn a_header_that_lies_about_its_size_is_refused() {
        let mut images = sound_images();
        images[8..12].copy_from_slice(&0x8000_0000_u32.to_be_bytes());
        assert_eq!(
            check_images(&images, 3, GREY),
            Err(IdxFault::Side { rows: 0x8000_0000, cols: 28, expected_rows: 28, expected_cols: 28 })
        );
    }

    #[test]
    fn a_truncated_file_and_one_with_a_tail_are_refused() {
        let mut images = sound_images();
        let expected = images.len();
        assert_eq!(
            check_images(&images[..expected - 1], 3, GREY),
            Err(IdxFault::Truncated { found: expected - 1, expected })
        );
        images.push(0);
        assert_eq!(check_images(&images, 3, GREY), Err(IdxFault::Trailing { expected }));
    }

    #[test]
    fn labels_in_place_of_images_and_the_reverse_are_refused() {
        let magic = |what, found, expected| Err(IdxFault::Magic { what, found, expected });
        assert_eq!(check_images(&encode_labels(&[1; 99]), 3, GREY), magic("images", 0x801, 0x803));
        assert_eq!(check_labels(&sound_images(), 3, 10), magic("labels", 0x803, 0x801));
    }

    #[test]
    fn a_label_beyond_nine_is_refused_with_its_place() {
        let fault = IdxFault::Label { index: 1, found: 10, classes: 10 };
        assert_eq!(check_labels(&encode_labels(&[9, 10, 11]), 3, 10), Err(fault));
    }

    #[test]
    fn an_empty_file_has_no_header() {
        assert_eq!(check_images(&[], 3, GREY), Err(IdxFault::NoHeader { found: 0, expected: 16 }));
        assert_eq!(check_labels(&[0; 7], 3, 10), Err(IdxFault::NoHeader { found: 7, expected: 8 }));
    }

    fn any_images(dimensions: &[u32], body: &[u8]) -> Result<AnyImages, String> {
        let magic = 0x0800 + dimensions.len() as u32;
        read(&encode(&[&[magic], dimensions].concat(), body))
    }

    fn read(bytes: &[u8]) -> Result<AnyImages, String> {
        AnyImages::read(bytes).map_err(|error| match error {
            ReadError::Fault(fault) => fault.to_string(),
            ReadError::Io(error) => panic!("{error}"),
        })
    }

    #[test]
    fn images_of_any_shape_become_planar() {
        let body: Vec<u8> = (0..24).collect();
        let grey = any_images(&[3, 2, 4], &body).unwrap();
        assert_eq!((grey.count, grey.shape), (3, ImageShape { channels: 1, height: 2, width: 4 }));
        assert_eq!(grey.into_planar(), body);
        let planar = any_images(&[1, 3, 4, 2], &body).unwrap();
        assert_eq!((planar.count, planar.shape), (1, ImageShape { channels: 3, height: 4, width: 2 }));
        assert_eq!(planar.into_planar(), body);
        let interleaved = any_images(&[2, 2, 2, 3], &body).unwrap();
        assert_eq!(interleaved.shape, ImageShape { channels: 3, height: 2, width: 2 });
        assert_eq!(interleaved.into_planar()[..12], [0, 3, 6, 9, 1, 4, 7, 10, 2, 5, 8, 11]);
        let one = any_images(&[2, 4, 3, 1], &body).unwrap();
        assert_eq!((one.shape, one.into_planar()), (ImageShape { channels: 1, height: 4, width: 3 }, body));
    }

    #[test]
    fn what_images_of_any_shape_must_not_be_is_refused_by_what_it_is() {
        for (dimensions, said) in [
            (&[2, 3, 4, 3][..], "[2, 3, 4, 3]"),
            (&[2, 2, 4, 2], "1 or 3 channels"),
            (&[0, 2, 2], "no images"),
            (&[1, 257, 2], "257 x 2 pixels, expected 1 to 256"),
            (&[1, 2, 0], "2 x 0 pixels"),
            (&[u32::MAX, 256, 256, 3], "truncated"),
            (&[1, 2, 2], "goes on after the 20 bytes"),
            (&[5], "0x00000801"),
        ] {
            let error = any_images(dimensions, &[0; 24]).unwrap_err();
            assert!(error.contains(said), "{said:?} in {error}");
        }
        let (short, bare) = (read(&[0, 0, 8, 3, 0]).unwrap_err(), read(&[]).unwrap_err());
        assert!(short.contains("5 bytes") && short.contains("16"), "{short}");
        assert!(bare.contains("0 bytes"), "{bare}");
    }

    #[test]
    fn labels_of_any_number_are_read_to_the_end_that_their_header_promises() {
        let bytes = encode_labels(&[4, 0, 255]);
        assert_eq!(read_any_labels(&bytes[..]).unwrap()[LABELS_HEADER..], [4, 0, 255]);
        let fault = |bytes: &[u8]| match read_any_labels(bytes) {
            Err(ReadError::Fault(fault)) => fault,
            other => panic!("{other:?}"),
        };
        assert_eq!(fault(&bytes[..10]), IdxFault::Truncated { found: 10, expected: 11 });
        // Labels of two bytes each: type code 11.
        let shorts = IdxFault::Magic { what: "labels", found: 0x0b01, expected: 0x0801 };
        assert_eq!(fault(&encode(&[0x0b01, 1], &[0, 1])), shorts);
    }

    proptest! {
        #[test]
        fn any_bytes_are_images_of_any_shape_or_a_fault(bytes in proptest::collection::vec(any::<u8>(), 0..300), dims in 0..5_u8) {
            let mut bytes = bytes;
            bytes.splice(0..0, [0, 0, 8, dims]);
            if let Ok(images) = AnyImages::read(&bytes[..]) {
                prop_assert_eq!(images.count * images.shape.size(), images.into_planar().len());
            }
        }

        #[test]
        fn arbitrary_bytes_are_never_taken_for_images(bytes in proptest::collection::vec(any::<u8>(), 0..4000)) {
            prop_assert!(check_images(&bytes, 3, GREY).is_err());
            prop_assert!(check_labels(&bytes, usize::MAX >> 16, 10).is_err());
        }

        #[test]
        fn any_change_of_a_header_is_refused(at in 0..16_usize, flip in 1..=255_u8) {
            let mut images = sound_images();
            images[at] ^= flip;
            prop_assert!(check_images(&images, 3, GREY).is_err());
        }

        #[test]
        fn any_other_length_is_refused(len in 0..3 * PIXELS + 16) {
            prop_assert!(check_images(&sound_images()[..len], 3, GREY).is_err());
        }

        #[test]
        fn any_label_outside_the_classes_is_refused(at in 0..50_usize, label in 10..=255_u8) {
            let mut labels = [0; 50];
            labels[at] = label;
            let fault = IdxFault::Label { index: at, found: label, classes: 10 };
            prop_assert_eq!(check_labels(&encode_labels(&labels), 50, 10), Err(fault));
        }
    }
}
