//! The page's modules that need no browser, under Node's test runner.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

#[test]
fn the_modules_of_the_page_pass_their_own_tests() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/javascript");
    let files: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    // Files by name: what a folder means to the runner changes between Node's versions.
    match Command::new("node").args(["--test", "--test-reporter=tap"]).args(&files).output() {
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stdout);
            assert!(output.status.success(), "{said}");
            assert!(said.contains("# pass ") && !said.contains("# pass 0"), "no test ran: {said}");
        }
        Err(error) => {
            assert!(std::env::var("CI").as_deref() != Ok("true"), "node does not start: {error}");
            eprintln!("skipped: node does not start: {error}");
        }
    }
}
