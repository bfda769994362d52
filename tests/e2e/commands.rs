//! Every command on the results of one small sweep.

use std::fs;
use std::sync::OnceLock;

use gansweep_store::{RunFilter, RunRow};
use serde_json::Value;

use crate::sandbox::{SMALL, Sandbox};

/// One sweep for all of these tests, which only read it.
fn swept() -> &'static Sandbox {
    static SWEPT: OnceLock<Sandbox> = OnceLock::new();
    SWEPT.get_or_init(|| {
        let sandbox = Sandbox::new();
        sandbox.write("small.toml", SMALL);
        sandbox.run(&["sweep", "small.toml"]).well();
        sandbox
    })
}

fn runs() -> Vec<RunRow> {
    swept().reader().runs(&RunFilter::default()).unwrap()
}

#[test]
fn plan_counts_runs_and_says_which_are_done() {
    let text = swept().run(&["plan", "small.toml"]).well().stdout;
    assert!(text.contains("6 runs (6 done before): nothing left to train"), "{text}");
    let text = swept().run(&["plan", "small.toml", "--set", "sweep.seeds=3"]).well().stdout;
    assert!(text.contains("9 runs (6 done before) -> 3 groups of 1 lane on cpu"), "{text}");
    assert!(text.contains(" s at the speed of 6 recorded runs of the same shapes"), "{text}");
    let with = |set: &str| {
        let sets = ["--set", "sweep.seeds=3", "--set", set];
        swept().run(&[&["plan", "small.toml"], &sets[..]].concat()).well().stdout
    };
    let text = with("record.evaluate_epochs=1");
    assert!(text.contains(" of the same shapes; with quality figures about "), "{text}");
    let text = with("record.evaluate_epochs=0");
    assert!(!text.contains("with quality figures"), "{text}");
    let text = with("model.hidden=32");
    assert!(text.contains(" s at the speed of 6 recorded runs of similar size"), "{text}");
    let text = with("model.hidden=1000");
    assert!(text.contains("no recorded run is of this size, so the time is not known"), "{text}");
    assert!(text.contains("optimizer.lr") && text.contains("recipe fast"), "{text}");
}

#[test]
fn plan_as_json_has_every_run_and_the_layer_of_every_key() {
    let json: Value =
        serde_json::from_str(&swept().run(&["plan", "small.toml", "--json"]).well().stdout).unwrap();
    assert_eq!(json["runs"].as_array().unwrap().len(), 6);
    let layer_of = |key: &str| {
        let resolved = json["resolved"].as_array().unwrap();
        resolved.iter().find(|entry| entry["key"] == key).unwrap_or_else(|| panic!("{key}"))["layer"].clone()
    };
    assert_eq!(layer_of("train.epochs"), "file");
    assert_eq!(layer_of("model.generator.batch_norm"), "recipe fast");
}

#[test]
fn runs_are_listed_and_filtered() {
    let all = swept().run(&["runs", "--json"]).well().stdout;
    assert_eq!(all.lines().count(), 6);
    let some = swept().run(&["runs", "--sweep", "small", "--where", "seed = 1", "--json"]).well().stdout;
    assert_eq!(some.lines().count(), 3);
    swept().run(&["runs", "--sweep", "large"]).refused(&["large", "small"]);
    assert!(swept().run(&["runs"]).well().stdout.contains("completed"));
}

#[test]
fn show_tells_all_of_a_run_that_a_few_digits_name() {
    let run = &runs()[0];
    let text = swept().run(&["show", &run.id.as_str()[..8]]).well().stdout;
    for part in [
        run.id.as_str(),
        "completed",
        "d_loss",
        "epoch_g_loss",
        "checkpoint at step 40",
        "optimizer.generator.lr",
    ] {
        assert!(text.contains(part), "`{part}` is missing: {text}");
    }
    // What this run does not use.
    for key in ["model.generator.width", "penalty.weight", "train.ema_warmup"] {
        assert!(!text.contains(key), "`{key}` is shown: {text}");
    }
    let json: Value =
        serde_json::from_str(&swept().run(&["show", run.id.as_str(), "--json"]).well().stdout).unwrap();
    assert_eq!(json["attempts"].as_array().unwrap().len(), 1);
    swept().run(&["show", "zzzz"]).refused(&["zzzz"]);
}

#[test]
fn diff_shows_where_runs_differ_and_nothing_else() {
    let runs = runs();
    let text = swept().run(&["diff", runs[0].id.as_str(), runs[2].id.as_str()]).well().stdout;
    assert!(
        text.contains("optimizer.generator.lr") && text.contains("2e-4") && text.contains("1e-3"),
        "{text}"
    );
    assert!(!text.contains("batch_size"), "{text}");
}

#[test]
fn a_setting_that_a_run_does_not_use_is_no_difference_from_others() {
    let sandbox = Sandbox::new();
    let text = "name = \"kinds\"\nrecipe = \"fast\"\ndata = { dataset = \"strokes\", images = 64 }\n\
                model.generator = { hidden = [24], width = 4 }\ntrain.epochs = 1\nrecord.evaluate_epochs = 0\n\
                [sweep.grid]\n\"model.generator.kind\" = [\"mlp\", \"dcgan\"]\n";
    sandbox.write("kinds.toml", text);
    sandbox.run(&["sweep", "kinds.toml"]).well();
    let runs = sandbox.reader().runs(&RunFilter::default()).unwrap();
    let text = sandbox.run(&["diff", runs[0].id.as_str(), runs[1].id.as_str()]).well().stdout;
    let values_of = |key: &str| -> Vec<&str> {
        let line = text.lines().find(|line| line.starts_with(key)).unwrap_or_default();
        line.split_whitespace().skip(1).collect()
    };
    assert_eq!(values_of("model.generator.kind"), ["mlp", "dcgan"]);
    assert_eq!(values_of("model.generator.hidden"), ["[24]"]);
    assert_eq!(values_of("model.generator.width"), ["4"]);
    let page = fs::read_to_string(sandbox.path("results/kinds.html")).unwrap();
    assert!(!page.contains("weight_clip"), "the page shows a setting that neither run uses");
}

#[test]
fn lists_of_layers_have_names_and_stand_beside_each_other() {
    let sandbox = Sandbox::new();
    let lists = "[sweep.grid.\"model.generator.layers\".values]\n\
                 short = [{ linear = 64 }, \"relu\", { linear = 784 }]\n\
                 long = [{ linear = 64 }, \"relu\", \"batch-norm\", { linear = 784 }]\n";
    let head = "name = \"lists\"\nrecipe = \"fast\"\ndata = { dataset = \"strokes\", images = 64 }\n\
                model.generator.kind = \"layers\"\ntrain.epochs = 1\nrecord.evaluate_epochs = 0\n";
    sandbox.write("lists.toml", format!("{head}{lists}"));
    sandbox.run(&["sweep", "lists.toml"]).well();
    let runs = sandbox.reader().runs(&RunFilter::default()).unwrap();
    let labels: Vec<&str> = runs.iter().map(|run| run.label.as_str()).collect();
    assert_eq!(labels, ["generator.layers=short seed=0", "generator.layers=long seed=0"]);
    let lines_of = |arguments: &[&str]| -> Vec<Vec<String>> {
        let text = sandbox.run(arguments).well().stdout;
        let lines = text.lines().skip_while(|line| !line.starts_with("model.generator.layers"));
        lines
            .take(4)
            .map(|line| {
                line.split("  ").filter(|cell| !cell.is_empty()).map(|cell| cell.trim().to_owned()).collect()
            })
            .collect()
    };
    let (short, long) = (runs[0].id.as_str(), runs[1].id.as_str());
    assert_eq!(
        lines_of(&["diff", short, long]),
        [
            vec!["model.generator.layers", "linear 64", "linear 64"],
            vec!["relu", "relu"],
            vec!["batch-norm"],
            vec!["linear 784", "linear 784"],
        ]
    );
    let shown = lines_of(&["show", long]);
    assert_eq!(shown[0], ["model.generator.layers", "linear 64"]);
    assert_eq!(shown[2], ["batch-norm"]);
    let only = sandbox.run(&["plan", "lists.toml", "--only", "layers=long"]).well().stdout;
    assert!(only.contains("1 run (1 done before, 1 not selected)"), "{only}");
    sandbox.run(&["plan", "lists.toml", "--only", "layers=deep"]).refused(&["generator.layers=short,long"]);
}

#[test]
fn runs_are_listed_in_the_order_that_is_asked_for() {
    let labels = |arguments: &[&str]| -> Vec<String> {
        let listed = swept().run(&[&["runs", "--json"], arguments].concat()).well().stdout;
        let rows = listed.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        rows.map(|row| row["label"].as_str().unwrap().to_owned()).collect()
    };
    let mut sorted = labels(&[]);
    sorted.sort();
    assert_ne!(sorted, labels(&[]));
    assert_eq!(labels(&["--sort", "label"]), sorted);
    assert_eq!(labels(&["--sort", "label", "--limit", "2"]), sorted[..2]);
    assert_eq!(labels(&["--sort", "steps", "--limit", "99"]).len(), sorted.len());
}

#[test]
fn sql_answers_as_table_csv_and_json() {
    let sql = "SELECT label, state FROM run_overview ORDER BY label LIMIT 2";
    assert!(swept().run(&["sql", sql]).well().stdout.contains("completed"));
    let csv = swept().run(&["sql", sql, "--format", "csv"]).well().stdout;
    assert_eq!(csv.lines().next(), Some("label,state"));
    let json = swept().run(&["sql", sql, "--format", "json"]).well().stdout;
    let row: Value = serde_json::from_str(json.lines().next().unwrap()).unwrap();
    assert_eq!(row["state"], "completed");
}

#[test]
fn sql_may_begin_with_a_comment() {
    let sandbox = swept();
    for sql in
        ["-- note\nSELECT 7 AS seven", "--format\nSELECT 7 AS seven", "/* note */ SELECT 7 AS seven -- end"]
    {
        let ended = sandbox.run(&["sql", sql, "--format", "csv"]).well();
        assert_eq!(ended.stdout, "seven\n7\n", "{sql}");
        let ended = sandbox.run(&["sql", "--format", "csv", sql]).well();
        assert_eq!(ended.stdout, "seven\n7\n", "{sql}");
    }
    sandbox.run(&["sql", "-- a note alone"]).refused(&["SELECT"]);
    assert_eq!(sandbox.run(&["runs", "--json", "--where", "-seed < 0"]).well().stdout.lines().count(), 3);
    let frame = sandbox.run(&["runs", "--sweep", "small", "--where", "0) OR (1"]);
    frame.refused(&["parenthesis", "seed"]);
    let json = sandbox.run(&["sql", "SELECT 1 AS a, 2 AS a_2, 3 AS a", "--format", "json"]).well();
    assert_eq!(json.stdout, "{\"a\":1,\"a_2\":2,\"a_3\":3}\n");
}

#[test]
fn generate_from_a_run_without_a_checkpoint_says_why_there_is_none() {
    let sandbox = Sandbox::new();
    let text = SMALL
        .replace("[2e-4, 1e-3, 5e-3]", "[1e3]")
        .replace("seeds = 2", "seeds = 1")
        .replace("checkpoint_seconds = 0", "checkpoint_seconds = 60")
        .replace("hidden = 24", "hidden = [24, 24, 24, 24, 24, 24, 24, 24, 24, 24, 24, 24]");
    sandbox.write("small.toml", text);
    assert_eq!(sandbox.run(&["sweep", "small.toml"]).code, Some(1));
    let run = sandbox.runs_of("small")[0].id.to_string();
    sandbox.run(&["generate", &run]).refused(&["diverged before it was saved"]);
    sandbox.run(&["export", &run, "--format", "safetensors"]).refused(&["diverged before it was saved"]);
}

#[test]
fn export_writes_every_point_as_csv_and_json_lines() {
    let csv = swept().run(&["export", "--what", "points"]).well().stdout;
    let jsonl =
        swept().run(&["export", "--what", "points", "--format", "jsonl", "--sweep", "small"]).well().stdout;
    assert_eq!(csv.lines().count() - 1, jsonl.lines().count());
    assert!(csv.lines().count() > 6 * 12 * 7);
    swept().run(&["export", "--sweep", "large"]).refused(&["large"]);
}

#[test]
fn an_export_that_fails_leaves_the_older_file() {
    let sandbox = swept();
    let older = sandbox.write("points.csv", "an older export\n");
    sandbox.run(&["export", "--sweep", "large", "--out", "points.csv"]).refused(&["large"]);
    assert_eq!(fs::read_to_string(&older).unwrap(), "an older export\n");
    sandbox.run(&["export", "--sweep", "small", "--out", "points.csv"]).well();
    assert!(fs::read_to_string(&older).unwrap().lines().count() > 6);
}

#[test]
fn exports_for_other_programs_are_folders() {
    let sandbox = swept();
    for (format, file) in [("parquet", "points.parquet"), ("tensorboard", "small"), ("mlflow", "")] {
        let out = format!("out/{format}");
        let ended = sandbox.run(&["export", "--format", format, "--sweep", "small", "--out", &out]).well();
        assert!(ended.stderr.contains("exported 6 runs") && ended.stdout.contains(&out), "{ended:#?}");
        assert!(sandbox.path(&out).join(file).exists());
        let unknown = ["export", "--format", format, "--sweep", "large", "--out", &out];
        sandbox.run(&unknown).refused(&["large"]);
        sandbox.run(&["export", "ab", "--format", format]).refused(&["--format safetensors"]);
    }
}

#[test]
fn exported_networks_have_pytorchs_names_and_shapes() {
    let folder = swept().path("networks");
    let run = runs()[0].id.to_string();
    let out = folder.to_str().unwrap();
    swept().run(&["export", &run, "--format", "safetensors", "--out", out, "--prefix", "model."]).well();
    let bytes = std::fs::read(folder.join("generator.safetensors")).unwrap();
    let length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let header: Value = serde_json::from_slice(&bytes[8..8 + length]).unwrap();
    assert_eq!(header["model.0.weight"]["shape"], serde_json::json!([24, 8]));
    assert_eq!(header["model.1.running_var"]["shape"], serde_json::json!([24]));
    assert_eq!(header["model.1.num_batches_tracked"]["dtype"], "I64");
    assert!(folder.join("discriminator.safetensors").is_file());
}

#[test]
fn generate_draws_new_images_the_same_for_the_same_seed() {
    let run = runs()[0].id.to_string();
    let draw = |seed: &str, name: &str| {
        let path = swept().path(name);
        swept()
            .run(&[
                "generate",
                &run,
                "--count",
                "10",
                "--cols",
                "5",
                "--seed",
                seed,
                "--out",
                path.to_str().unwrap(),
            ])
            .well();
        std::fs::read(path).unwrap()
    };
    let first = draw("1", "a.png");
    assert_eq!(first, draw("1", "b.png"));
    assert_ne!(first, draw("2", "c.png"));
    assert!(first.starts_with(b"\x89PNG"));
}

#[test]
fn a_conditional_run_draws_images_of_a_class_and_grids_with_a_column_for_each() {
    let sandbox = Sandbox::new();
    let text = SMALL.replace("seeds = 2", "seeds = 1").replace("[2e-4, 1e-3, 5e-3]", "[1e-3]");
    let text = text.replace("epochs = 4", "epochs = 2");
    sandbox.write("small.toml", &text);
    let projection = "model.discriminator.condition=projection";
    sandbox.run(&["sweep", "small.toml", "--set", "model.conditional=true", "--set", projection]).well();
    let run = sandbox.reader().runs(&RunFilter::default()).unwrap()[0].id.clone();
    let grid = sandbox.reader().samples_index(&run, u64::MAX >> 1).unwrap().pop().unwrap();
    assert_eq!(grid.geometry.cols, 10);
    let draw = |more: &[&str]| {
        let all = ["generate", run.as_str(), "-n", "1", "--out", "image.png"];
        sandbox.run(&all.iter().chain(more).copied().collect::<Vec<_>>()).well();
        std::fs::read(sandbox.path("image.png")).unwrap()
    };
    // Classes in turn begin with the first, and strokes have the names of digits.
    assert_eq!(draw(&[]), draw(&["--class", "0"]));
    assert_ne!(draw(&[]), draw(&["--class", "7"]));
    sandbox.run(&["generate", run.as_str(), "--class", "10"]).refused(&["no class \"10\"", "from 0 to 9"]);
    sandbox.run(&["export", run.as_str(), "--format", "safetensors", "--out", "networks"]).well();
    let bytes = std::fs::read(sandbox.path("networks/generator.safetensors")).unwrap();
    assert!(String::from_utf8_lossy(&bytes).contains("\"embedding.weight\""));
    let plain = runs()[0].id.to_string();
    swept().run(&["generate", &plain, "--class", "7"]).refused(&["not conditional"]);
}

#[test]
fn an_average_draws_and_is_exported_unless_its_weights_are_asked_for() {
    let sandbox = Sandbox::new();
    let text = SMALL.replace("seeds = 2", "seeds = 1").replace("[2e-4, 1e-3, 5e-3]", "[1e-3]");
    sandbox.write("small.toml", text.replace("epochs = 4", "epochs = 2\nema = 0.9"));
    sandbox.run(&["sweep", "small.toml"]).well();
    let run = sandbox.reader().runs(&RunFilter::default()).unwrap()[0].id.clone();
    let read = |name: &str| std::fs::read(sandbox.path(name)).unwrap();
    for (raw, flag) in [(false, None), (true, Some("--raw"))] {
        let out = if raw { "raw" } else { "averaged" };
        let networks = ["export", run.as_str(), "--format", "safetensors", "--out", out];
        let exported = sandbox.run(&networks.into_iter().chain(flag).collect::<Vec<_>>()).well();
        let weights = "weights after 2 epochs (last checkpoint)";
        let average = if raw { "" } else { "; those of the generator are their moving average" };
        assert_eq!(exported.stderr, format!("{weights}{average}\n"));
        let picture = format!("{out}.png");
        let images = ["generate", run.as_str(), "--count", "4", "--out", &picture];
        let generated = sandbox.run(&images.into_iter().chain(flag).collect::<Vec<_>>()).well();
        let source = if raw { "weights" } else { "moving average" };
        let weights = format!("drawn with the {source} of the generator after 2 epochs (last checkpoint)\n");
        assert_eq!(generated.stderr, weights);
    }
    assert_ne!(read("raw.png"), read("averaged.png"));
    assert_ne!(read("raw/generator.safetensors"), read("averaged/generator.safetensors"));
    assert_eq!(read("raw/discriminator.safetensors"), read("averaged/discriminator.safetensors"));
    let shown = sandbox.run(&["show", run.as_str()]).well().stdout;
    assert!(shown.contains("moving average of the generator with decay 0.9"), "{shown}");
    let grids = sandbox.reader().samples_index(&run, u64::MAX).unwrap();
    let of = |source: &str| grids.iter().filter(|grid| grid.source.name() == source).count();
    assert_eq!((of("raw"), of("ema")), (3, 3));
    let checked = sandbox.run(&["check"]).well().stdout;
    assert!(checked.contains("1 run"), "{checked}");
    let sql = "SELECT count(*) FROM samples_named WHERE source = 'ema'";
    assert!(sandbox.run(&["sql", sql]).well().stdout.contains('3'));
}

#[test]
fn devices_lists_the_cpu_and_what_this_build_lacks() {
    let text = swept().run(&["devices"]).well().stdout;
    assert!(text.contains("cpu") && text.contains("native"), "{text}");
    let json: Value = serde_json::from_str(&swept().run(&["devices", "--json"]).well().stdout).unwrap();
    let cpu = json.as_array().unwrap().iter().find(|device| device["name"] == "cpu").unwrap();
    assert_eq!(cpu["problem"], Value::Null);
}

#[test]
fn data_lists_the_datasets_and_shows_the_built_in_one() {
    let text = swept().run(&["data"]).well().stdout;
    for name in ["mnist", "fashion-mnist", "kmnist", "strokes"] {
        assert!(text.contains(name), "{text}");
    }
    let picture = swept().path("strokes.png");
    swept().run(&["data", "show", "strokes", "--out", picture.to_str().unwrap()]).well();
    assert!(std::fs::read(picture).unwrap().starts_with(b"\x89PNG"));
    swept().run(&["data", "fetch", "emnist"]).refused(&["emnist", "mnist"]);
}

#[test]
fn the_report_of_all_sweeps_and_of_one_can_be_written_again() {
    let page = swept().path("page.html");
    swept().run(&["report", "--sweep", "small", "--out", page.to_str().unwrap()]).well();
    assert!(std::fs::read_to_string(page).unwrap().contains("small"));
    swept().run(&["report", "--sweep", "large"]).refused(&["large"]);
}
