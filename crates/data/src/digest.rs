//! Digests of published files.

use std::fmt;

use gansweep_base::digest::{hex, sha256};
use sha1::{Digest as _, Sha1};

/// The published digest of a file, in hexadecimal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Digest {
    /// SHA-256 of the uncompressed file.
    Sha256(&'static str),
    /// Git's object id of the uncompressed file: SHA-1 over `blob <length>\0` and the bytes.
    GitBlob(&'static str),
    /// SHA-256 of the compressed file; of the uncompressed one no digest is published. Checked when the file
    /// is downloaded; of files that are found, only the format can be checked.
    GzipSha256(&'static str),
}

impl Digest {
    /// The name of the hash in messages.
    pub(crate) const fn algorithm(self) -> &'static str {
        match self {
            Self::Sha256(_) | Self::GzipSha256(_) => "SHA-256",
            Self::GitBlob(_) => "git object id",
        }
    }

    /// The published digest, in hexadecimal.
    pub(crate) const fn hex(self) -> &'static str {
        match self {
            Self::Sha256(hex) | Self::GitBlob(hex) | Self::GzipSha256(hex) => hex,
        }
    }

    /// Computes the digest of `bytes` with the same algorithm, in hexadecimal.
    pub(crate) fn compute(self, bytes: &[u8]) -> String {
        match self {
            Self::Sha256(_) | Self::GzipSha256(_) => sha256(bytes),
            Self::GitBlob(_) => git_blob(bytes),
        }
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.algorithm(), self.hex())
    }
}

fn git_blob(bytes: &[u8]) -> String {
    let mut hasher = Sha1::new();
    hasher.update(format!("blob {}\0", bytes.len()));
    hasher.update(bytes);
    hex(&hasher.finalize())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_those_of_the_standard_tools() {
        // `printf abc | sha256sum` and `printf abc | git hash-object --stdin`.
        let sha = Digest::Sha256("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        let git = Digest::GitBlob("f2ba8f84ab5c1bce84a7b441cb1959cfc7093b7f");
        for digest in [sha, git] {
            assert_eq!(digest.compute(b"abc"), digest.hex());
            assert_ne!(digest.compute(b"abd"), digest.hex());
        }
    }
}
