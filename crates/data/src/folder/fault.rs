//! What can be wrong with a folder of images as a whole.

use crate::naming::Naming;

/// What is wrong with a folder of images.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FolderFault {
    /// There are no images.
    #[error("there are no images (.png, .jpg, .jpeg) in the folder")]
    Empty,
    /// A class has no images.
    #[error("the class has no images (.png, .jpg, .jpeg); add some, or remove the folder")]
    EmptyClass,
    /// Images and classes side by side.
    #[error(
        "the image lies beside the folders of classes; move it into one of them, or all images into one folder"
    )]
    BesideClasses,
    /// Test images without classes, where training images have some.
    #[error(
        "the images lie in no classes, and those that are trained on do; sort them into the same subfolders, or remove the folder"
    )]
    WithoutClasses,
    /// A class of test images that is not trained.
    #[error("no class that is trained on has the name of this folder; rename or remove it")]
    UnknownClass,
    /// A link to a folder that it lies in.
    #[error("the folder leads back to one above it, or is too deep; remove the link")]
    Loop,
    /// More classes than labels can number.
    #[error("it has {0} subfolders, and each is a class; at most 65536")]
    TooManyClasses(usize),
    /// The prepared images do not fit into the memory.
    #[error(
        "its {images} images have {bytes} bytes when they are prepared, more than this machine has memory"
    )]
    TooLarge {
        /// Their number.
        images: usize,
        /// Their size.
        bytes: u64,
    },
}

impl FolderFault {
    /// The fault with its way out.
    pub(crate) fn explained(&self, naming: Naming) -> String {
        match self {
            Self::Empty => format!("{self}; correct {}", naming.path()),
            Self::TooLarge { .. } => format!("{self}; lower {}", naming.side()),
            _ => self.to_string(),
        }
    }
}
