//! Dataset files on the disk: reading, checking, writing.

use std::{
    fs::File,
    io::{self, Read},
    path::Path,
};

use flate2::read::MultiGzDecoder;
use gansweep_base::file;

use crate::{DataError, IdxFault, declaration::FileSpec, idx, names::Kind};

/// The uncompressed bytes of a file, not checked; of more than a sound file has, only one byte more.
pub(crate) fn read(path: &Path, spec: &FileSpec) -> Result<Vec<u8>, DataError> {
    let failed = |source| DataError::Io { action: "read", path: path.to_owned(), source };
    let file = File::open(path).map_err(failed)?;
    if path.extension().is_some_and(|extension| extension == "gz") {
        let refused = |fault| DataError::idx(path, spec.dataset, fault);
        return gunzip(file, spec).map_err(|error| refused(IdxFault::Gzip(error.to_string())));
    }
    read_bounded(file, spec).map_err(failed)
}

/// Decompresses at most one byte more than a sound file has, so that no archive can fill the memory.
pub(crate) fn gunzip(compressed: impl Read, spec: &FileSpec) -> io::Result<Vec<u8>> {
    read_bounded(MultiGzDecoder::new(compressed), spec)
}

/// Checks uncompressed bytes: first the format, whose faults are more specific, then the digest. Returns the
/// offset of the first pixel or label.
pub(crate) fn check(bytes: &[u8], spec: &FileSpec) -> Result<usize, IdxFault> {
    let start = match spec.kind {
        Kind::Images => idx::check_images(bytes, spec.count, spec.image)?,
        Kind::Labels => idx::check_labels(bytes, spec.count, spec.classes)?,
    };
    let found = spec.digest.compute(bytes);
    if found == spec.digest.hex() {
        return Ok(start);
    }
    Err(IdxFault::Content { algorithm: spec.digest.algorithm(), found, expected: spec.digest.hex() })
}

/// Writes a file atomically; creates its folder.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<(), DataError> {
    let written = file::make_folder_of(path).and_then(|()| file::write(path, bytes));
    written.map_err(|source| DataError::Io { action: "write", path: path.to_owned(), source })
}

fn read_bounded(source: impl Read, spec: &FileSpec) -> io::Result<Vec<u8>> {
    let expected = match spec.kind {
        Kind::Images => idx::images_len(spec.count, spec.image),
        Kind::Labels => idx::labels_len(spec.count),
    };
    let mut bytes = Vec::new();
    source.take(expected as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::{Compression, write::GzEncoder};

    use super::*;
    use crate::{Split, published::MNIST};

    fn test_labels() -> FileSpec {
        MNIST.file(Split::Test, Kind::Labels)
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn a_gzip_bomb_is_read_only_to_the_length_of_a_sound_file() {
        let bomb = gzip(&vec![0; 50_000_000]);
        assert_eq!(gunzip(bomb.as_slice(), &test_labels()).unwrap().len(), 10_009);
    }

    #[test]
    fn a_cut_off_gzip_is_an_error() {
        let whole = gzip(&idx::encode_labels(&[1; 10_000]));
        assert!(gunzip(&whole[..whole.len() / 2], &test_labels()).is_err());
        assert!(gunzip(&whole[..whole.len() - 1], &test_labels()).is_err());
    }

    #[test]
    fn sound_labels_that_are_not_the_published_ones_are_refused_by_digest() {
        let fault = check(&idx::encode_labels(&[1; 10_000]), &test_labels()).unwrap_err();
        assert!(matches!(fault, IdxFault::Content { algorithm: "SHA-256", .. }), "{fault}");
    }

    #[test]
    fn a_failed_write_names_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("taken");
        std::fs::create_dir_all(path.join("by a folder")).unwrap();
        let error = write(&path, b"bytes").unwrap_err().to_string();
        assert!(error.contains("taken: cannot write"), "{error}");
    }
}
