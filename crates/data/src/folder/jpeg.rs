//! Whether a JPEG is there to its end.
//!
//! The decoder fills what is missing of an image with grey, so that a download that broke off half-way looks like
//! any other picture to it.

/// End of image.
const EOI: u8 = 0xd9;

/// Whether the image ends within these bytes: whether the marker `EOI` follows its segments (ITU-T T.81, annex B).
/// What comes after it does not matter, since cameras append previews and videos.
pub(super) fn is_complete(bytes: &[u8]) -> bool {
    let mut rest = bytes;
    loop {
        match next_marker(rest) {
            Some((EOI, _)) => return true,
            // A segment is skipped by its length: the thumbnail in it has markers of its own.
            Some((_, segment)) => match segment.first_chunk().map(|length| u16::from_be_bytes(*length)) {
                Some(length) if usize::from(length) <= segment.len() => {
                    rest = &segment[usize::from(length)..];
                }
                _ => return false,
            },
            None => return false,
        }
    }
}

/// The next marker that ends the image or begins a segment, and the bytes after it. Before it may lie the compressed
/// data of a scan, in which 0 follows a byte 255, and restart markers.
fn next_marker(bytes: &[u8]) -> Option<(u8, &[u8])> {
    let is_alone = |marker: u8| matches!(marker, 0x00 | 0x01 | 0xd0..=0xd8 | 0xff);
    let at = bytes.windows(2).position(|pair| pair[0] == 0xff && !is_alone(pair[1]))?;
    Some((bytes[at + 1], &bytes[at + 2..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEQUENTIAL: &[u8] = include_bytes!("fixtures/cmyk.jpg");
    const PROGRESSIVE: &[u8] = include_bytes!("fixtures/progressive.jpg");

    #[test]
    fn a_jpeg_is_complete_with_its_last_byte_and_not_before() {
        for jpeg in [SEQUENTIAL, PROGRESSIVE] {
            assert!(is_complete(jpeg));
            for length in 0..jpeg.len() {
                assert!(!is_complete(&jpeg[..length]), "{length} of {}", jpeg.len());
            }
        }
    }

    #[test]
    fn what_follows_the_image_does_not_matter() {
        assert!(is_complete(&[SEQUENTIAL, b"a video"].concat()));
        assert!(is_complete(&[SEQUENTIAL, &PROGRESSIVE[..40]].concat()));
    }

    #[test]
    fn the_end_of_a_thumbnail_is_not_that_of_the_image() {
        let length = (PROGRESSIVE.len() as u16 + 2).to_be_bytes();
        let mut jpeg = SEQUENTIAL.to_vec();
        jpeg.splice(2..2, [&[0xff, 0xe1], &length[..], PROGRESSIVE].concat());
        assert!(is_complete(&jpeg));
        assert!(!is_complete(&jpeg[..jpeg.len() - 2]));
    }

    #[test]
    fn stuffed_bytes_and_restart_markers_and_fill_bytes_belong_to_the_image() {
        let scan = [&[0xff, 0xd8, 0xff, 0xff, 0xda, 0, 2][..], &[1, 0xff, 0, 0xd9, 0xff, 0xd0, 7]].concat();
        assert!(!is_complete(&scan));
        assert!(is_complete(&[&scan[..], &[0xff, 0xff, 0xd9]].concat()));
    }
}
