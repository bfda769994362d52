//! Folders of made-up pictures: every kind of PNG and JPEG, and whatever else lies in such folders.

use std::{
    fs,
    io::Cursor,
    os::unix::{ffi::OsStringExt as _, fs::PermissionsExt as _, fs::symlink},
    path::PathBuf,
};

use image::{
    DynamicImage, ExtendedColorType, ImageBuffer, ImageEncoder as _, ImageFormat, Luma, LumaA, Rgb, Rgba,
};
use tempfile::TempDir;

use super::*;

const SHAPE: ImageShape = ImageShape { channels: 3, height: 4, width: 4 };
const GREY: ImageShape = ImageShape { channels: 1, ..SHAPE };

struct Place {
    root: TempDir,
    skip_damaged: bool,
}

impl Place {
    fn new() -> Self {
        Self { root: tempfile::tempdir().unwrap(), skip_damaged: false }
    }

    /// Two classes of two pictures each, and what systems leave beside them.
    fn classes() -> Self {
        let place = Self::new();
        for (name, grey) in
            [("cats/b.png", 20), ("cats/a.png", 10), ("dogs/sub/c.PNG", 30), ("dogs/d.png", 40)]
        {
            place.put(name, &png_of(grey));
        }
        place.put("cats/.DS_Store", b"x");
        place.put("Thumbs.db", b"x");
        place.put(".hidden/e.png", b"x");
        place.put("dogs/notes.txt", b"x");
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.path().join("pictures").join(name)
    }

    fn put(&self, name: &str, bytes: &[u8]) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    fn source(&self) -> DataSource {
        DataSource {
            data_dir: None,
            idx_dir: Some(self.root.path().join("pictures")),
            skip_damaged: self.skip_damaged,
            cache_dir: self.root.path().join("cache"),
            offline: true,
        }
    }

    fn prepared(&self) -> Result<Prepared, DataError> {
        let part = Part::training(root(&self.source())?)?;
        Folder { shape: SHAPE }.prepare(&part, &self.source(), self.skip_damaged, &mut |_| ())
    }

    fn spec(&self) -> DatasetSpec {
        Folder { shape: SHAPE }.spec(&self.source(), &mut |_| ()).unwrap()
    }

    /// The grey of each image, by its first byte.
    fn greys(&self) -> Vec<u8> {
        self.prepared().unwrap().images.pixels.iter().step_by(SHAPE.size()).copied().collect()
    }

    #[track_caller]
    fn refused(&self, said: &[&str]) {
        let error = self.prepared().err().expect("an error").to_string();
        for part in said {
            assert!(error.contains(part), "{part:?} in {error}");
        }
    }
}

fn encoded(image: impl Into<DynamicImage>, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    image.into().write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

fn png_of(grey: u8) -> Vec<u8> {
    encoded(ImageBuffer::from_pixel(5, 7, Luma([grey])), ImageFormat::Png)
}

/// 8 x 8 pixels, red in the left upper quarter and black elsewhere.
fn corner() -> ImageBuffer<Rgb<u8>, Vec<u8>> {
    ImageBuffer::from_fn(8, 8, |x, y| if x < 4 && y < 4 { Rgb([255, 0, 0]) } else { Rgb([0; 3]) })
}

/// The channels of a pixel of a prepared image.
fn at(image: &[u8], row: usize, col: usize) -> [u8; 3] {
    [0, 1, 2].map(|channel| image[channel * 16 + row * 4 + col])
}

#[track_caller]
fn assert_close(found: [u8; 3], expected: [u8; 3], by: u8) {
    assert!(found.iter().zip(expected).all(|(a, b)| a.abs_diff(b) <= by), "{found:?} for {expected:?}");
}

#[test]
fn subfolders_are_classes_and_images_go_by_name() {
    let place = Place::classes();
    let Prepared { images, classes, .. } = place.prepared().unwrap();
    assert_eq!((images.shape, images.count, classes), (SHAPE, 4, 2));
    assert_eq!(images.labels, [0, 0, 1, 1]);
    assert_eq!(place.greys(), [10, 20, 40, 30]);
    let DatasetSpec { train_images, test_images, fingerprint, class_names, .. } = place.spec();
    assert_eq!(class_names.as_slice(), ["cats", "dogs"]);
    assert_eq!((train_images, test_images, fingerprint.len()), (4, 0, 64));
    let test = Folder { shape: SHAPE }.load(&place.source(), Split::Test).unwrap();
    assert_eq!((test.count, test.shape), (0, SHAPE));
}

#[test]
fn pictures_in_test_are_held_out_with_the_classes_of_those_in_train() {
    let place = Place::new();
    for (name, grey) in [
        ("train/cats/a.png", 10),
        ("train/dogs/b.png", 20),
        ("train/emus/c.png", 30),
        ("TEST/dogs/d.png", 40),
        ("TEST/dogs/e.png", 50),
        ("TEST/emus/f.png", 60),
        ("val/cats/g.png", 70),
    ] {
        place.put(name, &png_of(grey));
    }
    place.put("labels.csv", b"x");
    let spec = place.spec();
    assert_eq!((spec.train_images, spec.test_images, spec.classes), (3, 3, 3));
    assert_eq!(spec.class_names.as_slice(), ["cats", "dogs", "emus"]);
    let of = |place: &Place, split| Folder { shape: SHAPE }.load(&place.source(), split).unwrap();
    let test = of(&place, Split::Test);
    assert_eq!(test.labels, [1, 1, 2]);
    assert_eq!(test.pixels.iter().step_by(SHAPE.size()).collect::<Vec<_>>(), [&40, &50, &60]);
    assert_eq!(of(&place, Split::Train).labels, [0, 1, 2]);

    // Runs are those of the training pictures alone, wherever they are.
    let alone = Place::new();
    for (name, grey) in [("cats/a.png", 10), ("dogs/b.png", 20), ("emus/c.png", 30)] {
        alone.put(name, &png_of(grey));
    }
    assert_eq!(alone.spec().fingerprint, spec.fingerprint);
    fs::remove_dir_all(place.path("TEST")).unwrap();
    assert_eq!((place.spec().test_images, place.spec().fingerprint), (1, spec.fingerprint.clone()));
    fs::remove_dir_all(place.path("val")).unwrap();
    assert_eq!((place.spec().test_images, place.spec().fingerprint), (0, spec.fingerprint));
}

#[test]
fn classes_whose_names_are_no_utf_8_are_told_apart() {
    let place = Place::new();
    // What is shown for one of the others.
    place.put("train/a\\xff/b.png", &png_of(50));
    // Both names are the same once their bytes are replaced by U+FFFD.
    for (part, byte, grey) in
        [("train", 0xfe, 10), ("train", 0xff, 20), ("test", 0xfe, 30), ("test", 0xff, 40)]
    {
        let class = place.path(part).join(std::ffi::OsString::from_vec(vec![b'a', byte]));
        fs::create_dir_all(&class).unwrap();
        fs::write(class.join("b.png"), png_of(grey)).unwrap();
    }
    let spec = place.spec();
    assert_eq!((spec.classes, spec.train_images, spec.test_images), (3, 3, 2));
    assert_eq!(spec.class_names.as_slice(), ["a\\\\xff", "a\\xfe", "a\\xff"]);
    let test = Folder { shape: SHAPE }.load(&place.source(), Split::Test).unwrap();
    assert_eq!(test.labels, [1, 2]);
    assert_eq!(test.pixels.iter().step_by(SHAPE.size()).collect::<Vec<_>>(), [&30, &40]);
}

#[test]
fn train_and_test_beside_other_folders_are_classes() {
    let place = Place::new();
    for name in ["bus", "test", "train"] {
        place.put(&format!("{name}/a.png"), &png_of(1));
    }
    let spec = place.spec();
    assert_eq!(spec.class_names.as_slice(), ["bus", "test", "train"]);
    assert_eq!((spec.train_images, spec.test_images), (3, 0));
}

#[test]
fn held_out_pictures_that_do_not_fit_those_that_are_trained_on_are_refused() {
    let refused = |files: &[&str], said: &[&str]| {
        let place = Place::new();
        for name in files {
            place.put(name, &png_of(1));
        }
        let error = Folder { shape: SHAPE }.spec(&place.source(), &mut |_| ()).unwrap_err().to_string();
        for part in said {
            assert!(error.contains(part), "{part:?} in {error}");
        }
    };
    refused(&["train/cats/a.png", "test/dogs/b.png"], &["test/dogs", "no class that is trained on"]);
    refused(&["train/a.png", "test/dogs/b.png"], &["test/dogs", "no class that is trained on"]);
    refused(&["train/cats/a.png", "test/b.png"], &["pictures/test", "in no classes"]);
    refused(&["train/cats/a.png", "test/b.txt"], &["pictures/test", "no images"]);
    refused(&["train/cats/a.png", "test/cats/b.png", "c.png"], &["c.png", "beside the folders"]);
}

#[test]
fn damaged_held_out_pictures_are_named_or_left_out_and_need_no_class_to_be_whole() {
    let mut place = Place::new();
    for name in ["train/cats/a.png", "train/dogs/b.png", "test/cats/c.png"] {
        place.put(name, &png_of(1));
    }
    place.put("test/dogs/d.png", b"");
    let error = Folder { shape: SHAPE }.spec(&place.source(), &mut |_| ()).unwrap_err().to_string();
    assert!(error.contains("test/dogs/d.png"), "{error}");
    place.skip_damaged = true;
    for _ in 0..2 {
        let mut told = Vec::new();
        let spec = Folder { shape: SHAPE }.spec(&place.source(), &mut |progress| {
            if let Progress::LeftOut(left_out) = progress {
                told.push(left_out.to_string());
            }
        });
        assert_eq!(spec.unwrap().test_images, 1);
        assert_eq!(told.len(), 1);
        assert!(told[0].contains("dogs/d.png"), "{told:?}");
    }
}

#[test]
fn without_subfolders_there_is_one_class_and_one_image_is_enough() {
    let place = Place::new();
    place.put("only.png", &encoded(ImageBuffer::from_pixel(1, 1, Rgb([1_u8, 2, 3])), ImageFormat::Png));
    let Prepared { images, classes, .. } = place.prepared().unwrap();
    assert_eq!((images.count, classes), (1, 1));
    // A single pixel fills the image.
    for cell in 0..16 {
        assert_eq!(at(&images.pixels, cell / 4, cell % 4), [1, 2, 3]);
    }
}

#[test]
fn the_fingerprint_is_of_names_and_contents_and_shape_and_not_of_the_place() {
    let one = Place::classes();
    let before = one.spec().fingerprint;
    assert_eq!(Place::classes().spec().fingerprint, before);
    let grey = Folder { shape: GREY }.spec(&one.source(), &mut |_| ()).unwrap();
    assert_ne!(grey.fingerprint, before);
    one.put("cats/a.png", &png_of(11));
    let changed = one.spec().fingerprint;
    assert_ne!(changed, before);
    fs::rename(one.path("cats/b.png"), one.path("cats/0.png")).unwrap();
    assert_ne!(one.spec().fingerprint, changed);
    // What is no image does not count.
    let other = Place::classes();
    other.put("dogs/more.csv", b"x");
    assert_eq!(other.spec().fingerprint, before);
}

#[test]
fn every_kind_of_png_is_read() {
    let orange = [240, 120, 0];
    let wide = orange.map(|value: u8| u16::from(value) * 257);
    let [r, g, b] = orange;
    let prepared = |bytes: &[u8], shape| picture::prepare(bytes, shape).unwrap();
    for bytes in [
        encoded(ImageBuffer::from_pixel(6, 9, Rgb(orange)), ImageFormat::Png),
        encoded(ImageBuffer::from_pixel(6, 9, Rgba([r, g, b, 255])), ImageFormat::Png),
        encoded(ImageBuffer::from_pixel(6, 9, Rgb(wide)), ImageFormat::Png),
        encoded(ImageBuffer::from_pixel(6, 9, Rgba([wide[0], wide[1], wide[2], u16::MAX])), ImageFormat::Png),
    ] {
        assert_eq!(at(&prepared(&bytes, SHAPE), 2, 1), orange);
        // 0.2126 * 240 + 0.7152 * 120
        assert!(prepared(&bytes, GREY)[5].abs_diff(137) <= 1);
    }
    for bytes in [
        png_of(90),
        encoded(ImageBuffer::from_pixel(3, 3, LumaA([90_u8, 255])), ImageFormat::Png),
        encoded(ImageBuffer::from_pixel(3, 3, Luma([90_u16 * 257])), ImageFormat::Png),
        encoded(ImageBuffer::from_pixel(3, 3, LumaA([90_u16 * 257, u16::MAX])), ImageFormat::Png),
    ] {
        assert_eq!(prepared(&bytes, GREY), [90; 16]);
        assert_eq!(prepared(&bytes, SHAPE), [90; 48]);
    }
    // The number 1 in each of four pixels, and the grey that it is.
    for (depth, row, grey) in [
        (png::BitDepth::One, vec![0b1111_0000], 255),
        (png::BitDepth::Two, vec![0b0101_0101], 85),
        (png::BitDepth::Four, vec![0x11, 0x11], 17),
        (png::BitDepth::Eight, vec![1; 4], 1),
    ] {
        let bytes = packed(png::ColorType::Indexed, depth, Some(vec![9, 9, 9, r, g, b]), &row);
        assert_eq!(at(&prepared(&bytes, SHAPE), 3, 3), orange, "{depth:?}");
        let bytes = packed(png::ColorType::Grayscale, depth, None, &row);
        assert_eq!(prepared(&bytes, GREY), [grey; 16], "{depth:?}");
    }
}

/// A PNG of 4 x 4 pixels with equal rows.
fn packed(color: png::ColorType, depth: png::BitDepth, palette: Option<Vec<u8>>, row: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, 4, 4);
    encoder.set_color(color);
    encoder.set_depth(depth);
    if let Some(palette) = palette {
        encoder.set_palette(palette);
    }
    encoder.write_header().unwrap().write_image_data(&row.repeat(4)).unwrap();
    bytes
}

#[test]
fn transparent_pixels_are_composed_with_white() {
    let bytes =
        |alpha| encoded(ImageBuffer::from_pixel(4, 4, Rgba([200_u8, 100, 0, alpha])), ImageFormat::Png);
    assert_eq!(at(&picture::prepare(&bytes(0), SHAPE).unwrap(), 0, 0), [255; 3]);
    assert_eq!(at(&picture::prepare(&bytes(51), SHAPE).unwrap(), 0, 0), [244, 224, 204]);
    let grey = encoded(ImageBuffer::from_pixel(4, 4, LumaA([0_u8, 0])), ImageFormat::Png);
    assert_eq!(picture::prepare(&grey, GREY).unwrap(), [255; 16]);
}

#[test]
fn every_kind_of_jpeg_is_read() {
    let grey = encoded(ImageBuffer::from_pixel(9, 5, Luma([90_u8])), ImageFormat::Jpeg);
    assert_close(at(&picture::prepare(&grey, SHAPE).unwrap(), 1, 1), [90; 3], 1);
    // Pillow 13.0: red on the left, blue on the right, 16 x 16 pixels.
    for (name, bytes) in [
        ("CMYK", &include_bytes!("fixtures/cmyk.jpg")[..]),
        ("progressive", include_bytes!("fixtures/progressive.jpg")),
    ] {
        let image = picture::prepare(bytes, SHAPE).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_close(at(&image, 2, 0), [254, 0, 0], 8);
        assert_close(at(&image, 2, 3), [0, 0, 254], 8);
    }
}

/// A JPEG of [`corner`] with an EXIF orientation, in a little-endian TIFF of one entry.
fn turned(orientation: u8) -> Vec<u8> {
    let mut jpeg = Vec::new();
    image::codecs::jpeg::JpegEncoder::new_with_quality(&mut jpeg, 100)
        .write_image(&corner().into_raw(), 8, 8, ExtendedColorType::Rgb8)
        .unwrap();
    let exif =
        [&b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0"[..], &[orientation, 0, 0, 0, 0, 0, 0, 0]]
            .concat();
    let length = (exif.len() as u16 + 2).to_be_bytes();
    jpeg.splice(2..2, [&[0xff, 0xe1], &length[..], &exif].concat());
    jpeg
}

#[test]
fn the_orientation_that_a_camera_notes_is_applied() {
    // Where the red quarter comes to lie, by the definition of the tag (EXIF 2.3, table 6).
    let places = [(0, 0), (0, 3), (3, 3), (3, 0), (0, 0), (0, 3), (3, 3), (3, 0)];
    for (orientation, (row, col)) in (1..).zip(places) {
        let image = picture::prepare(&turned(orientation), SHAPE).unwrap();
        assert_close(at(&image, row, col), [254, 0, 0], 20);
        assert_close(at(&image, 3 - row, 3 - col), [0; 3], 20);
    }
}

#[test]
fn the_square_in_the_middle_is_kept_and_nothing_aliases() {
    let bands = ImageBuffer::from_fn(24, 8, |x, _| Rgb([if (8..16).contains(&x) { 200_u8 } else { 0 }; 3]));
    let image = picture::prepare(&encoded(bands, ImageFormat::Png), SHAPE).unwrap();
    assert!(image.iter().all(|&byte| byte == 200), "{image:?}");
    // A fine chequerboard becomes grey, where taking single pixels would leave black or white.
    let board = ImageBuffer::from_fn(64, 64, |x, y| Luma([if (x + y) % 2 == 0 { 255_u8 } else { 0 }]));
    let image = picture::prepare(&encoded(board, ImageFormat::Png), GREY).unwrap();
    assert!(image.iter().all(|byte| (120..=135).contains(byte)), "{image:?}");
    let same = ImageBuffer::from_fn(4, 4, |x, y| Luma([(y * 4 + x) as u8 * 16]));
    let image = picture::prepare(&encoded(same, ImageFormat::Png), GREY).unwrap();
    assert_eq!(image, (0..16).map(|at| at * 16).collect::<Vec<u8>>(), "no resizing, no change");
}

#[test]
fn a_picture_of_20000_pixels_is_read_and_one_that_fills_the_memory_is_not() {
    let panorama = encoded(ImageBuffer::from_pixel(20_000, 3, Luma([77_u8])), ImageFormat::Png);
    assert_eq!(picture::prepare(&panorama, GREY).unwrap(), [77; 16]);
    // A header alone says how much memory the image takes: 20,000 x 20,000 pixels of three bytes.
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, 20_000, 20_000);
    encoder.set_color(png::ColorType::Rgb);
    encoder.write_header().unwrap().write_chunk(png::chunk::IDAT, b"x").unwrap();
    let error = picture::prepare(&bytes, SHAPE).unwrap_err();
    assert!(error.contains("20000 x 20000 pixels have 1144 MiB"), "{error}");
}

#[test]
fn damaged_files_are_refused_with_their_names_or_skipped_when_asked() {
    let mut place = Place::classes();
    place.put("cats/empty.png", b"");
    place.put("cats/text.png", b"not a picture");
    place.put("cats/cut.png", &png_of(50)[..40]);
    place.put("dogs/other.webp", b"RIFF\x24\0\0\0WEBPVP8 ");
    place.put(
        "dogs/jpeg-named.png",
        &encoded(ImageBuffer::from_pixel(4, 4, Luma([60_u8])), ImageFormat::Jpeg),
    );
    fs::create_dir(place.path("dogs/folder.jpg")).unwrap();
    symlink(place.path("nowhere"), place.path("dogs/broken.jpg")).unwrap();
    symlink("/dev/zero", place.path("dogs/zero.jpg")).unwrap();
    let said = [
        "6 of 11 images in ",
        "cats/cut.png (",
        "cats/empty.png (it is empty)",
        "cats/text.png (its content is neither PNG nor JPEG)",
        "dogs/broken.jpg (it cannot be read",
        "dogs/other.webp (its content is neither",
        "dogs/zero.jpg (it cannot be read",
        "data.skip_damaged = true",
    ];
    place.refused(&said);
    // The second time the cache knows it.
    place.refused(&said);
    place.skip_damaged = true;
    assert_eq!(place.prepared().unwrap().images.count, 5);
    assert_eq!(place.greys()[3].abs_diff(60), 0, "a JPEG whatever its name");
    // What is left out leaves no trace in the fingerprint.
    let skipped = place.spec().fingerprint;
    for name in [
        "cats/empty.png",
        "cats/text.png",
        "cats/cut.png",
        "dogs/other.webp",
        "dogs/broken.jpg",
        "dogs/zero.jpg",
    ] {
        fs::remove_file(place.path(name)).unwrap();
    }
    place.skip_damaged = false;
    assert_eq!(place.spec().fingerprint, skipped);
}

#[test]
fn a_jpeg_that_was_cut_off_is_damaged() {
    let photo = ImageBuffer::from_fn(64, 64, |x, y| Rgb([x as u8 * 4, y as u8 * 4, (x * y) as u8]));
    let sequential = encoded(photo, ImageFormat::Jpeg);
    for (name, jpeg) in [
        ("sequential", &sequential[..]),
        ("progressive", include_bytes!("fixtures/progressive.jpg")),
        ("with a camera's orientation", &turned(6)),
    ] {
        picture::prepare(jpeg, SHAPE).unwrap_or_else(|error| panic!("{name}: {error}"));
        picture::prepare(&[jpeg, b"a video"].concat(), SHAPE).unwrap();
        for percent in [10, 50, 90] {
            let cut = &jpeg[..jpeg.len() * percent / 100];
            let said = "it ends before its image does";
            assert_eq!(picture::prepare(cut, SHAPE).unwrap_err(), said, "{name} {percent}");
            assert_eq!(picture::fitted(cut, SHAPE).unwrap_err(), said);
            assert_eq!(picture::decode(cut).unwrap_err(), said);
        }
    }
}

#[test]
fn a_png_that_was_cut_off_is_damaged() {
    let png = encoded(ImageBuffer::from_fn(64, 64, |x, y| Luma([(x * y) as u8])), ImageFormat::Png);
    for percent in [10, 50, 90] {
        picture::prepare(&png[..png.len() * percent / 100], SHAPE).unwrap_err();
    }
}

#[test]
fn a_class_of_damaged_images_alone_is_an_error_also_where_they_are_skipped() {
    let mut place = Place::classes();
    let two = place.spec();
    place.skip_damaged = true;
    place.put("mice/cut.png", &png_of(50)[..40]);
    // The second time the cache knows it.
    for _ in 0..2 {
        place.refused(&[
            "pictures/mice: the class has no image that can be used: cut.png (",
            "remove the folder",
        ]);
    }
    place.put("mice/sound.png", &png_of(50));
    let three = place.spec();
    assert_eq!((two.classes, three.classes), (2, 3));
    assert_ne!(two.fingerprint, three.fingerprint);
    // Those of the two classes are what they were.
    let folder = Folder { shape: SHAPE };
    assert_eq!(folder.load_planned(&place.source(), &two).unwrap().count, 4);
    assert_eq!(folder.load_planned(&place.source(), &three).unwrap().count, 5);
}

#[test]
fn damaged_pictures_that_are_left_out_are_told() {
    let mut place = Place::classes();
    place.skip_damaged = true;
    place.put("dogs/empty.png", b"");
    place.put("dogs/text.jpg", b"not a picture");
    // The second time the cache knows it.
    for _ in 0..2 {
        let mut told = Vec::new();
        let mut tell = |progress| {
            if let Progress::LeftOut(left_out) = progress {
                told.push(left_out.to_string());
            }
        };
        Folder { shape: SHAPE }.spec(&place.source(), &mut tell).unwrap();
        let folder = place.path("").display().to_string();
        let folder = folder.trim_end_matches('/');
        assert_eq!(
            told,
            [format!(
                "2 damaged pictures are left out of {folder}: dogs/empty.png (it is empty), dogs/text.jpg (its content \
                 is neither PNG nor JPEG)"
            )]
        );
    }
}

#[test]
fn of_many_damaged_files_ten_are_named_and_a_folder_of_nothing_else_is_refused() {
    let mut place = Place::new();
    for index in 0..25 {
        place.put(&format!("{index:02}.png"), b"x");
    }
    place.refused(&["25 of 25 images", "00.png", "09.png (", "and 15 more"]);
    assert!(!place.prepared().err().unwrap().to_string().contains("10.png"));
    place.skip_damaged = true;
    place.refused(&["25 of 25 images"]);
}

#[test]
fn what_is_wrong_with_a_folder_is_said_with_its_name() {
    let place = Place::new();
    place.refused(&["pictures", "does not exist", "data.path"]);
    fs::create_dir(place.path("")).unwrap();
    place.refused(&["pictures: there are no images"]);
    fs::create_dir(place.path("cats")).unwrap();
    place.refused(&["pictures/cats: the class has no images"]);
    place.put("cats/a.png", &png_of(1));
    place.put("b.png", &png_of(1));
    place.refused(&["pictures/b.png: the image lies beside the folders of classes"]);
    fs::remove_file(place.path("b.png")).unwrap();
    symlink("..", place.path("cats/up")).unwrap();
    place.refused(&["pictures/cats/up: the folder leads back to one above it"]);
    let none = DataSource { idx_dir: None, ..place.source() };
    assert!(matches!(Folder { shape: SHAPE }.locate(&none), Err(DataError::NoOwnDir(Dataset::Folder))));
}

#[test]
fn a_link_to_another_folder_is_followed_and_odd_names_are_taken() {
    let place = Place::classes();
    let elsewhere = tempfile::tempdir().unwrap();
    fs::write(elsewhere.path().join("far.png"), png_of(99)).unwrap();
    symlink(elsewhere.path(), place.path("zebras")).unwrap();
    let odd = std::ffi::OsString::from_vec(b"\xff\n.png".to_vec());
    fs::write(place.path("cats").join(odd), png_of(5)).unwrap();
    assert_eq!(place.greys(), [10, 20, 5, 40, 30, 99]);
    assert_eq!(place.prepared().unwrap().images.labels, [0, 0, 0, 1, 1, 2]);
}

#[test]
fn a_folder_that_may_not_be_read_is_an_error_with_its_name() {
    let place = Place::classes();
    let cats = place.path("cats");
    fs::set_permissions(&cats, fs::Permissions::from_mode(0o000)).unwrap();
    // The superuser may read everything.
    if fs::read_dir(&cats).is_err() {
        place.refused(&["pictures/cats: cannot read"]);
    }
    fs::set_permissions(&cats, fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn prepared_images_are_taken_from_the_cache_and_prepared_again_where_it_is_damaged() {
    let place = Place::classes();
    let spec = place.spec();
    let folder = Folder { shape: SHAPE };
    let mut reports = Vec::new();
    folder.spec(&place.source(), &mut |progress| reports.push(progress)).unwrap();
    assert_eq!(reports, [], "nothing is prepared twice");
    let file = place.root.path().join(format!("cache/folder/{}.images", spec.fingerprint));
    let planned = folder.load_planned(&place.source(), &spec).unwrap();
    // A worker needs the cache alone.
    let away = DataSource { idx_dir: None, ..place.source() };
    assert_eq!(folder.load_planned(&away, &spec).unwrap(), planned);
    let mut bytes = fs::read(&file).unwrap();
    bytes[100] ^= 1;
    fs::write(&file, bytes).unwrap();
    assert_eq!(folder.load_planned(&place.source(), &spec).unwrap(), planned);
    assert_eq!(folder.load_planned(&away, &spec).unwrap(), planned, "repaired");
    fs::remove_file(file).unwrap();
    place.put("cats/a.png", &png_of(12));
    let error = folder.load_planned(&place.source(), &spec).unwrap_err();
    assert!(matches!(error, DataError::Changed(_)), "{error}");
}

#[test]
fn without_a_cache_to_write_to_the_images_are_prepared_all_the_same() {
    let place = Place::classes();
    place.put("cats/empty.png", b"");
    let source = DataSource { cache_dir: "/dev/null/cache".into(), skip_damaged: true, ..place.source() };
    let folder = Folder { shape: SHAPE };
    let spec = folder.spec(&source, &mut |_| ()).unwrap();
    // A worker is not told to skip damaged files; the fingerprint says it.
    let worker = DataSource { skip_damaged: false, ..source };
    assert_eq!(folder.load_planned(&worker, &spec).unwrap().count, 4);
}

#[test]
fn progress_is_told_from_the_first_to_the_last_image() {
    let place = Place::classes();
    let mut done = Vec::new();
    let mut tell = |progress| match progress {
        Progress::Images { done: so_far, total: 4 } => done.push(so_far),
        other => panic!("{other:?}"),
    };
    Folder { shape: SHAPE }.spec(&place.source(), &mut tell).unwrap();
    assert_eq!(done, [0, 4]);
}
