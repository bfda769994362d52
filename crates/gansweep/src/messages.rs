//! Messages on stderr, which can never end or block the work.
//!
//! Stderr may be closed, full, or a terminal that is gone: errors in writing to it are ignored. It may also
//! be a pipe whose reader has stopped reading, or a paused terminal, where a write blocks: a thread writes
//! the messages, and when its queue stays full, messages are dropped.

use std::io::{self, IsTerminal as _, Write as _};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use gansweep_base::printable;

/// Messages in the queue. Enough for the burst of a large sweep that is resumed.
const QUEUE: usize = 4096;
/// The reader of stderr counts as stalled if it takes nothing for so long.
const PATIENCE: Duration = Duration::from_millis(500);
/// The end of the program waits no longer than this for a reader that is slow but not stalled.
const LONGEST_FLUSH: Duration = Duration::from_secs(10);

static MESSAGES: OnceLock<Messages> = OnceLock::new();

/// The queue of the writing thread.
struct Messages {
    /// `None` if no thread could be started: then messages are written directly.
    queue: Option<SyncSender<Item>>,
    /// Set when a message found no room in time; later ones do not wait.
    stalled: AtomicBool,
    /// Messages written so far.
    written: Arc<AtomicU64>,
}

enum Item {
    Text(String),
    /// Answered when everything before it is written.
    Flush(SyncSender<()>),
}

/// Prints an error.
pub(crate) fn error(message: &impl std::fmt::Display) {
    tagged("error", "31", &message.to_string());
}

/// Prints a warning.
pub(crate) fn warning(message: &impl std::fmt::Display) {
    tagged("warning", "33", &message.to_string());
}

/// Prints a message of one or more lines. Control characters are escaped.
pub(crate) fn print(message: &str) {
    raw(format!("{}\n", printable::lines(message)));
}

/// Writes text as it is, for example a line of the log.
pub(crate) fn raw(text: String) {
    messages().send(Item::Text(text), PATIENCE);
}

/// Writes a frame of the progress bars, unless the queue is full: the next frame replaces it anyway.
pub(crate) fn frame(frame: String) {
    if !frame.is_empty() {
        messages().send(Item::Text(frame), Duration::ZERO);
    }
}

/// Waits until all messages are written, as long as somebody reads them.
pub(crate) fn flush() {
    let Some(messages) = MESSAGES.get() else { return };
    if messages.stalled.load(Ordering::Relaxed) {
        return;
    }
    let (done, flushed) = sync_channel(1);
    messages.send(Item::Flush(done), PATIENCE);
    let begin = Instant::now();
    let mut written = messages.written.load(Ordering::Relaxed);
    while flushed.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Timeout) {
        let now_written = messages.written.load(Ordering::Relaxed);
        if now_written == written || begin.elapsed() > LONGEST_FLUSH {
            return;
        }
        written = now_written;
    }
}

/// Whether stderr shows bars: a terminal that can move its cursor.
pub(crate) fn is_smart_terminal() -> bool {
    io::stderr().is_terminal() && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
}

/// Colours follow `NO_COLOR`, `CLICOLOR`, `CLICOLOR_FORCE` and `TERM`, in messages as in the help.
pub(crate) fn choose_colors() {
    // With `CI` set, `anstream` colours even a dumb terminal.
    let is_dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
    let is_forced = std::env::var_os("CLICOLOR_FORCE").is_some_and(|force| force != "0");
    if is_dumb && !is_forced {
        anstream::ColorChoice::Never.write_global();
    }
}

/// A writer of log lines.
pub(crate) struct LogWriter;

impl io::Write for LogWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        raw(printable::lines(&String::from_utf8_lossy(bytes)).into_owned());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn tagged(tag: &str, color: &str, message: &str) {
    let message = printable::lines(message);
    raw(match is_colored() {
        true => format!("\x1b[1;{color}m{tag}\x1b[0m: {message}\n"),
        false => format!("{tag}: {message}\n"),
    });
}

fn is_colored() -> bool {
    anstream::AutoStream::choice(&io::stderr()) != anstream::ColorChoice::Never
}

fn messages() -> &'static Messages {
    MESSAGES.get_or_init(|| {
        let (queue, items) = sync_channel(QUEUE);
        let written = Arc::<AtomicU64>::default();
        let count = Arc::clone(&written);
        let thread = std::thread::Builder::new().name("messages".into());
        let thread = thread.spawn(move || write_all(&items, &count));
        Messages { queue: thread.is_ok().then_some(queue), stalled: AtomicBool::new(false), written }
    })
}

impl Messages {
    fn send(&self, mut item: Item, patience: Duration) {
        let Some(queue) = &self.queue else { return write(item) };
        let deadline = Instant::now() + patience;
        loop {
            match queue.try_send(item) {
                Ok(()) => return self.stalled.store(false, Ordering::Relaxed),
                Err(TrySendError::Disconnected(_)) => return,
                Err(TrySendError::Full(back)) => item = back,
            }
            if self.stalled.load(Ordering::Relaxed) || Instant::now() >= deadline {
                return self.stalled.store(true, Ordering::Relaxed);
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

fn write_all(items: &Receiver<Item>, written: &AtomicU64) {
    for item in items {
        write(item);
        written.fetch_add(1, Ordering::Relaxed);
    }
}

fn write(item: Item) {
    match item {
        // One write for each message, so that lines of several processes are not mixed.
        Item::Text(text) => drop(io::stderr().write_all(text.as_bytes())),
        Item::Flush(done) => drop(done.send(())),
    }
}
