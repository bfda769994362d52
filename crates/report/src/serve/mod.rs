//! The report over HTTP: an index of all sweeps, and each sweep's page, which reloads when there is new data.
//!
//! The server reads the database and nothing else: an address names a sweep, a run or a step, never a path. It
//! only answers GET and HEAD. A loopback server accepts requests whose `Host` is a name of the loopback interface,
//! so that another site's page cannot reach it through a DNS name that is made to point here. A server on any other
//! address asks for a token. Responses forbid being read, framed or embedded by other sites.
//!
//! The `httparse` crate parses requests. The rest of HTTP/1.1 that is used, requests without a body and responses
//! with a length, is less code than an async runtime has settings.

mod changes;
mod connection;
mod guard;
mod pages;
mod request;
mod response;
mod shared;

use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use changes::Changes;
use guard::Guard;
use pages::Pages;
use shared::Shared;

/// How many connections are served at the same time. A browser opens six.
const MOST_CONNECTIONS: usize = 128;

/// What to serve, and where.
#[derive(Debug, Clone)]
pub struct ServeOptions {
    /// The results folder; it may not exist yet.
    pub results: PathBuf,
    /// The address to listen on.
    pub host: IpAddr,
    /// The port; 0 for a free one.
    pub port: u16,
    /// Whether to ask for a token on the loopback interface too, where other users of the machine can connect.
    pub token: bool,
}

/// A server that listens and does not answer yet.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    shared: Arc<Shared>,
}

/// The connections of a server.
#[derive(Debug, Clone)]
pub struct Connections(Arc<Shared>);

impl Connections {
    /// How many are open: an open page has one for its events.
    pub fn count(&self) -> usize {
        self.0.connections.load(Ordering::SeqCst)
    }

    /// Tells open pages that the process is about to end, so that they load what is new without a pause.
    pub fn tell_end(&self) {
        self.0.changes.end();
    }
}

impl Server {
    /// Listens on the address.
    ///
    /// # Errors
    /// If the address cannot be had, or the system has no random numbers for a token.
    pub fn bind(options: &ServeOptions) -> io::Result<Self> {
        let listener = TcpListener::bind((options.host, options.port))?;
        let address = listener.local_addr()?;
        let guard = Guard::new(address, options.token || !options.host.is_loopback())?;
        let shared = Shared {
            guard,
            pages: Pages::new(options.results.clone()),
            changes: Changes::default(),
            connections: AtomicUsize::new(0),
        };
        Ok(Self { listener, address, shared: Arc::new(shared) })
    }

    /// The address to open in a browser, with the token if there is one.
    pub fn url(&self) -> String {
        self.shared.guard.url(self.address)
    }

    /// Tells how many connections there are, also while the server runs.
    pub fn connections(&self) -> Connections {
        Connections(Arc::clone(&self.shared))
    }

    /// Answers requests until the process ends.
    ///
    /// # Errors
    /// If a thread cannot be started at the beginning.
    pub fn run(self) -> io::Result<()> {
        let (shared, results) = (Arc::clone(&self.shared), self.shared.pages.results().to_owned());
        thread::Builder::new().name("changes".to_owned()).spawn(move || shared.changes.watch(&results))?;
        loop {
            match self.listener.accept() {
                Ok((stream, _)) => self.answer(stream),
                // No file handle is left, or the peer has gone: neither may end the server or spin it.
                Err(_) => thread::sleep(Duration::from_millis(50)),
            }
        }
    }

    fn answer(&self, stream: std::net::TcpStream) {
        let shared = Arc::clone(&self.shared);
        if shared.connections.fetch_add(1, Ordering::SeqCst) >= MOST_CONNECTIONS {
            shared.connections.fetch_sub(1, Ordering::SeqCst);
            return;
        }
        let work = move || {
            // A peer that goes away is its own affair.
            let _ = connection::serve(&stream, &shared);
            shared.connections.fetch_sub(1, Ordering::SeqCst);
        };
        if thread::Builder::new().name("connection".to_owned()).spawn(work).is_err() {
            self.shared.connections.fetch_sub(1, Ordering::SeqCst);
        }
    }
}
