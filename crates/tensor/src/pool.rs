//! Reducing the feature maps of all lanes.

use burn::tensor::Tensor;
use gansweep_nn::network::{Pool, PoolKind};

use super::conv::Sides;

/// Maps with sides `from`, `[lanes, channels, images * pixels]`, with the mean or the sum of each square of `factor` pixels along
/// both sides as one pixel.
pub(super) fn reduce(layer: Pool, maps: Tensor<3>, from: Sides) -> Tensor<3> {
    let ([lanes, channels, numbers], factor) = (maps.dims(), layer.factor);
    let all = lanes * channels * numbers / from.pixels();
    let [rows, columns] = [from.height / factor, from.width / factor];
    // What fills no square is left out.
    let whole = maps.reshape([all, from.height, from.width]);
    let whole = whole.narrow(1, 0, rows * factor).narrow(2, 0, columns * factor);
    let squares = whole.reshape([all * rows, factor, columns, factor]);
    let sums = squares.sum_dim(3).sum_dim(1);
    let reduced = match layer.kind {
        PoolKind::Average => sums / (factor * factor) as f32,
        PoolKind::Sum => sums,
    };
    reduced.reshape([lanes, channels, numbers / from.pixels() * rows * columns])
}

#[cfg(test)]
mod tests {
    use burn::tensor::TensorData;

    use super::super::tests::test_device;
    use super::*;

    #[test]
    fn each_square_becomes_its_mean_and_pixels_outside_have_no_gradient() {
        const SHAPE: [usize; 3] = [2, 3, 2 * 5 * 6];
        let device = test_device().device;
        let numbered = |shape: [usize; 3]| {
            let values: Vec<f32> = (0..shape.iter().product::<usize>()).map(|it| it as f32).collect();
            Tensor::<3>::from_data(TensorData::new(values, shape), &device)
        };
        let maps = numbered(SHAPE).autodiff().require_grad();
        let pool = Pool { factor: 2, kind: PoolKind::Average };
        let small = reduce(pool, maps.clone(), Sides { height: 5, width: 6 });
        assert_eq!(small.dims(), [2, 3, 2 * 2 * 3]);
        let mut gradients = (small.clone() * numbered(small.dims())).sum().backward();
        let gradient: Vec<f32> = maps.grad_remove(&mut gradients).unwrap().try_into_vec_as().unwrap();
        let small: Vec<f32> = small.without_autodiff().try_into_vec_as().unwrap();
        for map in 0..2 * 3 * 2 {
            for (y, x) in (0..5).flat_map(|y| (0..6).map(move |x| (y, x))) {
                let square = map * 6 + y / 2 * 3 + x / 2;
                let own = if y < 4 { square as f32 / 4.0 } else { 0.0 };
                assert_eq!(gradient[map * 30 + y * 6 + x].to_bits(), own.to_bits());
                if y < 4 && (y % 2, x % 2) == (0, 0) {
                    // The mean of n, n + 1, n + 6 and n + 7.
                    assert_eq!(small[square].to_bits(), ((map * 30 + y * 6 + x) as f32 + 3.5).to_bits());
                }
            }
        }
    }
}
