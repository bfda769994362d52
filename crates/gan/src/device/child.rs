//! Programs that are asked something and may crash or hang over it.

use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// What a program prints, if it ends well within `limit`; else why not.
pub(super) fn output_within(mut command: Command, limit: Duration) -> Result<String, String> {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child =
        command.spawn().map_err(|error| format!("the search for GPUs could not start: {error}"))?;
    let Some(mut stdout) = child.stdout.take() else { return Err("its output is gone".to_owned()) };
    let reader = thread::spawn(move || {
        let mut text = String::new();
        stdout.read_to_string(&mut text).map(|_| text)
    });
    let ended = wait_within(&mut child, limit);
    if ended.is_err() {
        // It may have ended between the last look and this; then there is nothing to kill.
        let _ = child.kill();
        let _ = child.wait();
    }
    ended?;
    match reader.join() {
        Ok(Ok(text)) => Ok(text),
        _ => Err("the search for GPUs printed no text".to_owned()),
    }
}

fn wait_within(child: &mut Child, limit: Duration) -> Result<(), String> {
    let start = Instant::now();
    loop {
        match child.try_wait() {
            Ok(Some(status)) if status.success() => return Ok(()),
            Ok(Some(status)) => {
                return Err(format!("a graphics driver crashed while it was asked for its GPUs ({status})"));
            }
            Ok(None) if start.elapsed() > limit => {
                return Err(format!("a graphics driver did not answer within {} seconds", limit.as_secs()));
            }
            Ok(None) => thread::sleep(Duration::from_millis(10)),
            Err(error) => return Err(format!("the search for GPUs was lost: {error}")),
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
    fn a_program_that_crashes_or_hangs_or_is_missing_becomes_a_cause() {
        let cause = ask("kill -SEGV $$", Duration::from_secs(30)).unwrap_err();
        assert!(cause.contains("crashed") && cause.contains("11"), "{cause}");
        let cause = ask("exec sleep 60", Duration::ZERO).unwrap_err();
        assert!(cause.contains("did not answer"), "{cause}");
        let cause = output_within(Command::new("/no/such/program"), Duration::ZERO).unwrap_err();
        assert!(cause.contains("could not start"), "{cause}");
    }
}
