//! Files of any shape: those of the user.

use std::{
    fmt,
    io::{self, Read},
};

use gansweep_base::host;
use gansweep_config::ImageShape;

use super::fault::MAX_SIDE;
use super::{CHANNELS_MAGIC, IMAGES_MAGIC, IdxFault, LABELS_MAGIC, check_len};

/// Why a file of any shape cannot be read.
#[derive(Debug)]
pub(crate) enum ReadError {
    /// An error of the system, or of the decompression.
    Io(io::Error),
    /// An error in the content.
    Fault(IdxFault),
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => write!(f, "it cannot be read: {error}"),
            Self::Fault(fault) => fault.fmt(f),
        }
    }
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
        // A sparse file may be as long as its header says and hold nothing.
        let length = count * shape.size();
        if host::memory_bytes().is_some_and(|memory| length as u64 > memory) {
            return Err(IdxFault::TooLarge { bytes: length as u64 }.into());
        }
        read_body(source, &mut bytes, length)?;
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

/// The bytes of a file of labels. The labels follow the first [`LABELS_HEADER`] bytes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum AnyLabels {
    /// As many as there are images.
    Whole(Vec<u8>),
    /// Another number, by the header; the rest of the file was not read.
    OtherCount(usize),
}

/// Reads a file of labels for `images` images.
pub(crate) fn read_any_labels(mut source: impl Read, images: usize) -> Result<AnyLabels, ReadError> {
    let mut bytes = Vec::new();
    let [magic] = read_words(&mut source, &mut bytes)?;
    if magic != LABELS_MAGIC {
        return Err(IdxFault::Magic { what: "labels", found: magic, expected: LABELS_MAGIC }.into());
    }
    let [count] = read_words(&mut source, &mut bytes)?;
    if count as usize != images {
        return Ok(AnyLabels::OtherCount(count as usize));
    }
    read_body(source, &mut bytes, images)?;
    Ok(AnyLabels::Whole(bytes))
}

/// What a header says: `60000 images of 28 x 28`, `10000 labels`, `4 dimensions: 5 x 3 x 8 x 8`.
pub(crate) fn describe(mut source: impl Read) -> Result<String, ReadError> {
    let mut bytes = Vec::new();
    let [magic] = read_words(&mut source, &mut bytes)?;
    Ok(match magic {
        LABELS_MAGIC => {
            let [count] = read_words(&mut source, &mut bytes)?;
            format!("{count} labels")
        }
        IMAGES_MAGIC => {
            let [count, rows, cols] = read_words(&mut source, &mut bytes)?;
            format!("{count} images of {rows} x {cols}")
        }
        CHANNELS_MAGIC => {
            let dimensions: [u32; 4] = read_words(&mut source, &mut bytes)?;
            format!("4 dimensions: {}", dimensions.map(|length| length.to_string()).join(" x "))
        }
        other => return Err(IdxFault::NoImages(other).into()),
    })
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::idx::{encode, encode_labels};

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
            (&[u32::MAX, 256, 256, 3], "more than this machine has memory"),
            (&[9, 256, 256, 3], "truncated"),
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
        assert_eq!(read_any_labels(&bytes[..], 3).unwrap(), AnyLabels::Whole(bytes.clone()));
        // Labels that nobody asked for are not read.
        let header = encode(&[0x0801, u32::MAX], &[]);
        let endless = (&header[..]).chain(io::repeat(0));
        assert_eq!(read_any_labels(endless, 3).unwrap(), AnyLabels::OtherCount(u32::MAX as usize));
        let fault = |bytes: &[u8]| match read_any_labels(bytes, 3) {
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
    }
}
