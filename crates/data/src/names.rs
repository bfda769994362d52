//! The names of IDX files: MNIST's, and the other spellings in use.

use std::path::{Path, PathBuf};

use crate::Split;

/// The content of an IDX file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Images, one byte for each pixel.
    Images,
    /// Labels, one byte for each image.
    Labels,
}

/// The name that MNIST's authors gave a file, without `.gz`.
pub(crate) const fn published(split: Split, kind: Kind) -> &'static str {
    match (split, kind) {
        (Split::Train, Kind::Images) => "train-images-idx3-ubyte",
        (Split::Train, Kind::Labels) => "train-labels-idx1-ubyte",
        (Split::Test, Kind::Images) => "t10k-images-idx3-ubyte",
        (Split::Test, Kind::Labels) => "t10k-labels-idx1-ubyte",
    }
}

/// The file with that published name in `folder`; of several spellings the first in the order of [`spellings`].
/// Some unpackers make a folder for each file, with the file's name and the file in it.
pub(crate) fn find(folder: &Path, name: &str) -> Option<PathBuf> {
    let spellings = spellings(name);
    let plain = spellings.iter().map(|name| folder.join(name));
    let folders = spellings.iter().map(|name| folder.join(name)).filter(|path| path.is_dir());
    let nested = folders.flat_map(|folder| spellings.each_ref().map(|name| folder.join(name)));
    plain.chain(nested).find(|path| path.is_file())
}

/// Something that has the name of a file in `folder` and is not one: a FIFO, a link that leads nowhere, an empty
/// folder.
pub(crate) fn find_unusable(folder: &Path, name: &str) -> Option<PathBuf> {
    let mut paths = spellings(name).into_iter().map(|name| folder.join(name));
    if find(folder, name).is_some() { None } else { paths.find(|path| path.symlink_metadata().is_ok()) }
}

/// `train-images-idx3-ubyte` and `train-images.idx3-ubyte`, as archives unpack it on some systems, each
/// also with `.gz`.
pub(crate) fn spellings(name: &str) -> [String; 4] {
    let dotted = name.replace("-idx", ".idx");
    [name.to_owned(), format!("{name}.gz"), dotted.clone(), format!("{dotted}.gz")]
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_file_is_found_in_each_spelling_and_the_published_one_goes_first() {
        let folder = tempfile::tempdir().unwrap();
        let name = "t10k-labels-idx1-ubyte";
        assert_eq!(find(folder.path(), name), None);
        for spelling in
            ["t10k-labels.idx1-ubyte.gz", "t10k-labels.idx1-ubyte", "t10k-labels-idx1-ubyte.gz", name]
        {
            let path = folder.path().join(spelling);
            fs::write(&path, "").unwrap();
            assert_eq!(find(folder.path(), name), Some(path));
        }
        fs::remove_file(folder.path().join(name)).unwrap();
        fs::create_dir(folder.path().join(name)).unwrap();
        assert_eq!(find(folder.path(), name), Some(folder.path().join(format!("{name}.gz"))));
    }

    #[test]
    fn a_file_in_a_folder_with_its_name_is_found_and_an_empty_one_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let name = "t10k-labels-idx1-ubyte";
        let nested = folder.path().join("t10k-labels.idx1-ubyte");
        assert_eq!(find_unusable(folder.path(), name), None);
        fs::create_dir(&nested).unwrap();
        assert_eq!(
            (find(folder.path(), name), find_unusable(folder.path(), name)),
            (None, Some(nested.clone()))
        );
        fs::write(nested.join("t10k-labels-idx1-ubyte.gz"), "").unwrap();
        assert_eq!(find(folder.path(), name), Some(nested.join("t10k-labels-idx1-ubyte.gz")));
        assert_eq!(find_unusable(folder.path(), name), None);
    }
}
