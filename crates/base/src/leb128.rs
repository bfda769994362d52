//! Unsigned integers as LEB128: seven bits to a byte, the lowest first; all bytes but the last have the high bit set.
//!
//! Protocol buffers and Thrift, which call these varints, Parquet and the report's page use them.

/// Appends an integer: one byte below 128, at most ten.
pub fn append(bytes: &mut Vec<u8>, value: u64) {
    let mut rest = value;
    while rest >= 0x80 {
        bytes.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    bytes.push(rest as u8);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn encoded(value: u64) -> Vec<u8> {
        let mut bytes = Vec::new();
        append(&mut bytes, value);
        bytes
    }

    #[test]
    fn integers_are_encoded_as_the_standards_have_them() {
        assert_eq!(encoded(0), [0]);
        assert_eq!(encoded(0x7f), [0x7f]);
        assert_eq!(encoded(0x80), [0x80, 0x01]);
        // The examples of the protocol buffers' guide and of DWARF 5, figure C.1.
        assert_eq!(encoded(150), [0x96, 0x01]);
        assert_eq!(encoded(12_857), [0xb9, 0x64]);
        assert_eq!(encoded(u64::MAX), [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]);
    }

    #[test]
    fn integers_are_appended() {
        let mut bytes = encoded(1);
        append(&mut bytes, 300);
        assert_eq!(bytes, [1, 0xac, 0x02]);
    }

    proptest! {
        #[test]
        fn the_bits_of_an_integer_are_in_the_fewest_bytes(value: u64, shift in 0..64_u32) {
            let value = value >> shift;
            let bytes = encoded(value);
            let bits = u64::BITS - value.leading_zeros();
            prop_assert_eq!(bytes.len() as u32, bits.div_ceil(7).max(1));
            let (last, others) = bytes.split_last().unwrap();
            prop_assert!(*last < 0x80 && others.iter().all(|byte| *byte >= 0x80));
            let back = bytes.iter().rev().fold(0, |number, byte| number << 7 | u64::from(byte & 0x7f));
            prop_assert_eq!(back, value);
        }
    }
}
