//! Requests: reading and parsing.

use std::io::{self, Read};
use std::time::{Duration, Instant};

/// The longest head of a request; browsers send about one kilobyte.
const MOST_BYTES: usize = 16 << 10;
const MOST_HEADERS: usize = 64;

/// The head of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Request {
    pub(super) method: String,
    /// The path's segments, decoded.
    pub(super) path: Vec<String>,
    /// The query, as it was sent.
    pub(super) query: String,
    pub(super) host: Option<String>,
    pub(super) cookie: String,
    pub(super) if_none_match: Option<String>,
    /// Whether the peer wants another request on the same connection.
    pub(super) keep_alive: bool,
}

/// What was read from a connection.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Received {
    Request(Request),
    /// Not a request that this server understands.
    Bad,
    /// The peer has sent everything.
    End,
}

/// Reads requests from a connection, one after the other.
pub(super) struct Requests<R> {
    stream: R,
    buffer: Vec<u8>,
    /// How long a head may take from its first byte on.
    patience: Duration,
}

impl<R: Read> Requests<R> {
    pub(super) fn new(stream: R, patience: Duration) -> Self {
        Self { stream, buffer: Vec::new(), patience }
    }

    /// A peer that sends a head byte by byte must not hold its connection for longer than one that sends nothing.
    pub(super) fn next(&mut self) -> io::Result<Received> {
        let mut began = None;
        loop {
            match parse(&self.buffer) {
                Parsed::Whole(request, length) => {
                    self.buffer.drain(..length);
                    return Ok(Received::Request(request));
                }
                Parsed::Bad => return Ok(Received::Bad),
                Parsed::Partial if self.buffer.len() >= MOST_BYTES => return Ok(Received::Bad),
                Parsed::Partial if self.buffer.is_empty() => {}
                Parsed::Partial if began.get_or_insert_with(Instant::now).elapsed() > self.patience => {
                    return Ok(Received::Bad);
                }
                Parsed::Partial => {}
            }
            let mut piece = [0; 4096];
            match self.stream.read(&mut piece)? {
                0 if self.buffer.is_empty() => return Ok(Received::End),
                0 => return Ok(Received::Bad),
                length => self.buffer.extend_from_slice(&piece[..length]),
            }
        }
    }
}

enum Parsed {
    /// A head and its length in bytes.
    Whole(Request, usize),
    Partial,
    Bad,
}

fn parse(bytes: &[u8]) -> Parsed {
    let mut headers = [httparse::EMPTY_HEADER; MOST_HEADERS];
    let mut head = httparse::Request::new(&mut headers);
    match head.parse(bytes) {
        Ok(httparse::Status::Complete(length)) => {
            request(&head).map_or(Parsed::Bad, |request| Parsed::Whole(request, length))
        }
        Ok(httparse::Status::Partial) => Parsed::Partial,
        Err(_) => Parsed::Bad,
    }
}

/// `None` for a request with a body, with two hosts or with an address that is no path.
fn request(head: &httparse::Request<'_, '_>) -> Option<Request> {
    let all = |name: &str| {
        let named = head.headers.iter().filter(|header| header.name.eq_ignore_ascii_case(name));
        named.map(|header| String::from_utf8_lossy(header.value).into_owned()).collect::<Vec<_>>()
    };
    let has_body = !all("transfer-encoding").is_empty()
        || all("content-length").iter().any(|length| length.trim() != "0");
    let hosts = all("host");
    let target = head.path?;
    if has_body || hosts.len() > 1 || !target.starts_with('/') {
        return None;
    }
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let segments = path.split('/').filter(|segment| !segment.is_empty());
    let closes = all("connection").iter().any(|value| value.eq_ignore_ascii_case("close"));
    Some(Request {
        method: head.method?.to_owned(),
        path: segments.map(decoded).collect::<Option<_>>()?,
        query: query.to_owned(),
        host: hosts.into_iter().next(),
        cookie: all("cookie").join("; "),
        if_none_match: all("if-none-match").into_iter().next(),
        keep_alive: head.version == Some(1) && !closes,
    })
}

/// A segment of a path without its percent encoding; `None` if it is not UTF-8.
fn decoded(segment: &str) -> Option<String> {
    let bytes = segment.as_bytes();
    let mut plain = Vec::with_capacity(bytes.len());
    let mut place = 0;
    while place < bytes.len() {
        let digits = bytes.get(place + 1..place + 3).filter(|_| bytes[place] == b'%');
        let value = |digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok();
        let escaped = digits.and_then(value);
        plain.push(escaped.unwrap_or(bytes[place]));
        place += if escaped.is_some() { 3 } else { 1 };
    }
    String::from_utf8(plain).ok()
}

/// A text as a segment of a path.
pub(super) fn encoded(text: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_~".contains(&byte);
    text.bytes()
        .map(|byte| if is_plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_mins(1);

    fn received(text: &str) -> Received {
        Requests::new(text.as_bytes(), PATIENCE).next().unwrap()
    }

    struct ByteByByte<'a>(&'a [u8]);
    impl Read for ByteByByte<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let Some((first, rest)) = self.0.split_first() else { return Ok(0) };
            buffer[0] = *first;
            self.0 = rest;
            Ok(1)
        }
    }

    #[test]
    fn a_request_is_read_in_whatever_pieces_it_comes() {
        let two = "GET /a%20b/c?x=1 HTTP/1.1\r\nHost: localhost:1\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
        let mut requests = Requests::new(ByteByByte(two.as_bytes()), PATIENCE);
        let Received::Request(first) = requests.next().unwrap() else { panic!("no request") };
        assert_eq!((first.path, first.query.as_str()), (vec!["a b".to_owned(), "c".to_owned()], "x=1"));
        assert_eq!((first.host.as_deref(), first.keep_alive), (Some("localhost:1"), true));
        let Received::Request(second) = requests.next().unwrap() else { panic!("no request") };
        assert_eq!((second.path.len(), second.keep_alive), (0, false));
        assert_eq!(requests.next().unwrap(), Received::End);
    }

    #[test]
    fn a_head_that_does_not_end_is_not_waited_for() {
        let half = "GET / HTTP/1.1\r\nHost: a\r\nX: ";
        let mut requests = Requests::new(ByteByByte(half.as_bytes()), Duration::ZERO);
        assert_eq!(requests.next().unwrap(), Received::Bad);
        assert!(!requests.stream.0.is_empty(), "it is refused before all of it has come");
    }

    #[test]
    fn what_is_no_plain_request_is_refused() {
        for text in [
            "nonsense\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc",
            "GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n",
            "GET http://other/ HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET /%ff HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a",
        ] {
            assert_eq!(received(text), Received::Bad, "{text}");
        }
        assert_eq!(received(&format!("GET /{} HTTP/1.1\r\n", "a".repeat(40_000))), Received::Bad);
    }

    #[test]
    fn a_name_survives_its_way_through_an_address() {
        for name in ["lr", "a/b", "..", "100 %", "<script>", "数字", "%41", "?#&"] {
            let segment = encoded(name);
            assert!(!segment.contains(['/', '?', '#', '<', ' ', '.']), "{segment}");
            assert_eq!(decoded(&segment).as_deref(), Some(name));
        }
    }
}
