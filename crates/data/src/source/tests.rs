//! Finding and loading, on made-up folders; and on the real MNIST where `GANSWEEP_DATA_DIR` has it.

use std::{fs, os::unix::fs::symlink, path::Path};

use gansweep_config::Dataset;
use tempfile::TempDir;

use super::*;
use crate::{
    DataError, IdxFault, Split, idx,
    names::{self, Kind},
    published::MNIST,
};

/// A data folder and a cache, both empty, and no network.
struct Place {
    root: TempDir,
    source: DataSource,
}

impl Place {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        let data_dir = root.path().join("data");
        fs::create_dir(&data_dir).unwrap();
        let source = DataSource {
            data_dir: Some(data_dir),
            idx_dir: None,
            cache_dir: root.path().join("cache"),
            offline: true,
        };
        Self { root, source }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    /// Puts files of the right names and other content into a folder.
    fn put_all(&self, folder: &str) {
        for file in MNIST.files() {
            self.put(&format!("{folder}/{}", file.name()), b"not an IDX file");
        }
    }

    fn put(&self, path: &str, bytes: &[u8]) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    fn load_error(&self) -> String {
        self.source.load(Dataset::Mnist, Split::Test).unwrap_err().to_string()
    }
}

/// The real MNIST's folder, where this machine has it.
fn mnist_folder() -> Option<PathBuf> {
    env::var_os("GANSWEEP_DATA_DIR").map(PathBuf::from).filter(|folder| {
        let file = MNIST.file(Split::Train, Kind::Images);
        names::find(folder, file.name()).is_some()
    })
}

fn assert_says(message: &str, parts: &[&str]) {
    for part in parts {
        assert!(message.contains(part), "{part:?} in {message}");
    }
}

#[test]
fn strokes_are_built_in_whatever_the_folders_are() {
    let source = DataSource {
        data_dir: Some("/nowhere".into()),
        idx_dir: None,
        cache_dir: "/nowhere".into(),
        offline: true,
    };
    assert_eq!(source.locate(Dataset::Strokes).unwrap(), Location::Found(Found::BuiltIn));
}

#[test]
fn a_dataset_that_is_nowhere_is_missing_and_the_message_says_what_to_do() {
    let place = Place::new();
    assert_eq!(place.source.locate(Dataset::Mnist).unwrap(), Location::Missing);
    let parts =
        ["data, ", "cache/mnist", "gansweep data fetch mnist", "fallback = \"strokes\"", "GANSWEEP_DATA_DIR"];
    assert_says(&place.load_error(), &parts);
}

#[test]
fn a_data_folder_that_does_not_exist_is_no_reason_to_download() {
    let mut place = Place::new();
    place.source.data_dir = Some(place.path("typo"));
    assert_says(&place.load_error(), &["typo", "does not exist", "--data-dir"]);
    assert!(place.source.locate(Dataset::Mnist).is_err());
}

#[test]
fn a_folder_with_some_of_the_files_names_the_missing() {
    let place = Place::new();
    place.put("data/mnist/train-images-idx3-ubyte.gz", b"");
    let message = place.source.locate(Dataset::Mnist).unwrap_err().to_string();
    assert_says(&message, &["data/mnist", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "missing"]);
    assert!(!message.contains("train-images"), "{message}");
    // Another dataset's folder is not concerned.
    assert_eq!(place.source.locate(Dataset::Kmnist).unwrap(), Location::Missing);
}

#[test]
fn a_folder_named_after_the_dataset_goes_before_the_cache() {
    let place = Place::new();
    place.put_all("cache/mnist");
    let cache = Found::Cache(place.path("cache/mnist"));
    assert_eq!(place.source.locate(Dataset::Mnist).unwrap(), Location::Found(cache));
    place.put_all("data/mnist");
    let data_dir = Found::Folder(place.path("data/mnist"));
    assert_eq!(place.source.locate(Dataset::Mnist).unwrap(), Location::Found(data_dir));
}

#[test]
fn files_of_no_known_dataset_are_refused_by_name_digest_and_way_out() {
    let place = Place::new();
    place.put_all("data");
    place.put("data/t10k-labels-idx1-ubyte", &idx::encode_labels(&[3; 10_000]));
    let error = place.source.locate(Dataset::Mnist).unwrap_err();
    assert!(matches!(error, DataError::Idx { fault: IdxFault::Content { .. }, .. }), "{error}");
    let parts = [
        "data/t10k-labels-idx1-ubyte",
        "SHA-256",
        "ff7bcfd4",
        "delete the file",
        "gansweep data fetch mnist",
    ];
    assert_says(&error.to_string(), &parts);
}

#[test]
fn a_truncated_file_is_named_with_what_was_found_and_expected() {
    let place = Place::new();
    place.put_all("cache/mnist");
    let whole = idx::encode_images(MNIST.image, &vec![0; 10_000 * 784]);
    place.put("cache/mnist/t10k-images-idx3-ubyte", &whole[..1_000_000]);
    let parts =
        ["t10k-images-idx3-ubyte", "1000000 bytes", "7840016", "truncated", "gansweep data fetch mnist"];
    assert_says(&place.load_error(), &parts);
}

#[test]
fn a_file_that_is_no_idx_file_is_named() {
    let place = Place::new();
    place.put_all("cache/mnist");
    let file = "cache/mnist/t10k-images-idx3-ubyte";
    place.put(file, b"");
    assert_says(&place.load_error(), &["t10k-images-idx3-ubyte", "0 bytes"]);
    place.put(file, &vec![0xff; 7_840_016]);
    assert_says(&place.load_error(), &["0xffffffff", "0x00000803"]);
    fs::remove_file(place.path(file)).unwrap();
    place.put(&format!("{file}.gz"), &[0x1f, 0x8b, 8, 0, 0]);
    assert_says(&place.load_error(), &["t10k-images-idx3-ubyte.gz", "no sound gzip file"]);
}

#[test]
fn offline_a_fetch_is_refused_and_writes_nothing() {
    let place = Place::new();
    let error = place.source.fetch(Dataset::FashionMnist, &mut |_| ()).unwrap_err().to_string();
    assert_says(&error, &["fashion-mnist", "GANSWEEP_OFFLINE", "fallback = \"strokes\""]);
    assert!(!place.path("cache").exists());
}

#[test]
fn mnist_is_known_by_its_content_in_a_folder_of_any_name_and_loads() {
    let Some(folder) = mnist_folder() else { return };
    let mut place = Place::new();
    place.source.data_dir = Some(folder.clone());
    let found = Location::Found(Found::Folder(folder));
    assert_eq!(place.source.locate(Dataset::Mnist).unwrap(), found);
    // The same names, but not these datasets.
    assert_eq!(place.source.locate(Dataset::FashionMnist).unwrap(), Location::Missing);
    assert_eq!(place.source.locate(Dataset::Kmnist).unwrap(), Location::Missing);
    let train = place.source.load(Dataset::Mnist, Split::Train).unwrap();
    assert_eq!([train.pixels.len(), train.labels.len()], [60_000 * 784, 60_000]);
    assert_eq!(train.labels[..5], [5, 0, 4, 1, 9]);
    assert_eq!(place.source.load(Dataset::Mnist, Split::Test).unwrap().labels[..3], [7, 2, 1]);
}

#[test]
fn a_cache_that_is_whole_needs_no_network() {
    let Some(folder) = mnist_folder() else { return };
    let place = Place::new();
    fs::create_dir_all(place.path("cache")).unwrap();
    symlink(folder, place.path("cache/mnist")).unwrap();
    place.source.fetch(Dataset::Mnist, &mut |_| panic!("nothing is downloaded")).unwrap();
}

#[test]
fn fingerprints_are_fixed_and_differ() {
    // A change would give every recorded run another id.
    let known = [
        (Dataset::Mnist, "9e615b7b98fd9fae40a484fa33859ad82e5bb089bb0b33086cf169241f4068f4"),
        (Dataset::FashionMnist, "3583f9fd656ab884e52a602ee76020eba86e6aa9fd524ea77951d85682cf3cc1"),
        (Dataset::Kmnist, "f28625941274afb3e72dc428ca3b0284a4ca6260b94a3d83de7e382853b73660"),
        (Dataset::Strokes, "4fa7834ed05e08b14519877d15b14a522e8ddfcf18993b82142677880fc0b272"),
    ];
    for (dataset, expected) in known {
        assert_eq!(Place::new().source.spec(dataset).unwrap().fingerprint, expected, "{}", dataset.name());
    }
}

#[test]
fn the_command_line_goes_before_the_environment() {
    let variable = |name: &str| match name {
        "GANSWEEP_DATA_DIR" => Some("/from/environment".into()),
        "XDG_CACHE_HOME" => Some("/xdg".into()),
        "GANSWEEP_OFFLINE" => Some("1".into()),
        _ => None,
    };
    let source = DataSource::from_variables(None, variable);
    assert_eq!(source.data_dir, Some("/from/environment".into()));
    assert_eq!(source.cache_dir, Path::new("/xdg/gansweep"));
    assert!(source.offline);
    let source = DataSource::from_variables(Some("/from/line".into()), variable);
    assert_eq!(source.data_dir, Some("/from/line".into()));
}

#[test]
fn empty_and_relative_variables_count_as_unset() {
    let variable = |name: &str| match name {
        "GANSWEEP_DATA_DIR" => Some(String::new().into()),
        "XDG_CACHE_HOME" => Some("relative".into()),
        "HOME" => Some("/home/someone".into()),
        "GANSWEEP_OFFLINE" => Some("0".into()),
        _ => None,
    };
    let expected = DataSource {
        data_dir: None,
        idx_dir: None,
        cache_dir: "/home/someone/.cache/gansweep".into(),
        offline: false,
    };
    assert_eq!(DataSource::from_variables(None, variable), expected);
    assert_eq!(DataSource::from_variables(None, |_| None).cache_dir, env::temp_dir().join("gansweep"));
}

#[test]
fn torchvisions_folder_is_found_and_belongs_to_its_dataset() {
    let place = Place::new();
    for file in MNIST.files() {
        let dotted = file.name().replace("-idx", ".idx");
        place.put(&format!("data/FashionMNIST/raw/{dotted}.gz"), b"");
    }
    let found = Location::Found(Found::Folder(place.path("data/FashionMNIST/raw")));
    assert_eq!(place.source.locate(Dataset::FashionMnist).unwrap(), found);
    assert_eq!(place.source.locate(Dataset::Mnist).unwrap(), Location::Missing);
}

#[test]
fn mnist_loads_from_dotted_names_in_a_folder_called_raw() {
    let Some(folder) = mnist_folder() else { return };
    let place = Place::new();
    fs::create_dir_all(place.path("data/raw")).unwrap();
    for file in MNIST.files() {
        let found = names::find(&folder, file.name()).unwrap();
        let compressed = found.extension().is_some_and(|extension| extension == "gz");
        let dotted = file.name().replace("-idx", ".idx") + if compressed { ".gz" } else { "" };
        symlink(found, place.path("data/raw").join(dotted)).unwrap();
    }
    assert_eq!(place.source.load(Dataset::Mnist, Split::Test).unwrap().labels[..3], [7, 2, 1]);
    // The content says whose they are.
    assert_eq!(place.source.locate(Dataset::Kmnist).unwrap(), Location::Missing);
}
