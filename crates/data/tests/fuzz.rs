//! Fuzz target of IDX files, plain and compressed.

#[path = "../../../tests/fuzz/engine.rs"]
mod engine;

use std::fs;

use gansweep_config::Dataset;
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
