//! SHA-256, and bytes as lower-case hexadecimal digits.

use std::io::{self, Read};

use data_encoding::HEXLOWER;
use sha2::{Digest as _, Sha256 as Hasher};

/// SHA-256 of the concatenation of all parts that are added.
#[derive(Debug, Clone, Default)]
pub struct Sha256(Hasher);

impl Sha256 {
    /// Appends a part.
    pub fn add(&mut self, bytes: impl AsRef<[u8]>) {
        self.0.update(bytes);
    }

    /// The 32 bytes of the digest.
    pub fn bytes(self) -> [u8; 32] {
        self.0.finalize().into()
    }

    /// The digest as 64 hexadecimal digits.
    pub fn hex(self) -> String {
        hex(&self.bytes())
    }
}

/// SHA-256 of bytes, as 64 hexadecimal digits.
pub fn sha256(bytes: impl AsRef<[u8]>) -> String {
    let mut hasher = Sha256::default();
    hasher.add(bytes);
    hasher.hex()
}

/// SHA-256 of the rest of a stream, as 64 hexadecimal digits. The stream may be larger than the memory.
pub fn sha256_of(mut source: impl Read) -> io::Result<String> {
    let mut hasher = Sha256::default();
    let mut buffer = vec![0; 1 << 16];
    loop {
        match source.read(&mut buffer) {
            Ok(0) => return Ok(hasher.hex()),
            Ok(length) => hasher.add(&buffer[..length]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// Two hexadecimal digits for each byte.
pub fn hex(bytes: &[u8]) -> String {
    HEXLOWER.encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As `printf abc | sha256sum` prints it.
    const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    #[test]
    fn digests_are_those_of_the_standard_tool() {
        assert_eq!(sha256("abc"), ABC);
        assert_eq!(hex(&[0, 15, 255]), "000fff");
    }

    #[test]
    fn parts_and_streams_have_the_digest_of_the_whole() {
        let mut parts = Sha256::default();
        parts.add("a");
        parts.add("bc");
        assert_eq!(parts.hex(), ABC);
        assert_eq!(sha256_of("abc".as_bytes()).unwrap(), ABC);
        let long = vec![7; 200_000];
        assert_eq!(sha256_of(long.as_slice()).unwrap(), sha256(&long));
    }
}
