//! Checkpoints that are damaged, exchanged, of another version, or no files at all: each is a typed error, without
//! a panic, without waiting, and without more memory than a good one takes.

use std::fs;
use std::path::Path;
use std::sync::{LazyLock, Mutex, PoisonError};

use gansweep_base::digest::sha256;
use gansweep_config::{Config, ConfigHash, DatasetSpec, ImageShape, RunId};
use gansweep_fixtures::config::{config, like_mnist};
use gansweep_fixtures::memory::{CountingAllocator, peak_of};
use gansweep_nn::state::LaneState;
use gansweep_protocol::Checkpoint;
use gansweep_train::checkpoint::{self, Expected, Snapshot, Written};
use gansweep_train::{CheckpointError, Tally};
use proptest::prelude::*;
use safetensors::tensor::{Dtype, TensorView};

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

fn spec() -> DatasetSpec {
    DatasetSpec { image: ImageShape { channels: 1, height: 4, width: 5 }, ..like_mnist() }
}

fn small(width: u32) -> Config {
    let hidden = format!("model.hidden={width}");
    config("fast", &["data.dataset=strokes", "model.latent_dim=3", &hidden, "train.batch_size=10"])
}

fn run(config: &Config) -> RunId {
    RunId::of(&ConfigHash::of(config), 1, "data")
}

/// A run in a results folder of its own, with a checkpoint of one step.
struct Saved {
    folder: tempfile::TempDir,
    config: Config,
    recorded: Checkpoint,
}

impl Saved {
    fn new(config: Config, step: u64) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let recorded = write(folder.path(), &config, step);
        Self { folder, config, recorded }
    }

    fn path(&self) -> std::path::PathBuf {
        self.folder.path().join(&self.recorded.path)
    }

    fn content(&self) -> Vec<u8> {
        fs::read(self.path()).unwrap()
    }

    /// Puts another content in place, and records it as if it had been written.
    fn replace(&mut self, content: &[u8]) {
        fs::write(self.path(), content).unwrap();
        self.recorded.bytes = content.len() as u64;
        self.recorded.sha256 = sha256(content);
    }

    fn read(&self) -> Result<Snapshot, CheckpointError> {
        let run = run(&self.config);
        let expected = Expected { run: Some(&run), config: &self.config, spec: &spec() };
        checkpoint::read(self.folder.path(), &self.recorded, &expected)
    }

    /// What is said of it.
    fn fault(&self) -> String {
        self.read().unwrap_err().to_string()
    }
}

fn write(folder: &Path, config: &Config, step: u64) -> Checkpoint {
    let mut state = LaneState::initial(config, &spec(), 1).unwrap();
    (state.step, state.generator_updates, state.discriminator_updates) = (step, step, step);
    let snapshot = Snapshot { run: run(config), state, tally: Tally::default() };
    let Written { path, bytes, sha256 } = checkpoint::write(folder, &snapshot, &mut || Ok(())).unwrap();
    Checkpoint { step, path, bytes, sha256, best: None }
}

/// The JSON header of a file, and the tensors after it.
fn parts(content: &[u8]) -> (serde_json::Value, &[u8]) {
    let (length, rest) = content.split_first_chunk().unwrap();
    let (header, tensors) = rest.split_at(u64::from_le_bytes(*length) as usize);
    (serde_json::from_slice(header).unwrap(), tensors)
}

fn joined(header: &serde_json::Value, tensors: &[u8]) -> Vec<u8> {
    let header = header.to_string();
    [&(header.len() as u64).to_le_bytes(), header.as_bytes(), tensors].concat()
}

#[test]
fn a_good_checkpoint_is_read() {
    let saved = Saved::new(small(6), 5);
    assert_eq!(saved.read().unwrap().state.step, 5);
}

#[test]
fn a_missing_file_is_told_from_one_that_is_of_no_use() {
    let saved = Saved::new(small(6), 5);
    fs::write(saved.path(), "damaged").unwrap();
    assert!(!saved.read().unwrap_err().is_missing());
    fs::remove_file(saved.path()).unwrap();
    assert!(saved.read().unwrap_err().is_missing());
    fs::remove_dir_all(saved.folder.path().join("checkpoints")).unwrap();
    assert!(saved.read().unwrap_err().is_missing());
}

#[test]
fn rows_that_were_exchanged_are_noticed() {
    // The checkpoint of another run, with its own digest.
    let mut saved = Saved::new(small(6), 5);
    let other = Saved::new(small(7), 5);
    saved.replace(&other.content());
    let (own, others) = (run(&saved.config), run(&other.config));
    assert_eq!(saved.fault(), format!("it is of run {others}, not of {own}"));
    // Of another step of the same run.
    let mut saved = Saved::new(small(6), 5);
    saved.replace(&Saved::new(small(6), 7).content());
    assert_eq!(saved.fault(), "it is of step 7, not of 5");
    // Of a run with the same id and another config, which only a hand-written database has.
    let mut saved = Saved::new(small(6), 5);
    saved.config = small(7);
    let expected = Expected { run: None, config: &saved.config, spec: &spec() };
    let error = checkpoint::read(saved.folder.path(), &saved.recorded, &expected).unwrap_err();
    assert!(error.to_string().starts_with("it does not fit its config: tensor "), "{error}");
}

#[test]
fn a_content_that_was_recorded_and_is_no_checkpoint_is_named_as_what_it_is() {
    let mut saved = Saved::new(small(6), 5);
    let good = saved.content();
    let (header, tensors) = parts(&good);
    let change = |of: &dyn Fn(&mut serde_json::Value)| {
        let mut metadata =
            serde_json::from_str(header["__metadata__"]["gansweep"].as_str().unwrap()).unwrap();
        of(&mut metadata);
        let mut header = header.clone();
        header["__metadata__"]["gansweep"] = metadata.to_string().into();
        joined(&header, tensors)
    };
    let foreign = {
        let bytes = [0; 8];
        let view = TensorView::new(Dtype::F64, vec![1], &bytes).unwrap();
        safetensors::serialize([("weight", view)], None).unwrap()
    };
    for (content, said) in [
        (
            change(&|metadata| metadata["format"] = "gansweep-checkpoint-0".into()),
            "format gansweep-checkpoint-0",
        ),
        (change(&|metadata| *metadata = serde_json::json!({"format": "gansweep-checkpoint-9"})), "format"),
        (change(&|metadata| metadata["step"] = "five".into()), "its metadata is wrong"),
        (change(&|metadata| metadata["step"] = u64::MAX.into()), "step 18446744073709551615"),
        (change(&|metadata| metadata["generator_updates"] = 4.into()), "do not make 5 steps"),
        (change(&|metadata| metadata["discriminator_updates"] = 6.into()), "do not make 5 steps"),
        (foreign, "no metadata of this program"),
        (Vec::new(), "header too small"),
        (good[..4].to_vec(), "header too small"),
        (good[..100].to_vec(), "invalid header length"),
        (good[..good.len() - 1].to_vec(), "incomplete metadata"),
        ([&u64::MAX.to_le_bytes()[..], &good[8..]].concat(), "header too large"),
        (b"PK\x03\x04 a zip".to_vec(), "header too large"),
    ] {
        saved.replace(&content);
        let fault = saved.read().unwrap_err();
        assert!(
            matches!(
                &fault,
                CheckpointError::Format(_) | CheckpointError::Misfit(_) | CheckpointError::Other { .. }
            ),
            "{fault:?}"
        );
        assert!(fault.to_string().contains(said), "{fault}, not {said}");
    }
}

#[test]
fn whatever_takes_the_place_of_the_file_is_an_error() {
    let saved = Saved::new(small(6), 5);
    let path = saved.path();
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    assert_eq!(saved.fault(), "it is a folder");
    fs::remove_dir(&path).unwrap();
    #[cfg(unix)]
    {
        for target in ["/dev/zero", "/dev/null", "/dev/stdin"] {
            std::os::unix::fs::symlink(target, &path).unwrap();
            saved.read().unwrap_err();
            fs::remove_file(&path).unwrap();
        }
        let made = std::process::Command::new("mkfifo").arg(&path).status().unwrap();
        assert!(made.success());
        assert_eq!(saved.fault(), "it is not a regular file");
        fs::remove_file(&path).unwrap();
        std::os::unix::fs::symlink(&path, &path).unwrap();
        saved.read().unwrap_err();
    }
}

#[test]
fn paths_out_of_the_results_folder_and_absurd_lengths_are_refused_before_a_byte_is_read() {
    let mut saved = Saved::new(small(6), 5);
    let outside = saved.folder.path().join("../outside.safetensors");
    fs::copy(saved.path(), &outside).unwrap();
    for path in ["../outside.safetensors", outside.to_str().unwrap(), "", "/etc/passwd", "/dev/zero"] {
        saved.recorded.path = path.to_owned();
        assert!(saved.fault().contains("leads outside the results folder"), "{path}: {}", saved.fault());
    }
    fs::remove_file(outside).unwrap();
    let mut saved = Saved::new(small(6), 5);
    // A file of a petabyte that takes no place on the disk.
    let file = fs::OpenOptions::new().write(true).open(saved.path()).unwrap();
    let _ = file.set_len(1 << 50);
    for bytes in [1 << 50, u64::MAX] {
        saved.recorded.bytes = bytes;
        let (result, peak) = peak_of(|| saved.read());
        assert!(matches!(result, Err(CheckpointError::Misfit(_))), "{result:?}");
        assert!(peak < 1 << 20, "{peak} bytes");
    }
}

/// Damage to the bytes of a file.
#[derive(Debug, Clone)]
enum Damage {
    Flip(prop::sample::Index, u8),
    Truncate(prop::sample::Index),
    Append(Vec<u8>),
    /// Another length of the header.
    Header(u64),
    /// A number in the header becomes another.
    Number(prop::sample::Index, u64),
    /// A part of the file is overwritten by another.
    Copy(prop::sample::Index, prop::sample::Index, usize),
}

impl Damage {
    fn apply(&self, content: &mut Vec<u8>) {
        if content.is_empty() {
            return;
        }
        match self {
            Self::Flip(at, bits) => *at.get_mut(content.as_mut_slice()) ^= bits | 1,
            Self::Truncate(at) => content.truncate(at.index(content.len())),
            Self::Append(more) => content.extend(more),
            Self::Header(length) if content.len() >= 8 => content[..8].copy_from_slice(&length.to_le_bytes()),
            Self::Header(_) => {}
            Self::Number(at, number) => {
                let digits: Vec<usize> =
                    (8..content.len().min(4096)).filter(|&i| content[i].is_ascii_digit()).collect();
                if !digits.is_empty() {
                    let place = *at.get(&digits);
                    content.splice(place..=place, number.to_string().bytes());
                }
            }
            Self::Copy(from, to, length) => {
                let (from, to) = (from.index(content.len()), to.index(content.len()));
                let length = (*length).min(content.len() - from).min(content.len() - to);
                content.copy_within(from..from + length, to);
            }
        }
    }
}

fn damage() -> impl Strategy<Value = Damage> {
    use prop::sample::Index;
    prop_oneof![
        (any::<Index>(), any::<u8>()).prop_map(|(at, bits)| Damage::Flip(at, bits)),
        any::<Index>().prop_map(Damage::Truncate),
        prop::collection::vec(any::<u8>(), 1..64).prop_map(Damage::Append),
        prop_oneof![any::<u64>(), 0u64..100_000].prop_map(Damage::Header),
        (any::<Index>(), any::<u64>()).prop_map(|(at, number)| Damage::Number(at, number)),
        (any::<Index>(), any::<Index>(), 1usize..2000).prop_map(|(from, to, n)| Damage::Copy(from, to, n)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn random_damage_is_a_typed_error_and_takes_no_more_memory_than_a_good_file(
        damages in prop::collection::vec(damage(), 1..5),
        recorded_after: bool,
    ) {
        // One for all cases: each would wait for the disk.
        static SAVED: Mutex<Option<Saved>> = Mutex::new(None);
        static GOOD: LazyLock<Vec<u8>> = LazyLock::new(|| Saved::new(small(6), 5).content());
        let mut saved = SAVED.lock().unwrap_or_else(PoisonError::into_inner);
        let saved = saved.get_or_insert_with(|| Saved::new(small(6), 5));
        let good = &*GOOD;
        saved.replace(good);
        let mut content = good.clone();
        for damage in &damages {
            damage.apply(&mut content);
        }
        if recorded_after {
            saved.replace(&content);
        } else {
            fs::write(saved.path(), &content).unwrap();
        }
        let (result, peak) = peak_of(|| saved.read());
        // The parts of the header become strings and tables.
        prop_assert!(peak < 64 * good.len() as u64, "{peak} bytes for a file of {}", good.len());
        match result {
            Ok(_) if recorded_after => {}
            Ok(_) => prop_assert_eq!(&content, good),
            Err(error) => prop_assert!(!error.is_missing() && !error.to_string().is_empty()),
        }
    }
}
