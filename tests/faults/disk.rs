//! Disks of a few megabytes that fill up in the middle of a sweep.

use std::process::Command;

use crate::sandbox::{Recorded, Sandbox, recorded};
use crate::{Faults, check, check_record, experiment, run, through_shell, undisturbed};

#[test]
fn disk() {
    let expected = undisturbed();
    let mounts = can_mount();
    Faults::of("disk").repeat(|faults| {
        if mounts {
            full_disk(faults, expected);
        }
        limited_files(faults, expected);
    });
}

/// Whether this system gives a mount namespace in which a file system of a few megabytes can be mounted.
fn can_mount() -> bool {
    let script = "mount -t tmpfs -o size=1m tmpfs /mnt";
    let allowed = Command::new("unshare").args(["--mount", "--map-root-user", "sh", "-c", script]).output();
    let allowed = allowed.is_ok_and(|output| output.status.success());
    if !allowed {
        println!("skipped: this system gives no mount namespaces; files are limited instead");
    }
    allowed
}

/// The results folder is a small disk, which grows after the first sweep has ended.
fn full_disk(faults: &mut Faults, expected: &Recorded) {
    let sandbox = Sandbox::new();
    sandbox.write("small.toml", experiment());
    std::fs::create_dir(sandbox.path("results")).unwrap();
    let kilobytes = 64 + faults.below(1400);
    let script = format!(
        "mount -t tmpfs -o size={kilobytes}k tmpfs results || exit 99; \"$@\"; echo \"first $?\" >&2; \
         mount -o remount,size=64m tmpfs results || exit 99; \"$@\"; code=$?; cp -r results kept; exit $code"
    );
    let in_shell = through_shell(&sandbox.command(&["sweep", "small.toml"]), &script);
    let mut unshared = Command::new("unshare");
    unshared.args(["--mount", "--map-root-user"]).arg(in_shell.get_program()).args(in_shell.get_args());
    unshared
        .current_dir(sandbox.path(""))
        .envs(in_shell.get_envs().filter_map(|(key, value)| Some((key, value?))));
    let what = format!("a disk of {kilobytes} KiB");
    let ended = run(&mut unshared, &what);
    assert!(!ended.stderr.contains("panicked"), "{what}: {ended:#?}");
    assert_eq!(ended.code, Some(0), "{what}: {ended:#?}");
    let filled = ["first 1", "first 2"].iter().any(|first| ended.stderr.contains(first));
    assert!(filled || ended.stderr.contains("first 0"), "{what}: {ended:#?}");
    let found = recorded(&sandbox.path("kept"));
    assert!(found == *expected, "{what}: the record is another than on a large disk");
    faults.count("disks");
    if filled {
        faults.count("disks that filled up");
    }
}

/// No file may be longer than a limit: writing fails in the middle of it.
fn limited_files(faults: &mut Faults, expected: &Recorded) {
    let sandbox = Sandbox::new();
    sandbox.write("small.toml", experiment());
    let blocks = 8 + faults.below(1000);
    // Ignored, since the signal would end the process instead of failing the write.
    let script = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$@\"");
    let what = format!("files of at most {blocks} blocks");
    let ended = run(&mut through_shell(&sandbox.command(&["sweep", "small.toml"]), &script), &what);
    check(&what, &ended);
    faults.count("limits");
    check_record(&sandbox, expected, &what);
}
