//! Fuzz targets of what the user's folders hold: IDX files, plain and compressed; pictures; archives.

#[path = "../../../tests/fuzz/engine.rs"]
mod engine;

use std::fs;

use gansweep_config::{DataRequest, Dataset};
use gansweep_data::{DataSource, Split};

/// Between a file of images and one of labels.
const SEPARATOR: &[u8] = b"\n--labels--\n";

#[test]
fn idx() {
    // In memory where there is such a folder: every case writes a file.
    let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
    let idx_dir = Some(folder.path().to_owned());
    let source = DataSource {
        data_dir: idx_dir.clone(),
        idx_dir,
        cache_dir: "/nowhere".into(),
        skip_damaged: false,
        offline: true,
    };
    let images = folder.path().join("train-images-idx3-ubyte");
    let labels = folder.path().join("train-labels-idx1-ubyte");
    engine::fuzz("idx", |input| {
        let cut = input.windows(SEPARATOR.len()).position(|window| window == SEPARATOR);
        fs::write(&images, &input[..cut.unwrap_or(input.len())]).unwrap();
        let _ = fs::remove_file(&labels);
        if let Some(cut) = cut {
            fs::write(&labels, &input[cut + SEPARATOR.len()..]).unwrap();
        }
        // Not for every input, since these look into many folders.
        if input.len() % 16 == 0 {
            assert_eq!(source.other_files().len(), 1 + usize::from(cut.is_some()));
            // They are not the published files of that name.
            assert!(source.locate(Dataset::Mnist).is_err());
        }
        let Ok(spec) = source.spec(Dataset::Idx) else { return };
        let loaded = source.load_planned(Dataset::Idx, &spec).unwrap();
        assert_eq!((loaded.shape, loaded.count), (spec.image, spec.train_images as usize));
        assert_eq!(loaded.pixels.len(), loaded.count * loaded.shape.size());
        assert_eq!(loaded.labels.len(), loaded.count);
        assert!(loaded.labels.iter().all(|&label| u32::from(label) < spec.classes));
        assert_eq!(source.load(Dataset::Idx, Split::Test).unwrap().count, 0);
    });
}

#[test]
fn pictures() {
    let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
    // Prepared pictures are kept in it.
    let cache = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
    let idx_dir = Some(folder.path().to_owned());
    let source = DataSource {
        data_dir: None,
        idx_dir,
        skip_damaged: false,
        cache_dir: cache.path().to_owned(),
        offline: true,
    };
    let picture = folder.path().join("picture.png");
    engine::fuzz("pictures", |input| {
        fs::write(&picture, input).unwrap();
        let asked = DataRequest { dataset: Dataset::Folder, side: 8, channels: [1, 3][input.len() % 2] };
        match source.load(asked, Split::Train) {
            Ok(images) => {
                assert_eq!((images.count, images.pixels.len()), (1, 64 * asked.channels as usize));
            }
            Err(error) => assert!(error.to_string().contains("1 of 1 images in "), "{error}"),
        }
    });
}

#[test]
fn archives() {
    let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
    let source = DataSource {
        data_dir: Some(folder.path().to_owned()),
        idx_dir: None,
        skip_damaged: false,
        cache_dir: "/nowhere".into(),
        offline: true,
    };
    engine::fuzz("archives", |input| {
        for (name, dataset) in
            [("cifar-10-binary.tar.gz", Dataset::Cifar10), ("gzip.zip", Dataset::EmnistLetters)]
        {
            fs::write(folder.path().join(name), input).unwrap();
            // None of them has the published content.
            assert!(source.load(dataset, Split::Train).is_err());
        }
    });
}
