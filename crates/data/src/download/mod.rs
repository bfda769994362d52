//! Downloads. Mirrors are tried in turn, and each file is checked before it is written to the disk.

use std::{
    fs,
    io::{self, Read, Write},
    path::Path,
    time::Duration,
};

use gansweep_base::file::NewFile;
use tracing::{info, warn};
use ureq::{
    Agent,
    config::{Config, ConfigBuilder},
    typestate::AgentScope,
};

use crate::{
    DataError, IoAction, LeftOut,
    declaration::{Archive, FileSpec},
    disk,
    error::Attempt,
    zip::Zip,
};

/// The longest download of one file. Every published `.gz` is shorter.
pub(crate) const MAX_COMPRESSED_BYTES: u64 = 64 << 20;
/// The longest download of an archive. EMNIST's has 562 MB.
const MAX_ARCHIVE_BYTES: u64 = 640 << 20;
/// The time for a whole archive: 160 kB/s for the longest.
const ARCHIVE_BODY: Duration = Duration::from_hours(1);
/// The number of bytes between reports of progress.
const CHUNK_BYTES: usize = 64 << 10;

/// The progress of making a dataset available.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Progress {
    /// A file is being downloaded.
    Download(Download),
    /// Pictures are being prepared.
    Images {
        /// Pictures that are prepared.
        done: usize,
        /// Pictures to prepare.
        total: usize,
    },
    /// Damaged pictures are left out.
    LeftOut(LeftOut),
}

/// The progress of a download.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Download {
    /// The name of the file, without `.gz`.
    pub file: &'static str,
    /// The URL.
    pub url: String,
    /// Bytes received.
    pub received: u64,
    /// The total number of bytes, if the server sends it.
    pub total: Option<u64>,
}

/// Time limits for a server.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Timeouts {
    /// For resolving its name, connecting, the beginning of the answer, and each read.
    pub(crate) silence: Duration,
    /// For a whole file.
    pub(crate) body: Duration,
}

impl Timeouts {
    /// The largest file, the training images of EMNIST's digits, has 60 MB: 15 minutes for it allow 66 kB/s.
    pub(crate) const DEFAULT: Self = Self { silence: Duration::from_secs(30), body: Duration::from_mins(15) };
}

/// A client with time limits. It verifies certificates and uses the usual proxy variables.
pub(crate) fn client(timeouts: Timeouts) -> ConfigBuilder<AgentScope> {
    let silence = Some(timeouts.silence);
    Config::builder()
        .user_agent(concat!("gansweep/", env!("CARGO_PKG_VERSION")))
        .timeout_resolve(silence)
        .timeout_connect(silence)
        .timeout_recv_response(silence)
        .timeout_per_read(silence)
        .timeout_recv_body(Some(timeouts.body))
}

/// Downloads files into `folder`, each complete and checked or not at all.
pub(crate) fn fetch(
    folder: &Path,
    files: &[FileSpec],
    mirrors: &[&str],
    agent: &Agent,
    progress: &mut dyn FnMut(Progress),
) -> Result<(), DataError> {
    // The mirror that worked is tried first for the next file, so that a dead one costs its timeout once.
    let mut mirrors = mirrors.to_vec();
    for file in files {
        let (bytes, served_by) = from_any(file, &mirrors, agent, progress)?;
        mirrors.swap(0, served_by);
        disk::write(&folder.join(file.name), &bytes)?;
    }
    Ok(())
}

/// Why files could not be taken from an archive.
pub(crate) enum ArchiveError {
    /// The download failed, or the archive is not the published one.
    Attempt(Attempt),
    /// The cache cannot be written.
    Data(DataError),
}

/// Downloads a ZIP archive beside `folder`, and writes those files of it into `folder`, each complete and
/// checked or not at all. The archive is deleted.
pub(crate) fn from_archive(
    folder: &Path,
    files: &[FileSpec],
    archive: Archive,
    agent: &Agent,
    progress: &mut dyn FnMut(Progress),
) -> Result<(), ArchiveError> {
    let url = archive.url;
    let failed = |problem: String| ArchiveError::Attempt(Attempt { url: url.to_owned(), problem });
    disk::make_folder(folder).map_err(ArchiveError::Data)?;
    let path = folder.join(archive.name);
    to_file(&path, archive.name, url, agent, progress)?;
    let extracted = files.iter().try_for_each(|file| {
        let bytes = extract(&path, file).map_err(&failed)?;
        disk::write(&folder.join(file.name), &bytes).map_err(ArchiveError::Data)
    });
    // It is of no use any more, and what remains of it does no harm.
    let _ = fs::remove_file(&path);
    extracted
}

fn extract(archive: &Path, file: &FileSpec) -> Result<Vec<u8>, String> {
    let member = format!("{}.gz", file.name);
    let read = Zip::open(archive).and_then(|mut zip| zip.read(&member, MAX_COMPRESSED_BYTES));
    let compressed = read.map_err(|error| format!("no sound ZIP archive: {error}"))?;
    unpack(&compressed, file)
}

/// Downloads an archive to a file, which is there when it is complete.
pub(crate) fn to_file(
    path: &Path,
    name: &'static str,
    url: &str,
    agent: &Agent,
    progress: &mut dyn FnMut(Progress),
) -> Result<(), ArchiveError> {
    let cannot_write =
        |source| ArchiveError::Data(DataError::Io { action: IoAction::Write, path: path.to_owned(), source });
    let mut file = NewFile::create_own(path).map_err(cannot_write)?;
    let limits = Limits { bytes: MAX_ARCHIVE_BYTES, body: Some(ARCHIVE_BODY) };
    let mut written = Ok(());
    let received = receive(name, url, agent, &limits, progress, &mut |bytes| {
        written = file.write_all(bytes);
        written.is_ok()
    });
    written.map_err(cannot_write)?;
    if let Err(error) = received {
        let problem = error.to_string();
        warn!(url, problem, "download failed");
        return Err(ArchiveError::Attempt(Attempt { url: url.to_owned(), problem }));
    }
    file.finish().map_err(cannot_write)?;
    info!(url, "downloaded");
    Ok(())
}

/// The uncompressed bytes, and the index of the mirror that they come from.
fn from_any(
    file: &FileSpec,
    mirrors: &[&str],
    agent: &Agent,
    progress: &mut dyn FnMut(Progress),
) -> Result<(Vec<u8>, usize), DataError> {
    let mut attempts = Vec::new();
    for (index, mirror) in mirrors.iter().enumerate() {
        let url = format!("{mirror}{}.gz", file.name);
        match from_one(file, &url, agent, progress) {
            Ok(bytes) => {
                info!(url, bytes = bytes.len(), "downloaded");
                return Ok((bytes, index));
            }
            Err(problem) => {
                warn!(url, problem, "download failed");
                attempts.push(Attempt { url, problem });
            }
        }
    }
    Err(DataError::Download { dataset: file.dataset, file: file.name, attempts, looked_in: Vec::new() })
}

/// The checked uncompressed bytes, or why this mirror failed.
fn from_one(
    file: &FileSpec,
    url: &str,
    agent: &Agent,
    progress: &mut dyn FnMut(Progress),
) -> Result<Vec<u8>, String> {
    let limits = Limits { bytes: MAX_COMPRESSED_BYTES, body: None };
    let mut compressed = Vec::new();
    let mut keep = |bytes: &[u8]| {
        compressed.extend_from_slice(bytes);
        true
    };
    receive(file.name, url, agent, &limits, progress, &mut keep).map_err(|error| error.to_string())?;
    unpack(&compressed, file)
}

/// The checked uncompressed bytes of a published `.gz`.
fn unpack(compressed: &[u8], file: &FileSpec) -> Result<Vec<u8>, String> {
    disk::check_compressed(compressed, file).map_err(|fault| fault.to_string())?;
    let bytes = disk::gunzip(compressed, file).map_err(|error| format!("no sound gzip file: {error}"))?;
    disk::check(&bytes, file).map_err(|fault| fault.to_string())?;
    Ok(bytes)
}

/// The limits of one download.
struct Limits {
    bytes: u64,
    /// The time for the whole, if not the agent's.
    body: Option<Duration>,
}

/// Passes what a server sends to `keep`, piece by piece, until it returns false.
fn receive(
    name: &'static str,
    url: &str,
    agent: &Agent,
    limits: &Limits,
    progress: &mut dyn FnMut(Progress),
    keep: &mut dyn FnMut(&[u8]) -> bool,
) -> Result<(), ureq::Error> {
    let mut request = agent.get(url);
    if limits.body.is_some() {
        request = request.config().timeout_recv_body(limits.body).build();
    }
    let body = request.call()?.into_body();
    let total = body.content_length();
    let mut reader = body.into_with_config().limit(limits.bytes).reader();
    let mut received = 0;
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        let download = Download { file: name, url: url.to_owned(), received, total };
        progress(Progress::Download(download));
        match reader.read(&mut chunk) {
            Ok(0) => return Ok(()),
            Ok(count) => {
                received += count as u64;
                if !keep(&chunk[..count]) {
                    return Ok(());
                }
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error.into()),
        }
    }
}

#[cfg(test)]
mod tests;
