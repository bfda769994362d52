//! Files of known content: those of published datasets.

use gansweep_config::ImageShape;

use super::{CHANNELS_MAGIC, IMAGES_MAGIC, IdxFault, LABELS_HEADER, LABELS_MAGIC, check_len};
use crate::declaration::LabelRange;

/// The length of the header of a file of images: magic number, count, channels (unless the images are grey),
/// rows, columns.
const fn images_header(image: ImageShape) -> usize {
    if image.channels == 1 { 16 } else { 20 }
}

/// The length of a sound file of `count` images.
pub(crate) const fn images_len(count: usize, image: ImageShape) -> usize {
    images_header(image) + count * image.size()
}

/// The length of a sound file of `count` labels.
pub(crate) const fn labels_len(count: usize) -> usize {
    LABELS_HEADER + count
}

/// Checks a file of `expected` images and returns the offset of the first pixel.
pub(crate) fn check_images(bytes: &[u8], expected: usize, image: ImageShape) -> Result<usize, IdxFault> {
    let what = "images";
    let expected_magic = if image.channels == 1 { IMAGES_MAGIC } else { CHANNELS_MAGIC };
    let [magic, count, ..]: [u32; 4] = header(bytes)?;
    if magic != expected_magic {
        return Err(IdxFault::Magic { what, found: magic, expected: expected_magic });
    }
    let (channels, rows, cols) = if image.channels == 1 {
        let [_, _, rows, cols] = header(bytes)?;
        (1, rows, cols)
    } else {
        let [_, _, channels, rows, cols] = header(bytes)?;
        (channels, rows, cols)
    };
    if (channels, rows, cols) != (image.channels, image.height, image.width) {
        let (expected_rows, expected_cols) = (image.height, image.width);
        return Err(IdxFault::Side { rows, cols, expected_rows, expected_cols });
    }
    check_count(what, count, expected)?;
    check_len(bytes.len(), images_len(expected, image))?;
    Ok(images_header(image))
}

/// Checks a file of `expected` labels, which count from `range.first`, and returns the offset of the first.
pub(crate) fn check_labels(bytes: &[u8], expected: usize, range: LabelRange) -> Result<usize, IdxFault> {
    let [magic, count] = header(bytes)?;
    let what = "labels";
    if magic != LABELS_MAGIC {
        return Err(IdxFault::Magic { what, found: magic, expected: LABELS_MAGIC });
    }
    check_count(what, count, expected)?;
    check_len(bytes.len(), labels_len(expected))?;
    check_range(&bytes[LABELS_HEADER..], range)?;
    Ok(LABELS_HEADER)
}

/// Checks that each label is below `classes`.
pub(crate) fn check_classes(labels: &[u8], classes: usize) -> Result<(), IdxFault> {
    check_range(labels, LabelRange { first: 0, classes })
}

fn check_range(labels: &[u8], LabelRange { first, classes }: LabelRange) -> Result<(), IdxFault> {
    let end = usize::from(first) + classes;
    match labels.iter().position(|&label| label < first || usize::from(label) >= end) {
        Some(index) => Err(IdxFault::Label { index, found: labels[index], first, end }),
        None => Ok(()),
    }
}

fn header<const FIELDS: usize>(bytes: &[u8]) -> Result<[u32; FIELDS], IdxFault> {
    let (words, _) = bytes.as_chunks::<4>();
    let Some(words) = words.first_chunk::<FIELDS>() else {
        return Err(IdxFault::NoHeader { found: bytes.len(), expected: FIELDS * 4 });
    };
    Ok(words.map(u32::from_be_bytes))
}

fn check_count(what: &'static str, found: u32, expected: usize) -> Result<(), IdxFault> {
    if found as usize == expected { Ok(()) } else { Err(IdxFault::Count { what, found, expected }) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::idx::{encode_images, encode_labels};

    const GREY: ImageShape = ImageShape { channels: 1, height: 28, width: 28 };
    const PIXELS: usize = GREY.size();
    const TEN: LabelRange = LabelRange { first: 0, classes: 10 };

    fn sound_images() -> Vec<u8> {
        encode_images(GREY, &(0..3 * PIXELS).map(|i| i as u8).collect::<Vec<_>>())
    }

    #[test]
    fn what_is_written_is_read_back() {
        let images = sound_images();
        let start = check_images(&images, 3, GREY).unwrap();
        assert_eq!(images.len() - start, 3 * PIXELS);
        assert_eq!(images[start + 7], 7);
        let labels = encode_labels(&[3, 0, 9]);
        assert_eq!(&labels[check_labels(&labels, 3, TEN).unwrap()..], [3, 0, 9]);
    }

    #[test]
    fn images_of_colour_have_their_channels_in_the_header() {
        let image = ImageShape { channels: 3, height: 4, width: 5 };
        let pixels: Vec<u8> = (0..2 * 60).collect();
        let bytes = encode_images(image, &pixels);
        assert_eq!(bytes[..20], [0, 0, 8, 4, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 4, 0, 0, 0, 5]);
        assert_eq!(bytes[check_images(&bytes, 2, image).unwrap()..], pixels);
        let grey = check_images(&bytes, 2, ImageShape { channels: 1, ..image });
        assert!(matches!(grey, Err(IdxFault::Magic { found: 0x0804, .. })), "{grey:?}");
        let mut other = bytes;
        other[11] = 2;
        assert!(matches!(check_images(&other, 2, image), Err(IdxFault::Side { .. })));
    }

    #[test]
    fn a_header_that_lies_about_its_count_is_refused_without_believing_it() {
        let mut images = sound_images();
        images[4..8].copy_from_slice(&u32::MAX.to_be_bytes());
        let fault = IdxFault::Count { what: "images", found: u32::MAX, expected: 3 };
        assert_eq!(check_images(&images, 3, GREY), Err(fault));
    }

    #[test]
    fn a_header_that_lies_about_its_size_is_refused() {
        let mut images = sound_images();
        images[8..12].copy_from_slice(&0x8000_0000_u32.to_be_bytes());
        assert_eq!(
            check_images(&images, 3, GREY),
            Err(IdxFault::Side { rows: 0x8000_0000, cols: 28, expected_rows: 28, expected_cols: 28 })
        );
    }

    #[test]
    fn a_truncated_file_and_one_with_a_tail_are_refused() {
        let mut images = sound_images();
        let expected = images.len();
        assert_eq!(
            check_images(&images[..expected - 1], 3, GREY),
            Err(IdxFault::Truncated { found: expected - 1, expected })
        );
        images.push(0);
        assert_eq!(check_images(&images, 3, GREY), Err(IdxFault::Trailing { expected }));
    }

    #[test]
    fn labels_in_place_of_images_and_the_reverse_are_refused() {
        let magic = |what, found, expected| Err(IdxFault::Magic { what, found, expected });
        assert_eq!(check_images(&encode_labels(&[1; 99]), 3, GREY), magic("images", 0x801, 0x803));
        assert_eq!(check_labels(&sound_images(), 3, TEN), magic("labels", 0x803, 0x801));
    }

    #[test]
    fn a_label_beyond_nine_is_refused_with_its_place() {
        let fault = IdxFault::Label { index: 1, found: 10, first: 0, end: 10 };
        assert_eq!(check_labels(&encode_labels(&[9, 10, 11]), 3, TEN), Err(fault));
    }

    #[test]
    fn an_empty_file_has_no_header() {
        assert_eq!(check_images(&[], 3, GREY), Err(IdxFault::NoHeader { found: 0, expected: 16 }));
        assert_eq!(check_labels(&[0; 7], 3, TEN), Err(IdxFault::NoHeader { found: 7, expected: 8 }));
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_are_never_taken_for_images(bytes in proptest::collection::vec(any::<u8>(), 0..4000)) {
            prop_assert!(check_images(&bytes, 3, GREY).is_err());
            prop_assert!(check_labels(&bytes, usize::MAX >> 16, TEN).is_err());
        }

        #[test]
        fn any_change_of_a_header_is_refused(at in 0..16_usize, flip in 1..=255_u8) {
            let mut images = sound_images();
            images[at] ^= flip;
            prop_assert!(check_images(&images, 3, GREY).is_err());
        }

        #[test]
        fn any_other_length_is_refused(len in 0..3 * PIXELS + 16) {
            prop_assert!(check_images(&sound_images()[..len], 3, GREY).is_err());
        }

        #[test]
        fn any_label_outside_the_classes_is_refused(at in 0..50_usize, label in 10..=255_u8) {
            let mut labels = [0; 50];
            labels[at] = label;
            let fault = IdxFault::Label { index: at, found: label, first: 0, end: 10 };
            prop_assert_eq!(check_labels(&encode_labels(&labels), 50, TEN), Err(fault));
        }
    }
}
