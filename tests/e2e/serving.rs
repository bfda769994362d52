//! `gansweep serve` and `sweep --live`, asked by a plain TCP client.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use crate::sandbox::{SMALL, Sandbox};

/// A server that ends with its test.
struct Server {
    child: Child,
    /// As printed.
    url: String,
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A response: its head and its body.
struct Answer {
    head: String,
    body: String,
}

impl Answer {
    fn status(&self) -> u16 {
        self.head.split(' ').nth(1).unwrap().parse().unwrap()
    }
}

impl Server {
    fn start(sandbox: &Sandbox, arguments: &[&str]) -> Self {
        let arguments = [&["serve", "--port", "0"], arguments].concat();
        let mut child = sandbox.command(&arguments).stdout(Stdio::piped()).spawn().unwrap();
        let mut url = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut url).unwrap();
        Self { child, url: url.trim().to_owned() }
    }

    fn port(&self) -> u16 {
        let (_, rest) = self.url.rsplit_once(':').unwrap();
        rest.split('/').next().unwrap().parse().unwrap()
    }

    fn get(&self, path: &str) -> Answer {
        ask(self.port(), &format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"))
    }

    /// What a page that follows the database is told, one version at a time.
    fn events(&self) -> impl Iterator<Item = String> + use<> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port())).unwrap();
        stream.set_read_timeout(Some(Duration::from_mins(1))).unwrap();
        stream.write_all(b"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
        let lines = BufReader::new(stream).lines().map_while(Result::ok);
        lines.filter_map(|line| line.strip_prefix("data: ").map(str::to_owned))
    }
}

fn ask(port: u16, request: &str) -> Answer {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(Duration::from_mins(1))).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).unwrap();
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    Answer { head: head.to_owned(), body: body.to_owned() }
}

#[test]
fn a_running_sweep_changes_the_page_and_tells_so() {
    let sandbox = Sandbox::new();
    let server = Server::start(&sandbox, &[]);
    assert!(server.url.starts_with("http://127.0.0.1:"), "{}", server.url);
    assert!(server.get("/").body.contains("There is no sweep yet"));
    let mut events = server.events();
    let before = events.next().unwrap();
    assert!(server.get("/").body.contains(&format!("data-live=\"{before}\"")));

    sandbox.write("small.toml", SMALL.replace("epochs = 4", "epochs = 60"));
    let mut sweep =
        sandbox.command(&["sweep", "small.toml", "--quiet"]).stdout(Stdio::null()).spawn().unwrap();
    let mut versions = vec![events.next().unwrap()];
    let deadline = Instant::now() + Duration::from_mins(1);
    // A page is seen while runs train, and has their data.
    let during = loop {
        versions.push(events.next().unwrap());
        let page = server.get("/sweep/small");
        if page.status() == 200 && page.body.contains("\"state\":\"running\"") && page.body.contains("/grid/")
        {
            break page.body;
        }
        assert!(Instant::now() < deadline, "{}", page.head);
    };
    assert!(!versions.contains(&before));
    assert!(sweep.wait().unwrap().success());
    // Changes are noticed within a moment.
    let end = Instant::now() + Duration::from_secs(20);
    let after = loop {
        let page = server.get("/sweep/small").body;
        if !page.contains("\"state\":\"running\"") {
            break page;
        }
        assert!(Instant::now() < end);
        std::thread::sleep(Duration::from_millis(100));
    };
    assert_ne!(during, after);
    assert!(server.get("/").body.contains("href=\"/sweep/small\""));

    // What the page loads is there.
    let (_, rest) = after.split_once("[\"/grid/").unwrap();
    let grid = format!("/grid/{}", rest.split('"').next().unwrap());
    let answer = server.get(&grid);
    assert!(answer.head.contains("image/png") && answer.body.contains("PNG"), "{}", answer.head);
    let (_, rest) = after.split_once("data-linked=\"/plotly-").unwrap();
    let library = server.get(&format!("/plotly-{}", rest.split('"').next().unwrap()));
    assert!(library.head.contains("immutable") && library.body.contains("plotly.js v"));
    assert!(!after.contains("self-contained"));
}

#[test]
fn other_sites_and_other_paths_get_nothing() {
    let sandbox = Sandbox::new();
    sandbox.write("small.toml", SMALL.replace("epochs = 4", "epochs = 1"));
    sandbox.run(&["sweep", "small.toml", "--quiet"]).well();
    sandbox.write("results/secret.txt", "not for the web");
    let server = Server::start(&sandbox, &[]);
    for host in ["evil.example", "evil.example:80", "192.168.1.1"] {
        let answer =
            ask(server.port(), &format!("GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"));
        assert_eq!(answer.status(), 403, "{host}");
        assert!(!answer.body.contains("small"));
    }
    for path in [
        "/secret.txt",
        "/../results/secret.txt",
        "/sweep/..%2Fsecret.txt",
        "/grid/../../secret.txt",
        "/grid/0123456789abcdef/0/raw.png",
        "/sweep/none",
        "/results.sqlite",
        "//etc/passwd",
        "/sweep/%2e%2e",
    ] {
        let answer = server.get(path);
        assert_eq!(answer.status(), 404, "{path}: {}", answer.body);
        assert!(!answer.body.contains("not for the web"));
    }
    let page = server.get("/sweep/small");
    for header in ["nosniff", "X-Frame-Options: DENY", "Cross-Origin-Resource-Policy: same-origin"] {
        assert!(page.head.contains(header), "{}", page.head);
    }
    assert!(!page.head.contains("Access-Control-Allow-Origin"));
    let posted = ask(server.port(), "POST / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    assert_eq!(posted.status(), 405);
    let nonsense = ask(server.port(), "\u{1}\u{2}nonsense\r\n\r\n");
    assert_eq!(nonsense.status(), 400);
    let head = ask(server.port(), "HEAD / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    assert_eq!((head.status(), head.body.as_str()), (200, ""));
    // The server is as it was.
    assert_eq!(server.get("/sweep/small").status(), 200);
}

#[test]
fn the_head_of_the_events_ends_without_any() {
    let sandbox = Sandbox::new();
    let server = Server::start(&sandbox, &[]);
    let mut stream = TcpStream::connect(("127.0.0.1", server.port())).unwrap();
    stream.set_read_timeout(Some(Duration::from_mins(1))).unwrap();
    stream.write_all(b"HEAD /events HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    let mut answer = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        assert!(answer.read_line(&mut head).unwrap() > 0, "{head}");
    }
    assert!(head.starts_with("HTTP/1.1 200 ") && head.contains("text/event-stream"), "{head}");
    // One byte is enough: a stream of events would not end.
    let mut body = Vec::new();
    answer.take(1).read_to_end(&mut body).unwrap();
    assert!(body.is_empty(), "{body:?}");
}

#[test]
fn hostile_names_stay_text() {
    let sandbox = Sandbox::new();
    let name = "../<script>alert(1)</script> & \\\"100 %?#";
    let experiment =
        SMALL.replace("name = \"small\"", &format!("name = \"{name}\"")).replace("epochs = 4", "epochs = 1");
    sandbox.write("hostile.toml", experiment);
    sandbox.run(&["sweep", "hostile.toml", "--quiet"]).well();
    let server = Server::start(&sandbox, &[]);
    let index = server.get("/").body;
    assert!(!index.contains("<script>alert"), "{index}");
    let (_, rest) = index.split_once("href=\"/sweep/").unwrap();
    let address = rest.split('"').next().unwrap();
    let page = server.get(&format!("/sweep/{address}"));
    assert_eq!(page.status(), 200, "{address}");
    assert!(!page.body.contains("<script>alert"));
}

#[test]
fn a_token_is_asked_for_and_kept_in_a_cookie() {
    let sandbox = Sandbox::new();
    let server = Server::start(&sandbox, &["--token"]);
    let (_, query) = server.url.split_once("/?").unwrap();
    assert_eq!(server.get("/").status(), 403);
    assert_eq!(server.get("/events").status(), 403);
    let entered = server.get(&format!("/?{query}"));
    assert_eq!(entered.status(), 303);
    let (_, rest) = entered.head.split_once("Set-Cookie: ").unwrap();
    let cookie = rest.split("\r\n").next().unwrap();
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax"), "{cookie}");
    let cookie = cookie.split(';').next().unwrap();
    let request =
        format!("GET / HTTP/1.1\r\nHost: any.example\r\nCookie: {cookie}\r\nConnection: close\r\n\r\n");
    assert_eq!(ask(server.port(), &request).status(), 200);
    sandbox.run(&["serve", "--port", &server.port().to_string()]).refused(&["cannot serve on", "--port"]);
    let everywhere = Server::start(&sandbox, &["--host", "0.0.0.0"]);
    assert!(everywhere.url.contains("/?token="), "{}", everywhere.url);
}

#[test]
fn a_sweep_serves_its_own_page_while_it_runs() {
    let sandbox = Sandbox::new();
    sandbox.write("small.toml", SMALL.replace("epochs = 4", "epochs = 60"));
    let mut sweep = sandbox
        .command(&["sweep", "small.toml", "--live"])
        .stderr(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(sweep.stderr.take().unwrap()).lines().map_while(Result::ok);
    let line = said.find(|line| line.contains("live at http://127.0.0.1:")).expect("an address");
    let port = line.rsplit(':').next().unwrap().trim_end_matches('/').parse().unwrap();
    let answer = ask(port, "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    assert_eq!(answer.status(), 200);
    let rest = std::thread::spawn(move || said.count());
    assert!(sweep.wait().unwrap().success());
    rest.join().unwrap();
}

#[test]
fn a_quiet_sweep_says_where_its_page_is_and_the_page_shows_its_end() {
    let sandbox = Sandbox::new();
    sandbox.write("small.toml", SMALL);
    let mut child = sandbox
        .command(&["sweep", "small.toml", "--live", "--quiet"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(child.stderr.take().unwrap());
    let mut printed = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    let mut line = String::new();
    said.read_line(&mut line).unwrap();
    let url = line.trim().strip_prefix("live at ").unwrap_or_default().to_owned();
    let server = Server { child, url };
    assert!(server.url.starts_with("http://127.0.0.1:"), "{line}");
    // An open page has a connection for its events: the program waits for it, and would be gone without.
    let mut events = server.events();
    events.next().unwrap();
    // The paths are printed last.
    assert!(printed.any(|line| line.starts_with("database")));
    // Pages make no pause then.
    assert!(events.any(|event| event.ends_with(" end")));
    // The last change may be noticed a moment later. A program that has ended refuses the connection.
    while !server.get("/sweep/small").body.contains("{\"state\":\"completed\",\"runs\":6}") {
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_run_is_animated_in_both_formats() {
    let sandbox = Sandbox::new();
    sandbox.write("small.toml", SMALL.replace("epochs = 4", "epochs = 2"));
    sandbox.run(&["sweep", "small.toml", "--quiet"]).well();
    let run = sandbox.runs_of("small").remove(0).id.to_string();
    let gif = sandbox.run(&["animate", &run[..8]]).well().stdout;
    let gif = std::fs::read(sandbox.path(gif.trim())).unwrap();
    assert!(gif.starts_with(b"GIF89a"));
    sandbox.run(&["animate", &run, "--out", "out/run.webp", "--frame-ms", "100"]).well();
    let webp = std::fs::read(sandbox.path("out/run.webp")).unwrap();
    assert!(webp.starts_with(b"RIFF") && webp.windows(4).filter(|bytes| bytes == b"ANMF").count() == 3);
    sandbox.run(&["animate", "ffffffff"]).refused(&["no run's id begins with `ffffffff`"]);
}
