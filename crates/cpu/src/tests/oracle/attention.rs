//! Self-attention as a formula of scalars on a tape, and back-propagation through it as another.

use gansweep_nn::network::Attention;

use super::super::tape::{Batch, Tape, Var};

/// The numbers of an image, channel by channel.
struct Image<'a> {
    numbers: &'a [Var],
    pixels: usize,
}

impl Image<'_> {
    fn channel(&self, channel: usize) -> &[Var] {
        &self.numbers[channel * self.pixels..][..self.pixels]
    }

    /// Some channels of a pixel.
    fn pixel(&self, pixel: usize, channels: std::ops::Range<usize>) -> Vec<Var> {
        channels.map(|channel| self.channel(channel)[pixel]).collect()
    }
}

/// The output for maps of that shape, and the weights of each image: for each pixel, those of all.
pub(super) fn attended(
    tape: &mut Tape,
    Attention { width }: Attention,
    input: &[usize],
    rows: &Batch,
) -> (Batch, Vec<Batch>) {
    let (channels, pixels) = (input[0], input[1] * input[2]);
    let (mut out, mut all) = (Batch::new(), Vec::new());
    for numbers in rows {
        let image = Image { numbers, pixels };
        let weights: Batch = (0..pixels)
            .map(|pixel| {
                let query = image.pixel(pixel, 0..width);
                let mut exponentials = Vec::new();
                for other in 0..pixels {
                    let product = tape.dot(&query, &image.pixel(other, width..2 * width));
                    let exponential = (product.value / (width as f64).sqrt()).exp();
                    let derivative = exponential / (width as f64).sqrt();
                    exponentials.push(tape.var(exponential, [(product, derivative)]));
                }
                let mean = tape.mean(&exponentials);
                let sum = mean.value * pixels as f64;
                let inverse = tape.var(1.0 / sum, [(mean, -(pixels as f64) / sum.powi(2))]);
                exponentials.iter().map(|&it| tape.mul(it, inverse)).collect()
            })
            .collect();
        let values = (2 * width..channels).map(|channel| image.channel(channel));
        out.push(
            values.flat_map(|of| weights.iter().map(|own| tape.dot(own, of)).collect::<Vec<_>>()).collect(),
        );
        all.push(weights);
    }
    (out, all)
}

/// The gradient of maps of that shape, from the signals of the output.
pub(super) fn through_attention(
    tape: &mut Tape,
    Attention { width }: Attention,
    input: &[usize],
    (rows, all_weights): (&Batch, &[Batch]),
    signals: &Batch,
) -> Batch {
    let (channels, pixels) = (input[0], input[1] * input[2]);
    let mut out = Batch::new();
    for ((numbers, weights), signal) in rows.iter().zip(all_weights).zip(signals) {
        let (image, signal) = (Image { numbers, pixels }, Image { numbers: signal, pixels });
        let values = 0..channels - 2 * width;
        // Of the products of queries and keys.
        let mut of_products = Batch::new();
        for (pixel, own) in weights.iter().enumerate() {
            let of_pixel = signal.pixel(pixel, values.clone());
            let of_weights: Vec<Var> = (0..pixels)
                .map(|other| tape.dot(&of_pixel, &image.pixel(other, 2 * width..channels)))
                .collect();
            let common = tape.dot(own, &of_weights);
            let row = own.iter().zip(&of_weights).map(|(&weight, &of_weight)| {
                let difference = tape.sub(of_weight, common);
                let product = tape.mul(weight, difference);
                tape.scale(product, 1.0 / (width as f64).sqrt())
            });
            of_products.push(row.collect());
        }
        let column = |of: &Batch, other: usize| of.iter().map(|row| row[other]).collect::<Vec<Var>>();
        let mut before = Vec::new();
        for channel in 0..width {
            let keys = image.channel(width + channel);
            before.extend((0..pixels).map(|pixel| tape.dot(&of_products[pixel], keys)));
        }
        for channel in 0..width {
            let queries = image.channel(channel);
            before.extend((0..pixels).map(|other| tape.dot(&column(&of_products, other), queries)));
        }
        for channel in values {
            let of_channel = signal.channel(channel);
            before.extend((0..pixels).map(|other| tape.dot(&column(weights, other), of_channel)));
        }
        out.push(before);
    }
    out
}
