//! What the addresses show.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use gansweep_config::{RunId, RunState};
use gansweep_protocol::SampleSource;
use gansweep_store::{Reader, StoreError};

use super::changes::Changes;
use super::request::{Request, encoded};
use super::response::Response;
use crate::context::Shades;
use crate::page::{Index, IndexEntry, Live, Media, render_index, render_with};
use crate::{Images as _, ReportError, ReportOptions, assets, build, pixels};

/// Pages shorter than this pause follow changes at once; the page of a large sweep takes seconds to make, and the
/// machine has training to do.
const SHORTEST_PAUSE: Duration = Duration::from_secs(3);
/// How much longer than making a page the pause before the next is.
const PAUSE_FACTOR: u32 = 20;

/// Makes pages from the database, and keeps each until the database changes.
#[derive(Debug)]
pub(super) struct Pages {
    results: PathBuf,
    made: Mutex<HashMap<Option<String>, Made>>,
}

/// A page and the count of changes that it was made at.
#[derive(Debug)]
struct Made {
    count: u64,
    body: Arc<[u8]>,
}

impl Pages {
    pub(super) fn new(results: PathBuf) -> Self {
        Self { results, made: Mutex::default() }
    }

    pub(super) fn results(&self) -> &Path {
        &self.results
    }

    /// `/`, `/sweep/NAME`, `/grid/RUN/STEP/SOURCE.png` and `/plotly-DIGEST.js`.
    pub(super) fn answer(&self, request: &Request, changes: &Changes) -> Response {
        let path: Vec<&str> = request.path.iter().map(String::as_str).collect();
        let answer = match path.as_slice() {
            [] => self.page(None, changes, request),
            ["sweep", name] => self.page(Some(name), changes, request),
            ["grid", run, step, source] => self.grid(run, step, source),
            [name] if *name == assets::plotly().name => Ok(plotly()),
            _ => Ok(Response::not_found()),
        };
        answer.unwrap_or_else(|error| fault(&error))
    }

    fn page(
        &self,
        sweep: Option<&str>,
        changes: &Changes,
        request: &Request,
    ) -> Result<Response, ReportError> {
        let count = changes.count();
        let version = changes.version(count);
        let tag = format!("\"{version}\"");
        if request.if_none_match.as_deref() == Some(&tag) {
            return Ok(Response::new(304, "text/html; charset=utf-8", Vec::new()).with("ETag", tag));
        }
        // One page is made at a time: two readers who ask for the same one get the same, and training keeps its cores.
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        let key = sweep.map(str::to_owned);
        let body = match made.get(&key) {
            Some(page) if page.count == count => Arc::clone(&page.body),
            _ => {
                let body: Arc<[u8]> = match sweep {
                    Some(name) => sweep_page(&self.results, name, &version)?,
                    None => index(&self.results, &version)?,
                }
                .into_bytes()
                .into();
                // Only the newest page of each sweep, and none of sweeps that have gone.
                made.retain(|_, page| page.count == count);
                made.insert(key, Made { count, body: Arc::clone(&body) });
                body
            }
        };
        Ok(Response::html(200, body).with("ETag", tag))
    }

    fn grid(&self, run: &str, step: &str, source: &str) -> Result<Response, ReportError> {
        let source = SampleSource::ALL.into_iter().find(|known| format!("{}.png", known.name()) == source);
        let (Some(run), Ok(step), Some(source)) = (RunId::parse(run), step.parse(), source) else {
            return Ok(Response::not_found());
        };
        let png = Reader::open(&self.results)?.grid(&run, step, source)?;
        // A grid once recorded is that of its run and step for ever: a run is a function of its config and seed.
        Ok(Response::new(200, "image/png", pixels::compact(&png, Shades::ThirtyTwo).into_owned()).forever())
    }
}

fn sweep_page(results: &Path, name: &str, version: &str) -> Result<String, ReportError> {
    let start = Instant::now();
    let reader = Reader::open(results)?;
    let options = ReportOptions {
        sweeps: vec![name.to_owned()],
        max_image_bytes: u64::MAX,
        ..ReportOptions::default()
    };
    let context = build(&reader, &options)?;
    let pause = SHORTEST_PAUSE.max(start.elapsed() * PAUSE_FACTOR);
    let live = Live { version: version.to_owned(), pause_ms: pause.as_millis() as u64 };
    let mut page = String::new();
    render_with(&context, &reader, &mut Media::Served(live), &mut |text| {
        page.push_str(text);
        Ok(())
    })?;
    Ok(page)
}

fn index(results: &Path, version: &str) -> Result<String, ReportError> {
    let sweeps = match Reader::open(results) {
        Ok(reader) => reader.sweeps()?,
        Err(StoreError::NoDatabase { .. }) => Vec::new(),
        Err(error) => return Err(error.into()),
    };
    let entry = |row: gansweep_store::SweepRow| {
        let count = |wanted: &dyn Fn(RunState) -> bool| {
            row.states.iter().filter(|(state, _)| wanted(*state)).map(|(_, runs)| runs).sum::<u64>()
        };
        IndexEntry {
            segment: encoded(&row.name),
            runs: row.runs,
            completed: count(&|state| state == RunState::Completed),
            active: count(&RunState::is_active),
            failed: count(&|state| matches!(state, RunState::Failed | RunState::Diverged)),
            updated: crate::analyse::timestamp(row.updated_unix_ms),
            recipe: row.recipe,
            description: row.description,
            name: row.name,
        }
    };
    render_index(&Index {
        results: results.display().to_string(),
        live: Live { version: version.to_owned(), pause_ms: SHORTEST_PAUSE.as_millis() as u64 },
        // Newest first.
        sweeps: sweeps.into_iter().rev().map(entry).collect(),
    })
}

fn plotly() -> Response {
    Response::new(200, "text/javascript; charset=utf-8", assets::plotly().source.as_bytes()).forever()
}

fn fault(error: &ReportError) -> Response {
    let status = match error {
        ReportError::UnknownSweep { .. }
        | ReportError::MissingGrid { .. }
        | ReportError::Store(StoreError::NoDatabase { .. }) => 404,
        _ => 500,
    };
    Response::text(status, &error.to_string())
}
