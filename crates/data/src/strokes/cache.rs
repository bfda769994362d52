//! The drawn images as IDX files in the cache: reading them is many times faster than drawing.

use std::path::{Path, PathBuf};

use gansweep_config::{Dataset, DatasetSpec, ImageShape};

use super::{
    declared::{STROKES, declaration},
    draw::draw_all,
};
use crate::{
    DataError, DataSource, Found, Images, Location, Progress, Split,
    declaration::{Declaration, FileSpec},
    disk,
    error::Origin,
    idx,
    names::Kind,
    reader::Reader,
};

/// The dataset `strokes`: drawn if the cache does not have it, and kept there if it can be written.
pub(crate) struct Strokes {
    /// The shape that is asked for; `None` for the usual one.
    pub(crate) shape: Option<ImageShape>,
}

impl Strokes {
    fn declaration(&self) -> Result<&'static Declaration, DataError> {
        self.shape.map_or(Ok(&STROKES), declaration)
    }
}

/// The folder of each shape: `strokes` for the usual one, `strokes-3x32x32` for another.
fn folder(source: &DataSource, declared: &Declaration) -> PathBuf {
    let name = Dataset::Strokes.name();
    let ImageShape { channels, height, width } = declared.image;
    source.cache_dir.join(match declared.image == STROKES.image {
        true => name.to_owned(),
        false => format!("{name}-{channels}x{height}x{width}"),
    })
}

impl Reader for Strokes {
    fn spec(&self, _: &DataSource, _: &mut dyn FnMut(Progress)) -> Result<DatasetSpec, DataError> {
        Ok(self.declaration()?.spec())
    }

    fn locate(&self, _: &DataSource) -> Result<Location, DataError> {
        Ok(Location::Found(Found::BuiltIn))
    }

    fn fetch(&self, source: &DataSource, _: &mut dyn FnMut(Progress)) -> Result<(), DataError> {
        let declared = self.declaration()?;
        fill(&folder(source, declared), declared)
    }

    /// The cache saves time and is not needed: one that cannot be written is no error.
    fn provide(&self, source: &DataSource, progress: &mut dyn FnMut(Progress)) -> Result<(), DataError> {
        match self.fetch(source, progress) {
            Err(DataError::Io { .. }) => Ok(()),
            result => result,
        }
    }

    fn load(&self, source: &DataSource, split: Split) -> Result<Images, DataError> {
        let declared = self.declaration()?;
        load(&folder(source, declared), declared, split)
    }
}

/// Reads one split from the cache, or draws it and writes it there if possible.
fn load(folder: &Path, declared: &Declaration, split: Split) -> Result<Images, DataError> {
    // Whatever is wrong with the cache, drawing the images again solves it.
    if let Ok(images) = declared.read(folder, split, Origin::Cache) {
        return Ok(images);
    }
    let images = draw_all(declared, split);
    let files = encode(&images, declared, split)?;
    // A cache that cannot be written costs only the time to draw.
    let _ = write(folder, &files);
    Ok(images)
}

/// Completes both splits in the folder.
fn fill(folder: &Path, declared: &Declaration) -> Result<(), DataError> {
    // A cache that cannot be written is noticed before the time to draw is spent.
    disk::make_folder(folder)?;
    for split in Split::ALL {
        if declared.read(folder, split, Origin::Cache).is_err() {
            write(folder, &encode(&draw_all(declared, split), declared, split)?)?;
        }
    }
    Ok(())
}

/// Encodes and checks the files of one split. A machine that draws other images must not train on them under
/// the built-in fingerprint.
fn encode(
    images: &Images,
    declared: &Declaration,
    split: Split,
) -> Result<[(FileSpec, Vec<u8>); 2], DataError> {
    let spec = |kind| declared.file(split, kind);
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
    files.iter().try_for_each(|(spec, bytes)| disk::write(&folder.join(spec.name), bytes))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::strokes::declared::OTHERS;

    #[test]
    fn drawn_images_have_the_published_digests_and_are_read_back_from_the_cache() {
        let folder = tempfile::tempdir().unwrap();
        let drawn = load(folder.path(), &STROKES, Split::Test).unwrap();
        assert_eq!(STROKES.read(folder.path(), Split::Test, Origin::Cache).unwrap(), drawn);
        // Nothing but the digest decides; the training part is checked the same way.
        encode(&draw_all(&STROKES, Split::Train), &STROKES, Split::Train).unwrap();
    }

    /// The shapes whose images differ from what is published, and how.
    fn differing(split: Split) -> Vec<String> {
        let drawn = |declared| encode(&draw_all(declared, split), declared, split);
        OTHERS.iter().filter_map(|it| Some(format!("{}: {}", it.image, drawn(it).err()?))).collect()
    }

    #[test]
    fn test_images_of_every_shape_have_the_published_digests() {
        assert_eq!(differing(Split::Test), Vec::<String>::new());
    }

    /// The same code draws them, and it takes four times as long.
    #[test]
    #[ignore = "slow; for changes to what is drawn"]
    fn training_images_of_every_shape_have_the_published_digests() {
        assert_eq!(differing(Split::Train), Vec::<String>::new());
    }

    #[test]
    fn a_shape_has_a_folder_of_its_own_and_is_read_back_from_it() {
        let root = tempfile::tempdir().unwrap();
        let source = DataSource {
            data_dir: None,
            idx_dir: None,
            cache_dir: root.path().to_owned(),
            skip_damaged: false,
            offline: true,
        };
        let shape = ImageShape { channels: 3, height: 32, width: 32 };
        let strokes = Strokes { shape: Some(shape) };
        let drawn = strokes.load(&source, Split::Test).unwrap();
        assert_eq!((drawn.shape, drawn.pixels.len()), (shape, drawn.count * 3 * 32 * 32));
        let folder = root.path().join("strokes-3x32x32");
        let declared = declaration(shape).unwrap();
        assert_eq!(declared.read(&folder, Split::Test, Origin::Cache).unwrap(), drawn);
        let odd = Strokes { shape: Some(ImageShape { width: 30, ..shape }) };
        let error = odd.spec(&source, &mut |_| ()).unwrap_err().to_string();
        assert!(error.contains("strokes") && error.contains("3 x 32 x 30"), "{error}");
    }

    #[test]
    fn a_broken_cache_is_drawn_anew() {
        let folder = tempfile::tempdir().unwrap();
        let spec = STROKES.file(Split::Test, Kind::Images);
        let path = folder.path().join(spec.name);
        let drawn = load(folder.path(), &STROKES, Split::Test).unwrap();
        let mut bytes = fs::read(&path).unwrap();
        bytes[5_000] ^= 1;
        fs::write(&path, &bytes).unwrap();
        assert_eq!(load(folder.path(), &STROKES, Split::Test).unwrap(), drawn);
        disk::check(&fs::read(&path).unwrap(), &spec).unwrap();
    }

    #[test]
    fn without_a_cache_to_write_to_the_images_are_drawn_all_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let blocked = folder.path().join("a file");
        fs::write(&blocked, "").unwrap();
        assert_eq!(load(&blocked.join("strokes"), &STROKES, Split::Test).unwrap().count, 10_000);
        assert!(matches!(fill(&blocked.join("strokes"), &STROKES), Err(DataError::Io { .. })));
    }
}
