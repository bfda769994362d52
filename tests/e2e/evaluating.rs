//! `gansweep evaluate`, on small images of the user's own, whose evaluator is trained in a second.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::process::Stdio;

use gansweep_config::ImageShape;
use gansweep_protocol::Metric;
use gansweep_store::RunRow;
use serde_json::Value;

use crate::processes::signal;
use crate::sandbox::{Ended, Sandbox};

/// Four small runs.
pub(crate) const TINY: &str = r#"
name = "tiny"
recipe = "fast"

[data]
dataset = "idx"
path = "images"

[model]
hidden = 16
latent_dim = 4

[train]
epochs = 2
batch_size = 16

[record]
checkpoint_seconds = 0
grid_rows = 2
grid_cols = 2

[sweep]
seeds = 2

[sweep.grid]
"optimizer.lr" = [2e-4, 1e-3]
"#;

const SIDE: u32 = 12;

/// A bright bar at one of four places, which is the class.
pub(crate) fn images(count: u32) -> Vec<u8> {
    let mut bytes: Vec<u8> = [0x0803, count, SIDE, SIDE].into_iter().flat_map(u32::to_be_bytes).collect();
    for image in 0..count {
        let is_bright = |row: u32, column: u32| match image % 4 {
            0 => row == 3,
            1 => row == 8,
            2 => column == 3,
            _ => row == column,
        };
        for place in 0..SIDE * SIDE {
            let noise = (image * 7919 + place * 104_729) % 60;
            bytes.push(if is_bright(place / SIDE, place % SIDE) { 255 } else { noise as u8 });
        }
    }
    bytes
}

pub(crate) fn labels(count: u32) -> Vec<u8> {
    let header = [0x0801, count].into_iter().flat_map(u32::to_be_bytes);
    header.chain((0..count).map(|image| (image % 4) as u8)).collect()
}

/// A trained sweep, and a cache of its own.
fn swept() -> Sandbox {
    let sandbox = images_in(Sandbox::new());
    sandbox.run(&["sweep", "tiny.toml"]).well();
    sandbox
}

/// The experiment and its images.
pub(crate) fn images_in(sandbox: Sandbox) -> Sandbox {
    sandbox.write("tiny.toml", TINY);
    for (split, count) in [("train", 48), ("t10k", 24)] {
        sandbox.write(&format!("images/{split}-images-idx3-ubyte"), images(count));
        sandbox.write(&format!("images/{split}-labels-idx1-ubyte"), labels(count));
    }
    sandbox
}

/// A trained sweep with an evaluator in its cache.
pub(crate) fn evaluated() -> Sandbox {
    let sandbox = swept();
    evaluate(&sandbox, &["tiny", "--images", "20"]).well();
    sandbox
}

fn evaluate(sandbox: &Sandbox, arguments: &[&str]) -> Ended {
    with_cache(sandbox, &[&["evaluate"], arguments, &["--path", "images"]].concat())
}

/// The program with a cache of the sandbox's own.
pub(crate) fn with_cache(sandbox: &Sandbox, arguments: &[&str]) -> Ended {
    let mut command = sandbox.command(arguments);
    command.env("XDG_CACHE_HOME", sandbox.path("cache"));
    Ended::of(&command.output().unwrap())
}

/// One small run on pictures.
const PETS: &str = r#"
name = "pets"
recipe = "fast"

[data]
dataset = "folder"
path = "pictures"
side = 12
channels = 1

[model]
hidden = 16
latent_dim = 4

[train]
epochs = 2
batch_size = 16

[record]
evaluate_epochs = 0
checkpoint_seconds = 0
grid_rows = 2
grid_cols = 2
"#;

/// A trained sweep on 48 pictures, in a folder for each class, or in none; the experiment and the pictures are in `study`.
pub(crate) fn pets(classes: &[&str], sets: &[&str]) -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write("study/pets.toml", PETS);
    let shape = ImageShape { channels: 1, height: SIDE, width: SIDE };
    for (index, pixels) in images(48)[16..].chunks_exact(shape.size()).enumerate() {
        let class =
            classes.get(index % classes.len().max(1)).map_or(String::new(), |class| format!("{class}/"));
        let picture = gansweep_data::grid(pixels, shape, 1, 1).unwrap().0;
        sandbox.write(&format!("study/pictures/{class}{index}.png"), picture);
    }
    let sets: Vec<&str> = sets.iter().flat_map(|set| ["--set", set]).collect();
    with_cache(&sandbox, &[&["sweep", "study/pets.toml"], &sets[..]].concat()).well();
    sandbox
}

fn json(sandbox: &Sandbox, arguments: &[&str]) -> (Value, String) {
    let ended = evaluate(sandbox, &[arguments, &["--json"]].concat()).well();
    (serde_json::from_str(&ended.stdout).unwrap(), ended.stderr)
}

fn cached(sandbox: &Sandbox) -> PathBuf {
    let files = fs::read_dir(sandbox.path("cache/gansweep/evaluators")).unwrap();
    let mut paths = files.map(|file| file.unwrap().path());
    paths.find(|path| path.extension().is_some_and(|it| it == "bin")).unwrap()
}

#[test]
fn the_runs_of_a_sweep_get_figures_from_an_evaluator_that_is_trained_once() {
    let sandbox = swept();
    let (first, said) = json(&sandbox, &["tiny", "--images", "40"]);
    assert!(said.contains("training the evaluator of idx"), "{said}");
    let dataset = &first["datasets"][0];
    assert_eq!(dataset["is_trained"], true);
    assert!(dataset["test_accuracy"].as_f64().unwrap() > 0.95, "{dataset}");
    let runs = first["runs"].as_array().unwrap();
    assert_eq!(runs.len(), 4);
    for run in runs {
        let figures = &run["figures"];
        assert_eq!((&figures["images"], &run["problem"]), (&40.into(), &Value::Null));
        // After six steps the images are noise, and the real test images are not.
        assert!(figures["fd"].as_f64().unwrap() > 2.0 * dataset["test"]["fd"].as_f64().unwrap(), "{run}");
        for name in ["precision", "recall", "density", "coverage"] {
            assert!(figures["fidelity"][name].as_f64().is_some_and(|value| value >= 0.0), "{name}: {run}");
        }
        let histogram = figures["classes"]["histogram"].as_array().unwrap();
        assert_eq!(histogram.iter().map(|count| count.as_u64().unwrap()).sum::<u64>(), 40);
    }
    let sum = |group: usize| {
        (0..2).map(|run| runs[2 * group + run]["figures"]["fd"].as_f64().unwrap()).sum::<f64>()
    };
    for group in first["comparison"]["comparison"]["groups"].as_array().unwrap() {
        let mean = sum(group["group"].as_u64().unwrap() as usize) / 2.0;
        assert!((group["mean"].as_f64().unwrap() - mean).abs() < 1e-9 * mean, "{group}");
    }

    let (again, said) = json(&sandbox, &["tiny", "--images", "40"]);
    assert!(!said.contains("training the evaluator"), "{said}");
    assert_eq!(again, first);

    let file = cached(&sandbox);
    let content = fs::read(&file).unwrap();
    fs::write(&file, &content[..content.len() / 2]).unwrap();
    let (repaired, said) = json(&sandbox, &["tiny", "--images", "40"]);
    assert!(said.contains("is damaged or cut short; the evaluator is trained anew"), "{said}");
    assert_eq!(repaired, first);
    assert_eq!(fs::read(&file).unwrap(), content);

    // Features that are cut short cost less than an evaluator, and the message says so.
    let features = fs::read_dir(file.parent().unwrap()).unwrap().map(|entry| entry.unwrap().path());
    let features: Vec<_> =
        features.filter(|path| path.extension().is_some_and(|it| it == "features")).collect();
    for path in &features {
        fs::write(path, "short").unwrap();
    }
    let (repaired, said) = json(&sandbox, &["tiny", "--images", "40"]);
    assert!(said.contains("the features of the real images are computed anew"), "{said}");
    assert!(!said.contains("trained anew") && !said.contains("training the evaluator"), "{said}");
    assert_eq!(repaired, first);

    let recorded = sandbox.reader().query("SELECT count(*) FROM evaluations WHERE images = 40").unwrap();
    assert_eq!(recorded.rows[0][0].to_string(), "4");
    assert!(
        sandbox
            .reader()
            .summaries(&sandbox.runs_of("tiny")[0].id, u64::MAX)
            .unwrap()
            .iter()
            .all(|it| !it.metric.is_figure())
    );

    let run = runs[3]["id"].as_str().unwrap();
    let (alone, _) = json(&sandbox, &[&run[..10], "--images", "40"]);
    assert_eq!((&alone["runs"][0], &alone["comparison"]), (&runs[3], &Value::Null));

    let text = evaluate(&sandbox, &["tiny", "--images", "40"]).well().stdout;
    for part in
        ["real test images", "lr=1e-3 seed=1", "2 seeds cannot tell", "lower is better", "and 40 images"]
    {
        assert!(text.replace('\n', " ").contains(part), "`{part}` is missing: {text}");
    }
}

#[test]
fn figures_of_a_curves_images_are_points_that_other_commands_see() {
    let sandbox = swept();
    let (shown, _) = json(&sandbox, &["tiny", "--images", "2000"]);
    for (run, row) in shown["runs"].as_array().unwrap().iter().zip(sandbox.runs_of("tiny")) {
        let points = sandbox.reader().points(&row.id, Metric::Fd, u64::MAX, usize::MAX).unwrap();
        let [point] = points.as_slice() else { panic!("{points:?}") };
        assert_eq!((point.step, Some(point.value)), (row.step, run["figures"]["fd"].as_f64()));
    }
    let compared = sandbox.run(&["compare", "tiny", "--json"]).well().stdout;
    let compared: Value = serde_json::from_str(&compared).unwrap();
    assert_eq!((&compared["metric"]["name"], &compared["direction"]), (&"fd".into(), &"lower".into()));
    let page = fs::read_to_string(sandbox.path("results/tiny.html")).unwrap();
    assert!(!page.contains("How close generated images are"), "the page is older than the figures");
    sandbox.run(&["report", "--sweep", "tiny"]).well();
    let page = fs::read_to_string(sandbox.path("results/tiny.html")).unwrap();
    assert!(page.contains("How close generated images are"));
    sandbox.run(&["check"]).well();

    // More images tell more, and are no points of the same curve.
    json(&sandbox, &["tiny", "--images", "2100"]);
    let points = sandbox.reader().query("SELECT count(*) FROM points_named WHERE metric = 'fd'").unwrap();
    assert_eq!(points.rows[0][0].to_string(), "4");
    let kept = "SELECT images, is_curve, count(*) FROM evaluations GROUP BY images, is_curve ORDER BY images";
    let kept = sandbox.reader().query(kept).unwrap().rows;
    let kept: Vec<String> = kept.iter().map(|row| format!("{} {} {}", row[0], row[1], row[2])).collect();
    assert_eq!(kept, ["2000 1 4", "2100 0 4"]);
}

#[test]
fn figures_that_are_recorded_while_training_are_those_of_the_checkpoint_and_change_no_bit() {
    let sandbox = images_in(Sandbox::new());
    let mut command = sandbox.command(&["sweep", "tiny.toml", "--set", "record.evaluate_epochs=1"]);
    let ended = Ended::of(&command.env("XDG_CACHE_HOME", sandbox.path("cache")).output().unwrap()).well();
    assert!(ended.stderr.contains("training the evaluator of idx"), "{}", ended.stderr);
    let plain = swept();
    let (shown, said) = json(&sandbox, &["tiny", "--images", "2000"]);
    assert!(!said.contains("training the evaluator"), "{said}");
    let losses = |sandbox: &Sandbox, run: &RunRow| {
        sandbox.reader().points(&run.id, Metric::DLoss, u64::MAX, usize::MAX).unwrap()
    };
    for (run, row) in shown["runs"].as_array().unwrap().iter().zip(sandbox.runs_of("tiny")) {
        let points = sandbox.reader().points(&row.id, Metric::Fd, u64::MAX, usize::MAX).unwrap();
        let steps: Vec<u64> = points.iter().map(|point| point.step).collect();
        assert_eq!(steps, [row.total_steps / 2, row.total_steps]);
        assert_eq!(Some(points[1].value), run["figures"]["fd"].as_f64());
        assert_eq!(losses(&sandbox, &row), losses(&plain, &row));
    }
    let rows = sandbox.reader().query("SELECT count(*) FROM evaluations WHERE is_curve = 1").unwrap();
    assert_eq!(rows.rows[0][0].to_string(), "8");
    sandbox.run(&["check"]).well();
}

/// A search that begins with runs of earlier sweeps would learn nothing of them else.
#[test]
fn completed_runs_are_evaluated_once_figures_are_asked_for() {
    let sandbox = swept();
    let sweep = |sets: &[&str]| {
        let sets = sets.iter().flat_map(|set| ["--set", set]);
        let arguments: Vec<&str> = ["sweep", "tiny.toml"].into_iter().chain(sets).collect();
        with_cache(&sandbox, &arguments).well()
    };
    let asked = ["record.evaluate_epochs=1", "record.evaluate_images=40", "record.final_images=40"];
    let ended = sweep(&asked);
    for row in sandbox.runs_of("tiny") {
        assert!(ended.stderr.contains(&format!("evaluating {}", row.label)), "{ended:#?}");
    }
    assert!(ended.stderr.contains("4 already done"), "{ended:#?}");
    for row in sandbox.runs_of("tiny") {
        let points = sandbox.reader().points(&row.id, Metric::Fd, u64::MAX, usize::MAX).unwrap();
        assert_eq!(points.iter().map(|point| point.step).collect::<Vec<_>>(), [row.total_steps]);
    }
    // Neither the same figures nor those of another number of images are computed for a run that has some.
    for sets in [asked, ["record.evaluate_epochs=1", "record.evaluate_images=50", "record.final_images=50"]] {
        let ended = sweep(&sets);
        assert!(!ended.stderr.contains("evaluating"), "{ended:#?}");
    }
    sandbox.run(&["check"]).well();
}

#[test]
fn a_stopped_evaluation_ends_as_a_stopped_sweep_does_and_goes_on() {
    let sandbox = swept();
    let asked = ["record.evaluate_epochs=1", "record.evaluate_images=10000", "record.final_images=40"];
    let sets = asked.iter().flat_map(|set| ["--set", set]);
    let arguments: Vec<&str> = ["sweep", "tiny.toml"].into_iter().chain(sets).collect();
    let mut command = sandbox.command(&arguments);
    command.env("XDG_CACHE_HOME", sandbox.path("cache")).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut runner = command.spawn().unwrap();
    let mut said = String::new();
    let mut stderr = BufReader::new(runner.stderr.take().unwrap());
    while !said.contains("evaluating lr=") {
        assert!(stderr.read_line(&mut said).unwrap() > 0, "{said}");
    }
    signal(runner.id(), "INT");
    stderr.read_to_string(&mut said).unwrap();
    assert_eq!(runner.wait().unwrap().code(), Some(130), "{said}");
    assert!(said.contains("stopped before training began; run the same command to go on"), "{said}");
    let ended = with_cache(&sandbox, &arguments).well();
    let evaluated = |said: &str| said.matches("evaluating lr=").count();
    assert_eq!(evaluated(&said) + evaluated(&ended.stderr), 4, "{said}\n{}", ended.stderr);
}

#[test]
fn figures_of_few_images_are_said_to_be_compared_by_nothing_else() {
    let sandbox = swept();
    let said = "Figures of fewer than 2000 images are in the table `evaluations` alone";
    assert!(evaluate(&sandbox, &["tiny", "--images", "20"]).well().stdout.contains(said));
    assert!(!evaluate(&sandbox, &["tiny", "--images", "2000"]).well().stdout.contains(said));
}

#[test]
fn the_distance_to_real_images_falls_over_the_first_epochs() {
    let sandbox = images_in(Sandbox::new());
    let longer = [
        "sweep",
        "tiny.toml",
        "--set",
        "record.evaluate_epochs=5",
        "--set",
        "train.epochs=25",
        "--set",
        "sweep.seeds=1",
        "--set",
        "model.hidden=64",
    ];
    let ended = with_cache(&sandbox, &longer).well();
    assert!(!ended.stderr.contains("warning"), "{ended:#?}");
    let run = &sandbox.runs_of("tiny")[0];
    let points = sandbox.reader().points(&run.id, Metric::Fd, u64::MAX, usize::MAX).unwrap();
    let values: Vec<f64> = points.iter().map(|point| point.value).collect();
    assert_eq!(values.len(), 5);
    assert!(values.is_sorted_by(|one, next| one > next), "{values:?}");
}

#[test]
fn a_run_keeps_its_curve_whatever_number_of_images_is_evaluated_later() {
    let sandbox = images_in(Sandbox::new());
    let sets = ["record.evaluate_epochs=1", "record.evaluate_images=40", "record.final_images=40"];
    let sets = sets.iter().flat_map(|set| ["--set", set]);
    let mut command = sandbox.command(&["sweep", "tiny.toml"].into_iter().chain(sets).collect::<Vec<_>>());
    Ended::of(&command.env("XDG_CACHE_HOME", sandbox.path("cache")).output().unwrap()).well();
    let points = "SELECT run, step, value FROM points_named WHERE metric = 'fd' ORDER BY run, step";
    let points = || sandbox.reader().query(points).unwrap().rows;
    let before = points();
    assert_eq!(before.len(), 8);
    let run = sandbox.runs_of("tiny")[0].id.to_string();
    evaluate(&sandbox, &[&run, "--images", "2000"]).well();
    assert_eq!(points(), before);
    let compared = sandbox.run(&["compare", "tiny"]).well().stdout;
    let heading = compared.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        heading.contains("lower is better) of 40 generated images of each run after 2 epochs"),
        "{compared}"
    );
    assert!(
        compared.contains("FD is that of 40 generated images") && !compared.contains("no value"),
        "{compared}"
    );
}

#[test]
fn checkpoints_of_other_epochs_are_shown_and_not_compared() {
    let sandbox = swept();
    let runs = sandbox.runs_of("tiny");
    // The longer plan has a run that goes on from where the others have ended.
    let longer = ["sweep", "tiny.toml", "--set", "train.epochs=4", "--only", "lr=2e-4"];
    sandbox.run(&longer).well();
    let (shown, _) = json(&sandbox, &["tiny", "--images", "20"]);
    let with_figures =
        shown["runs"].as_array().unwrap().iter().filter(|run| run["figures"].is_object()).count();
    assert_eq!(with_figures, runs.len());
    let groups = shown["comparison"]["comparison"]["groups"].as_array().unwrap();
    let counts: Vec<&Value> = groups.iter().map(|group| &group["count"]).collect();
    assert_eq!(counts, [2, 0], "{shown}");
}

#[test]
fn runs_that_another_sweep_has_trained_further_are_shown_with_their_epoch_and_not_compared() {
    let sandbox = swept();
    let longer =
        ["sweep", "tiny.toml", "--set", "name=longer", "--set", "train.epochs=4", "--only", "lr=2e-4"];
    sandbox.run(&longer).well();
    let text = evaluate(&sandbox, &["tiny", "--images", "20"]).well().stdout;
    assert_eq!(text.matches(", epoch 4").count(), 2, "{text}");
    assert!(text.contains("2 runs have no value (2 trained further)"), "{text}");
    assert!(text.contains("\n\nDrawn with the weights of the generators (last checkpoints).\n"), "{text}");
}

#[test]
fn a_conditional_run_has_figures_of_each_class_while_it_trains_and_afterwards() {
    let sandbox = images_in(Sandbox::new());
    let sets = [
        "model.conditional=true",
        "sweep.seeds=1",
        "record.evaluate_epochs=2",
        "record.evaluate_images=40",
        "record.final_images=0",
    ];
    let sets = sets.iter().flat_map(|set| ["--set", set]);
    let mut command = sandbox.command(&["sweep", "tiny.toml"].into_iter().chain(sets).collect::<Vec<_>>());
    command.env("XDG_CACHE_HOME", sandbox.path("cache"));
    Ended::of(&command.output().unwrap()).well();
    let run = sandbox.runs_of("tiny").remove(0);
    let recorded = |metric: &str| -> Vec<f64> {
        let sql = format!(
            "SELECT value FROM evaluations_named WHERE run = '{}' AND metric LIKE '{metric}' ORDER BY metric",
            run.id
        );
        let rows = sandbox.reader().query(&sql).unwrap().rows;
        rows.iter().map(|row| row[0].to_string().parse().unwrap()).collect()
    };
    let (of_classes, accuracies) = (recorded("class_fd.%"), recorded("class_accuracy.%"));
    assert_eq!((of_classes.len(), accuracies.len()), (4, 4));
    let mean = of_classes.iter().sum::<f64>() / 4.0;
    assert!((recorded("class_fd")[0] - mean).abs() < 1e-9 * mean, "{of_classes:?}");
    // As many images are drawn for each class.
    assert!((recorded("class_accuracy")[0] - accuracies.iter().sum::<f64>() / 4.0).abs() < 1e-9);
    let points = sandbox.reader().points(&run.id, Metric::ClassFd, u64::MAX, 10).unwrap();
    assert_eq!(points.iter().map(|point| point.value).collect::<Vec<_>>(), recorded("class_fd"));

    let (afterwards, _) = json(&sandbox, &[run.id.as_str(), "--images", "40"]);
    let conditional = &afterwards["runs"][0]["figures"]["conditional"];
    assert_eq!(conditional["fd"].as_f64(), Some(recorded("class_fd")[0]));
    assert_eq!(conditional["classes"][3]["accuracy"].as_f64(), Some(accuracies[3]));
    let text = evaluate(&sandbox, &[run.id.as_str(), "--images", "40"]).well().stdout;
    assert!(text.contains("FD WITHIN CLASSES") && text.contains("class 3"), "{text}");
    let weights = "Drawn with the weights of the generator after 2 epochs (last checkpoint).";
    assert!(text.contains(weights), "{text}");
    let compared = sandbox.run(&["compare", "tiny", "--metric", "class_accuracy"]).well().stdout;
    assert!(compared.contains("class accuracy"), "{compared}");
}

#[test]
fn the_real_test_images_of_a_dataset_are_evaluated_alone() {
    let sandbox = images_in(Sandbox::new());
    let text = evaluate(&sandbox, &["--dataset", "idx", "--images", "40"]).well().stdout;
    assert!(text.contains("real test images") && text.contains("of the test images"), "{text}");
    evaluate(&sandbox, &[]).refused(&["RUN|SWEEP"]);
}

#[test]
fn a_run_without_a_usable_checkpoint_keeps_no_other_from_its_figures() {
    let sandbox = swept();
    let runs = sandbox.runs_of("tiny");
    let checkpoint = sandbox.reader().checkpoint(&runs[1].id).unwrap().unwrap();
    fs::write(sandbox.path("results").join(checkpoint.path), "nonsense").unwrap();
    let ended = evaluate(&sandbox, &["tiny", "--images", "20"]).well();
    assert!(ended.stdout.contains(&format!("{} has no figures: checkpoint ", runs[1].label)), "{ended:#?}");
    assert!(ended.stdout.contains("1 run has no value (1 not evaluated)"), "{ended:#?}");
    let ended = evaluate(&sandbox, &[runs[1].id.as_str(), "--images", "20"]);
    assert_eq!(ended.code, Some(1), "{ended:#?}");
    evaluate(&sandbox, &["huge"]).refused(&["neither a sweep nor a run `huge`", "tiny"]);
    fs::remove_dir_all(sandbox.path("images")).unwrap();
    evaluate(&sandbox, &["tiny"]).refused(&["images"]);
}

#[test]
fn the_images_of_a_run_are_where_its_experiment_has_them() {
    let sandbox = pets(&["cats", "dogs"], &["model.conditional=true", "data.path=study/pictures"]);
    let run = sandbox.runs_of("pets").remove(0).id.to_string();
    let evaluate = |more: &[&str]| with_cache(&sandbox, &[&["evaluate"], more, &["--images", "20"]].concat());
    let ended = evaluate(&["pets"]).well();
    assert!(
        ended.stderr.contains("training the evaluator of folder, once, for quality figures: 1000 steps"),
        "{ended:#?}"
    );
    assert!(ended.stdout.contains("class cats") && ended.stdout.contains("class dogs"), "{ended:#?}");
    let json: Value = serde_json::from_str(&evaluate(&[&run[..8], "--json"]).well().stdout).unwrap();
    assert_eq!(json["datasets"][0]["class_names"], serde_json::json!(["cats", "dogs"]));
    let recognized = with_cache(&sandbox, &["recognize", "study/pictures/cats/0.png", "--run", &run]).well();
    assert!(recognized.stdout.contains(".png: cats ("), "{recognized:#?}");

    // What the cache has is what the runs trained on, whatever is in the folder now.
    fs::remove_file(sandbox.path("study/pictures/cats/0.png")).unwrap();
    evaluate(&["pets"]).well();
    fs::remove_dir_all(sandbox.path("cache/gansweep/folder")).unwrap();
    let named = ["sweep `pets`", "study/pictures", "--path"];
    evaluate(&["pets"]).refused(&[&named[..], &["has other images now"]].concat());
    let gone = [&named[..], &["does not exist below the current folder"]].concat();
    fs::rename(sandbox.path("study/pictures"), sandbox.path("moved")).unwrap();
    evaluate(&[&run]).refused(&gone);
    with_cache(&sandbox, &["recognize", "moved/cats/2.png", "--run", &run]).refused(&gone);
    evaluate(&["pets", "--path", "moved"]).refused(&["moved: the files are not those", "with --path"]);
    // The cache may have the images: a folder that is named is looked at all the same.
    fs::create_dir(sandbox.path("empty")).unwrap();
    evaluate(&["pets", "--path", "empty"]).refused(&["empty: there are no images", "--path"]);
}

#[test]
fn pictures_that_are_held_out_say_what_real_images_reach() {
    let sandbox = pets(&["cats", "dogs"], &[]);
    let before = sandbox.runs_of("pets").remove(0).id;
    // The same pictures, now with others beside them: the run is the same.
    fs::rename(sandbox.path("study/pictures"), sandbox.path("study/train")).unwrap();
    for (class, number) in [("cats", 0), ("cats", 2), ("dogs", 1)] {
        let picture = fs::read(sandbox.path(&format!("study/train/{class}/{number}.png"))).unwrap();
        sandbox.write(&format!("study/pictures/test/{class}/{number}.png"), picture);
    }
    fs::rename(sandbox.path("study/train"), sandbox.path("study/pictures/train")).unwrap();
    let again = with_cache(&sandbox, &["sweep", "study/pets.toml"]).well();
    assert!(again.stderr.contains("already done"), "{again:#?}");
    assert_eq!(sandbox.runs_of("pets").remove(0).id, before);

    let runs = with_cache(&sandbox, &["evaluate", "pets", "--images", "20"]).well().stdout;
    assert!(runs.contains("all 3 real test images") && runs.contains("of the test images"), "{runs}");
    let side = SIDE.to_string();
    let shape = ["--side", &side, "--channels", "1"];
    let data = ["evaluate", "--dataset", "folder", "--path", "study/pictures", "--images", "20"];
    let alone = with_cache(&sandbox, &[&data[..], &shape].concat()).well();
    assert!(alone.stdout.contains("folder: figures of 3 real test images"), "{alone:#?}");
    assert!(!alone.stderr.contains("training the evaluator"), "of these pictures in this shape: {alone:#?}");
    let refused = with_cache(&sandbox, &[&["evaluate", "pets"][..], &shape].concat());
    refused.refused(&["--side and --channels are for --dataset NAME"]);
    with_cache(&sandbox, &["evaluate", "--dataset", "idx", "--path", "study/pictures", "--side", "9"])
        .refused(&["idx"]);
}

#[test]
fn test_images_that_are_added_after_a_sweep_are_used_and_change_no_evaluator() {
    let sandbox = images_in(Sandbox::new());
    for name in ["images-idx3", "labels-idx1"] {
        fs::remove_file(sandbox.path(&format!("images/t10k-{name}-ubyte"))).unwrap();
    }
    sandbox.run(&["sweep", "tiny.toml", "--set", "sweep.seeds=1"]).well();
    let asked = ["tiny", "--images", "20"];
    let (before, _) = json(&sandbox, &asked);
    let known = &before["datasets"][0];
    assert_eq!((&known["test"], &known["test_accuracy"]), (&Value::Null, &Value::Null));

    // The same training images, and test images.
    let sandbox = images_in(sandbox);
    let (after, _) = json(&sandbox, &asked);
    let added = &after["datasets"][0];
    assert_eq!(added["test"]["images"], 20);
    assert!(added["test_accuracy"].as_f64().is_some_and(|accuracy| accuracy > 0.95), "{added}");
    assert_eq!((&added["evaluator"], &after["runs"]), (&known["evaluator"], &before["runs"]));

    fs::remove_dir_all(sandbox.path("cache/gansweep/evaluators")).unwrap();
    let (anew, said) = json(&sandbox, &asked);
    assert!(said.contains("training the evaluator of idx"), "{said}");
    assert_eq!(anew, after);
}

#[test]
fn pictures_that_are_held_out_after_a_sweep_are_used_and_damaged_ones_left_out_if_asked() {
    let sandbox = pets(&["train/cats", "train/dogs"], &[]);
    let run = sandbox.runs_of("pets").remove(0).id.to_string();
    let evaluate =
        |more: &[&str]| with_cache(&sandbox, &[&["evaluate", "pets", "--images", "20"], more].concat());
    let recognize = |more: &[&str]| {
        let picture = "study/pictures/train/cats/0.png";
        with_cache(&sandbox, &[&["recognize", picture, "--run", run.as_str()], more].concat())
    };
    let before = evaluate(&[]).well().stdout;
    assert!(before.contains("which has no test images"), "{before}");

    for (class, number) in [("cats", 0), ("cats", 2), ("dogs", 1)] {
        let picture = fs::read(sandbox.path(&format!("study/pictures/train/{class}/{number}.png"))).unwrap();
        sandbox.write(&format!("study/pictures/test/{class}/{number}.png"), picture);
    }
    let added = evaluate(&[]).well().stdout;
    assert!(added.contains("all 3 real test images"), "{added}");

    // The sweep was not told to skip any.
    sandbox.write("study/pictures/test/dogs/cut.png", b"\x89PNG");
    let said = ["1 of 4 images", "test/dogs/cut.png", "leave them out with --skip-damaged"];
    evaluate(&[]).refused(&said);
    recognize(&[]).refused(&said);
    let skipped = evaluate(&["--skip-damaged"]).well().stdout;
    assert!(skipped.contains("all 3 real test images"), "{skipped}");
    recognize(&["--skip-damaged"]).well();
}

#[test]
fn a_folder_that_has_moved_can_be_named() {
    let sandbox = images_in(Sandbox::new());
    sandbox.run(&["sweep", "tiny.toml"]).well();
    let evaluate = |more: &[&str]| with_cache(&sandbox, &[&["evaluate", "tiny"], more].concat());
    evaluate(&["--images", "20"]).well();
    fs::rename(sandbox.path("images"), sandbox.path("moved")).unwrap();
    evaluate(&[]).refused(&["sweep `tiny`", "images, which does not exist", "--path"]);
    evaluate(&["--images", "20", "--path", "moved"]).well();
    sandbox.write("images/train-images-idx3-ubyte", images(32));
    evaluate(&[]).refused(&["sweep `tiny`", "images, which has other images now", "--path"]);
}

#[test]
fn a_dataset_without_test_images_is_refused_before_its_evaluator_is_trained() {
    let sandbox = images_in(Sandbox::new());
    for name in ["images-idx3", "labels-idx1"] {
        fs::remove_file(sandbox.path(&format!("images/t10k-{name}-ubyte"))).unwrap();
    }
    let ended = evaluate(&sandbox, &["--dataset", "idx"]);
    assert!(!ended.stderr.contains("training the evaluator"), "{ended:#?}");
    ended.refused(&["idx has no test images", "RUN|SWEEP"]);

    let sandbox = pets(&["cats", "dogs"], &[]);
    let ended = with_cache(&sandbox, &["evaluate", "--dataset", "folder", "--path", "study/pictures"]);
    assert!(!ended.stderr.contains("training the evaluator"), "{ended:#?}");
    ended.refused(&["folder has no test images"]);
}
