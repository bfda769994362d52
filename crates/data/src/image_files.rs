//! Images as files for other programs: a folder of PNGs, or the arrays of an `.npz`.

use std::fs;
use std::io::{self, Write as _};
use std::path::Path;

use gansweep_base::file::{self, NewFile};
use gansweep_base::folder::NewFolder;
use gansweep_config::ImageShape;
use zip::{CompressionMethod, ZipWriter, write::SimpleFileOptions};

use crate::grid;

/// A format of many images.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImageFormat {
    /// A folder with an 8-bit PNG of each image, grey or RGB: `00000.png`, `00001.png`, ...; `00000-7.png` if the
    /// images have classes.
    Folder,
    /// An `.npz` of NumPy, uncompressed: `arr_0`, the images as `uint8` `[count, height, width, channels]`, and if they
    /// have classes `arr_1`, these as `int64` `[count]`.
    Npz,
}

/// What will be written.
#[derive(Debug, Clone)]
pub struct ImagesToCome {
    /// The shape of each image.
    pub shape: ImageShape,
    /// Their number.
    pub count: usize,
    /// `[count]`: the class of each image, if they have classes.
    pub classes: Option<Vec<u16>>,
}

/// Images that are written one after the other. Nothing is at the path before the last of them is.
pub struct ImageFiles {
    images: ImagesToCome,
    written: usize,
    output: Output,
}

enum Output {
    Folder(NewFolder),
    Npz(Box<ZipWriter<UntilError<NewFile>>>),
}

impl ImageFiles {
    /// Starts a folder or a file, and creates the folders above it.
    ///
    /// # Errors
    ///
    /// Those of the operating system, and [`io::ErrorKind::AlreadyExists`] for a folder that has files.
    pub fn create(path: &Path, format: ImageFormat, images: ImagesToCome) -> io::Result<Self> {
        file::make_folder_of(path)?;
        let output = match format {
            ImageFormat::Folder => Output::Folder(NewFolder::create(path)?),
            ImageFormat::Npz => {
                // The sizes are written in front of the arrays after them.
                if path.metadata().is_ok_and(|found| !found.is_file() && !found.is_dir()) {
                    let problem = "an .npz cannot be written to a pipe or a device; name a file";
                    return Err(io::Error::new(io::ErrorKind::InvalidInput, problem));
                }
                let mut archive = ZipWriter::new(UntilError::new(NewFile::create(path)?));
                let ImageShape { channels, height, width } = images.shape;
                let shape = [images.count, height as usize, width as usize, channels as usize];
                start_array(&mut archive, "arr_0", "|u1", &shape, images.count * images.shape.size())?;
                Output::Npz(Box::new(archive))
            }
        };
        Ok(Self { images, written: 0, output })
    }

    /// Writes the next images, `[any number, channels, height, width]`.
    ///
    /// # Panics
    ///
    /// If there are more images than announced.
    pub fn add(&mut self, images: &[u8]) -> io::Result<()> {
        for image in images.chunks_exact(self.images.shape.size()) {
            assert!(self.written < self.images.count, "more images than announced");
            match &mut self.output {
                Output::Folder(folder) => {
                    let (png, _) = grid(image, self.images.shape, 1, 1).map_err(io::Error::other)?;
                    fs::write(folder.folder().join(self.images.name(self.written)), png)?;
                }
                Output::Npz(archive) => archive.write_all(&interleaved(image, self.images.shape))?,
            }
            self.written += 1;
        }
        Ok(())
    }

    /// Completes the folder or the file.
    ///
    /// # Panics
    ///
    /// If there are fewer images than announced.
    pub fn finish(self) -> io::Result<()> {
        assert_eq!(self.written, self.images.count, "images");
        match self.output {
            Output::Folder(folder) => folder.finish(),
            Output::Npz(mut archive) => {
                if let Some(classes) = &self.images.classes {
                    start_array(&mut archive, "arr_1", "<i8", &[classes.len()], 8 * classes.len())?;
                    for class in classes {
                        archive.write_all(&i64::from(*class).to_le_bytes())?;
                    }
                }
                archive.finish()?.file.finish()
            }
        }
    }
}

impl ImagesToCome {
    /// The name of an image's file. All names of one folder sort in the order of the images.
    fn name(&self, image: usize) -> String {
        let digits = (self.count.saturating_sub(1)).to_string().len().max(5);
        match self.classes.as_ref().and_then(|classes| classes.get(image)) {
            Some(class) => format!("{image:0digits$}-{class}.png"),
            None => format!("{image:0digits$}.png"),
        }
    }
}

/// The pixels of an image `[channels, height, width]` as `[height, width, channels]`.
fn interleaved(image: &[u8], shape: ImageShape) -> Vec<u8> {
    let (channels, plane) = (shape.channels as usize, shape.size() / shape.channels as usize);
    (0..plane).flat_map(|pixel| (0..channels).map(move |channel| image[channel * plane + pixel])).collect()
}

/// Starts an array of an `.npz` with its header: version 1.0 of the format that NumPy documents in
/// `numpy.lib.format`. `size` is that of the array in bytes.
fn start_array(
    archive: &mut ZipWriter<UntilError<NewFile>>,
    name: &str,
    dtype: &str,
    shape: &[usize],
    size: usize,
) -> io::Result<()> {
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Stored)
        .large_file(size > u32::MAX as usize / 2);
    archive.start_file(format!("{name}.npy"), options)?;
    let lengths: Vec<String> = shape.iter().map(usize::to_string).collect();
    // A tuple of one has a comma.
    let shape = if shape.len() == 1 { format!("{},", lengths[0]) } else { lengths.join(", ") };
    let header = format!("{{'descr': '{dtype}', 'fortran_order': False, 'shape': ({shape}), }}");
    // Spaces and a newline fill the header, with the ten bytes before it, to a multiple of 64 bytes.
    let padded = (MAGIC.len() + 2 + header.len() + 1).next_multiple_of(64) - MAGIC.len() - 2;
    archive.write_all(MAGIC)?;
    archive.write_all(&(padded as u16).to_le_bytes())?;
    archive.write_all(format!("{header:<width$}\n", width = padded - 1).as_bytes())
}

/// A file that ignores everything after its first error. A `ZipWriter` that is dropped completes its archive, and prints that
/// it cannot; such an archive is never put in place.
struct UntilError<F> {
    file: F,
    has_failed: bool,
}

impl<F> UntilError<F> {
    fn new(file: F) -> Self {
        Self { file, has_failed: false }
    }

    fn noted<T>(&mut self, result: io::Result<T>) -> io::Result<T> {
        self.has_failed |= result.is_err();
        result
    }
}

impl<F: io::Write> io::Write for UntilError<F> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.has_failed {
            return Ok(bytes.len());
        }
        let written = self.file.write(bytes);
        self.noted(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.has_failed {
            return Ok(());
        }
        let flushed = self.file.flush();
        self.noted(flushed)
    }
}

impl<F: io::Seek> io::Seek for UntilError<F> {
    fn seek(&mut self, position: io::SeekFrom) -> io::Result<u64> {
        if self.has_failed {
            return Ok(0);
        }
        let sought = self.file.seek(position);
        self.noted(sought)
    }
}

const MAGIC: &[u8] = b"\x93NUMPY\x01\x00";

#[cfg(test)]
mod tests {
    use super::*;

    const SHAPE: ImageShape = ImageShape { channels: 3, height: 1, width: 2 };

    fn written(path: &Path, format: ImageFormat, classes: Option<Vec<u16>>) {
        let mut files =
            ImageFiles::create(path, format, ImagesToCome { shape: SHAPE, count: 3, classes }).unwrap();
        files.add(&[1, 2, 3, 4, 5, 6]).unwrap();
        assert!(!path.exists());
        files.add(&[11, 12, 13, 14, 15, 16, 21, 22, 23, 24, 25, 26]).unwrap();
        files.finish().unwrap();
    }

    #[test]
    fn a_folder_has_a_picture_of_each_image() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("new/images");
        written(&path, ImageFormat::Folder, Some(vec![0, 7, 12]));
        let mut names: Vec<_> =
            fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        assert_eq!(names, ["00000-0.png", "00001-7.png", "00002-12.png"]);
        let picture = image::open(path.join("00001-7.png")).unwrap();
        assert_eq!(picture.color(), image::ColorType::Rgb8);
        assert_eq!(picture.into_rgb8().into_raw(), [11, 13, 15, 12, 14, 16]);
        let more = ImagesToCome { shape: SHAPE, count: 100_001, classes: None };
        assert_eq!((more.name(7), more.name(100_000)), ("000007.png".to_owned(), "100000.png".to_owned()));
        let again = ImageFiles::create(&path, ImageFormat::Folder, more);
        assert_eq!(again.err().unwrap().kind(), io::ErrorKind::AlreadyExists);
    }

    #[test]
    fn an_npz_has_the_bytes_that_numpy_writes() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("images.npz");
        written(&path, ImageFormat::Npz, Some(vec![0, 7, 12]));
        let mut archive = zip::ZipArchive::new(fs::File::open(&path).unwrap()).unwrap();
        let mut member = |name: &str| {
            let mut bytes = Vec::new();
            io::Read::read_to_end(&mut archive.by_name(name).unwrap(), &mut bytes).unwrap();
            bytes
        };
        // NumPy 2: `numpy.lib.format.write_array` of arrays of these types and shapes.
        let header = |text: &str| {
            let spaces = " ".repeat(117 - text.len());
            [&b"\x93NUMPY\x01\x00\x76\x00"[..], text.as_bytes(), spaces.as_bytes(), b"\n"].concat()
        };
        let images = [1, 3, 5, 2, 4, 6, 11, 13, 15, 12, 14, 16, 21, 23, 25, 22, 24, 26];
        let expected = header("{'descr': '|u1', 'fortran_order': False, 'shape': (3, 1, 2, 3), }");
        assert_eq!(member("arr_0.npy"), [&expected[..], &images].concat());
        let expected = header("{'descr': '<i8', 'fortran_order': False, 'shape': (3,), }");
        let classes: Vec<u8> = [0_i64, 7, 12].iter().flat_map(|class| class.to_le_bytes()).collect();
        assert_eq!(member("arr_1.npy"), [&expected[..], &classes].concat());
    }

    #[test]
    fn after_an_error_nothing_is_written() {
        struct Full(usize);
        impl io::Write for Full {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                self.0 += 1;
                if bytes.len() > 4 { Err(io::ErrorKind::StorageFull.into()) } else { Ok(bytes.len()) }
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let mut file = UntilError::new(Full(0));
        file.write_all(&[1; 4]).unwrap();
        assert_eq!(file.write_all(&[1; 5]).unwrap_err().kind(), io::ErrorKind::StorageFull);
        file.write_all(&[1; 5]).unwrap();
        assert_eq!(file.file.0, 2);
    }

    #[test]
    fn what_is_not_finished_leaves_nothing_behind() {
        for format in [ImageFormat::Folder, ImageFormat::Npz] {
            let parent = tempfile::tempdir().unwrap();
            let path = parent.path().join("images");
            let come = ImagesToCome { shape: SHAPE, count: 3, classes: None };
            let mut files = ImageFiles::create(&path, format, come).unwrap();
            files.add(&[1, 2, 3, 4, 5, 6]).unwrap();
            drop(files);
            assert_eq!(fs::read_dir(parent.path()).unwrap().count(), 0);
        }
    }
}
