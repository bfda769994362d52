//! Reading files of ZIP archives by their names, in any folder of the archive.

use std::fs::File;
use std::io::{self, BufReader, Read as _};
use std::path::Path;

use gansweep_base::file;
use zip::{ZipArchive, result::ZipError};

/// An open archive.
pub(crate) struct Zip(ZipArchive<BufReader<File>>);

impl Zip {
    /// Opens an archive and reads its directory. What is no archive is [`io::ErrorKind::InvalidData`].
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        ZipArchive::new(BufReader::new(file::open_regular(path)?)).map(Self).map_err(into_io)
    }

    /// Whether there is a file of that name, in any folder.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.place(name).is_some()
    }

    /// The uncompressed content of the file of that name, in any folder; at most `most` bytes.
    pub(crate) fn read(&mut self, name: &str, most: u64) -> io::Result<Vec<u8>> {
        let place = self.place(name).ok_or_else(|| damaged("a file is missing"))?;
        let file = self.0.by_index(place).map_err(into_io)?;
        let size = file.size();
        if size > most {
            return Err(damaged("a file is longer than it may be"));
        }
        let mut bytes = Vec::new();
        // One more than there should be, so that the end is reached, where the checksum is compared.
        file.take(size + 1).read_to_end(&mut bytes).map_err(|error| match error.raw_os_error() {
            Some(_) => error,
            None => io::Error::new(io::ErrorKind::InvalidData, error),
        })?;
        match bytes.len() as u64 == size {
            true => Ok(bytes),
            false => Err(damaged("a file does not have its size")),
        }
    }

    fn place(&self, name: &str) -> Option<usize> {
        let base = |path: &[u8]| path.rsplit(|&byte| byte == b'/').next() == Some(name.as_bytes());
        self.0.file_names_raw().position(base)
    }
}

/// Errors of the archive's content are [`io::ErrorKind::InvalidData`].
fn into_io(error: ZipError) -> io::Error {
    match error {
        ZipError::Io(error) => error,
        error => io::Error::new(io::ErrorKind::InvalidData, error),
    }
}

fn damaged(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

/// An archive of these files, each stored or deflated.
#[cfg(test)]
pub(crate) fn encode(files: &[(&str, &[u8], bool)]) -> Vec<u8> {
    use std::io::Write as _;

    use zip::{CompressionMethod, ZipWriter, write::SimpleFileOptions};

    let mut archive = ZipWriter::new(io::Cursor::new(Vec::new()));
    for &(name, content, deflate) in files {
        let method = if deflate { CompressionMethod::Deflated } else { CompressionMethod::Stored };
        archive.start_file(name, SimpleFileOptions::default().compression_method(method)).unwrap();
        archive.write_all(content).unwrap();
    }
    archive.finish().unwrap().into_inner()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn opened(bytes: &[u8]) -> io::Result<Zip> {
        let mut file = tempfile::NamedTempFile::new()?;
        io::Write::write_all(&mut file, bytes)?;
        Zip::open(file.path())
    }

    fn sound() -> Vec<u8> {
        encode(&[("gzip/one.gz", b"first", false), ("two", &[7; 3_000], true)])
    }

    #[test]
    fn files_are_found_in_any_folder_and_read_whatever_their_method() {
        let mut zip = opened(&sound()).unwrap();
        assert_eq!(
            [zip.has("one.gz"), zip.has("two"), zip.has("gzip/one.gz"), zip.has("ne.gz")],
            [true, true, false, false]
        );
        assert_eq!(zip.read("one.gz", 100).unwrap(), b"first");
        assert_eq!(zip.read("two", 3_000).unwrap(), [7; 3_000]);
        assert!(zip.read("two", 2_999).unwrap_err().to_string().contains("longer"));
        assert!(zip.read("three", 9).unwrap_err().to_string().contains("missing"));
    }

    #[test]
    fn an_archive_of_another_program_is_read() {
        // Python 3.11: `zipfile.ZipFile(path, "w").writestr(zipfile.ZipInfo("a"), b"abc")`.
        let bytes = [
            80, 75, 3, 4, 20, 0, 0, 0, 0, 0, 0, 0, 33, 0, 194, 65, 36, 53, 3, 0, 0, 0, 3, 0, 0, 0, 1, 0, 0,
            0, 97, 97, 98, 99, 80, 75, 1, 2, 20, 3, 20, 0, 0, 0, 0, 0, 0, 0, 33, 0, 194, 65, 36, 53, 3, 0, 0,
            0, 3, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 128, 1, 0, 0, 0, 0, 97, 80, 75, 5, 6, 0, 0, 0,
            0, 1, 0, 1, 0, 47, 0, 0, 0, 34, 0, 0, 0, 0, 0,
        ];
        assert_eq!(opened(&bytes).unwrap().read("a", 3).unwrap(), b"abc");
    }

    proptest! {
        #[test]
        fn damage_is_an_error_or_leaves_the_content(at in 0..200_usize, bit in 0..8_u8, cut in 0..200_usize) {
            let mut bytes = sound();
            let length = bytes.len();
            bytes[at % length] ^= 1 << bit;
            for bytes in [&bytes[..], &sound()[..cut.min(length)]] {
                let Ok(mut zip) = opened(bytes) else { continue };
                if let Ok(content) = zip.read("two", 3_000) {
                    prop_assert_eq!(content, [7; 3_000]);
                }
            }
        }
    }
}
