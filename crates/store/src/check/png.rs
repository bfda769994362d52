//! Checksums of a PNG file (PNG specification, third edition, section 5).

use gansweep_protocol::Geometry;

const SIGNATURE: [u8; 8] = *b"\x89PNG\r\n\x1a\n";

/// What is wrong with the file, if anything is: every byte of it is covered by the signature, a checksum, or the size
/// that the grid's layout gives. The pixels are not decompressed.
pub(super) fn problem(file: &[u8], geometry: Geometry) -> Option<String> {
    let Some(mut rest) = file.strip_prefix(&SIGNATURE) else { return Some("it is no PNG file".to_owned()) };
    let mut is_first = true;
    loop {
        let Some((chunk, after)) = next_chunk(rest) else {
            return Some("it ends early, or the length of a part is wrong".to_owned());
        };
        if chunk.checksum != crc32fast::hash(chunk.checked) {
            return Some("the checksum of a part does not match its content".to_owned());
        }
        let (kind, data) = chunk.checked.split_at(4);
        if is_first != (kind == b"IHDR") {
            return Some("its parts are not those of a PNG file".to_owned());
        }
        if is_first && size(data) != Some(expected_size(geometry)) {
            return Some("its size is not that of its grid".to_owned());
        }
        is_first = false;
        rest = after;
        if kind == b"IEND" {
            return (!rest.is_empty()).then(|| "something follows its end".to_owned());
        }
    }
}

struct Chunk<'a> {
    /// Kind and data.
    checked: &'a [u8],
    checksum: u32,
}

fn next_chunk(bytes: &[u8]) -> Option<(Chunk<'_>, &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    let length = u32::from_be_bytes(*length) as usize;
    let (checked, rest) = rest.split_at_checked(length.checked_add(4)?)?;
    let (checksum, rest) = rest.split_first_chunk::<4>()?;
    Some((Chunk { checked, checksum: u32::from_be_bytes(*checksum) }, rest))
}

/// Width and height in an IHDR chunk.
fn size(header: &[u8]) -> Option<(u64, u64)> {
    let (width, rest) = header.split_first_chunk::<4>()?;
    let (height, _) = rest.split_first_chunk::<4>()?;
    Some((u32::from_be_bytes(*width).into(), u32::from_be_bytes(*height).into()))
}

fn expected_size(geometry: Geometry) -> (u64, u64) {
    let Geometry { rows, cols, height, width } = geometry;
    (u64::from(cols) * u64::from(width), u64::from(rows) * u64::from(height))
}

/// A PNG file of that size with any data.
#[cfg(test)]
pub(crate) fn sample(geometry: Geometry, data: &[u8]) -> Vec<u8> {
    let chunk = |kind: &[u8; 4], data: &[u8]| {
        let checked = [&kind[..], data].concat();
        let length = (data.len() as u32).to_be_bytes();
        [&length[..], &checked, &crc32fast::hash(&checked).to_be_bytes()].concat()
    };
    let (width, height) = expected_size(geometry);
    let size = [(width as u32).to_be_bytes(), (height as u32).to_be_bytes()].concat();
    let header = [&size[..], &[8, 0, 0, 0, 0]].concat();
    [SIGNATURE.to_vec(), chunk(b"IHDR", &header), chunk(b"IDAT", data), chunk(b"IEND", &[])].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    const GRID: Geometry = Geometry { rows: 2, cols: 3, height: 4, width: 5 };

    #[test]
    fn every_flipped_bit_and_every_cut_is_found() {
        let file = sample(GRID, &[1, 2, 3, 4, 5, 6, 7]);
        assert_eq!(problem(&file, GRID), None);
        for place in 0..file.len() {
            for bit in 0..8 {
                let mut damaged = file.clone();
                damaged[place] ^= 1 << bit;
                assert!(problem(&damaged, GRID).is_some(), "byte {place} bit {bit}");
            }
            assert!(problem(&file[..place], GRID).is_some(), "cut at {place}");
        }
        assert!(problem(&[&file[..], b"x"].concat(), GRID).is_some());
        assert!(problem(&file, Geometry { rows: 3, ..GRID }).is_some());
    }
}
