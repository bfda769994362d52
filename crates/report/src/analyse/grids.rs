//! Which epochs' sample grids the page includes.

use std::collections::BTreeMap;

use gansweep_protocol::SampleSource;

use crate::ReportOptions;
use crate::context::{Grid, Shades};
use crate::input::{PageBytes, RunInput};

/// With no more than this for all grids, a page can be sent by mail, which is worth more than finer shades.
const MOST_BYTES_TO_SEND: u64 = 10 << 20;

/// With fewer epochs a page does not show how samples came about.
const FEWEST_EPOCHS: usize = 4;

/// The epochs whose grids the page includes.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Shown {
    pub(super) epochs: Vec<u32>,
    pub(super) left_out: usize,
    pub(super) shades: Shades,
}

/// All recorded epochs in the finest shades with which they fit into `max_bytes` of the page and it can be sent by mail;
/// whoever asks for a larger page than by default gets the finest that fit into that.
///
/// Where they do not fit in any: the first and the last epoch in 16 shades, and as many evenly spaced ones between them as fit;
/// 7 shades before there are fewer than four. The last epoch alone if no two fit, and none if that does not fit either.
pub(super) fn shown(runs: &[RunInput], page_bytes: PageBytes, max_bytes: u64) -> Shown {
    let mut bytes: BTreeMap<u32, u64> = BTreeMap::new();
    for grid in runs.iter().flat_map(|run| &run.grids) {
        *bytes.entry(grid.epoch).or_default() += grid.png_bytes;
    }
    let recorded: Vec<u32> = bytes.keys().copied().collect();
    let recorded_bytes = bytes.values().sum::<u64>() as f64;
    let most =
        if max_bytes > ReportOptions::IMAGE_BYTES { max_bytes } else { max_bytes.min(MOST_BYTES_TO_SEND) };
    let PageBytes { thirty_two, sixteen, seven } = page_bytes;
    let all = [(Shades::ThirtyTwo, thirty_two), (Shades::Sixteen, sixteen), (Shades::Seven, seven)];
    if let Some((shades, _)) = all.into_iter().find(|(_, per_byte)| recorded_bytes * per_byte <= most as f64)
    {
        return Shown { left_out: 0, epochs: recorded, shades };
    }
    let room_for = |per_byte: f64| {
        if recorded_bytes * per_byte <= max_bytes as f64 {
            return recorded.len();
        }
        let room = (max_bytes as f64 * recorded.len() as f64 / (recorded_bytes * per_byte)) as usize;
        // The grids of best checkpoints are at most one more for each run.
        if room > 2 && runs.iter().any(|run| run.best.is_some()) { room - 1 } else { room }
    };
    let (shades, room) = match room_for(sixteen) {
        room if room >= FEWEST_EPOCHS.min(recorded.len()) => (Shades::Sixteen, room),
        _ => (Shades::Seven, room_for(seven)),
    };
    let epochs = evenly_spaced(&recorded, room);
    Shown { left_out: recorded.len() - epochs.len(), epochs, shades }
}

/// A run's grids from those weights at those epochs. A run that ended early also keeps its last grid, and each run that of
/// its best checkpoint.
pub(super) fn of_run(run: &RunInput, source: SampleSource, epochs: &[u32]) -> Vec<Grid> {
    if epochs.is_empty() {
        return Vec::new();
    }
    let grids = run.grids.iter().filter(|grid| grid.source == source);
    let last = grids.clone().next_back().map(|grid| grid.step);
    let best = run.best.map(|best| best.step);
    let wanted = grids.filter(|grid| epochs.contains(&grid.epoch) || [last, best].contains(&Some(grid.step)));
    wanted.map(|grid| Grid { step: grid.step, epoch: grid.epoch }).collect()
}

/// At most `room` of the items, the last and the first included, in this order.
fn evenly_spaced(items: &[u32], room: usize) -> Vec<u32> {
    if items.len() <= room {
        return items.to_vec();
    }
    if room < 2 {
        return items.last().copied().into_iter().take(room).collect();
    }
    let index = |place: usize| place * (items.len() - 1) / (room - 1);
    (0..room).map(|place| items[index(place)]).collect()
}

#[cfg(test)]
mod tests {
    use gansweep_protocol::{Geometry, Metric};
    use serde_json::json;

    use super::super::configs;
    use super::*;
    use crate::input::{BestInput, GridInput};

    #[test]
    fn shades_are_left_out_before_epochs() {
        let geometry = Geometry { rows: 1, cols: 1, height: 1, width: 1 };
        let grid = |epoch| GridInput { step: 1, epoch, source: SampleSource::Raw, geometry, png_bytes: 100 };
        let run = RunInput { grids: (0..10).map(grid).collect(), ..configs::tests::run(json!({})) };
        let page_bytes = PageBytes { thirty_two: 0.5, sixteen: 0.25, seven: 0.2 };
        let of = |max_bytes| {
            let shown = shown(std::slice::from_ref(&run), page_bytes, max_bytes);
            (shown.shades, shown.epochs.len(), shown.left_out)
        };
        assert_eq!(of(500), (Shades::ThirtyTwo, 10, 0));
        assert_eq!(of(499), (Shades::Sixteen, 10, 0));
        assert_eq!(of(249), (Shades::Seven, 10, 0));
        assert_eq!(of(199), (Shades::Sixteen, 7, 3));
        assert_eq!(of(125), (Shades::Sixteen, 5, 5));
        assert_eq!(of(100), (Shades::Sixteen, 4, 6));
        assert_eq!(of(99), (Shades::Seven, 4, 6));
        assert_eq!(of(60), (Shades::Seven, 3, 7));
    }

    #[test]
    fn a_page_of_many_megabytes_has_fewer_shades_even_where_all_epochs_fit() {
        let geometry = Geometry { rows: 1, cols: 1, height: 1, width: 1 };
        let run = |png_bytes| RunInput {
            grids: vec![GridInput { step: 1, epoch: 1, source: SampleSource::Raw, geometry, png_bytes }],
            ..configs::tests::run(json!({}))
        };
        let page_bytes = PageBytes { thirty_two: 0.5, sixteen: 0.25, seven: 0.2 };
        let of = |png_bytes| shown(&[run(png_bytes)], page_bytes, ReportOptions::IMAGE_BYTES).shades;
        assert_eq!([of(20 << 20), of((20 << 20) + 2)], [Shades::ThirtyTwo, Shades::Sixteen]);
        let larger = shown(&[run((20 << 20) + 2)], page_bytes, ReportOptions::IMAGE_BYTES + 1);
        assert_eq!(larger.shades, Shades::ThirtyTwo);
    }

    /// Runs with ten grids of that many images, as GANs had learnt them from MNIST, and the share of their size that
    /// `pixels::compact` made of those: 37.4 KB of PNG for 60 images.
    fn of_mnist(runs: usize, images: u64) -> Shown {
        let geometry = Geometry { rows: 1, cols: images as u32, height: 28, width: 28 };
        let png_bytes = 37_443 * images / 60;
        let grid = |epoch| GridInput { step: 1, epoch, source: SampleSource::Raw, geometry, png_bytes };
        let run = || RunInput { grids: (0..10).map(grid).collect(), ..configs::tests::run(json!({})) };
        let runs: Vec<RunInput> = (0..runs).map(|_| run()).collect();
        let of_60_images = |bytes: f64| bytes / 37_443.0;
        let page_bytes = PageBytes {
            thirty_two: of_60_images(21_423.0),
            sixteen: of_60_images(13_179.0),
            seven: of_60_images(7203.0),
        };
        shown(&runs, page_bytes, ReportOptions::default().max_image_bytes)
    }

    #[test]
    fn a_thousand_runs_keep_four_epochs_in_the_default_size() {
        let shown = of_mnist(1000, 64);
        assert_eq!((shown.shades, shown.epochs.len()), (Shades::Seven, 4));
    }

    #[test]
    fn a_hundred_runs_keep_all_epochs_in_a_page_that_can_be_sent() {
        let shown = of_mnist(100, 60);
        assert_eq!((shown.shades, shown.epochs.len()), (Shades::Seven, 10));
        assert_eq!(of_mnist(40, 60).shades, Shades::ThirtyTwo);
    }

    #[test]
    fn the_grid_of_the_best_checkpoint_stays_where_epochs_are_left_out() {
        let geometry = Geometry { rows: 1, cols: 1, height: 1, width: 1 };
        let grid = |epoch| GridInput {
            step: 10 * u64::from(epoch),
            epoch,
            source: SampleSource::Raw,
            geometry,
            png_bytes: 100,
        };
        let best = BestInput { step: 40, epoch: 4.0, metric: Metric::Fd, value: 1.0 };
        let run = RunInput {
            grids: (0..10).map(grid).collect(),
            best: Some(best),
            ..configs::tests::run(json!({}))
        };
        let page_bytes = PageBytes { thirty_two: 1.0, sixteen: 1.0, seven: 1.0 };
        let shown = shown(std::slice::from_ref(&run), page_bytes, 300);
        assert_eq!(shown.epochs, [0, 9], "and one more, which makes three");
        let kept: Vec<u32> =
            of_run(&run, SampleSource::Raw, &shown.epochs).iter().map(|grid| grid.epoch).collect();
        assert_eq!(kept, [0, 4, 9]);
    }

    #[test]
    fn epochs_are_left_out_evenly_and_the_ends_stay() {
        let epochs: Vec<u32> = (0..=50).collect();
        assert_eq!(evenly_spaced(&epochs, 6), [0, 10, 20, 30, 40, 50]);
        assert_eq!(evenly_spaced(&epochs, 2), [0, 50]);
        assert_eq!(evenly_spaced(&[0, 1, 2], 5), [0, 1, 2]);
        assert_eq!(evenly_spaced(&epochs, 1), [50]);
        assert_eq!(evenly_spaced(&epochs, 0), [0; 0]);
        assert_eq!(evenly_spaced(&[], 2), [0; 0]);
    }
}
