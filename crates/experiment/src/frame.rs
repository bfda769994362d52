//! Events on a pipe or in a segment file: length, checksum, `MessagePack`.
//!
//! A frame is the payload's length (`u32`, little endian), its CRC-32 (`u32`, little endian), and
//! the payload, an [`Envelope`] with named fields. A reader trusts neither length nor content.

use std::io::{self, Read, Write};

use crate::Envelope;

/// The longest payload a reader accepts: a hundred times the largest sample grid.
pub const MAX_PAYLOAD_BYTES: u32 = 64 << 20;

/// Why a frame could not be read.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    /// The stream ends inside a frame: its writer was killed.
    #[error("the event stream ends inside a frame")]
    Torn,
    /// A length beyond [`MAX_PAYLOAD_BYTES`].
    #[error("a frame claims {0} bytes, more than any event has")]
    TooLong(u32),
    /// The checksum does not match.
    #[error("a frame's checksum does not match its content")]
    Checksum,
    /// The payload is no event.
    #[error("a frame holds no event: {0}")]
    Content(#[from] rmp_serde::decode::Error),
    /// The stream itself failed.
    #[error("the event stream cannot be read: {0}")]
    Io(#[from] io::Error),
}

/// Writes one frame with a single `write_all`.
pub fn write_frame(mut writer: impl Write, envelope: &Envelope) -> io::Result<()> {
    let mut frame = vec![0; 8];
    rmp_serde::encode::write_named(&mut frame, envelope).map_err(io::Error::other)?;
    let payload = &frame[8..];
    let length = u32::try_from(payload.len()).ok().filter(|&n| n <= MAX_PAYLOAD_BYTES);
    let length = length.ok_or_else(|| io::Error::other("an event is too long for a frame"))?;
    let checksum = crc32fast::hash(payload);
    frame[..4].copy_from_slice(&length.to_le_bytes());
    frame[4..8].copy_from_slice(&checksum.to_le_bytes());
    writer.write_all(&frame)
}

/// Reads the next frame; `None` at a clean end.
pub fn read_frame(mut reader: impl Read) -> Result<Option<Envelope>, FrameError> {
    let mut header = [0; 8];
    if !fill(&mut reader, &mut header)? {
        return Ok(None);
    }
    let [l0, l1, l2, l3, c0, c1, c2, c3] = header;
    let length = u32::from_le_bytes([l0, l1, l2, l3]);
    if length > MAX_PAYLOAD_BYTES {
        return Err(FrameError::TooLong(length));
    }
    let mut payload = Vec::new();
    reader.take(u64::from(length)).read_to_end(&mut payload)?;
    if payload.len() < length as usize {
        return Err(FrameError::Torn);
    }
    if crc32fast::hash(&payload) != u32::from_le_bytes([c0, c1, c2, c3]) {
        return Err(FrameError::Checksum);
    }
    Ok(Some(rmp_serde::from_slice(&payload)?))
}

/// Fills the whole buffer, or returns `false` if the stream ends before its first byte.
fn fill(reader: &mut impl Read, buffer: &mut [u8]) -> Result<bool, FrameError> {
    let mut filled = 0;
    while filled < buffer.len() {
        match reader.read(&mut buffer[filled..]) {
            Ok(0) if filled == 0 => return Ok(false),
            Ok(0) => return Err(FrameError::Torn),
            Ok(n) => filled += n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(true)
}
