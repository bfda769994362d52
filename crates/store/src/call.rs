//! The arguments that a sweep was started with, and the shell command that repeats it.

use std::collections::BTreeMap;

use gansweep_base::text::shell_word;
use serde::{Deserialize, Serialize};

/// The default of `--results`, which the command of a call leaves out.
pub const DEFAULT_RESULTS: &str = "results";

/// Arguments of a sweep besides its file: the same arguments give the same runs.
///
/// Stored as JSON; unknown fields are ignored.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Call {
    /// The file's profile.
    pub profile: Option<String>,
    /// `KEY=VALUE` arguments, in order.
    pub sets: Vec<String>,
    /// Environment variables that gave values to keys, and those that changed where data came from.
    pub variables: BTreeMap<String, String>,
    /// The results folder, as the user named it.
    pub results: String,
    /// The folder with the datasets' files, if one was named.
    pub data_dir: Option<String>,
    /// Devices named on the command line; without one, the file's.
    pub devices: Vec<String>,
    /// Workers on each device, if their number was given on the command line.
    pub jobs: Option<u32>,
    /// The most lanes of a group, if given on the command line.
    pub fuse: Option<u32>,
}

impl Call {
    /// A command for a POSIX shell that starts the same sweep again when it is run in the folder where the
    /// sweep was started. If all runs are trained already, it trains nothing.
    pub fn command(&self, file: &str) -> String {
        let variables = self.variables.iter().map(|(name, value)| format!("{name}={}", shell_word(value)));
        let mut words: Vec<String> = variables.collect();
        words.extend(["gansweep", "sweep"].map(str::to_owned));
        // `./` keeps a file name that begins with a hyphen from being parsed as an option.
        words.push(shell_word(&if file.starts_with('-') { format!("./{file}") } else { file.to_owned() }));
        let mut option = |name: &str, value: &str| match value.starts_with('-') {
            // As a word of its own it would be parsed as an option.
            true => words.push(shell_word(&format!("--{name}={value}"))),
            false => words.extend([format!("--{name}"), shell_word(value)]),
        };
        if let Some(profile) = &self.profile {
            option("profile", profile);
        }
        self.sets.iter().for_each(|set| option("set", set));
        if let Some(folder) = &self.data_dir {
            option("data-dir", folder);
        }
        if !["", DEFAULT_RESULTS].contains(&self.results.as_str()) {
            option("results", &self.results);
        }
        self.devices.iter().for_each(|device| option("device", device));
        if let Some(jobs) = self.jobs {
            option("jobs", &jobs.to_string());
        }
        if let Some(fuse) = self.fuse {
            option("fuse", &fuse.to_string());
        }
        words.join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_is_no_longer_than_the_call_was() {
        assert_eq!(Call::default().command("lr.toml"), "gansweep sweep lr.toml");
        let results = Call { results: "results".to_owned(), ..Call::default() };
        assert_eq!(results.command("-lr.toml"), "gansweep sweep ./-lr.toml");
        let results = Call { results: "-results".to_owned(), ..Call::default() };
        assert_eq!(results.command("lr.toml"), "gansweep sweep lr.toml '--results=-results'");
    }

    #[test]
    fn the_command_has_all_of_the_call() {
        let text = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect::<Vec<_>>();
        let variable = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let call = Call {
            profile: Some("short".to_owned()),
            sets: text(&["train.epochs=3", "optimizer.lr={ log = [1e-4, 1e-2], n = 3 }"]),
            variables: [variable("GANSWEEP_TRAIN__BATCH_SIZE", "32"), variable("GANSWEEP_NAME", "it's")]
                .into(),
            results: "my results".to_owned(),
            data_dir: Some("/data".to_owned()),
            devices: text(&["cpu", "vulkan:0"]),
            jobs: Some(2),
            fuse: Some(1),
        };
        assert_eq!(
            call.command("lr.toml"),
            "GANSWEEP_NAME=\"it's\" GANSWEEP_TRAIN__BATCH_SIZE=32 gansweep sweep lr.toml --profile short \
             --set 'train.epochs=3' --set 'optimizer.lr={ log = [1e-4, 1e-2], n = 3 }' --data-dir /data \
             --results 'my results' --device cpu --device vulkan:0 --jobs 2 --fuse 1"
        );
    }
}
