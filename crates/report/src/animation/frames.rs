//! The frames of an animation, before they are encoded.

/// A frame: its pixels, row by row, one byte each if the animation is grey and three otherwise.
pub(super) struct Frame {
    pub(super) pixels: Vec<u8>,
    pub(super) ms: u32,
}

/// Frames of one size.
pub(super) struct Frames {
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) grey: bool,
    pub(super) all: Vec<Frame>,
}
