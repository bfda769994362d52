//! The drawn images as IDX files in the cache: reading them is many times faster than drawing.

use std::path::Path;

use gansweep_config::{Dataset, DatasetSpec};

use super::{declared::STROKES, draw::generate};
use crate::{
    DataError, DataSource, Found, Images, Location, Progress, Split, declaration::FileSpec, disk, idx,
    names::Kind, reader::Reader,
};

/// The dataset `strokes`: drawn if the cache does not have it, and kept there if it can be written.
pub(crate) struct Strokes;

impl Reader for Strokes {
    fn class_names(&self) -> &'static [&'static str] {
        STROKES.class_names
    }

    fn spec(&self, _: &DataSource) -> Result<DatasetSpec, DataError> {
        Ok(STROKES.spec())
    }

    fn locate(&self, _: &DataSource) -> Result<Location, DataError> {
        Ok(Location::Found(Found::BuiltIn))
    }

    fn fetch(&self, source: &DataSource, _: &mut dyn FnMut(Progress)) -> Result<(), DataError> {
        fill(&source.cache_dir.join(Dataset::Strokes.name()))
    }

    fn load(&self, source: &DataSource, split: Split) -> Result<Images, DataError> {
        load(&source.cache_dir.join(Dataset::Strokes.name()), split)
    }
}

/// Reads one split from the cache, or draws it and writes it there if possible.
fn load(folder: &Path, split: Split) -> Result<Images, DataError> {
    // Whatever is wrong with the cache, drawing the images again solves it.
    if let Ok(images) = STROKES.read(folder, split) {
        return Ok(images);
    }
    let images = generate(split);
    let files = encode(&images, split)?;
    // A cache that cannot be written costs only the time to draw.
    let _ = write(folder, &files);
    Ok(images)
}

/// Completes both splits in the folder.
fn fill(folder: &Path) -> Result<(), DataError> {
    for split in Split::ALL {
        if STROKES.read(folder, split).is_err() {
            write(folder, &encode(&generate(split), split)?)?;
        }
    }
    Ok(())
}

/// Encodes and checks the files of one split. A machine that draws other images must not train on them under
/// the built-in fingerprint.
fn encode(images: &Images, split: Split) -> Result<[(FileSpec, Vec<u8>); 2], DataError> {
    let spec = |kind| STROKES.file(split, kind);
    let files = [
        (spec(Kind::Images), idx::encode_images(images.shape, &images.pixels)),
        (
            spec(Kind::Labels),
            idx::encode_labels(&images.labels.iter().map(|&label| label as u8).collect::<Vec<_>>()),
        ),
    ];
    for (spec, bytes) in &files {
        disk::check(bytes, spec).map_err(DataError::StrokesDiffer)?;
    }
    Ok(files)
}

fn write(folder: &Path, files: &[(FileSpec, Vec<u8>)]) -> Result<(), DataError> {
    files.iter().try_for_each(|(spec, bytes)| disk::write(&folder.join(spec.name()), bytes))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn drawn_images_have_the_published_digests_and_are_read_back_from_the_cache() {
        let folder = tempfile::tempdir().unwrap();
        let drawn = load(folder.path(), Split::Test).unwrap();
        assert_eq!(STROKES.read(folder.path(), Split::Test).unwrap(), drawn);
        // Nothing but the digest decides; the training part is checked the same way.
        encode(&generate(Split::Train), Split::Train).unwrap();
    }

    #[test]
    fn a_broken_cache_is_drawn_anew() {
        let folder = tempfile::tempdir().unwrap();
        let spec = STROKES.file(Split::Test, Kind::Images);
        let path = folder.path().join(spec.name());
        let drawn = load(folder.path(), Split::Test).unwrap();
        let mut bytes = fs::read(&path).unwrap();
        bytes[5_000] ^= 1;
        fs::write(&path, &bytes).unwrap();
        assert_eq!(load(folder.path(), Split::Test).unwrap(), drawn);
        disk::check(&fs::read(&path).unwrap(), &spec).unwrap();
    }

    #[test]
    fn without_a_cache_to_write_to_the_images_are_drawn_all_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let blocked = folder.path().join("a file");
        fs::write(&blocked, "").unwrap();
        assert_eq!(load(&blocked.join("strokes"), Split::Test).unwrap().count, 10_000);
        assert!(matches!(fill(&blocked.join("strokes")), Err(DataError::Io { .. })));
    }
}
