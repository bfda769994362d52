//! The page as text and as a file.

use std::collections::HashSet;
use std::fs;

use crate::support::{Outcome, Synthetic};
use gansweep_protocol::Metric;
use gansweep_report::{ReportError, ReportOptions, build, render, write, write_split};
use gansweep_store::{Reader, Store};

fn page_of(synthetic: &Synthetic) -> String {
    let folder = tempfile::tempdir().unwrap();
    synthetic.record(folder.path());
    let reader = Reader::open(folder.path()).unwrap();
    render(&build(&reader, &ReportOptions::default()).unwrap(), &reader).unwrap()
}

#[test]
fn the_page_is_one_document_that_forbids_every_request() {
    let page = page_of(&Synthetic::default());
    assert!(page.starts_with("<!doctype html>"));
    assert!(page.trim_end().ends_with("</html>"));
    assert!(page.contains("default-src 'none'"));
    for wanted in ["src=\"http", "src=\"//", "href=\"http", "href=\"//", "@import", "url(http", "url(//"] {
        assert!(!page.contains(wanted), "the page refers to something outside: {wanted}");
    }
}

#[test]
fn markup_in_names_stays_text() {
    let hostile = "</script><img src=x onerror=alert(1)>\"'&";
    let page = page_of(&Synthetic { name: hostile, description: hostile, ..Synthetic::default() });
    assert!(!page.contains("<img src=x"));
    assert!(page.contains("&lt;img src=x"));
    assert_eq!(page.matches("<script").count(), page.matches("</script>").count());
}

#[test]
fn no_two_elements_have_the_same_id() {
    let folder = tempfile::tempdir().unwrap();
    Synthetic::default().record(folder.path());
    Synthetic { name: "second", averaged: true, rates: vec![4e-4], ..Synthetic::default() }
        .record(folder.path());
    let reader = Reader::open(folder.path()).unwrap();
    let context = build(&reader, &ReportOptions::default()).unwrap();
    let page = render(&context, &reader).unwrap();
    // The rest is scripts.
    let (elements, _) = page.split_once("<script").unwrap();
    let mut ids = HashSet::new();
    for id in elements.split(" id=\"").skip(1).map(|rest| rest.split('"').next().unwrap()) {
        assert!(ids.insert(id), "{id}");
    }
    assert!(ids.contains("samples") && ids.contains("samples-1"), "{ids:?}");
}

#[test]
fn causes_of_unhappy_ends_are_in_the_table() {
    let page = page_of(&Synthetic::default());
    assert!(page.contains("the discriminator&#x27;s loss became NaN"));
    assert!(page.contains("the worker was killed by signal 9"));
}

#[test]
fn a_fallback_gets_a_banner_and_its_absence_none() {
    let banner = "<p class=\"banner\" role=\"note\">";
    let fallback = gansweep_config::Dataset::Strokes;
    assert!(page_of(&Synthetic { dataset: fallback, ..Synthetic::default() }).contains(banner));
    assert!(!page_of(&Synthetic::default()).contains(banner));
}

#[test]
fn grids_of_averages_stand_beside_those_of_weights_where_a_run_has_both() {
    let page = page_of(&Synthetic { averaged: true, ..Synthetic::default() });
    let grids = |source: &str, run: usize| {
        let start = format!("<script type=\"application/json\" id=\"{source}-0-{run}\">");
        let list = page.split_once(&start)?.1.split_once("</script>")?.0;
        let mut grids = serde_json::from_str::<Vec<String>>(list).unwrap();
        let last = page.split_once(&format!("<noscript id=\"last-{source}-0-{run}\">"))?.1;
        grids.push(last.split_once("base64,")?.1.split_once('"')?.0.to_owned());
        Some(grids)
    };
    let (raw, averaged) = (grids("raw", 0).unwrap(), grids("ema", 0).unwrap());
    assert_eq!((raw.len(), averaged.len()), (4, 4));
    assert_ne!(raw[3], averaged[3]);
    assert!(
        grids("raw", 4).is_some() && grids("ema", 4).is_none(),
        "the other learning rate keeps no average"
    );
    assert!(page.contains("data-option=\"wall-weights\""));
    assert!(!page_of(&Synthetic::default()).contains("data-option=\"wall-weights\""));
}

#[test]
fn a_sweep_without_points_and_grids_renders() {
    let page = page_of(&Synthetic { outcome: |_| Outcome::Waits, ..Synthetic::default() });
    assert!(page.contains("No run has recorded a sample grid yet."));
    assert!(page.contains("No run has recorded a point yet."));
}

#[test]
fn an_empty_database_renders() {
    let folder = tempfile::tempdir().unwrap();
    Store::open(folder.path()).unwrap();
    let reader = Reader::open(folder.path()).unwrap();
    let page = render(&build(&reader, &ReportOptions::default()).unwrap(), &reader).unwrap();
    assert!(page.contains("No sweeps yet"));
}

#[test]
fn the_file_replaces_an_older_one_and_nothing_stays_beside_it() {
    let folder = tempfile::tempdir().unwrap();
    Synthetic::default().record(folder.path());
    let reader = Reader::open(folder.path()).unwrap();
    let context = build(&reader, &ReportOptions::default()).unwrap();
    let out = tempfile::tempdir().unwrap();
    let path = out.path().join("report.html");
    fs::write(&path, "old").unwrap();
    write(&context, &reader, &path).unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), render(&context, &reader).unwrap());
    assert_eq!(fs::read_dir(out.path()).unwrap().count(), 1);
}

#[test]
fn a_folder_that_is_not_there_is_an_error_that_names_the_file() {
    let folder = tempfile::tempdir().unwrap();
    Synthetic::default().record(folder.path());
    let reader = Reader::open(folder.path()).unwrap();
    let context = build(&reader, &ReportOptions::default()).unwrap();
    let error = write(&context, &reader, &folder.path().join("nowhere/report.html")).unwrap_err();
    assert!(matches!(error, ReportError::Write { .. }));
    assert!(error.to_string().contains("nowhere/report.html"));
}

#[test]
fn a_grid_that_vanished_leaves_the_old_file_alone() {
    let folder = tempfile::tempdir().unwrap();
    Synthetic::default().record(folder.path());
    let reader = Reader::open(folder.path()).unwrap();
    let mut context = build(&reader, &ReportOptions::default()).unwrap();
    context.sweeps[0].runs[0].grids[0].step = 99_999;
    let path = folder.path().join("report.html");
    fs::write(&path, "old").unwrap();
    let error = write(&context, &reader, &path).unwrap_err();
    assert!(matches!(error, ReportError::MissingGrid { step: 99_999, .. }));
    assert_eq!(fs::read_to_string(&path).unwrap(), "old");
    let parts = fs::read_dir(folder.path())
        .unwrap()
        .filter(|entry| entry.as_ref().unwrap().file_name().to_string_lossy().ends_with(".part"));
    assert_eq!(parts.count(), 0);
}

#[test]
fn a_split_page_has_its_images_and_plotly_in_files() {
    let folder = tempfile::tempdir().unwrap();
    Synthetic::default().record(folder.path());
    let reader = Reader::open(folder.path()).unwrap();
    let context = build(&reader, &ReportOptions::default()).unwrap();
    let out = folder.path().join("page");
    let page = write_split(&context, &reader, &out).unwrap();
    let text = fs::read_to_string(page).unwrap();
    let whole = render(&context, &reader).unwrap();
    assert!(text.len() * 4 < whole.len(), "{} of {} bytes", text.len(), whole.len());
    // The last of each run stands a second time, for browsers without scripts.
    let named: HashSet<&str> =
        text.split("\"media/").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
    let grids: usize = context.sweeps[0].runs.iter().map(|run| run.grids.len()).sum();
    // Plotly is one more.
    assert_eq!(named.len(), grids + 1);
    for name in named {
        assert!(out.join("media").join(name).is_file(), "{name}");
    }
}

#[test]
fn images_of_the_best_config_are_files_of_a_split_page_too() {
    let folder = tempfile::tempdir().unwrap();
    Synthetic::ranked().record(folder.path());
    let reader = Reader::open(folder.path()).unwrap();
    let objective = Some(Metric::ImagesPerSecond);
    let context = build(&reader, &ReportOptions { objective, ..ReportOptions::default() }).unwrap();
    let out = folder.path().join("page");
    let text = fs::read_to_string(write_split(&context, &reader, &out).unwrap()).unwrap();
    let (_, findings) = text.split_once("<div class=\"examples\">").unwrap();
    let (findings, _) = findings.split_once("</section>").unwrap();
    let files: Vec<&str> =
        findings.split("src=\"").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
    assert_eq!(files.len(), 4);
    for file in files {
        assert!(file.starts_with("media/") && out.join(file).is_file(), "{file}");
    }
}

#[cfg(unix)]
#[test]
fn a_split_page_is_not_written_through_a_link() {
    let folder = tempfile::tempdir().unwrap();
    Synthetic::default().record(folder.path());
    let reader = Reader::open(folder.path()).unwrap();
    let context = build(&reader, &ReportOptions::default()).unwrap();
    let elsewhere = folder.path().join("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    std::os::unix::fs::symlink(&elsewhere, folder.path().join("page")).unwrap();
    assert!(write_split(&context, &reader, &folder.path().join("page")).is_err());
    assert_eq!(fs::read_dir(elsewhere).unwrap().count(), 0);
}
