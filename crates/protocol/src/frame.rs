//! Frames: the messages that a worker writes to its pipe or to a segment file.
//!
//! A frame is `gsw`, the protocol's version (one byte), the payload's length (`u32`, little endian),
//! its CRC-32 (`u32`, little endian), and the payload, a [`Frame`] as `MessagePack` with named
//! fields. A reader trusts neither the length nor the content. Every frame has the version, not only the
//! first, so that a segment file can be read from any frame on and any worker can append to it.

use std::io::{self, Read, Write};

use serde::{Deserialize, Serialize};

use gansweep_config::RunId;

use crate::{Envelope, PROTOCOL_VERSION};

/// The longest payload that is written or read: a hundred times the largest sample grid.
pub const MAX_PAYLOAD_BYTES: u32 = 64 << 20;

/// The beginning of every frame. It tells frames from text that a library prints to the same stream.
const MAGIC: [u8; 3] = *b"gsw";
const HEADER_BYTES: usize = 12;

/// A message of a worker.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Frame {
    /// An event to record.
    Event(Envelope),
    /// The progress of a run; for display only.
    Progress(Progress),
    /// The worker is alive, whatever its training thread does.
    Heartbeat(Heartbeat),
}

/// The progress of a run; for display only.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    /// The run.
    pub run: RunId,
    /// The attempt at the run, from 1.
    pub attempt: u32,
    /// The number of completed steps.
    pub step: u64,
    /// The number of steps in the whole run.
    pub total_steps: u64,
    /// The epoch being trained, from 1.
    pub epoch: u32,
    /// The number of epochs in the whole run.
    pub epochs: u32,
    /// The latest discriminator loss; NaN before the first.
    pub d_loss: f64,
    /// The latest generator loss; NaN before the first.
    pub g_loss: f64,
    /// Real images per second in this run.
    pub images_per_second: f64,
}

/// A sign of life. Its processor time tells a long step, which uses the processor, from a training thread
/// that is stuck.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Heartbeat {
    /// Processor time that all threads of the worker have used so far.
    pub cpu_seconds: f64,
}

/// Why a frame could not be read.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    /// The stream ends inside a frame, because its writer was killed.
    #[error("the event stream ends inside a frame")]
    Torn,
    /// The stream has bytes that this program did not write.
    #[error("the event stream holds no frame but {}; something else writes to it", printable(.0))]
    NotAFrame([u8; HEADER_BYTES]),
    /// Another version of the program wrote it.
    #[error(
        "a frame has protocol version {0}, and this program knows version {PROTOCOL_VERSION}; \
         read it with the same version of gansweep that wrote it"
    )]
    Version(u8),
    /// A length beyond [`MAX_PAYLOAD_BYTES`].
    #[error("a frame claims {0} bytes, more than any event has")]
    TooLong(u32),
    /// The checksum does not match.
    #[error("a frame's checksum does not match its content")]
    Checksum,
    /// The payload is not a [`Frame`].
    #[error("a frame holds no event: {0}")]
    Content(#[from] rmp_serde::decode::Error),
    /// The stream cannot be read.
    #[error("the event stream cannot be read: {0}")]
    Io(#[from] io::Error),
}

/// Writes one frame with a single `write_all`.
///
/// # Errors
/// Those of the writer, and [`io::ErrorKind::InvalidData`] for a payload beyond
/// [`MAX_PAYLOAD_BYTES`], of which nothing is written.
pub fn write_frame(mut writer: impl Write, frame: &Frame) -> io::Result<()> {
    writer.write_all(&encode(frame)?)
}

/// The bytes of a frame.
pub(crate) fn encode(frame: &Frame) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; HEADER_BYTES];
    rmp_serde::encode::write_named(&mut bytes, frame)
        .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
    let payload = &bytes[HEADER_BYTES..];
    let length = u32::try_from(payload.len()).ok().filter(|&n| n <= MAX_PAYLOAD_BYTES);
    let length = length
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "an event is too long for a frame"))?;
    let checksum = crc32fast::hash(payload);
    bytes[..3].copy_from_slice(&MAGIC);
    bytes[3] = PROTOCOL_VERSION;
    bytes[4..8].copy_from_slice(&length.to_le_bytes());
    bytes[8..12].copy_from_slice(&checksum.to_le_bytes());
    Ok(bytes)
}

/// Reads the next frame; `None` at a clean end.
pub fn read_frame(mut reader: impl Read) -> Result<Option<Frame>, FrameError> {
    let mut header = [0; HEADER_BYTES];
    if !fill(&mut reader, &mut header)? {
        return Ok(None);
    }
    let [m0, m1, m2, version, l0, l1, l2, l3, c0, c1, c2, c3] = header;
    if [m0, m1, m2] != MAGIC {
        return Err(FrameError::NotAFrame(header));
    }
    if version != PROTOCOL_VERSION {
        return Err(FrameError::Version(version));
    }
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

/// The bytes as text, with everything escaped but printable ASCII characters.
fn printable(bytes: &[u8]) -> String {
    format!("`{}`", bytes.escape_ascii())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use gansweep_config::RunId;

    use crate::{Event, Geometry, Metric, Points, SampleSource, Samples};

    fn event(seq: u64, event: Event) -> Frame {
        let run = RunId::parse("0123456789abcdef").unwrap();
        Frame::Event(Envelope { run, attempt: 1, seq, at_unix_ms: 1_700_000_000_000, event })
    }

    fn points(values: &[f64]) -> Frame {
        let values = values.iter().map(|&value| (Metric::DLoss, value)).collect();
        event(3, Event::Points(Points { step: 100, values }))
    }

    fn samples(source: SampleSource, png: Vec<u8>) -> Frame {
        let geometry = Geometry { rows: 1, cols: 2, height: 28, width: 28 };
        event(4, Event::Samples(Samples { step: 7, epoch: 1, source, geometry, png }))
    }

    fn bytes_of(frame: &Frame) -> Vec<u8> {
        let mut bytes = Vec::new();
        write_frame(&mut bytes, frame).unwrap();
        bytes
    }

    /// A frame of this version with that payload and a right checksum.
    fn bytes_with(payload: &[u8]) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.push(PROTOCOL_VERSION);
        bytes.extend((payload.len() as u32).to_le_bytes());
        bytes.extend(crc32fast::hash(payload).to_le_bytes());
        bytes.extend(payload);
        bytes
    }

    fn values_of(frame: Frame) -> Vec<f64> {
        match frame {
            Frame::Event(Envelope { event: Event::Points(points), .. }) => {
                points.values.into_iter().map(|(_, value)| value).collect()
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn events_come_back_as_they_were_written_and_the_stream_ends_cleanly() {
        let samples = samples(SampleSource::Ema, vec![0, 255, 7]);
        let heartbeat = Frame::Heartbeat(Heartbeat { cpu_seconds: 1.5 });
        let written = [points(&[0.5, f64::INFINITY, -0.0]), heartbeat, samples];
        let stream: Vec<u8> = written.iter().flat_map(bytes_of).collect();
        let mut reader = &stream[..];
        for frame in written {
            assert_eq!(read_frame(&mut reader).unwrap(), Some(frame));
        }
        assert_eq!(read_frame(&mut reader).unwrap(), None);
    }

    #[test]
    fn a_grid_without_a_source_is_of_raw_weights() {
        let raw = samples(SampleSource::Raw, vec![7]);
        let written = bytes_of(&raw);
        assert!(!written.windows(6).any(|window| window == b"source"), "as before there were sources");
        assert_eq!(read_frame(&written[..]).unwrap(), Some(raw));
        let averaged = bytes_of(&samples(SampleSource::Ema, vec![7]));
        assert!(averaged.windows(11).any(|window| window == b"\xa6source\xa3ema"));
    }

    #[test]
    fn nan_survives_a_frame() {
        let read = read_frame(&bytes_of(&points(&[f64::NAN]))[..]).unwrap().unwrap();
        assert!(values_of(read)[0].is_nan());
    }

    #[test]
    fn a_stream_that_ends_inside_a_frame_is_torn() {
        let whole = bytes_of(&points(&[1.0]));
        for end in 1..whole.len() {
            assert!(matches!(read_frame(&whole[..end]), Err(FrameError::Torn)), "{end} bytes");
        }
    }

    #[test]
    fn a_changed_byte_is_noticed_wherever_it_is() {
        let whole = bytes_of(&points(&[1.0, 2.0]));
        for position in 0..whole.len() {
            let mut changed = whole.clone();
            changed[position] ^= 0x10;
            assert!(read_frame(&changed[..]).is_err(), "byte {position}");
        }
    }

    #[test]
    fn another_version_is_refused_as_such() {
        let mut other = bytes_of(&points(&[1.0]));
        other[3] = PROTOCOL_VERSION + 1;
        let error = read_frame(&other[..]).unwrap_err();
        assert!(matches!(error, FrameError::Version(version) if version == PROTOCOL_VERSION + 1));
        assert!(error.to_string().contains("same version of gansweep"), "{error}");
    }

    #[test]
    fn text_on_the_stream_is_shown_and_never_taken_for_a_frame() {
        let error = read_frame(&b"thread 'main' says\x1b[31m hello"[..]).unwrap_err();
        assert_eq!(
            error.to_string(),
            r"the event stream holds no frame but `thread \'main`; something else writes to it"
        );
    }

    /// What a change of the format breaks: segment files of the same version must stay readable.
    #[test]
    fn the_format_of_this_version_does_not_change() {
        let written = bytes_of(&Frame::Heartbeat(Heartbeat { cpu_seconds: 0.5 }));
        let hex = written.iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));
        let expected = concat!(
            "677377",
            "02",
            "21000000",
            "a30ed7b5",
            "81a9686561727462656174",
            "81ab6370755f7365636f6e6473",
            "cb3fe0000000000000"
        );
        assert_eq!(hex, expected, "raise PROTOCOL_VERSION with a change of the format");
    }

    #[test]
    fn a_length_beyond_the_limit_is_refused_before_anything_is_read() {
        let mut header = bytes_with(&[]);
        header[4..8].copy_from_slice(&(MAX_PAYLOAD_BYTES + 1).to_le_bytes());
        let stream = (&header[..]).chain(io::repeat(0));
        assert!(
            matches!(read_frame(stream), Err(FrameError::TooLong(length)) if length == MAX_PAYLOAD_BYTES + 1)
        );
    }

    #[test]
    fn a_false_length_costs_no_memory_that_the_stream_does_not_fill() {
        let mut stream = bytes_with(&[0; 40]);
        stream[4..8].copy_from_slice(&MAX_PAYLOAD_BYTES.to_le_bytes());
        assert!(matches!(read_frame(&stream[..]), Err(FrameError::Torn)));
    }

    #[test]
    fn content_that_is_no_event_is_told_apart_from_damage() {
        let stream = bytes_with(b"\x81\xa1a\x01");
        assert!(matches!(read_frame(&stream[..]), Err(FrameError::Content(_))));
    }

    #[test]
    fn an_event_too_long_for_a_frame_is_not_written() {
        let samples = samples(SampleSource::Raw, vec![0; MAX_PAYLOAD_BYTES as usize]);
        let mut bytes = Vec::new();
        assert!(write_frame(&mut bytes, &samples).is_err());
        assert!(bytes.is_empty());
    }

    #[test]
    fn reads_that_are_short_or_interrupted_are_gone_on_with() {
        struct Dribble<'b>(&'b [u8], bool);
        impl Read for Dribble<'_> {
            fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
                self.1 = !self.1;
                if self.1 {
                    return Err(io::ErrorKind::Interrupted.into());
                }
                let length = buffer.len().min(1);
                self.0.read(&mut buffer[..length])
            }
        }
        let written = points(&[1.0]);
        assert_eq!(read_frame(Dribble(&bytes_of(&written), false)).unwrap(), Some(written));
    }

    proptest! {
        #[test]
        fn random_bytes_are_an_event_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let mut reader = &bytes[..];
            while let Ok(Some(_)) = read_frame(&mut reader) {}
        }

        #[test]
        fn random_payloads_with_a_right_checksum_are_an_event_or_an_error(payload in prop::collection::vec(any::<u8>(), 0..200)) {
            let read = read_frame(&bytes_with(&payload)[..]);
            prop_assert!(matches!(read, Ok(Some(_)) | Err(FrameError::Content(_))), "{:?}", read);
        }

        #[test]
        fn any_numbers_come_back(values in prop::collection::vec(prop::num::f64::ANY, 0..20)) {
            let read = read_frame(&bytes_of(&points(&values))[..]).unwrap().unwrap();
            let bits: Vec<u64> = values_of(read).iter().map(|value| value.to_bits()).collect();
            prop_assert_eq!(bits, values.iter().map(|value| value.to_bits()).collect::<Vec<_>>());
        }
    }
}
