//! Variants: several values under one name, which are one value of an axis.

use gansweep_config::{LossKind, Plan, SearchSpace, Selection};
use insta::assert_snapshot;

use crate::common::{at_hand, faults, labels, load, load_with, plan, sets};

const VARIANTS: &str = r#"
[sweep.variants.plain]
[sweep.variants.wgan-gp]
loss.kind = "wasserstein"
penalty.kind = "wgan-gp"
train.d_steps = 5
"optimizer.beta1" = 0.0
[sweep.variants.hinge]
loss = { kind = "hinge" }
optimizer.generator.lr = 1e-4
optimizer.lr = 4e-4
"#;

/// The variants without a dropout that critics with a penalty don't have.
fn text(rest: &str) -> String {
    format!("model.discriminator.dropout = 0.0\n{rest}{VARIANTS}")
}

#[test]
fn a_variant_sets_its_values_in_the_order_of_the_file() {
    let plan = plan(&text(""));
    assert_eq!(labels(&plan), ["variant=plain seed=0", "variant=wgan-gp seed=0", "variant=hinge seed=0"]);
    let configs: Vec<_> = plan.runs.iter().map(|run| &run.config).collect();
    let kinds: Vec<_> = configs.iter().map(|config| config.loss.kind).collect();
    assert_eq!(kinds, [LossKind::NonSaturating, LossKind::Wasserstein, LossKind::Hinge]);
    let steps: Vec<_> = configs.iter().map(|config| config.train.d_steps).collect();
    assert_eq!(steps, [1, 5, 1], "a variant changes nothing in the others");
    let rates =
        |index: usize| (configs[index].optimizer.generator.lr, configs[index].optimizer.discriminator.lr);
    assert_eq!((rates(0), rates(2)), ((1e-3, 1e-3), (1e-4, 4e-4)), "the longer key overrides the shorthand");
}

#[test]
fn a_variant_is_the_run_of_a_file_with_its_values() {
    let alone = plan(
        "model.discriminator.dropout = 0.0\nloss.kind = \"hinge\"\noptimizer.lr = 4e-4\noptimizer.generator.lr = 1e-4\n",
    );
    assert_eq!(plan(&text("")).runs[2].id, alone.runs[0].id);
}

#[test]
fn what_variants_set_is_recorded_with_their_axis() {
    let axis = serde_json::to_value(&plan(&text("")).axes[0]).unwrap();
    assert_eq!(
        (&axis["key"], &axis["kind"], &axis["values"]),
        (&"variant".into(), &"grid".into(), &vec!["plain", "wgan-gp", "hinge"].into())
    );
    assert_snapshot!(axis["variants"], @r#"[{"name":"plain","sets":[]},{"name":"wgan-gp","sets":[{"key":"loss.kind","value":"wasserstein"},{"key":"penalty.kind","value":"wgan-gp"},{"key":"train.d_steps","value":5},{"key":"optimizer.beta1","value":0.0}]},{"name":"hinge","sets":[{"key":"loss.kind","value":"hinge"},{"key":"optimizer.generator.lr","value":0.0001},{"key":"optimizer.lr","value":0.0004}]}]"#);
}

#[test]
fn of_a_search_all_variants_are_recorded() {
    let text = "[search]\nmethod = \"tpe\"\nstartup = 1\n[sweep.variants]\na = {}\nb = { train.ema = 0.5 }\nc = { train.ema = 0.9 }\n";
    let axis = &plan(text).axes[0];
    let names: Vec<_> = axis.variants.iter().map(|variant| variant.name.as_str()).collect();
    assert_eq!((axis.values.len(), names), (1, vec!["a", "b", "c"]));
}

#[test]
fn of_a_search_variants_that_are_not_drawn_are_checked_and_ask_for_their_data() {
    let search = |seed: u32, variants: &str| {
        format!(
            "[search]\nmethod = \"tpe\"\nstartup = 1\n[sweep.random]\nseed = {seed}\n[sweep.variants]\na = {{}}\n{variants}"
        )
    };
    for seed in 0..6 {
        let faults = faults(&search(seed, "b = { loss.kind = \"hinge\", loss.label_smoothing = 0.1 }\n"));
        assert!(faults.contains("sweep.variants.b.loss.label_smoothing"), "{faults}");
        let asked = load(&search(seed, "b = { data.dataset = \"kmnist\" }\n")).data_requests();
        assert_eq!(asked.len(), 2, "{asked:?}");
    }
}

#[test]
fn variants_are_combined_with_other_axes_and_change_slowest() {
    let all = plan(&text(
        "[sweep.grid]\n\"train.batch_size\" = [32, 64]\n[sweep.random]\nn = 2\n[sweep.random.keys]\n\"train.ema\" = { uniform = [0.9, 0.99] }\n",
    ));
    assert_eq!(all.runs.len(), 12);
    assert!(all.runs[..4].iter().all(|run| run.label.starts_with("variant=plain batch_size=")));
    assert!(all.runs[8..].iter().all(|run| run.label.starts_with("variant=hinge batch_size=")));
}

#[test]
fn a_variant_may_start_from_another_recipe_below_the_file() {
    let text = "train.batch_size = 50\n[sweep.variants]\nown = {}\njovian = { recipe = \"jovian\", train.epochs = 3 }\n";
    let experiment = load(text);
    assert_eq!(experiment.recipes(), ["fast", "jovian"]);
    let plan = Plan::new(&experiment, &at_hand).unwrap();
    let [own, jovian] = &plan.runs[..] else { panic!("{:?}", labels(&plan)) };
    assert_eq!((own.config.model.generator.hidden.len(), own.epochs), (2, 5));
    assert_eq!(jovian.config.model.generator.hidden, [256, 256]);
    assert_eq!((jovian.config.train.batch_size, jovian.epochs), (50, 3));
}

#[test]
fn runs_are_selected_and_excluded_by_their_variant() {
    let all = plan(&text("sweep.seeds = 2\n"));
    let count = |text: &str| {
        let selection = Selection::new(&[text], &all)?;
        Ok::<_, gansweep_config::SelectionError>(all.runs.iter().filter(|run| selection.has(run)).count())
    };
    assert_eq!(
        (count("variant=hinge"), count("variant!=HINGE"), count("var=plain,hinge")),
        (Ok(2), Ok(4), Ok(4))
    );
    let rules = "[[sweep.exclude]]\nvariant = \"Hinge\"\n[[sweep.exclude]]\nloss.kind = \"wasserstein\"\ntrain.d_steps = 5\n\
                 [[sweep.exclude]]\nvariant = \"plain\"\noptimizer.lr = 7.0\n";
    let some = plan(&text(rules));
    assert_eq!(labels(&some), ["variant=plain seed=0"]);
    assert_eq!((some.excluded, some.unused_exclusions.len()), (2, 1));
    assert_snapshot!(faults(&text("[[sweep.exclude]]\nvariant = \"hing\"\n")), @r#"test.toml:2: sweep.exclude."variant": found `hing`; expected a value of the axis: plain, wgan-gp, hinge; did you mean `hinge`? (from file)"#);
    assert_snapshot!(faults("[[sweep.exclude]]\nvariant = \"hinge\"\n"), @r#"test.toml:1: sweep.exclude."variant": found `hinge`; expected variants, `[sweep.variants.NAME]` (from file)"#);
}

#[test]
fn a_rule_of_another_layer_names_a_variant_of_some_layer() {
    let with = |rule: &str, set: &str| {
        let experiment = load_with(&text(rule), &sets(&[set])).map_err(|faults| faults.to_string())?;
        Ok::<_, String>(Plan::new(&experiment, &at_hand).unwrap())
    };
    let misspelt = with("", "sweep.exclude=[{ variant = \"hing\" }]").unwrap_err();
    assert_snapshot!(misspelt, @r#"--set sweep.exclude=[{ variant = "hing" }]: sweep.exclude."variant": found `hing`; expected a value of the axis: plain, wgan-gp, hinge; did you mean `hinge`? (from --set)"#);
    let rule = "[[sweep.exclude]]\nvariant = \"Hinge\"\n";
    let replaced = with(rule, "sweep.variants={ a = {}, b = { train.ema = 0.5 } }").unwrap();
    assert_eq!((replaced.runs.len(), replaced.unused_exclusions.len()), (2, 1));
    let unknown =
        with("[[sweep.exclude]]\nvariant = \"hing\"\n", "sweep.variants={ a = {}, b.train.ema = 0.5 }");
    assert!(unknown.unwrap_err().contains("found `hing`; expected a value of the axis: a, b (from file)"));
}

#[test]
fn a_later_layer_replaces_a_value_an_axis_or_all_variants() {
    let with = |arguments: &[&str]| {
        let experiment = load_with(&text(""), &sets(arguments)).unwrap_or_else(|faults| panic!("{faults}"));
        let pinned: Vec<_> = experiment.sweep.pinned.iter().map(|it| it.key).collect();
        (Plan::new(&experiment, &at_hand).unwrap(), pinned)
    };
    let (plan, pinned) = with(&["train.d_steps=2", "optimizer.generator.lr=1e-5"]);
    let steps: Vec<_> = plan.runs.iter().map(|run| run.config.train.d_steps).collect();
    assert_eq!((steps, pinned), (vec![2, 2, 2], vec!["train.d_steps", "optimizer.generator.lr"]));
    let hinge = &plan.runs[2].config.optimizer;
    assert_eq!((hinge.generator.lr, hinge.discriminator.lr), (1e-5, 4e-4));

    let (plan, _) = with(&["optimizer.discriminator.lr=1e-5"]);
    let hinge = &plan.runs[2].config.optimizer;
    assert_eq!(
        (hinge.generator.lr, hinge.discriminator.lr),
        (1e-4, 1e-5),
        "the variant's own longer key stays"
    );

    let (plan, _) = with(&["sweep.grid.\"train.d_steps\"=[1,3]"]);
    assert_eq!(plan.runs.len(), 6);
    assert_eq!(plan.runs[3].label, "variant=wgan-gp d_steps=3 seed=0");

    let (plan, _) = with(&["sweep.variants={ a = {}, b = { train.ema = 0.5 } }"]);
    assert_eq!(labels(&plan), ["variant=a seed=0", "variant=b seed=0"]);
}

#[test]
fn one_width_of_a_later_layer_is_given_to_as_many_layers_as_each_variant_has() {
    let text = "[sweep.variants]\na = {}\nb = { model.generator.hidden = [64, 32, 16] }\nc = { model.hidden = 100 }\n";
    let widths = |set: &str| {
        let experiment = load_with(text, &sets(&[set])).unwrap_or_else(|faults| panic!("{faults}"));
        let plan = Plan::new(&experiment, &at_hand).unwrap();
        assert_eq!(plan.without_effect, []);
        plan.runs.iter().map(|run| run.config.model.generator.hidden.clone()).collect::<Vec<_>>()
    };
    // The variant `c` comes to the same run as `a`.
    assert_eq!(widths("model.hidden=8"), [vec![8; 2], vec![8; 3]]);
    assert_eq!(widths("model.generator.hidden=8")[..2], [vec![8; 2], vec![8; 3]]);
    assert_eq!(widths("model.hidden=[8, 9, 10]"), [[8, 9, 10]]);
    assert_eq!(
        widths("sweep.grid.\"model.hidden\"=[8, [9, 9]]"),
        [vec![8; 2], vec![9; 2], vec![8; 3]],
        "a list replaces the variant's"
    );
}

#[test]
fn variants_that_come_to_the_same_config_are_trained_once() {
    let plan =
        plan("[sweep.variants]\na = {}\nb = { train.batch_size = 64 }\nc = { train.batch_size = 32 }\n");
    assert_eq!((labels(&plan), plan.duplicates), (vec!["variant=a seed=0", "variant=c seed=0"], 1));
    assert_eq!(plan.merged_variants, [("b".to_owned(), "a".to_owned())]);
}

#[test]
fn a_search_proposes_variants_as_a_choice() {
    let text = text(
        "record.evaluate_epochs = 5\n[search]\nmethod = \"tpe\"\ntrials = 9\nstartup = 6\n\
                     [sweep.random.keys]\n\"train.ema\" = { uniform = [0.0, 0.9] }\n",
    );
    let experiment = load(&text);
    let space = SearchSpace::new(&experiment, &at_hand).unwrap();
    assert_eq!((space.dimension_count(), space.startup().len()), (2, 6));
    let runs = space.runs(&[1.0, 0.5]);
    assert_eq!(runs[0].label, "variant=wgan-gp ema=0.5 seed=0");
    assert_eq!(runs[0].config.train.d_steps, 5);
    let assignments = space.assignments(&[2.0, 0.5]);
    assert_eq!(space.point(&assignments), Some(vec![2.0, 0.5]));
    assert_eq!(assignments[0].value, "hinge");
    // Without other axes, too.
    let only = load("[search]\nmethod = \"tpe\"\n[sweep.variants]\na = {}\nb = { train.ema = 0.5 }\n");
    assert_eq!(SearchSpace::new(&only, &at_hand).unwrap().dimension_count(), 1);
    assert_snapshot!(
        faults("[search]\nmethod = \"tpe\"\n[sweep.variants]\na = {}\nb = { train.epochs = 7 }\n"), @"test.toml:5: sweep.variants.b.train.epochs: cannot be searched: trials compare at one budget; expected one value for `train.epochs` (from file)"
    );
    assert_snapshot!(
        faults("[search]\nmethod = \"tpe\"\n[sweep.variants]\na = {}\nb = { recipe = \"jovian\" }\n"), @"test.toml:5: sweep.variants.b.recipe: the recipes train for 5 and 300 epochs, and trials compare at one budget; expected `train.epochs = N` in the file, which all trials have (from file)"
    );
}

#[test]
fn a_value_that_none_of_a_variants_runs_has_is_told_with_what_turns_it_off() {
    let plan = plan(
        "[sweep.variants]\na = { penalty.weight = 3.0, optimizer.momentum = 0.5 }\n\
                     b = { penalty = { kind = \"r1\", weight = 3.0 } }\n",
    );
    let told: Vec<_> =
        plan.without_effect.iter().map(|it| (&*it.setting.key, it.switch.as_ref().unwrap().key)).collect();
    assert_eq!(
        told,
        [
            ("sweep.variants.a.penalty.weight", "penalty.kind"),
            ("sweep.variants.a.optimizer.momentum", "optimizer.generator.kind")
        ]
    );
}

#[test]
fn conflicts_name_the_variant() {
    assert_snapshot!(
        faults("[sweep.variants]\na = {}\nb = { loss.kind = \"hinge\", loss.label_smoothing = 0.1 }\n\
                c = { penalty.kind = \"r1\", model.batch_norm = true }\n"), @r#"
test.toml:3: sweep.variants.b.loss.label_smoothing: `loss.kind = "hinge"` has no labels to smooth: only sides of a margin (in 1 of 3 configs); expected `loss.label_smoothing = 0`, or another loss (from file)
test.toml:4: sweep.variants.c.penalty.kind: a penalty is of each image's gradient, and with the discriminator's `batch_norm` its output depends on the other images of the batch (in 1 of 3 configs); expected `model.discriminator.batch_norm = false`, or `penalty.kind = "none"` (from file)
"#
    );
    // A variant's list of layers without its kind is told to have no effect.
    let list = "model.generator.layers = [{ linear = 784 }]";
    let forgotten = plan(&format!(
        "[sweep.variants.good]\nmodel.generator.kind = \"layers\"\n{list}\n[sweep.variants.bad]\ntrain.ema = 0.5\n{list}\n"
    ));
    let told: Vec<_> = forgotten.without_effect.iter().map(|it| it.setting.key.as_str()).collect();
    assert_eq!(told, ["sweep.variants.bad.model.generator.layers"]);
    // A list of layers in the file is for the variant that takes it.
    let lists = "model.generator.layers = [{ linear = 784 }]\n[sweep.variants]\na = {}\nb.model.generator.kind = \"layers\"\n";
    assert_eq!(plan(lists).runs.len(), 2);
}

#[test]
fn conflicts_of_a_recipe_name_the_variant_that_starts_from_it() {
    assert_snapshot!(
        faults("loss.label_smoothing = 0.1\n[sweep.variants]\na = {}\nb = { recipe = \"wgan-gp\" }\n\
                c = { recipe = \"wgan-gp\", loss.kind = \"hinge\" }\n"), @r#"
test.toml:4: sweep.variants.b.recipe: with the recipe `wgan-gp`, `loss.kind = "wasserstein"` has no labels to smooth: outputs have no target (in 1 of 3 configs); expected `loss.label_smoothing = 0`, or another loss (from file)
test.toml:5: sweep.variants.c.loss.kind: `loss.kind = "hinge"` has no labels to smooth: only sides of a margin (in 1 of 3 configs); expected `loss.label_smoothing = 0`, or another loss (from file)
"#
    );
    // What the file has wrong by itself is no fault of a variant's recipe.
    let own = faults("model.output = \"sigmoid\"\n[sweep.variants]\na = {}\nb = { recipe = \"jovian\" }\n");
    assert!(own.starts_with("test.toml:1: model.output: ") && own.lines().count() == 1, "{own}");
    // A swept recipe is named alike.
    let axis = faults("model.output = \"tanh\"\n[sweep.grid]\nrecipe = [\"fast\", \"coursera\"]\n");
    assert!(axis.starts_with("test.toml:3: recipe: with the recipe `coursera`, \"tanh\" cannot"), "{axis}");
    // The value of another axis hides the recipe's.
    let hidden = faults(
        "loss.label_smoothing = 0.1\n[sweep.grid]\n\"loss.kind\" = [\"hinge\", \"minimax\"]\n\
         [sweep.variants]\na = {}\nb = { recipe = \"wgan-gp\" }\n",
    );
    assert!(hidden.starts_with("test.toml:3: loss.kind: `loss.kind = \"hinge\"` has no"), "{hidden}");
}

#[test]
fn faulty_variants_are_named_with_what_is_expected() {
    for text in ["sweep.variants = 3\n", "[sweep.variants]\n"] {
        assert!(faults(text).contains("expected a table of keys for each variant"), "{}", faults(text));
    }
    let no_variants =
        "[sweep.variants]\nloss.kind = \"hinge\"\n\"train.ema\" = 0.5\nx = 3\nnone = {}\n\"a b\" = {}\n";
    assert_snapshot!(faults(no_variants), @r"
test.toml:2: sweep.variants: unknown table; expected a table of keys for each variant, `[sweep.variants.NAME]`; did you mean `sweep.variants.NAME.loss.kind`? (from file)
test.toml:3: sweep.variants: unknown table; expected a table of keys for each variant, `[sweep.variants.NAME]`; did you mean `sweep.variants.NAME.train.ema`? (from file)
test.toml:4: sweep.variants.x: found an integer `3`; expected a table of keys for each variant, `[sweep.variants.NAME]` (from file)
test.toml:5: sweep.variants: found `none`; expected a name: a letter, then letters, digits, `-`, `_` or `.`, at most 40 in all, and not `none`, `true`, `false`, `yes`, `no` or a number (from file)
test.toml:6: sweep.variants: found `a b`; expected a name: a letter, then letters, digits, `-`, `_` or `.`, at most 40 in all, and not `none`, `true`, `false`, `yes`, `no` or a number (from file)
");
    assert_snapshot!(
        faults("[sweep.variants.a]\ntrain.epoch = 3\nrecord.every_steps = 5\nsweep.seeds = 3\nloss.kind = \"hing\"\n\
                \"train.ema\" = 0.5\ntrain.ema = 0.6\nmodel.hidden = [[3], [5]]\nvariant = \"b\"\n[sweep.variants.A]\n"), @r#"
test.toml:2: sweep.variants.a.train.epoch: unknown key; did you mean `train.epochs`? (from file)
test.toml:3: sweep.variants.a.record.every_steps: cannot be swept, all runs of a sweep have it in common (from file)
test.toml:4: sweep.variants.a.sweep.seeds: cannot be swept, all runs of a sweep have it in common (from file)
test.toml:5: sweep.variants.a.loss.kind: found `"hing"`; expected one of "non-saturating", "minimax", "least-squares", "hinge", "wasserstein"; did you mean `hinge`? (from file)
test.toml:7: sweep.variants.a.train.ema: given a second time, first at test.toml:6 (from file)
test.toml:8: sweep.variants.a.model.hidden: found a list `[[3], [5]]`; expected a list of 1 to 16 widths from 1 to 8192, or one width for every layer (from file)
test.toml:9: sweep.variants.a.variant: cannot be swept, all runs of a sweep have it in common (from file)
test.toml:10: sweep.variants.A: given a second time, first at test.toml:1; expected names that differ in more than the case of letters (from file)
"#
    );
    assert_snapshot!(
        faults("variant = \"a\"\n[sweep.grid]\nvariant = [\"a\"]\n\"train.ema\" = [0.5]\n[sweep.variants.a]\ntrain.ema = 0.6\n"), @r#"
test.toml:1: variant: unknown key; expected `[sweep.variants.NAME]` with the values of each variant; `--only variant=NAME` selects runs (from file)
test.toml:3: sweep.grid."variant": unknown key; expected `[sweep.variants.NAME]` with the values of each variant; `--only variant=NAME` selects runs (from file)
test.toml:4: sweep.grid."train.ema": two axes on one key, also swept as `sweep.variants.a.train.ema` at test.toml:6; expected the axis, or the key in variants (from file)
"#
    );
    assert_snapshot!(faults("[sweep.variant.a]\ntrain.ema = 0.6\n"), @"test.toml:1: sweep.variant: unknown table; did you mean `sweep.variants`? (from file)");
    // A rule about a faulty variant is no second fault.
    assert_eq!(faults("[sweep.variants]\nx = 3\n[[sweep.exclude]]\nvariant = \"x\"\n").lines().count(), 1);
    assert_snapshot!(faults("[[sweep.exclude]]\nvarient = \"x\"\n"), @r#"test.toml:2: sweep.exclude."varient": unknown key; did you mean `variant`? (from file)"#);
    // Names of keys may be names of variants.
    assert_eq!(plan("[sweep.variants]\nname = {}\nvariant = { train.ema = 0.5 }\n").runs.len(), 2);
    let useless = load_with(&text("[sweep.random]\nn = 5\n"), &sets(&["train.d_steps=2"])).unwrap_err();
    assert!(useless.to_string().contains("sweep.random.n: has no effect here"), "{useless}");
    let set = load_with(&text(""), &sets(&["sweep.variants.hinge.train.ema=0.5"])).unwrap_err();
    assert_snapshot!(set, @"--set sweep.variants.hinge.train.ema=0.5: sweep.variants.hinge.train.ema: unknown key; expected all variants at once, `sweep.variants={...}` (from --set)");
}

#[test]
fn a_name_with_dots_is_told_to_need_quotes() {
    let text = "[sweep.variants.wgan.gp]\nloss.kind = \"wasserstein\"\n[sweep.variants.v1.2.1.optimizer]\nlr = 1e-3\n\
                [sweep.variants.plain.old]\n[sweep.variants.a.trian]\nepochs = 3\n[sweep.variants.a.los]\n";
    assert_snapshot!(faults(text), @r#"
    test.toml:1: sweep.variants.wgan.gp: unknown table; expected quotes around a name with dots: `[sweep.variants."wgan.gp"]` (from file)
    test.toml:3: sweep.variants.v1.2: unknown table; expected quotes around a name with dots: `[sweep.variants."v1.2.1"]` (from file)
    test.toml:5: sweep.variants.plain.old: unknown table; expected quotes around a name with dots: `[sweep.variants."plain.old"]` (from file)
    test.toml:6: sweep.variants.a.trian: unknown table; did you mean `train`? (from file)
    test.toml:8: sweep.variants.a.los: unknown table; did you mean `loss`? (from file)
    "#);
    let quoted = plan("[sweep.variants.\"wgan.gp\"]\ntrain.ema = 0.5\n");
    assert_eq!(labels(&quoted), ["variant=wgan.gp seed=0"]);
}
