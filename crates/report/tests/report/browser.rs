//! The page in a real browser: every control does what it says, and nothing is requested.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use gansweep_report::{ReportOptions, build, render};
use gansweep_store::{Reader, Store};

use crate::support::{Outcome, Spec, Synthetic};

/// Notes faults from the page's first moment on.
const WATCH: &str = "<script>window.faults = [];
addEventListener('error', (event) => faults.push(String(event.message)));
addEventListener('unhandledrejection', (event) => faults.push(String(event.reason)));
addEventListener('securitypolicyviolation', (event) => faults.push('forbidden: ' + event.blockedURI));
console.error = (...words) => faults.push(words.join(' '));</script>";

/// Uses the page and writes a line per check on its console.
const CHECKS: &str = include_str!("checks.js");

#[test]
fn every_control_of_the_page_works_in_a_browser() {
    let folder = tempfile::tempdir().unwrap();
    Synthetic::default().record(folder.path());
    let Some(lines) = lines_of(folder.path(), CHECKS) else { return };
    assert_all_ok(&lines, 20);
}

#[test]
fn unusual_sweeps_load_without_a_fault() {
    let folder = tempfile::tempdir().unwrap();
    let lone = Synthetic { rates: vec![2e-4], widths: vec![128], seeds: vec![7], ..Synthetic::default() };
    let hostile = "</script><script>alert(1)</script>";
    let diverged = |_| Outcome::Diverges(0.4);
    Synthetic { name: "lone", ..lone }.record(folder.path());
    Synthetic { name: "waiting", rates: vec![3e-4], outcome: |_| Outcome::Waits, ..Synthetic::default() }
        .record(folder.path());
    Synthetic { name: hostile, rates: vec![4e-4], outcome: diverged, ..Synthetic::default() }
        .record(folder.path());
    let script = "for (const tab of document.querySelectorAll('.tabs button')) { tab.click(); await frames(5); }
        check('three tabs', () => equal(document.querySelectorAll('.tabs button').length, 3));
        check('one sweep is shown', () => equal([...document.querySelectorAll('.sweep')].filter((sweep) => !sweep.hidden).length, 1));";
    let Some(lines) = lines_of(folder.path(), &with_tools(script)) else { return };
    assert_all_ok(&lines, 4);
}

#[test]
fn single_points_are_shown_as_markers() {
    let folder = tempfile::tempdir().unwrap();
    // One point of each run, at its end; and a curve with gaps around one point.
    let lone = Synthetic { rates: vec![2e-4], widths: vec![128], seeds: vec![7], ..Synthetic::default() };
    Synthetic { name: "one point", epochs: 1, points: 1, ..lone }.record(folder.path());
    let gaps = |_: &Spec, share: f64| match (share * 12.0).round() as u32 {
        3 | 4 | 9 => [1.0; 7],
        _ => [f64::NAN; 7],
    };
    let lone = Synthetic { rates: vec![3e-4], widths: vec![128], seeds: vec![7], ..Synthetic::default() };
    Synthetic { name: "gaps", curve: gaps, epochs: 1, points: 12, ..lone }.record(folder.path());
    let script = "const tabs = all('.tabs button');
        for (const name of ['gaps', 'one point']) {
            tabs.find((tab) => tab.textContent.trim() === name).click();
            await show('.sweep:not([hidden]) .curves');
            const plot = one('.sweep:not([hidden]) .chart .plot');
            const markers = plot.data.at(-2);
            check(`${name}: one marker`, () => equal([markers.mode, markers.x.length], ['markers', 1]));
            check(`${name}: it is finite`, () => that(Number.isFinite(markers.y[0]) && Number.isFinite(markers.x[0])));
            check(`${name}: it is drawn`, () => equal(plot.querySelectorAll('.scatterlayer .points path').length, 1));
            check(`${name}: it is inside of the ranges`, () => that(
                plot.layout.xaxis.range[0] < markers.x[0] && markers.x[0] < plot.layout.xaxis.range[1] &&
                plot.layout.yaxis.range[0] < markers.y[0] && markers.y[0] < plot.layout.yaxis.range[1]));
            const legend = one('.sweep:not([hidden]) .legend button');
            legend.dispatchEvent(new PointerEvent('pointerenter'));
            await frames(5);
            const canvas = plot.querySelector('canvas');
            const pixels = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
            check(`${name}: it can be highlighted`, () => that(pixels.some((value) => value > 0)));
        }";
    let Some(lines) = lines_of(folder.path(), &with_tools(script)) else { return };
    assert_all_ok(&lines, 12);
}

#[test]
fn an_empty_database_loads_without_a_fault() {
    let folder = tempfile::tempdir().unwrap();
    Store::open(folder.path()).unwrap();
    let script = "check('it says so', () => that(document.body.textContent.includes('No sweeps yet')));";
    let Some(lines) = lines_of(folder.path(), &with_tools(script)) else { return };
    assert_all_ok(&lines, 3);
}

fn assert_all_ok(lines: &[String], at_least: usize) {
    let bad: Vec<&String> = lines.iter().filter(|line| !line.ends_with(": ok")).collect();
    assert!(bad.is_empty(), "{bad:#?}");
    assert!(lines.len() >= at_least, "only {} checks ran: {lines:#?}", lines.len());
}

/// The tools and the closing checks around other checks.
fn with_tools(script: &str) -> String {
    let marker = "// --- checks ---";
    let (tools, rest) = CHECKS.split_once(marker).unwrap();
    let (_, closing) = rest.split_once(marker).unwrap();
    format!("{tools}{script}{closing}")
}

/// What the checks said of the folder's page; `None` where there is no browser.
fn lines_of(folder: &Path, checks: &str) -> Option<Vec<String>> {
    let browser = browser()?;
    let reader = Reader::open(folder).unwrap();
    let page = render(&build(&reader, &ReportOptions::default()).unwrap(), &reader).unwrap();
    let page = page.replacen("<head>", &format!("<head>{WATCH}"), 1);
    let end = page.rfind("</body>").unwrap();
    let page = format!("{}<script type=\"module\">{checks}</script>{}", &page[..end], &page[end..]);
    let path = folder.join("checked.html");
    fs::write(&path, page).unwrap();
    Some(console_of(&browser, folder, &path))
}

/// The first of Chromium's names on the path. Its absence is a failure where the tests must be
/// complete, which `CI=true` says.
fn browser() -> Option<PathBuf> {
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
fn console_of(browser: &Path, folder: &Path, page: &Path) -> Vec<String> {
    const PATIENCE: Duration = Duration::from_mins(3);
    let mut child = start(browser, folder, page);
    let output = BufReader::new(child.0.stderr.take().unwrap());
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let lines = output.lines().map_while(Result::ok);
        lines.filter_map(|line| said(&line)).try_for_each(|line| sender.send(line))
    });
    let deadline = Instant::now() + PATIENCE;
    let mut lines = Vec::new();
    loop {
        match receiver.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(line) if line == "end" => return lines,
            Ok(line) => lines.push(line),
            Err(error) => panic!("the checks did not come to their end ({error}); so far: {lines:#?}"),
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
fn start(browser: &Path, folder: &Path, page: &Path) -> Browser {
    let child = Command::new(browser)
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"])
        .args(["--disable-background-networking", "--disable-component-update", "--disable-sync"])
        .args(["--disable-dev-shm-usage", "--window-size=1440,1000", "--remote-debugging-port=0"])
        .arg("--enable-logging=stderr")
        .arg(format!("--user-data-dir={}", folder.join("profile").display()))
        .arg(format!("file://{}", page.display()))
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
