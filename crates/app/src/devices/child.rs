//! Runs a program for its output, with a time limit. Drivers may crash or hang.

use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use process_control::{ChildExt as _, Control as _};

/// The program's stdout if it succeeds within `limit`; otherwise a cause that continues a sentence about
/// the program ("did not answer within 20 seconds"), with the last line of its stderr.
pub(super) fn output_within(mut command: Command, limit: Duration) -> Result<String, String> {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().map_err(|error| format!("could not be started: {error}"))?;
    // Stderr is collected while the program runs: `wait` returns none for a program that times out.
    let stderr_bytes = Arc::<Mutex<Vec<u8>>>::default();
    let collected = Arc::clone(&stderr_bytes);
    let collect = move |bytes: &[u8]| {
        collected.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(false)
    };
    let program = child.controlled_with_output().stderr_filter(collect);
    let cause = match program.time_limit(limit).terminate_for_timeout().wait() {
        Ok(Some(output)) if output.status.success() => {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        Ok(Some(output)) => {
            let end = if output.status.code().is_some() { "failed" } else { "crashed" };
            format!("{end} ({})", output.status.into_std_lossy())
        }
        Ok(None) => format!("did not answer within {} seconds", limit.as_secs()),
        Err(error) => format!("was lost: {error}"),
    };
    let stderr_bytes = stderr_bytes.lock().unwrap_or_else(PoisonError::into_inner);
    Err(last_line(&stderr_bytes).map_or(cause.clone(), |line| format!("{cause}: {line}")))
}

fn last_line(text: &[u8]) -> Option<String> {
    String::from_utf8_lossy(text).lines().map(str::trim).rfind(|line| !line.is_empty()).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    fn ask(script: &str, limit: Duration) -> Result<String, String> {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        output_within(command, limit)
    }

    #[test]
    fn the_output_of_a_program_that_succeeds_is_returned() {
        assert_eq!(ask("echo all", Duration::from_secs(30)), Ok("all\n".to_owned()));
    }

    #[test]
    fn the_cause_of_a_failure_has_the_last_line_of_stderr() {
        let cause =
            ask("echo first >&2; echo 'no library' >&2; exit 127", Duration::from_secs(30)).unwrap_err();
        assert!(cause.starts_with("failed") && cause.contains("127"), "{cause}");
        assert!(cause.ends_with(": no library"), "{cause}");
    }

    #[test]
    fn a_program_that_crashes_or_hangs_or_is_missing_becomes_a_cause() {
        let cause = ask("kill -SEGV $$", Duration::from_secs(30)).unwrap_err();
        assert!(cause.contains("crashed") && cause.contains("11"), "{cause}");
        let cause = ask("exec sleep 60", Duration::ZERO).unwrap_err();
        assert!(cause.contains("did not answer"), "{cause}");
        let asked = Instant::now();
        let cause = ask("echo 'no card' >&2; sleep 60", Duration::from_secs(1)).unwrap_err();
        assert_eq!(cause, "did not answer within 1 seconds: no card");
        assert!(asked.elapsed() < Duration::from_secs(30), "the program's own children are not waited for");
        let cause = output_within(Command::new("/no/such/program"), Duration::ZERO).unwrap_err();
        assert!(cause.contains("could not be started"), "{cause}");
    }
}
