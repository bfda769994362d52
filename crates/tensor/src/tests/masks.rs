//! Masks of dropout, made on the device.

use super::*;

#[test]
fn the_device_makes_the_masks_of_the_host() {
    let device = test_device().device;
    let mask = |update, layer, batch, features| Mask {
        pass: Pass::DiscriminatorReal,
        update,
        layer,
        batch,
        features,
    };
    let masks = [mask(0, 2, 7, 5), mask(1, 4, 3, 33)];
    let seeds = [11u64, u64::MAX];
    let keys: Vec<_> = seeds
        .iter()
        .flat_map(|&seed| masks.iter().map(move |it| Key::mask(seed, 9, it.update, it.pass, it.layer)))
        .collect();
    let half = |pick: fn((u32, u32)) -> u32| {
        let values: Vec<i32> = keys.iter().map(|key| pick(key.halves()).cast_signed()).collect();
        integers(&values, &device).reshape([2, 2])
    };
    let groups = masks.iter().map(|mask| MaskGroup { rows: mask.batch, features: mask.features }).collect();
    let plan = MaskPlan { masks: masks.to_vec(), groups };
    // By mask and lane: a rate for each lane, then one for each layer too.
    for rates in [[[0.3, 0.5]; 2], [[0.3, 0.5], [0.1, 0.9]]] {
        let of_layer = |layer| rates[usize::from(layer != 2)].to_vec();
        let maker = MaskMaker::new(&plan, of_layer, &device).unwrap();
        let made = maker.make(half(|it| it.0), half(|it| it.1));
        for (index, mask) in masks.iter().enumerate() {
            let mut expected = vec![0.0; 2 * mask.count()];
            for (lane, out) in expected.chunks_mut(mask.count()).enumerate() {
                dropout_mask(keys[lane * 2 + index], rates[index][lane], out);
            }
            assert_eq!(made[index].try_to_vec_as::<f32>().unwrap(), expected);
        }
    }
}
