//! Random faults: kills, damage, bad input, full disks, closed streams.
//!
//! Each test draws faults from a seed until its share of the time is over, and prints its figures. Two
//! variables control them: `GANSWEEP_FAULTS_SECONDS`, the time for all tests together (40 by default, so that
//! they are part of the usual tests; `just faults` takes 300), and `GANSWEEP_FAULTS_SEED` (0 by default). A
//! failure prints its seed.

mod damage;
mod disk;
mod housekeeping;
mod importing;
mod plans;
#[path = "../e2e/processes.rs"]
#[expect(dead_code, reason = "the end-to-end tests use all of it")]
mod processes;
#[path = "../e2e/sandbox.rs"]
#[expect(dead_code, reason = "the end-to-end tests use all of it")]
mod sandbox;
mod storm;
mod streams;

use std::fmt::Write as _;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use sandbox::{Ended, Recorded, SMALL, Sandbox};

/// Tests that share the time.
const TESTS: f64 = 8.0;
/// No command takes so long, unless it hangs. The machine may be busy with other tests.
const LIMIT: Duration = Duration::from_mins(2);

/// The faults of one test: random numbers, the time that is left, and figures.
struct Faults {
    test: &'static str,
    seed: u64,
    state: u64,
    end: Instant,
    figures: Vec<(&'static str, u64)>,
}

impl Faults {
    /// Starts the clock of a test.
    fn of(test: &'static str) -> Self {
        let variable = |name: &str| std::env::var(name).ok().filter(|text| !text.is_empty());
        let seconds = variable("GANSWEEP_FAULTS_SECONDS").map_or(40.0, |text| text.parse().unwrap());
        let seed = variable("GANSWEEP_FAULTS_SEED").map_or(0, |text| text.parse().unwrap());
        let end = Instant::now() + Duration::from_secs_f64(seconds / TESTS);
        Self { test, seed, state: seed, end, figures: Vec::new() }
    }

    fn time_is_left(&self) -> bool {
        Instant::now() < self.end
    }

    /// Repeats a round until the time is over, but at least once: the machine may be slow.
    fn repeat(&mut self, mut round: impl FnMut(&mut Self)) {
        loop {
            round(self);
            if !self.time_is_left() {
                return;
            }
        }
    }

    /// A random number below `limit` (`SplitMix64`, Steele et al. 2014).
    fn below(&mut self, limit: usize) -> usize {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % limit.max(1) as u64) as usize
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }

    fn milliseconds(&mut self, limit: usize) -> Duration {
        Duration::from_millis(self.below(limit) as u64)
    }

    fn count(&mut self, figure: &'static str) {
        match self.figures.iter_mut().find(|(name, _)| *name == figure) {
            Some((_, number)) => *number += 1,
            None => self.figures.push((figure, 1)),
        }
    }
}

/// Checks how a command ended: by itself, with one of its exit codes, without a panic.
#[track_caller]
fn check(what: &str, ended: &Ended) {
    let panics = ended.stderr.contains("panicked") || matches!(ended.code, None | Some(101));
    let codes = [0, 1, 2, 130];
    assert!(!panics && ended.code.is_some_and(|code| codes.contains(&code)), "{what}: {ended:#?}");
}

impl Drop for Faults {
    fn drop(&mut self) {
        let mut line = format!("{} (seed {})", self.test, self.seed);
        for (name, number) in &self.figures {
            let _ = write!(line, ", {name}: {number}");
        }
        if std::thread::panicking() {
            println!(
                "{line}\nFAILED; to repeat it: GANSWEEP_FAULTS_SEED={} just faults {}",
                self.seed, self.test
            );
        } else {
            println!("{line}, rows lost: 0, panics: 0");
        }
    }
}

/// Waits for a process; one that does not end fails the test.
#[track_caller]
fn wait(mut child: Child, what: &str) -> Ended {
    let begin = Instant::now();
    // The pipes are read meanwhile, so that a full one does not hold up the process.
    let reader = |pipe: Option<Box<dyn std::io::Read + Send>>| {
        std::thread::spawn(move || {
            let mut bytes = Vec::new();
            pipe.map(|mut pipe| pipe.read_to_end(&mut bytes));
            String::from_utf8_lossy(&bytes).into_owned()
        })
    };
    let stdout = reader(child.stdout.take().map(|pipe| Box::new(pipe) as _));
    let stderr = reader(child.stderr.take().map(|pipe| Box::new(pipe) as _));
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            let (stdout, stderr) = (stdout.join().unwrap(), stderr.join().unwrap());
            return Ended { code: status.code(), stdout, stderr };
        }
        if begin.elapsed() > LIMIT {
            let _ = child.kill();
            panic!("{what} does not end; stderr: {}", stderr.join().unwrap());
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn spawn(command: &mut Command) -> Child {
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program starts")
}

fn run(command: &mut Command, what: &str) -> Ended {
    wait(spawn(command), what)
}

/// A command under limits and with ignored signals that a shell sets up.
fn through_shell(command: &Command, script: &str) -> Command {
    let mut shell = Command::new("sh");
    shell.args(["-c", script, "sh"]).arg(command.get_program()).args(command.get_args());
    shell.stdin(Stdio::null());
    if let Some(folder) = command.get_current_dir() {
        shell.current_dir(folder);
    }
    for (key, value) in command.get_envs() {
        match value {
            Some(value) => shell.env(key, value),
            None => shell.env_remove(key),
        };
    }
    shell
}

/// Six runs long enough to be interrupted.
fn experiment() -> String {
    SMALL.replace("images = 640", "images = 3200").replace("hidden = 24", "hidden = 48")
}

/// What the experiment records if nothing happens to it.
fn undisturbed() -> &'static Recorded {
    static RECORDED: OnceLock<Recorded> = OnceLock::new();
    RECORDED.get_or_init(|| {
        let sandbox = Sandbox::new();
        sandbox.write("small.toml", experiment());
        sandbox.run(&["sweep", "small.toml"]).well();
        sandbox.recorded()
    })
}

/// Ends a sweep and checks that its record has no row too few and no bit that differs.
#[track_caller]
fn check_record(sandbox: &Sandbox, expected: &Recorded, what: &str) {
    let ended = run(&mut sandbox.command(&["sweep", "small.toml"]), what);
    assert_eq!(ended.code, Some(0), "{what}: {ended:#?}");
    let recorded = sandbox.recorded();
    let lost = expected.keys().filter(|key| !recorded.contains_key(key)).count();
    assert_eq!(lost, 0, "{what}: rows lost");
    assert!(recorded == *expected, "{what}: bits differ");
}
