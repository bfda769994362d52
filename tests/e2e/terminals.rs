//! Closed pipes, full devices and terminals that are gone: messages are lost, the work is not.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};

use gansweep_config::RunState;

use crate::sandbox::{Ended, SMALL, Sandbox};

/// One run that diverges and one that is completed.
fn diverging() -> String {
    SMALL
        .replace("[2e-4, 1e-3, 5e-3]", "[2e-4, 1e3]")
        .replace("seeds = 2", "seeds = 1")
        .replace("hidden = 24", "hidden = [24, 24, 24, 24, 24, 24, 24, 24, 24, 24, 24, 24]")
}

/// The command through a shell, which may close or redirect its streams or ignore signals for it.
fn through_shell(command: &Command, script: &str) -> Command {
    let mut shell = Command::new("sh");
    shell.args(["-c", script, "sh"]).arg(command.get_program()).args(command.get_args());
    same_surroundings(&mut shell, command);
    shell
}

/// The command on a terminal of its own, which is closed when `close_at` has been written to it.
fn on_terminal(command: &Command, close_at: &str) -> Command {
    let mut python = Command::new("python3");
    python.args([concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/e2e/terminal.py"), close_at]);
    python.arg(command.get_program()).args(command.get_args());
    same_surroundings(&mut python, command);
    python
}

fn same_surroundings(new: &mut Command, old: &Command) {
    new.current_dir(old.get_current_dir().unwrap_or(Path::new("."))).stdin(Stdio::null());
    for (key, value) in old.get_envs() {
        match value {
            Some(value) => new.env(key, value),
            None => new.env_remove(key),
        };
    }
}

/// How a command on a terminal ended and what it wrote.
fn terminal_outcome(command: &mut Command) -> (i64, String) {
    let ended = Ended::of(&command.output().unwrap()).well();
    let outcome: serde_json::Value = serde_json::from_str(&ended.stdout).unwrap();
    (outcome["code"].as_i64().unwrap(), outcome["output"].as_str().unwrap().to_owned())
}

#[track_caller]
fn assert_all_completed(sandbox: &Sandbox, why: &str) {
    let runs = sandbox.runs_of("small");
    assert!(!runs.is_empty() && runs.iter().all(|run| run.state == RunState::Completed), "{why}: {runs:#?}");
    assert!(sandbox.path("results/small.html").is_file(), "{why}: there is no page");
}

#[test]
fn a_sweep_trains_to_its_end_whatever_becomes_of_its_streams() {
    for script in [
        r#""$@" 2>&1 | true"#,
        r#""$@" 2>&1 | head -n 1"#,
        r#""$@" 2>&1 >/dev/null | true"#,
        r#"exec "$@" 2>&-"#,
        r#"exec "$@" >&-"#,
        r#"exec "$@" 2>&- >&- <&-"#,
        r#"exec "$@" 2>/dev/full"#,
        r#"exec "$@" >/dev/full"#,
        r#"exec "$@" >/dev/full 2>&1"#,
    ] {
        let sandbox = Sandbox::new();
        sandbox.write("small.toml", SMALL);
        let ended =
            Ended::of(&through_shell(&sandbox.command(&["sweep", "small.toml"]), script).output().unwrap());
        assert_eq!(ended.code, Some(0), "{script}: {ended:#?}");
        assert_all_completed(&sandbox, script);
    }
}

#[test]
fn the_exit_code_is_that_of_the_work_whoever_has_stopped_reading() {
    let sandbox = Sandbox::new();
    sandbox.write("small.toml", diverging());
    for again in [false, true] {
        let mut child = sandbox
            .command(&["sweep", "small.toml"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop((child.stdout.take(), child.stderr.take()));
        assert_eq!(child.wait().unwrap().code(), Some(1), "again: {again}");
    }
    let states: Vec<RunState> = sandbox.runs_of("small").iter().map(|run| run.state).collect();
    assert_eq!(states, [RunState::Completed, RunState::Diverged]);
}

#[test]
fn a_reader_that_has_stopped_reading_does_not_stop_the_training() {
    let sandbox = Sandbox::new();
    sandbox.write("small.toml", SMALL);
    let (reader, mut writer) = std::io::pipe().unwrap();
    // As much as a pipe holds: the first message finds no room.
    writer.write_all(&vec![b'x'; 1 << 16]).unwrap();
    let ended = sandbox.command(&["sweep", "small.toml"]).stderr(writer).output().unwrap();
    assert_eq!(ended.status.code(), Some(0), "{ended:?}");
    assert_all_completed(&sandbox, "stalled");
    drop(reader);
}

#[test]
fn warnings_downloads_and_waiting_cannot_end_a_sweep_either() {
    let fallback = SMALL.replace("dataset = \"strokes\"", "dataset = \"kmnist\"\nfallback = \"strokes\"");
    for (text, arguments) in [
        (fallback, &["sweep", "small.toml", "--quiet"][..]),
        (diverging(), &["sweep", "small.toml", "--quiet"]),
        (diverging(), &["sweep", "small.toml", "--in-process"]),
    ] {
        let sandbox = Sandbox::new();
        sandbox.write("small.toml", &text);
        let expected = i32::from(text.contains("1e3"));
        let full = || File::options().write(true).open("/dev/full").unwrap();
        let status = sandbox.command(arguments).stdout(full()).stderr(full()).status().unwrap();
        assert_eq!(status.code(), Some(expected), "{arguments:?}");
        assert!(sandbox.path("results/small.html").is_file());
    }

    let sandbox = Sandbox::new();
    sandbox.write("small.toml", SMALL);
    let held = gansweep_store::ResultsLock::acquire(&sandbox.path("results"), &mut |_| {}, &|| false);
    let mut waiting = sandbox.command(&["sweep", "small.toml"]).stderr(Stdio::piped()).spawn().unwrap();
    drop(waiting.stderr.take());
    std::thread::sleep(std::time::Duration::from_millis(600));
    drop(held);
    assert_eq!(waiting.wait().unwrap().code(), Some(0));
    assert_all_completed(&sandbox, "waiting");
}

#[test]
fn a_closed_terminal_saves_and_ends_as_ctrl_c_does() {
    // Two runs, long enough to be seen on the terminal.
    let text = SMALL
        .replace("images = 640", "images = 6400")
        .replace("epochs = 4", "epochs = 40")
        .replace("[2e-4, 1e-3, 5e-3]", "[1e-3]");
    let sandbox = Sandbox::new();
    sandbox.write("small.toml", &text);
    let (code, output) =
        terminal_outcome(&mut on_terminal(&sandbox.command(&["sweep", "small.toml"]), "epoch 2"));
    assert_eq!(code, 130, "{output}");
    assert!(sandbox.path("results/small.html").is_file(), "the page is written");
    let runs = sandbox.runs_of("small");
    assert!(runs.iter().any(|run| run.step > 0), "nothing was saved: {runs:#?}");
    assert!(runs.iter().all(|run| run.state != RunState::Failed), "{runs:#?}");
    sandbox.run(&["sweep", "small.toml"]).well();

    let whole = Sandbox::new();
    whole.write("small.toml", text);
    whole.run(&["sweep", "small.toml"]).well();
    assert_eq!(sandbox.recorded(), whole.recorded());
}

#[test]
fn a_terminal_that_is_closed_under_nohup_changes_nothing() {
    // nohup says what it does with the output before it ignores the signal; what it starts comes after.
    let under_nohup = r#"exec nohup sh -c 'echo ready >/dev/tty; exec "$@"' sh "$@" </dev/null"#;
    for script in [r#"trap '' HUP; exec "$@""#, under_nohup] {
        let sandbox = Sandbox::new();
        sandbox.write("small.toml", SMALL);
        let command = through_shell(&sandbox.command(&["sweep", "small.toml"]), script);
        // nohup sends the output to a file.
        let close_at = if script.contains("nohup") { "ready" } else { "training 6 runs" };
        let (code, output) = terminal_outcome(&mut on_terminal(&command, close_at));
        assert_eq!(code, 0, "{script}: {output}");
        assert_all_completed(&sandbox, script);
    }
}

#[test]
fn every_command_is_quiet_when_its_reader_has_gone() {
    let sandbox = Sandbox::new();
    sandbox.write("small.toml", SMALL);
    sandbox.run(&["sweep", "small.toml"]).well();
    let runs = sandbox.runs_of("small");
    let (first, second) = (runs[0].id.as_str(), runs[1].id.as_str());
    let many =
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300000) SELECT i FROM n";
    for arguments in [
        &["plan", "small.toml"][..],
        &["plan", "small.toml", "--json"],
        &["sweep", "small.toml", "--dry-run"],
        &["sweep", "small.toml"],
        &["runs"],
        &["runs", "--json"],
        &["show", first],
        &["show", first, "--json"],
        &["diff", first, second],
        &["sql", many],
        &["sql", many, "--format", "csv"],
        &["sql", many, "--format", "json"],
        &["export"],
        &["export", "--format", "jsonl"],
        &["export", first, "--format", "safetensors"],
        &["generate", first],
        &["report"],
        &["report", "--out", "/dev/stdout"],
        &["export", "--out", "/dev/stdout"],
        &["generate", first, "--out", "/dev/stdout"],
        &["data"],
        &["devices"],
        &["devices", "--json"],
    ] {
        let mut child =
            sandbox.command(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let mut said = String::new();
        child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(0), "{arguments:?}: {said}");
        assert!(!said.contains("error") && !said.contains("panicked"), "{arguments:?}: {said}");
        // These say how it went on their way.
        let speaks = arguments == ["sweep", "small.toml"]
            || arguments[0] == "generate"
            || arguments.contains(&"safetensors");
        assert!(said.is_empty() || speaks, "{arguments:?}: {said}");
    }
    for arguments in [&["runs"][..], &["runs", "--json"], &["sql", many, "--format", "csv"], &["export"]] {
        let full = File::options().write(true).open("/dev/full").unwrap();
        let output = sandbox.command(arguments).stdout(full).stderr(Stdio::piped()).output().unwrap();
        let ended = Ended::of(&output);
        assert_eq!(ended.code, Some(1), "a result that is lost is an error: {ended:#?}");
        assert!(ended.stderr.contains("cannot"), "{ended:#?}");
    }
}

#[test]
fn terminals_get_colours_and_bars_only_where_they_are_wanted() {
    let sandbox = Sandbox::new();
    sandbox.write("small.toml", SMALL);
    sandbox.write("bad.toml", "recipe = \"none\"\n");
    let shown = |arguments: &[&str], variables: &[(&str, &str)]| {
        let mut command = sandbox.command(arguments);
        for name in ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "CI"] {
            command.env_remove(name);
        }
        command.env("TERM", "xterm-256color").envs(variables.iter().copied());
        terminal_outcome(&mut on_terminal(&command, "")).1
    };
    let plan = &["plan", "bad.toml"];
    assert!(shown(plan, &[]).contains("\x1b[1;31merror\x1b[0m: "));
    for plain in [("NO_COLOR", "1"), ("CLICOLOR", "0"), ("TERM", "dumb")] {
        for variables in [&[plain][..], &[plain, ("CI", "true")]] {
            let output = shown(plan, variables);
            assert!(output.contains("error: ") && !output.contains('\x1b'), "{variables:?}: {output:?}");
        }
    }
    let forced = sandbox.command(plan).env("CLICOLOR_FORCE", "1").output().unwrap();
    assert!(Ended::of(&forced).stderr.contains("\x1b[1;31merror\x1b[0m: "));

    let bars = shown(&["sweep", "small.toml"], &[]);
    assert!(bars.contains("6 runs: 6 completed") && bars.contains("\x1b[2K"), "bars are drawn: {bars:?}");
    let again = &["sweep", "small.toml", "--set", "sweep.seeds=3"];
    let output = shown(again, &[("TERM", "dumb")]);
    assert!(output.contains("training 3 runs") && output.contains("completed"), "{output:?}");
    assert!(!output.contains('\x1b'), "{output:?}");
}

#[test]
fn text_from_outside_reaches_no_terminal_unescaped() {
    let hostile = "\\u001b]0;owned\\u0007\\u001b[2J\\u009b31m\\u202e";
    let sandbox = Sandbox::new();
    let text = SMALL
        .replace("name = \"small\"", &format!("name = \"small\"\ndescription = \"{hostile}\""))
        .replace("seeds = 2", "seeds = 1");
    sandbox.write("small.toml", text);
    sandbox.run(&["sweep", "small.toml"]).well();
    let shell = "\x1b[31mred\x1b]0;owned\x07\r\u{9b}2J";
    let sql = format!("SELECT '{shell}' AS '{shell}', description FROM sweeps");
    let unknown = format!("--where={shell}");
    for arguments in [
        &["sql", sql.as_str()][..],
        &["sql", &format!("SELECT {shell}")],
        &["runs", &unknown],
        &["runs", "--sweep", shell],
        &["show", shell],
        &["report", "--sweep", shell],
        &["plan", shell],
        &["plan", "small.toml", "--set", shell],
        &["plan", "small.toml", "--profile", shell],
        &["data", "fetch", shell],
        &["sweep", "small.toml", "--device", shell],
        &["sql", "SELECT description FROM sweeps"],
    ] {
        let command = sandbox.command(arguments);
        let piped = Ended::of(&sandbox.command(arguments).output().unwrap());
        let (_, shown) = terminal_outcome(on_terminal(&command, "").env("NO_COLOR", "1"));
        for text in [&piped.stdout, &piped.stderr, &shown.replace("\r\n", "\n")] {
            let bad: Vec<char> =
                text.chars().filter(|&c| (c.is_control() && c != '\n') || c == '\u{202e}').collect();
            assert!(bad.is_empty(), "{arguments:?} {bad:?}: {text:?}");
        }
    }
    let exact = sandbox.run(&["sql", "SELECT description FROM sweeps", "--format", "csv"]).well();
    assert!(exact.stdout.contains('\x1b'), "formats for programs are exact: {exact:#?}");
}
