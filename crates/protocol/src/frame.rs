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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use gansweep_config::RunId;

    use crate::{Event, Geometry, Metric, Points, Samples};

    fn envelope(seq: u64, event: Event) -> Envelope {
        let run = RunId::parse("0123456789abcdef").unwrap();
        Envelope { run, attempt: 1, seq, at_unix_ms: 1_700_000_000_000, event }
    }

    fn points(values: &[f64]) -> Envelope {
        let values = values.iter().map(|&value| (Metric::DLoss, value)).collect();
        envelope(3, Event::Points(Points { step: 100, values }))
    }

    fn frame(envelope: &Envelope) -> Vec<u8> {
        let mut bytes = Vec::new();
        write_frame(&mut bytes, envelope).unwrap();
        bytes
    }

    #[test]
    fn events_come_back_as_they_were_written_and_the_stream_ends_cleanly() {
        let geometry = Geometry { rows: 1, cols: 2, height: 28, width: 28 };
        let samples =
            envelope(4, Event::Samples(Samples { step: 7, epoch: 1, geometry, png: vec![0, 255, 7] }));
        let written = [points(&[0.5, f64::INFINITY, -0.0]), samples];
        let stream: Vec<u8> = written.iter().flat_map(frame).collect();
        let mut reader = &stream[..];
        for envelope in written {
            assert_eq!(read_frame(&mut reader).unwrap(), Some(envelope));
        }
        assert_eq!(read_frame(&mut reader).unwrap(), None);
    }

    #[test]
    fn nan_survives_a_frame() {
        let read = read_frame(&frame(&points(&[f64::NAN]))[..]).unwrap().unwrap();
        let Event::Points(points) = read.event else { panic!("other event") };
        assert!(points.values[0].1.is_nan());
    }

    #[test]
    fn a_stream_that_ends_inside_a_frame_is_torn() {
        let whole = frame(&points(&[1.0]));
        for end in 1..whole.len() {
            assert!(matches!(read_frame(&whole[..end]), Err(FrameError::Torn)), "{end} bytes");
        }
    }

    #[test]
    fn a_changed_byte_is_noticed_wherever_it_is() {
        let whole = frame(&points(&[1.0, 2.0]));
        for position in 0..whole.len() {
            let mut changed = whole.clone();
            changed[position] ^= 0x10;
            assert!(read_frame(&changed[..]).is_err(), "byte {position}");
        }
    }

    #[test]
    fn a_length_beyond_the_limit_is_refused_before_anything_is_read() {
        let mut header = [0xff; 8];
        header[..4].copy_from_slice(&(MAX_PAYLOAD_BYTES + 1).to_le_bytes());
        let claim = io::repeat(0).take(u64::MAX);
        let stream = (&header[..]).chain(claim);
        assert!(
            matches!(read_frame(stream), Err(FrameError::TooLong(length)) if length == MAX_PAYLOAD_BYTES + 1)
        );
    }

    #[test]
    fn a_false_length_costs_no_memory_that_the_stream_does_not_fill() {
        let mut stream = MAX_PAYLOAD_BYTES.to_le_bytes().to_vec();
        stream.extend([0; 40]);
        assert!(matches!(read_frame(&stream[..]), Err(FrameError::Torn)));
    }

    #[test]
    fn content_that_is_no_event_is_told_apart_from_damage() {
        let payload = b"\x81\xa1a\x01";
        let mut stream = (payload.len() as u32).to_le_bytes().to_vec();
        stream.extend(crc32fast::hash(payload).to_le_bytes());
        stream.extend(payload);
        assert!(matches!(read_frame(&stream[..]), Err(FrameError::Content(_))));
    }

    #[test]
    fn an_event_too_long_for_a_frame_is_not_written() {
        let png = vec![0; MAX_PAYLOAD_BYTES as usize];
        let geometry = Geometry { rows: 1, cols: 1, height: 28, width: 28 };
        let samples = envelope(0, Event::Samples(Samples { step: 0, epoch: 0, geometry, png }));
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
        assert_eq!(read_frame(Dribble(&frame(&written), false)).unwrap(), Some(written));
    }

    proptest! {
        #[test]
        fn random_bytes_are_an_event_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let mut reader = &bytes[..];
            while let Ok(Some(_)) = read_frame(&mut reader) {}
        }

        #[test]
        fn random_payloads_with_a_right_checksum_are_an_event_or_an_error(payload in prop::collection::vec(any::<u8>(), 0..200)) {
            let mut stream = (payload.len() as u32).to_le_bytes().to_vec();
            stream.extend(crc32fast::hash(&payload).to_le_bytes());
            stream.extend(payload);
            let read = read_frame(&stream[..]);
            prop_assert!(matches!(read, Ok(Some(_)) | Err(FrameError::Content(_))), "{:?}", read);
        }

        #[test]
        fn any_numbers_come_back(values in prop::collection::vec(prop::num::f64::ANY, 0..20)) {
            let read = read_frame(&frame(&points(&values))[..]).unwrap().unwrap();
            let Event::Points(points) = read.event else { panic!("other event") };
            let bits: Vec<u64> = points.values.iter().map(|(_, value)| value.to_bits()).collect();
            prop_assert_eq!(bits, values.iter().map(|value| value.to_bits()).collect::<Vec<_>>());
        }
    }
}
