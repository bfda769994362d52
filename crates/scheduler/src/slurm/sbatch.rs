//! How jobs are submitted: options of `sbatch`, and the script that a task runs.

use std::fmt::Write;
use std::path::Path;

use gansweep_config::SlurmConfig;

/// The arguments of `sbatch` for an array of `tasks` tasks that logs into `folder`. With `after`, no task begins
/// before that job has ended.
pub(super) fn arguments(
    config: &SlurmConfig,
    name: &str,
    folder: &Path,
    tasks: usize,
    after: Option<&str>,
) -> Vec<String> {
    let mut args = vec![
        "--parsable".to_owned(),
        format!("--job-name={name}"),
        format!("--array=0-{}{}", tasks.saturating_sub(1), limit(config)),
        format!("--output={}/%a.log", folder.display()),
        // A task that is requeued writes to the same log.
        "--open-mode=append".to_owned(),
        "--requeue".to_owned(),
        format!("--signal=B:USR1@{}", config.save_seconds),
    ];
    args.extend(after.map(|job| format!("--dependency=afterany:{job}")));
    let texts = [
        ("partition", &config.partition),
        ("account", &config.account),
        ("time", &config.time),
        ("mem", &config.memory),
    ];
    args.extend(
        texts.iter().filter(|(_, value)| !value.is_empty()).map(|(key, value)| format!("--{key}={value}")),
    );
    let numbers = [("gpus-per-node", config.gpus), ("cpus-per-task", config.cpus)];
    args.extend(
        numbers.iter().filter(|(_, value)| *value > 0).map(|(key, value)| format!("--{key}={value}")),
    );
    args
}

fn limit(config: &SlurmConfig) -> String {
    if config.concurrency > 0 { format!("%{}", config.concurrency) } else { String::new() }
}

/// The script of a task. The program takes the shell's place, so that Slurm's signals reach it.
pub(super) fn script(config: &SlurmConfig, program: &Path, folder: &Path) -> String {
    let (program, folder) = (quoted(program), quoted(folder));
    let mut script = "#!/bin/sh\n".to_owned();
    for line in config.sbatch.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let line = line.strip_prefix("#SBATCH").unwrap_or(line).trim();
        // Writing to a text does not fail.
        let _ = writeln!(script, "#SBATCH {line}");
    }
    let _ = write!(
        script,
        "# Written by gansweep: trains one group of runs.\n\
         {}\n\
         if ! {program} --version >/dev/null; then\n\
         \x20   echo \"gansweep: the program does not run on $(hostname); build it on the cluster, for the oldest \
         system among the nodes\" >&2\n\
         \x20   echo {} >{folder}/\"$SLURM_ARRAY_TASK_ID\".exit.part &&\n\
         \x20       mv {folder}/\"$SLURM_ARRAY_TASK_ID\".exit.part {folder}/\"$SLURM_ARRAY_TASK_ID\".exit\n\
         \x20   exit 1\n\
         fi\n\
         exec {program} slurm-task {folder} \"$SLURM_ARRAY_TASK_ID\"\n",
        config.setup.trim_end(),
        crate::EXIT_SHARED_CAUSE,
    );
    script
}

/// A path as one word of a shell command.
fn quoted(path: &Path) -> String {
    format!("'{}'", path.display().to_string().replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::super::stand_in::unset;
    use super::*;

    #[test]
    fn what_is_not_set_is_left_to_the_cluster() {
        let args = arguments(&unset(), "gansweep-a1", Path::new("/r/slurm/a1"), 24, None);
        assert_eq!(
            args,
            [
                "--parsable",
                "--job-name=gansweep-a1",
                "--array=0-23",
                "--output=/r/slurm/a1/%a.log",
                "--open-mode=append",
                "--requeue",
                "--signal=B:USR1@60"
            ]
        );
    }

    #[test]
    fn every_setting_has_its_option() {
        let all = SlurmConfig {
            partition: "gpu".into(),
            account: "lab".into(),
            time: "4:00:00".into(),
            gpus: 1,
            cpus: 8,
            memory: "4G".into(),
            concurrency: 10,
            ..unset()
        };
        let args = arguments(&all, "n", Path::new("/r"), 3, Some("17")).join(" ");
        for option in [
            "--partition=gpu",
            "--account=lab",
            "--time=4:00:00",
            "--gpus-per-node=1",
            "--cpus-per-task=8",
            "--mem=4G",
            "--array=0-2%10",
            "--dependency=afterany:17",
        ] {
            assert!(args.contains(option), "{option} in {args}");
        }
    }

    #[test]
    fn a_script_quotes_paths_and_has_the_users_lines_where_slurm_reads_them() {
        let own = SlurmConfig {
            sbatch: "--qos=long\n#SBATCH --exclude=n7\n".into(),
            setup: "module load cuda\n".into(),
            ..unset()
        };
        let script = script(&own, Path::new("/it's/gansweep"), Path::new("/r r/a1"));
        let head: Vec<&str> = script.lines().take(3).collect();
        assert_eq!(head, ["#!/bin/sh", "#SBATCH --qos=long", "#SBATCH --exclude=n7"]);
        let last = script.lines().last().unwrap();
        assert_eq!(last, "exec '/it'\\''s/gansweep' slurm-task '/r r/a1' \"$SLURM_ARRAY_TASK_ID\"");
        assert!(script.contains("\nmodule load cuda\nif ! '/it"), "{script}");
        // The shell makes the file before it writes to it: on a full disk it would stay empty.
        let index = "\"$SLURM_ARRAY_TASK_ID\"";
        assert!(
            script.contains(&format!("mv '/r r/a1'/{index}.exit.part '/r r/a1'/{index}.exit\n")),
            "{script}"
        );
    }
}
