//! Prepared images in the cache, and what was found to be damaged.
//!
//! A folder's key is a digest of the names and contents of its files and of how they are prepared. The
//! images of a key are in the file `KEY.images`. If some files are damaged, their numbers and reasons are in
//! `KEY.damaged`, and the images of the others under the key of the others: so the fingerprint of a dataset is
//! the key of the files that it is made of. Their names begin with their class's, and each class has one, so that a
//! key has one set of classes.

use std::path::{Path, PathBuf};

use gansweep_base::digest::sha256;
use gansweep_config::ImageShape;

use crate::{DataError, Images, disk};

/// Files of version 1 may have images of JPEGs that were cut off, or classes without images.
const MAGIC: &[u8] = b"gansweep images 2\n";
/// Channels, side, classes, count.
const NUMBERS: usize = 4 * 4;
/// A SHA-256 in hexadecimal at the end.
const DIGEST: usize = 64;

/// A file that is no image that can be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Damaged {
    /// Its number in the order of names.
    pub(super) index: usize,
    pub(super) reason: String,
}

/// The cache of prepared images.
pub(super) struct Cache {
    folder: PathBuf,
}

impl Cache {
    pub(super) fn new(cache_dir: &Path) -> Self {
        Self { folder: cache_dir.join("folder") }
    }

    fn images_path(&self, key: &str) -> PathBuf {
        self.folder.join(format!("{key}.images"))
    }

    fn damaged_path(&self, key: &str) -> PathBuf {
        self.folder.join(format!("{key}.damaged"))
    }

    /// The images of a key; `None` if the cache does not have them in full, or has them with other classes.
    pub(super) fn images(&self, key: &str, classes: u32) -> Option<Images> {
        let (images, of) = decode(&disk::read_own(&self.images_path(key)).ok()?)?;
        (of == classes).then_some(images)
    }

    pub(super) fn put_images(&self, key: &str, images: &Images, classes: u32) -> Result<(), DataError> {
        disk::write(&self.images_path(key), &encode(images, classes))
    }

    /// The damaged files of a key; `None` if it is not known whether there are any.
    pub(super) fn damaged(&self, key: &str) -> Option<Vec<Damaged>> {
        let text = String::from_utf8(disk::read_own(&self.damaged_path(key)).ok()?).ok()?;
        let line = |line: &str| {
            let (index, reason) = line.split_once(' ')?;
            Some(Damaged { index: index.parse().ok()?, reason: reason.to_owned() })
        };
        text.lines().map(line).collect()
    }

    pub(super) fn put_damaged(&self, key: &str, damaged: &[Damaged]) -> Result<(), DataError> {
        let line = |it: &Damaged| format!("{} {}\n", it.index, it.reason.replace(['\n', '\r'], " "));
        let text: String = damaged.iter().map(line).collect();
        disk::write(&self.damaged_path(key), text.as_bytes())
    }
}

fn encode(images: &Images, classes: u32) -> Vec<u8> {
    let ImageShape { channels, width, .. } = images.shape;
    let mut bytes = Vec::with_capacity(MAGIC.len() + NUMBERS + images.pixels.len() + DIGEST);
    bytes.extend_from_slice(MAGIC);
    for number in [channels, width, classes, images.count as u32] {
        bytes.extend(number.to_le_bytes());
    }
    bytes.extend(images.labels.iter().flat_map(|label| label.to_le_bytes()));
    bytes.extend_from_slice(&images.pixels);
    let digest = sha256(&bytes);
    bytes.extend_from_slice(digest.as_bytes());
    bytes
}

/// `None` for bytes that are not exactly what was written.
fn decode(bytes: &[u8]) -> Option<(Images, u32)> {
    let (content, digest) = bytes.split_at_checked(bytes.len().checked_sub(DIGEST)?)?;
    if sha256(content).as_bytes() != digest {
        return None;
    }
    let (numbers, body) = content.strip_prefix(MAGIC)?.split_at_checked(NUMBERS)?;
    let (numbers, _) = numbers.as_chunks::<4>();
    let [channels, side, classes, count] = numbers.first_chunk()?.map(u32::from_le_bytes);
    let shape = ImageShape { channels, height: side, width: side };
    let count = count as usize;
    let (labels, pixels) = body.split_at_checked(2 * count)?;
    if pixels.len() != count.checked_mul(shape.size())? {
        return None;
    }
    let (labels, _) = labels.as_chunks::<2>();
    let labels = labels.iter().copied().map(u16::from_le_bytes).collect();
    Some((Images { shape, count, pixels: pixels.to_vec(), labels }, classes))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn images() -> Images {
        let shape = ImageShape { channels: 3, height: 2, width: 2 };
        Images { shape, count: 2, pixels: (0..24).collect(), labels: vec![300, 0] }
    }

    #[test]
    fn what_is_kept_is_read_back_for_the_same_classes() {
        let root = tempfile::tempdir().unwrap();
        let cache = Cache::new(root.path());
        assert_eq!((cache.images("key", 301), cache.damaged("key")), (None, None));
        cache.put_images("key", &images(), 301).unwrap();
        assert_eq!(cache.images("key", 301), Some(images()));
        assert_eq!(cache.images("key", 302), None);
        let damaged = [Damaged { index: 7, reason: "of two\nlines".to_owned() }];
        cache.put_damaged("key", &damaged).unwrap();
        assert_eq!(cache.damaged("key").unwrap()[0].reason, "of two lines");
    }

    proptest! {
        #[test]
        fn a_changed_or_cut_file_is_not_read(at in any::<prop::sample::Index>(), bit in 0..8_u8) {
            let bytes = encode(&images(), 301);
            let mut changed = bytes.clone();
            let at = at.index(bytes.len());
            changed[at] ^= 1 << bit;
            prop_assert_eq!(decode(&changed), None);
            prop_assert_eq!(decode(&bytes[..at]), None);
        }
    }
}
