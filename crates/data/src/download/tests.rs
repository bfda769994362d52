//! Downloads from servers on this machine that answer well, badly or not at all.

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    net::{TcpListener, TcpStream},
    path::Path,
    sync::{Arc, Mutex},
    thread,
};

use flate2::{Compression, write::GzEncoder};
use gansweep_base::digest::sha256;
use gansweep_config::Dataset;
use tempfile::TempDir;

use super::*;
use crate::{Split, digest::Digest, idx, names::Kind, published::MNIST};

/// How a server answers every request.
#[derive(Clone)]
enum Answer {
    /// With a status line, a declared length and a body.
    Body { status: &'static str, declared: usize, body: Vec<u8> },
    /// With the beginning of a body, and silence after it.
    Stall,
    /// Before it has understood the question.
    Blurt,
}

struct Server {
    mirror: String,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Server {
    fn start(answer: Answer) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mirror = format!("http://{}/set/", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&requests);
        thread::spawn(move || {
            for stream in listener.incoming() {
                serve(stream.unwrap(), &answer, &seen);
            }
        });
        Self { mirror, requests }
    }

    fn sound() -> Self {
        Self::of(gzip(&labels()))
    }

    fn of(body: Vec<u8>) -> Self {
        Self::start(Answer::Body { status: "200 OK", declared: body.len(), body })
    }

    fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

fn serve(mut stream: TcpStream, answer: &Answer, seen: &Mutex<Vec<String>>) {
    if matches!(answer, Answer::Blurt) {
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").unwrap();
    }
    let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
    let Some(Ok(request)) = lines.next() else { return };
    seen.lock().unwrap().push(request);
    while lines.next().is_some_and(|line| !line.unwrap().is_empty()) {}
    // A client that has seen enough may hang up at any moment.
    let _ = match answer {
        Answer::Body { status, declared, body } => {
            let head =
                format!("HTTP/1.1 {status}\r\nContent-Length: {declared}\r\nConnection: close\r\n\r\n");
            stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body))
        }
        Answer::Stall => {
            let sent = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\nfirst bytes");
            thread::spawn(move || {
                thread::sleep(Duration::from_secs(20));
                drop(stream);
            });
            sent
        }
        Answer::Blurt => Ok(()),
    };
}

/// A mirror that nobody listens at.
fn nobody() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    format!("http://{}/set/", listener.local_addr().unwrap())
}

fn labels() -> Vec<u8> {
    idx::encode_labels(&(0..10_000).map(|at| (at % 10) as u8).collect::<Vec<_>>())
}

/// A file whose published digest is that of [`labels`].
fn spec() -> FileSpec {
    let digest = Digest::Sha256(sha256(labels()).leak());
    FileSpec { digest, ..MNIST.file(Split::Test, Kind::Labels) }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// A client that waits for a second and asks no proxy.
fn agent() -> Agent {
    let timeouts = Timeouts { silence: Duration::from_secs(1), body: Duration::from_secs(10) };
    client(timeouts).proxy(None).build().new_agent()
}

fn fetch_labels(folder: &Path, mirrors: &[&str]) -> Result<Vec<Download>, DataError> {
    let mut progress = Vec::new();
    fetch(folder, &[spec()], mirrors, &agent(), &mut |step| match step {
        Progress::Download(download) => progress.push(download),
        Progress::Images { .. } | Progress::LeftOut(_) => panic!("{step:?}"),
    })?;
    Ok(progress)
}

fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

fn files_in(folder: &TempDir) -> Vec<String> {
    let name = |entry: Result<fs::DirEntry, _>| entry.unwrap().file_name().into_string().unwrap();
    fs::read_dir(folder).unwrap().map(name).collect()
}

/// What is said of the only mirror after a failed download, which must leave nothing in the folder.
fn problem_of(mirror: &str) -> String {
    let folder = folder();
    let error = fetch_labels(folder.path(), &[mirror]).unwrap_err();
    assert_eq!(files_in(&folder), [""; 0]);
    match error {
        DataError::Download { attempts, .. } => attempts.into_iter().next().unwrap().problem,
        other => panic!("{other}"),
    }
}

#[test]
fn a_sound_file_is_kept_uncompressed_and_its_progress_told() {
    let (folder, server) = (folder(), Server::sound());
    let progress = fetch_labels(folder.path(), &[&server.mirror]).unwrap();
    assert_eq!(files_in(&folder), ["t10k-labels-idx1-ubyte"]);
    assert_eq!(fs::read(folder.path().join("t10k-labels-idx1-ubyte")).unwrap(), labels());
    assert_eq!(server.requests(), ["GET /set/t10k-labels-idx1-ubyte.gz HTTP/1.1"]);
    let total = gzip(&labels()).len() as u64;
    assert!(progress.is_sorted_by_key(|step| step.received) && progress[0].received == 0);
    assert!(progress.iter().all(|step| step.total == Some(total)));
    assert_eq!(progress.last().unwrap().received, total);
}

#[test]
fn a_file_of_another_content_is_refused_by_its_digest() {
    let mut other = labels();
    other[100] ^= 1;
    let problem = problem_of(&Server::of(gzip(&other)).mirror);
    assert!(problem.contains(&format!("SHA-256 {}", sha256(&other))), "{problem}");
    assert!(problem.contains(spec().digest.hex()), "{problem}");
}

#[test]
fn a_body_that_ends_before_its_declared_length_is_refused() {
    let mut body = gzip(&labels());
    let declared = body.len();
    body.truncate(declared - 10);
    let server = Server::start(Answer::Body { status: "200 OK", declared, body });
    let problem = problem_of(&server.mirror);
    assert!(
        problem.contains("disconnected") || problem.contains("ended") || problem.contains("EOF"),
        "{problem}"
    );
}

#[test]
fn a_truncated_gzip_file_is_refused() {
    let mut body = gzip(&labels());
    body.truncate(body.len() - 10);
    let problem = problem_of(&Server::of(body).mirror);
    assert!(problem.contains("no sound gzip file"), "{problem}");
}

#[test]
fn a_page_in_place_of_the_file_is_refused() {
    let problem = problem_of(&Server::of(b"<html>please sign in</html>".to_vec()).mirror);
    assert!(problem.contains("no sound gzip file"), "{problem}");
}

#[test]
fn a_missing_file_is_looked_for_at_the_next_mirror_which_is_then_asked_first() {
    let absent = Server::start(Answer::Body { status: "404 Not Found", declared: 0, body: Vec::new() });
    let (folder, sound) = (folder(), Server::sound());
    let twice = [spec(), FileSpec { dataset: Dataset::Kmnist, ..spec() }];
    fetch(folder.path(), &twice, &[&absent.mirror, &sound.mirror], &agent(), &mut |_| ()).unwrap();
    assert_eq!([absent.requests().len(), sound.requests().len()], [1, 2]);
    assert_eq!(files_in(&folder), ["t10k-labels-idx1-ubyte"]);
}

#[test]
fn a_download_that_breaks_off_begins_anew_at_the_next_mirror() {
    let (folder, sound) = (folder(), Server::sound());
    let broken = Server::start(Answer::Body { status: "200 OK", declared: 9_000, body: gzip(&labels()) });
    fetch_labels(folder.path(), &[&broken.mirror, &sound.mirror]).unwrap();
    assert_eq!(files_in(&folder), ["t10k-labels-idx1-ubyte"]);
}

#[test]
fn a_refused_connection_is_told_with_everything_that_was_tried_and_the_way_out() {
    let (folder, one, other) = (folder(), nobody(), nobody());
    let error = fetch_labels(folder.path(), &[&one, &other]).unwrap_err().to_string();
    for part in [
        &one,
        &other,
        "refused",
        "fallback = \"strokes\"",
        "GANSWEEP_DATA_DIR",
        "t10k-labels-idx1-ubyte of mnist",
    ] {
        assert!(error.contains(part), "{part:?} in {error}");
    }
    assert_eq!(files_in(&folder), [""; 0]);
}

#[test]
fn a_server_that_does_not_speak_tls_is_refused() {
    let problem = problem_of(&Server::start(Answer::Blurt).mirror.replace("http:", "https:"));
    assert!(problem.contains("InvalidContentType"), "{problem}");
}

#[test]
fn a_server_that_falls_silent_is_given_up() {
    let problem = problem_of(&Server::start(Answer::Stall).mirror);
    assert!(problem.contains("timeout"), "{problem}");
}

#[test]
fn a_folder_that_cannot_be_written_is_named() {
    let folder = folder();
    let blocked = folder.path().join("a file");
    fs::write(&blocked, "").unwrap();
    let error = fetch_labels(&blocked.join("mnist"), &[&Server::sound().mirror]).unwrap_err();
    assert!(matches!(&error, DataError::Io { action: IoAction::Write, .. }), "{error}");
    assert!(error.to_string().contains("a file"), "{error}");
}
