//! Reading ZIP archives as far as datasets need it: members by name, stored or deflated, without ZIP64 and
//! encryption (PKWARE's APPNOTE.TXT 6.3, sections 4.3.7, 4.3.12 and 4.3.16).

use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom},
    path::Path,
};

use flate2::{Crc, bufread::DeflateDecoder};
use gansweep_base::file;

const LOCAL_MAGIC: [u8; 4] = *b"PK\x03\x04";
const CENTRAL_MAGIC: [u8; 4] = *b"PK\x01\x02";
const END_MAGIC: [u8; 4] = *b"PK\x05\x06";
const LOCAL_HEADER: usize = 30;
const CENTRAL_HEADER: usize = 46;
const END_RECORD: usize = 22;
/// The longest comment behind the end record.
const MAX_COMMENT: usize = 0xffff;
/// The longest directory: that of EMNIST's archive has 4 kB.
const MAX_DIRECTORY: u32 = 1 << 20;

/// An open archive.
pub(crate) struct Zip {
    file: File,
    entries: Vec<Entry>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Entry {
    name: Vec<u8>,
    method: u16,
    crc: u32,
    compressed: u32,
    size: u32,
    offset: u32,
}

impl Zip {
    /// Opens an archive and reads its directory. What is no archive is [`io::ErrorKind::InvalidData`].
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let mut file = file::open_regular(path)?;
        let entries = read_directory(&mut file)?;
        Ok(Self { file, entries })
    }

    /// Whether there is a file of that name, in any folder.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.entry(name).is_some()
    }

    /// The uncompressed content of the file of that name, in any folder; at most `most` bytes.
    pub(crate) fn read(&mut self, name: &str, most: u64) -> io::Result<Vec<u8>> {
        let entry = self.entry(name).cloned().ok_or_else(|| damaged("a file is missing"))?;
        if u64::from(entry.size) > most {
            return Err(damaged("a file is longer than it may be"));
        }
        self.file.seek(SeekFrom::Start(entry.offset.into()))?;
        let header: [u8; LOCAL_HEADER] = read_array(&mut self.file)?;
        if header[..4] != LOCAL_MAGIC {
            return Err(damaged("a file is not where the directory says"));
        }
        let skip = i64::from(u16_at(&header, 26)) + i64::from(u16_at(&header, 28));
        self.file.seek(SeekFrom::Current(skip))?;
        let content = io::BufReader::new((&self.file).take(entry.compressed.into()));
        let mut bytes = Vec::new();
        match entry.method {
            0 => content.take(most).read_to_end(&mut bytes)?,
            8 => DeflateDecoder::new(content).take(u64::from(entry.size) + 1).read_to_end(&mut bytes)?,
            _ => return Err(damaged("a file is neither stored nor deflated")),
        };
        let mut crc = Crc::new();
        crc.update(&bytes);
        if bytes.len() != entry.size as usize || crc.sum() != entry.crc {
            return Err(damaged("a file does not have its checksum"));
        }
        Ok(bytes)
    }

    fn entry(&self, name: &str) -> Option<&Entry> {
        self.entries
            .iter()
            .find(|entry| entry.name.rsplit(|&byte| byte == b'/').next() == Some(name.as_bytes()))
    }
}

fn read_directory(file: &mut File) -> io::Result<Vec<Entry>> {
    let length = file.seek(SeekFrom::End(0))?;
    let tail_length = length.min((END_RECORD + MAX_COMMENT) as u64);
    file.seek(SeekFrom::Start(length - tail_length))?;
    let mut tail = Vec::new();
    file.take(tail_length).read_to_end(&mut tail)?;
    let mut ends = (0..tail.len().saturating_sub(END_RECORD - 1)).rev();
    let end =
        ends.find(|&at| tail[at..].starts_with(&END_MAGIC)).ok_or_else(|| damaged("it has no end record"))?;
    let (count, size, offset) = (u16_at(&tail, end + 10), u32_at(&tail, end + 12), u32_at(&tail, end + 16));
    if size > MAX_DIRECTORY {
        return Err(damaged("its directory is too long"));
    }
    file.seek(SeekFrom::Start(offset.into()))?;
    let mut directory = Vec::new();
    file.take(size.into()).read_to_end(&mut directory)?;
    let (mut rest, mut entries) = (&directory[..], Vec::new());
    for _ in 0..count {
        if rest.len() < CENTRAL_HEADER || rest[..4] != CENTRAL_MAGIC {
            return Err(damaged("its directory is damaged"));
        }
        let lengths = [28, 30, 32].map(|at| usize::from(u16_at(rest, at)));
        let end = CENTRAL_HEADER + lengths.iter().sum::<usize>();
        if rest.len() < end {
            return Err(damaged("its directory is damaged"));
        }
        entries.push(Entry {
            name: rest[CENTRAL_HEADER..CENTRAL_HEADER + lengths[0]].to_vec(),
            method: u16_at(rest, 10),
            crc: u32_at(rest, 16),
            compressed: u32_at(rest, 20),
            size: u32_at(rest, 24),
            offset: u32_at(rest, 42),
        });
        rest = &rest[end..];
    }
    Ok(entries)
}

fn read_array<const LENGTH: usize>(source: &mut impl Read) -> io::Result<[u8; LENGTH]> {
    let mut bytes = [0; LENGTH];
    source.read_exact(&mut bytes)?;
    Ok(bytes)
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

fn damaged(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

/// An archive of these files, each stored or deflated.
#[cfg(test)]
pub(crate) fn encode(files: &[(&str, &[u8], bool)]) -> Vec<u8> {
    use std::io::Write as _;

    let (mut archive, mut directory) = (Vec::new(), Vec::new());
    for &(name, content, deflate) in files {
        let mut crc = Crc::new();
        crc.update(content);
        let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(content).unwrap();
        let body = if deflate { encoder.finish().unwrap() } else { content.to_vec() };
        let offset = (archive.len() as u32).to_le_bytes();
        // From the version that is needed to the length of the extra field.
        let mut common = vec![20, 0, 0, 0, if deflate { 8 } else { 0 }, 0, 0, 0, 0, 0];
        for field in [crc.sum(), body.len() as u32, content.len() as u32, name.len() as u32] {
            common.extend(field.to_le_bytes());
        }
        archive.extend([&LOCAL_MAGIC[..], &common, name.as_bytes(), &body].concat());
        directory
            .extend([&CENTRAL_MAGIC[..], &[20, 0], &common, &[0; 10], &offset, name.as_bytes()].concat());
    }
    let count = (files.len() as u16).to_le_bytes();
    let (size, offset) = ((directory.len() as u32).to_le_bytes(), (archive.len() as u32).to_le_bytes());
    archive.extend(directory);
    archive.extend([&END_MAGIC[..], &[0; 4], &count, &count, &size, &offset, &[7, 0], b"comment"].concat());
    archive
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
