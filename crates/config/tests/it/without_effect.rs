//! Settings and axes that no run uses, and what turns them off.

use crate::common::plan;

#[test]
fn settings_that_no_run_uses_are_named() {
    let unused = |text: &str| -> Vec<String> {
        plan(text).without_effect.into_iter().map(|idle| idle.setting.key).collect()
    };
    assert_eq!(
        unused("[optimizer]\nlr_end = 0.1\nhorizon = 3\n"),
        [
            "optimizer.generator.horizon",
            "optimizer.generator.lr_end",
            "optimizer.discriminator.horizon",
            "optimizer.discriminator.lr_end",
        ]
    );
    assert_eq!(unused("[optimizer]\nschedule = \"cosine\"\nlr_end = 0.1\nhorizon = 3\n"), [""; 0]);
    assert_eq!(unused("optimizer.generator.momentum = 0.9\n"), ["optimizer.generator.momentum"]);
    assert_eq!(unused("[penalty]\nweight = 5\n"), ["penalty.weight"]);
    assert_eq!(unused("[augment]\ntranslation = 0.01\n"), ["augment.translation"]);
    assert_eq!(unused("[sweep.random]\nseed = 3\n"), ["sweep.random.seed"]);
    assert_eq!(unused("[loss]\nweight_clip = 0.1\n"), ["loss.weight_clip"]);
    assert_eq!(unused("[search]\ntrials = 6\n[prune]\nfactor = 2\n"), ["search.trials", "prune.factor"]);
    // Whoever says `none` has turned them off on purpose.
    assert_eq!(
        unused("[search]\ntrials = 6\nmethod = \"none\"\n[prune]\nfactor = 2\nmethod = \"none\"\n"),
        [""; 0]
    );
    assert_eq!(
        unused("recipe = \"dcgan\"\nmodel.hidden = 64\n"),
        ["model.generator.hidden", "model.discriminator.hidden"]
    );
    assert_eq!(unused("model.hidden = 64\nmodel.discriminator.slope = 0.1\n"), [""; 0]);
    // What they belong to is swept.
    assert_eq!(unused("penalty.weight = 5\n[sweep.grid]\n\"penalty.kind\" = [\"none\", \"r1\"]\n"), [""; 0]);
}

#[test]
fn axes_that_change_no_run_are_named() {
    let idle = |text: &str| plan(text).without_effect;
    let [weight] = &idle("[sweep.grid]\n\"penalty.weight\" = [1, 5]\n")[..] else { panic!("one axis") };
    assert_eq!((weight.setting.key.as_str(), weight.is_axis), ("penalty.weight", true));
    assert_eq!(weight.setting.value, serde_json::json!([1.0, 5.0]));
    let random = idle(
        "[sweep.random]\nn = 3\n[sweep.random.keys]\n\"optimizer.momentum\" = { uniform = [0.1, 0.9] }\n",
    );
    assert_eq!(random.len(), 1);
    assert!(random[0].is_axis && random[0].setting.key == "optimizer.momentum");
    // One of its values, or its combination with another axis, has an effect.
    let kinds = "\"penalty.kind\" = [\"none\", \"r1\"]\n";
    assert_eq!(idle(&format!("[sweep.grid]\n\"penalty.weight\" = [1, 5]\n{kinds}")), []);
    assert_eq!(idle("[sweep.grid]\n\"train.ema\" = [0, 0.9]\n"), []);
    // All of its other values are excluded.
    let one_left = "[sweep.grid]\n\"optimizer.lr\" = [1e-3, 1e-4]\n[[sweep.exclude]]\noptimizer.lr = 1e-3\n";
    assert_eq!(idle(one_left), []);
}

#[test]
fn of_a_search_what_no_trial_can_turn_on_is_named() {
    let idle = |axes: &str| -> Vec<String> {
        let search = "train.epochs = 5\npenalty.noise = 0.5\n[search]\nmethod = \"tpe\"\nstartup = 2\n[sweep.random.keys]\n";
        let plan = plan(&format!("{search}\"optimizer.lr\" = {{ log_uniform = [1e-5, 1e-2] }}\n{axes}"));
        plan.without_effect.into_iter().map(|idle| idle.setting.key).collect()
    };
    assert_eq!(idle("\"penalty.weight\" = { uniform = [1, 5] }\n"), ["penalty.noise", "penalty.weight"]);
    // Neither of the two draws has a penalty.
    let kinds = "\"penalty.kind\" = { choice = [\"none\", \"none\", \"none\", \"none\", \"dragan\"] }\n";
    assert_eq!(idle(&format!("\"penalty.weight\" = {{ uniform = [1, 5] }}\n{kinds}")), [""; 0]);
    assert_eq!(idle("[sweep.variants]\na = {}\nb = { penalty.kind = \"dragan\" }\n"), [""; 0]);
    assert_eq!(idle("[sweep.variants]\na = {}\nb = { recipe = \"wgan-gp\" }\n"), [""; 0]);
}

#[test]
fn what_turns_a_setting_off_is_named() {
    let switch = |text: &str| {
        let switch = plan(text).without_effect.remove(0).switch.expect("a switch");
        let value = switch.value.map_or_else(String::new, |value| value.to_string());
        (switch.key, value, serde_json::to_string(&switch.choices).unwrap())
    };
    let of = |key, value: &str, choices: &str| (key, value.to_owned(), choices.to_owned());
    for (text, expected) in [
        (
            "[penalty]\nweight = 5\n",
            of("penalty.kind", "\"none\"", r#"["wgan-gp","dragan","r1","r2","r1-r2"]"#),
        ),
        ("[train]\nema_warmup = true\n", of("train.ema", "0.0", "[]")),
        ("[loss]\nweight_clip = 0.1\n", of("loss.kind", "\"non-saturating\"", r#"["wasserstein"]"#)),
        (
            "optimizer.generator.momentum = 0.9\n",
            of("optimizer.generator.kind", "\"adam\"", r#"["sgd","rmsprop"]"#),
        ),
        ("model.generator.width = 8\n", of("model.generator.kind", "\"mlp\"", r#"["dcgan"]"#)),
        (
            "[sweep.grid]\n\"model.discriminator.width\" = [8, 9]\n",
            of("model.discriminator.kind", "\"mlp\"", r#"["dcgan"]"#),
        ),
        (
            "[optimizer]\nhorizon = 3\n",
            of("optimizer.generator.schedule", "\"constant\"", r#"["linear","cosine","step"]"#),
        ),
        ("model.embedding = 4\n", of("model.conditional", "false", "[true]")),
        // One of the other values is swept.
        (
            "penalty.noise = 0.1\n[sweep.grid]\n\"penalty.kind\" = [\"none\", \"r1\"]\n",
            of("penalty.kind", "", r#"["dragan"]"#),
        ),
    ] {
        assert_eq!(switch(text), expected, "{text}");
    }
    // The value itself changes nothing, whatever the other keys are.
    for text in [
        "model.conditional = true\nmodel.embedding = 10\n",
        "augment.cutout = 0.001\n",
        "model.activation = \"leaky-relu\"\nmodel.slope = 0\n",
    ] {
        let idle = plan(text).without_effect;
        assert!(!idle.is_empty() && idle.iter().all(|idle| idle.switch.is_none()), "{text}: {idle:?}");
    }
}
