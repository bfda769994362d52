//! Experiment files with random changes: `plan` accepts or refuses them, and never fails otherwise.

use std::fs;

use crate::sandbox::{SMALL, Sandbox};
use crate::{Faults, check, run, through_shell};

/// Texts that are put in where they do not belong.
const TOKENS: [&str; 24] = [
    "[",
    "]",
    "{",
    "}",
    "=",
    "\"",
    "'",
    "#",
    ",",
    ".",
    "\n",
    "-",
    "1e308",
    "-1",
    "0",
    "nan",
    "inf",
    "true",
    "\"\"",
    "[[]]",
    "4294967296",
    "9223372036854775807",
    "\u{202e}",
    "\u{0}",
];

#[test]
fn plans() {
    let sandbox = Sandbox::new();
    let shipped = concat!(env!("CARGO_MANIFEST_DIR"), "/../../experiments");
    let mut texts: Vec<String> = fs::read_dir(shipped)
        .unwrap()
        .map(|entry| fs::read_to_string(entry.unwrap().path()).unwrap())
        .collect();
    texts.sort();
    texts.push(SMALL.to_owned());
    Faults::of("plans").repeat(|faults| {
        let mut bytes = texts[faults.below(texts.len())].clone().into_bytes();
        for _ in 0..=faults.below(4) {
            mutate(faults, &mut bytes, &texts);
        }
        sandbox.write("mutated.toml", &bytes);
        let mut arguments = vec!["plan", "mutated.toml", "--device", "cpu"];
        if faults.below(2) == 0 {
            arguments.push("--json");
        }
        // A plan that would need more memory than this is refused, not begun.
        let script = "ulimit -v 4194304; exec \"$@\"";
        let ended = run(&mut through_shell(&sandbox.command(&arguments), script), "plan");
        let text = String::from_utf8_lossy(&bytes);
        check(&format!("plan of:\n{text}\n"), &ended);
        assert_ne!(ended.code, Some(1), "{text}\n{ended:#?}");
        faults.count(if ended.code == Some(0) { "plans accepted" } else { "plans refused" });
    });
}

fn mutate(faults: &mut Faults, bytes: &mut Vec<u8>, texts: &[String]) {
    let place = faults.below(bytes.len() + 1);
    match faults.below(7) {
        0 if place < bytes.len() => bytes[place] ^= 1 << faults.below(8),
        1 => drop(bytes.splice(place..place, faults.pick(&TOKENS).bytes())),
        2 => {
            let end = (place + faults.below(20)).min(bytes.len());
            drop(bytes.drain(place..end));
        }
        3 => bytes.truncate(place),
        // A line of another file, anywhere between two lines.
        4 => {
            let other = &texts[faults.below(texts.len())];
            let lines: Vec<&str> = other.lines().collect();
            let line = format!("\n{}\n", lines[faults.below(lines.len())]);
            drop(bytes.splice(place..place, line.into_bytes()));
        }
        // Another number.
        5 => {
            let numbers: Vec<usize> = (0..bytes.len()).filter(|&at| bytes[at].is_ascii_digit()).collect();
            if let Some(&at) = numbers.get(faults.below(numbers.len())) {
                drop(bytes.splice(at..=at, faults.pick(&TOKENS).bytes()));
            }
        }
        _ => {
            let end = (place + 40).min(bytes.len());
            let copied = bytes[place..end].to_vec();
            drop(bytes.splice(place..place, copied));
        }
    }
}
