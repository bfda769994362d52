//! The interface of a kind of dataset.

use gansweep_config::DatasetSpec;

use crate::{DataError, DataSource, Images, Location, Progress, Split};

/// A kind of dataset. A new kind is an implementation of this trait and a line in `datasets.rs`; a new dataset
/// that is published as IDX files is only a declaration.
pub(crate) trait Reader: Sync {
    /// The spec. Reads files only if it is not built in.
    fn spec(&self, source: &DataSource, progress: &mut dyn FnMut(Progress))
    -> Result<DatasetSpec, DataError>;

    /// Finds the files. Reads only what is needed to tell which dataset they belong to.
    fn locate(&self, source: &DataSource) -> Result<Location, DataError>;

    /// Completes and checks the files in the cache. The user's folders are not used.
    fn fetch(&self, source: &DataSource, progress: &mut dyn FnMut(Progress)) -> Result<(), DataError>;

    /// Makes the dataset available for [`load`](Self::load), in the cache if it has to be downloaded.
    fn provide(&self, source: &DataSource, progress: &mut dyn FnMut(Progress)) -> Result<(), DataError> {
        self.fetch(source, progress)
    }

    /// Loads and checks one split; it has no images if the dataset does not have it. Downloads nothing.
    fn load(&self, source: &DataSource, split: Split) -> Result<Images, DataError>;

    /// Loads the training images with the fingerprint of `spec`. For built-in specs,
    /// [`load`](Self::load) has already checked it.
    fn load_planned(&self, source: &DataSource, _: &DatasetSpec) -> Result<Images, DataError> {
        self.load(source, Split::Train)
    }
}
