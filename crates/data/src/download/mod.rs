//! Downloads: mirror after mirror, checked before anything reaches the disk.

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

/// More than any published `.gz` has; what goes on longer is no such file.
const MAX_COMPRESSED_BYTES: u64 = 48 << 20;
/// Progress is reported after so many bytes.
const CHUNK_BYTES: usize = 64 << 10;

/// How far a download is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    /// The name of the file, without `.gz`.
    pub file: &'static str,
    /// Where it comes from.
    pub url: String,
    /// Bytes received.
    pub received: u64,
    /// Bytes in all, when the server says so.
    pub total: Option<u64>,
}

/// How long a server may take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Patience {
    /// To resolve its name, to accept a connection, to answer, and between two pieces of a body.
    pub(crate) silence: Duration,
    /// For a whole body.
    pub(crate) body: Duration,
}

impl Patience {
    /// Half a minute without a sign of life, a quarter of an hour for 18 MB: 20 kB/s.
    pub(crate) const DEFAULT: Self = Self { silence: Duration::from_secs(30), body: Duration::from_mins(15) };
}

/// A client that verifies certificates, honours the usual proxy variables, and does not wait for ever.
pub(crate) fn client(patience: Patience) -> ConfigBuilder<AgentScope> {
    let silence = Some(patience.silence);
    Config::builder()
        .user_agent(concat!("gansweep/", env!("CARGO_PKG_VERSION")))
        .timeout_resolve(silence)
        .timeout_connect(silence)
        .timeout_recv_response(silence)
        .timeout_per_read(silence)
        .timeout_recv_body(Some(patience.body))
}

/// Puts the files into `folder`, each whole and checked or not at all.
pub(crate) fn fetch(
    folder: &Path,
    files: &[FileSpec],
    mirrors: &[&str],
    agent: &Agent,
    progress: &mut dyn FnMut(Progress),
) -> Result<(), DataError> {
    // The mirror that worked is asked first for the next file: a dead one costs its timeout once.
    let mut mirrors = mirrors.to_vec();
    for file in files {
        let (bytes, served_by) = from_any(file, &mirrors, agent, progress)?;
        mirrors.swap(0, served_by);
        disk::write(&folder.join(file.name()), &bytes)?;
    }
    Ok(())
}

/// The uncompressed bytes and the index of the mirror that had them.
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

/// The uncompressed bytes, checked; else what is wrong with this mirror.
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
