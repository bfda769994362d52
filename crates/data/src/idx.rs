//! IDX.

/// What is wrong with the content of an IDX file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IdxFault {
    /// Fewer bytes than a header.
    #[error("the file has {found} bytes, too few for a header of {expected}")]
    NoHeader {
        /// Bytes in the file.
        found: usize,
        /// Bytes in a header.
        expected: usize,
    },
}
