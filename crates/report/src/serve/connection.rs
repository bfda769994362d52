//! One connection: requests in, responses out.

use std::io::{self, BufWriter, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use super::guard::Decision;
use super::request::{Received, Request, Requests};
use super::response::{Response, write_event_stream_head};
use super::shared::Shared;

/// How long a connection may be silent between requests, or in one.
const PATIENCE: Duration = Duration::from_secs(20);
/// How often a stream of events sends a comment, which finds out whether the peer is still there.
const HEARTBEAT: Duration = Duration::from_secs(10);

/// Answers the requests of a connection until the peer closes it.
pub(super) fn serve(stream: &TcpStream, shared: &Shared) -> io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    stream.set_nodelay(true)?;
    let mut out = BufWriter::with_capacity(64 << 10, stream.try_clone()?);
    let mut requests = Requests::new(stream.try_clone()?, PATIENCE);
    loop {
        match requests.next()? {
            Received::End => return Ok(()),
            Received::Bad => {
                Response::text(400, "this is no request that this server understands")
                    .write(&mut out, true, false)?;
                return stream.shutdown(Shutdown::Write);
            }
            Received::Request(request) => {
                if let Some(response) = refusal(&request, shared) {
                    response.write(&mut out, request.method != "HEAD", request.keep_alive)?;
                } else if request.path == ["events"] {
                    write_event_stream_head(&mut out)?;
                    if request.method == "HEAD" {
                        return out.flush();
                    }
                    return send_events(&mut out, shared);
                } else {
                    let response = shared.pages.answer(&request, &shared.changes);
                    response.write(&mut out, request.method != "HEAD", request.keep_alive)?;
                }
                if !request.keep_alive {
                    return stream.shutdown(Shutdown::Write);
                }
            }
        }
    }
}

fn refusal(request: &Request, shared: &Shared) -> Option<Response> {
    match shared.guard.decide(request) {
        Decision::Answer(response) => Some(response),
        Decision::Allow if !["GET", "HEAD"].contains(&request.method.as_str()) => {
            Some(Response::text(405, "this server only reads").with("Allow", "GET, HEAD".to_owned()))
        }
        Decision::Allow => None,
    }
}

/// Sends the database's version at once and after each change. A page compares it with its own.
fn send_events(out: &mut impl Write, shared: &Shared) -> io::Result<()> {
    let mut sent = None;
    let mut count = shared.changes.count();
    loop {
        if sent == Some(count) {
            out.write_all(b": still here\n\n")?;
        } else {
            out.write_all(format!("data: {}\n\n", shared.changes.event(count)).as_bytes())?;
            sent = Some(count);
        }
        out.flush()?;
        count = shared.changes.wait(count, HEARTBEAT);
    }
}
