//! Serves the report pages over HTTP.

use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;

pub use gansweep_report::serve::Connections;
use gansweep_report::serve::{ServeOptions, Server};

use crate::{AppError, recorded};

/// The port where none is asked for, so that an address that was kept works again. If it is taken, any is.
const USUAL_PORT: u16 = 8642;

/// What to serve, and where.
#[derive(Debug, Clone)]
pub struct ServeRequest {
    /// Folder of the database; it may not exist yet.
    pub results: PathBuf,
    /// The address to listen on; the loopback interface by default. Any other asks for a token.
    pub host: Option<IpAddr>,
    /// The port; 0 for a free one.
    pub port: Option<u16>,
    /// Whether to ask for a token on the loopback interface too.
    pub token: bool,
}

/// A server that listens, and answers once it runs.
#[derive(Debug)]
pub struct Serving(Server);

impl Serving {
    /// The address to open in a browser.
    pub fn url(&self) -> String {
        self.0.url()
    }

    /// Tells how many connections there are, also while it answers.
    pub fn connections(&self) -> Connections {
        self.0.connections()
    }

    /// Answers until the process ends.
    pub fn run(self) -> Result<(), AppError> {
        let address = self.url();
        self.0.run().map_err(|source| AppError::Serve { address, source })
    }
}

/// Listens on the address.
pub fn bind(request: &ServeRequest) -> Result<Serving, AppError> {
    // Marks runs of a killed program as interrupted. Whether there is a database yet is for the pages to say.
    let _ = recorded::open(&request.results);
    let host = request.host.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST));
    let on = |port| {
        let results = request.results.clone();
        Server::bind(&ServeOptions { results, host, port, token: request.token })
    };
    let port = request.port.unwrap_or(USUAL_PORT);
    let bound = match on(port) {
        Err(error) if request.port.is_none() && error.kind() == io::ErrorKind::AddrInUse => on(0),
        bound => bound,
    };
    bound.map(Serving).map_err(|source| AppError::Serve { address: format!("{host} port {port}"), source })
}
