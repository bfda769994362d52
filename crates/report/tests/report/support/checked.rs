//! Pages with checks in them, which write a line per check on the console.

use std::fs;
use std::path::Path;

use gansweep_report::{ReportOptions, build, render};
use gansweep_store::Reader;

use super::browser::{browser, console_of};

/// Notes faults from the page's first moment on.
pub(crate) const WATCH: &str = "<script>window.faults = [];
addEventListener('error', (event) => faults.push(String(event.message)));
addEventListener('unhandledrejection', (event) => faults.push(String(event.reason)));
addEventListener('securitypolicyviolation', (event) => faults.push('forbidden: ' + event.blockedURI));
console.error = (...words) => faults.push(words.join(' '));</script>";

/// Uses the page and writes a line per check on its console.
pub(crate) const CHECKS: &str = include_str!("../checks.js");

pub(crate) fn assert_all_ok(lines: &[String], at_least: usize) {
    let bad: Vec<&String> = lines.iter().filter(|line| !line.ends_with(": ok")).collect();
    assert!(bad.is_empty(), "{bad:#?}");
    assert!(lines.len() >= at_least, "only {} checks ran: {lines:#?}", lines.len());
}

/// What separates the tools, the checks and the closing checks of [`CHECKS`].
const MARKER: &str = "// --- checks ---";

/// The tools and the closing checks around other checks.
pub(crate) fn with_tools(script: &str) -> String {
    let (_, closing) = CHECKS.rsplit_once(MARKER).unwrap();
    format!("{}{script}{closing}", tools())
}

/// The functions that checks use.
pub(crate) fn tools() -> &'static str {
    CHECKS.split_once(MARKER).unwrap().0
}

/// What the checks said of the folder's page; `None` where there is no browser.
pub(crate) fn lines_of(folder: &Path, checks: &str, flags: &[&str]) -> Option<Vec<String>> {
    lines_with(folder, checks, flags, &ReportOptions::default())
}

/// As [`lines_of`], of a page with other options.
pub(crate) fn lines_with(
    folder: &Path,
    checks: &str,
    flags: &[&str],
    options: &ReportOptions,
) -> Option<Vec<String>> {
    let browser = browser()?;
    let reader = Reader::open(folder).unwrap();
    let page = render(&build(&reader, options).unwrap(), &reader).unwrap();
    let page = page.replacen("<head>", &format!("<head>{WATCH}"), 1);
    Some(console_with(&browser, folder, &page, checks, flags))
}

/// What a script says that is run after a page's own. The folder takes the page and the browser's files.
pub(crate) fn console_with(
    browser: &Path,
    folder: &Path,
    page: &str,
    script: &str,
    flags: &[&str],
) -> Vec<String> {
    let end = page.rfind("</body>").unwrap();
    let page = format!("{}<script type=\"module\">{script}</script>{}", &page[..end], &page[end..]);
    let path = folder.join("checked.html");
    fs::write(&path, page).unwrap();
    console_of(browser, folder, &format!("file://{}", path.display()), flags)
}
