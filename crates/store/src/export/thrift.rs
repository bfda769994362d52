//! Thrift's compact protocol, as far as Parquet's metadata needs it.

use gansweep_base::leb128;

const I32: u8 = 5;
const I64: u8 = 6;
const BINARY: u8 = 8;
const LIST: u8 = 9;
const STRUCT: u8 = 12;

/// A struct, built field by field, in the order of the fields' numbers.
#[derive(Debug, Default, Clone)]
pub(super) struct Struct {
    bytes: Vec<u8>,
    last_field: u8,
}

impl Struct {
    pub(super) fn i32(mut self, field: u8, value: i32) -> Self {
        self.header(field, I32);
        leb128::append(&mut self.bytes, zigzag(i64::from(value)));
        self
    }

    pub(super) fn i64(mut self, field: u8, value: i64) -> Self {
        self.header(field, I64);
        leb128::append(&mut self.bytes, zigzag(value));
        self
    }

    pub(super) fn text(mut self, field: u8, value: &str) -> Self {
        self.header(field, BINARY);
        binary(&mut self.bytes, value);
        self
    }

    pub(super) fn inner(mut self, field: u8, value: Self) -> Self {
        self.header(field, STRUCT);
        self.bytes.extend(value.end());
        self
    }

    pub(super) fn i32s(mut self, field: u8, values: &[i32]) -> Self {
        self.list(field, I32, values.len());
        for value in values {
            leb128::append(&mut self.bytes, zigzag(i64::from(*value)));
        }
        self
    }

    pub(super) fn texts(mut self, field: u8, values: &[&str]) -> Self {
        self.list(field, BINARY, values.len());
        for value in values {
            binary(&mut self.bytes, value);
        }
        self
    }

    pub(super) fn structs(mut self, field: u8, values: &[Self]) -> Self {
        self.list(field, STRUCT, values.len());
        for value in values {
            self.bytes.extend(value.clone().end());
        }
        self
    }

    /// The bytes, with the mark of the end.
    pub(super) fn end(mut self) -> Vec<u8> {
        self.bytes.push(0);
        self.bytes
    }

    /// A field's number is written as its distance from the one before, which is below 16 in Parquet.
    fn header(&mut self, field: u8, kind: u8) {
        self.bytes.push((field - self.last_field) << 4 | kind);
        self.last_field = field;
    }

    fn list(&mut self, field: u8, kind: u8, length: usize) {
        self.header(field, LIST);
        if length < 15 {
            self.bytes.push((length as u8) << 4 | kind);
        } else {
            self.bytes.push(0xF0 | kind);
            leb128::append(&mut self.bytes, length as u64);
        }
    }
}

fn binary(bytes: &mut Vec<u8>, text: &str) {
    leb128::append(bytes, text.len() as u64);
    bytes.extend(text.as_bytes());
}

const fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)).cast_unsigned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_zigzag_varints_behind_a_header_of_distance_and_type() {
        assert_eq!(Struct::default().i32(1, 1).i64(3, -2).end(), [0x15, 2, 0x26, 3, 0]);
        assert_eq!(Struct::default().i64(2, 300).end(), [0x26, 0xD8, 0x04, 0]);
    }

    #[test]
    fn long_lists_have_their_length_apart() {
        let short = Struct::default().i32s(1, &[0, 3]).end();
        assert_eq!(short, [0x19, 0x25, 0, 6, 0]);
        let long = Struct::default().structs(1, &vec![Struct::default(); 20]).end();
        assert_eq!(long[..3], [0x19, 0xFC, 20]);
    }
}
