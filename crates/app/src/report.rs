//! Writes the report page.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use gansweep_base::digest::sha256;
use gansweep_base::file;
use gansweep_report::ReportOptions;
use gansweep_store::Reader;

use crate::compare::known_metric;
use crate::{AppError, check, recorded};

/// The name of the page of all sweeps.
const ALL_SWEEPS: &str = "report";
/// The longest name of a page, without extension and digest: file systems take 255 bytes, and a temporary file
/// with a longer name is written first.
const MAX_NAME_BYTES: usize = 120;
/// Interval at which the writing of a page is checked for cancellation.
const CANCEL_INTERVAL: Duration = Duration::from_millis(20);
/// The digits of a digest in a page's name.
const DIGEST_DIGITS: usize = 16;

/// Which sweeps to show, and where.
#[derive(Debug, Clone)]
pub struct ReportRequest {
    /// Folder of the database.
    pub results: PathBuf,
    /// Names of sweeps; all of them if none is named.
    pub sweeps: Vec<String>,
    /// The output file. By default a file in the results folder: the page of the sweep if one is named, else
    /// `report.html`.
    pub out: Option<PathBuf>,
    /// Name of the metric that configs are ranked by; without it, the first recorded one that says which run is better.
    pub objective: Option<String>,
    /// Maximum size in bytes of one sweep's sample grids in the page; 0 for none, `None` for the default.
    pub max_image_bytes: Option<u64>,
    /// Whether to write a folder with the images as files beside the page instead of one file; `out` is then the folder.
    pub split: bool,
}

/// Writes the page and returns its path.
pub fn make(request: &ReportRequest) -> Result<PathBuf, AppError> {
    let results = &request.results;
    if request.split {
        return make_split(request);
    }
    let page = match (&request.out, request.sweeps.as_slice()) {
        (Some(page), _) => page.clone(),
        (None, [name]) => page_of(results, name),
        (None, _) => results.join(format!("{ALL_SWEEPS}.html")),
    };
    let owner = if request.out.is_some() { Owner::User } else { Owner::Program };
    let objective = request.objective.as_deref().map(known_metric).transpose()?;
    let defaults = ReportOptions::default();
    let options = ReportOptions {
        sweeps: request.sweeps.clone(),
        objective,
        max_image_bytes: request.max_image_bytes.unwrap_or(defaults.max_image_bytes),
        ..defaults
    };
    write(results, options, &page, owner)?;
    Ok(page)
}

/// Writes the page with its images as files. They take nothing of the page's size, so that no epoch is left out by
/// default.
fn make_split(request: &ReportRequest) -> Result<PathBuf, AppError> {
    let name = match request.sweeps.as_slice() {
        [name] => page_name(name),
        _ => ALL_SWEEPS.to_owned(),
    };
    let folder = request.out.clone().unwrap_or_else(|| request.results.join(format!("{name}-page")));
    let reader = recorded::open(&request.results)?;
    require(&reader, &request.sweeps)?;
    let options = ReportOptions {
        sweeps: request.sweeps.clone(),
        damage: check::for_report(&reader),
        objective: request.objective.as_deref().map(known_metric).transpose()?,
        max_image_bytes: request.max_image_bytes.unwrap_or(u64::MAX),
        ..ReportOptions::default()
    };
    let context = gansweep_report::build(&reader, &options)?;
    Ok(gansweep_report::write_split(&context, &reader, &folder)?)
}

/// The default path of a sweep's page. Different sweeps have different pages, and none has the page of all sweeps.
pub fn page_of(results: &Path, sweep: &str) -> PathBuf {
    results.join(format!("{}.html", page_name(sweep)))
}

/// A file name for a sweep: its own name where that is a file name everywhere, else something similar with a
/// digest of the name. A name that looks as if it had a digest gets one too, so that it is no other's page.
///
/// Some file systems take names that differ in case for the same, so that a name with capitals has a digest.
fn page_name(sweep: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "-_".contains(c);
    let (_, ending) = sweep.rsplit_once('-').unwrap_or_default();
    let ends_in_digest = ending.len() == DIGEST_DIGITS && ending.bytes().all(|byte| byte.is_ascii_hexdigit());
    let fits = sweep.len() <= MAX_NAME_BYTES
        && sweep.chars().all(|c| is_plain(c) && is_folded(c))
        && !sweep.is_empty();
    if fits && !ends_in_digest && sweep != ALL_SWEEPS {
        return sweep.to_owned();
    }
    let plain: String = sweep.chars().map(|c| if is_plain(c) { c } else { '-' }).collect();
    let short = &plain[..plain.floor_char_boundary(MAX_NAME_BYTES)];
    format!("{short}-{}", &sha256(sweep)[..DIGEST_DIGITS])
}

/// Whether a character is the one that stands for all that differ from it in case: `k`, and not `K` or the Kelvin sign.
/// Letters that Korean syllables are made of are not, since some file systems compose them.
fn is_folded(c: char) -> bool {
    let folded = c.to_uppercase().flat_map(char::to_lowercase);
    folded.eq([c]) && !('\u{1100}'..='\u{11ff}').contains(&c)
}

/// Who chose the path of a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Owner {
    /// A link is followed.
    User,
    /// A link is replaced.
    Program,
}

/// Writes the page, with a notice of what is damaged.
fn write(results: &Path, options: ReportOptions, page: &Path, owner: Owner) -> Result<(), AppError> {
    let reader = recorded::open(results)?;
    require(&reader, &options.sweeps)?;
    let options = ReportOptions { damage: check::for_report(&reader), ..options };
    let context = gansweep_report::build(&reader, &options)?;
    match owner {
        Owner::User => {
            let unwritable = |source| AppError::File { path: page.to_owned(), source };
            file::make_folder_of(page).map_err(unwritable)?;
            gansweep_report::write(&context, &reader, page)?;
        }
        Owner::Program => gansweep_report::write_own(&context, &reader, page)?,
    }
    Ok(())
}

/// Refuses names that no sweep has, before the search for damage takes its time.
fn require(reader: &Reader, sweeps: &[String]) -> Result<(), AppError> {
    Ok(sweeps.iter().try_for_each(|name| reader.sweep(name).map(drop))?)
}

/// Writes the page of a sweep, unless `cancelled` returns true meanwhile: that of a large sweep takes seconds.
pub(crate) fn write_unless(
    results: &Path,
    sweep: &str,
    page: &Path,
    cancelled: &dyn Fn() -> bool,
) -> Result<(), AppError> {
    let options = || ReportOptions { sweeps: vec![sweep.to_owned()], ..ReportOptions::default() };
    let (folder, of_thread, path) = (results.to_owned(), options(), page.to_owned());
    let work = move || write(&folder, of_thread, &path, Owner::Program);
    match on_thread(work, cancelled) {
        Ok(written) => written,
        Err(Unfinished::NoThread) => write(results, options(), page, Owner::Program),
        Err(Unfinished::Cancelled) => Err(AppError::ReportSkipped { sweep: sweep.to_owned() }),
        Err(Unfinished::Panicked) => Err(AppError::ReportFailed),
    }
}

/// Why work on a thread has no result.
#[derive(Debug, PartialEq, Eq)]
enum Unfinished {
    NoThread,
    Cancelled,
    Panicked,
}

/// Does work on a thread, and waits for it until `cancelled` returns true. The thread is left to itself then: the program ends,
/// or the work does and nobody takes its result.
fn on_thread<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
    cancelled: &dyn Fn() -> bool,
) -> Result<T, Unfinished> {
    let (done, result) = mpsc::channel();
    let work = move || {
        // Nobody listens after a cancellation.
        let _ = done.send(work());
    };
    thread::Builder::new().name("report".to_owned()).spawn(work).map_err(|_| Unfinished::NoThread)?;
    loop {
        match result.recv_timeout(CANCEL_INTERVAL) {
            Ok(value) => return Ok(value),
            Err(RecvTimeoutError::Timeout) if cancelled() => return Err(Unfinished::Cancelled),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return Err(Unfinished::Panicked),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn work_on_a_thread_gives_its_result_or_is_left_to_itself() {
        assert_eq!(on_thread(|| 7, &|| false), Ok(7));
        assert_eq!(on_thread(|| panic!("a test"), &|| false), Err::<(), _>(Unfinished::Panicked));
        let (never, blocks) = mpsc::channel::<()>();
        assert_eq!(on_thread(move || blocks.recv(), &|| true), Err(Unfinished::Cancelled));
        drop(never);
    }

    #[test]
    fn a_plain_name_is_the_name_of_its_page() {
        for name in ["lr", "gan-lr", "a_b-2", "märz", "数字"] {
            assert_eq!(
                page_of(Path::new("results"), name),
                Path::new("results").join(format!("{name}.html"))
            );
        }
    }

    #[test]
    fn names_that_look_alike_have_pages_of_their_own() {
        let taken = page_name("gan/lr");
        let names =
            ["gan/lr", "gan-lr", "gan lr", "gan.lr", "report", "-report", "", ".", "..", "/", "-", &taken];
        let long = ["x".repeat(100), "字".repeat(100), format!("{}数", "字".repeat(99)), "👩".repeat(100)];
        let names = names.into_iter().chain(long.iter().map(String::as_str));
        let pages: Vec<String> = names.map(page_name).collect();
        assert_eq!(pages.iter().collect::<HashSet<_>>().len(), pages.len(), "{pages:?}");
        assert!(!pages.contains(&ALL_SWEEPS.to_owned()));
        // With its extension and those of a temporary file.
        assert!(pages.iter().all(|page| page.len() + 30 <= 255), "{pages:?}");
    }

    #[test]
    fn names_that_differ_in_case_alone_have_pages_that_differ_in_more() {
        let names = ["lr", "LR", "Lr", "k", "\u{212a}", "K", "märz", "MÄRZ", "s", "ſ", "σ", "ς", "Report"];
        let folded = |name: &&str| page_name(name).to_lowercase().to_uppercase();
        let pages: HashSet<String> = names.iter().map(folded).collect();
        assert_eq!(pages.len(), names.len(), "{pages:?}");
        assert!(!pages.contains("REPORT"));
    }

    proptest! {
        #[test]
        fn different_names_have_different_pages(one in "[a/. -]{1,4}(-[0-9a-f]{16})?", other in "[a/. -]{1,4}(-[0-9a-f]{16})?") {
            prop_assert_eq!(page_name(&one) == page_name(&other), one == other);
            prop_assert!(!page_name(&one).contains(['/', '.', ' ']));
        }
    }
}
