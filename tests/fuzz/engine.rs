//! Fuzzing without coverage: inputs of a committed corpus, mutated by a seeded generator.
//!
//! A few thousand cases run with the other tests, always the same ones. `FUZZ_SECONDS` runs as many as fit into
//! that time, from a seed of its own unless `FUZZ_SEED` names one. A failure prints seed and case, which together
//! give the same input again, and leaves the input in the temporary folder.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The cases of a run without `FUZZ_SECONDS`.
const CASES: u64 = 1_500;
/// The seed of a run without `FUZZ_SECONDS`.
const SEED: u64 = 1;
/// Inputs grow to no more than this, so that a run has many of them.
const MAX_BYTES: usize = 1 << 16;
/// No parser may take longer for one input, on a machine that does other things too.
const PATIENCE: Duration = Duration::from_secs(30);

/// Runs `check` on the inputs in `tests/fuzz/TARGET` and on mutations of them.
pub(crate) fn fuzz(target: &str, check: impl Fn(&[u8])) {
    let corpus = corpus(target);
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let seconds = number("FUZZ_SECONDS").map(Duration::from_secs);
    let now = || SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos() as u64);
    let seed = number("FUZZ_SEED").unwrap_or_else(|| if seconds.is_some() { now() } else { SEED });
    let watchdog = Watchdog::start(target, seed);
    let begun = Instant::now();
    let mut case = 0;
    while seconds.map_or(case < CASES, |seconds| begun.elapsed() < seconds) {
        let input = corpus.get(case as usize).cloned().unwrap_or_else(|| mutated(&corpus, seed, case));
        watchdog.case(case);
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| check(&input))) {
            let path = std::env::temp_dir().join(format!("gansweep-fuzz-{target}-{seed}-{case}"));
            let kept = std::fs::write(&path, &input);
            eprintln!(
                "{target}: case {case} of FUZZ_SEED={seed} fails; its input is {} ({kept:?})",
                path.display()
            );
            std::panic::resume_unwind(panic);
        }
        case += 1;
    }
    println!(
        "{target}: {case} cases of FUZZ_SEED={seed} in {:.1} s, none failed",
        begun.elapsed().as_secs_f64()
    );
}

fn corpus(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fuzz").join(target);
    let mut paths: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    assert!(!paths.is_empty(), "{} has no inputs", folder.display());
    paths.iter().map(|path| std::fs::read(path).unwrap()).collect()
}

/// Ends the process when a case takes too long: a test that never ends says nothing.
struct Watchdog {
    began: Instant,
    /// The running case, and when it began, in milliseconds.
    running: Arc<(AtomicU64, AtomicU64)>,
}

impl Watchdog {
    fn start(target: &str, seed: u64) -> Self {
        let (began, running) = (Instant::now(), Arc::new((AtomicU64::new(0), AtomicU64::new(0))));
        let (watched, target) = (Arc::downgrade(&running), target.to_owned());
        thread::spawn(move || {
            while let Some(running) = watched.upgrade() {
                let since = Duration::from_millis(running.1.load(Ordering::SeqCst));
                if began.elapsed().saturating_sub(since) > PATIENCE {
                    let case = running.0.load(Ordering::SeqCst);
                    eprintln!("{target}: case {case} of FUZZ_SEED={seed} takes more than {PATIENCE:?}");
                    std::process::abort();
                }
                drop(running);
                thread::sleep(Duration::from_secs(1));
            }
        });
        Self { began, running }
    }

    fn case(&self, case: u64) {
        self.running.0.store(case, Ordering::SeqCst);
        self.running.1.store(self.began.elapsed().as_millis() as u64, Ordering::SeqCst);
    }
}

/// The input of a case: it depends on corpus, seed and case alone.
fn mutated(corpus: &[Vec<u8>], seed: u64, case: u64) -> Vec<u8> {
    let mut random = Random(seed ^ case.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let mut input = random.pick(corpus).clone();
    for _ in 0..=random.below(6) {
        mutate(&mut input, corpus, &mut random);
        input.truncate(MAX_BYTES);
    }
    input
}

fn mutate(input: &mut Vec<u8>, corpus: &[Vec<u8>], random: &mut Random) {
    const WORDS: [&[u8]; 24] = [
        b"0",
        b"-1",
        b"9223372036854775807",
        b"18446744073709551616",
        b"1e999",
        b"-0.0",
        b"nan",
        b"inf",
        b"\"",
        b"'",
        b"[",
        b"]",
        b"{",
        b"}",
        b"=",
        b",",
        b".",
        b"\n",
        b"\0",
        b"\xff\xff\xff\xff",
        b"\x80\0\0\0",
        b"\xc3\x28",
        b"\xe2\x80\xae",
        b"null",
    ];
    let (start, end) = random.range(input.len());
    match random.below(8) {
        0 if start < input.len() => input[start] ^= 1 << random.below(8),
        1 if start < input.len() => input[start] = random.next() as u8,
        2 => drop(input.drain(start..end)),
        3 => {
            let copy = input[start..end].to_vec();
            input.splice(end..end, copy);
        }
        4 => input.truncate(start),
        5 => drop(input.splice(start..start, random.pick(&WORDS).iter().copied())),
        6 => {
            // A piece of another input, which is likely to be in a place where it means something.
            let other = random.pick(corpus);
            let (from, to) = random.range(other.len());
            input.splice(start..end, other[from..to].iter().copied());
        }
        _ => {
            let count = random.below(4) as usize;
            let bytes: Vec<u8> = (0..=count).map(|_| random.next() as u8).collect();
            input.splice(start..start, bytes);
        }
    }
}

/// `SplitMix64` (Steele et al. 2014).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }

    /// From `0..n`.
    fn below(&mut self, n: u64) -> u64 {
        self.next() % n.max(1)
    }

    fn pick<'p, T>(&mut self, all: &'p [T]) -> &'p T {
        &all[self.below(all.len() as u64) as usize]
    }

    /// A mostly short range within `0..=length`.
    fn range(&mut self, length: usize) -> (usize, usize) {
        let start = self.below(length as u64 + 1) as usize;
        let longest = if self.below(4) == 0 { length - start } else { (length - start).min(16) };
        (start, start + self.below(longest as u64 + 1) as usize)
    }
}
