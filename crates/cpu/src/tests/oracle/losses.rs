//! The losses of a batch of outputs.

use gansweep_config::{LossConfig, Relativistic};
use gansweep_nn::loss::{self, Dual, Loss, Score, Targets};

use super::super::tape::{Batch, Tape, Var};

/// What losses are functions of, from the outputs on real images and on fakes.
pub(super) fn compared(tape: &mut Tape, relativistic: Relativistic, outputs: [Batch; 2]) -> [Batch; 2] {
    let columns = outputs.map(|rows| rows.into_iter().flatten().collect::<Vec<_>>());
    let means = columns.each_ref().map(|column| tape.mean(column));
    [0, 1].map(|half| {
        let other = 1 - half;
        let rows = columns[half].iter().zip(&columns[other]);
        rows.map(|(&own, &partner)| {
            vec![match relativistic {
                Relativistic::None => own,
                Relativistic::Paired => tape.sub(own, partner),
                Relativistic::Average => tape.sub(own, means[other]),
            }]
        })
        .collect()
    })
}

/// Which loss, on which images.
pub(super) enum Of {
    Real,
    Fake,
    Generator,
}

/// Means over a batch.
pub(super) struct Judged {
    pub(super) loss: Var,
    pub(super) score: f64,
    pub(super) classified_real: f64,
}

/// The loss of a batch of one output each.
pub(super) struct Judge<'a> {
    pub(super) tape: &'a mut Tape,
    pub(super) loss: &'a LossConfig,
    pub(super) outputs: &'a Batch,
    pub(super) of: Of,
    /// A one for each row that has the label of the other kind.
    pub(super) flips: &'a [f32],
}

impl loss::Visitor for Judge<'_> {
    type Output = Judged;

    fn visit<L: Loss>(self) -> Judged {
        let Targets { real, fake } = L::targets(self.loss);
        let loss = |output: f64, is_flipped: bool| match (&self.of, is_flipped) {
            (Of::Real, false) | (Of::Fake, true) => {
                L::discriminator(Dual::output(output), Dual::constant(real))
            }
            (Of::Fake, false) | (Of::Real, true) => {
                L::discriminator(Dual::output(output), Dual::constant(fake))
            }
            (Of::Generator, _) => L::generator(Dual::output(output)),
        };
        let outputs: Vec<Var> = self.outputs.iter().map(|row| row[0]).collect();
        let mut loss_of = |(row, &output): (usize, &Var)| {
            let is_flipped = self.flips.get(row).is_some_and(|&flip| flip > 0.0);
            let Dual { value, derivative } = loss(output.value, is_flipped);
            self.tape.var(value, [(output, derivative)])
        };
        let losses: Vec<Var> = outputs.iter().enumerate().map(&mut loss_of).collect();
        let mean = |value: &dyn Fn(f64) -> f64| {
            outputs.iter().map(|output| value(output.value)).sum::<f64>() / outputs.len() as f64
        };
        Judged {
            loss: self.tape.mean(&losses),
            score: mean(&|x| match Score::of::<L>(self.loss) {
                Score::Probability => 1.0 / (1.0 + (-x).exp()),
                Score::Output => x,
                Score::Place => f64::midpoint(x, 1.0),
            }),
            classified_real: mean(&|x| f64::from(u8::from(x > Score::of::<L>(self.loss).threshold()))),
        }
    }
}
