//! `gansweep compare`, on sweeps whose values are known, and on one that is trained.

use std::fs;

use gansweep_config::{DataIdentity, Dataset, Experiment, LoadOptions, Plan, PlannedRun};
use gansweep_data::strokes;
use gansweep_protocol::{Checkpoint, Diverged, Ended, Envelope, Event, Metric, Points, Started};
use gansweep_store::{Call, Store, SweepRecord};
use serde_json::Value;

use crate::sandbox::{SMALL, Sandbox};

/// How a run of a recorded sweep went.
#[derive(Clone, Copy)]
enum Run {
    /// It was trained, and measured so after each of its epochs.
    Measured(fn(u32) -> f64, f64),
    /// It diverged.
    Diverged,
    /// It was planned.
    Queued,
}

/// A run whose images per second, the one metric with a better side, are these at each epoch.
fn measured(value: f64) -> Run {
    Run::Measured(|_| 0.0, value)
}

/// Records the plan of an experiment as if it had been trained.
fn record(sandbox: &Sandbox, text: &str, run: impl Fn(&PlannedRun) -> Run) {
    let file = sandbox.write("known.toml", text);
    let experiment = Experiment::load(&file, &LoadOptions::default()).unwrap();
    let identity = DataIdentity { dataset: Dataset::Strokes, spec: strokes::spec() };
    let plan = Plan::new(&experiment, &|_| identity.clone()).unwrap();
    let results = sandbox.path("results");
    fs::create_dir_all(&results).unwrap();
    let mut store = Store::open(&results).unwrap();
    let sweep = SweepRecord {
        name: experiment.name.clone(),
        file: "known.toml".to_owned(),
        call: Call::default(),
        source_toml: text.to_owned(),
        description: String::new(),
        recipe: experiment.recipe.clone(),
        axes_json: serde_json::to_string(&plan.axes).unwrap(),
        dataset_requested: Dataset::Strokes,
        dataset: Dataset::Strokes,
        record: experiment.record.clone(),
        program_version: "0".to_owned(),
        machine: "none".to_owned(),
    };
    store.register_sweep(&sweep, &plan.runs).unwrap();
    for planned in plan.longest() {
        let events = events(&planned, run(&planned));
        if !events.is_empty() {
            let attempt = store.begin_attempt(&planned.id, "cpu").unwrap();
            let envelope = |(seq, event): (usize, Event)| Envelope {
                run: planned.id.clone(),
                attempt,
                seq: seq as u64,
                at_unix_ms: 0,
                event,
            };
            let events: Vec<Envelope> = events.into_iter().enumerate().map(envelope).collect();
            store.record(&events).unwrap();
        }
    }
}

fn events(planned: &PlannedRun, run: Run) -> Vec<Event> {
    let started = Event::Started(Started {
        device: "cpu".to_owned(),
        backend: "none".to_owned(),
        lane: 0,
        lanes: 1,
        pid: 1,
        host: "none".to_owned(),
        checkpoint: None,
    });
    let per_epoch = u64::from(planned.config.steps_per_epoch(&planned.spec));
    let mut events = vec![started];
    match run {
        Run::Queued => return Vec::new(),
        Run::Diverged => {
            let values = vec![(Metric::DLoss, f64::NAN)];
            events.push(Event::Points(Points { step: 1, values }));
            let cause = "the discriminator's loss became NaN".to_owned();
            events.push(Event::Diverged(Diverged { step: 1, cause, seconds: 0.1 }));
        }
        Run::Measured(growth, value) => {
            for epoch in 1..=planned.epochs {
                let values = vec![
                    (Metric::DLoss, 0.5 + value / 1000.0),
                    (Metric::ImagesPerSecond, value + growth(epoch)),
                ];
                events.push(Event::Points(Points { step: per_epoch * u64::from(epoch), values }));
            }
            let step = planned.total_steps();
            let path = format!("checkpoints/{}", planned.id);
            events.push(Event::Checkpoint(Checkpoint {
                step,
                path,
                bytes: 1,
                sha256: "00".repeat(32),
                best: None,
            }));
            events.push(Event::Completed(Ended { step, seconds: 1.0 }));
        }
    }
    events
}

/// An experiment with these lines in its sweep.
fn experiment(sweep: &str) -> String {
    let (head, _) = SMALL.split_once("[sweep]").unwrap();
    format!("{}[sweep]\n{sweep}\n", head.replace("name = \"small\"", "name = \"known\""))
}

/// A value of the run's config.
fn lr(run: &PlannedRun) -> f64 {
    run.assignments.iter().find(|it| it.key == "optimizer.lr").unwrap().value.as_f64().unwrap()
}

const RANKED: [&str; 4] = ["compare", "known", "--metric", "images_per_second"];

/// What is printed, in one line after the lengths of its lines are checked.
fn ranked(sandbox: &Sandbox) -> String {
    let text = sandbox.run(&RANKED).well().stdout;
    let longest = text.lines().map(|line| line.chars().count()).max().unwrap();
    assert!(longest <= 80, "{longest} columns: {text}");
    text.replace('\n', " ")
}

fn json(sandbox: &Sandbox, arguments: &[&str]) -> Value {
    let all: Vec<&str> = RANKED.iter().chain(arguments).chain(&["--json"]).copied().collect();
    serde_json::from_str(&sandbox.run(&all).well().stdout).unwrap()
}

#[test]
fn a_variant_that_was_trained_on_the_fallback_is_told() {
    let sandbox = Sandbox::new();
    // Whatever is asked for, the recorded runs have strokes.
    let text = "name = \"known\"\ndata.dataset = \"strokes\"\ndata.fallback = \"strokes\"\ntrain.epochs = 1\n[sweep.variants]\n\
                drawn = {}\nwritten = { data.dataset = \"kmnist\", train.ema = 0.9 }\nslow = { data.dataset = \"strokes\", train.ema = 0.5 }\n";
    record(&sandbox, text, |planned| measured(f64::from(planned.config.train.batch_size)));
    let compared = sandbox.run(&["compare", "known"]).well().stdout;
    let told = "The variant written was trained on strokes, the fallback, since kmnist was not at hand.";
    // The notice is wrapped at the width of the terminal.
    let compared = compared.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(compared.contains(told), "{compared}");
    assert_eq!(compared.matches("the fallback").count(), 1, "{compared}");
    let json: Value =
        serde_json::from_str(&sandbox.run(&["compare", "known", "--json"]).well().stdout).unwrap();
    assert_eq!(json["replaced_data"][0]["variant"], "written");
    sandbox.run(&["report", "known"]).well();
    let page = fs::read_to_string(sandbox.path("results/known.html")).unwrap();
    assert!(page.contains(told), "the page does not tell it");
}

#[test]
fn the_winner_of_a_known_sweep_has_its_p_values_and_one_key_explains_the_variance() {
    let sandbox = Sandbox::new();
    let text = experiment(
        "seeds = 6\n[sweep.grid]\n\"optimizer.lr\" = [2e-4, 1e-3]\n\"optimizer.beta1\" = [0.5, 0.9]",
    );
    record(&sandbox, &text, |run| {
        let beta =
            run.assignments.iter().find(|it| it.key == "optimizer.beta1").unwrap().value.as_f64().unwrap();
        let noise = [0.3, -0.2, 0.1, 0.4, -0.5, 0.2][run.seed as usize] * (1.0 + beta);
        measured(lr(run) * 1e4 + noise + if beta > 0.6 && lr(run) < 5e-4 { 0.4 } else { 0.0 })
    });
    let found = json(&sandbox, &[]);
    assert_eq!(found["direction"], "higher");
    assert_eq!(found["configs"].as_array().unwrap().len(), 4);
    let groups = found["comparison"]["groups"].as_array().unwrap();
    let label = |group: &Value| found["configs"][group["group"].as_u64().unwrap() as usize]["label"].clone();
    assert!(label(&groups[0]).as_str().unwrap().starts_with("lr=1e-3"), "{groups:?}");
    // Both configs with the small rate are ten standard deviations away: no permutation of 924 is as extreme.
    for group in &groups[2..] {
        assert_eq!(group["difference"]["test"]["p"], 2.0 / 924.0, "{group}");
    }
    assert_eq!(found["comparison"]["verdict"]["kind"], "no_clear_winner");
    let axes = found["variance"]["axes"].as_array().unwrap();
    assert_eq!(axes[0]["short"], "lr");
    assert!(axes[0]["share"]["share"].as_f64().unwrap() > 0.95, "{axes:?}");
    assert!(axes[0]["share"]["interval"]["low"].as_f64().unwrap() > 0.9, "{axes:?}");
    assert_eq!(axes[1]["share"]["interval"]["low"], 0.0, "{axes:?}");

    let text = ranked(&sandbox);
    assert!(text.starts_with("known: images/s (images_per_second in images/s, higher is better)"), "{text}");
    for part in ["No clear winner: lr=1e-3 beta1=", "1 config cannot be told from it", "Holm-corrected"] {
        assert!(text.contains(part), "`{part}` is missing: {text}");
    }
}

#[test]
fn by_a_key_the_configs_that_share_its_value_are_one() {
    let sandbox = Sandbox::new();
    let text = experiment(
        "seeds = 3\n[sweep.grid]\n\"optimizer.lr\" = [2e-4, 1e-3]\n\"model.latent_dim\" = [4, 8, 16]",
    );
    // Far more between the sizes and the seeds than between the rates, which pairs see.
    record(&sandbox, &text, |run| {
        let size = run.config.model.latent_dim;
        measured(f64::from(size * size) + 50.0 * run.seed as f64 + if lr(run) > 5e-4 { 1.0 } else { 0.0 })
    });
    let found = json(&sandbox, &["--by", "lr"]);
    let groups = found["comparison"]["groups"].as_array().unwrap();
    assert_eq!((&groups[0]["count"], &found["configs"][0]["configs"]), (&9.into(), &3.into()));
    let difference = &groups[1]["difference"];
    assert_eq!((&difference["pairs"], &difference["mean"]), (&9.into(), &Value::from(-1.0)));
    assert_eq!(difference["test"]["p"], 2.0 / 512.0);
    let text = sandbox.run(&[&RANKED[..], &["--by", "optimizer.lr"]].concat()).well().stdout;
    assert!(text.contains("lr=1e-3 is best: the other config is worse (p at most 0.004)"), "{text}");
    let refused = sandbox.run(&[&RANKED[..], &["--by", "hidden"]].concat());
    refused.refused(&["does not vary `hidden`", "optimizer.lr, model.latent_dim"]);
}

#[test]
fn draws_are_compared_with_other_draws_however_many_seeds_they_have() {
    // Each draw has a level of its own, which has nothing to do with the slope, and seeds make hardly a difference.
    let record_draws = |sandbox: &Sandbox, sweep: &str| {
        record(sandbox, &experiment(sweep), |run| {
            let accident = (lr(run) * 1e7).rem_euclid(100.0).floor();
            measured(accident + 0.01 * run.seed as f64)
        });
    };
    let of_draws = |found: &Value| {
        let groups = found["comparison"]["groups"].as_array().unwrap();
        let counts = groups.iter().map(|group| group["count"].as_u64().unwrap()).collect::<Vec<_>>();
        (counts, groups[1]["difference"].clone())
    };
    let drawn = "seeds = 6\n[sweep.random]\nn = 12\nseed = 3\n[sweep.random.keys]\n\
                 \"optimizer.lr\" = { log_uniform = [1e-4, 1e-2] }\n\"model.discriminator.slope\" = { choice = [0.1, 0.2] }";
    let sandbox = Sandbox::new();
    record_draws(&sandbox, drawn);
    let found = json(&sandbox, &["--by", "slope"]);
    let (counts, difference) = of_draws(&found);
    assert_eq!((counts.iter().sum::<u64>(), &found["unit"]), (12, &"draw".into()), "{found}");
    assert_eq!((&difference["pairs"], &difference["is_paired_test"]), (&0.into(), &false.into()), "{found}");
    assert_eq!(found["comparison"]["verdict"]["kind"], "no_clear_winner");
    assert_eq!(found["variance"]["noise_source"], "configs");
    let slope = &found["variance"]["axes"][1];
    assert_eq!(
        (&slope["short"], &slope["share"]["interval"]["low"]),
        (&"discriminator.slope".into(), &0.0.into()),
        "{found}"
    );
    let text = sandbox.run(&[&RANKED[..], &["--by", "slope"]].concat()).well().stdout.replace('\n', " ");
    assert!(text.contains("N: draws, each as the mean of its runs."), "{text}");
    // Each draw by itself has its seeds.
    assert_eq!(of_draws(&json(&sandbox, &[])).0[0], 6);

    // Where both groups have the same draws, these are the pairs.
    let both = drawn.replace("\"model.discriminator.slope\" = { choice = [0.1, 0.2] }", "")
        + "[sweep.grid]\n\"model.discriminator.slope\" = [0.1, 0.2]";
    let sandbox = Sandbox::new();
    record_draws(&sandbox, &both);
    let (counts, difference) = of_draws(&json(&sandbox, &["--by", "slope"]));
    assert_eq!((&counts[..], &difference["pairs"]), (&[12, 12][..], &12.into()));
}

#[test]
fn the_best_config_is_no_winner_if_runs_of_it_failed() {
    let sandbox = Sandbox::new();
    record(&sandbox, &experiment("seeds = 8\n[sweep.grid]\n\"optimizer.lr\" = [2e-4, 1e-3]"), |run| {
        match (run.seed, lr(run)) {
            (5.., rate) if rate > 5e-4 => Run::Diverged,
            (seed, rate) => measured(1e6 * rate + seed as f64),
        }
    });
    assert_eq!(json(&sandbox, &[])["comparison"]["verdict"]["kind"], "best_has_failures");
    let text = ranked(&sandbox).split_whitespace().collect::<Vec<_>>().join(" ");
    for part in [
        "No winner: all others are worse than the runs of lr=1e-3 that have a value",
        "3 of the 8 runs of lr=1e-3",
    ] {
        assert!(text.contains(part), "`{part}` is missing: {text}");
    }
}

#[test]
fn a_key_that_does_not_apply_to_a_config_has_no_value_there() {
    let sandbox = Sandbox::new();
    let text = experiment(
        "seeds = 4\n[sweep.grid]\n\"penalty.kind\" = [\"none\", \"r1\"]\n\"penalty.weight\" = [1, 10]",
    );
    record(&sandbox, &text, |run| measured(run.config.penalty.weight + run.seed as f64));
    let labels = |arguments: &[&str]| -> Vec<String> {
        let found = json(&sandbox, arguments);
        let configs = found["configs"].as_array().unwrap();
        configs.iter().map(|config| config["label"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(labels(&[]), ["kind=none", "kind=r1 weight=1", "kind=r1 weight=10"]);
    assert_eq!(labels(&["--by", "weight"]), ["weight=none", "weight=1", "weight=10"]);
    // Runs without a penalty have no weight, and are paired with the mean over those of the other.
    let by_kind = json(&sandbox, &["--by", "kind"]);
    assert_eq!(by_kind["comparison"]["groups"][1]["difference"]["pairs"], 4, "{by_kind}");
}

#[test]
fn few_seeds_cannot_tell_and_the_smallest_p_is_said() {
    let rates = "[sweep.grid]\n\"optimizer.lr\" = [2e-4, 1e-3]";
    let said = |sweep: &str| {
        let sandbox = Sandbox::new();
        record(&sandbox, &experiment(sweep), |run| {
            measured(run.config.optimizer.generator.lr + run.seed as f64)
        });
        ranked(&sandbox)
    };
    let two = said(&format!("seeds = 2\n{rates}"));
    let sentence =
        "2 seeds cannot tell: the smallest possible p is 1/3, and 0.05 is needed. At least 4 runs of each";
    assert!(two.contains(sentence), "{two}");
    let one = said(&format!("seeds = 1\n{rates}"));
    assert!(one.contains("1 seed cannot tell: the smallest possible p is 1,"), "{one}");
    let alone = said("seeds = 3");
    assert!(alone.contains("One config: there is nothing to compare it with."), "{alone}");
    assert!(alone.contains("the only config"), "{alone}");
}

#[test]
fn equal_means_name_no_config_as_the_best() {
    // All values are equal, or each config has the values of the other, with other seeds.
    let values: [fn(&PlannedRun) -> u64; 2] =
        [|_| 3, |run| if lr(run) > 5e-4 { 5 - run.seed } else { run.seed }];
    for value in values {
        let sandbox = Sandbox::new();
        let sweep = experiment("seeds = 6\n[sweep.grid]\n\"optimizer.lr\" = [2e-4, 1e-3]");
        record(&sandbox, &sweep, |run| measured(10.0 + value(run) as f64));
        let found = json(&sandbox, &[]);
        assert_eq!(found["comparison"]["verdict"]["kind"], "no_clear_winner");
        let difference = &found["comparison"]["groups"][1]["difference"];
        assert_eq!(
            (&difference["mean"], &difference["adjusted_p"]),
            (&Value::from(0.0), &Value::from(1.0)),
            "{found}"
        );
        let share = &found["variance"]["axes"][0]["share"]["share"];
        assert!(share.is_null() || *share == 0.0, "{found}");
        let text = ranked(&sandbox);
        assert!(text.contains("No clear winner: all means are equal."), "{text}");
        for part in ["has the best mean", "is best", "NaN"] {
            assert!(!text.contains(part), "`{part}` is said: {text}");
        }
        sandbox.run(&["report", "--objective", "images_per_second", "--out", "page.html"]).well();
        let page = std::fs::read_to_string(sandbox.path("page.html")).unwrap();
        assert!(page.contains("No clear winner: all means are equal.") && !page.contains("the best mean"));
    }
}

#[test]
fn runs_without_a_value_are_counted_by_cause_and_never_averaged() {
    let sandbox = Sandbox::new();
    let text = experiment("seeds = 3\n[sweep.grid]\n\"optimizer.lr\" = [2e-4, 1e-3, 5e-3]");
    record(&sandbox, &text, |run| match (run.seed, lr(run)) {
        (2, rate) if rate < 5e-4 => Run::Queued,
        (_, rate) if rate > 2e-3 => Run::Diverged,
        (seed, _) => measured(10.0 + seed as f64),
    });
    let text = ranked(&sandbox);
    for part in
        ["NO VALUE", "4 runs have no value (3 diverged, 1 queued), and are in no mean.", "2 to 3 runs"]
    {
        assert!(text.contains(part), "`{part}` is missing: {text}");
    }
    let found = json(&sandbox, &[]);
    let last = &found["comparison"]["groups"][2];
    assert_eq!((&last["count"], &last["excluded"], &last["mean"]), (&0.into(), &3.into(), &Value::Null));
    assert_eq!(found["configs"][2]["without_value"]["diverged"], 3);
}

#[test]
fn where_no_run_has_a_value_the_exit_code_says_so() {
    for (run, cause) in [(Run::Diverged, "6 diverged"), (Run::Queued, "6 queued")] {
        let sandbox = Sandbox::new();
        record(&sandbox, &experiment("seeds = 3\n[sweep.grid]\n\"optimizer.lr\" = [2e-4, 1e-3]"), |_| run);
        for arguments in [&["compare", "known"][..], &RANKED] {
            let ended = sandbox.run(arguments);
            assert_eq!(ended.code, Some(1), "{ended:#?}");
            assert!(ended.stdout.contains("No run has a value to compare."), "{ended:#?}");
            assert!(ended.stdout.contains(cause), "{ended:#?}");
        }
    }
}

#[test]
fn different_budgets_are_compared_at_the_smallest_unless_the_budget_is_what_is_compared() {
    let sandbox = Sandbox::new();
    let text =
        experiment("seeds = 4\n[sweep.grid]\n\"train.epochs\" = [1, 3]\n\"optimizer.lr\" = [2e-4, 1e-3]");
    record(&sandbox, &text, |run| Run::Measured(|epoch| f64::from(epoch) * 100.0, run.seed as f64 + lr(run)));
    let text = ranked(&sandbox);
    assert!(text.contains("after 1 epoch, 2 configs, 4 seeds"), "{text}");
    let sentence = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let budgets = "Budgets differ (1 to 3 epochs): all runs are compared after 1 epoch; `gansweep compare known --by \
                   optimizer.lr --by train.epochs` compares each at its own.";
    assert!(sentence.contains(budgets), "{text}");
    let found = json(&sandbox, &[]);
    assert_eq!(found["comparison"]["groups"][0]["mean"], 101.501);
    let found = json(&sandbox, &["--by", "train.epochs"]);
    assert_eq!(found["comparison"]["groups"][0]["difference"], Value::Null);
    let difference = &found["comparison"]["groups"][1]["difference"];
    assert_eq!((&difference["pairs"], &difference["mean"]), (&8.into(), &Value::from(-200.0)));
    // The two values of a run are no independent ones.
    assert_eq!(found["variance"]["axes"][0]["share"]["interval"], Value::Null, "{found}");
}

#[test]
fn budgets_that_variants_bring_are_compared_as_the_notice_says() {
    let sandbox = Sandbox::new();
    let text = experiment(
        "seeds = 4\n[sweep.variants]\nshort = { train.epochs = 1 }\nlong = { train.epochs = 3 }\n\
         other = { train.epochs = 1, optimizer.lr = 1e-4 }",
    );
    record(&sandbox, &text, |run| {
        Run::Measured(|epoch| f64::from(epoch) * 100.0, run.seed as f64 + run.config.optimizer.generator.lr)
    });
    let sentence = ranked(&sandbox).split_whitespace().collect::<Vec<_>>().join(" ");
    let command = "`gansweep compare known --by variant --by train.epochs` compares each at its own.";
    assert!(sentence.contains(command), "{sentence}");
    let found = json(&sandbox, &["--by", "variant", "--by", "train.epochs"]);
    let labels: Vec<&str> =
        found["configs"].as_array().unwrap().iter().map(|it| it["label"].as_str().unwrap()).collect();
    assert_eq!(labels, ["variant=short epochs=1", "variant=long epochs=3", "variant=other epochs=1"]);
    let shares = found["variance"]["axes"].as_array().unwrap();
    assert_eq!((shares.len(), &shares[0]["short"]), (1, &"variant".into()));
    assert!(shares[0]["share"]["share"].as_f64().unwrap() > 0.9, "{found}");
}

#[test]
fn long_labels_go_on_in_the_next_line() {
    let sandbox = Sandbox::new();
    let text = experiment(
        "seeds = 2\n[sweep.grid]\n\"optimizer.generator.lr\" = [2e-4, 1e-3]\n\"optimizer.discriminator.lr\" = [2e-4]\n\
         \"optimizer.beta1\" = [0.25, 0.5]\n\"model.hidden\" = [[24, 32, 48, 64, 96, 128, 192, 256, 384, 512], 24]",
    );
    record(&sandbox, &text, |run| measured(1e5 * run.seed as f64 / 7.0));
    let text = ranked(&sandbox);
    assert!(text.contains("24x32x48"), "{text}");
}

#[test]
fn a_loss_is_compared_without_a_ranking_and_the_way_to_one_is_named() {
    let sandbox = Sandbox::new();
    sandbox.write("small.toml", SMALL);
    sandbox.run(&["sweep", "small.toml"]).well();
    let text = sandbox.run(&["compare", "small"]).well().stdout.replace('\n', " ");
    assert!(
        text.starts_with("small: D loss per epoch (epoch_d_loss) after 4 epochs, 3 configs, 2 seeds"),
        "{text}"
    );
    for part in ["Not ranked: D loss per epoch does not say which config is better", "` measures the quality"]
    {
        assert!(text.contains(part), "`{part}` is missing: {text}");
    }
    assert!(!text.contains("is best") && !text.contains(" P "), "{text}");

    let found = sandbox.run(&["compare", "small", "--metric", "g_loss", "--json"]).well();
    let found: Value = serde_json::from_str(&found.stdout).unwrap();
    let reader = sandbox.reader();
    let mut sums = [0.0; 3];
    for (place, run) in sandbox.runs_of("small").iter().enumerate() {
        let summaries = reader.summaries(&run.id, run.total_steps).unwrap();
        sums[place / 2] += summaries.iter().find(|it| it.metric == Metric::GLoss).unwrap().last;
    }
    for (place, sum) in sums.into_iter().enumerate() {
        let group = &found["comparison"]["groups"][place];
        assert_eq!(group["group"], place, "in the order of the plan");
        assert!((group["mean"].as_f64().unwrap() - sum / 2.0).abs() < 1e-12, "{group}");
    }
    sandbox.run(&["compare", "small", "--metric", "fid"]).refused(&["no metric `fid`", "images_per_second"]);
    sandbox.run(&["compare", "large"]).refused(&["large", "small"]);
    let recorded = Sandbox::new();
    record(&recorded, &experiment("seeds = 2"), |run| measured(run.seed as f64));
    let refused = recorded.run(&["compare", "known", "--metric", "g_loss"]);
    refused.refused(&["no run of sweep known has a value of g_loss", "d_loss, images_per_second"]);
}
