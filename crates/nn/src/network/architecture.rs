//! The networks of a config: which layers each kind has.

use gansweep_config::{
    Activation, ConditionKind, Config, DatasetSpec, GeneratorCondition, ImageShape, NetworkKind, Output,
};

use super::{
    BatchNorm, Condition, Conv2d, ConvTranspose2d, Entry, Layer, Linear, Mismatch, Network, Node, Role,
    Unflatten, Window,
};

/// Every convolution of a DCGAN halves or doubles the sides.
const WINDOW: Window = Window { kernel: 4, stride: 2, padding: 1 };

/// What stands between two products: normalisation, activation, dropout.
#[derive(Clone, Copy)]
struct Between {
    norm: Option<Layer>,
    activation: Layer,
    dropout: bool,
}

impl Between {
    fn new([batch_norm, layer_norm]: [bool; 2], activation: Activation, dropout: f64) -> Self {
        let norm = match (batch_norm, layer_norm) {
            (true, _) => Some(Layer::BatchNorm(BatchNorm::default())),
            (false, true) => Some(Layer::LayerNorm),
            (false, false) => None,
        };
        let activation = activation.smooth().map_or(Layer::LeakyRelu, Layer::Smooth);
        Self { norm, activation, dropout: dropout > 0.0 }
    }

    fn layers(self) -> impl Iterator<Item = Layer> {
        let dropout = self.dropout.then_some(Layer::Dropout);
        self.norm.into_iter().chain([self.activation]).chain(dropout)
    }
}

impl Network {
    /// The network of that role in `config`, for that dataset's images and classes.
    ///
    /// # Errors
    ///
    /// If the config's layers do not fit each other or the images.
    pub fn of(role: Role, config: &Config, spec: &DatasetSpec) -> Result<Self, Mismatch> {
        let (network, spectral_norm) = match role {
            Role::Generator => (generator(config, spec)?, config.model.generator.spectral_norm),
            Role::Discriminator => (discriminator(config, spec)?, config.model.discriminator.spectral_norm),
        };
        Ok(Self { init: config.model.init, spectral_norm, ..network })
    }

    /// Generator and discriminator of `config`, for that dataset's images and classes.
    ///
    /// # Errors
    ///
    /// As [`Network::of`].
    pub fn both(config: &Config, spec: &DatasetSpec) -> Result<[Self; 2], Mismatch> {
        let [generator, discriminator] = Role::BOTH.map(|role| Self::of(role, config, spec));
        Ok([generator?, discriminator?])
    }
}

/// `[latent_dim]` to an image; with the embedding of a class, `[latent_dim + embedding]`.
fn generator(config: &Config, spec: &DatasetSpec) -> Result<Network, Mismatch> {
    let (part, image) = (&config.model.generator, spec.image);
    let between = Between::new([part.batch_norm, part.layer_norm], part.activation, part.dropout);
    let mut layers = match part.kind {
        NetworkKind::Mlp => {
            let mut layers = hidden_layers(&part.hidden, between);
            layers.push(linear(image.size()));
            layers
        }
        NetworkKind::Dcgan => dcgan_generator(part.width as usize, between, image)?,
        NetworkKind::Layers => part.layers.iter().map(Layer::from).collect(),
    };
    let classes = spec.classes as usize;
    if config.model.conditional && part.condition == GeneratorCondition::BatchNorm {
        for layer in &mut layers {
            if let Layer::BatchNorm(norm) = layer {
                norm.classes = classes;
            }
        }
    }
    layers.push(match config.model.output {
        Output::Tanh => Layer::Tanh,
        Output::Sigmoid => Layer::Sigmoid,
    });
    let condition = config.model.embeds_class_in_latent().then(|| Condition {
        classes,
        width: config.embedding(spec) as usize,
        entry: Entry::Concat,
    });
    let network = Network::new(Role::Generator, &config.generator_input(spec), layers, image.size())?;
    Ok(Network { condition, ..network })
}

/// An image to one number, the output; of a conditional model, with an embedding of its class.
fn discriminator(config: &Config, spec: &DatasetSpec) -> Result<Network, Mismatch> {
    let (part, image) = (&config.model.discriminator, spec.image);
    let between = Between::new([part.batch_norm, part.layer_norm], part.activation, part.dropout);
    let mut layers = match part.kind {
        NetworkKind::Mlp => hidden_layers(&part.hidden, between),
        NetworkKind::Dcgan => dcgan_discriminator(part.width as usize, between, image)?,
        NetworkKind::Layers => part.layers.iter().map(Layer::from).collect(),
    };
    if part.kind != NetworkKind::Layers {
        layers.push(linear(1));
    }
    let input = config.discriminator_input(spec);
    let network = Network::new(Role::Discriminator, &input, layers, 1)?;
    let (entry, width) = match part.condition {
        ConditionKind::Concat => (Entry::Concat, input.iter().product::<usize>() - image.size()),
        ConditionKind::Projection => (Entry::Projection, network.nodes.last().map_or(0, Node::inputs)),
    };
    let classes = spec.classes as usize;
    let condition = config.model.conditional.then_some(Condition { classes, width, entry });
    Ok(Network { condition, ..network })
}

fn linear(outputs: usize) -> Layer {
    Layer::Linear(Linear { outputs, bias: true })
}

/// A transposed convolution that doubles the sides.
fn transpose(outputs: usize) -> Layer {
    Layer::ConvTranspose2d(ConvTranspose2d { outputs, window: WINDOW, output_padding: 0, bias: true })
}

/// The hidden layers of a multilayer perceptron.
fn hidden_layers(widths: &[u32], between: Between) -> Vec<Layer> {
    let mut layers = Vec::new();
    for &width in widths {
        layers.push(linear(width as usize));
        layers.extend(between.layers());
    }
    layers
}

/// A DCGAN's generator without its output activation (Radford et al. 2016, figure 1): the latent vector
/// becomes the smallest feature map, and each transposed convolution doubles the sides and halves the
/// channels; the last map before the image has `width` of them.
fn dcgan_generator(width: usize, between: Between, image: ImageShape) -> Result<Vec<Layer>, Mismatch> {
    let (base, doublings) = dcgan_sides(Role::Generator, image)?;
    let channels = |level: u32| width << level;
    let smallest = [channels(doublings - 1), base, base];
    let mut layers = vec![linear(smallest.iter().product()), Layer::Unflatten(Unflatten { shape: smallest })];
    layers.extend(between.layers());
    for level in (0..doublings - 1).rev() {
        layers.push(transpose(channels(level)));
        layers.extend(between.layers());
    }
    layers.push(transpose(image.channels as usize));
    Ok(layers)
}

/// A DCGAN's discriminator without its last Linear layer: each convolution halves the sides; the first has
/// `width` channels and no normalisation, and each further one twice as many.
fn dcgan_discriminator(width: usize, between: Between, image: ImageShape) -> Result<Vec<Layer>, Mismatch> {
    let (_, halvings) = dcgan_sides(Role::Discriminator, image)?;
    let mut layers = Vec::new();
    for level in 0..halvings {
        let outputs = width << level;
        layers.push(Layer::Conv2d(Conv2d { outputs, window: WINDOW, bias: true }));
        let between = if level == 0 { Between { norm: None, ..between } } else { between };
        layers.extend(between.layers());
    }
    layers.push(Layer::Flatten);
    Ok(layers)
}

/// The side of the smallest feature map of a DCGAN, and how often it is doubled to that of the image.
fn dcgan_sides(role: Role, image: ImageShape) -> Result<(usize, u32), Mismatch> {
    match image.dcgan_base() {
        Some(base) => Ok((base as usize, (image.height / base).ilog2())),
        None => Err(Mismatch::Image { role, image }),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use gansweep_config::{ClassNames, Experiment, LoadOptions};

    use super::*;

    fn config(sets: &[&str]) -> Config {
        let sets = sets.iter().map(ToString::to_string).collect();
        let options = LoadOptions { sets, ..LoadOptions::default() };
        Experiment::parse(Path::new("test.toml"), "recipe = \"fast\"\n".to_owned(), &options).unwrap().config
    }

    fn spec(image: ImageShape) -> DatasetSpec {
        let fingerprint = "test".to_owned();
        DatasetSpec {
            image,
            classes: 10,
            train_images: 60,
            test_images: 0,
            fingerprint,
            class_names: ClassNames::default(),
        }
    }

    fn image(channels: u32, side: u32) -> ImageShape {
        ImageShape { channels, height: side, width: side }
    }

    /// Each layer as PyTorch names it, with the shape of its output.
    fn layers(role: Role, config: &Config, image: ImageShape) -> Vec<String> {
        let network = Network::of(role, config, &spec(image)).unwrap();
        let line = |node: &super::super::Node| {
            let output: Vec<_> = node.output.iter().map(ToString::to_string).collect();
            format!("{} {}", node.layer.describe().name(&node.input), output.join("x"))
        };
        network.nodes.iter().map(line).collect()
    }

    #[test]
    fn a_dcgan_for_28_pixels_starts_from_7_and_halves_its_channels() {
        let config = config(&["model.kind=dcgan", "model.latent_dim=100", "model.dropout=0"]);
        assert_eq!(
            layers(Role::Generator, &config, image(1, 28)),
            [
                "Linear 12544",
                "Unflatten 256x7x7",
                "BatchNorm2d 256x7x7",
                "LeakyReLU 256x7x7",
                "ConvTranspose2d 128x14x14",
                "BatchNorm2d 128x14x14",
                "LeakyReLU 128x14x14",
                "ConvTranspose2d 1x28x28",
                "Tanh 1x28x28",
            ]
        );
        let config = self::config(&["model.kind=dcgan", "model.dropout=0", "model.batch_norm=true"]);
        assert_eq!(
            layers(Role::Discriminator, &config, image(1, 28)),
            [
                "Conv2d 64x14x14",
                "LeakyReLU 64x14x14",
                "Conv2d 128x7x7",
                "BatchNorm2d 128x7x7",
                "LeakyReLU 128x7x7",
                "Flatten 6272",
                "Linear 1",
            ]
        );
    }

    #[test]
    fn a_dcgan_for_64_pixels_has_the_channels_of_the_paper() {
        let config = config(&["model.kind=dcgan"]);
        let channels = |role| {
            let network = Network::of(role, &config, &spec(image(3, 64))).unwrap();
            let maps = network.nodes.iter().filter(|node| {
                matches!(node.layer, Layer::Unflatten(_) | Layer::ConvTranspose2d(_) | Layer::Conv2d(_))
            });
            maps.map(|node| (node.output[0], node.output[1])).collect::<Vec<_>>()
        };
        assert_eq!(channels(Role::Generator), [(1024, 4), (512, 8), (256, 16), (128, 32), (3, 64)]);
        assert_eq!(channels(Role::Discriminator), [(64, 32), (128, 16), (256, 8), (512, 4)]);
    }

    #[test]
    fn a_list_is_the_network_of_its_layers() {
        let layers = "model.generator.layers=['linear 98', 'reshape 2x7x7', 'batch-norm', 'relu', \
                      'conv-transpose 3 kernel 4 stride 2 padding 1', {upsample = 2}, 'dropout', 'conv 1 kernel 3 padding 1']";
        let config = config(&["model.generator.kind=layers", layers]);
        assert_eq!(
            self::layers(Role::Generator, &config, image(1, 28)),
            [
                "Linear 98",
                "Unflatten 2x7x7",
                "BatchNorm2d 2x7x7",
                "LeakyReLU 2x7x7",
                "ConvTranspose2d 3x14x14",
                "Upsample 3x28x28",
                "Dropout 3x28x28",
                "Conv2d 1x28x28",
                "Tanh 1x28x28",
            ]
        );
        let slopes = [3, 0].map(|index| super::super::slope(Role::Generator, &config, index));
        assert_eq!(slopes.map(f64::to_bits), [0; 2]);
        assert_eq!(super::super::rate(Role::Generator, &config, 6).to_bits(), 0.5f64.to_bits());
    }

    #[test]
    fn a_listed_discriminator_takes_images_as_its_first_layer_does() {
        let config = config(&[
            "model.discriminator.kind=layers",
            "model.discriminator.layers=['conv 4 kernel 4 stride 2', 'leaky-relu 0.1', 'flatten', 'linear 1']",
        ]);
        let network = Network::of(Role::Discriminator, &config, &spec(image(3, 28))).unwrap();
        assert_eq!(network.nodes[0].input, [3, 28, 28]);
        assert_eq!(super::super::slope(Role::Discriminator, &config, 1).to_bits(), 0.1f64.to_bits());
        let config =
            self::config(&["model.discriminator.kind=layers", "model.discriminator.layers=['linear 1']"]);
        assert_eq!(
            Network::of(Role::Discriminator, &config, &spec(image(3, 28))).unwrap().nodes[0].input,
            [2352]
        );
    }

    #[test]
    fn an_image_that_a_dcgan_does_not_take_is_named_with_those_that_it_takes() {
        let config = config(&["model.kind=dcgan"]);
        let narrow = ImageShape { channels: 1, height: 28, width: 32 };
        for image in [image(1, 27), image(2, 28), image(1, 36), image(1, 14), image(1, 0), narrow] {
            for role in Role::BOTH {
                let error = Network::of(role, &config, &spec(image)).unwrap_err().to_string();
                assert!(
                    error.contains("doubled at least twice") && error.contains(&image.to_string()),
                    "{error}"
                );
            }
        }
    }

    #[test]
    fn the_initialisation_of_a_dcgan_is_that_of_the_example_in_pytorch() {
        use super::super::Init;
        let config = config(&["model.kind=dcgan", "model.init=dcgan", "model.discriminator.layer_norm=true"]);
        for (role, norm) in
            [(Role::Generator, Init::Normal { mean: 1.0, std: 0.02 }), (Role::Discriminator, Init::One)]
        {
            let network = Network::of(role, &config, &spec(image(1, 28))).unwrap();
            for tensor in network.parameters() {
                let index: usize = tensor.name.split('.').next().unwrap().parse().unwrap();
                let is_norm = matches!(network.nodes[index].layer, Layer::BatchNorm(_) | Layer::LayerNorm);
                match (tensor.name.ends_with("weight"), is_norm) {
                    (true, true) => assert_eq!(tensor.init, norm),
                    (true, false) => assert_eq!(tensor.init, Init::Normal { mean: 0.0, std: 0.02 }),
                    (false, true) => assert_eq!(tensor.init, Init::Zero),
                    (false, false) => assert!(matches!(tensor.init, Init::Uniform { .. })),
                }
            }
        }
    }
}
