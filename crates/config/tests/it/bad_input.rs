//! A clear answer to every kind of bad input: what is wrong, where, and the way out.

use gansweep_config::{DataIdentity, DatasetSpec, ImageShape, Plan};
use insta::assert_snapshot;

use crate::common::{at_hand, env, faults, faults_with, load, plan_faults, profile, sets};

#[test]
fn a_misspelt_key_is_told_with_its_line_and_the_right_name() {
    assert_snapshot!(faults("[train]\nepochs = 5\nbatch_sze = 32\n"), @r#"test.toml:3: train.batch_sze: unknown key; did you mean `train.batch_size`? (from file)"#);
}

#[test]
fn a_key_in_the_wrong_table_is_told_with_the_right_one() {
    assert_snapshot!(faults("lr = 1e-4\n[model.generator]\nlr = 1e-3\n"), @r#"
    test.toml:1: lr: unknown key; did you mean `optimizer.lr`? (from file)
    test.toml:3: model.generator.lr: unknown key; did you mean `optimizer.generator.lr`? (from file)
    "#);
}

#[test]
fn a_misspelt_table_is_one_fault_however_many_keys_it_has() {
    assert_snapshot!(faults("[trian]\nepochs = 5\nbatch_size = 3\n"), @r#"test.toml:1: trian: unknown table; did you mean `train`? (from file)"#);
}

#[test]
fn a_key_that_resembles_nothing_gets_no_suggestion() {
    assert_snapshot!(faults("zzz = 1\n"), @r#"test.toml:1: zzz: unknown key (from file)"#);
}

#[test]
fn a_wrong_type_is_told_with_what_was_found_and_what_is_expected() {
    let text = "name = 3\n[data]\nimages = \"many\"\ndataset = 1\n[train]\nshuffle = 1\nepochs = 2.0\n[optimizer]\nlr = true\n[model]\nhidden = \"big\"\n[record]\ngrid_rows = 1979-05-27\n";
    assert_snapshot!(faults(text), @r#"
    test.toml:1: name: found an integer `3`; expected a string of 1 to 100 characters on one line (from file)
    test.toml:3: data.images: found a string `"many"`; expected an integer from 0 to 100000000 (from file)
    test.toml:4: data.dataset: found an integer `1`; expected one of "mnist", "fashion-mnist", "kmnist", "emnist-digits", "emnist-letters", "emnist-balanced", "cifar10", "strokes", "idx", "folder" (from file)
    test.toml:6: train.shuffle: found an integer `1`; expected `true` or `false` (from file)
    test.toml:7: train.epochs: found a number `2.0`; expected an integer from 1 to 100000 (from file)
    test.toml:9: optimizer.lr: found a boolean `true`; expected a number above 0, at most 1000 (from file)
    test.toml:11: model.hidden: found a string `"big"`; expected a list of 1 to 16 widths from 1 to 8192, or one width for every layer (from file)
    test.toml:13: record.grid_rows: found a date `1979-05-27`; expected an integer from 1 to 400 (from file)
    "#);
}

#[test]
fn a_table_for_a_value_and_a_value_for_a_table_are_wrong_types() {
    assert_snapshot!(faults("train = 5\nsweep = { grid = 3 }\n[data.images]\nn = 1\n"), @r#"
    test.toml:1: train: found an integer `5`; expected a table of keys (from file)
    test.toml:2: sweep.grid: found an integer `3`; expected a table of keys (from file)
    test.toml:3: data.images: found a table; expected an integer from 0 to 100000000 (what is to be swept stands in `[sweep.grid]`) (from file)
    "#);
}

#[test]
fn a_list_outside_of_the_sweep_is_told_where_to_stand() {
    assert_snapshot!(faults("optimizer.lr = [1e-4, 1e-3]\n"), @r#"test.toml:1: optimizer.lr: found a list `[1e-4, 1e-3]`; expected a number above 0, at most 1000 (what is to be swept stands in `[sweep.grid]`) (from file)"#);
}

#[test]
fn values_out_of_range_are_told_with_the_range() {
    let text = "[train]\nepochs = 0\nbatch_size = 65537\n[optimizer]\nlr = 0.0\nbeta1 = 1.0\neps = nan\n[model]\nlatent_dim = -1\nhidden = []\ndropout = 1\n[loss]\nlabel_smoothing = -0.1\n[data]\nimages = 100_000_001\n";
    assert_snapshot!(faults(text), @r#"
    test.toml:2: train.epochs: found `0`; expected an integer from 1 to 100000 (from file)
    test.toml:3: train.batch_size: found `65537`; expected an integer from 1 to 65536 (from file)
    test.toml:5: optimizer.lr: found `0.0`; expected a number above 0, at most 1000 (from file)
    test.toml:6: optimizer.beta1: found `1.0`; expected a number from 0 to below 1 (from file)
    test.toml:7: optimizer.eps: found `nan`; expected a number from 1e-30 to 1 (from file)
    test.toml:9: model.latent_dim: found `-1`; expected an integer from 1 to 4096 (from file)
    test.toml:10: model.hidden: found `[]`; expected a list of 1 to 16 widths from 1 to 8192, or one width for every layer (from file)
    test.toml:11: model.dropout: found `1`; expected a number from 0 to below 1 (from file)
    test.toml:13: loss.label_smoothing: found `-0.1`; expected a number from 0 to below 1 (from file)
    test.toml:15: data.images: found `100_000_001`; expected an integer from 0 to 100000000 (from file)
    "#);
}

#[test]
fn unknown_recipes_and_datasets_list_the_known_ones() {
    assert_snapshot!(faults("recipe = \"jovain\"\n[data]\ndataset = \"minst\"\nfallback = \"stroke\"\n"), @r#"
    test.toml:1: recipe: found `"jovain"`; expected one of "fast", "dcgan", "wgan-gp", "lsgan", "conditional", "dcgan-color", "best-mlp", "best-conv", "realpython", "jovian", "coursera", "udacity"; did you mean `jovian`? (from file)
    test.toml:3: data.dataset: found `"minst"`; expected one of "mnist", "fashion-mnist", "kmnist", "emnist-digits", "emnist-letters", "emnist-balanced", "cifar10", "strokes", "idx", "folder"; did you mean `mnist`? (from file)
    test.toml:4: data.fallback: found `"stroke"`; expected one of "none", "mnist", "fashion-mnist", "kmnist", "emnist-digits", "emnist-letters", "emnist-balanced", "cifar10", "strokes"; did you mean `strokes`? (from file)
    "#);
}

#[test]
fn a_syntax_error_has_a_line_and_a_column() {
    assert_snapshot!(faults("name = \"a\"\n[train\nepochs = 5\n"), @r#"test.toml:2:7: not TOML: unclosed table, expected `]` in `[train` (from file)"#);
}

#[test]
fn several_syntax_errors_are_told_together() {
    assert_snapshot!(faults("name = \n[train]\nepochs = 5\nbatch_size = = 3\n"), @r#"
    test.toml:1:8: not TOML: string values must be quoted, expected literal string in `name =` (from file)
    test.toml:4:14: not TOML: extra `=`, expected nothing in `batch_size = = 3` (from file)
    "#);
}

#[test]
fn the_excerpt_of_a_long_line_shows_the_place_of_a_syntax_error() {
    let layers = "layers = [{ linear = 6272 }, { reshape = [128, 7, 7] }, \"relu\", { conv = 1 kernel = 3 }]";
    assert_snapshot!(faults(&format!("[model.generator]\n{layers}\n")), @r#"test.toml:2:74: not TOML: `}, "relu", { conv = 1 kernel = 3 }]`; expected commas between the keys of a table: `{ a = 1, b = 2 }` (from file)"#);
}

#[test]
fn syntax_of_other_languages_is_recognised() {
    for (text, hint) in [
        ("[optimizer]\nlr = .5\n", "`0.5`"),
        ("[optimizer]\nlr = 5.\n", "`5.0`"),
        ("[train]\nepochs = 05\n", "`5`"),
        ("[train]\nepochs = 00\n", "`0`"),
        ("[train]\nepochs = 5;\n", "no `;`"),
        ("[model]\nconditional = True\n", "`true` or `false`"),
        ("[model]\nconditional = yes # or no\n", "`true` or `false`"),
        ("[penalty]\nkind = None\n", "`\"none\"` in quotes, or no key at all"),
        ("[data]\npath = null\n", "no key at all"),
        ("[data]\npath = C:\\images\n", "`'C:\\images'`"),
        ("[optimizer]\nlr = -.5e-3\n", "`-0.5e-3`"),
        ("[data]\npath = \"C:\\Users\\x\"\n", "single quotes"),
        ("recipe = fast\n", "a string in quotes: `\"fast\"`"),
        ("recipe = \u{201c}fast\u{201d}\n", "straight quotes"),
        ("recipe: fast\n", "`recipe = fast`, with quotes around a string"),
        ("train:\n  epochs = 5\n", "a table: `[train]`"),
        ("{\"recipe\": \"fast\"}\n", "TOML and not JSON"),
        ("[sweep.grid]\n\"optimizer.lr\" = [1e-3 1e-4]\n", "commas between values: `1e-3, 1e-4`"),
        ("[sweep.grid]\n\"optimizer.lr\" = { log = [1e-4, 1e-2] n = 3 }\n", "commas between the keys"),
        ("[model.generator]\nlayers = [\n  { conv = 1 kernel = 3 },\n]\n", "commas between the keys"),
    ] {
        let first = faults(text).lines().next().unwrap_or_default().to_owned();
        assert!(first.contains("not TOML") && first.contains(hint), "{text}: {first}");
    }
    // Nothing is guessed of what is no TOML for another reason.
    for text in [
        "[train\nepochs = 5\n",
        "[train]\nepochs = 1,000\n",
        "[optimizer]\nlr = 0,001\n",
        "[optimizer]\nlr = 1e-3,\n",
        "[optimizer]\nlr = NaN\n",
        "[sweep.grid]\n\"optimizer.lr\" = { log = [1e-4, 1e-2], n = 3\n",
        "[model.generator]\nlayers = [\n  { linear = 128 }\n  { linear = 784 },\n]\n",
        "[model.generator]\nlayers = [ { linear = 128 } { linear = 784 } ]\n",
        "optimizer = { lr: 1e-3, beta1: 0.5 }\n",
        "recipe = fast; [train]\n",
        "recipe = \"fast\" \"slow\"\n",
        "[train]\nepochs = five = 5\n",
        "[optimizer]\nlr = 1e-3 1e-4\n",
    ] {
        let told = faults(text);
        assert!(!told.contains("; expected"), "{text}: {told}");
    }
}

#[test]
fn a_key_given_twice_in_toml_is_a_syntax_error() {
    assert_snapshot!(faults("[train]\nepochs = 5\nepochs = 6\n"), @r#"test.toml:3:1: not TOML: duplicate key in `epochs = 6` (from file)"#);
}

#[test]
fn a_key_given_twice_in_two_spellings_is_a_fault() {
    assert_snapshot!(faults("\"train.epochs\" = 5\n[train]\nepochs = 6\n"), @r#"test.toml:3: train.epochs: given a second time, first at test.toml:1 (from file)"#);
}

#[test]
fn an_empty_axis_is_a_fault() {
    assert_snapshot!(faults("[sweep.grid]\n\"optimizer.lr\" = []\n\"train.epochs\" = { values = [] }\n"), @r#"
    test.toml:2: sweep.grid."optimizer.lr": an axis without values; expected at least one value (from file)
    test.toml:3: sweep.grid."train.epochs": an axis without values; expected at least one value (from file)
    "#);
}

#[test]
fn an_axis_value_out_of_range_has_its_own_line() {
    let text = "[sweep.grid]\n\"optimizer.lr\" = [\n  1e-4,\n  -1,\n  \"x\",\n]\n[sweep.random]\nn = 3\nkeys.\"train.batch_size\" = { integer = [0, 64] }\n";
    assert_snapshot!(faults(text), @r#"
    test.toml:4: sweep.grid."optimizer.lr": found `-1`; expected a number above 0, at most 1000 (from file)
    test.toml:5: sweep.grid."optimizer.lr": found a string `"x"`; expected a number above 0, at most 1000 (from file)
    test.toml:9: sweep.random.keys."train.batch_size".integer: found `0`; expected an integer from 1 to 65536 (from file)
    "#);
}

#[test]
fn two_axes_on_one_key_name_both() {
    let text = "[sweep.grid]\n\"optimizer.lr\" = [1e-4]\n\"optimizer.generator.lr\" = [1e-3]\n[sweep.zip]\n\"optimizer.lr\" = [1e-2]\n[sweep.random]\nn = 1\n[sweep.random.keys]\n\"model.generator.hidden\" = { choice = [1] }\n\"model.hidden\" = { choice = [1] }\n";
    assert_snapshot!(faults(text), @r#"
    test.toml:3: sweep.grid."optimizer.generator.lr": two axes on one key, also swept as `optimizer.lr` at test.toml:2; expected one of them (from file)
    test.toml:5: sweep.zip."optimizer.lr": two axes on one key, also swept as `optimizer.lr` at test.toml:2 (from file)
    test.toml:10: sweep.random.keys."model.hidden": two axes on one key, also swept as `model.generator.hidden` at test.toml:9; expected one of them (from file)
    "#);
}

#[test]
fn axes_on_unknown_keys_and_on_common_ones_are_faults() {
    let text = "[sweep.grid]\n\"optimiser.lr\" = [1e-4]\n\"record.every_steps\" = [1, 2]\n\"sweep.seeds\" = [1, 2]\nseed = [1]\n[sweep.gird]\n\"optimizer.lr\" = [1]\n";
    assert_snapshot!(faults(text), @r#"
    test.toml:2: sweep.grid."optimiser.lr": unknown key; did you mean `optimizer.lr`? (from file)
    test.toml:3: sweep.grid."record.every_steps": cannot be swept, all runs of a sweep have it in common (from file)
    test.toml:4: sweep.grid."sweep.seeds": cannot be swept, all runs of a sweep have it in common (from file)
    test.toml:5: sweep.grid."seed": unknown key; did you mean `sweep.seeds`? (from file)
    test.toml:6: sweep.gird: unknown table; did you mean `sweep.grid`? (from file)
    "#);
}

#[test]
fn malformed_axes_say_what_an_axis_looks_like() {
    let text = "[sweep.grid]\n\"optimizer.lr\" = 1e-4\n\"optimizer.beta1\" = { lin = [0, 1], n = 3 }\n\"optimizer.beta2\" = { linear = [0, 0.5] }\n\"train.epochs\" = { log = [1, 10], n = 1 }\n\"data.dataset\" = { linear = [1, 2], n = 2 }\n\"loss.label_smoothing\" = { log = [0, 0.5], n = 3 }\n\"train.d_steps\" = { linear = [1, 2, 3], n = 2 }\n\"train.batch_size\" = { linear = [1, 2], log = [1, 2], n = 2 }\n";
    assert_snapshot!(faults(text), @r#"
    test.toml:2: sweep.grid."optimizer.lr": found a number `1e-4`; expected a list of values, `{ values = [...] }`, `{ linear = [a, b], n = N }` or `{ log = [a, b], n = N }` (from file)
    test.toml:3: sweep.grid."optimizer.beta1".lin: unknown key; expected a list of values, `{ values = [...] }`, `{ linear = [a, b], n = N }` or `{ log = [a, b], n = N }`; did you mean `linear`? (from file)
    test.toml:4: sweep.grid."optimizer.beta2": found a table `{ linear = [0, 0.5] }`; expected a list of values, `{ values = [...] }`, `{ linear = [a, b], n = N }` or `{ log = [a, b], n = N }` (from file)
    test.toml:5: sweep.grid."train.epochs".n: found `1`; expected an integer from 2 to 10000 (from file)
    test.toml:6: sweep.grid."data.dataset".linear: found `linear`; expected values listed one by one, each one of "mnist", "fashion-mnist", "kmnist", "emnist-digits", "emnist-letters", "emnist-balanced", "cifar10", "strokes", "idx", "folder" (from file)
    test.toml:7: sweep.grid."loss.label_smoothing".log: found `[0, 0.5]`; expected two numbers above 0 (from file)
    test.toml:8: sweep.grid."train.d_steps".linear: found a list `[1, 2, 3]`; expected two numbers, `[a, b]` (from file)
    test.toml:9: sweep.grid."train.batch_size": found a table `{ linear = [1, 2], log = [1, 2], n = 2 }`; expected a list of values, `{ values = [...] }`, `{ linear = [a, b], n = N }` or `{ log = [a, b], n = N }` (from file)
    "#);
}

#[test]
fn malformed_draws_say_what_a_draw_looks_like() {
    let text = "[sweep.random]\nn = 2\n[sweep.random.keys]\n\"optimizer.lr\" = [1e-4]\n\"optimizer.beta1\" = { uniform = [0.9, 0.1] }\n\"train.epochs\" = { uniform = [1, 9] }\n\"optimizer.beta2\" = { integer = [0, 0] }\n\"model.latent\" = { choice = [\"norml\"] }\n\"model.slope\" = { log_uniform = [0, 0.5] }\n";
    assert_snapshot!(faults(text), @r#"
    test.toml:4: sweep.random.keys."optimizer.lr": found a list `[1e-4]`; expected `{ uniform = [a, b] }`, `{ log_uniform = [a, b] }`, `{ integer = [a, b] }`, `{ log_integer = [a, b] }` or `{ choice = [...] }` (from file)
    test.toml:5: sweep.random.keys."optimizer.beta1".uniform: found `[0.9, 0.1]`; expected the lower bound before the upper one (from file)
    test.toml:6: sweep.random.keys."train.epochs".uniform: found `uniform` for an integer from 1 to 100000; expected `integer` or `log_integer` (from file)
    test.toml:7: sweep.random.keys."optimizer.beta2".integer: found `integer` for a number from 0 to below 1; expected `uniform` or `log_uniform` (from file)
    test.toml:8: sweep.random.keys."model.latent": found `"norml"`; expected one of "normal", "uniform"; did you mean `normal`? (from file)
    test.toml:9: sweep.random.keys."model.slope".log_uniform: found `[0, 0.5]`; expected two numbers above 0 (from file)
    "#);
}

#[test]
fn draws_need_a_number_and_a_number_needs_draws() {
    assert_snapshot!(faults("[sweep.random.keys]\n\"optimizer.lr\" = { uniform = [1e-4, 1e-3] }\n"), @r#"test.toml:2: sweep.random.n: missing; expected the number of draws, `n = 20`, in `[sweep.random]`, or a search, `method = "tpe"`, in `[search]` (from file)"#);
    assert_snapshot!(faults("[sweep.random]\nn = 3\n"), @r#"test.toml:2: sweep.random.n: has no effect here; expected keys to draw in `[sweep.random.keys]` (from file)"#);
}

#[test]
fn zipped_axes_have_equal_lengths() {
    assert_snapshot!(faults("[sweep.zip]\n\"optimizer.lr\" = [1e-4, 1e-3]\n\"train.epochs\" = [1, 2, 3]\n"), @r#"test.toml:3: sweep.zip."train.epochs": an axis of 3 values zipped with `optimizer.lr` of 2 at test.toml:2; expected the same number of values (from file)"#);
    assert_snapshot!(faults("[sweep.zip]\n\"optimizer.lr\" = [1e-4, 1e-3]\n\"train.epochs\" = [1]\n"), @r#"test.toml:3: sweep.zip."train.epochs": an axis of 1 values zipped with `optimizer.lr` of 2 at test.toml:2; expected the same number of values (from file)"#);
}

#[test]
fn seeds_are_given_once_each() {
    assert_snapshot!(faults("[sweep]\nseeds = [1, 2, 1]\n"), @r#"test.toml:2: sweep.seeds: seed 1 is listed twice; expected a count from 1 to 10000, or a list of 1 to 10000 different seeds from 0 to 9007199254740991 (from file)"#);
    assert_snapshot!(faults("[sweep]\nseeds = 0\n"), @r#"test.toml:2: sweep.seeds: found `0`; expected a count from 1 to 10000, or a list of 1 to 10000 different seeds from 0 to 9007199254740991 (from file)"#);
    assert_snapshot!(faults("[sweep]\nseeds = []\n"), @r#"test.toml:2: sweep.seeds: found `[]`; expected a count from 1 to 10000, or a list of 1 to 10000 different seeds from 0 to 9007199254740991 (from file)"#);
}

#[test]
fn exclusions_are_checked_like_values() {
    let text = "[sweep.grid]\n\"optimizer.lr\" = [1e-4]\n[[sweep.exclude]]\n[[sweep.exclude]]\noptimizer.lr = \"x\"\nbogus = 1\nseed = -1\n\"record.palette\" = \"gray\"\n";
    assert_snapshot!(faults(text), @r#"
    test.toml:3: sweep.exclude: found a table; expected keys with one value each: a run that has all of them is left out (from file)
    test.toml:5: sweep.exclude."optimizer.lr": found a string `"x"`; expected a number above 0, at most 1000 (from file)
    test.toml:6: sweep.exclude."bogus": unknown key (from file)
    test.toml:7: sweep.exclude."seed": found `-1`; expected an integer from 0 to 9007199254740991 (from file)
    test.toml:8: sweep.exclude."record.palette": cannot be swept, all runs of a sweep have it in common (from file)
    "#);
    assert_snapshot!(faults("[sweep]\nexclude = 3\n"), @r#"test.toml:2: sweep.exclude: found an integer `3`; expected tables, each headed `[[sweep.exclude]]` (from file)"#);
}

#[test]
fn excluding_every_run_is_a_fault() {
    assert_snapshot!(faults("[sweep.grid]\n\"optimizer.lr\" = [1e-4]\n[[sweep.exclude]]\noptimizer.lr = 1e-4\n"), @r#"test.toml:3: sweep.exclude: leaves out every run; expected at least one run to stay"#);
}

#[test]
fn excluding_every_run_seed_by_seed_is_a_fault() {
    let left = "sweep.exclude: leaves out every run; expected at least one run to stay";
    assert_eq!(faults("[[sweep.exclude]]\nseed = 0\n"), format!("test.toml:1: {left}"));
    let by_seed = "[sweep]\nseeds = [3, 5]\n[sweep.grid]\n\"optimizer.lr\" = [1e-4, 1e-3]\n\
                   [[sweep.exclude]]\nseed = 3\n[[sweep.exclude]]\noptimizer.lr = 1e-4\n\
                   [[sweep.exclude]]\noptimizer.lr = 1e-3\nseed = 5\n";
    assert_eq!(faults(by_seed), format!("test.toml:5: {left}"));
}

#[test]
fn ten_thousand_faults_of_a_long_file_are_told_with_their_lines() {
    let rows: String = (0..20_000).map(|_| "  \"x\",\n").collect();
    let told = faults(&format!(
        "[sweep.grid]\n\"optimizer.lr\" = [\n{rows}]\n\"data.images\" = {{ linear = [1001, 9999], n = 8999 }}\n"
    ));
    assert!(told.lines().count() >= 20_000);
    assert!(
        told.contains("test.toml:20002: sweep.grid.\"optimizer.lr\": found a string `\"x\"`"),
        "{}",
        &told[..500]
    );
}

#[test]
fn output_and_pixels_contradict_each_other_where_they_are_given() {
    assert_snapshot!(faults("[model]\noutput = \"sigmoid\"\n"), @r#"test.toml:2: model.output: "sigmoid" cannot reach all pixels of `data.pixels = "signed"`; expected `data.pixels = "unit"`, or `model.output = "tanh"` (from file)"#);
    assert_snapshot!(faults("[data]\npixels = \"unit\"\n"), @r#"test.toml:2: data.pixels: "tanh" cannot reach all pixels of `data.pixels = "unit"`; expected `data.pixels = "signed"`, or `model.output = "sigmoid"` (from file)"#);
    assert_snapshot!(faults("[sweep.grid]\n\"train.epochs\" = [1, 2]\n\"model.output\" = [\"tanh\", \"sigmoid\"]\n"), @r#"test.toml:3: model.output: "sigmoid" cannot reach all pixels of `data.pixels = "signed"` (in 2 of 4 configs); expected `data.pixels = "unit"`, or `model.output = "tanh"` (from file)"#);
}

#[test]
fn a_generator_is_normalised_by_batch_or_by_layer() {
    assert_snapshot!(faults("[model.generator]\nlayer_norm = true\n"), @"test.toml:2: model.generator.layer_norm: the generator's layers are normalised once, by layer or by batch; expected `model.generator.batch_norm = false`, or `model.generator.layer_norm = false` (from file)");
    load("model.layer_norm = true\nmodel.generator.batch_norm = false\n");
}

#[test]
fn a_discriminator_is_normalised_by_batch_or_by_layer() {
    let both = "[model.discriminator]\nlayer_norm = true\nbatch_norm = true\n";
    assert_snapshot!(faults(both), @"test.toml:2: model.discriminator.layer_norm: the discriminator's layers are normalised once, by layer or by batch; expected `model.discriminator.batch_norm = false`, or `model.discriminator.layer_norm = false` (from file)");
}

#[test]
fn spectral_normalisation_goes_with_every_loss() {
    let own = "[model.discriminator]\nspectral_norm = true\n";
    // The norm bounds the slope of the critic, so that its weights need no clipping.
    let critic = load(&format!("{own}[loss]\nkind = \"wasserstein\"\nweight_clip = 1000.0\n"));
    assert_eq!(critic.config.clipped_weights(), None);
    load(&format!("{own}[loss]\nkind = \"wasserstein\"\n[penalty]\nkind = \"wgan-gp\"\n"));
    load("model.spectral_norm = true\nloss.kind = \"hinge\"\n");
    load("model.spectral_norm = true\nmodel.conditional = true\n");
}

#[test]
fn a_dcgan_says_which_images_it_takes() {
    let narrow = |dataset| {
        let DataIdentity { dataset, spec } = at_hand(dataset);
        let image = ImageShape { channels: 1, height: 28, width: 27 };
        DataIdentity { dataset, spec: DatasetSpec { image, ..spec } }
    };
    let told = |text: &str| Plan::new(&load(text), &narrow).unwrap_err().to_string();
    assert_snapshot!(told("model.kind = \"dcgan\"\n"), @r#"test.toml:1: model.generator.kind: mnist has images of 1 x 28 x 27, which "dcgan" does not take; expected images of 1 or 3 channels and square sides that are 4, 5, 6 or 7 doubled at least twice, or `model.kind = "mlp"` (from file)"#);
    assert!(Plan::new(&load("model.kind = \"mlp\"\n"), &narrow).is_ok());
    assert!(Plan::new(&load("model.kind = \"dcgan\"\n"), &at_hand).is_ok());
}

#[test]
fn batch_normalisation_needs_two_images_in_the_last_batch() {
    let alone = faults("[data]\nimages = 1\n");
    assert!(
        alone.contains("the data have one; expected more images, or `model.batch_norm = false`"),
        "{alone}"
    );
    // A dotted key below a table's heading.
    let below = faults("[record]\ngrid_rows = 2\noptimizer.lr = 1e-3\n");
    assert!(
        below.contains("record.optimizer: unknown table; expected `optimizer` above `[record]`"),
        "{below}"
    );
    assert_snapshot!(faults("[data]\nimages = 65\n"), @r#"test.toml:2: data.images: 65 images in batches of 64 end with a batch of one image, too few for batch normalisation; expected another batch size, or `train.drop_last = true` (from file)"#);
    assert_snapshot!(faults("[sweep.grid]\n\"train.batch_size\" = [1, 64]\n"), @r#"test.toml:2: train.batch_size: batch normalisation needs more than one image in a batch (in 1 of 2 configs); expected at least 2, or `model.batch_norm = false` (from file)"#);
}

#[test]
fn an_epoch_has_at_least_one_batch() {
    assert_snapshot!(faults("[data]\nimages = 10\n[train]\nbatch_size = 64\ndrop_last = true\n"), @r#"test.toml:4: train.batch_size: 64 images do not come together from `data.images = 10`; expected a smaller batch, more images, or `train.drop_last = false` (from file)"#);
}

#[test]
fn a_run_takes_no_more_images_than_its_data_has() {
    assert_snapshot!(plan_faults("[data]\nimages = 60_001\n", 60_000), @"test.toml:2: data.images: mnist has 60000 training images, fewer than 60001; expected at most 60000, or 0 for all (from file)");
    assert_snapshot!(plan_faults("[sweep.grid]\n\"data.images\" = [64, 65, 128]\n[model.generator]\nbatch_norm = false\n", 65), @"test.toml:2: data.images: mnist has 65 training images, fewer than 128 (in 1 of 3 configs); expected at most 65, or 0 for all (from file)");
}

#[test]
fn batches_fit_the_images_that_the_data_has() {
    assert_snapshot!(plan_faults("[train]\nd_steps = 5\n", 256), @"test.toml:2: train.d_steps: `train.d_steps = 5` takes more batches than an epoch has, which are 4; expected `train.d_steps` of at most 4, a smaller `train.batch_size`, or more images (from file)");
    assert_snapshot!(plan_faults("", 129), @"recipes/fast.toml:70: train.batch_size: 129 images in batches of 64 end with a batch of one image, too few for batch normalisation; expected another batch size, or `train.drop_last = true` (from recipe fast)");
    assert_snapshot!(plan_faults("[train]\ndrop_last = true\n", 63), @"test.toml:2: train.drop_last: 64 images do not come together from the 63 of the data; expected a smaller batch, more images, or `train.drop_last = false` (from file)");
}

#[test]
fn grids_have_at_most_four_hundred_images_and_statistics_of_more_than_one() {
    assert_snapshot!(faults("[record]\ngrid_rows = 21\ngrid_cols = 20\n"), @r#"test.toml:2: record.grid_rows: a grid of 21 x 20 has 420 images; expected at most 400 (from file)"#);
    assert_snapshot!(faults("[record]\ngrid_rows = 1\ngrid_cols = 1\nsample_mode = \"batch-statistics\"\n"), @r#"test.toml:4: record.sample_mode: a grid of one image has no batch statistics; expected a larger grid, or `record.sample_mode = "eval"` (from file)"#);
}

#[test]
fn a_faulty_value_is_not_blamed_for_contradictions_as_well() {
    assert_snapshot!(faults("[data]\npixels = \"units\"\n[model]\noutput = \"sigmoid\"\n"), @r#"test.toml:2: data.pixels: found `"units"`; expected one of "signed", "unit"; did you mean `unit`? (from file)"#);
    assert_snapshot!(faults("[data]\npixls = \"unit\"\n[model]\noutput = \"sigmoid\"\n"), @r#"test.toml:2: data.pixls: unknown key; did you mean `data.pixels`? (from file)"#);
}

#[test]
fn contradictions_and_faulty_keys_are_told_together() {
    assert_snapshot!(faults("[train]\nepoch = 3\n[model]\noutput = \"sigmoid\"\n"), @r#"
    test.toml:2: train.epoch: unknown key; did you mean `train.epochs`? (from file)
    test.toml:4: model.output: "sigmoid" cannot reach all pixels of `data.pixels = "signed"`; expected `data.pixels = "unit"`, or `model.output = "tanh"` (from file)
    "#);
}

#[test]
fn too_many_runs_are_not_even_counted_out() {
    let axis = |key: &str| format!("\"{key}\" = {{ linear = [0.1, 0.2], n = 10000 }}\n");
    let text = format!("[sweep.grid]\n{}{}", axis("optimizer.beta1"), axis("optimizer.beta2"));
    assert_snapshot!(faults(&text), @r#"test.toml: sweep: 100000000 runs; expected at most 1000000"#);
}

#[test]
fn profiles_are_checked_whether_they_are_asked_for_or_not() {
    let text = "[profile.short]\ntrain.epochs = 0\n[profile.long.trian]\nepochs = 5\n[profile.other.profile.x]\na = 1\n";
    assert_snapshot!(faults(text), @r#"
    test.toml:2: train.epochs: found `0`; expected an integer from 1 to 100000 (from profile short)
    test.toml:3: trian: unknown table; did you mean `train`? (from profile long)
    test.toml:5: profile: unknown table (from profile other)
    "#);
    assert_snapshot!(faults("profile = 3\n"), @r#"test.toml:1: profile: found an integer `3`; expected a table `[profile.NAME]` of keys (from file)"#);
    assert_snapshot!(faults("[profile]\nx = 3\n"), @r#"test.toml:2: profile.x: found an integer `3`; expected a table `[profile.NAME]` of keys (from file)"#);
}

#[test]
fn an_unknown_profile_lists_the_known_ones() {
    let text = "[profile.short]\ntrain.epochs = 1\n[profile.long]\ntrain.epochs = 9\n";
    assert_snapshot!(faults_with(text, &profile("shrt")), @r#"test.toml: profile.shrt: unknown profile; expected one of long, short; did you mean `short`?"#);
    assert_snapshot!(faults_with("", &profile("short")), @r#"test.toml: profile.short: the file has no profiles; expected a table `[profile.short]`"#);
}

#[test]
fn bad_arguments_name_the_argument() {
    let options = sets(&[
        "train.epochs=abc",
        "train.epoch=3",
        "nonsense",
        "=3",
        "sweep.grid.optimizer.lr=[1e-4",
        "data.dataset=3",
    ]);
    assert_snapshot!(faults_with("", &options), @r#"
    --set train.epochs=abc: train.epochs: found a string `abc`; expected an integer from 1 to 100000 (from --set)
    --set train.epoch=3: train.epoch: unknown key; did you mean `train.epochs`? (from --set)
    --set nonsense: no assignment; expected KEY=VALUE, such as `train.epochs=5` (from --set)
    --set =3: no assignment; expected KEY=VALUE, such as `train.epochs=5` (from --set)
    --set sweep.grid.optimizer.lr=[1e-4: sweep.grid."optimizer.lr": found a string `[1e-4`; expected a list of values, `{ values = [...] }`, `{ linear = [a, b], n = N }` or `{ log = [a, b], n = N }` (from --set)
    --set data.dataset=3: data.dataset: found an integer `3`; expected one of "mnist", "fashion-mnist", "kmnist", "emnist-digits", "emnist-letters", "emnist-balanced", "cifar10", "strokes", "idx", "folder" (from --set)
    "#);
}

#[test]
fn bad_variables_name_the_variable() {
    let options = env(&[
        ("GANSWEEP_TRAIN__EPOCHS", "0"),
        ("GANSWEEP_TRAIN__EPOCH", "3"),
        ("GANSWEEP_TRAIN_EPOCHS", "3"),
        ("GANSWEEP_RECIP", "fast"),
        ("GANSWEEP_TRAIN", "3"),
    ]);
    assert_snapshot!(faults_with("", &options), @r#"
    GANSWEEP_TRAIN__EPOCHS: train.epochs: found `0`; expected an integer from 1 to 100000 (from environment)
    GANSWEEP_TRAIN__EPOCH: train.epoch: unknown key; did you mean `train.epochs`? (from environment)
    GANSWEEP_TRAIN_EPOCHS: train_epochs: unknown key; did you mean `GANSWEEP_TRAIN__EPOCHS`? (from environment)
    GANSWEEP_RECIP: recip: unknown key; did you mean `GANSWEEP_RECIPE`? (from environment)
    GANSWEEP_TRAIN: train: found an integer `3`; expected a table of keys (from environment)
    "#);
}

#[test]
fn variables_that_are_neither_keys_nor_the_programs_own_are_refused() {
    let options = env(&[
        ("GANSWEEP_EPOCHS", "3"),
        ("GANSWEEP_SEEDS", "3"),
        ("GANSWEEP_LEARNING_RATE", "1e-3"),
        ("GANSWEEP_RESULT", "out"),
        ("GANSWEEP_DATADIR", "/data"),
        ("GANSWEEP_DATA_SIDE", "32"),
        ("GANSWEEP_WHATEVER", "x"),
    ]);
    assert_snapshot!(faults_with("", &options), @r#"
    GANSWEEP_EPOCHS: epochs: unknown key; did you mean `GANSWEEP_TRAIN__EPOCHS`? (from environment)
    GANSWEEP_SEEDS: seeds: unknown key; did you mean `GANSWEEP_SWEEP__SEEDS`? (from environment)
    GANSWEEP_LEARNING_RATE: learning_rate: unknown key; did you mean `GANSWEEP_OPTIMIZER__LR`? (from environment)
    GANSWEEP_RESULT: result: unknown key; did you mean `GANSWEEP_RESULTS`? (from environment)
    GANSWEEP_DATADIR: datadir: unknown key; did you mean `GANSWEEP_DATA_DIR`? (from environment)
    GANSWEEP_DATA_SIDE: data_side: unknown key; did you mean `GANSWEEP_DATA__SIDE`? (from environment)
    GANSWEEP_WHATEVER: whatever: unknown key; expected a key in capitals, such as `GANSWEEP_TRAIN__EPOCHS`, or one of GANSWEEP_DATA_DIR, GANSWEEP_LIBTORCH_PROGRAM, GANSWEEP_LOG, GANSWEEP_OFFLINE, GANSWEEP_RESULTS (from environment)
    "#);
}

#[test]
fn a_later_layer_cannot_set_a_part_of_an_axis() {
    let options = sets(&["optimizer.generator.lr=1e-3"]);
    assert_snapshot!(faults_with("[sweep.grid]\n\"optimizer.lr\" = [1e-4]\n", &options), @r#"--set optimizer.generator.lr=1e-3: optimizer.generator.lr: a part of `optimizer.lr`, which is swept at test.toml:2; expected a value for `optimizer.lr`, or another axis (from --set)"#);
}

#[test]
fn a_value_beside_an_axis_cannot_set_a_part_of_it() {
    let text = "[optimizer]\ngenerator.lr = 1e-3\n[sweep.grid]\n\"optimizer.lr\" = [1e-4]\n";
    assert_snapshot!(faults(text), @"test.toml:2: optimizer.generator.lr: a part of `optimizer.lr`, which is swept at test.toml:4; expected no value, or axes on the other parts alone (from file)");
    // The other way round, the axis sweeps a part of the value.
    let text = "[optimizer]\nlr = 1e-3\n[sweep.grid]\n\"optimizer.generator.lr\" = [1e-4]\n";
    load(text);
}

#[test]
fn a_file_that_cannot_be_read_is_told_with_the_reason() {
    let missing = std::path::Path::new("no/such/file.toml");
    let fault = gansweep_config::Experiment::load(missing, &sets(&[])).unwrap_err();
    assert_snapshot!(fault, @r#"no/such/file.toml: cannot be read: No such file or directory (os error 2); expected a TOML file of at most 1 MiB in UTF-8"#);
    let folder = tempfile::tempdir().unwrap();
    let latin1 = folder.path().join("latin1.toml");
    std::fs::write(&latin1, b"name = \"\xe9\"\n").unwrap();
    let fault = gansweep_config::Experiment::load(&latin1, &sets(&[])).unwrap_err();
    assert!(fault.to_string().contains("UTF-8"), "{fault}");
}

#[test]
fn images_of_ones_own_need_a_folder() {
    assert_snapshot!(faults("data.dataset = \"idx\"\n"), @r#"test.toml:1: data.dataset: the images of `data.dataset = "idx"` have no folder; expected `data.path = "FOLDER"` beside it (from file)"#);
}

#[test]
fn a_table_of_a_sweep_without_its_beginning_is_told_with_it() {
    let text = "seeds = 3\n[variants.a]\nloss.kind = \"hinge\"\n[variants.b]\n[grid]\n\"optimizer.lr\" = [1e-3]\n[zip]\n\
                \"train.ema\" = [0.5]\n[random.keys]\n[[exclude]]\nvariant = \"a\"\n";
    assert_snapshot!(faults(text), @"
    test.toml:1: seeds: unknown key; did you mean `sweep.seeds`? (from file)
    test.toml:2: variants: unknown table; did you mean `sweep.variants.a`? (from file)
    test.toml:5: grid: unknown table; did you mean `sweep.grid`? (from file)
    test.toml:7: zip: unknown table; did you mean `sweep.zip`? (from file)
    test.toml:9: random: unknown table; did you mean `sweep.random`? (from file)
    test.toml:10: exclude: unknown key; did you mean `sweep.exclude`? (from file)
    ");
    let set = faults_with("", &sets(&["grid.optimizer.lr=[1e-3]"]));
    assert!(set.contains("did you mean `sweep.grid.optimizer.lr`?"), "{set}");
    let inner = faults("[sweep.variants.a.grid]\n\"optimizer.lr\" = [1e-3]\n");
    assert!(!inner.contains("sweep.grid"), "{inner}");
}
