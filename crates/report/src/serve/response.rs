//! Responses.

use std::io::{self, Write};
use std::sync::Arc;

/// Headers of all responses: no other site may read, embed or frame one, and no address goes to another site.
const COMMON: &str = "X-Content-Type-Options: nosniff\r\nX-Frame-Options: DENY\r\nReferrer-Policy: no-referrer\r\n\
                      Cross-Origin-Resource-Policy: same-origin\r\nCross-Origin-Opener-Policy: same-origin\r\n";

/// A response with its whole body.
#[derive(Debug, Clone)]
pub(super) struct Response {
    pub(super) status: u16,
    kind: &'static str,
    /// How long a browser may keep it.
    caching: &'static str,
    headers: Vec<(&'static str, String)>,
    body: Arc<[u8]>,
}

impl Response {
    pub(super) fn new(status: u16, kind: &'static str, body: impl Into<Arc<[u8]>>) -> Self {
        Self { status, kind, caching: "no-cache", headers: Vec::new(), body: body.into() }
    }

    pub(super) fn html(status: u16, body: impl Into<Arc<[u8]>>) -> Self {
        Self::new(status, "text/html; charset=utf-8", body)
    }

    pub(super) fn text(status: u16, text: &str) -> Self {
        Self::new(status, "text/plain; charset=utf-8", format!("{text}\n").into_bytes())
    }

    pub(super) fn redirect(place: &str) -> Self {
        Self::text(303, "see there").with("Location", place.to_owned())
    }

    pub(super) fn not_found() -> Self {
        Self::text(404, "there is nothing here; / lists the sweeps")
    }

    pub(super) fn with(mut self, name: &'static str, value: String) -> Self {
        self.headers.push((name, value));
        self
    }

    /// What is at this address never changes.
    pub(super) fn forever(mut self) -> Self {
        self.caching = "private, max-age=31536000, immutable";
        self
    }

    /// Writes the response; without its body in answer to HEAD.
    pub(super) fn write(&self, out: &mut impl Write, with_body: bool, keep_alive: bool) -> io::Result<()> {
        let mut head = format!(
            "HTTP/1.1 {} {}\r\nContent-Type: {}\r\nContent-Length: {}\r\nCache-Control: {}\r\nConnection: {}\r\n{COMMON}",
            self.status,
            reason(self.status),
            self.kind,
            self.body.len(),
            self.caching,
            if keep_alive { "keep-alive" } else { "close" },
        );
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str("\r\n");
        out.write_all(head.as_bytes())?;
        if with_body {
            out.write_all(&self.body)?;
        }
        out.flush()
    }
}

/// The head of a stream of server-sent events.
pub(super) fn write_event_stream_head(out: &mut impl Write) -> io::Result<()> {
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-store\r\nConnection: close\r\n{COMMON}\r\n"
    );
    out.write_all(head.as_bytes())?;
    out.flush()
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        303 => "See Other",
        304 => "Not Modified",
        400 => "Bad Request",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        _ => "Internal Server Error",
    }
}
