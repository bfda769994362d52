//! Finding and loading, on made-up folders; and on the real MNIST where `GANSWEEP_DATA_DIR` has it.

use std::{fs, os::unix::fs::symlink, path::Path};

use gansweep_config::{DataRequest, Dataset};
use tempfile::TempDir;

use super::*;
use crate::{
    DataError, IdxFault, IoAction, Split, idx,
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
            skip_damaged: false,
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
            self.put(&format!("{folder}/{}", file.name), b"not an IDX file");
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
        names::find(folder, file.name).is_some()
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
        skip_damaged: false,
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
        "leave --data-dir and GANSWEEP_DATA_DIR out",
        "dataset = \"idx\"",
    ];
    assert_says(&error.to_string(), &parts);
    // Deleting the file would lead to another error, that it is missing.
    assert!(!error.to_string().contains("delete"), "{error}");
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
        (Dataset::EmnistDigits, "8771e0f0bce40f1e83f5bb5ae55218df802aecd78922be7456b22466de4e0ac2"),
        (Dataset::EmnistLetters, "3f84652ae79f0c8c4a144fb53eddd945019d6eb36e92bf1f47754f58bddea024"),
        (Dataset::EmnistBalanced, "bf07574f7e8879f82ab66a90dfd299f85d45009517dbfeed42c4839875950406"),
        (Dataset::Strokes, "4fa7834ed05e08b14519877d15b14a522e8ddfcf18993b82142677880fc0b272"),
    ];
    for (dataset, expected) in known {
        assert_eq!(Place::new().source.spec(dataset).unwrap().fingerprint, expected, "{}", dataset.name());
    }
    let asked = DataRequest { dataset: Dataset::Strokes, side: 64, channels: 3 };
    let expected = "ec0307190c8e6dad61cfc8361337254e9d9a94413c4aaaf0826482fc3fd95112";
    assert_eq!(Place::new().source.spec(asked).unwrap().fingerprint, expected);
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
        skip_damaged: false,
        offline: false,
    };
    assert_eq!(DataSource::from_variables(None, variable), expected);
    assert_eq!(DataSource::from_variables(None, |_| None).cache_dir, env::temp_dir().join("gansweep"));
}

#[test]
fn torchvisions_folder_is_found_and_belongs_to_its_dataset() {
    let place = Place::new();
    for file in MNIST.files() {
        let dotted = file.name.replace("-idx", ".idx");
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
        let found = names::find(&folder, file.name).unwrap();
        let compressed = found.extension().is_some_and(|extension| extension == "gz");
        let dotted = file.name.replace("-idx", ".idx") + if compressed { ".gz" } else { "" };
        symlink(found, place.path("data/raw").join(dotted)).unwrap();
    }
    assert_eq!(place.source.load(Dataset::Mnist, Split::Test).unwrap().labels[..3], [7, 2, 1]);
    // The content says whose they are.
    assert_eq!(place.source.locate(Dataset::Kmnist).unwrap(), Location::Missing);
}

#[test]
fn every_known_layout_is_found() {
    for layout in ["mnist", "MNIST/raw", "MNIST", "mnist/raw", "mnist/MNIST/raw"] {
        for (dotted, suffix, nested) in [
            (false, "", false),
            (true, "", false),
            (false, ".gz", false),
            (true, ".gz", false),
            (true, "", true),
        ] {
            let place = Place::new();
            for file in MNIST.files() {
                let name = if dotted { file.name.replace("-idx", ".idx") } else { file.name.to_owned() };
                let folder = if nested { format!("{layout}/{name}") } else { layout.to_owned() };
                let name = if nested { file.name } else { &name };
                place.put(&format!("data/{folder}/{name}{suffix}"), b"");
            }
            let found = Location::Found(Found::Folder(place.path("data").join(layout)));
            assert_eq!(place.source.locate(Dataset::Mnist).unwrap(), found, "{layout}, {dotted}, {suffix}");
            assert_eq!(place.source.locate(Dataset::Kmnist).unwrap(), Location::Missing);
        }
    }
}

#[test]
fn a_file_that_is_no_regular_file_is_neither_passed_over_nor_waited_for() {
    let place = Place::new();
    place.put_all("data/mnist");
    let path = place.path("data/mnist/t10k-labels-idx1-ubyte");
    let refused = || place.source.locate(Dataset::Mnist).unwrap_err().to_string();
    fs::remove_file(&path).unwrap();
    symlink("/dev/zero", &path).unwrap();
    assert_says(&refused(), &["data/mnist/t10k-labels-idx1-ubyte", "not a regular file"]);
    fs::remove_file(&path).unwrap();
    symlink("/nowhere", &path).unwrap();
    assert_says(&refused(), &["data/mnist/t10k-labels-idx1-ubyte"]);
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    assert_says(&refused(), &["data/mnist/t10k-labels-idx1-ubyte"]);
    // In the cache nobody has named it, and it counts as missing.
    place.put_all("cache/kmnist");
    let path = place.path("cache/kmnist/t10k-labels-idx1-ubyte");
    fs::remove_file(&path).unwrap();
    symlink("/dev/zero", &path).unwrap();
    assert_eq!(place.source.locate(Dataset::Kmnist).unwrap(), Location::Missing);
}

#[test]
fn the_way_out_of_a_broken_file_depends_on_whose_it_is() {
    let place = Place::new();
    place.put_all("cache/mnist");
    assert_says(&place.load_error(), &["cache/mnist", "`gansweep data fetch mnist` downloads it again"]);
    place.put_all("data/mnist");
    let message = place.load_error();
    assert_says(&message, &["data/mnist", "leave --data-dir and GANSWEEP_DATA_DIR out"]);
    assert!(!message.contains("downloads it again"), "{message}");
}

#[test]
fn what_forbids_a_download_names_the_folders_that_were_searched() {
    let place = Place::new();
    let message = place.source.provide(Dataset::Mnist, &mut |_| ()).unwrap_err().to_string();
    let data = place.path("data").display().to_string();
    assert_says(&message, &[&data, "cache/mnist", "GANSWEEP_OFFLINE"]);
}

#[test]
fn strokes_need_no_cache() {
    let place = Place::new();
    for cache_dir in ["/proc/x", "/dev/null/cache"] {
        let source = DataSource { cache_dir: cache_dir.into(), ..place.source.clone() };
        source.provide(Dataset::Strokes, &mut |_| ()).unwrap();
        let fetched = source.fetch(Dataset::Strokes, &mut |_| ());
        assert!(matches!(fetched, Err(DataError::Io { action: IoAction::Write, .. })));
    }
}

#[test]
fn a_data_folder_says_what_else_is_in_it() {
    let place = Place::new();
    place.put("data/emnist-letters-train-images-idx3-ubyte", &idx::encode_images(MNIST.image, &[0; 2 * 784]));
    place.put("data/gzip/emnist-letters-train-labels-idx1-ubyte.gz", &idx::encode_labels(&[1, 2, 3]));
    place.put("data/notes.txt", b"");
    place.put("data/broken-idx3-ubyte", b"text");
    place.put_all("data/kmnist");
    symlink("/dev/zero", place.path("data/zero-idx3-ubyte")).unwrap();
    let files = place.source.other_files();
    let said = files.iter().map(|file| {
        let name = file.path.strip_prefix(place.path("data")).unwrap().display().to_string();
        format!("{name}: {}", file.content)
    });
    let said: Vec<String> = said.collect();
    assert_eq!(said.len(), 3, "{said:?}");
    assert!(said[0].starts_with("broken-idx3-ubyte: it starts with 0x74657874"), "{said:?}");
    assert_eq!(said[1], "emnist-letters-train-images-idx3-ubyte: 2 images of 28 x 28");
    assert_eq!(said[2], "gzip/emnist-letters-train-labels-idx1-ubyte.gz: 3 labels");
}

/// Files of EMNIST that were given MNIST's names.
#[test]
fn files_of_another_dataset_under_known_names_are_told_too() {
    let place = Place::new();
    let images = idx::encode_images(MNIST.image, &[0; 2 * 784]);
    let labels = idx::encode_labels(&[26; 2]);
    place.put("data/train-images-idx3-ubyte", &images);
    place.put("data/t10k-images-idx3-ubyte", &images);
    place.put("data/train-labels-idx1-ubyte", &labels);
    place.put("data/t10k-labels-idx1-ubyte", &labels);
    let error = place.source.locate(Dataset::Mnist).unwrap_err().to_string();
    let parts = ["data/t10k-labels-idx1-ubyte", "promises 2 labels, expected 10000", "dataset = \"idx\""];
    assert_says(&error, &parts);
    assert_eq!(place.source.other_files().len(), 4);
}
