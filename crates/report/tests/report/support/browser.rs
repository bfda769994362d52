//! A browser without a window.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

/// The first of Chromium's names on the path. Its absence is a failure where the tests must be
/// complete, which `CI=true` says.
pub(crate) fn browser() -> Option<PathBuf> {
    const NAMES: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    let found = NAMES
        .iter()
        .flat_map(|name| folders.iter().map(move |folder| folder.join(name)))
        .find(|file| file.is_file());
    if found.is_none() {
        let message =
            "no chromium, chromium-browser or google-chrome on PATH; on Debian: apt-get install chromium";
        assert!(std::env::var("CI").as_deref() != Ok("true"), "{message}");
        eprintln!("skipped: {message}");
    }
    found
}

/// The checks' lines on the page's console, until the one that ends them.
///
/// On a machine with a high load, one of some 300 starts of Chromium showed no page and came to no end. A browser that
/// has said nothing at all is started a second time.
pub(crate) fn console_of(browser: &Path, folder: &Path, url: &str, flags: &[&str]) -> Vec<String> {
    let said = |profile: &str| lines_of(&mut start(browser, &folder.join(profile), url, flags));
    match said("profile") {
        Err((_, lines)) if lines.is_empty() => said("second-profile"),
        result => result,
    }
    .unwrap_or_else(|(error, lines)| {
        panic!("the checks did not come to their end ({error}); so far: {lines:#?}")
    })
}

/// All lines, or those until the browser ended or was silent for too long.
fn lines_of(browser: &mut Browser) -> Result<Vec<String>, (RecvTimeoutError, Vec<String>)> {
    const PATIENCE: Duration = Duration::from_mins(3);
    let output = BufReader::new(browser.0.stderr.take().unwrap());
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let lines = output.lines().map_while(Result::ok);
        lines.filter_map(|line| said(&line)).try_for_each(|line| sender.send(line))
    });
    let deadline = Instant::now() + PATIENCE;
    let mut lines = Vec::new();
    loop {
        match receiver.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(line) if line == "end" => return Ok(lines),
            Ok(line) => lines.push(line),
            Err(error) => return Err((error, lines)),
        }
    }
}

/// A browser that ends with its test, however that ends.
struct Browser(Child);

impl Drop for Browser {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Opens the page without a window. The debugging port is not used, but keeps the browser from
/// ending as soon as the page has loaded.
fn start(browser: &Path, profile: &Path, url: &str, flags: &[&str]) -> Browser {
    let child = Command::new(browser)
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"])
        .args(["--disable-background-networking", "--disable-component-update", "--disable-sync"])
        .args(["--disable-dev-shm-usage", "--window-size=1440,1000", "--remote-debugging-port=0"])
        .arg("--enable-logging=stderr")
        // Of flags that stand twice, the last counts.
        .args(flags)
        .arg(format!("--user-data-dir={}", profile.display()))
        .arg(url)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn();
    Browser(child.unwrap_or_else(|error| panic!("{} does not start: {error}", browser.display())))
}

/// What a line of the browser's log says if it is one of the checks'.
fn said(line: &str) -> Option<String> {
    let (_, said) = line.split_once("\"checks> ")?;
    let (said, _) = said.rsplit_once("\", source: ")?;
    Some(said.to_owned())
}
