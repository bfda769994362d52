//! `TensorBoard`'s event files: records of protocol-buffer messages.
//!
//! A record is the length of its content, a checksum of the length, the content, and a checksum of the content: all little-endian,
//! the checksums CRC-32C, rotated and with a constant added, as in `tensorflow/core/lib/io/record_writer.h`.

use std::io::{self, Write};

use gansweep_base::leb128;

/// Added to a rotated checksum, so that the checksum of data that holds checksums is not a special case.
const MASK: u32 = 0xA282_EAD8;
/// The polynomial of Castagnoli 1993, its bits in reverse.
const POLYNOMIAL: u32 = 0x82F6_3B78;
const TABLE: [u32; 256] = table();

/// A message of protocol buffers, built field by field.
#[derive(Debug, Default, Clone)]
pub(super) struct Message(Vec<u8>);

impl Message {
    pub(super) fn integer(mut self, field: u32, value: u64) -> Self {
        self.key(field, 0);
        leb128::append(&mut self.0, value);
        self
    }

    pub(super) fn double(mut self, field: u32, value: f64) -> Self {
        self.key(field, 1);
        self.0.extend(value.to_le_bytes());
        self
    }

    pub(super) fn float(mut self, field: u32, value: f32) -> Self {
        self.key(field, 5);
        self.0.extend(value.to_le_bytes());
        self
    }

    pub(super) fn bytes(mut self, field: u32, value: &[u8]) -> Self {
        self.key(field, 2);
        leb128::append(&mut self.0, value.len() as u64);
        self.0.extend(value);
        self
    }

    pub(super) fn text(self, field: u32, value: &str) -> Self {
        self.bytes(field, value.as_bytes())
    }

    pub(super) fn message(self, field: u32, value: &Self) -> Self {
        self.bytes(field, &value.0)
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    fn key(&mut self, field: u32, wire_type: u32) {
        leb128::append(&mut self.0, u64::from(field << 3 | wire_type));
    }
}

/// Writes a message as a record.
pub(super) fn write_record(output: &mut dyn Write, message: &Message) -> io::Result<()> {
    let content = message.as_bytes();
    let length = (content.len() as u64).to_le_bytes();
    output.write_all(&length)?;
    output.write_all(&masked(&length).to_le_bytes())?;
    output.write_all(content)?;
    output.write_all(&masked(content).to_le_bytes())
}

fn masked(bytes: &[u8]) -> u32 {
    crc32c(bytes).rotate_right(15).wrapping_add(MASK)
}

fn crc32c(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc, byte| (crc >> 8) ^ TABLE[((crc ^ u32::from(*byte)) & 0xFF) as usize])
}

const fn table() -> [u32; 256] {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut crc = byte as u32;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 1 == 1 { (crc >> 1) ^ POLYNOMIAL } else { crc >> 1 };
            bit += 1;
        }
        table[byte] = crc;
        byte += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums_are_those_of_the_standard() {
        // RFC 3720, appendix B.4.
        assert_eq!(crc32c(&[0; 32]), 0x8A91_36AA);
        assert_eq!(crc32c(&[0xFF; 32]), 0x62A8_AB43);
        assert_eq!(crc32c(b"123456789"), 0xE306_9283);
    }

    #[test]
    fn fields_are_encoded_as_the_protocol_buffer_guide_has_them() {
        assert_eq!(Message::default().integer(1, 150).as_bytes(), [0x08, 0x96, 0x01]);
        assert_eq!(Message::default().text(2, "testing").as_bytes(), b"\x12\x07testing");
        let inner = Message::default().integer(1, 150);
        assert_eq!(Message::default().message(3, &inner).as_bytes(), [0x1A, 0x03, 0x08, 0x96, 0x01]);
        assert_eq!(Message::default().float(2, 1.0).as_bytes(), [0x15, 0, 0, 0x80, 0x3F]);
        assert_eq!(Message::default().double(1, 1.0).as_bytes(), [0x09, 0, 0, 0, 0, 0, 0, 0xF0, 0x3F]);
    }
}
