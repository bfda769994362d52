//! The parts of a folder of the user's: the pictures that are trained on, and those that are held out from training.

use std::{
    ops::Range,
    path::{Path, PathBuf},
};

use super::{
    prepared::Damaged,
    walk::{Content, Tree},
};
use crate::{DataError, LeftOut, Split, error::DamagedFile};

/// The subfolder of the pictures that are trained on, in any case of letters.
const TRAINING: &str = "train";
/// Subfolders of pictures that are held out. The first that is there has the test images.
const HELD_OUT: [&str; 4] = ["test", "val", "valid", "validation"];

/// The pictures of one split.
pub(super) struct Part {
    split: Split,
    pub(super) folder: PathBuf,
    pub(super) tree: Tree,
    /// The folder of the test images of a training part, if there is one.
    test_folder: Option<PathBuf>,
}

impl Part {
    /// The pictures that are trained on: those in the subfolder `train`, where the only others are held out; else all.
    pub(super) fn training(root: &Path) -> Result<Self, DataError> {
        let (folder, test_folder) = match divided(root)? {
            Some(Divided { training, test }) => (training, test),
            None => (root.to_owned(), None),
        };
        Ok(Self { split: Split::Train, tree: Tree::walk(&folder)?, folder, test_folder })
    }

    /// The test images, in the classes of this training part; `None` without any.
    pub(super) fn test(&self) -> Result<Option<Self>, DataError> {
        let Some(folder) = self.test_folder.clone() else { return Ok(None) };
        let tree = Tree::walk(&folder)?.in_classes_of(&self.tree, &folder)?;
        Ok(Some(Self { split: Split::Test, tree, folder, test_folder: None }))
    }

    /// The damaged files, which are left out if `skip_damaged`; an error that names them if not, or if a class that is
    /// trained would have no image without them.
    pub(super) fn left_out(&self, damaged: &[Damaged], skip_damaged: bool) -> Result<LeftOut, DataError> {
        let files = &self.tree.files;
        let named = |it: &Damaged| {
            let path: Option<PathBuf> = files.get(it.index).map(|file| file.path.clone());
            DamagedFile { path: path.unwrap_or_default(), reason: it.reason.clone() }
        };
        let folder = self.folder.clone();
        if skip_damaged && damaged.len() < files.len() {
            return match self.lost_class(damaged) {
                None => Ok(LeftOut { folder, damaged: damaged.iter().map(named).collect() }),
                Some(lost) => {
                    let of_class = damaged.iter().filter(|it| lost.contains(&it.index));
                    let class = files[lost.start].path.strip_prefix(&folder).ok();
                    let class = class.and_then(|path| path.iter().next());
                    let folder = class.map_or(folder.clone(), |class| folder.join(class));
                    Err(DataError::DamagedClass { folder, damaged: of_class.map(named).collect() })
                }
            };
        }
        let damaged = damaged.iter().map(named).collect();
        Err(DataError::Damaged { folder, images: files.len(), damaged })
    }

    /// The files of the first class that is trained and has damaged ones only. Without them it would not be in the
    /// fingerprint, and would be a class all the same.
    pub(super) fn lost_class(&self, damaged: &[Damaged]) -> Option<Range<usize>> {
        if self.split == Split::Test {
            return None;
        }
        let mut start = 0;
        let mut classes = self.tree.files.chunk_by(|a, b| a.label == b.label).map(|class| {
            start += class.len();
            start - class.len()..start
        });
        classes.find(|class| damaged.iter().filter(|it| class.contains(&it.index)).count() == class.len())
    }
}

/// The folders of a folder that is divided into training and test images.
struct Divided {
    training: PathBuf,
    test: Option<PathBuf>,
}

/// `None` for a folder whose subfolders, if it has some, are classes. A class may be called `train` beside others.
fn divided(root: &Path) -> Result<Option<Divided>, DataError> {
    let content = Content::of(root)?;
    let has_name = |name: &[u8], wanted: &str| name.eq_ignore_ascii_case(wanted.as_bytes());
    let named = |wanted: &str| {
        let found = content.folders.iter().find(|(name, _)| has_name(name, wanted));
        found.map(|(_, path)| path.clone())
    };
    let is_part =
        |name: &[u8]| has_name(name, TRAINING) || HELD_OUT.iter().any(|wanted| has_name(name, wanted));
    match named(TRAINING) {
        Some(training) if content.folders.iter().all(|(name, _)| is_part(name)) => {
            content.refuse_images()?;
            Ok(Some(Divided { training, test: HELD_OUT.into_iter().find_map(named) }))
        }
        _ => Ok(None),
    }
}
