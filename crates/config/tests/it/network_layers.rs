//! Lists of layers: their faults have a line and an index, and equal networks have one id.

use gansweep_config::RunId;
use insta::assert_snapshot;

use crate::common::{faults, load, plan, plan_faults};

/// An experiment whose generator has these layers.
fn generator(layers: &str) -> String {
    format!("[model.generator]\nkind = \"layers\"\nlayers = {layers}\n")
}

#[test]
fn every_faulty_layer_is_told_with_its_line_its_index_and_what_was_meant() {
    let text = generator(
        "[\n  { linear = 6272 },\n  \"batchnorm\",\n  { conv = 8, kernel = 0 },\n  { upsampel = 2 },\n]",
    );
    assert_snapshot!(faults(&text), @r#"
    test.toml:5: model.generator.layers: layer 1: no layer is called `batchnorm`; expected one of `linear`, `conv`, `conv-transpose`, `upsample`, `avg-pool`, `sum-pool`, `residual`, `shortcut`, `attention`, `scale`, `batch-norm`, `layer-norm`, `instance-norm`, `relu`, `leaky-relu`, `silu`, `gelu`, `elu`, `tanh`, `sigmoid`, `dropout`, `reshape`, `flatten`; did you mean `batch-norm`? (from file)
    test.toml:6: model.generator.layers: layer 2: found `kernel = 0` of `conv`; expected `kernel = N`, an integer from 1 to 32 (from file)
    test.toml:7: model.generator.layers: layer 3: no layer is called `upsampel`; expected one of `linear`, `conv`, `conv-transpose`, `upsample`, `avg-pool`, `sum-pool`, `residual`, `shortcut`, `attention`, `scale`, `batch-norm`, `layer-norm`, `instance-norm`, `relu`, `leaky-relu`, `silu`, `gelu`, `elu`, `tanh`, `sigmoid`, `dropout`, `reshape`, `flatten`; did you mean `upsample`? (from file)
    "#);
    assert_snapshot!(faults("[sweep.grid]\n\"model.generator.layers\" = [\n[\"relu\"],\n[\"rleu\"],\n]\n"), @r#"test.toml:4: sweep.grid."model.generator.layers": layer 0: no layer is called `rleu`; expected one of `linear`, `conv`, `conv-transpose`, `upsample`, `avg-pool`, `sum-pool`, `residual`, `shortcut`, `attention`, `scale`, `batch-norm`, `layer-norm`, `instance-norm`, `relu`, `leaky-relu`, `silu`, `gelu`, `elu`, `tanh`, `sigmoid`, `dropout`, `reshape`, `flatten`; did you mean `relu`? (from file)"#);
    assert_snapshot!(faults("[model.generator]\nlayers = \"relu\"\n"), @r#"test.toml:2: model.generator.layers: found a string `"relu"`; expected a list of up to 64 layers, such as `[{ linear = 256 }, "relu", { linear = 512 }]` (from file)"#);
}

#[test]
fn lists_that_end_as_their_loss_or_pixels_do_are_refused() {
    assert_snapshot!(faults(&generator("[{ linear = 784 }, \"tanh\"]")), @"test.toml:3: model.generator.layers: the list ends with `tanh`, and `model.output` is applied to what it gives; expected a list without the last `tanh` (from file)");
    let critic = |loss: &str| {
        format!(
            "[loss]\nkind = \"{loss}\"\n[model.discriminator]\nkind = \"layers\"\nlayers = [\"flatten\", {{ linear = 1 }}, \"sigmoid\"]\n"
        )
    };
    assert_snapshot!(faults(&critic("non-saturating")), @"test.toml:5: model.discriminator.layers: the list ends with `sigmoid`, and the `non-saturating` loss takes a logit, to which it applies the sigmoid itself; expected a list without the last `sigmoid` (from file)");
    // Mao et al. 2017 leave the last activation to the user.
    load(&critic("least-squares"));
}

#[test]
fn layers_that_do_not_fit_are_told_when_the_images_are_known() {
    let small = generator("[{ linear = 9 }, { reshape = [1, 3, 3] }, { conv = 4, kernel = 4 }]");
    assert_snapshot!(plan_faults(&small, 60_000), @r#"test.toml:3: model.generator.layers: layer 2, conv: kernel 4 does not fit 3 x 3; expected layers from 64 numbers to 1 x 28 x 28 (from file)"#);
    assert_snapshot!(plan_faults(&generator("[{ linear = 783 }]"), 60_000), @r#"test.toml:3: model.generator.layers: the last layer gives 783, not 1 x 28 x 28; expected layers from 64 numbers to 1 x 28 x 28 (from file)"#);
    let mixed = generator("[{ linear = 36 }, { reshape = [4, 3, 3] }, { attention = 2 }]");
    assert_snapshot!(plan_faults(&mixed, 60_000), @r#"test.toml:3: model.generator.layers: layer 2, attention: takes 2 channels of queries, 2 of keys and at least one of values, not 4 channels; expected layers from 64 numbers to 1 x 28 x 28 (from file)"#);
    let large = generator(
        "[{ linear = 784 }, { reshape = [1, 28, 28] }, { upsample = 3 }, \"conv 3 kernel 1\", \"attention 1\"]",
    );
    assert_snapshot!(plan_faults(&large, 60_000), @r#"test.toml:3: model.generator.layers: layer 4, attention: 84 x 84 is 7056 pixels, more than 4096; expected layers from 64 numbers to 1 x 28 x 28 (from file)"#);
    let text = "[model.discriminator]\nkind = \"layers\"\nlayers = [{ conv = 8, kernel = 4 }, \"flatten\", { linear = 2 }]\n";
    assert_snapshot!(plan_faults(text, 60_000), @r#"test.toml:3: model.discriminator.layers: the last layer gives 2, not 1; expected layers from 1 x 28 x 28 to 1 number (from file)"#);
}

#[test]
fn the_first_layers_of_a_conditional_model_take_the_class_too() {
    let conditional = |rest: &str| format!("[model]\nconditional = true\n{rest}");
    let generator = generator("[{ reshape = [64, 1, 1] }, { conv-transpose = 1, kernel = 28 }]");
    load(&generator);
    assert_snapshot!(plan_faults(&conditional(&generator), 60_000), @r#"test.toml:5: model.generator.layers: layer 0, reshape: 64 x 1 x 1 is 64 numbers, not 74; expected layers from 74 numbers (64 of the latent vector and 10 of the class) to 1 x 28 x 28 (from file)"#);
    plan(&conditional(&generator.replace("64", "74")));
    let discriminator = |layers: &str, condition: &str| {
        conditional(&format!(
            "[model.discriminator]\nkind = \"layers\"\ncondition = \"{condition}\"\nlayers = [{layers}]\n"
        ))
    };
    let list = "\"flatten\", { reshape = [1, 28, 28] }, \"flatten\", { linear = 1 }";
    plan(&discriminator(list, "projection"));
    assert_snapshot!(plan_faults(&discriminator(list, "concat"), 60_000), @r#"test.toml:6: model.discriminator.layers: layer 1, reshape: 1 x 28 x 28 is 784 numbers, not 1568; expected layers from 2 x 28 x 28 (the image, 1 x 28 x 28, and the class) to 1 number (from file)"#);
    // Whose first layer is no product of rows.
    plan(&discriminator("{ conv = 3, kernel = 4 }, \"flatten\", { linear = 1 }", "concat"));
    let rows = plan(&discriminator("{ linear = 3 }, \"relu\", { linear = 1 }", "concat"));
    assert_eq!(rows.runs[0].config.discriminator_input(&rows.runs[0].spec), [784 + 10]);
}

#[test]
fn a_projection_needs_a_last_linear_layer() {
    let list = |layers: &str| {
        format!(
            "[model]\nconditional = true\n[model.discriminator]\ncondition = \"projection\"\nkind = \"layers\"\nlayers = [{layers}]\n"
        )
    };
    let convolutions = list("{ conv = 1, kernel = 28 }, \"flatten\"");
    assert_snapshot!(faults(&convolutions), @r#"test.toml:4: model.discriminator.condition: a projection multiplies the embedding of the class with the input of the last `linear`, and the list ends with `flatten`; expected a list that ends with `{ linear = 1 }`, or `model.discriminator.condition = "concat"` (from file)"#);
    load(&convolutions.replace("projection", "concat"));
    load(&convolutions.replace("conditional = true", "conditional = false"));
    load(&list("{ linear = 4 }, \"relu\", { linear = 1, bias = false }"));
}

#[test]
fn classes_of_batch_normalisations_need_one() {
    let model = |generator: &str| {
        format!("[model]\nconditional = true\n[model.generator]\ncondition = \"batch-norm\"\n{generator}")
    };
    assert_snapshot!(faults(&model("batch_norm = false\n")), @r#"test.toml:4: model.generator.condition: the generator would know the class by its batch normalisations, and has none; expected `model.generator.batch_norm = true`, or `model.generator.condition = "concat"` (from file)"#);
    let list = model("kind = \"layers\"\nlayers = [{ linear = 784 }]\n");
    assert_snapshot!(faults(&list), @r#"test.toml:4: model.generator.condition: the generator would know the class by its batch normalisations, and has none; expected a list with `batch-norm`, or `model.generator.condition = "concat"` (from file)"#);
    load(&list.replace("conditional = true", "conditional = false"));
    let with_norm = list.replace("{ linear = 784 }", "{ linear = 784 }, \"batch-norm\"");
    let run = &plan(&with_norm).runs[0];
    assert_eq!(run.config.generator_input(&run.spec), [64]);
}

#[test]
fn a_list_and_its_kind_go_together() {
    assert_snapshot!(faults("[model.generator]\nkind = \"layers\"\n"), @r#"test.toml:2: model.generator.kind: `model.generator.kind = "layers"` has no layers; expected `model.generator.layers = [...]`, or another kind (from file)"#);
    assert_snapshot!(faults("[model.generator]\nlayers = [\"relu\"]\n"), @r#"test.toml:2: model.generator.layers: without effect on another kind of network; expected `model.generator.kind = "layers"` beside it (from file)"#);
    let swept = "[model.generator]\nlayers = [{ linear = 784 }]\n[sweep.grid]\n\"model.generator.kind\" = [\"mlp\", \"layers\"]\n";
    assert_eq!(plan(swept).runs.len(), 2);
}

#[test]
fn a_penalty_is_refused_where_a_layer_normalises_the_batch() {
    let text = "[penalty]\nkind = \"r1\"\n[model.discriminator]\nkind = \"layers\"\nlayers = [{ conv = 8, kernel = 4 }, \"batch-norm\", \"flatten\", { linear = 1 }]\n";
    assert_snapshot!(faults(text), @r#"test.toml:2: penalty.kind: a penalty is of each image's gradient, and behind layer 1 of the discriminator, `batch-norm`, its output depends on the other images of the batch; expected a discriminator without `batch-norm`, or `penalty.kind = "none"` (from file)"#);
    load(&text.replace("batch-norm", "relu"));
}

#[test]
fn batches_of_one_are_refused_where_a_list_normalises_batches() {
    let text = "[train]\nbatch_size = 1\n".to_owned() + &generator("[{ linear = 784 }, \"batch-norm\"]");
    assert_snapshot!(faults(&text), @r#"test.toml:2: train.batch_size: batch normalisation needs more than one image in a batch; expected at least 2, or `model.batch_norm = false` (from file)"#);
    load(&("[train]\nbatch_size = 1\n".to_owned() + &generator("[{ linear = 784 }]")));
}

fn ids(text: &str) -> Vec<RunId> {
    plan(text).runs.iter().map(|run| run.id.clone()).collect()
}

#[test]
fn equal_networks_have_one_id_however_they_are_written() {
    let short = ids(&generator("[\"linear 784\", \"relu\", \"dropout\"]"));
    for long in [
        generator("[{ linear = 784 }, { leaky-relu = 0 }, { dropout = 0.5 }]"),
        generator("[\"linear  784\", \"leaky-relu 0.0\", \"dropout 0.5\"]")
            + "batch_norm = false\nslope = 0.7\nhidden = [7]\n",
    ] {
        assert_eq!(ids(&long), short);
    }
    assert_ne!(ids(&generator("[\"linear 784\", \"relu\", \"dropout 0.4\"]")), short);
}
