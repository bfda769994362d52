//! Generators whose batch normalisations have a weight and a bias for each class.

use gansweep_config::{ConditionKind, Config, GeneratorCondition, InitKind, NetworkKind, SampleMode};
use gansweep_fixtures::config::like_mnist;
use gansweep_nn::network::{Layer, Network, Role};
use gansweep_protocol::SampleSource;
use gansweep_train::{Latents, Trainer};

use super::lists::listed;
use super::{initial, trainer, with};
use crate::net::Form;

fn conditional(condition: ConditionKind, change: impl FnOnce(&mut Config)) -> Config {
    with(|c| {
        (c.model.conditional, c.model.discriminator.condition) = (true, condition);
        (c.model.generator.condition, c.model.generator.batch_norm) = (GeneratorCondition::BatchNorm, true);
        change(c);
    })
}

/// Of each kind of generator, in each of the ways that it is computed.
pub(super) fn class_norms() -> Vec<(&'static str, Config)> {
    let (concat, projection) = (ConditionKind::Concat, ConditionKind::Projection);
    vec![
        ("a perceptron with batch normalisations of classes, a projection", conditional(projection, |_| {})),
        (
            "a perceptron with batch normalisations of classes, dropout, averages, clipped gradients",
            conditional(concat, |c| {
                (c.model.generator.dropout, c.model.init) = (0.2, InitKind::Dcgan);
                (c.train.d_steps, c.train.ema) = (2, 0.9);
                c.optimizer.generator.clip_norm = 0.05;
            }),
        ),
        (
            "a dcgan with batch normalisations of classes, more channels than a panel has columns, averages",
            conditional(projection, |c| {
                (c.model.generator.kind, c.model.discriminator.kind) =
                    (NetworkKind::Dcgan, NetworkKind::Dcgan);
                (c.model.generator.width, c.model.discriminator.width) = (9, 2);
                (c.model.discriminator.spectral_norm, c.train.ema) = (true, 0.9);
            }),
        ),
        (
            "a list with batch normalisations of classes behind products and behind activations",
            conditional(concat, |c| {
                let layers = [
                    "linear 98",
                    "reshape 2x7x7",
                    "batch-norm",
                    "relu",
                    "batch-norm",
                    "conv-transpose 1 kernel 4 stride 4",
                ];
                listed(c, Role::Generator, &layers);
                c.model.discriminator.batch_norm = true;
            }),
        ),
    ]
}

#[test]
fn they_are_computed_in_every_way() {
    let forms = class_norms().into_iter().map(|(_, config)| {
        let [generator, _] = Network::both(&config, &like_mnist()).unwrap();
        Form::of(&generator, &config)
    });
    let expected = [Form::Perceptron, Form::Perceptron, Form::Convolutions, Form::AnyOrder];
    assert_eq!(forms.collect::<Vec<_>>(), expected);
}

/// One latent vector, drawn as two classes.
#[test]
fn fresh_classes_have_the_same_images_and_steps_part_them() {
    let latent: Vec<f32> = (0..7).map(|i| 0.3 * i as f32 - 1.0).collect();
    let latents = Latents { lanes: vec![latent.repeat(2)], classes: vec![4, 7] };
    for (name, config) in class_norms() {
        let mut trainer = trainer(&config, &[3], 1);
        for steps in [0, 2] {
            trainer.advance(steps, false).unwrap();
            let drawn = trainer.sample(&latents, SampleMode::Eval, SampleSource::Raw).unwrap();
            let images = drawn[0].as_ref().unwrap();
            let (first, second) = images.split_at(images.len() / 2);
            // With the initialisation of DCGANs, weights are drawn for each class.
            let is_alike = steps == 0 && config.model.init == InitKind::Pytorch;
            assert_eq!(first == second, is_alike, "{name}, {steps} steps");
        }
    }
}

#[test]
fn weight_and_bias_have_a_row_for_each_class_and_latent_vectors_stand_alone() {
    for (name, config) in class_norms() {
        let [generator, _] = Network::both(&config, &like_mnist()).unwrap();
        assert_eq!((generator.inputs(), generator.condition), (7, None), "{name}");
        let state = initial(&config, 3);
        let norms =
            generator.nodes.iter().enumerate().filter(|(_, node)| matches!(node.layer, Layer::BatchNorm(_)));
        for (index, node) in norms {
            for (tensor, rows) in
                [("weight", &[10][..]), ("bias", &[10]), ("running_mean", &[]), ("running_var", &[])]
            {
                let shape = [rows, &node.input[..1]].concat();
                assert_eq!(state.arrays[&format!("generator.{index}.{tensor}")].shape, shape, "{name}");
            }
        }
    }
}
