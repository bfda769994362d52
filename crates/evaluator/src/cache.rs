//! The evaluator as a file, and its training between two steps.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use gansweep_base::digest::sha256;
use gansweep_base::file;
use gansweep_config::ImageShape;

use crate::Evaluator;
use crate::layout::{FEATURES, Layout};
use crate::training::TrainingState;

/// Changes whenever an evaluator of the same data would be another one.
pub const VERSION: u32 = 1;
const MAGIC: &[u8; 8] = b"gsweval\n";
const CHECKPOINT_MAGIC: &[u8; 8] = b"gswevck\n";
/// Length of the digest at the end.
const DIGEST: usize = 64;

/// Why a cached evaluator cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CacheError {
    /// It cannot be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The I/O error.
        source: io::Error,
    },
    /// Its content is not what was written, or is of another version.
    #[error("{} {reason}", path.display())]
    Unusable {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: &'static str,
    },
}

impl Evaluator {
    /// The file of the evaluator of that data in a cache folder.
    pub fn cache_path(folder: &Path, fingerprint: &str) -> PathBuf {
        folder.join("evaluators").join(format!("{}-v{VERSION}.bin", sha256(fingerprint)))
    }

    /// Reads a cached evaluator of images of that shape; `None` if there is none.
    ///
    /// # Errors
    /// A file that is cut short, damaged, of another version or for other images. Training again and writing it
    /// anew is the way out.
    pub fn read(path: &Path, shape: ImageShape) -> Result<Option<Self>, CacheError> {
        let Some(bytes) = read_file(path)? else { return Ok(None) };
        let unusable = |reason| CacheError::Unusable { path: path.to_owned(), reason };
        let content = checked(&bytes).map_err(unusable)?;
        Self::from_bytes(content, shape).map(Some).map_err(unusable)
    }

    /// Writes the evaluator, never half of it, and deletes the checkpoint of its training.
    pub fn write(&self, path: &Path) -> Result<(), CacheError> {
        write_with_digest(path, self.to_bytes())?;
        let checkpoint = checkpoint_path(path);
        match fs::remove_file(&checkpoint) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(CacheError::Io { path: checkpoint, source: error })
            }
            _ => Ok(()),
        }
    }

    /// The file of the features of a dataset's training images in a cache folder, or of an even selection of that many. It is
    /// named by the data, since an evaluator with random weights is that of all images of its shape, and by the evaluator's
    /// digest, since the same data may have another evaluator on another kind of processor.
    pub fn features_path(&self, folder: &Path, fingerprint: &str, selected: Option<usize>) -> PathBuf {
        let selected = selected.map_or_else(String::new, |images| format!("-{images}"));
        let name = format!("{}-{}-train{selected}.features", sha256(fingerprint), self.digest());
        folder.join("evaluators").join(name)
    }

    /// Reads the cached features `[images, dimensions]` of that number of images; `None` if there are none.
    ///
    /// # Errors
    /// A file that is cut short, damaged or of another number of images. Computing and writing them anew is the way out.
    pub fn read_features(path: &Path, images: usize) -> Result<Option<Vec<f32>>, CacheError> {
        let Some(bytes) = read_file(path)? else { return Ok(None) };
        let unusable = |reason| CacheError::Unusable { path: path.to_owned(), reason };
        let (content, digest) = bytes.split_last_chunk::<DIGEST>().ok_or(unusable("is cut short"))?;
        if content.len() != 4 * FEATURES * images {
            return Err(unusable("is cut short, or of another number of images"));
        }
        if sha256(content).as_bytes() != digest {
            return Err(unusable("is damaged"));
        }
        Ok(Some(content.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()))
    }

    /// Writes features; never half of them.
    pub fn write_features(path: &Path, features: &[f32]) -> Result<(), CacheError> {
        write_with_digest(path, features.iter().flat_map(|value| value.to_le_bytes()).collect())
    }

    /// Magic, version, shape, classes, whether trained, accuracy (NaN for none), parameters; little-endian.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let ImageShape { channels, height, width } = self.layout.image;
        let mut bytes = MAGIC.to_vec();
        for number in
            [VERSION, channels, height, width, self.layout.classes as u32, u32::from(self.is_trained)]
        {
            bytes.extend(number.to_le_bytes());
        }
        bytes.extend(self.test_accuracy.unwrap_or(f64::NAN).to_le_bytes());
        bytes.extend(self.parameters.iter().flat_map(|value| value.to_le_bytes()));
        bytes
    }

    fn from_bytes(bytes: &[u8], shape: ImageShape) -> Result<Self, &'static str> {
        const NO_EVALUATOR: &str = "is not an evaluator";
        let rest = bytes.strip_prefix(MAGIC).ok_or(NO_EVALUATOR)?;
        let (numbers, rest) = rest.split_at_checked(24).ok_or(NO_EVALUATOR)?;
        let (accuracy, rest) = rest.split_first_chunk::<8>().ok_or(NO_EVALUATOR)?;
        let number = |bytes: &[u8; 4]| u32::from_le_bytes(*bytes);
        let numbers: Vec<u32> = numbers.as_chunks::<4>().0.iter().map(number).collect();
        let [version, channels, height, width, classes, is_trained] = numbers[..] else {
            return Err(NO_EVALUATOR);
        };
        if version != VERSION {
            return Err("is of another version");
        }
        if (ImageShape { channels, height, width }) != shape {
            return Err("is for images of another shape");
        }
        let layout = Layout::new(shape, classes as usize);
        if rest.len() != 4 * layout.parameters {
            return Err("has another number of parameters");
        }
        let parameters = rest.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
        let accuracy = f64::from_le_bytes(*accuracy);
        let test_accuracy = (!accuracy.is_nan()).then_some(accuracy);
        Ok(Self { layout, parameters, is_trained: is_trained != 0, test_accuracy })
    }
}

impl TrainingState {
    /// Reads the checkpoint beside an evaluator's file of a training of that many steps; `None` if there is none.
    pub(crate) fn read(path: &Path, layout: &Layout, steps: usize) -> Result<Option<Self>, CacheError> {
        let path = checkpoint_path(path);
        let Some(bytes) = read_file(&path)? else { return Ok(None) };
        let state = checked(&bytes).and_then(|content| Self::from_bytes(content, layout, steps));
        state.map(Some).map_err(|reason| CacheError::Unusable { path, reason })
    }

    /// Writes the checkpoint beside an evaluator's file.
    pub(crate) fn write(&self, path: &Path, layout: &Layout, steps: usize) -> Result<(), CacheError> {
        let moments = self.moments.iter().flat_map(|(mean, square)| [mean, square]);
        let mut bytes = checkpoint_header(layout, steps);
        bytes.extend((self.step as u64).to_le_bytes());
        bytes.extend(self.parameters.iter().chain(moments).flat_map(|value| value.to_le_bytes()));
        write_with_digest(&checkpoint_path(path), bytes)
    }

    fn from_bytes(bytes: &[u8], layout: &Layout, steps: usize) -> Result<Self, &'static str> {
        const OTHER: &str = "is of another training";
        let rest = bytes.strip_prefix(checkpoint_header(layout, steps).as_slice()).ok_or(OTHER)?;
        let (step, rest) = rest.split_first_chunk::<8>().ok_or(OTHER)?;
        let step = usize::try_from(u64::from_le_bytes(*step)).ok().filter(|step| *step <= steps);
        let values: Vec<f32> =
            rest.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
        if values.len() != 3 * layout.parameters {
            return Err("has another number of parameters");
        }
        let (parameters, moments) = values.split_at(layout.parameters);
        let moments = moments.as_chunks::<2>().0.iter().map(|[mean, square]| (*mean, *square)).collect();
        Ok(Self { step: step.ok_or(OTHER)?, parameters: parameters.to_vec(), moments })
    }
}

/// What checkpoints of one training have in common: magic, version, shape, classes, steps in all; little-endian.
fn checkpoint_header(layout: &Layout, steps: usize) -> Vec<u8> {
    let ImageShape { channels, height, width } = layout.image;
    let mut bytes = CHECKPOINT_MAGIC.to_vec();
    for number in [VERSION, channels, height, width, layout.classes as u32, steps as u32] {
        bytes.extend(number.to_le_bytes());
    }
    bytes
}

/// The checkpoint of the training of an evaluator that is to be written there.
fn checkpoint_path(evaluator: &Path) -> PathBuf {
    evaluator.with_extension("checkpoint")
}

/// The content of a file, without the digest at its end.
fn checked(bytes: &[u8]) -> Result<&[u8], &'static str> {
    let (content, digest) = bytes.split_last_chunk::<DIGEST>().ok_or("is cut short")?;
    if sha256(content).as_bytes() == digest { Ok(content) } else { Err("is damaged or cut short") }
}

/// The bytes of a file; `None` if there is none.
fn read_file(path: &Path) -> Result<Option<Vec<u8>>, CacheError> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(CacheError::Io { path: path.to_owned(), source }),
    }
}

/// Writes a file, with the digest of its content at the end.
fn write_with_digest(path: &Path, content: Vec<u8>) -> Result<(), CacheError> {
    let mut bytes = content;
    bytes.extend(sha256(&bytes).as_bytes());
    let written = file::make_folder_of(path).and_then(|()| file::write(path, &bytes));
    written.map_err(|source| CacheError::Io { path: path.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHAPE: ImageShape = ImageShape { channels: 1, height: 14, width: 12 };

    #[test]
    fn an_evaluator_comes_back_from_its_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = Evaluator::cache_path(folder.path(), "some/data");
        assert!(Evaluator::read(&path, SHAPE).unwrap().is_none());
        let evaluator = Evaluator { test_accuracy: Some(0.75), ..Evaluator::random(SHAPE) };
        evaluator.write(&path).unwrap();
        let read = Evaluator::read(&path, SHAPE).unwrap().unwrap();
        assert_eq!(read, evaluator);
        assert_eq!(read.digest(), evaluator.digest());
        assert_ne!(Evaluator::cache_path(folder.path(), "other"), path);
    }

    #[test]
    fn a_checkpoint_comes_back_and_one_of_another_training_does_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = Evaluator::cache_path(folder.path(), "some/data");
        let layout = Layout::new(SHAPE, 3);
        assert_eq!(TrainingState::read(&path, &layout, 90).unwrap(), None);
        let moments = (0..layout.parameters).map(|place| (place as f32, -1.0)).collect();
        let state = TrainingState { step: 70, moments, ..TrainingState::fresh(&layout) };
        state.write(&path, &layout, 90).unwrap();
        assert_eq!(TrainingState::read(&path, &layout, 90).unwrap(), Some(state));
        let reason = |classes, steps| {
            TrainingState::read(&path, &Layout::new(SHAPE, classes), steps).unwrap_err().to_string()
        };
        assert!(reason(3, 91).ends_with("is of another training"));
        assert!(reason(4, 90).ends_with("is of another training"));
        let checkpoint = checkpoint_path(&path);
        let bytes = fs::read(&checkpoint).unwrap();
        fs::write(&checkpoint, &bytes[..bytes.len() - 1]).unwrap();
        assert!(reason(3, 90).ends_with("is damaged or cut short"));
    }

    #[test]
    fn features_come_back_from_their_file_and_no_others_do() {
        let folder = tempfile::tempdir().unwrap();
        let path = Evaluator::random(SHAPE).features_path(folder.path(), "data", None);
        assert_ne!(Evaluator::random(SHAPE).features_path(folder.path(), "data", Some(2)), path);
        assert_ne!(Evaluator::random(SHAPE).features_path(folder.path(), "other data", None), path);
        assert_eq!(Evaluator::read_features(&path, 2).unwrap(), None);
        let features: Vec<f32> = (0..2 * FEATURES).map(|value| value as f32 / 7.0).collect();
        Evaluator::write_features(&path, &features).unwrap();
        assert_eq!(Evaluator::read_features(&path, 2).unwrap(), Some(features));
        let reason = |images| Evaluator::read_features(&path, images).unwrap_err().to_string();
        assert!(reason(3).ends_with("is cut short, or of another number of images"));
        let mut bytes = fs::read(&path).unwrap();
        bytes[9] ^= 1;
        fs::write(&path, &bytes).unwrap();
        assert!(reason(2).ends_with("is damaged"));
        fs::write(&path, &bytes[..20]).unwrap();
        assert!(reason(2).ends_with("is cut short"));
    }

    #[test]
    fn a_file_that_is_not_what_was_written_is_refused_whatever_is_wrong_with_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("evaluator.bin");
        Evaluator::random(SHAPE).write(&path).unwrap();
        let whole = fs::read(&path).unwrap();
        let other = ImageShape { channels: 3, ..SHAPE };
        let error = Evaluator::read(&path, other).unwrap_err().to_string();
        assert!(error.ends_with("is for images of another shape"), "{error}");
        let mut flipped = whole.clone();
        flipped[100] ^= 4;
        for bytes in [&whole[..whole.len() - 1], &whole[..40], &[], &flipped] {
            fs::write(&path, bytes).unwrap();
            let error = Evaluator::read(&path, SHAPE).unwrap_err().to_string();
            assert!(error.contains("cut short"), "{error}");
        }
        let sealed = |mut content: Vec<u8>| {
            content.extend(sha256(&content).into_bytes());
            content
        };
        let mut newer = whole[..whole.len() - DIGEST].to_vec();
        newer[8] += 1;
        for (content, reason) in [
            (sealed(newer), "is of another version"),
            (sealed(b"text".to_vec()), "is not an evaluator"),
            (sealed(whole[..whole.len() - DIGEST - 4].to_vec()), "has another number of parameters"),
        ] {
            fs::write(&path, content).unwrap();
            let error = Evaluator::read(&path, SHAPE).unwrap_err().to_string();
            assert!(error.ends_with(reason), "{error}");
        }
        let folder_error = Evaluator::read(folder.path(), SHAPE).unwrap_err();
        assert!(matches!(folder_error, CacheError::Io { .. }), "{folder_error}");
    }
}
