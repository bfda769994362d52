//! Downloads. Mirrors are tried in turn, and each file is checked before it is written to the disk.

use std::{
    io::{self, Read},
    path::Path,
    time::Duration,
};

use tracing::{info, warn};
use ureq::{
    Agent,
    config::{Config, ConfigBuilder},
    typestate::AgentScope,
};

use crate::{DataError, declaration::FileSpec, disk, error::Attempt};

/// The longest download. Every published `.gz` is shorter.
const MAX_COMPRESSED_BYTES: u64 = 48 << 20;
/// The number of bytes between reports of progress.
const CHUNK_BYTES: usize = 64 << 10;

/// The progress of a download.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
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
    /// The largest file, KMNIST's training images, has 18 MB: 15 minutes for it allow 20 kB/s.
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
        disk::write(&folder.join(file.name()), &bytes)?;
    }
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
        let url = format!("{mirror}{}.gz", file.name());
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
    Err(DataError::Download { dataset: file.dataset, file: file.name(), attempts })
}

/// The checked uncompressed bytes, or why this mirror failed.
fn from_one(
    file: &FileSpec,
    url: &str,
    agent: &Agent,
    progress: &mut dyn FnMut(Progress),
) -> Result<Vec<u8>, String> {
    let compressed = receive(file, url, agent, progress).map_err(|error| error.to_string())?;
    let bytes =
        disk::gunzip(compressed.as_slice(), file).map_err(|error| format!("no sound gzip file: {error}"))?;
    disk::check(&bytes, file).map_err(|fault| fault.to_string())?;
    Ok(bytes)
}

fn receive(
    file: &FileSpec,
    url: &str,
    agent: &Agent,
    progress: &mut dyn FnMut(Progress),
) -> Result<Vec<u8>, ureq::Error> {
    let body = agent.get(url).call()?.into_body();
    let total = body.content_length();
    let mut reader = body.into_with_config().limit(MAX_COMPRESSED_BYTES).reader();
    let mut received = Vec::new();
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        progress(Progress { file: file.name(), url: url.to_owned(), received: received.len() as u64, total });
        match reader.read(&mut chunk) {
            Ok(0) => return Ok(received),
            Ok(count) => received.extend_from_slice(&chunk[..count]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error.into()),
        }
    }
}

#[cfg(test)]
mod tests;
