//! Files in EMNIST's format: transposed, with labels from 1, in an archive.

use std::fs;

use gansweep_config::ImageShape;
use tempfile::TempDir;

use super::*;
use crate::{declaration::Part, digest::Digest, idx, zip};

const IMAGE: ImageShape = ImageShape { channels: 1, height: 3, width: 3 };
/// An image as it is stored, and upright.
const STORED: [u8; 9] = [0, 1, 2, 3, 4, 5, 6, 7, 8];
const UPRIGHT: [u8; 9] = [0, 3, 6, 1, 4, 7, 2, 5, 8];

/// Images and labels of the two splits.
fn contents() -> [[Vec<u8>; 2]; 2] {
    let part = |labels: &[u8]| {
        let pixels = labels.iter().flat_map(|_| STORED).collect::<Vec<_>>();
        [idx::encode_images(IMAGE, &pixels), idx::encode_labels(labels)]
    };
    [part(&[1, 3, 2, 3]), part(&[2, 1])]
}

/// Like EMNIST's letters, with three classes.
fn declared(digest: impl Fn(&[u8]) -> Digest) -> Declaration {
    let [train, test] = contents().map(|part| part.map(|bytes| digest(&bytes)));
    Declaration {
        image: IMAGE,
        class_names: &["A", "B", "C"],
        mirrors: &[],
        train: Part { count: 4, images: train[0], labels: train[1] },
        test: Part { count: 2, images: test[0], labels: test[1] },
        ..EMNIST_LETTERS
    }
}

fn by_sha(bytes: &[u8]) -> Digest {
    Digest::Sha256(sha256(bytes).leak())
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    io::Write::write_all(&mut encoder, bytes).unwrap();
    encoder.finish().unwrap()
}

/// The published archive with these files, as NIST lays it out.
fn archive(files: &[(String, Vec<u8>)]) -> Vec<u8> {
    let files: Vec<_> =
        files.iter().map(|(name, bytes)| (name.as_str(), &bytes[..], name.contains("images"))).collect();
    zip::encode(&files)
}

fn members() -> Vec<(String, Vec<u8>)> {
    let names = EMNIST_LETTERS.format.names.concat();
    let contents = contents().concat();
    names.iter().zip(contents).map(|(name, bytes)| (format!("gzip/{name}.gz"), gzip(&bytes))).collect()
}

struct Place {
    root: TempDir,
    source: DataSource,
}

impl Place {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        let (data_dir, cache_dir) = (root.path().join("data"), root.path().join("cache"));
        fs::create_dir(&data_dir).unwrap();
        Self {
            root,
            source: DataSource {
                data_dir: Some(data_dir),
                idx_dir: None,
                cache_dir,
                skip_damaged: false,
                offline: true,
            },
        }
    }

    fn put(&self, name: &str, bytes: &[u8]) {
        let path = self.root.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    fn put_files(&self, folder: &str, suffix: &str) {
        for (name, bytes) in EMNIST_LETTERS.format.names.concat().iter().zip(contents().concat()) {
            let bytes = if suffix.is_empty() { bytes } else { gzip(&bytes) };
            self.put(&format!("{folder}/{name}{suffix}"), &bytes);
        }
    }

    #[track_caller]
    fn assert_read(&self) {
        let train = declared(by_sha).load(&self.source, Split::Train).unwrap();
        assert_eq!((train.count, train.labels), (4, vec![0, 2, 1, 2]));
        assert_eq!(train.pixels[9..18], UPRIGHT);
        let test = declared(by_sha).load(&self.source, Split::Test).unwrap();
        assert_eq!((test.count, &test.labels[..], &test.pixels[..9]), (2, &[1, 0][..], &UPRIGHT[..]));
    }

    #[track_caller]
    fn refused(&self, said: &[&str]) {
        let error = declared(by_sha).load(&self.source, Split::Train).unwrap_err().to_string();
        for part in said {
            assert!(error.contains(part), "{part:?} in {error}");
        }
    }
}

#[test]
fn images_are_put_upright_and_labels_count_from_zero_wherever_the_files_are() {
    for folder in [
        "data",
        "data/gzip",
        "data/emnist-letters",
        "data/EMNIST/raw",
        "data/EMNIST/raw/gzip",
        "cache/emnist-letters",
    ] {
        for suffix in ["", ".gz"] {
            let place = Place::new();
            place.put_files(folder, suffix);
            place.assert_read();
        }
    }
}

#[test]
fn the_published_archive_is_read_in_place() {
    for folder in ["data", "data/EMNIST/raw", "data/emnist-letters"] {
        let place = Place::new();
        place.put(&format!("{folder}/gzip.zip"), &archive(&members()));
        place.assert_read();
    }
}

#[test]
fn what_is_wrong_with_an_archive_is_said_with_its_name() {
    let place = Place::new();
    place.put("data/gzip.zip", &archive(&members())[..50]);
    place.refused(&["data/gzip.zip", "no sound ZIP archive"]);
    place.put("data/gzip.zip", &archive(&members()[..3]));
    place.refused(&["data: emnist-letters-test-labels-idx1-ubyte of emnist-letters missing"]);
    let mut others = members();
    others[0].1 = gzip(&idx::encode_images(IMAGE, &[7; 36]));
    place.put("data/gzip.zip", &archive(&others));
    place.refused(&["data/gzip.zip", "SHA-256"]);
    others[0].1 = b"no gzip".to_vec();
    place.put("data/gzip.zip", &archive(&others));
    place.refused(&["data/gzip.zip", "no gzip header"]);
}

#[test]
fn a_label_below_the_first_class_is_refused() {
    let place = Place::new();
    place.put_files("data", "");
    place.put("data/emnist-letters-train-labels-idx1-ubyte", &idx::encode_labels(&[1, 0, 2, 3]));
    place.refused(&["emnist-letters-train-labels-idx1-ubyte", "label 1 is 0, expected 1 to 3"]);
}

#[test]
fn files_whose_digest_is_of_the_gzip_are_checked_by_format_and_when_they_are_downloaded() {
    let declared = declared(|bytes| Digest::GzipSha256(sha256(gzip(bytes)).leak()));
    let place = Place::new();
    place.put_files("data", "");
    assert_eq!(declared.load(&place.source, Split::Train).unwrap().pixels[..9], UPRIGHT);
    let file = declared.file(Split::Train, Kind::Images);
    let [[images, _], _] = contents();
    disk::check_compressed(&gzip(&images), &file).unwrap();
    let fault = disk::check_compressed(&gzip(&images[1..]), &file).unwrap_err();
    assert!(matches!(fault, IdxFault::Content { .. }), "{fault}");
    place.put("data/emnist-letters-train-images-idx3-ubyte", &images[1..]);
    declared.load(&place.source, Split::Train).unwrap_err();
}

#[test]
fn the_splits_have_their_published_numbers() {
    let specs = [&EMNIST_DIGITS, &EMNIST_LETTERS, &EMNIST_BALANCED].map(Declaration::spec);
    assert_eq!(
        specs.each_ref().map(|spec| (spec.classes, spec.train_images, spec.test_images)),
        [(10, 240_000, 40_000), (26, 124_800, 20_800), (47, 112_800, 18_800)]
    );
}
