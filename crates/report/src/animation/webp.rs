//! Animated WebP: lossless frames in the container of the WebP specification ("Extended File Format").

use std::io;

use image_webp::{ColorType, WebPEncoder};

use super::frames::Frames;

/// In the flags of `VP8X`: the file is an animation.
const ANIMATION: u8 = 0b10;
/// In the flags of `ANMF`: a frame replaces what is below it.
const NO_BLENDING: u8 = 0b10;
/// The longest duration of a frame: 24 bits of milliseconds.
const LONGEST_MS: u32 = (1 << 24) - 1;

pub(super) fn encode(animation: &Frames) -> io::Result<Vec<u8>> {
    let size = [three(animation.width - 1), three(animation.height - 1)].concat();
    let mut chunks = b"WEBP".to_vec();
    push(&mut chunks, *b"VP8X", &[&[ANIMATION, 0, 0, 0][..], &size].concat());
    // A background of no colour, and no end of the repetitions.
    push(&mut chunks, *b"ANIM", &[0; 6]);
    for frame in &animation.all {
        let mut content = [&[0; 6][..], &size, &three(frame.ms.min(LONGEST_MS)), &[NO_BLENDING]].concat();
        push(&mut content, *b"VP8L", &lossless(animation, &frame.pixels)?);
        push(&mut chunks, *b"ANMF", &content);
    }
    let mut file = Vec::new();
    push(&mut file, *b"RIFF", &chunks);
    Ok(file)
}

/// The content of the chunk of a lossless image.
fn lossless(animation: &Frames, pixels: &[u8]) -> io::Result<Vec<u8>> {
    /// `RIFF`, a length, `WEBP`, `VP8L`, a length.
    const BEFORE: usize = 20;
    let kind = if animation.grey { ColorType::L8 } else { ColorType::Rgb8 };
    let mut file = Vec::new();
    let encoded = WebPEncoder::new(&mut file).encode(pixels, animation.width, animation.height, kind);
    encoded.map_err(io::Error::other)?;
    let length = file.get(16..BEFORE).and_then(|bytes| Some(u32::from_le_bytes(bytes.try_into().ok()?)));
    let content = length.and_then(|length| file.get(BEFORE..BEFORE + length as usize));
    let content = content.filter(|_| file.get(12..16) == Some(b"VP8L"));
    content.map(<[u8]>::to_vec).ok_or_else(|| io::Error::other("the encoder wrote another kind of file"))
}

/// Appends a chunk: its name, its length, its content, and a byte that makes the length even.
fn push(file: &mut Vec<u8>, name: [u8; 4], content: &[u8]) {
    file.extend(name);
    file.extend((content.len() as u32).to_le_bytes());
    file.extend(content);
    if !content.len().is_multiple_of(2) {
        file.push(0);
    }
}

/// A number in three bytes.
fn three(number: u32) -> [u8; 3] {
    let [low, middle, high, _] = number.to_le_bytes();
    [low, middle, high]
}
