//! A served page in a real browser.

use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, TcpListener, TcpStream};
use std::sync::mpsc::{self, Sender};
use std::thread;
use std::time::Duration;

use gansweep_report::serve::{ServeOptions, Server};

use crate::support::Synthetic;
use crate::support::browser::{browser, console_of};
use crate::support::checked::{WATCH, assert_all_ok, tools};

#[test]
fn a_served_page_loads_again_when_the_database_changes_and_keeps_what_the_reader_chose() {
    let Some(browser) = browser() else { return };
    let folder = tempfile::tempdir().unwrap();
    Synthetic::default().record(folder.path());
    let options = ServeOptions {
        results: folder.path().to_owned(),
        host: IpAddr::V4(Ipv4Addr::LOCALHOST),
        port: 0,
        token: false,
    };
    let server = Server::bind(&options).unwrap();
    let address = server.url().trim_start_matches("http://").trim_end_matches('/').to_owned();
    thread::spawn(move || server.run());
    // The first load waits for the second: the page is not asked to load again, it does so by itself.
    let script = "const { live } = document.documentElement.dataset;
        const before = sessionStorage.getItem('checked-version');
        if (before === null) {
            sessionStorage.setItem('checked-version', live);
            set('[data-control=filter]', 'hidden=128');
            await until(() => one('.matches').textContent === '4 of 8 runs');
            await new Promise(() => {});
        }
        check('the page shows another version', () => that(live !== before, live));
        check('the filter is as the reader left it', () => equal(one('.matches').textContent, '4 of 8 runs'));
        await until(() => one('button.live').dataset.kind === 'live');
        check('the page follows the database', () => equal(one('button.live').dataset.kind, 'live'));
        await show('.samples');
        const image = () => one(\".sample[data-run='0'] img\");
        await until(() => image().naturalWidth > 0);
        check('images come from the server', () => that(image().getAttribute('src').startsWith('/grid/')));
        check('no fault was reported', () => equal(window.faults, []));
        say('end');";
    let (paths, asked) = mpsc::channel();
    let proxy = Proxy { address, addition: format!("{}{script}", tools()), paths };
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let url = format!("http://{}/sweep/lr", listener.local_addr().unwrap());
    thread::spawn(move || proxy.run(&listener));
    let profile = folder.path().to_owned();
    let lines = thread::spawn(move || console_of(&browser, &profile, &url, &[]));
    // The page that follows the database is there; now there is something new.
    while asked.recv_timeout(Duration::from_mins(2)).unwrap() != "/events" {}
    Synthetic { name: "newer", rates: vec![9e-4], ..Synthetic::default() }.record(folder.path());
    assert_all_ok(&lines.join().unwrap(), 5);
}

/// Passes requests on to the server and puts checks into pages.
#[derive(Clone)]
struct Proxy {
    /// The server's host and port.
    address: String,
    /// The checks.
    addition: String,
    /// Receives the path of each request.
    paths: Sender<String>,
}

impl Proxy {
    fn run(&self, listener: &TcpListener) {
        for stream in listener.incoming().map_while(Result::ok) {
            let proxy = self.clone();
            // The browser drops connections when it likes.
            thread::spawn(move || proxy.pass_on(stream));
        }
    }

    /// One request and its response; then the connection is closed.
    fn pass_on(&self, mut client: TcpStream) -> io::Result<()> {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            client.read_exact(&mut byte)?;
            head.push(byte[0]);
        }
        let head = String::from_utf8_lossy(&head).replace("Connection: keep-alive", "Connection: close");
        let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
        let mut server = TcpStream::connect(&self.address)?;
        server.write_all(head.as_bytes())?;
        let is_page = path.starts_with("/sweep/");
        // Nobody listens any more after the first change.
        let _ = self.paths.send(path);
        if !is_page {
            io::copy(&mut server, &mut client)?;
            return Ok(());
        }
        let mut answer = String::new();
        server.read_to_string(&mut answer)?;
        let (_, page) = answer.split_once("\r\n\r\n").unwrap_or_default();
        let page = page.replacen("<head>", &format!("<head>{WATCH}"), 1);
        let (before, after) = page.rsplit_once("</body>").unwrap_or_default();
        write!(
            client,
            "HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\nConnection: close\r\n\r\n\
             {before}<script type=\"module\">{}</script></body>{after}",
            self.addition
        )
    }
}
