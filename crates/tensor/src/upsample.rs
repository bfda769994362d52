//! Enlarging the feature maps of all lanes.

use burn::tensor::Tensor;
use gansweep_nn::network::Upsample;

use super::conv::Sides;

/// Maps with sides `from`, `[lanes, channels, images * pixels]`, with each pixel as `factor` pixels along both sides.
pub(super) fn enlarge(layer: Upsample, maps: Tensor<3>, from: Sides) -> Tensor<3> {
    let ([lanes, channels, numbers], factor) = (maps.dims(), layer.factor);
    // The lines of all images, each to be repeated, and the pixels of a line.
    let lines = lanes * channels * numbers / from.width;
    let copies = maps.reshape([lines, 1, from.width, 1]).expand([lines, factor, from.width, factor]);
    copies.reshape([lanes, channels, numbers * factor * factor])
}

#[cfg(test)]
mod tests {
    use burn::tensor::TensorData;

    use super::super::tests::test_device;
    use super::*;

    #[test]
    fn each_pixel_becomes_a_square_and_its_gradient_is_the_sum_over_it() {
        const SHAPE: [usize; 3] = [2, 3, 2 * 2 * 4];
        let device = test_device().device;
        let numbered = |shape: [usize; 3]| {
            let values: Vec<f32> = (0..shape.iter().product::<usize>()).map(|it| it as f32).collect();
            Tensor::<3>::from_data(TensorData::new(values, shape), &device)
        };
        let maps = numbered(SHAPE).autodiff().require_grad();
        let large = enlarge(Upsample { factor: 3 }, maps.clone(), Sides { height: 2, width: 4 });
        let [lanes, channels, numbers] = large.dims();
        assert_eq!([lanes, channels, numbers], [2, 3, 9 * SHAPE[2]]);
        let mut gradients = (large.clone() * numbered(large.dims())).sum().backward();
        let gradient: Vec<f32> = maps.grad_remove(&mut gradients).unwrap().try_into_vec_as().unwrap();
        let large: Vec<f32> = large.without_autodiff().try_into_vec_as().unwrap();
        for map in 0..2 * 3 * 2 {
            for (y, x) in (0..2).flat_map(|y| (0..4).map(move |x| (y, x))) {
                let source = map * 8 + y * 4 + x;
                let copies = (0..9).map(|copy| map * 72 + (3 * y + copy / 3) * 12 + 3 * x + copy % 3);
                assert_eq!(copies.clone().map(|copy| large[copy]).collect::<Vec<_>>(), [source as f32; 9]);
                assert_eq!(gradient[source].to_bits(), (copies.sum::<usize>() as f32).to_bits());
            }
        }
    }
}
