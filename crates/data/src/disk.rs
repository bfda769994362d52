//! Dataset files on the disk: reading, checking, writing.

use std::{
    fs::{self, File},
    io::{self, Read},
    path::Path,
};

use gansweep_base::file;

use crate::{
    DataError, IdxFault, IoAction, declaration::FileSpec, digest::Digest, error::Origin, gzip::Content, idx,
    names::Kind,
};

/// Opens a file, plain or compressed, whatever its name says: files are renamed. Anything but a regular file is
/// an error, so that a FIFO or a device in a file's place is neither waited for nor read for ever.
pub(crate) fn open(path: &Path) -> io::Result<Content<File>> {
    Content::of(file::open_regular(path)?)
}

/// The uncompressed bytes of a file, not checked; if it is longer than a sound file, only one byte more.
pub(crate) fn read(path: &Path, spec: &FileSpec, origin: Origin) -> Result<Vec<u8>, DataError> {
    let failed = |source| DataError::Io { action: IoAction::Read, path: path.to_owned(), source };
    let content = open(path).map_err(failed)?;
    let is_compressed = content.is_compressed();
    read_bounded(content, spec).map_err(|error| match is_compressed {
        true => DataError::idx(path, spec.dataset, IdxFault::Gzip(error.to_string()), origin),
        false => failed(error),
    })
}

/// Decompresses at most one byte more than a sound file has, so that no archive can fill the memory.
pub(crate) fn gunzip(compressed: impl Read, spec: &FileSpec) -> io::Result<Vec<u8>> {
    match Content::of(compressed)? {
        Content::Gzip(members) => read_bounded(members, spec),
        Content::Plain(_) => Err(io::Error::new(io::ErrorKind::InvalidData, "it has no gzip header")),
    }
}

/// Checks uncompressed bytes: first the format, whose faults are more specific, then the digest. Returns the
/// offset of the first pixel or label.
pub(crate) fn check(bytes: &[u8], spec: &FileSpec) -> Result<usize, IdxFault> {
    let start = match spec.kind {
        Kind::Images => idx::check_images(bytes, spec.count, spec.image)?,
        Kind::Labels => idx::check_labels(bytes, spec.count, spec.labels)?,
    };
    if matches!(spec.digest, Digest::GzipSha256(_)) {
        return Ok(start);
    }
    let found = spec.digest.compute(bytes);
    if found == spec.digest.hex() {
        return Ok(start);
    }
    Err(IdxFault::Content { algorithm: spec.digest.algorithm(), found, expected: spec.digest.hex() })
}

/// Checks the compressed bytes of a file whose published digest is of these.
pub(crate) fn check_compressed(compressed: &[u8], spec: &FileSpec) -> Result<(), IdxFault> {
    let Digest::GzipSha256(expected) = spec.digest else { return Ok(()) };
    let found = spec.digest.compute(compressed);
    if found == expected { Ok(()) } else { Err(IdxFault::Content { algorithm: "SHA-256", found, expected }) }
}

/// The bytes of a file of the program's own, which says itself whether it is whole.
pub(crate) fn read_own(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file::open_regular(path)?.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Creates a folder of the cache.
pub(crate) fn make_folder(folder: &Path) -> Result<(), DataError> {
    let made = fs::create_dir_all(folder);
    made.map_err(|source| DataError::Io { action: IoAction::Write, path: folder.to_owned(), source })
}

/// Writes a file of the cache atomically; creates its folder.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<(), DataError> {
    let written = file::make_folder_of(path).and_then(|()| file::replace(path, bytes));
    written.map_err(|source| DataError::Io { action: IoAction::Write, path: path.to_owned(), source })
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
