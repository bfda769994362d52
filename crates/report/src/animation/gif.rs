//! GIF.

use gif::{Encoder, EncodingError, Frame, Repeat};

use super::frames::Frames;

pub(super) fn encode(animation: &Frames) -> Result<Vec<u8>, EncodingError> {
    /// Of the reduction to 256 colours; from 1, the best, to 30.
    const SPEED: i32 = 1;
    let (width, height) = (animation.width as u16, animation.height as u16);
    let greys: Vec<u8> =
        if animation.grey { (0..=255).flat_map(|shade| [shade; 3]).collect() } else { Vec::new() };
    let mut bytes = Vec::new();
    let mut encoder = Encoder::new(&mut bytes, width, height, &greys)?;
    encoder.set_repeat(Repeat::Infinite)?;
    for frame in &animation.all {
        let mut encoded = match animation.grey {
            true => Frame { width, height, buffer: frame.pixels.as_slice().into(), ..Frame::default() },
            false => Frame::from_rgb_speed(width, height, &frame.pixels, SPEED),
        };
        // Hundredths of a second.
        encoded.delay = (frame.ms / 10).clamp(2, 65_535) as u16;
        encoder.write_frame(&encoded)?;
    }
    drop(encoder);
    Ok(bytes)
}
