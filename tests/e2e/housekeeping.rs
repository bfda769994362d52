//! Sweeps and runs that are removed, renamed and tagged, and space that is freed: within the results folder, and only what
//! was agreed to.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use gansweep_store::ResultsLock;

use crate::sandbox::{SMALL, Sandbox};

/// The sweep `small` of two learning rates, and `more` with one of them and another, one seed each, all trained.
fn two_sweeps() -> Sandbox {
    let sandbox = Sandbox::new();
    let text = SMALL.replace("seeds = 2", "seeds = 1").replace("epochs = 4", "epochs = 1");
    sandbox.write("small.toml", text.replace("[2e-4, 1e-3, 5e-3]", "[2e-4, 1e-3]"));
    let more =
        text.replace("[2e-4, 1e-3, 5e-3]", "[1e-3, 5e-3]").replace("name = \"small\"", "name = \"more\"");
    sandbox.write("more.toml", more);
    sandbox.run(&["sweep", "small.toml"]).well();
    sandbox.run(&["sweep", "more.toml"]).well();
    sandbox
}

/// Names of the files and folders in a folder, without the database's.
fn names(folder: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(folder).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| !name.starts_with("results.sqlite") && name != ".lock").collect()
}

fn set(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

#[test]
fn a_sweep_is_removed_with_its_page_and_its_own_runs_after_an_answer() {
    let sandbox = two_sweeps();
    let id = |sweep: &str, place: usize| sandbox.runs_of(sweep)[place].id.to_string();
    let (own, shared, other) = (id("small", 0), id("small", 1), id("more", 1));
    assert_eq!(shared, id("more", 0));
    sandbox.write("results/notes.txt", "mine");
    sandbox.write(&format!("results/checkpoints/{own}/notes.txt"), "mine");
    let refused = sandbox.run(&["rm", "small"]).refused(&["--yes", "sweep small, with its page"]);
    assert!(refused.stderr.contains("1 run, with "), "{refused:#?}");
    assert!(refused.stderr.contains("kept, since other sweeps have them: 1 run"), "{refused:#?}");
    assert_eq!(sandbox.runs_of("small").len(), 2);

    let removed = sandbox.run(&["rm", "small", "--yes"]).well();
    assert!(removed.stdout.contains("removed 1 run and 1 checkpoint file"), "{removed:#?}");
    sandbox.run(&["runs", "--sweep", "small"]).refused(&["no sweep is named `small`"]);
    assert_eq!(names(&sandbox.path("results")), set(&["checkpoints", "more.html", "notes.txt"]));
    assert_eq!(names(&sandbox.path("results/checkpoints")), set(&[&own, &shared, &other]));
    assert_eq!(names(&sandbox.path("results/checkpoints").join(&own)), set(&["notes.txt"]), "not ours");
    sandbox.run(&["check"]).well();
    let again = sandbox.run(&["sweep", "small.toml"]).well();
    assert!(again.stderr.contains("1 run already done"), "{again:#?}");

    sandbox.run(&["rm", &other[..10], "small", "--yes"]).well();
    assert_eq!(names(&sandbox.path("results/checkpoints")), set(&[&own, &shared]));
    sandbox
        .run(&["rm", "nothing", "--yes"])
        .refused(&["neither a sweep nor a run `nothing`", "the sweeps are more"]);
    sandbox.run(&["check"]).well();
}

#[test]
fn nothing_outside_of_the_results_folder_is_deleted_through_links() {
    let sandbox = two_sweeps();
    let run = sandbox.runs_of("small")[0].id.to_string();
    let folder = sandbox.path("results/checkpoints").join(&run);
    fs::rename(&folder, sandbox.path("theirs")).unwrap();
    symlink(sandbox.path("theirs"), &folder).unwrap();
    let page = sandbox.path("results/small.html");
    fs::rename(&page, sandbox.path("page.html")).unwrap();
    symlink(sandbox.path("page.html"), &page).unwrap();
    sandbox.run(&["rm", "small", "--yes"]).well();
    sandbox.run(&["gc", "--yes"]).well();
    assert_eq!(names(&sandbox.path("theirs")).len(), 1);
    assert!(sandbox.path("page.html").is_file() && !page.is_symlink());

    let all = sandbox.path("results/checkpoints");
    fs::rename(&all, sandbox.path("everything")).unwrap();
    symlink(sandbox.path("everything"), &all).unwrap();
    let before = names(&sandbox.path("everything"));
    sandbox.run(&["gc", "--keep-weights", "none", "--yes"]).well();
    assert_eq!(sandbox.checkpoints().len(), 2, "what cannot be deleted is not forgotten");
    sandbox.run(&["rm", "more", "--yes"]).well();
    assert_eq!(names(&sandbox.path("everything")), before);
}

#[test]
fn what_no_run_needs_is_deleted_and_weights_only_if_asked_for() {
    let sandbox = two_sweeps();
    let kept = sandbox.checkpoints();
    let run = sandbox.runs_of("small")[0].id.to_string();
    let orphan = "0123456789abcdef";
    let useless = [
        format!("checkpoints/{orphan}/step-00000001.safetensors"),
        format!("checkpoints/{run}/step-00000001.safetensors"),
        format!("checkpoints/{run}/.step-00000002.safetensors.AbCd12.part"),
        ".small.html.AbCd12.part".to_owned(),
    ];
    let others = [
        "checkpoints/notes/step-00000001.safetensors",
        &format!("checkpoints/{run}/step-1.safetensors"),
        ".small.txt.AbCd12.part",
        "old.html",
    ];
    for name in useless.iter().map(String::as_str).chain(others) {
        sandbox.write(&format!("results/{name}"), "bytes");
    }
    sandbox
        .run(&["gc"])
        .refused(&["0 checkpoints of completed runs and 4 files that no run needs: 20 B", "--yes"]);
    let freed = sandbox.run(&["gc", "--yes"]).well();
    assert!(freed.stdout.contains(": 4 files, and "), "{freed:#?}");
    // Where nothing is left to delete, nobody is asked.
    let freed = sandbox.run(&["gc"]).well();
    assert!(freed.stdout.contains(": 0 files, and "), "{freed:#?}");
    for name in &useless {
        assert!(!sandbox.path("results").join(name).exists(), "{name}");
    }
    assert!(!sandbox.path("results/checkpoints").join(orphan).exists());
    for name in others {
        assert!(sandbox.path("results").join(name).exists(), "{name}");
    }
    assert_eq!(sandbox.checkpoints(), kept);
    sandbox.run(&["check"]).well();

    let best = ["gc", "--keep-weights", "best", "--metric", "d_loss", "--yes"];
    sandbox.run(&best).refused(&["no metric `d_loss` has a best value", "--metric"]);
    let unranked = sandbox.run(&["gc", "--keep-weights", "best", "--yes"]).well();
    assert!(unranked.stderr.contains("which weights are best: those of more, small;"), "{unranked:#?}");
    assert_eq!(sandbox.checkpoints(), kept);
    sandbox.run(&["gc", "--keep-weights", "none", "--yes"]).well();
    assert!(sandbox.checkpoints().is_empty());
    sandbox.run(&["generate", &run]).refused(&[
        "it has been deleted",
        "sweep small.toml",
        "--restore-checkpoints",
    ]);
    sandbox.run(&["check"]).well();
    sandbox.run(&["merge", "results", "--results", "copy"]).well();
    sandbox.run(&["generate", &run, "--results", "copy"]).refused(&["small.toml --results copy --restore-"]);
    let restored = ["sweep", "small.toml", "--restore-checkpoints"];
    let said = sandbox.run(&restored).well();
    assert!(said.stderr.contains("starts from the beginning: its checkpoint has been deleted"), "{said:#?}");
    sandbox.run(&["sweep", "more.toml", "--restore-checkpoints"]).well();
    assert_eq!(sandbox.checkpoints(), kept);
}

#[test]
fn more_epochs_of_a_run_without_a_checkpoint_are_told_to_begin_anew() {
    let sandbox = two_sweeps();
    let more = ["sweep", "small.toml", "--set", "train.epochs=3"];
    let extended = sandbox.run(&more).well();
    assert!(!extended.stderr.contains("from the beginning"), "{extended:#?}");
    sandbox.run(&["gc", "--keep-weights", "none", "--yes"]).well();
    let planned = sandbox.run(&["plan", "small.toml", "--set", "train.epochs=4"]).well();
    let text = planned.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(text.contains("to extend from 3 to 4 epochs, 2 of them from the beginning"), "{planned:#?}");
    let anew = sandbox.run(&["sweep", "small.toml", "--set", "train.epochs=4"]).well();
    assert!(anew.stderr.contains("starts from the beginning: its checkpoint has been deleted"), "{anew:#?}");
}

#[test]
fn sweeps_are_renamed_and_listed_with_their_sizes_and_runs_are_tagged() {
    let sandbox = two_sweeps();
    sandbox.run(&["rename", "small", "more", "--yes"]).refused(&["a sweep named `more` already"]);
    sandbox.run(&["rename", "small", "a\nb", "--yes"]).refused(&["cannot be a name"]);
    sandbox.run(&["rename", "small", "rates"]).refused(&["--yes"]);
    sandbox.run(&["rename", "small", "rates", "--yes"]).well();
    assert_eq!(names(&sandbox.path("results")), set(&["checkpoints", "more.html", "rates.html"]));
    assert!(fs::read_to_string(sandbox.path("results/rates.html")).unwrap().contains("<title>rates"));
    let listed = sandbox.run(&["sweeps", "--json"]).well();
    let rows: Vec<serde_json::Value> =
        listed.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((rows[0]["name"].as_str(), rows[1]["name"].as_str()), (Some("more"), Some("rates")));
    assert!(
        rows.iter().all(|row| row["runs"] == 2 && row["checkpoint_bytes"].as_u64() > Some(1000)),
        "{rows:?}"
    );
    assert!(rows.iter().all(|row| row["device_seconds"].as_f64() > Some(0.0)), "{rows:?}");
    let listed = sandbox.run(&["sweeps", "--watts", "65", "--price", "0.3"]).well();
    let header: Vec<&str> = listed.stdout.lines().next().unwrap().split_whitespace().collect();
    assert!(header.ends_with(&["TIME", "ENERGY", "COST"]), "{listed:#?}");
    assert_eq!(listed.stdout.matches(" kWh").count(), 2, "{listed:#?}");
    sandbox.run(&["sweeps", "--watts", "0"]).refused(&["expected a number above 0"]);

    let run = sandbox.runs_of("rates")[0].id.to_string();
    let said = sandbox.run(&["tag", &run, "good one"]).well();
    assert!(said.stdout.contains("is now tagged good one"), "{said:#?}");
    assert!(sandbox.run(&["show", &run]).well().stdout.contains("tags: good one\n"));
    let found = sandbox.run(&["runs", "--where", "tags LIKE '%good%'", "--json"]).well();
    assert_eq!(found.stdout.lines().count(), 1, "{found:#?}");
    sandbox.run(&["tag", &run, "good one", "--remove"]).well();
    assert!(!sandbox.run(&["show", &run]).well().stdout.contains("tags:"));
    sandbox.run(&["check"]).well();
}

#[test]
fn a_results_folder_that_is_in_use_or_has_no_database_is_left_alone() {
    let sandbox = two_sweeps();
    let held = ResultsLock::acquire(&sandbox.path("results"), &mut |_| {}, &|| false).unwrap();
    let run = sandbox.runs_of("small")[0].id.to_string();
    for arguments in [
        &["rm", "small", "--yes"][..],
        &["gc", "--yes"],
        &["rename", "small", "x", "--yes"],
        &["tag", &run, "x"],
        &["check", "--accept"],
    ] {
        sandbox.run(arguments).refused(&["is in use by another process"]);
    }
    drop(held);
    let empty = Sandbox::new();
    for arguments in [&["rm", "small", "--yes"][..], &["gc", "--yes"], &["sweeps"], &["check", "--accept"]] {
        empty.run(arguments).refused(&["no database"]);
        assert!(!empty.path("results").exists(), "{arguments:?}");
    }
}

#[test]
fn the_space_that_removed_runs_had_in_the_database_is_announced_and_freed() {
    let sandbox = two_sweeps();
    sandbox.run(&["rm", "small", "more", "--yes"]).well();
    let length = || fs::metadata(sandbox.path("results/results.sqlite")).unwrap().len();
    let before = length();
    // Nothing is deleted, so nobody is asked.
    let freed = sandbox.run(&["gc"]).well();
    assert!(freed.stderr.starts_with("space in the database that nothing uses: "), "{freed:#?}");
    assert!(!freed.stdout.starts_with("freed 0 B") && length() < before, "{freed:#?}");
    let again = sandbox.run(&["gc"]).well();
    assert!(again.stderr.starts_with("0 checkpoints of completed runs and 0 files"), "{again:#?}");
    assert!(again.stdout.starts_with("freed 0 B"), "{again:#?}");
}

#[test]
fn copies_of_the_program_that_jobs_of_a_cluster_ran_are_cleaned_away() {
    let sandbox = two_sweeps();
    let copies = ["slurm/program-0123456789abcdef", "slurm/.program-0123456789abcdef.AbCdEf.part"];
    let log = sandbox.path("results/slurm/0123456789ab/0.log");
    fs::create_dir_all(log.parent().unwrap()).unwrap();
    fs::write(&log, "kept").unwrap();
    for copy in copies {
        fs::write(sandbox.path("results").join(copy), [0; 2048]).unwrap();
    }
    let freed = sandbox.run(&["gc", "--yes"]).well();
    assert!(freed.stderr.contains("2 copies of the program that jobs in Slurm have run: 4"), "{freed:#?}");
    assert!(copies.iter().all(|copy| !sandbox.path("results").join(copy).exists()));
    assert!(log.exists());
}
