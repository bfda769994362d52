//! Names of lists in a sweep: labels, conditions and exclusions call a list by its name or its place.

use gansweep_config::{Plan, SearchSpace, Selection, SelectionError};
use insta::assert_snapshot;

use crate::common::{at_hand, faults, labels, load, load_with, plan, plan_faults, sets};

const NAMED: &str = "model.generator.kind = \"layers\"\n[sweep.grid.\"model.generator.layers\".values]\n\
                     wide = [{ linear = 800 }, { linear = 784 }]\nplain = [{ linear = 784 }]\n";

#[test]
fn a_named_list_is_called_by_its_name_in_the_order_of_the_file() {
    let named = plan(NAMED);
    assert_eq!(labels(&named), ["generator.layers=wide seed=0", "generator.layers=plain seed=0"]);
    assert_eq!(named.axes[0].values, ["wide", "plain"]);
    assert_eq!(
        serde_json::to_string(&named.runs[0].assignments).unwrap(),
        r#"[{"key":"model.generator.layers","value":"wide"}]"#
    );
    assert_eq!(named.runs[0].config.model.generator.layers.len(), 2);
}

#[test]
fn a_list_without_a_name_is_called_by_its_place() {
    let listed = plan(
        "model.generator.kind = \"layers\"\n[sweep.grid]\n\"model.generator.layers\" = [\n\
         [{ linear = 800 }, { linear = 784 }],\n[{ linear = 784 }],\n]\n",
    );
    assert_eq!(labels(&listed), ["generator.layers=list-1 seed=0", "generator.layers=list-2 seed=0"]);
    let ids = |plan: &gansweep_config::Plan| plan.runs.iter().map(|run| run.id.clone()).collect::<Vec<_>>();
    assert_eq!(ids(&listed), ids(&plan(NAMED)), "a name is no part of a run's identity");
}

#[test]
fn widths_may_have_names_too_in_a_grid_in_step_and_drawn() {
    let text = "[sweep.zip]\n\"model.generator.hidden\" = { values = { slim = [32, 32], wide = 512 } }\n\
                \"optimizer.lr\" = [1e-4, 2e-4]\n";
    assert_eq!(
        labels(&plan(text)),
        ["generator.hidden=slim lr=1e-4 seed=0", "generator.hidden=wide lr=2e-4 seed=0"]
    );
    let drawn =
        "[sweep.random]\nn = 1\n[sweep.random.keys]\n\"model.hidden\" = { choice = { only = [32, 32] } }\n";
    assert_eq!(labels(&plan(drawn)), ["hidden=only seed=0"]);
}

#[test]
fn a_condition_selects_by_the_name_in_any_case() {
    let named = plan(NAMED);
    let count = |text: &str| {
        Selection::new(&[text], &named)
            .map(|selected| named.runs.iter().filter(|run| selected.has(run)).count())
    };
    assert_eq!(
        (count("layers=wide"), count("layers!=Wide"), count("layers=plain,wide")),
        (Ok(1), Ok(1), Ok(2))
    );
    let unknown =
        SelectionError::NoRun("generator.layers=deep".to_owned(), "generator.layers=wide,plain".to_owned());
    assert_eq!(count("layers=deep"), Err(unknown));
}

#[test]
fn an_exclusion_may_name_a_list() {
    let rule = "[[sweep.exclude]]\n\"model.generator.layers\" = \"Wide\"\n";
    assert_eq!(labels(&plan(&format!("{NAMED}{rule}"))), ["generator.layers=plain seed=0"]);
    let spelt_out = "[[sweep.exclude]]\n\"model.generator.layers\" = [{ linear = 784 }]\n";
    assert_eq!(labels(&plan(&format!("{NAMED}{spelt_out}"))), ["generator.layers=wide seed=0"]);
    // Another layer may give the key one value, or others; then the rule matches no run.
    for set in [
        "model.generator.layers=[{ linear = 784 }]",
        "sweep.grid.\"model.generator.layers\".values={ narrow = [{ linear = 9 }, { linear = 784 }] }",
    ] {
        let experiment = load_with(&format!("{NAMED}{rule}"), &sets(&[set])).unwrap();
        let plan = Plan::new(&experiment, &at_hand).unwrap();
        assert_eq!((plan.runs.len(), plan.unused_exclusions.len()), (1, 1), "{set}");
    }
}

#[test]
fn an_exclusion_of_an_unknown_name_says_which_there_are() {
    let rule = "[[sweep.exclude]]\n\"model.generator.layers\" = \"plane\"\n";
    assert_snapshot!(faults(&format!("{NAMED}{rule}")), @r#"test.toml:5: sweep.exclude."model.generator.layers": found `plane`; expected a value of the axis: wide, plain; did you mean `plain`? (from file)"#);
    assert_snapshot!(faults(&format!("[sweep]\nseeds = 2\n{}", rule.replace("layers", "hidden"))), @r#"test.toml:3: sweep.exclude."model.generator.hidden": found `plane`; expected a list of 1 to 16 widths from 1 to 8192, or one width for every layer, or the name of a value of its axis (from file)"#);
    let faulty = NAMED.replace("784 }]", "0 }]");
    assert_snapshot!(faults(&format!("{faulty}{rule}")), @r#"
    test.toml:3: sweep.grid."model.generator.layers": layer 1: found `linear = 0`; expected `linear = N`, an integer from 1 to 65536 (from file)
    test.toml:4: sweep.grid."model.generator.layers": layer 0: found `linear = 0`; expected `linear = N`, an integer from 1 to 65536 (from file)
    "#);
}

#[test]
fn a_search_knows_a_list_by_its_layers_and_shows_its_name() {
    let search = |choice: &str| {
        load(&format!(
            "model.generator.kind = \"layers\"\n[search]\nmethod = \"tpe\"\nstartup = 1\n[sweep.random.keys]\n\
             \"model.generator.layers\" = {{ choice = {choice} }}\n"
        ))
    };
    let two = search("{ wide = [{ linear = 800 }, { linear = 784 }], plain = [{ linear = 784 }] }");
    assert_eq!(two.sweep.axes().next().unwrap().distribution().unwrap(), "choice [wide, plain]");
    let space = SearchSpace::new(&two, &at_hand).unwrap();
    assert_eq!(space.runs(&[1.0])[0].label, "generator.layers=plain seed=0");
    let recorded = space.assignments(&[1.0]);
    // The list has another place and name now.
    let more = search(
        "{ deep = [{ linear = 800 }, \"relu\", { linear = 784 }], x = [{ linear = 700 }, { linear = 784 }], flat = [{ linear = 784 }] }",
    );
    assert_eq!(SearchSpace::new(&more, &at_hand).unwrap().point(&recorded), Some(vec![2.0]));
}

#[test]
fn a_list_has_one_name() {
    let twice =
        "[sweep.grid.\"model.generator.layers\".values]\na = [\"relu\"]\nb = [{ leaky-relu = 0.0 }]\n";
    assert_snapshot!(faults(twice), @r#"test.toml:3: sweep.grid."model.generator.layers": `b` is the same as `a`; expected one name for a list; in `[sweep.zip]`, lists without names (from file)"#);
    // In step, the same list may stand beside several others.
    let zipped = "model.discriminator.kind = \"layers\"\n[sweep.zip]\n\"optimizer.lr\" = [1e-4, 2e-4]\n\
                  \"model.discriminator.layers\" = [[{ linear = 1 }], [{ linear = 1 }]]\n";
    assert_eq!(
        labels(&plan(zipped)),
        ["lr=1e-4 discriminator.layers=list-1 seed=0", "lr=2e-4 discriminator.layers=list-1 seed=0"]
    );
}

#[test]
fn a_list_that_does_not_fit_is_told_by_its_name() {
    let wrong = NAMED.replace("800 }, { linear = 784", "800 }, { linear = 783");
    assert_snapshot!(plan_faults(&wrong, 60_000), @r#"test.toml:2: model.generator.layers: `wide`: the last layer gives 783, not 1 x 28 x 28 (in 1 of 2 configs); expected layers from 64 numbers to 1 x 28 x 28 (from file)"#);
}

#[test]
fn one_list_in_place_of_several_is_told_once() {
    let kind = "model.generator.kind = \"layers\"\n";
    assert_snapshot!(faults(&format!("{kind}[sweep.grid]\n\"model.generator.layers\" = [{{ linear = 9 }}, \"relu\"]\n")), @r#"test.toml:3: sweep.grid."model.generator.layers": found a table `{ linear = 9 }`; expected a list of lists of layers, `[[...], [...]]` (from file)"#);
    assert_snapshot!(faults(&format!("{kind}[[sweep.grid.\"model.generator.layers\"]]\na = [\"relu\"]\n")), @r#"test.toml:2: sweep.grid."model.generator.layers": found a table; expected a list of lists of layers, `[[...], [...]]` (from file)"#);
    assert_snapshot!(faults(&format!("{kind}[sweep.grid.\"model.generator.layers\"]\na = [\"relu\"]\n")), @r#"test.toml:3: sweep.grid."model.generator.layers".a: unknown key; expected a list of values, `{ values = [...] }`, or values with names, `{ values = { NAME = VALUE, ... } }` (from file)"#);
}

#[test]
fn the_values_of_an_axis_may_be_set_by_their_own_path() {
    let set = sets(&["sweep.grid.\"optimizer.lr\".values=[1e-3, 1e-4]", "sweep.seeds=1"]);
    let experiment = load_with("", &set).unwrap();
    assert_eq!(labels(&Plan::new(&experiment, &at_hand).unwrap()), ["lr=1e-3 seed=0", "lr=1e-4 seed=0"]);
    let drawn = sets(&["sweep.random.keys.\"model.hidden\".choice={ a = 3 }", "sweep.random.n=1"]);
    assert_eq!(labels(&Plan::new(&load_with("", &drawn).unwrap(), &at_hand).unwrap()), ["hidden=a seed=0"]);
}

#[test]
fn names_are_words_are_told_apart_and_are_for_lists() {
    let hidden = |values: &str| format!("[sweep.grid.\"model.hidden\".values]\n{values}");
    assert_snapshot!(faults(&hidden("a = 32\nA = 64\n\"b c\" = 16\nnone = 8\nd = 0\n")), @r#"
    test.toml:3: sweep.grid."model.hidden".A: given a second time, first at test.toml:2; expected names that differ in more than the case of letters (from file)
    test.toml:4: sweep.grid."model.hidden": found `b c`; expected a name: a letter, then letters, digits, `-`, `_` or `.`, at most 40 in all, and not `none`, `true`, `false`, `yes`, `no` or a number (from file)
    test.toml:5: sweep.grid."model.hidden": found `none`; expected a name: a letter, then letters, digits, `-`, `_` or `.`, at most 40 in all, and not `none`, `true`, `false`, `yes`, `no` or a number (from file)
    test.toml:6: sweep.grid."model.hidden": found `0`; expected a list of 1 to 16 widths from 1 to 8192, or one width for every layer (from file)
    "#);
    assert_snapshot!(faults(&hidden("")), @r#"test.toml:1: sweep.grid."model.hidden": an axis without values; expected at least one value (from file)"#);
    assert_snapshot!(faults("[sweep.grid.\"model.hidden\"]\nslim = 32\n"), @r#"test.toml:2: sweep.grid."model.hidden".slim: unknown key; expected a list of values, `{ values = [...] }`, or values with names, `{ values = { NAME = VALUE, ... } }` (from file)"#);
    assert_snapshot!(faults("[sweep.random]\nn = 1\n[sweep.random.keys]\n\"model.hidden\" = { a = 3 }\n"), @r#"test.toml:4: sweep.random.keys."model.hidden".a: unknown key; expected `{ choice = [...] }` or, with names, `{ choice = { NAME = VALUE, ... } }` (from file)"#);
    assert_snapshot!(faults("[sweep.grid]\n\"optimizer.lr\" = { values = { low = 1e-4 } }\n"), @r#"test.toml:2: sweep.grid."optimizer.lr": found a table `{ low = 1e-4 }`; expected a list of values: names are for lists of layers or widths (from file)"#);
}
