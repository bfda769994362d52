//! Readers and terminals that go away at random moments.

use std::io::Read as _;
use std::process::{Command, Stdio};
use std::thread::sleep;

use crate::sandbox::{Ended, Sandbox};
use crate::{Faults, check, check_record, experiment, run, undisturbed, wait};

#[test]
fn streams() {
    let expected = undisturbed();
    Faults::of("streams").repeat(|faults| {
        let sandbox = Sandbox::new();
        sandbox.write("small.toml", experiment());
        for _ in 0..=faults.below(3) {
            match faults.below(2) {
                0 => closed_pipes(faults, &sandbox),
                _ => closed_terminal(faults, &sandbox),
            }
        }
        check_record(&sandbox, expected, "after closed streams");
        faults.count("sweeps");
    });
}

/// Closes each pipe at once or after some bytes: the sweep trains to its end.
fn closed_pipes(faults: &mut Faults, sandbox: &Sandbox) {
    let mut command = sandbox.command(&["sweep", "small.toml"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut bytes = vec![0; faults.below(200)];
    if let Some(mut stderr) = child.stderr.take() {
        let _ = stderr.read_exact(&mut bytes);
    }
    if faults.below(2) == 0 {
        drop(child.stdout.take());
    }
    sleep(faults.milliseconds(100));
    let ended = wait(child, "a sweep with closed pipes");
    assert_eq!(ended.code, Some(0), "{ended:#?}");
    faults.count("pipes");
}

/// Closes the terminal when a text has come up on it: the sweep saves and ends, unless it was done before.
fn closed_terminal(faults: &mut Faults, sandbox: &Sandbox) {
    let close_at = faults.pick(&["training", "epoch", "epoch 2", "completed", "images/s", "t"]);
    let mut python = Command::new("python3");
    python.args([concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/e2e/terminal.py"), close_at]);
    let command = sandbox.command(&["sweep", "small.toml"]);
    python.arg(command.get_program()).args(command.get_args()).current_dir(sandbox.path(""));
    python.envs(command.get_envs().filter_map(|(key, value)| Some((key, value?)))).stdin(Stdio::null());
    let told = run(&mut python, "a sweep on a terminal");
    assert_eq!(told.code, Some(0), "{told:#?}");
    let outcome: serde_json::Value = serde_json::from_str(&told.stdout).unwrap();
    let code = outcome["code"].as_i64().unwrap();
    let ended = Ended { code: i32::try_from(code).ok(), stdout: told.stdout, stderr: String::new() };
    check("a sweep on a terminal that was closed", &ended);
    assert!(matches!(code, 0 | 130), "{ended:#?}");
    faults.count("terminals");
}
