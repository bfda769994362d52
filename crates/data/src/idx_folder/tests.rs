//! Folders of made-up images.

use std::{fs, io::Write as _};

use flate2::{Compression, write::GzEncoder};
use tempfile::TempDir;

use super::*;

/// A folder of IDX files.
struct Own(TempDir);

impl Own {
    /// Seven colour images of 4 x 5 pixels in three classes.
    fn colour() -> Self {
        let own = Self(tempfile::tempdir().unwrap());
        own.put("train-images-idx3-ubyte", &idx_file(&[7, 3, 4, 5]));
        own.put("train-labels-idx1-ubyte", &labels(&[0, 2, 1, 0, 2, 2, 0]));
        own
    }

    fn put(&self, name: &str, bytes: &[u8]) {
        let path = self.0.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    fn remove(&self, name: &str) {
        fs::remove_file(self.0.path().join(name)).unwrap();
    }

    fn source(&self) -> DataSource {
        source(self.0.path())
    }

    fn spec(&self) -> DatasetSpec {
        self.source().spec(Dataset::Idx).unwrap()
    }

    #[track_caller]
    fn refused(&self, said: &[&str]) {
        let error = self.source().spec(Dataset::Idx).unwrap_err().to_string();
        for part in said {
            assert!(error.contains(part), "{part:?} in {error}");
        }
    }
}

fn source(folder: &Path) -> DataSource {
    let idx_dir = Some(folder.to_owned());
    DataSource { data_dir: None, idx_dir, cache_dir: "/nowhere".into(), skip_damaged: false, offline: true }
}

/// Bytes 0, 1, 2, ... behind a header of these dimensions.
fn idx_file(dimensions: &[u32]) -> Vec<u8> {
    let length = dimensions.iter().product::<u32>();
    let header = [0x0800 + dimensions.len() as u32].into_iter().chain(dimensions.iter().copied());
    header.flat_map(u32::to_be_bytes).chain((0..length).map(|byte| byte as u8)).collect()
}

fn labels(labels: &[u8]) -> Vec<u8> {
    idx::encode_labels(labels)
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn a_folder_says_what_its_images_are() {
    let own = Own::colour();
    let DatasetSpec { image, classes, train_images, test_images, fingerprint, class_names } = own.spec();
    assert!(class_names.is_empty());
    assert_eq!(image, ImageShape { channels: 3, height: 4, width: 5 });
    assert_eq!((classes, train_images, test_images, fingerprint.len()), (3, 7, 0, 64));
    let images = own.source().load(Dataset::Idx, Split::Train).unwrap();
    assert_eq!((images.count, &images.labels[..3]), (7, &[0, 2, 1][..]));
    assert_eq!(images.image(1).unwrap()[..2], [60, 61]);
    assert_eq!(own.source().load(Dataset::Idx, Split::Test).unwrap().count, 0);
    let found = Location::Found(Found::Folder(own.0.path().to_owned()));
    assert_eq!(own.source().locate(Dataset::Idx).unwrap(), found);
}

#[test]
fn the_fingerprint_is_of_the_content_alone() {
    let own = Own::colour();
    let before = own.spec();
    let elsewhere = Own(tempfile::tempdir().unwrap());
    elsewhere.put("MNIST/raw/train-images.idx4-ubyte.gz", &gzip(&idx_file(&[7, 3, 4, 5])));
    elsewhere.put("MNIST/raw/train-labels.idx1-ubyte", &labels(&[0, 2, 1, 0, 2, 2, 0]));
    assert_eq!(elsewhere.spec(), before);
    // Test images are no part of it.
    own.put("t10k-images-idx3-ubyte", &idx_file(&[2, 3, 4, 5]));
    own.put("t10k-labels-idx1-ubyte", &labels(&[2, 0]));
    assert_eq!(own.spec(), DatasetSpec { test_images: 2, ..before.clone() });
    own.put("train-labels-idx1-ubyte", &labels(&[0, 2, 1, 0, 2, 2, 1]));
    assert_ne!(own.spec().fingerprint, before.fingerprint);
}

#[test]
fn without_labels_there_is_one_class() {
    let own = Own::colour();
    let labelled = own.spec();
    own.remove("train-labels-idx1-ubyte");
    assert_eq!(own.spec().classes, 1);
    assert_ne!(own.spec().fingerprint, labelled.fingerprint);
    assert_eq!(own.source().load(Dataset::Idx, Split::Train).unwrap().labels, [0; 7]);
}

#[test]
fn files_that_changed_since_the_plan_are_not_trained_on() {
    let own = Own::colour();
    let planned = own.spec();
    assert_eq!(own.source().load_planned(Dataset::Idx, &planned).unwrap().count, 7);
    own.put("train-images-idx3-ubyte", &idx_file(&[7, 3, 5, 4]));
    let error = own.source().load_planned(Dataset::Idx, &planned).unwrap_err();
    assert!(matches!(error, DataError::Changed(_)), "{error}");
}

#[test]
fn what_is_wrong_with_a_folder_is_said_with_its_name() {
    let missing = source(Path::new("/nowhere/at/all")).spec(Dataset::Idx).unwrap_err().to_string();
    assert!(missing.contains("/nowhere/at/all") && missing.contains("data.path"), "{missing}");
    let unnamed = DataSource { idx_dir: None, ..source(Path::new("")) };
    assert!(matches!(unnamed.locate(Dataset::Idx), Err(DataError::NoOwnDir(Dataset::Idx))));
    let own = Own(tempfile::tempdir().unwrap());
    let folder = own.0.path().to_str().unwrap().to_owned();
    own.refused(&[&folder, "train-images-idx3-ubyte,", "train-images.idx3-ubyte.gz", "idx4", "MNIST/raw"]);
}

#[test]
fn what_is_wrong_with_a_file_is_said_with_its_name() {
    let own = Own::colour();
    own.put("train-labels-idx1-ubyte", &labels(&[0; 6]));
    own.refused(&["train-labels-idx1-ubyte has 6 labels", "7 images of", "train-images-idx3-ubyte"]);
    own.put("train-labels-idx1-ubyte", &idx_file(&[7, 1, 1]));
    own.refused(&["train-labels-idx1-ubyte", "0x00000803", "0x00000801"]);
    own.remove("train-labels-idx1-ubyte");
    own.put("train-images-idx3-ubyte", &idx_file(&[7, 3, 4, 5])[..300]);
    own.refused(&["train-images-idx3-ubyte", "ends after 300 bytes, expected 440", "truncated"]);
    own.put("train-images-idx3-ubyte", b"\x89PNG and more");
    own.refused(&["train-images-idx3-ubyte", "0x89504e47", "0x00000803"]);
    own.remove("train-images-idx3-ubyte");
    own.put("train-images-idx3-ubyte.gz", &gzip(&idx_file(&[7, 3, 4, 5]))[..40]);
    own.refused(&["train-images-idx3-ubyte.gz", "no sound gzip file"]);
}

#[test]
fn test_images_must_be_like_training_images() {
    let own = Own::colour();
    own.put("t10k-images-idx3-ubyte", &idx_file(&[2, 3, 4, 5]));
    own.refused(&["t10k-images-idx3-ubyte have none", "labels"]);
    own.put("t10k-labels-idx1-ubyte", &labels(&[0, 3]));
    own.refused(&["t10k-labels-idx1-ubyte", "label 1 is 3, expected 0 to 2"]);
    own.put("t10k-images-idx3-ubyte", &idx_file(&[2, 4, 5]));
    own.refused(&["1 x 4 x 5", "3 x 4 x 5", "t10k-images-idx3-ubyte"]);
}

#[test]
fn the_content_says_whether_a_file_is_compressed() {
    let own = Own::colour();
    let before = own.spec();
    let (images, values) = (idx_file(&[7, 3, 4, 5]), labels(&[0, 2, 1, 0, 2, 2, 0]));
    own.remove("train-images-idx3-ubyte");
    own.put("train-images-idx3-ubyte.gz", &images);
    own.put("train-labels-idx1-ubyte", &gzip(&values));
    assert_eq!(own.spec(), before, "a plain file named .gz, and a compressed one without");
    own.put(
        "train-images-idx3-ubyte.gz",
        &[&gzip(&images[..50])[..], &gzip(&images[50..]), &[0; 512]].concat(),
    );
    own.put("train-labels-idx1-ubyte", &[&gzip(&values)[..], b"trailing"].concat());
    assert_eq!(own.spec(), before, "members, padding and trailing bytes");
    let longer = [&images[..], &[0]].concat();
    own.put("train-images-idx3-ubyte.gz", &gzip(&longer));
    own.refused(&["train-images-idx3-ubyte.gz", "goes on after the 440 bytes"]);
}

#[test]
fn a_device_in_a_files_place_is_not_read() {
    let own = Own::colour();
    own.remove("train-labels-idx1-ubyte");
    std::os::unix::fs::symlink("/dev/zero", own.0.path().join("train-labels-idx1-ubyte")).unwrap();
    own.refused(&["train-labels-idx1-ubyte", "not a regular file"]);
    own.remove("train-labels-idx1-ubyte");
    std::os::unix::fs::symlink("/dev/zero", own.0.path().join("t10k-images-idx3-ubyte")).unwrap();
    own.refused(&["t10k-images-idx3-ubyte", "not a regular file"]);
    own.remove("train-images-idx3-ubyte");
    std::os::unix::fs::symlink("/dev/zero", own.0.path().join("train-images.idx3-ubyte")).unwrap();
    own.refused(&["train-images.idx3-ubyte", "not a regular file"]);
}

/// As long as its header says, and of no bytes on the disk.
#[test]
fn a_sparse_file_does_not_fill_the_memory() {
    let own = Own::colour();
    let header: Vec<u8> = [0x0803, u32::MAX, 256, 256].into_iter().flat_map(u32::to_be_bytes).collect();
    own.put("train-images-idx3-ubyte", &header);
    let file = fs::OpenOptions::new().write(true).open(own.0.path().join("train-images-idx3-ubyte")).unwrap();
    // Not every file system takes a file of that length.
    let _ = file.set_len(16 + u64::from(u32::MAX) * 65_536);
    own.refused(&["train-images-idx3-ubyte", "281474976645120 bytes of images", "memory"]);
    own.put("train-images-idx3-ubyte", &idx_file(&[7, 3, 4, 5]));
    own.put("train-labels-idx1-ubyte", &[0x0801, 3_000_000_000].map(u32::to_be_bytes).concat());
    own.refused(&["train-labels-idx1-ubyte has 3000000000 labels"]);
}
