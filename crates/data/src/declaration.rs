//! The declaration of a dataset that is published as four IDX files, and of each file.

use gansweep_base::digest::sha256;
use gansweep_config::{ClassNames, Dataset, DatasetSpec, ImageShape};

use crate::{
    Split,
    digest::Digest,
    names::{self, Kind},
};

/// The shape of the images of MNIST and of the datasets that follow its format.
pub(crate) const GREY_28: ImageShape = ImageShape { channels: 1, height: 28, width: 28 };

/// How a dataset's files differ from MNIST's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Format {
    /// The names without `.gz`: of the images and the labels of the training split, then of the test split.
    pub(crate) names: [[&'static str; 2]; 2],
    /// Whether an image is stored column by column.
    pub(crate) transposed: bool,
    /// The label of the first class.
    pub(crate) first_label: u8,
    /// The ZIP archive that the files are published in, each as `NAME.gz` in a folder of any name.
    pub(crate) archive: Option<Archive>,
}

/// An archive with the files of several datasets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Archive {
    pub(crate) name: &'static str,
    pub(crate) url: &'static str,
}

impl Format {
    /// That of MNIST and of the datasets that follow it.
    pub(crate) const MNIST: Self = Self {
        names: [
            [names::published(Split::Train, Kind::Images), names::published(Split::Train, Kind::Labels)],
            [names::published(Split::Test, Kind::Images), names::published(Split::Test, Kind::Labels)],
        ],
        transposed: false,
        first_label: 0,
        archive: None,
    };
}

/// The declaration of a published dataset.
#[derive(Debug)]
pub(crate) struct Declaration {
    pub(crate) dataset: Dataset,
    pub(crate) format: Format,
    /// The name of torchvision's folder, which keeps the files in its subfolder `raw`.
    pub(crate) torchvision: &'static str,
    /// The shape of every image.
    pub(crate) image: ImageShape,
    /// The names of the classes, from label 0.
    pub(crate) class_names: &'static [&'static str],
    /// The base URLs of the mirrors, which have each file as `NAME.gz`, in the order of trying.
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
    /// The published file name, without `.gz`.
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    /// The number of images or labels.
    pub(crate) count: usize,
    /// The shape of each image.
    pub(crate) image: ImageShape,
    /// The labels in the file.
    pub(crate) labels: LabelRange,
    /// Whether each image is stored column by column.
    pub(crate) transposed: bool,
    /// The archive that may have the file.
    pub(crate) archive: Option<Archive>,
    /// The digest of the uncompressed bytes.
    pub(crate) digest: Digest,
}

/// Which labels a file may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LabelRange {
    pub(crate) first: u8,
    pub(crate) classes: usize,
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
            name: self.format.names[split as usize][kind as usize],
            kind,
            count: part.count,
            image: self.image,
            labels: LabelRange { first: self.format.first_label, classes: self.class_names.len() },
            transposed: self.format.transposed,
            archive: self.format.archive,
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
            class_names: ClassNames::new(self.class_names.iter().copied()),
        }
    }

    /// The fingerprint: the SHA-256, in 64 hexadecimal digits, of two lines `NAME DIGEST` for the training
    /// images and the training labels, with the digests of the uncompressed files. Images are used only after
    /// their digests were checked against these.
    fn fingerprint(&self) -> String {
        let lines = [Kind::Images, Kind::Labels].map(|kind| {
            let file = self.file(Split::Train, kind);
            format!("{} {}\n", file.name, file.digest.hex())
        });
        sha256(lines.concat().as_bytes())
    }
}
