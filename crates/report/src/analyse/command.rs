//! The shell command that repeats a sweep.

use gansweep_base::text::shell_word;
use gansweep_store::Call;

/// The default of `--results`.
const DEFAULT_RESULTS: &str = "results";

/// A command for a POSIX shell that starts the same sweep again when it is run in the folder where the
/// sweep was started. If all runs are trained already, it trains nothing.
pub(super) fn of(file: &str, call: &Call) -> String {
    let variables = call.variables.iter().map(|(name, value)| format!("{name}={}", shell_word(value)));
    let mut words: Vec<String> = variables.collect();
    words.extend(["gansweep", "sweep"].map(str::to_owned));
    // `./` keeps a file name that begins with a hyphen from being parsed as an option.
    words.push(shell_word(&if file.starts_with('-') { format!("./{file}") } else { file.to_owned() }));
    let mut option = |name: &str, value: &str| match value.starts_with('-') {
        // As a word of its own it would be parsed as an option.
        true => words.push(shell_word(&format!("--{name}={value}"))),
        false => words.extend([format!("--{name}"), shell_word(value)]),
    };
    if let Some(profile) = &call.profile {
        option("profile", profile);
    }
    call.sets.iter().for_each(|set| option("set", set));
    if let Some(folder) = &call.data_dir {
        option("data-dir", folder);
    }
    if !["", DEFAULT_RESULTS].contains(&call.results.as_str()) {
        option("results", &call.results);
    }
    call.devices.iter().for_each(|device| option("device", device));
    if let Some(jobs) = call.jobs {
        option("jobs", &jobs.to_string());
    }
    if let Some(fuse) = call.fuse {
        option("fuse", &fuse.to_string());
    }
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_is_no_longer_than_the_call_was() {
        assert_eq!(of("lr.toml", &Call::default()), "gansweep sweep lr.toml");
        let results = Call { results: "results".to_owned(), ..Call::default() };
        assert_eq!(of("-lr.toml", &results), "gansweep sweep ./-lr.toml");
        let results = Call { results: "-results".to_owned(), ..Call::default() };
        assert_eq!(of("lr.toml", &results), "gansweep sweep lr.toml '--results=-results'");
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
            of("lr.toml", &call),
            "GANSWEEP_NAME=\"it's\" GANSWEEP_TRAIN__BATCH_SIZE=32 gansweep sweep lr.toml --profile short \
             --set 'train.epochs=3' --set 'optimizer.lr={ log = [1e-4, 1e-2], n = 3 }' --data-dir /data \
             --results 'my results' --device cpu --device vulkan:0 --jobs 2 --fuse 1"
        );
    }
}
