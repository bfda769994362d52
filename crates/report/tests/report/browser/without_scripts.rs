//! What is read rather than used works without scripts.

use std::fs;
use std::path::Path;

use gansweep_protocol::Metric;
use gansweep_report::{ReportOptions, build, render};
use gansweep_store::Reader;

use crate::support::Synthetic;
use crate::support::browser::{browser, console_of};
use crate::support::checked::{WATCH, assert_all_ok, with_tools};

/// Checks a page in a frame that runs no scripts; `isShown(selector)` are its elements that take up room.
pub(super) fn assert_without_scripts(folder: &Path, options: &ReportOptions, script: &str, at_least: usize) {
    let reader = Reader::open(folder).unwrap();
    let page = render(&build(&reader, options).unwrap(), &reader).unwrap();
    let page = serde_json::to_string(&page).unwrap().replace('<', "\\u003c");
    let checks = with_tools(&format!(
        "const frame = one('iframe');
        frame.srcdoc = JSON.parse(one('#page').textContent);
        await new Promise((done) => frame.addEventListener('load', done, {{ once: true }}));
        const {{ contentDocument: inside }} = frame;
        const isShown = (selector) => [...inside.querySelectorAll(selector)].filter((element) => element.getBoundingClientRect().height > 0);
        {script}"
    ));
    let html = format!(
        "<!doctype html>{WATCH}<script type=\"application/json\" id=\"report-data\">{{\"sweeps\":[]}}</script>\
         <script type=\"application/json\" id=\"page\">{page}</script>\
         <iframe sandbox=\"allow-same-origin\" width=\"1200\" height=\"900\"></iframe>\
         <script type=\"module\">{checks}</script>"
    );
    let path = folder.join("without.html");
    fs::write(&path, html).unwrap();
    let Some(browser) = browser() else { return };
    let url = format!("file://{}", path.display());
    assert_all_ok(&console_of(&browser, folder, &url, &[]), at_least);
}

#[test]
fn findings_and_tables_need_no_script() {
    let folder = tempfile::tempdir().unwrap();
    Synthetic::ranked().record(folder.path());
    let objective = ReportOptions { objective: Some(Metric::ImagesPerSecond), ..ReportOptions::default() };
    let script = "check('no script runs', () => that(inside.querySelector('.plot').childElementCount === 0));
        check('the verdict', () => that(inside.body.innerText.includes('lr=1e-3 hidden=128 is best: all others are worse')));
        check('what matters', () => that(inside.body.innerText.includes('What explains images/s') && isShown('.shares .fill').length > 0));
        check('samples of the best config', () => that(isShown('.examples img').every((image) => image.naturalWidth > 0) && isShown('.examples img').length === 4));
        check('configs and runs', () => equal([isShown('.configtable tbody tr').length, isShown('.runtable tbody tr').length], [4, 24]));
        check('what needs scripts is left out', () => equal(isShown('.curves, .samples, .explore, .bar, .toolbar, .copy').length, 0));
        check('effects are there', () => that(isShown('.effects .forest li').length > 0));
        check('the last samples of every run', () => equal(isShown('.last img').filter((image) => image.naturalWidth > 0 && image.alt.startsWith('Samples of')).length, 24));
        check('and real images', () => equal(isShown('.last img').filter((image) => image.alt.startsWith('Real images of')).length, 1));
        check('the reader is told what is missing', () => that(inside.body.innerText.includes('need JavaScript')));";
    assert_without_scripts(folder.path(), &objective, script, 12);
}
