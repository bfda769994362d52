//! The penalty on the discriminator's input gradient.

use std::collections::BTreeMap;

use gansweep_config::{Latent, PenaltyKind};
use gansweep_nn::network::{self, Layer, Network, Role};
use gansweep_nn::rng::{self, Key, Pass, Purpose};

use super::super::tape::{Batch, Tape, Var, Vars};
use super::Oracle;
use super::input_gradient::input_gradients;

impl Oracle {
    /// The penalty with its factor; and the mean penalty times its weight, and the mean norm. The gradient of the input is
    /// a formula of the weights on the tape, which is differentiated again: no tangents.
    pub(super) fn penalty(
        &self,
        tape: &mut Tape,
        vars: &Vars,
        update: u32,
        [real, fake]: [&Batch; 2],
        [of_real, of_fake]: [&[u16]; 2],
    ) -> Option<(Var, [f64; 2])> {
        let config = &self.lane.config.penalty;
        let number = self.updates[Role::Discriminator as usize];
        if !config.exists() || !number.is_multiple_of(u64::from(config.every)) {
            return None;
        }
        let key = Key::new(self.lane.seed, Purpose::Penalty, &[self.step, u64::from(update)]);
        let value = |rows: &Batch| -> Vec<Vec<f64>> {
            rows.iter().map(|row| row.iter().map(|var| var.value).collect()).collect()
        };
        let (mut between, fakes) = (value(real), value(fake));
        let halves = match config.kind {
            PenaltyKind::None => return None,
            PenaltyKind::WganGp => {
                let mut places = vec![0.0; real.len()];
                rng::fractions(key, &mut places);
                for ((x, g), place) in
                    between.iter_mut().zip(&fakes).zip(places.iter().copied().map(f64::from))
                {
                    x.iter_mut().zip(g).for_each(|(x, g)| *x = place * *x + (1.0 - place) * g);
                }
                vec![(between, of_real, Pass::DiscriminatorInPenalty)]
            }
            PenaltyKind::Dragan => {
                let mut noise = vec![0.0; real.len() * real[0].len()];
                rng::latents(key, Latent::Normal, &mut noise);
                let all = between.iter_mut().flatten().zip(noise);
                all.for_each(|(x, noise)| *x += f64::from(config.noise as f32 * noise));
                vec![(between, of_real, Pass::DiscriminatorInPenalty)]
            }
            PenaltyKind::R1 => vec![(between, of_real, Pass::DiscriminatorReal)],
            PenaltyKind::R2 => vec![(fakes, of_fake, Pass::DiscriminatorFake)],
            PenaltyKind::R1R2 => {
                vec![(between, of_real, Pass::DiscriminatorReal), (fakes, of_fake, Pass::DiscriminatorFake)]
            }
        };
        let (mut terms, mut norms) = (Vec::new(), Vec::new());
        for (points, classes, pass) in &halves {
            for gradient in self.input_gradients(tape, vars, points, classes, (update, *pass)) {
                let square = tape.dot(&gradient, &gradient);
                let norm = square.value.sqrt();
                // Zero at zero, as in PyTorch.
                let slope = if norm == 0.0 { 0.0 } else { 0.5 / norm };
                let norm = tape.var(norm, [(square, slope)]);
                norms.push(norm.value);
                let excess = norm.value - 1.0;
                terms.push(match config.kind {
                    PenaltyKind::WganGp | PenaltyKind::Dragan if config.one_sided && excess < 0.0 => {
                        tape.leaf(0.0)
                    }
                    PenaltyKind::WganGp | PenaltyKind::Dragan => {
                        tape.var(excess * excess, [(norm, 2.0 * excess)])
                    }
                    _ => tape.scale(square, 0.5),
                });
            }
        }
        // The sum of the means over both halves.
        let mean = tape.mean(&terms);
        let penalty = tape.scale(mean, config.weight * halves.len() as f64);
        let factor = tape.scale(penalty, f64::from(config.every));
        Some((factor, [penalty.value, norms.iter().sum::<f64>() / norms.len() as f64]))
    }

    /// The discriminator's gradient with respect to its input at each point.
    fn input_gradients(
        &self,
        tape: &mut Tape,
        vars: &Vars,
        points: &[Vec<f64>],
        classes: &[u16],
        (update, pass): (u32, Pass),
    ) -> Batch {
        let network = Network::of(Role::Discriminator, &self.lane.config, &self.lane.spec).unwrap();
        let config = &self.lane.config;
        let slope = |index| network::slope(Role::Discriminator, config, index);
        let mut masks = BTreeMap::new();
        for (index, node) in network.nodes.iter().enumerate() {
            if node.layer == Layer::Dropout {
                let mut mask = vec![0.0; points.len() * node.inputs()];
                let key = Key::mask(self.lane.seed, self.step, update, pass, index);
                rng::dropout_mask(key, network::rate(Role::Discriminator, config, index), &mut mask);
                masks.insert(index, mask);
            }
        }
        input_gradients(tape, vars, &network, &slope, &masks, points, classes)
    }
}
