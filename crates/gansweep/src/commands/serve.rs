//! `gansweep serve`: the report pages over HTTP, which follow the database.

use std::net::{IpAddr, Ipv4Addr};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use clap::Args;
use gansweep_app::serve::{self, Connections, ServeRequest, Serving};

use crate::arguments::ResultsArgs;
use crate::failure::Failure;
use crate::{messages, output};

#[derive(Debug, Args)]
pub(crate) struct ServeArgs {
    /// Open the index in the browser.
    #[arg(long)]
    pub(crate) open: bool,
    /// Port; 0 for a free one [default: 8642, or a free one if it is taken]
    #[arg(long, value_name = "PORT")]
    pub(crate) port: Option<u16>,
    /// Address to listen on; any other than a loopback address asks for a token, which is in the printed address
    /// [default: 127.0.0.1]
    #[arg(long, value_name = "ADDRESS", value_parser = parse_host)]
    pub(crate) host: Option<IpAddr>,
    /// Ask for a token on the loopback interface too, on a machine with other users.
    #[arg(long)]
    pub(crate) token: bool,
    #[command(flatten)]
    pub(crate) results: ResultsArgs,
}

/// Runs the command. It ends with a signal.
pub(crate) fn run(args: &ServeArgs) -> Result<(), Failure> {
    let request = ServeRequest {
        results: args.results.results.clone(),
        host: args.host,
        port: args.port,
        token: args.token,
    };
    let serving = serve::bind(&request)?;
    let url = serving.url();
    if !request.results.exists() {
        let results = request.results.display();
        messages::print(&format!("{results} does not exist yet; the pages begin with the first sweep in it"));
        messages::flush();
    }
    output::print(&url)?;
    if args.open {
        open(&url)?;
    }
    Ok(serving.run()?)
}

/// An address, not a name that a server would have to look up, but for the one that is the same everywhere.
fn parse_host(text: &str) -> Result<IpAddr, String> {
    match text {
        "localhost" => Ok(IpAddr::V4(Ipv4Addr::LOCALHOST)),
        _ => text.parse().map_err(|_| "expected an IP address such as 127.0.0.1, 0.0.0.0 or ::1".to_owned()),
    }
}

/// How long an open page has to load what a sweep has recorded at its end.
const LAST_LOOK: Duration = Duration::from_secs(5);

/// A server that answers from a thread of its own for as long as the program runs.
pub(super) struct Background {
    pub(super) url: String,
    connections: Connections,
}

impl Background {
    /// Waits until open pages have had time to load the end of a sweep: they cannot once the program has ended.
    pub(super) fn wait_for_pages(&self) {
        self.connections.tell_end();
        let end = Instant::now() + LAST_LOOK;
        while self.connections.count() > 0 && Instant::now() < end {
            thread::sleep(Duration::from_millis(50));
        }
    }
}

/// Serves the pages from a thread of its own.
pub(super) fn in_background(results: &ResultsArgs) -> Result<Background, Failure> {
    let request = ServeRequest { results: results.results.clone(), host: None, port: None, token: false };
    let serving = serve::bind(&request)?;
    let (url, connections) = (serving.url(), serving.connections());
    let work = move || {
        if let Err(error) = Serving::run(serving) {
            messages::warning(&error);
        }
    };
    thread::Builder::new().name("serve".to_owned()).spawn(work)?;
    Ok(Background { url, connections })
}

/// Opens an address in the user's browser, from a thread that says so if there is none: the program that starts browsers
/// may take seconds to find that out.
fn open(url: &str) -> Result<(), Failure> {
    let (program, before): (_, &[&str]) = if cfg!(target_os = "macos") {
        ("open", &[])
    } else if cfg!(windows) {
        ("rundll32", &["url.dll,FileProtocolHandler"])
    } else {
        ("xdg-open", &[])
    };
    let mut command = Command::new(program);
    // The browser's messages would stand among the program's.
    command.args(before).arg(url).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let work = move || {
        if !command.status().is_ok_and(|status| status.success()) {
            messages::warning(&"no browser could be started; open the address above");
        }
    };
    thread::Builder::new().name("open".to_owned()).spawn(work)?;
    Ok(())
}
