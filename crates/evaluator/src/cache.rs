//! The evaluator as a file.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use gansweep_base::digest::sha256;
use gansweep_base::file;
use gansweep_config::ImageShape;

use crate::Evaluator;
use crate::layout::{FEATURES, Layout};

/// Changes whenever an evaluator of the same data would be another one.
pub const VERSION: u32 = 1;
const MAGIC: &[u8; 8] = b"gsweval\n";
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
        let (content, digest) = bytes.split_last_chunk::<DIGEST>().ok_or(unusable("is cut short"))?;
        if sha256(content).as_bytes() != digest {
            return Err(unusable("is damaged or cut short"));
        }
        Self::from_bytes(content, shape).map(Some).map_err(unusable)
    }

    /// Writes the evaluator; never half of it.
    pub fn write(&self, path: &Path) -> Result<(), CacheError> {
        write_with_digest(path, self.to_bytes())
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
