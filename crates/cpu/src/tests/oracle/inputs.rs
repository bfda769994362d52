//! What the discriminator sees: images with random changes and noise.

use gansweep_config::{ImageShape, Pixels};
use gansweep_nn::rng::{self, Key, Pass, Purpose};

use super::Oracle;
use crate::tests::tape::{Batch, Tape, Var};

impl Oracle {
    /// Inputs of a pass of the discriminator.
    pub(super) fn seen(&self, tape: &mut Tape, rows: &Batch, update: u32, pass: Pass) -> Batch {
        let changed = self.augmented(tape, rows, update, pass);
        self.noisy(tape, &changed, update, pass)
    }

    fn augmented(&self, tape: &mut Tape, rows: &Batch, update: u32, pass: Pass) -> Batch {
        let augment = &self.lane.config.augment;
        if augment.color == 0.0 && augment.translation == 0.0 && augment.cutout == 0.0 {
            return rows.clone();
        }
        let key = Key::new(self.lane.seed, Purpose::Augment, &[self.step, update.into(), pass as u64]);
        let (low, high) = key.halves();
        let fraction = |index| f64::from(rng::hash32(low, high, index) >> 8) / 2f64.powi(24);
        let drawn =
            (0u32..).map(|image| -> [f64; 7] { std::array::from_fn(|i| fraction(7 * image + i as u32)) });
        rows.iter().zip(drawn).map(|(image, drawn)| self.augmented_image(tape, image, drawn)).collect()
    }

    /// `DiffAugment` of one image, with `drawn` for brightness, saturation, contrast, down, right, row and column.
    fn augmented_image(&self, tape: &mut Tape, image: &[Var], drawn: [f64; 7]) -> Vec<Var> {
        let (config, ImageShape { channels, height, width }) = (&self.lane.config, self.lane.spec.image);
        let (scale, grey) = if config.data.pixels == Pixels::Signed { (1.0, 0.0) } else { (0.5, 0.5) };
        let strength = config.augment.color;
        let (channels, pixels) = (channels as usize, (height * width) as usize);
        let brightness = tape.leaf(scale * strength * (drawn[0] - 0.5));
        let mut values: Vec<_> = image.iter().map(|&x| tape.add(x, brightness)).collect();
        for pixel in 0..pixels {
            let own: Vec<_> = (0..channels).map(|channel| values[channel * pixels + pixel]).collect();
            let mean = tape.mean(&own);
            for (channel, value) in own.into_iter().enumerate() {
                values[channel * pixels + pixel] =
                    around(tape, mean, value, 1.0 + strength * (2.0 * drawn[1] - 1.0));
            }
        }
        let mean = tape.mean(&values);
        let values: Vec<_> = values
            .into_iter()
            .map(|value| around(tape, mean, value, 1.0 + strength * (drawn[2] - 0.5)))
            .collect();
        let sides = [height as i32, width as i32];
        let moved = [0, 1].map(|i| {
            let most = (f64::from(sides[i]) * config.augment.translation).round();
            (drawn[3 + i] * (2.0 * most + 1.0)).floor() as i32 - most as i32
        });
        let cut_out = [0, 1].map(|i| {
            let length = (f64::from(sides[i]) * config.augment.cutout + 0.5).floor() as i32;
            let first = (drawn[5 + i] * f64::from(sides[i] + 1 - length % 2)).floor() as i32 - length / 2;
            first..first + length
        });
        let mut seen = Vec::with_capacity(values.len());
        for (channel, row, col) in places(channels, sides) {
            let from = [row - moved[0], col - moved[1]];
            let is_there = (0..sides[0]).contains(&from[0]) && (0..sides[1]).contains(&from[1]);
            let is_cut_out = cut_out[0].contains(&row) && cut_out[1].contains(&col);
            seen.push(if is_there && !is_cut_out {
                values[channel * pixels + (from[0] * sides[1] + from[1]) as usize]
            } else {
                tape.leaf(grey)
            });
        }
        seen
    }

    fn noisy(&self, tape: &mut Tape, rows: &Batch, update: u32, pass: Pass) -> Batch {
        let train = &self.lane.config.train;
        if train.instance_noise == 0.0 {
            return rows.clone();
        }
        let epochs = self.step as f64 / f64::from(self.lane.config.steps_per_epoch(&self.lane.spec));
        let left =
            if train.instance_noise_epochs == 0.0 { 1.0 } else { 1.0 - epochs / train.instance_noise_epochs };
        let deviation = (train.instance_noise * left.max(0.0)) as f32;
        let mut noise = vec![0.0; rows.len() * rows[0].len()];
        rng::instance_noise(self.lane.seed, self.step, update, pass, deviation, &mut noise);
        let add = |(row, noise): (&Vec<Var>, &[f32])| {
            let each = row.iter().zip(noise);
            each.map(|(&x, &noise)| tape.var(x.value + f64::from(noise), [(x, 1.0)])).collect()
        };
        rows.iter().zip(noise.chunks(rows[0].len())).map(add).collect()
    }
}

/// A value whose difference from the mean is multiplied.
fn around(tape: &mut Tape, mean: Var, value: Var, factor: f64) -> Var {
    let (value, mean) = (tape.scale(value, factor), tape.scale(mean, 1.0 - factor));
    tape.add(value, mean)
}

/// Channel, row and column of each number of an image.
fn places(channels: usize, [height, width]: [i32; 2]) -> impl Iterator<Item = (usize, i32, i32)> {
    (0..channels).flat_map(move |channel| {
        (0..height).flat_map(move |row| (0..width).map(move |col| (channel, row, col)))
    })
}
