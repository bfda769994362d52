//! A clear answer to every kind of bad input: what is wrong, where, and the way out.

use insta::assert_snapshot;

use crate::common::{env, faults, faults_with, profile, sets};

#[test]
fn a_misspelt_key_is_told_with_its_line_and_the_right_name() {
    assert_snapshot!(faults("[train]\nepochs = 5\nbatch_sze = 32\n"), @"");
}

#[test]
fn a_key_in_the_wrong_table_is_told_with_the_right_one() {
    assert_snapshot!(faults("lr = 1e-4\n[model.generator]\nlr = 1e-3\n"), @"");
}

#[test]
fn a_misspelt_table_is_one_fault_however_many_keys_it_has() {
    assert_snapshot!(faults("[trian]\nepochs = 5\nbatch_size = 3\n"), @"");
}

#[test]
fn a_key_that_resembles_nothing_gets_no_suggestion() {
    assert_snapshot!(faults("zzz = 1\n"), @"");
}

#[test]
fn a_wrong_type_is_told_with_what_was_found_and_what_is_expected() {
    let text = "name = 3\n[data]\nimages = \"many\"\ndataset = 1\n[train]\nshuffle = 1\nepochs = 2.0\n[optimizer]\nlr = true\n[model]\nhidden = \"big\"\n[record]\ngrid_rows = 1979-05-27\n";
    assert_snapshot!(faults(text), @"");
}

#[test]
fn a_table_for_a_value_and_a_value_for_a_table_are_wrong_types() {
    assert_snapshot!(faults("train = 5\nsweep = { grid = 3 }\n[data.images]\nn = 1\n"), @"");
}

#[test]
fn a_list_outside_of_the_sweep_is_told_where_to_stand() {
    assert_snapshot!(faults("optimizer.lr = [1e-4, 1e-3]\n"), @"");
}

#[test]
fn values_out_of_range_are_told_with_the_range() {
    let text = "[train]\nepochs = 0\nbatch_size = 60001\n[optimizer]\nlr = 0.0\nbeta1 = 1.0\neps = nan\n[model]\nlatent_dim = -1\nhidden = []\ndropout = 1\n[loss]\nlabel_smoothing = -0.1\n[data]\nimages = 60_001\n";
    assert_snapshot!(faults(text), @"");
}

#[test]
fn unknown_recipes_and_datasets_list_the_known_ones() {
    assert_snapshot!(faults("recipe = \"jovain\"\n[data]\ndataset = \"minst\"\nfallback = \"stroke\"\n"), @"");
}

#[test]
fn a_syntax_error_has_a_line_and_a_column() {
    assert_snapshot!(faults("name = \"a\"\n[train\nepochs = 5\n"), @"");
}

#[test]
fn several_syntax_errors_are_told_together() {
    assert_snapshot!(faults("name = \n[train]\nepochs = 5\nbatch_size = = 3\n"), @"");
}

#[test]
fn a_key_given_twice_in_toml_is_a_syntax_error() {
    assert_snapshot!(faults("[train]\nepochs = 5\nepochs = 6\n"), @"");
}

#[test]
fn a_key_given_twice_in_two_spellings_is_a_fault() {
    assert_snapshot!(faults("\"train.epochs\" = 5\n[train]\nepochs = 6\n"), @"");
}

#[test]
fn an_empty_axis_is_a_fault() {
    assert_snapshot!(faults("[sweep.grid]\n\"optimizer.lr\" = []\n\"train.epochs\" = { values = [] }\n"), @"");
}

#[test]
fn an_axis_value_out_of_range_has_its_own_line() {
    let text = "[sweep.grid]\n\"optimizer.lr\" = [\n  1e-4,\n  -1,\n  \"x\",\n]\n[sweep.random]\nn = 3\nkeys.\"train.batch_size\" = { integer = [0, 64] }\n";
    assert_snapshot!(faults(text), @"");
}

#[test]
fn two_axes_on_one_key_name_both() {
    let text = "[sweep.grid]\n\"optimizer.lr\" = [1e-4]\n\"optimizer.generator.lr\" = [1e-3]\n[sweep.zip]\n\"optimizer.lr\" = [1e-2]\n[sweep.random]\nn = 1\n[sweep.random.keys]\n\"model.generator.hidden\" = { choice = [1] }\n\"model.hidden\" = { choice = [1] }\n";
    assert_snapshot!(faults(text), @"");
}

#[test]
fn axes_on_unknown_keys_and_on_common_ones_are_faults() {
    let text = "[sweep.grid]\n\"optimiser.lr\" = [1e-4]\n\"record.every_steps\" = [1, 2]\n\"sweep.seeds\" = [1, 2]\nseed = [1]\n[sweep.gird]\n\"optimizer.lr\" = [1]\n";
    assert_snapshot!(faults(text), @"");
}

#[test]
fn malformed_axes_say_what_an_axis_looks_like() {
    let text = "[sweep.grid]\n\"optimizer.lr\" = 1e-4\n\"optimizer.beta1\" = { lin = [0, 1], n = 3 }\n\"optimizer.beta2\" = { linear = [0, 0.5] }\n\"train.epochs\" = { log = [1, 10], n = 1 }\n\"data.dataset\" = { linear = [1, 2], n = 2 }\n\"loss.label_smoothing\" = { log = [0, 0.5], n = 3 }\n\"train.d_steps\" = { linear = [1, 2, 3], n = 2 }\n\"train.batch_size\" = { linear = [1, 2], log = [1, 2], n = 2 }\n";
    assert_snapshot!(faults(text), @"");
}

#[test]
fn malformed_draws_say_what_a_draw_looks_like() {
    let text = "[sweep.random]\nn = 2\n[sweep.random.keys]\n\"optimizer.lr\" = [1e-4]\n\"optimizer.beta1\" = { uniform = [0.9, 0.1] }\n\"train.epochs\" = { uniform = [1, 9] }\n\"optimizer.beta2\" = { integer = [0, 0] }\n\"model.latent\" = { choice = [\"norml\"] }\n\"model.slope\" = { log_uniform = [0, 0.5] }\n";
    assert_snapshot!(faults(text), @"");
}

#[test]
fn draws_need_a_number_and_a_number_needs_draws() {
    assert_snapshot!(faults("[sweep.random.keys]\n\"optimizer.lr\" = { uniform = [1e-4, 1e-3] }\n"), @"");
    assert_snapshot!(faults("[sweep.random]\nn = 3\n"), @"");
}

#[test]
fn zipped_axes_have_equal_lengths() {
    assert_snapshot!(faults("[sweep.zip]\n\"optimizer.lr\" = [1e-4, 1e-3]\n\"train.epochs\" = [1, 2, 3]\n"), @"");
}

#[test]
fn seeds_are_given_once_each() {
    assert_snapshot!(faults("[sweep]\nseeds = [1, 2, 1]\n"), @"");
    assert_snapshot!(faults("[sweep]\nseeds = 0\n"), @"");
    assert_snapshot!(faults("[sweep]\nseeds = []\n"), @"");
}

#[test]
fn exclusions_are_checked_like_values() {
    let text = "[sweep.grid]\n\"optimizer.lr\" = [1e-4]\n[[sweep.exclude]]\n[[sweep.exclude]]\noptimizer.lr = \"x\"\nbogus = 1\nseed = -1\n\"record.palette\" = \"gray\"\n";
    assert_snapshot!(faults(text), @"");
    assert_snapshot!(faults("[sweep]\nexclude = 3\n"), @"");
}

#[test]
fn excluding_every_run_is_a_fault() {
    assert_snapshot!(faults("[sweep.grid]\n\"optimizer.lr\" = [1e-4]\n[[sweep.exclude]]\noptimizer.lr = 1e-4\n"), @"");
}

#[test]
fn output_and_pixels_contradict_each_other_where_they_are_given() {
    assert_snapshot!(faults("[model]\noutput = \"sigmoid\"\n"), @"");
    assert_snapshot!(faults("[data]\npixels = \"unit\"\n"), @"");
    assert_snapshot!(faults("[sweep.grid]\n\"train.epochs\" = [1, 2]\n\"model.output\" = [\"tanh\", \"sigmoid\"]\n"), @"");
}

#[test]
fn batch_normalisation_needs_two_images_in_the_last_batch() {
    assert_snapshot!(faults("[data]\nimages = 65\n"), @"");
    assert_snapshot!(faults("[sweep.grid]\n\"train.batch_size\" = [1, 64]\n"), @"");
}

#[test]
fn an_epoch_has_at_least_one_batch() {
    assert_snapshot!(faults("[data]\nimages = 10\n[train]\nbatch_size = 64\ndrop_last = true\n"), @"");
}

#[test]
fn grids_have_at_most_four_hundred_images_and_statistics_of_more_than_one() {
    assert_snapshot!(faults("[record]\ngrid_rows = 21\ngrid_cols = 20\n"), @"");
    assert_snapshot!(faults("[record]\ngrid_rows = 1\ngrid_cols = 1\nsample_mode = \"batch-statistics\"\n"), @"");
}

#[test]
fn a_faulty_value_is_not_blamed_for_contradictions_as_well() {
    assert_snapshot!(faults("[data]\npixels = \"units\"\n[model]\noutput = \"sigmoid\"\n"), @"");
    assert_snapshot!(faults("[data]\npixls = \"unit\"\n[model]\noutput = \"sigmoid\"\n"), @"");
}

#[test]
fn contradictions_and_faulty_keys_are_told_together() {
    assert_snapshot!(faults("[train]\nepoch = 3\n[model]\noutput = \"sigmoid\"\n"), @"");
}

#[test]
fn too_many_runs_are_not_even_counted_out() {
    let axis = |key: &str| format!("\"{key}\" = {{ linear = [0.1, 0.2], n = 10000 }}\n");
    let text = format!("[sweep.grid]\n{}{}", axis("optimizer.beta1"), axis("optimizer.beta2"));
    assert_snapshot!(faults(&text), @"");
}

#[test]
fn profiles_are_checked_whether_they_are_asked_for_or_not() {
    let text = "[profile.short]\ntrain.epochs = 0\n[profile.long.trian]\nepochs = 5\n[profile.other.profile.x]\na = 1\n";
    assert_snapshot!(faults(text), @"");
    assert_snapshot!(faults("profile = 3\n"), @"");
    assert_snapshot!(faults("[profile]\nx = 3\n"), @"");
}

#[test]
fn an_unknown_profile_lists_the_known_ones() {
    let text = "[profile.short]\ntrain.epochs = 1\n[profile.long]\ntrain.epochs = 9\n";
    assert_snapshot!(faults_with(text, &profile("shrt")), @"");
    assert_snapshot!(faults_with("", &profile("short")), @"");
}

#[test]
fn bad_arguments_name_the_argument() {
    let options = sets(&["train.epochs=abc", "train.epoch=3", "nonsense", "=3", "sweep.grid.optimizer.lr=[1e-4", "data.dataset=3"]);
    assert_snapshot!(faults_with("", &options), @"");
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
    assert_snapshot!(faults_with("", &options), @"");
}

#[test]
fn a_later_layer_cannot_set_a_part_of_an_axis() {
    let options = sets(&["optimizer.generator.lr=1e-3"]);
    assert_snapshot!(faults_with("[sweep.grid]\n\"optimizer.lr\" = [1e-4]\n", &options), @"");
}

#[test]
fn a_file_that_cannot_be_read_is_told_with_the_reason() {
    let missing = std::path::Path::new("no/such/file.toml");
    let fault = gansweep_experiment::Experiment::load(missing, &sets(&[])).unwrap_err();
    assert_snapshot!(fault, @"");
    let folder = tempfile::tempdir().unwrap();
    let latin1 = folder.path().join("latin1.toml");
    std::fs::write(&latin1, b"name = \"\xe9\"\n").unwrap();
    let fault = gansweep_experiment::Experiment::load(&latin1, &sets(&[])).unwrap_err();
    assert!(fault.to_string().contains("UTF-8"), "{fault}");
}
