//! The declaration of a dataset that is published as four IDX files, and of each file.

use gansweep_base::digest::sha256;
use gansweep_config::{Dataset, DatasetSpec, ImageShape};

use crate::{
    Split,
    digest::Digest,
    names::{self, Kind},
};

/// The shape of the images of MNIST and of the datasets that follow its format.
pub(crate) const GREY_28: ImageShape = ImageShape { channels: 1, height: 28, width: 28 };

/// The declaration of a published dataset.
#[derive(Debug)]
pub(crate) struct Declaration {
    pub(crate) dataset: Dataset,
    /// The name of torchvision's folder, which keeps the files in its subfolder `raw`.
    pub(crate) torchvision: &'static str,
    /// The shape of every image.
    pub(crate) image: ImageShape,
    /// The names of the classes, from label 0.
    pub(crate) class_names: &'static [&'static str],
    /// The base URLs of the mirrors, which have each file as `NAME.gz`, in the order of trying; none for
    /// images that the program draws.
    pub(crate) mirrors: &'static [&'static str],
    pub(crate) train: Part,
    pub(crate) test: Part,
}

/// The two files of one split.
#[derive(Debug)]
pub(crate) struct Part {
    /// The number of images, and of labels.
    pub(crate) count: usize,
    pub(crate) images: Digest,
    pub(crate) labels: Digest,
}

/// One file and its required content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FileSpec {
    pub(crate) dataset: Dataset,
    pub(crate) split: Split,
    pub(crate) kind: Kind,
    /// The number of images or labels.
    pub(crate) count: usize,
    /// The shape of each image.
    pub(crate) image: ImageShape,
    /// The number of classes: labels are below it.
    pub(crate) classes: usize,
    /// The digest of the uncompressed bytes.
    pub(crate) digest: Digest,
}

impl FileSpec {
    /// The published file name, without `.gz`.
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

    /// The four files. The small ones come first, so that a wrong mirror is noticed early.
    pub(crate) const fn files(&self) -> [FileSpec; 4] {
        [
            self.file(Split::Test, Kind::Labels),
            self.file(Split::Train, Kind::Labels),
            self.file(Split::Test, Kind::Images),
            self.file(Split::Train, Kind::Images),
        ]
    }

    /// The spec, without loading anything.
    pub(crate) fn spec(&self) -> DatasetSpec {
        DatasetSpec {
            image: self.image,
            classes: self.class_names.len() as u32,
            train_images: self.train.count as u32,
            test_images: self.test.count as u32,
            fingerprint: self.fingerprint(),
        }
    }

    /// The fingerprint: the SHA-256, in 64 hexadecimal digits, of two lines `NAME DIGEST` for the training
    /// images and the training labels, with the digests of the uncompressed files. Images are used only after
    /// their digests were checked against these.
    fn fingerprint(&self) -> String {
        let lines = [Kind::Images, Kind::Labels].map(|kind| {
            let file = self.file(Split::Train, kind);
            format!("{} {}\n", file.name(), file.digest.hex())
        });
        sha256(lines.concat().as_bytes())
    }
}
