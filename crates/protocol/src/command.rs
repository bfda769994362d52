//! Commands of the runner to a worker that trains: lines of JSON on its input, after the job.

use serde::{Deserialize, Serialize};

use gansweep_config::RunId;

/// A command to a worker. Runs that it does not name are trained on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "snake_case")]
pub enum Command {
    /// Save every run, report it as [`Interrupted`](crate::Event::Interrupted), and exit.
    StopAll,
    /// Save the run and end it for good, as [`Pruned`](crate::Event::Pruned).
    Stop {
        /// The run to end.
        run: RunId,
        /// The reason, which is recorded with the run.
        cause: String,
    },
    /// Save the run and report it as [`Paused`](crate::Event::Paused): it will go on later.
    Pause {
        /// The run to pause.
        run: RunId,
        /// The reason, which is recorded with the run.
        cause: String,
    },
}

impl Command {
    /// The command as a line of JSON, with a line feed at its end.
    pub fn to_line(&self) -> Result<String, serde_json::Error> {
        Ok(serde_json::to_string(self)? + "\n")
    }

    /// Reads a command; white space around the line is ignored.
    pub fn from_line(line: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(line.trim())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_is_one_line_and_comes_back() {
        let run = RunId::parse("0123456789abcdef").unwrap();
        let cause = "rung 1:\nrank 5 of 9".to_owned();
        let commands = [
            (Command::StopAll, r#"{"command":"stop_all"}"#),
            (
                Command::Stop { run: run.clone(), cause: cause.clone() },
                r#"{"command":"stop","run":"0123456789abcdef","cause":"rung 1:\nrank 5 of 9"}"#,
            ),
            (
                Command::Pause { run, cause },
                r#"{"command":"pause","run":"0123456789abcdef","cause":"rung 1:\nrank 5 of 9"}"#,
            ),
        ];
        for (command, expected) in commands {
            let line = command.to_line().unwrap();
            assert_eq!(line, format!("{expected}\n"));
            assert_eq!(Command::from_line(&line).unwrap(), command);
        }
    }

    #[test]
    fn what_is_no_command_is_an_error() {
        for line in ["stop", "", "{}", r#"{"command":"stop"}"#, r#"{"command":"dance"}"#] {
            assert!(Command::from_line(line).is_err(), "{line}");
        }
    }
}
