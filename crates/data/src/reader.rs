//! The seam between datasets and everything that reads them.

use gansweep_config::DatasetSpec;

use crate::{DataError, DataSource, Images, Location, Progress, Split};

/// What a kind of dataset can do. A further one is an implementation in a file of its own and a line in
/// `datasets.rs`; one that is published as IDX files is a declaration alone.
pub(crate) trait Reader: Sync {
    /// What the labels stand for, from 0; empty where nobody has said so.
    fn class_names(&self) -> &'static [&'static str];

    /// Shape, classes, counts and fingerprint. Reads files only where nothing else knows these.
    fn spec(&self, source: &DataSource) -> Result<DatasetSpec, DataError>;

    /// Where the files are. Reads no more than it takes to tell whose they are.
    fn locate(&self, source: &DataSource) -> Result<Location, DataError>;

    /// Makes the cache hold all files, each checked. The user's folders are not looked at.
    fn fetch(&self, source: &DataSource, progress: &mut dyn FnMut(Progress)) -> Result<(), DataError>;

    /// One part, checked; without images if the dataset lacks it. Downloads nothing.
    fn load(&self, source: &DataSource, split: Split) -> Result<Images, DataError>;

    /// The training images with the fingerprint of `spec`. Where this program knows the fingerprint,
    /// [`load`](Self::load) has compared it with the files.
    fn load_planned(&self, source: &DataSource, _: &DatasetSpec) -> Result<Images, DataError> {
        self.load(source, Split::Train)
    }
}
