//! Programs that are asked something and may be missing, crash or hang over it.

use std::io::{self, Read};
use std::process::{Child, Command, Stdio};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// How long the last words of a program that has ended are waited for.
const LAST_WORDS_PATIENCE: Duration = Duration::from_secs(2);

/// What a program prints, if it ends well within `limit`; else what became of it, as what a sentence
/// says of its subject, with the program's last words.
pub(super) fn output_within(mut command: Command, limit: Duration) -> Result<String, String> {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|error| format!("could not be started: {error}"))?;
    let (Some(stdout), Some(stderr)) = (child.stdout.take(), child.stderr.take()) else {
        return Err("has no output".to_owned());
    };
    let (reader, complaints) = (read_aside(stdout), read_aside(stderr));
    let ended = wait_within(&mut child, limit);
    if ended.is_err() {
        // It may have ended between the last look and this; then there is nothing to kill.
        let _ = child.kill();
        let _ = child.wait();
    }
    if let Err(cause) = ended {
        return Err(last_line(complaints).map_or(cause.clone(), |line| format!("{cause}: {line}")));
    }
    match reader.join() {
        Ok(Ok(text)) => Ok(text),
        _ => Err("printed no text".to_owned()),
    }
}

/// Reads all of a program's output on a thread, so that it never waits for a reader.
fn read_aside(mut output: impl Read + Send + 'static) -> JoinHandle<io::Result<String>> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        output.read_to_end(&mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    })
}

/// The last line that was read, if it can be had soon: whatever a killed program has started itself
/// may hold its output open.
fn last_line(reader: JoinHandle<io::Result<String>>) -> Option<String> {
    let start = Instant::now();
    while !reader.is_finished() && start.elapsed() < LAST_WORDS_PATIENCE {
        thread::sleep(Duration::from_millis(1));
    }
    let text = reader.is_finished().then(|| reader.join())?.ok()?.ok()?;
    text.lines().map(str::trim).rfind(|line| !line.is_empty()).map(str::to_owned)
}

fn wait_within(child: &mut Child, limit: Duration) -> Result<(), String> {
    let start = Instant::now();
    loop {
        match child.try_wait() {
            Ok(Some(status)) if status.success() => return Ok(()),
            Ok(Some(status)) if status.code().is_some() => return Err(format!("failed ({status})")),
            Ok(Some(status)) => return Err(format!("crashed ({status})")),
            Ok(None) if start.elapsed() > limit => {
                return Err(format!("did not answer within {} seconds", limit.as_secs()));
            }
            Ok(None) => thread::sleep(Duration::from_millis(10)),
            Err(error) => return Err(format!("was lost: {error}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(script: &str, limit: Duration) -> Result<String, String> {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        output_within(command, limit)
    }

    #[test]
    fn a_program_that_answers_is_heard() {
        assert_eq!(ask("echo all", Duration::from_secs(30)), Ok("all\n".to_owned()));
    }

    #[test]
    fn a_program_that_fails_is_quoted() {
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
        let cause = output_within(Command::new("/no/such/program"), Duration::ZERO).unwrap_err();
        assert!(cause.contains("could not be started"), "{cause}");
    }
}
