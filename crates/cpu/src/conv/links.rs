//! Which pixels of the input a product over feature maps multiplies for each pixel of the output.

use gansweep_nn::network::Window;

/// A pixel that a product reads, and the tap whose weights it multiplies it with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Term {
    pub(super) tap: usize,
    pub(super) pixel: usize,
}

/// The terms of one pixel of a product.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Group {
    pub(super) pixel: usize,
    pub(super) terms: Vec<Term>,
}

/// A linear map between feature maps that is the same for all images: each link adds a pixel of the input,
/// multiplied with the weights of one tap, to a pixel of the output.
///
/// A convolution, its transpose, and the Linear layers at the ends of a network of convolutions are such
/// maps. There is no link to the padding, so no time is spent on zeros. The input's gradient is the same map
/// with inputs and outputs exchanged.
#[derive(Debug)]
pub(super) struct Links {
    pub(super) inputs: usize,
    pub(super) outputs: usize,
    pub(super) taps: usize,
    /// For each output pixel, the pixels of the input; those with the same taps follow each other, so that
    /// their weights stay in the cache.
    pub(super) forward: Vec<Group>,
    /// For each input pixel, the pixels of the output.
    pub(super) backward: Vec<Group>,
    /// For each tap, the pixels of input and output that it links.
    pub(super) pairs: Vec<Vec<(usize, usize)>>,
}

/// One link.
struct Link {
    input: usize,
    output: usize,
    tap: usize,
}

impl Links {
    /// A matrix product, pixel by pixel: of one pixel, a Linear layer.
    pub(super) fn pointwise(pixels: usize) -> Self {
        let links = (0..pixels).map(|pixel| Link { input: pixel, output: pixel, tap: 0 });
        Self::new([pixels, pixels, 1], links)
    }

    /// A Linear layer from a row of numbers to a feature map.
    pub(super) fn to_map(pixels: usize) -> Self {
        Self::new([1, pixels, pixels], (0..pixels).map(|pixel| Link { input: 0, output: pixel, tap: pixel }))
    }

    /// A Linear layer from a feature map to a row of numbers.
    pub(super) fn from_map(pixels: usize) -> Self {
        Self::new([pixels, 1, pixels], (0..pixels).map(|pixel| Link { input: pixel, output: 0, tap: pixel }))
    }

    /// A convolution of a map with these sides.
    pub(super) fn convolution(window: Window, input: [usize; 2], output: [usize; 2]) -> Self {
        let sizes = [input[0] * input[1], output[0] * output[1], window.taps()];
        Self::new(sizes, taps(window, input, output))
    }

    /// The transpose of the convolution of a map with the sides `output` to one with the sides `input`.
    pub(super) fn transposed(window: Window, input: [usize; 2], output: [usize; 2]) -> Self {
        let sizes = [input[0] * input[1], output[0] * output[1], window.taps()];
        let exchanged = |Link { input, output, tap }| Link { input: output, output: input, tap };
        Self::new(sizes, taps(window, output, input).map(exchanged))
    }

    fn new([inputs, outputs, taps]: [usize; 3], links: impl Iterator<Item = Link>) -> Self {
        let empty = |count: usize| -> Vec<Group> {
            (0..count).map(|pixel| Group { pixel, terms: Vec::new() }).collect()
        };
        let (mut forward, mut backward) = (empty(outputs), empty(inputs));
        let mut pairs = vec![Vec::new(); taps];
        for Link { input, output, tap } in links {
            forward[output].terms.push(Term { tap, pixel: input });
            backward[input].terms.push(Term { tap, pixel: output });
            pairs[tap].push((input, output));
        }
        for groups in [&mut forward, &mut backward] {
            for group in groups.iter_mut() {
                group.terms.sort_unstable();
            }
            groups.sort_by_cached_key(|group| group.terms.iter().map(|term| term.tap).collect::<Vec<_>>());
        }
        Self { inputs, outputs, taps, forward, backward, pairs }
    }
}

/// The links of a convolution between maps with these sides, rows first.
fn taps(window: Window, input: [usize; 2], output: [usize; 2]) -> impl Iterator<Item = Link> {
    let Window { kernel, stride, padding } = window;
    let along = move |position: usize, tap: usize, side: usize| {
        (position * stride + tap).checked_sub(padding).filter(|&pixel| pixel < side)
    };
    let outputs = (0..output[0]).flat_map(move |y| (0..output[1]).map(move |x| (y, x)));
    outputs.flat_map(move |(y, x)| {
        (0..kernel * kernel).filter_map(move |tap| {
            let row = along(y, tap / kernel, input[0])?;
            let column = along(x, tap % kernel, input[1])?;
            Some(Link { input: row * input[1] + column, output: y * output[1] + x, tap })
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW: Window = Window { kernel: 4, stride: 2, padding: 1 };

    #[test]
    fn a_transposed_convolution_has_the_links_of_the_convolution_the_other_way_round() {
        let (large, small) = ([6, 10], [3, 5]);
        let (there, back) =
            (Links::convolution(WINDOW, large, small), Links::transposed(WINDOW, small, large));
        assert_eq!(there.forward, back.backward);
        assert_eq!(there.backward, back.forward);
        // A row of 5 positions with 4 taps each, of which one lies outside at either end.
        let links: usize = there.pairs.iter().map(Vec::len).sum();
        assert_eq!(links, (5 * 4 - 2) * (3 * 4 - 2));
    }

    #[test]
    fn pixels_with_the_same_taps_follow_each_other() {
        let links = Links::transposed(WINDOW, [7, 7], [14, 14]);
        let taps = |group: &Group| group.terms.iter().map(|term| term.tap).collect::<Vec<_>>();
        let mut sets: Vec<_> = links.forward.iter().map(taps).collect();
        sets.dedup();
        // Inner pixels have one of four sets, by parity; edges and corners have parts of them.
        assert_eq!(sets.len(), 16);
    }
}
