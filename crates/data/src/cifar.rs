//! CIFAR-10 (Krizhevsky 2009), in its binary version: files of records, each a label and the image's red, green
//! and blue planes, <https://www.cs.toronto.edu/~kriz/cifar.html>.

use std::{
    io::{self, Read},
    path::{Path, PathBuf},
};

use gansweep_base::digest::sha256;
use gansweep_config::{ClassNames, Dataset, DatasetSpec, ImageShape};

use crate::{
    DataError, DataSource, Found, IdxFault, Images, IoAction, Location, Progress, Split,
    declaration::Archive,
    digest::Digest::{self, GitBlob},
    disk,
    download::{self, ArchiveError, Timeouts},
    error::Origin,
    idx,
    reader::Reader,
};

/// A dataset in files of records.
#[derive(Debug)]
pub(crate) struct Records {
    dataset: Dataset,
    /// The folder that the archive unpacks to.
    folder: &'static str,
    archive: Archive,
    image: ImageShape,
    class_names: &'static [&'static str],
    /// Records in each file.
    per_file: usize,
    train: &'static [RecordFile],
    test: &'static [RecordFile],
}

/// One file of records.
#[derive(Debug)]
struct RecordFile {
    name: &'static str,
    digest: Digest,
}

/// Takes name and content of a file of records.
type TakeFile<'a> = dyn FnMut(&str, Vec<u8>) -> Result<(), DataError> + 'a;

/// The page publishes the MD5 of the archive (`c32a1d4ab5d03f1284b67883e8d87530`), which says nothing of files
/// that are unpacked. The object ids are those of github.com/JanHalozan/ConvolutionalNeuralNetwork, a copy of them;
/// files from the archive must have them too, which is more than its MD5 says.
pub(crate) static CIFAR10: Records = Records {
    dataset: Dataset::Cifar10,
    folder: "cifar-10-batches-bin",
    archive: Archive {
        name: "cifar-10-binary.tar.gz",
        url: "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",
    },
    image: ImageShape { channels: 3, height: 32, width: 32 },
    // As in `batches.meta.txt`.
    class_names: &["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"],
    per_file: 10_000,
    train: &[
        RecordFile { name: "data_batch_1.bin", digest: GitBlob("da09f891072747be90e69e4f00ba7cba870dc87e") },
        RecordFile { name: "data_batch_2.bin", digest: GitBlob("7e958840b7a55df3353574298ebc9ca0e4bba48e") },
        RecordFile { name: "data_batch_3.bin", digest: GitBlob("5259a3e9674ffdf2d5c33a1067f7192ff06c9e2f") },
        RecordFile { name: "data_batch_4.bin", digest: GitBlob("301e7d16d78428f13262e87a5bc78ed45b8224aa") },
        RecordFile { name: "data_batch_5.bin", digest: GitBlob("51fe428dfbdd065852912743ae8b7b63bb1e9d8d") },
    ],
    test: &[RecordFile {
        name: "test_batch.bin",
        digest: GitBlob("e3f3b4653f18f27ada1558cabc3352a3ed1b25cc"),
    }],
};

impl Records {
    const fn files(&self, split: Split) -> &'static [RecordFile] {
        match split {
            Split::Train => self.train,
            Split::Test => self.test,
        }
    }

    fn all_files(&self) -> impl Iterator<Item = &'static RecordFile> {
        Split::ALL.into_iter().flat_map(|split| self.files(split))
    }

    const fn record_len(&self) -> usize {
        1 + self.image.size()
    }

    fn cache_folder(&self, source: &DataSource) -> PathBuf {
        source.cache_dir.join(self.dataset.name())
    }

    fn searched(&self, source: &DataSource) -> Vec<PathBuf> {
        source.data_dir.iter().cloned().chain([self.cache_folder(source)]).collect()
    }

    /// The files, or the archive with them, in the user's data folder.
    fn in_data_dir(&self, root: &Path) -> Result<Option<PathBuf>, DataError> {
        if !root.is_dir() {
            return Err(DataError::NoDataDir(root.to_owned()));
        }
        let named = [root.join(self.dataset.name()), root.to_owned()];
        let folders = named.iter().flat_map(|folder| [folder.clone(), folder.join(self.folder)]);
        for folder in folders {
            let missing: Vec<_> = self.missing_files(&folder);
            if missing.is_empty() {
                return Ok(Some(folder));
            }
            if missing.len() < self.all_files().count() {
                return Err(DataError::Incomplete { folder, dataset: self.dataset, missing });
            }
            let archive = folder.join(self.archive.name);
            if archive.is_file() {
                return Ok(Some(archive));
            }
        }
        Ok(None)
    }

    fn missing_files(&self, folder: &Path) -> Vec<&'static str> {
        let is_missing = |file: &&RecordFile| !folder.join(file.name).is_file();
        self.all_files().filter(is_missing).map(|file| file.name).collect()
    }

    /// Reads one split from a folder with the files, or from the archive.
    fn read(&self, place: &Path, split: Split, origin: Origin) -> Result<Images, DataError> {
        let files = self.files(split);
        let count = files.len() * self.per_file;
        let mut images = Images {
            shape: self.image,
            count,
            pixels: Vec::with_capacity(count * self.image.size()),
            labels: Vec::with_capacity(count),
        };
        if place.is_dir() {
            for file in files {
                let path = place.join(file.name);
                let bytes = self.read_file(&path, origin)?;
                self.check(&bytes, file)
                    .map_err(|fault| DataError::idx(&path, self.dataset, fault, origin))?;
                self.append(&bytes, &mut images);
            }
            return Ok(images);
        }
        let mut contents = vec![None; files.len()];
        self.each_in_archive(place, origin, &mut |name, bytes| {
            if let Some(index) = files.iter().position(|file| file.name == name) {
                self.check(&bytes, &files[index])
                    .map_err(|fault| DataError::idx(place, self.dataset, fault, origin))?;
                contents[index] = Some(bytes);
            }
            Ok(())
        })?;
        for (file, content) in files.iter().zip(contents) {
            let bytes = content.ok_or_else(|| {
                let fault = IdxFault::Tar(format!("{} is missing", file.name));
                DataError::idx(place, self.dataset, fault, origin)
            })?;
            self.append(&bytes, &mut images);
        }
        Ok(images)
    }

    fn read_file(&self, path: &Path, origin: Origin) -> Result<Vec<u8>, DataError> {
        let failed = |source| DataError::Io { action: IoAction::Read, path: path.to_owned(), source };
        let content = disk::open(path).map_err(failed)?;
        let is_compressed = content.is_compressed();
        self.read_bounded(content).map_err(|error| match is_compressed {
            true => DataError::idx(path, self.dataset, IdxFault::Gzip(error.to_string()), origin),
            false => failed(error),
        })
    }

    /// At most one byte more than a sound file has.
    fn read_bounded(&self, source: impl Read) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        source.take((self.per_file * self.record_len()) as u64 + 1).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// Calls `take` with name and content of each file of records in the archive, in its order.
    fn each_in_archive(&self, path: &Path, origin: Origin, take: &mut TakeFile<'_>) -> Result<(), DataError> {
        let damaged =
            |error: io::Error| DataError::idx(path, self.dataset, IdxFault::Tar(error.to_string()), origin);
        let content = disk::open(path).map_err(|source| DataError::Io {
            action: IoAction::Read,
            path: path.to_owned(),
            source,
        })?;
        let mut archive = tar::Archive::new(content);
        for entry in archive.entries().map_err(damaged)? {
            let entry = entry.map_err(damaged)?;
            let name = entry.path().map_err(damaged)?.file_name().map(ToOwned::to_owned);
            let Some(name) = name.as_deref().and_then(std::ffi::OsStr::to_str) else { continue };
            if self.all_files().any(|file| file.name == name) {
                let name = name.to_owned();
                take(&name, self.read_bounded(entry).map_err(damaged)?)?;
            }
        }
        Ok(())
    }

    /// Checks the records of a file: length and labels, whose faults are more specific, then the digest.
    fn check(&self, bytes: &[u8], file: &RecordFile) -> Result<(), IdxFault> {
        idx::check_len(bytes.len(), self.per_file * self.record_len())?;
        let labels: Vec<u8> = bytes.iter().step_by(self.record_len()).copied().collect();
        idx::check_classes(&labels, self.class_names.len())?;
        let found = file.digest.compute(bytes);
        if found == file.digest.hex() {
            return Ok(());
        }
        Err(IdxFault::Content { algorithm: file.digest.algorithm(), found, expected: file.digest.hex() })
    }

    fn append(&self, bytes: &[u8], images: &mut Images) {
        for record in bytes.chunks_exact(self.record_len()) {
            images.labels.push(record[0].into());
            images.pixels.extend_from_slice(&record[1..]);
        }
    }

    fn fetch_from(
        &self,
        source: &DataSource,
        url: &'static str,
        agent: &ureq::Agent,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<(), DataError> {
        let folder = self.cache_folder(source);
        let sound = |split| self.read(&folder, split, Origin::Cache).is_ok();
        if folder.is_dir() && Split::ALL.into_iter().all(sound) {
            return Ok(());
        }
        if source.offline {
            return Err(DataError::Offline { dataset: self.dataset, looked_in: self.searched(source) });
        }
        disk::make_folder(&folder)?;
        let path = folder.join(self.archive.name);
        let failed = |attempt| DataError::Download {
            dataset: self.dataset,
            file: self.archive.name,
            attempts: vec![attempt],
            looked_in: self.searched(source),
        };
        download::to_file(&path, self.archive.name, url, agent, progress).map_err(|error| match error {
            ArchiveError::Data(error) => error,
            ArchiveError::Attempt(attempt) => failed(attempt),
        })?;
        let unpacked = self.unpack(&path, &folder);
        let _ = std::fs::remove_file(&path);
        unpacked.map_err(|error| match error {
            // What is wrong is with the mirror, and not with the cache.
            DataError::Idx { fault, .. } => {
                failed(crate::Attempt { url: url.to_owned(), problem: fault.to_string() })
            }
            error => error,
        })
    }

    /// Writes each file of the archive into the folder, complete and checked.
    fn unpack(&self, archive: &Path, folder: &Path) -> Result<(), DataError> {
        let mut missing: Vec<_> = self.all_files().collect();
        self.each_in_archive(archive, Origin::Cache, &mut |name, bytes| {
            if let Some(index) = missing.iter().position(|file| file.name == name) {
                self.check(&bytes, missing.swap_remove(index))
                    .map_err(|fault| DataError::idx(archive, self.dataset, fault, Origin::Cache))?;
                disk::write(&folder.join(name), &bytes)?;
            }
            Ok(())
        })?;
        match missing.first() {
            None => Ok(()),
            Some(file) => {
                let fault = IdxFault::Tar(format!("{} is missing", file.name));
                Err(DataError::idx(archive, self.dataset, fault, Origin::Cache))
            }
        }
    }
}

impl Reader for Records {
    fn spec(&self, _: &DataSource, _: &mut dyn FnMut(Progress)) -> Result<DatasetSpec, DataError> {
        let lines: Vec<_> =
            self.train.iter().map(|file| format!("{} {}\n", file.name, file.digest.hex())).collect();
        let count = |files: &[RecordFile]| (files.len() * self.per_file) as u32;
        Ok(DatasetSpec {
            image: self.image,
            classes: self.class_names.len() as u32,
            train_images: count(self.train),
            test_images: count(self.test),
            fingerprint: sha256(lines.concat().as_bytes()),
            class_names: ClassNames::new(self.class_names.iter().copied()),
        })
    }

    fn locate(&self, source: &DataSource) -> Result<Location, DataError> {
        if let Some(root) = &source.data_dir
            && let Some(place) = self.in_data_dir(root)?
        {
            return Ok(Location::Found(Found::Folder(place)));
        }
        let folder = self.cache_folder(source);
        let complete = self.missing_files(&folder).is_empty();
        Ok(if complete { Location::Found(Found::Cache(folder)) } else { Location::Missing })
    }

    fn fetch(&self, source: &DataSource, progress: &mut dyn FnMut(Progress)) -> Result<(), DataError> {
        let agent = download::client(Timeouts::DEFAULT).build().new_agent();
        self.fetch_from(source, self.archive.url, &agent, progress)
    }

    fn load(&self, source: &DataSource, split: Split) -> Result<Images, DataError> {
        match self.locate(source)? {
            Location::Found(Found::Folder(place)) => self.read(&place, split, Origin::DataFolder),
            Location::Found(Found::Cache(folder)) => self.read(&folder, split, Origin::Cache),
            Location::Found(Found::BuiltIn) | Location::Missing => {
                Err(DataError::Missing { dataset: self.dataset, looked_in: self.searched(source) })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use tempfile::TempDir;

    use super::*;

    /// Two files of three training images of 2 x 2 pixels, and one of test images.
    fn contents() -> [Vec<u8>; 3] {
        [0, 1, 2].map(|file| {
            (0..3_u8)
                .flat_map(|at| {
                    [vec![(file + at) % 3], (0..12).map(|byte| file * 90 + at * 12 + byte).collect()].concat()
                })
                .collect()
        })
    }

    fn declared() -> Records {
        let names = ["data_batch_1.bin", "data_batch_2.bin", "test_batch.bin"];
        let files: Vec<RecordFile> = names
            .into_iter()
            .zip(contents())
            .map(|(name, bytes)| RecordFile { name, digest: Digest::Sha256(sha256(&bytes).leak()) })
            .collect();
        let (train, test) = files.leak().split_at(2);
        Records {
            image: ImageShape { channels: 3, height: 2, width: 2 },
            class_names: &["a", "b", "c"],
            per_file: 3,
            train,
            test,
            archive: CIFAR10.archive,
            ..CIFAR10
        }
    }

    fn tar_gz(files: &[(&str, &[u8])]) -> Vec<u8> {
        let encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        let mut archive = tar::Builder::new(encoder);
        for (name, content) in files {
            let mut header = tar::Header::new_gnu();
            header.set_size(content.len() as u64);
            archive.append_data(&mut header, name, *content).unwrap();
        }
        archive.into_inner().unwrap().finish().unwrap()
    }

    fn published() -> Vec<u8> {
        let [one, two, test] = contents();
        tar_gz(&[
            ("cifar-10-batches-bin/data_batch_2.bin", &two),
            ("cifar-10-batches-bin/batches.meta.txt", b"a\nb\nc\n"),
            ("cifar-10-batches-bin/data_batch_1.bin", &one),
            ("cifar-10-batches-bin/test_batch.bin", &test),
        ])
    }

    struct Place(TempDir);

    impl Place {
        fn new() -> Self {
            Self(tempfile::tempdir().unwrap())
        }

        fn put(&self, name: &str, bytes: &[u8]) {
            let path = self.0.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }

        fn put_files(&self, folder: &str) {
            for (name, bytes) in
                ["data_batch_1.bin", "data_batch_2.bin", "test_batch.bin"].iter().zip(contents())
            {
                self.put(&format!("{folder}/{name}"), &bytes);
            }
        }

        fn source(&self) -> DataSource {
            let data_dir = self.0.path().join("data");
            fs::create_dir_all(&data_dir).unwrap();
            let cache_dir = self.0.path().join("cache");
            DataSource {
                data_dir: Some(data_dir),
                idx_dir: None,
                cache_dir,
                skip_damaged: false,
                offline: true,
            }
        }

        #[track_caller]
        fn refused(&self, said: &[&str]) {
            let error = declared().load(&self.source(), Split::Train).unwrap_err().to_string();
            for part in said {
                assert!(error.contains(part), "{part:?} in {error}");
            }
        }
    }

    #[track_caller]
    fn assert_read(place: &Place) {
        let train = declared().load(&place.source(), Split::Train).unwrap();
        assert_eq!((train.count, train.labels), (6, vec![0, 1, 2, 1, 2, 0]));
        assert_eq!(train.pixels[..24], (0..24).collect::<Vec<u8>>());
        assert_eq!(train.pixels[36..40], [90, 91, 92, 93]);
        let test = declared().load(&place.source(), Split::Test).unwrap();
        assert_eq!((test.count, test.pixels[0], test.labels), (3, 180, vec![2, 0, 1]));
    }

    #[test]
    fn the_spec_is_that_of_the_published_files() {
        let spec = CIFAR10.spec(&Place::new().source(), &mut |_| ()).unwrap();
        assert_eq!((spec.train_images, spec.test_images, spec.classes), (50_000, 10_000, 10));
        // A change would give every recorded run another id.
        assert_eq!(spec.fingerprint, "e1ba80d09d8ce8e66644a3051790f34ef39c34c4da3e979ea06f3ffa19d715ff");
        assert_eq!(CIFAR10.per_file * CIFAR10.record_len(), 30_730_000);
    }

    #[test]
    fn files_are_read_from_every_folder_that_they_may_be_in() {
        for folder in [
            "data",
            "data/cifar10",
            "data/cifar-10-batches-bin",
            "data/cifar10/cifar-10-batches-bin",
            "cache/cifar10",
        ] {
            let place = Place::new();
            place.put_files(folder);
            assert_read(&place);
        }
    }

    #[test]
    fn the_archive_is_read_in_place_whatever_the_order_of_its_files() {
        for folder in ["data", "data/cifar10"] {
            let place = Place::new();
            place.put(&format!("{folder}/cifar-10-binary.tar.gz"), &published());
            assert_read(&place);
        }
    }

    #[test]
    fn what_is_wrong_with_a_file_is_said_with_its_name() {
        let place = Place::new();
        place.refused(&["cifar10 is not on this machine", "gansweep data fetch cifar10"]);
        place.put_files("data");
        let [mut one, ..] = contents();
        one[13] = 3;
        place.put("data/data_batch_1.bin", &one);
        place.refused(&["data_batch_1.bin", "label 1 is 3, expected 0 to 2"]);
        one[13] = 2;
        place.put("data/data_batch_1.bin", &one);
        place.refused(&["data_batch_1.bin", "SHA-256"]);
        place.put("data/data_batch_1.bin", &one[..20]);
        place.refused(&["ends after 20 bytes, expected 39", "truncated"]);
        place.put("data/data_batch_1.bin", &[0; 40]);
        place.refused(&["goes on after the 39 bytes"]);
        fs::remove_file(place.0.path().join("data/data_batch_2.bin")).unwrap();
        place.refused(&["data_batch_2.bin of cifar10 missing"]);
    }

    #[test]
    fn what_is_wrong_with_the_archive_is_said_with_its_name() {
        let place = Place::new();
        let file = "data/cifar-10-binary.tar.gz";
        place.put(file, &published()[..100]);
        place.refused(&["cifar-10-binary.tar.gz", "no sound TAR archive"]);
        let [one, two, _] = contents();
        place.put(file, &tar_gz(&[("data_batch_1.bin", &one)]));
        place.refused(&["data_batch_2.bin is missing"]);
        place.put(file, &tar_gz(&[("data_batch_1.bin", &two)]));
        place.refused(&["cifar-10-binary.tar.gz", "SHA-256"]);
        place.put(file, b"text");
        place.refused(&["cifar-10-binary.tar.gz"]);
    }

    #[test]
    fn a_downloaded_archive_becomes_checked_files_in_the_cache() {
        let place = Place::new();
        let (path, folder) = (place.0.path().join("a.tar.gz"), place.0.path().join("cache/cifar10"));
        fs::create_dir_all(&folder).unwrap();
        fs::write(&path, published()).unwrap();
        declared().unpack(&path, &folder).unwrap();
        assert_read(&place);
        let offline = declared().fetch(&place.source(), &mut |_| panic!("it is complete"));
        offline.unwrap();
        let [one, ..] = contents();
        fs::write(&path, tar_gz(&[("data_batch_1.bin", &one)])).unwrap();
        let error = declared().unpack(&path, &folder).unwrap_err().to_string();
        assert!(error.contains("data_batch_2.bin is missing") || error.contains("test_batch.bin is missing"));
        let error = CIFAR10.fetch(&place.source(), &mut |_| ()).unwrap_err().to_string();
        assert!(error.contains("GANSWEEP_OFFLINE"), "{error}");
    }
}
