//! Constraints between keys: values that are valid each by itself and conflict with each other.

use gansweep_base::text;

use crate::schema;
use crate::{
    ConditionKind, Config, DataIdentity, DataRequest, DiscriminatorConfig, EvaluateEpochs, Experiment,
    GeneratorCondition, GeneratorConfig, ImageShape, LossKind, NetworkKind, NetworkLayer, Output, Pixels,
    RANKING_METRICS, Record, Relativistic, STROKES_SIDES, SampleMode, network_layer,
};

/// The most images of a sample grid: more would make pages and databases unusably large.
const MAX_GRID: u32 = 400;

/// A violated constraint.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Conflict {
    /// The keys in conflict, the one to report first.
    pub(crate) keys: &'static [&'static str],
    /// The values, and why they conflict.
    pub(crate) reason: String,
    /// How to resolve the conflict.
    pub(crate) expected: String,
}

/// The violated constraints of one config of an experiment. Without `data`, those that depend on the
/// dataset's spec are not checked.
pub(crate) fn conflicts(
    config: &Config,
    experiment: &Experiment,
    data: Option<&DataIdentity>,
) -> Vec<Conflict> {
    let record = &experiment.record;
    let images = match config.data.images {
        0 => data.map(|data| data.spec.train_images),
        first => Some(first),
    };
    [
        no_path(config, experiment),
        shape_that_cannot_be_made(config),
        data.and_then(|data| other_shape(config, data)),
        output_and_pixels(config),
        smoothing_without_labels(config),
        differences_without_a_loss(config),
        fake_smoothing_without_labels(config),
        flips_without_labels(config),
        penalty_through_layers(config),
        two_normalisations_of_generator(config),
        two_normalisations_of_discriminator(config),
        classes_without_batch_normalisation(config),
        projection_without_a_last_linear(config),
        data.and_then(|data| condition_without_classes(config, data)),
        data.and_then(|data| no_such_dcgan(config, data)),
        layers_of_generator(config, experiment, data),
        layers_of_discriminator(config, experiment, data),
        data.and_then(|data| too_many_images(config, data)),
        images.and_then(|images| no_full_batch(config, images)),
        data.and_then(|data| more_updates_than_batches(config, data)),
        last_batch_of_one(config, images),
        grid_of_one(config, record),
        large_grid(record),
        figures_that_are_not_recorded(experiment),
        data.and_then(|data| figure_without_classes(experiment, data)),
        figure_of_conditional_models(config, experiment),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// The key is set to 0 by the file or a later layer: without one, pruning and a search turn it on. It is the one to report also
/// where `prune.method` or `search.method` comes from a later layer: its user wants what that asks for.
fn figures_that_are_not_recorded(experiment: &Experiment) -> Option<Conflict> {
    if experiment.record.evaluate_epochs != EvaluateEpochs::Every(0) {
        return None;
    }
    let prune = &experiment.prune;
    let searched = experiment.search.as_ref().map(|search| search.metric.as_str());
    let (metric, of, epochs) = match searched.filter(|metric| RANKING_METRICS.contains(metric)) {
        _ if prune.is_on() => {
            (prune.metric.as_str(), format!("`prune.method = \"{}\"`", prune.method.name()), prune.min_epochs)
        }
        Some(metric) => (metric, "the search".to_owned(), experiment.epochs),
        None => return None,
    };
    Some(Conflict {
        keys: &["record.evaluate_epochs"],
        reason: format!("`record.evaluate_epochs = 0` leaves no `{metric}` for {of} to compare runs by"),
        expected: format!("no `record.evaluate_epochs`, or a number of epochs such as {epochs}"),
    })
}

/// Figures of the classes that a classifier finds in images.
const CLASS_FIGURES: [&str; 3] = ["score", "modes", "class_kl"];

/// Runs on images of one class have no such figure, so that a pruner or a search would compare nothing.
fn figure_without_classes(experiment: &Experiment, data: &DataIdentity) -> Option<Conflict> {
    let is_of_classes = |metric: &&str| CLASS_FIGURES.contains(metric);
    let pruned = Some(experiment.prune.metric.as_str()).filter(|_| experiment.prune.is_on());
    let searched = experiment.search.as_ref().map(|search| search.metric.as_str());
    let keys: [(Option<&str>, &[&str]); 2] =
        [(pruned, &["prune.metric", "data.dataset"]), (searched, &["search.metric", "data.dataset"])];
    let (metric, keys) =
        keys.into_iter().find_map(|(metric, keys)| Some((metric.filter(is_of_classes)?, keys)))?;
    (data.spec.classes < 2).then(|| Conflict {
        keys,
        reason: format!(
            "`{metric}` is computed from classes, and the images of {} have no labels, or all the same one",
            data.dataset.name()
        ),
        expected: "a figure that needs none, such as `fd`".to_owned(),
    })
}

/// Figures of the images that are drawn for a class.
const CONDITIONAL_FIGURES: [&str; 2] = ["class_fd", "class_accuracy"];

/// A run without conditions never has such a figure.
fn figure_of_conditional_models(config: &Config, experiment: &Experiment) -> Option<Conflict> {
    let pruned = Some(experiment.prune.metric.as_str()).filter(|_| experiment.prune.is_on());
    let searched = experiment.search.as_ref().map(|search| search.metric.as_str());
    let best = Some(experiment.record.best.as_str());
    let keys: [(Option<&str>, &[&str]); 3] = [
        (pruned, &["prune.metric", "model.conditional"]),
        (searched, &["search.metric", "model.conditional"]),
        (best, &["record.best", "model.conditional"]),
    ];
    let is_conditional = |metric: &&str| CONDITIONAL_FIGURES.contains(metric);
    let (metric, keys) =
        keys.into_iter().find_map(|(metric, keys)| Some((metric.filter(is_conditional)?, keys)))?;
    (!config.model.conditional).then(|| Conflict {
        keys,
        reason: format!("`{metric}` is of images that are drawn for a class, which a model that knows no classes does not do"),
        expected: "`model.conditional = true`, or another figure such as `fd`".to_owned(),
    })
}

/// An update of the generator would follow fewer updates of the discriminator than the key says, in every step.
fn more_updates_than_batches(config: &Config, data: &DataIdentity) -> Option<Conflict> {
    let (updates, batches) = (config.train.d_steps, config.batches_per_epoch(&data.spec));
    // An epoch without a full batch is a conflict of its own.
    (updates > batches && batches > 0).then(|| Conflict {
        keys: &["train.d_steps", "train.batch_size", "data.images"],
        reason: format!(
            "`train.d_steps = {updates}` takes more batches than an epoch has, which are {batches}"
        ),
        expected: format!(
            "`train.d_steps` of at most {batches}, a smaller `train.batch_size`, or more images"
        ),
    })
}

fn no_path(config: &Config, experiment: &Experiment) -> Option<Conflict> {
    (config.data.dataset.is_own() && experiment.data_path.is_none()).then(|| Conflict {
        keys: &["data.dataset", "data.path"],
        reason: format!("the images of `data.dataset = \"{}\"` have no folder", config.data.dataset.name()),
        expected: "`data.path = \"FOLDER\"` beside it".to_owned(),
    })
}

fn shape_that_cannot_be_made(config: &Config) -> Option<Conflict> {
    let asked = DataRequest::from(&config.data);
    let shape = asked.shape().filter(|&shape| !asked.dataset.can_have(shape))?;
    let sides = STROKES_SIDES.map(|side| side.to_string()).join(", ");
    Some(Conflict {
        keys: &["data.side", "data.dataset"],
        reason: format!(
            "{} cannot be drawn with {} x {} pixels",
            asked.dataset.name(),
            shape.height,
            shape.width
        ),
        expected: format!("one of {sides}, or 0 for {}", STROKES_SIDES[0]),
    })
}

/// A dataset of files has the shape that its files have. The key is not ignored there, since a user who sets
/// it would believe that the images are resized.
fn other_shape(config: &Config, data: &DataIdentity) -> Option<Conflict> {
    let (asked, has) = (DataRequest::from(&config.data), data.spec.image);
    // A fallback is chosen to have the shape of what it replaces.
    if asked.dataset != data.dataset || asked.agrees_with(has) {
        return None;
    }
    Some(Conflict {
        keys: &["data.side", "data.channels", "data.dataset"],
        reason: format!(
            "the images of {} have {} x {} pixels and {}",
            asked.dataset.name(),
            has.height,
            has.width,
            text::count(has.channels as usize, "channel")
        ),
        expected: "neither `data.side` nor `data.channels`: they are for datasets that are made in a shape, \
                   `strokes` and `folder`"
            .to_owned(),
    })
}

fn output_and_pixels(config: &Config) -> Option<Conflict> {
    let (output, pixels, right_pixels, right_output) = match (config.model.output, config.data.pixels) {
        (Output::Tanh, Pixels::Unit) => ("tanh", "unit", "signed", "sigmoid"),
        (Output::Sigmoid, Pixels::Signed) => ("sigmoid", "signed", "unit", "tanh"),
        (Output::Tanh, Pixels::Signed) | (Output::Sigmoid, Pixels::Unit) => return None,
    };
    Some(Conflict {
        keys: &["model.output", "data.pixels"],
        reason: format!("\"{output}\" cannot reach all pixels of `data.pixels = \"{pixels}\"`"),
        expected: format!("`data.pixels = \"{right_pixels}\"`, or `model.output = \"{right_output}\"`"),
    })
}

fn two_normalisations_of_generator(config: &Config) -> Option<Conflict> {
    let generator = &config.model.generator;
    let has_both = generator.kind != NetworkKind::Layers && generator.batch_norm && generator.layer_norm;
    has_both.then(|| Conflict {
        keys: &["model.generator.layer_norm", "model.generator.batch_norm"],
        reason: "the generator's layers are normalised once, by layer or by batch".to_owned(),
        expected: "`model.generator.batch_norm = false`, or `model.generator.layer_norm = false`".to_owned(),
    })
}

fn two_normalisations_of_discriminator(config: &Config) -> Option<Conflict> {
    let discriminator = &config.model.discriminator;
    let has_both =
        discriminator.kind != NetworkKind::Layers && discriminator.batch_norm && discriminator.layer_norm;
    has_both.then(|| Conflict {
        keys: &["model.discriminator.layer_norm", "model.discriminator.batch_norm"],
        reason: "the discriminator's layers are normalised once, by layer or by batch".to_owned(),
        expected: "`model.discriminator.batch_norm = false`, or `model.discriminator.layer_norm = false`"
            .to_owned(),
    })
}

fn classes_without_batch_normalisation(config: &Config) -> Option<Conflict> {
    let generator = &config.model.generator;
    let is_by_norm = config.model.conditional && generator.condition == GeneratorCondition::BatchNorm;
    (is_by_norm && !generator.normalises_batches()).then(|| Conflict {
        keys: &["model.generator.condition", "model.generator.batch_norm", "model.generator.layers"],
        reason: "the generator would know the class by its batch normalisations, and has none".to_owned(),
        expected: match generator.kind {
            NetworkKind::Layers => "a list with `batch-norm`, or `model.generator.condition = \"concat\"`",
            NetworkKind::Mlp | NetworkKind::Dcgan => {
                "`model.generator.batch_norm = true`, or `model.generator.condition = \"concat\"`"
            }
        }
        .to_owned(),
    })
}

/// The other kinds end with a Linear layer.
fn projection_without_a_last_linear(config: &Config) -> Option<Conflict> {
    let DiscriminatorConfig { kind, condition, layers, .. } = &config.model.discriminator;
    let is_projection = config.model.conditional && *condition == ConditionKind::Projection;
    let last = layers.last().filter(|_| is_projection && *kind == NetworkKind::Layers)?;
    (!matches!(last, NetworkLayer::Linear { .. })).then(|| Conflict {
        keys: &["model.discriminator.condition", "model.discriminator.layers"],
        reason: format!(
            "a projection multiplies the embedding of the class with the input of the last `linear`, and the list ends \
             with `{}`",
            last.name()
        ),
        expected: "a list that ends with `{ linear = 1 }`, or `model.discriminator.condition = \"concat\"`"
            .to_owned(),
    })
}

fn condition_without_classes(config: &Config, data: &DataIdentity) -> Option<Conflict> {
    (config.model.conditional && data.spec.classes < 2).then(|| Conflict {
        keys: &["model.conditional", "data.dataset"],
        reason: format!(
            "the images of {} have no labels, or all the same one, so that there is no class to ask for",
            data.dataset.name()
        ),
        expected: "`model.conditional = false`, or a dataset with labels of two classes or more".to_owned(),
    })
}

fn no_such_dcgan(config: &Config, data: &DataIdentity) -> Option<Conflict> {
    let kinds = [config.model.generator.kind, config.model.discriminator.kind];
    if data.spec.image.dcgan_base().is_some() || !kinds.contains(&NetworkKind::Dcgan) {
        return None;
    }
    Some(Conflict {
        keys: &["model.generator.kind", "model.discriminator.kind", "data.dataset"],
        reason: format!(
            "{} has images of {}, which \"dcgan\" does not take",
            data.dataset.name(),
            data.spec.image
        ),
        expected: format!("images of {}, or `model.kind = \"mlp\"`", ImageShape::DCGAN_IMAGES),
    })
}

fn smoothing_without_labels(config: &Config) -> Option<Conflict> {
    let reason = config.loss.kind.refuses_label_smoothing().filter(|_| config.loss.label_smoothing > 0.0)?;
    Some(Conflict {
        keys: &["loss.label_smoothing", "loss.kind"],
        reason: format!("`loss.kind = \"{}\"` {reason}", config.loss.kind.name()),
        expected: "`loss.label_smoothing = 0`, or another loss".to_owned(),
    })
}

fn fake_smoothing_without_labels(config: &Config) -> Option<Conflict> {
    let loss = &config.loss;
    if loss.fake_label_smoothing == 0.0 {
        return None;
    }
    if loss.relativistic == Relativistic::Paired {
        return Some(Conflict {
            keys: &["loss.fake_label_smoothing", "loss.relativistic"],
            reason: "a pair has one label, which `loss.label_smoothing` smooths".to_owned(),
            expected: "`loss.fake_label_smoothing = 0`, or `loss.relativistic = \"average\"`".to_owned(),
        });
    }
    let reason = loss.kind.refuses_label_smoothing()?;
    Some(Conflict {
        keys: &["loss.fake_label_smoothing", "loss.kind"],
        reason: format!("`loss.kind = \"{}\"` {reason}", loss.kind.name()),
        expected: "`loss.fake_label_smoothing = 0`, or another loss".to_owned(),
    })
}

fn flips_without_labels(config: &Config) -> Option<Conflict> {
    (config.loss.label_flip > 0.0 && config.loss.kind == LossKind::Wasserstein).then(|| Conflict {
        keys: &["loss.label_flip", "loss.kind"],
        reason: "`loss.kind = \"wasserstein\"` has no labels to flip: outputs have no target".to_owned(),
        expected: "`loss.label_flip = 0`, or another loss".to_owned(),
    })
}

fn differences_without_a_loss(config: &Config) -> Option<Conflict> {
    let loss = &config.loss;
    let reason = loss.kind.refuses_differences().filter(|_| loss.relativistic != Relativistic::None)?;
    Some(Conflict {
        keys: &["loss.relativistic", "loss.kind"],
        reason: format!("`loss.kind = \"{}\"` {reason}", loss.kind.name()),
        expected: "`loss.relativistic = \"none\"`, or the loss `non-saturating`, `least-squares` or `hinge`"
            .to_owned(),
    })
}

/// Where a batch is normalised, the outputs for one image depend on the others, so that the gradient that a penalty is of is
/// not defined (Gulrajani et al. 2017, section 4).
fn penalty_through_layers(config: &Config) -> Option<Conflict> {
    let discriminator = &config.model.discriminator;
    if !config.penalty.exists() {
        return None;
    }
    if discriminator.kind == NetworkKind::Layers {
        return penalty_through_listed_layers(&discriminator.layers);
    }
    discriminator.batch_norm.then(|| Conflict {
        keys: &["penalty.kind", "model.discriminator.batch_norm"],
        reason: "a penalty is of each image's gradient, and with the discriminator's `batch_norm` its output depends on the other images of the batch".to_owned(),
        expected: "`model.discriminator.batch_norm = false`, or `penalty.kind = \"none\"`".to_owned(),
    })
}

fn penalty_through_listed_layers(layers: &[NetworkLayer]) -> Option<Conflict> {
    let index = layers.iter().position(|layer| *layer == NetworkLayer::BatchNorm)?;
    Some(Conflict {
        keys: &["penalty.kind", "model.discriminator.layers"],
        reason: format!(
            "a penalty is of each image's gradient, and behind layer {index} of the discriminator, `batch-norm`, its \
             output depends on the other images of the batch"
        ),
        expected: "a discriminator without `batch-norm`, or `penalty.kind = \"none\"`".to_owned(),
    })
}

fn layers_of_generator(
    config: &Config,
    experiment: &Experiment,
    data: Option<&DataIdentity>,
) -> Option<Conflict> {
    const KEYS: &[&str] = &["model.generator.layers"];
    const KIND: &[&str; 2] = &["model.generator.kind", "model.generator.layers"];
    let GeneratorConfig { kind, layers, .. } = &config.model.generator;
    if let Some(conflict) = list_and_kind(KIND, *kind, layers, experiment) {
        return Some(conflict);
    }
    if *kind == NetworkKind::Layers
        && let Some(name) = ends_bounded(layers)
    {
        return Some(Conflict {
            keys: &["model.generator.layers", "model.output"],
            reason: format!("the list ends with `{name}`, and `model.output` is applied to what it gives"),
            expected: format!("a list without the last `{name}`"),
        });
    }
    let spec = &data?.spec;
    (*kind == NetworkKind::Layers)
        .then(|| network_layer::check(layers, &config.generator_input(spec), &spec.image.shape()))?
        .err()
        .map(|reason| Conflict {
            keys: KEYS,
            reason,
            expected: match config.model.embeds_class_in_latent() {
                true => format!(
                    "layers from {} numbers ({} of the latent vector and {} of the class) to {}",
                    network_layer::shown(&config.generator_input(spec)),
                    config.model.latent_dim,
                    config.embedding(spec),
                    spec.image
                ),
                false => format!("layers from {} numbers to {}", config.model.latent_dim, spec.image),
            },
        })
}

fn layers_of_discriminator(
    config: &Config,
    experiment: &Experiment,
    data: Option<&DataIdentity>,
) -> Option<Conflict> {
    const KEYS: &[&str] = &["model.discriminator.layers"];
    const KIND: &[&str; 2] = &["model.discriminator.kind", "model.discriminator.layers"];
    let DiscriminatorConfig { kind, layers, .. } = &config.model.discriminator;
    if let Some(conflict) = list_and_kind(KIND, *kind, layers, experiment) {
        return Some(conflict);
    }
    if *kind == NetworkKind::Layers
        && matches!(config.loss.kind, LossKind::Minimax | LossKind::NonSaturating)
        && let Some(name) = ends_bounded(layers)
    {
        return Some(Conflict {
            keys: &["model.discriminator.layers", "loss.kind"],
            reason: format!(
                "the list ends with `{name}`, and the `{}` loss takes a logit, to which it applies the sigmoid itself",
                config.loss.kind.name()
            ),
            expected: format!("a list without the last `{name}`"),
        });
    }
    let spec = &data?.spec;
    (*kind == NetworkKind::Layers)
        .then(|| network_layer::check(layers, &config.discriminator_input(spec), &[1]))?
        .err()
        .map(|reason| Conflict {
            keys: KEYS,
            reason,
            expected: match config.model.embeds_class_in_image() {
                true => format!(
                    "layers from {} (the image, {}, and the class) to 1 number",
                    network_layer::shown(&config.discriminator_input(spec)),
                    spec.image
                ),
                false => format!("layers from {} to 1 number", spec.image),
            },
        })
}

/// The last layer, if its output is bounded, as networks end that are written down with their loss or their pixels in mind.
fn ends_bounded(layers: &[NetworkLayer]) -> Option<&'static str> {
    let last = layers.last()?;
    matches!(last, NetworkLayer::Tanh | NetworkLayer::Sigmoid).then(|| last.name())
}

/// A list has no effect on another kind of network. Where kinds are swept, one of them has it.
fn list_and_kind(
    keys: &'static [&'static str; 2],
    kind: NetworkKind,
    layers: &[NetworkLayer],
    experiment: &Experiment,
) -> Option<Conflict> {
    let [kind_key, list] = *keys;
    match (kind, layers.is_empty()) {
        (NetworkKind::Layers, true) => Some(Conflict {
            keys,
            reason: format!("`{kind_key} = \"layers\"` has no layers"),
            expected: format!("`{list} = [...]`, or another kind"),
        }),
        (NetworkKind::Mlp | NetworkKind::Dcgan, false) => {
            let is_swept = schema::find(kind_key).is_some_and(|key| experiment.sweep.decides(key));
            (!is_swept).then(|| Conflict {
                keys: &keys[1..],
                reason: "without effect on another kind of network".to_owned(),
                expected: format!("`{kind_key} = \"layers\"` beside it"),
            })
        }
        _ => None,
    }
}

fn too_many_images(config: &Config, data: &DataIdentity) -> Option<Conflict> {
    let (wanted, all) = (config.data.images, data.spec.train_images);
    (wanted > all).then(|| Conflict {
        keys: &["data.images", "data.dataset"],
        reason: format!("{} has {all} training images, fewer than {wanted}", data.dataset.name()),
        expected: format!("at most {all}, or 0 for all"),
    })
}

fn no_full_batch(config: &Config, images: u32) -> Option<Conflict> {
    let batch = config.train.batch_size;
    let from = match config.data.images {
        0 => format!("the {images} of the data"),
        first => format!("`data.images = {first}`"),
    };
    (config.train.images_per_epoch(images) == 0).then(|| Conflict {
        keys: &["train.batch_size", "data.images", "train.drop_last"],
        reason: format!("{batch} images do not come together from {from}"),
        expected: "a smaller batch, more images, or `train.drop_last = false`".to_owned(),
    })
}

/// Batch normalisation divides by the standard deviation of a batch, which is zero for one image.
fn last_batch_of_one(config: &Config, images: Option<u32>) -> Option<Conflict> {
    const KEYS: &[&str] = &[
        "train.batch_size",
        "model.generator.batch_norm",
        "model.discriminator.batch_norm",
        "data.images",
        "train.drop_last",
    ];
    let batch = config.train.batch_size;
    if !config.model.generator.normalises_batches() && !config.model.discriminator.normalises_batches() {
        return None;
    }
    if batch == 1 {
        return Some(Conflict {
            keys: KEYS,
            reason: "batch normalisation needs more than one image in a batch".to_owned(),
            expected: "at least 2, or `model.batch_norm = false`".to_owned(),
        });
    }
    let images = config.train.images_per_epoch(images?);
    if images == 1 {
        return Some(Conflict {
            keys: KEYS,
            reason: "batch normalisation needs more than one image, and the data have one".to_owned(),
            expected: "more images, or `model.batch_norm = false`".to_owned(),
        });
    }
    (images % batch == 1).then(|| Conflict {
        keys: KEYS,
        reason: format!(
            "{images} images in batches of {batch} end with a batch of one image, too few for batch normalisation"
        ),
        expected: "another batch size, or `train.drop_last = true`".to_owned(),
    })
}

fn grid_of_one(config: &Config, record: &Record) -> Option<Conflict> {
    let is_single = record.grid_rows == 1 && record.grid_cols == 1;
    let by_batch =
        record.sample_mode == SampleMode::BatchStatistics && config.model.generator.normalises_batches();
    (is_single && by_batch).then(|| Conflict {
        keys: &["record.sample_mode", "record.grid_rows", "record.grid_cols", "model.generator.batch_norm"],
        reason: "a grid of one image has no batch statistics".to_owned(),
        expected: "a larger grid, or `record.sample_mode = \"eval\"`".to_owned(),
    })
}

fn large_grid(record: &Record) -> Option<Conflict> {
    let images = record.grid_rows * record.grid_cols;
    (images > MAX_GRID).then(|| Conflict {
        keys: &["record.grid_rows", "record.grid_cols"],
        reason: format!("a grid of {} x {} has {images} images", record.grid_rows, record.grid_cols),
        expected: format!("at most {MAX_GRID}"),
    })
}
