//! Gzip as `gunzip` reads it: any number of members, and whatever follows the last of them is ignored.

use std::io::{self, BufRead, Read};

use flate2::bufread::GzDecoder;

/// What every member begins with.
const MAGIC: [u8; 2] = [0x1f, 0x8b];
/// The bytes that are read at once.
const CHUNK: usize = 64 << 10;

/// The uncompressed content of a file that may be plain or compressed, whatever its name says.
pub(crate) enum Content<R> {
    Plain(Peekable<R>),
    Gzip(Gunzip<R>),
}

impl<R: Read> Content<R> {
    pub(crate) fn of(source: R) -> io::Result<Self> {
        let mut source = Peekable::new(source);
        Ok(if source.begins_with(MAGIC)? { Self::Gzip(Gunzip::new(source)) } else { Self::Plain(source) })
    }

    pub(crate) const fn is_compressed(&self) -> bool {
        matches!(self, Self::Gzip(_))
    }
}

impl<R: Read> Read for Content<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(source) => source.read(buffer),
            Self::Gzip(source) => source.read(buffer),
        }
    }
}

/// Decompresses one member after the other.
pub(crate) struct Gunzip<R> {
    /// `None` after the last member.
    member: Option<GzDecoder<Peekable<R>>>,
}

impl<R: Read> Gunzip<R> {
    fn new(source: Peekable<R>) -> Self {
        Self { member: Some(GzDecoder::new(source)) }
    }
}

impl<R: Read> Read for Gunzip<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        while let Some(member) = &mut self.member {
            let length = member.read(buffer)?;
            if length > 0 {
                return Ok(length);
            }
            // Archives are padded with zeros on tapes and by some transfers; like `gunzip`, take anything that
            // is no further member for such padding.
            let next = self.member.take().map(GzDecoder::into_inner);
            if let Some(mut source) = next
                && source.begins_with(MAGIC)?
            {
                self.member = Some(GzDecoder::new(source));
            }
        }
        Ok(0)
    }
}

/// A reader with a look at the next two bytes.
pub(crate) struct Peekable<R> {
    source: R,
    /// What was read and not yet consumed is `buffer[start..]`.
    buffer: Vec<u8>,
    start: usize,
}

impl<R: Read> Peekable<R> {
    fn new(source: R) -> Self {
        Self { source, buffer: Vec::new(), start: 0 }
    }

    fn begins_with(&mut self, magic: [u8; 2]) -> io::Result<bool> {
        while self.buffer.len() - self.start < magic.len() {
            self.buffer.drain(..self.start);
            self.start = 0;
            if self.fill(CHUNK)? == 0 {
                return Ok(false);
            }
        }
        Ok(self.buffer[self.start..].starts_with(&magic))
    }

    /// Appends up to `most` bytes; 0 at the end.
    fn fill(&mut self, most: usize) -> io::Result<usize> {
        let length = self.buffer.len();
        self.buffer.resize(length + most, 0);
        let read = loop {
            match self.source.read(&mut self.buffer[length..]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => break read,
            }
        };
        self.buffer.truncate(length + read.as_ref().copied().unwrap_or(0));
        read
    }
}

impl<R: Read> BufRead for Peekable<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.start == self.buffer.len() {
            self.buffer.clear();
            self.start = 0;
            self.fill(CHUNK)?;
        }
        Ok(&self.buffer[self.start..])
    }

    fn consume(&mut self, count: usize) {
        self.start = (self.start + count).min(self.buffer.len());
    }
}

impl<R: Read> Read for Peekable<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let available = self.fill_buf()?;
        let length = available.len().min(buffer.len());
        buffer[..length].copy_from_slice(&available[..length]);
        self.consume(length);
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::GzEncoder;
    use proptest::prelude::*;

    use super::*;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn content(bytes: &[u8]) -> io::Result<Vec<u8>> {
        let mut read = Vec::new();
        Content::of(bytes)?.read_to_end(&mut read)?;
        Ok(read)
    }

    #[test]
    fn what_gunzip_takes_is_taken() {
        let one = gzip(b"one");
        assert_eq!(content(&one).unwrap(), b"one");
        assert_eq!(content(&[&one[..], &gzip(b"two"), &gzip(b"")].concat()).unwrap(), b"onetwo");
        assert_eq!(content(&[&one[..], &[0; 10_000]].concat()).unwrap(), b"one", "padding");
        assert_eq!(content(&[&one[..], b"trailing"].concat()).unwrap(), b"one");
        assert_eq!(content(&[&one[..], &[0x1f]].concat()).unwrap(), b"one", "half of a magic number");
        assert_eq!(content(&[&one[..], &[0x1f, 0x8a, 8]].concat()).unwrap(), b"one");
        // As gunzip does, members behind padding are not looked for.
        assert_eq!(content(&[&one[..], &[0; 3], &gzip(b"two")].concat()).unwrap(), b"one");
    }

    #[test]
    fn what_is_no_gzip_is_plain() {
        for plain in [&b""[..], b"\x1f", b"\0\0\x08\x01", b"text"] {
            assert_eq!(content(plain).unwrap(), plain);
        }
    }

    #[test]
    fn damage_in_any_member_is_an_error() {
        let (one, two) = (gzip(b"one"), gzip(b"two"));
        for end in 2..one.len() {
            content(&one[..end]).unwrap_err();
            content(&[&two[..], &one[..end]].concat()).unwrap_err();
        }
        for at in one.len() - 8..one.len() {
            let mut damaged = one.clone();
            damaged[at] ^= 1;
            content(&damaged).unwrap_err();
        }
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
        let bytes = [gzip(b"one"), gzip(b"two"), vec![0; 3]].concat();
        let mut read = Vec::new();
        Content::of(Dribble(&bytes, false)).unwrap().read_to_end(&mut read).unwrap();
        assert_eq!(read, b"onetwo");
    }

    proptest! {
        #[test]
        fn any_members_and_any_tail_give_the_members(
            members in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..200), 1..4),
            tail in prop::collection::vec(any::<u8>(), 0..50),
        ) {
            prop_assume!(!tail.starts_with(&MAGIC));
            let mut bytes: Vec<u8> = members.iter().flat_map(|member| gzip(member)).collect();
            bytes.extend(tail);
            prop_assert_eq!(content(&bytes).unwrap(), members.concat());
        }

        #[test]
        fn any_bytes_are_read_or_an_error(mut bytes in prop::collection::vec(any::<u8>(), 0..200), magic in any::<bool>()) {
            if magic {
                bytes.splice(0..0, [0x1f, 0x8b, 8, 0]);
            }
            let _ = content(&bytes);
        }
    }
}
