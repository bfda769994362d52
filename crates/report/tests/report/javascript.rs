//! The page's modules that need no browser, under Node's test runner.

use std::process::Command;

#[test]
fn the_modules_of_the_page_pass_their_own_tests() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/javascript");
    match Command::new("node").arg("--test").arg(folder).output() {
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
