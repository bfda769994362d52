//! What is known of a dataset that is published as four IDX files, and of each file.

use gansweep_base::digest::sha256;
use gansweep_config::{Dataset, DatasetSpec, ImageShape};

use crate::{
    Split,
    digest::Digest,
    names::{self, Kind},
};

/// The shape of MNIST's images, and of those of the datasets made after it.
pub(crate) const GREY_28: ImageShape = ImageShape { channels: 1, height: 28, width: 28 };

/// Everything that is known of a published dataset.
#[derive(Debug)]
pub(crate) struct Declaration {
    pub(crate) dataset: Dataset,
    /// The folder that torchvision keeps its files in, in `raw/` below it.
    pub(crate) torchvision: &'static str,
    /// Of every image.
    pub(crate) image: ImageShape,
    /// What the labels stand for, from 0.
    pub(crate) class_names: &'static [&'static str],
    /// Where `NAME.gz` of each file is published, to be tried in this order; none for what the program
    /// draws.
    pub(crate) mirrors: &'static [&'static str],
    pub(crate) train: Part,
    pub(crate) test: Part,
}

/// The two files of one part.
#[derive(Debug)]
pub(crate) struct Part {
    /// Images, and labels.
    pub(crate) count: usize,
    pub(crate) images: Digest,
    pub(crate) labels: Digest,
}

/// One file, and what must be in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FileSpec {
    pub(crate) dataset: Dataset,
    pub(crate) split: Split,
    pub(crate) kind: Kind,
    /// Images, or labels.
    pub(crate) count: usize,
    /// Of each image.
    pub(crate) image: ImageShape,
    /// Labels are below it.
    pub(crate) classes: usize,
    /// Of the uncompressed bytes.
    pub(crate) digest: Digest,
}

impl FileSpec {
    /// The published name, without `.gz`.
    pub(crate) const fn name(&self) -> &'static str {
        names::published(self.split, self.kind)
    }
}

impl Declaration {
    pub(crate) const fn part(&self, split: Split) -> &Part {
        match split {
            Split::Train => &self.train,
            Split::Test => &self.test,
        }
    }

    pub(crate) const fn file(&self, split: Split, kind: Kind) -> FileSpec {
        let part = self.part(split);
        let digest = match kind {
            Kind::Images => part.images,
            Kind::Labels => part.labels,
        };
        FileSpec {
            dataset: self.dataset,
            split,
            kind,
            count: part.count,
            image: self.image,
            classes: self.class_names.len(),
            digest,
        }
    }

    /// The four files, the small ones first, so that a wrong mirror is noticed early.
    pub(crate) const fn files(&self) -> [FileSpec; 4] {
        [
            self.file(Split::Test, Kind::Labels),
            self.file(Split::Train, Kind::Labels),
            self.file(Split::Test, Kind::Images),
            self.file(Split::Train, Kind::Images),
        ]
    }

    /// What is known without loading or downloading anything.
    pub(crate) fn spec(&self) -> DatasetSpec {
        DatasetSpec {
            image: self.image,
            classes: self.class_names.len() as u32,
            train_images: self.train.count as u32,
            test_images: self.test.count as u32,
            fingerprint: self.fingerprint(),
        }
    }

    /// The identity of the training images and labels: the SHA-256, in 64 hexadecimal digits, of two
    /// lines `NAME DIGEST`, of the training images and of the training labels, with the digests of the
    /// uncompressed files. Images are trained on only after their digests were found to be these.
    fn fingerprint(&self) -> String {
        let lines = [Kind::Images, Kind::Labels].map(|kind| {
            let file = self.file(Split::Train, kind);
            format!("{} {}\n", file.name(), file.digest.hex())
        });
        sha256(lines.concat().as_bytes())
    }
}
