//! What may be wrong with the content of an IDX file.

/// The longest side of an image of any shape.
pub(super) const MAX_SIDE: u32 = 256;

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
    /// The images do not fit into this machine's memory.
    #[error("its header promises {bytes} bytes of images, more than this machine has memory")]
    TooLarge {
        /// By the header.
        bytes: u64,
    },
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
    /// A label is of no class.
    #[error("label {index} is {found}, expected {first} to {}", end - 1)]
    Label {
        /// The index of the label, from 0.
        index: usize,
        /// The value of the label.
        found: u8,
        /// The label of the first class.
        first: u8,
        /// The label of the last class plus one.
        end: usize,
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
    /// A ZIP archive that cannot be read.
    #[error("it is no sound ZIP archive: {0}")]
    Zip(String),
    /// A TAR archive that cannot be read.
    #[error("it is no sound TAR archive: {0}")]
    Tar(String),
    /// A `.gz` that cannot be decompressed.
    #[error("it is no sound gzip file: {0}")]
    Gzip(String),
}
