//! Which epochs' sample grids the page includes.

use std::collections::BTreeMap;

use gansweep_protocol::SampleSource;

use crate::context::Grid;
use crate::input::RunInput;

/// The epochs whose grids the page includes.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Shown {
    pub(super) epochs: Vec<u32>,
    pub(super) left_out: usize,
}

/// The first and the last recorded epoch, and as many evenly spaced ones between them as fit into
/// `max_bytes` of PNGs.
pub(super) fn shown(runs: &[RunInput], max_bytes: u64) -> Shown {
    let mut bytes: BTreeMap<u32, u64> = BTreeMap::new();
    for grid in runs.iter().flat_map(|run| &run.grids) {
        *bytes.entry(grid.epoch).or_default() += grid.png_bytes;
    }
    let recorded: Vec<u32> = bytes.keys().copied().collect();
    let total: u64 = bytes.values().sum();
    let room = if total <= max_bytes {
        recorded.len()
    } else {
        let mean = total / recorded.len() as u64;
        usize::try_from(max_bytes / mean.max(1)).unwrap_or(usize::MAX)
    };
    let epochs = evenly_spaced(&recorded, room.max(2));
    Shown { left_out: recorded.len() - epochs.len(), epochs }
}

/// A run's grids from those weights at those epochs. A run that ended early also keeps its last grid.
pub(super) fn of_run(run: &RunInput, source: SampleSource, epochs: &[u32]) -> Vec<Grid> {
    let grids = run.grids.iter().filter(|grid| grid.source == source);
    let last = grids.clone().next_back().map(|grid| grid.step);
    let wanted = grids.filter(|grid| epochs.contains(&grid.epoch) || Some(grid.step) == last);
    wanted.map(|grid| Grid { step: grid.step, epoch: grid.epoch }).collect()
}

/// At most `room` of the items, the first and the last included. `room` must be at least 2.
fn evenly_spaced(items: &[u32], room: usize) -> Vec<u32> {
    if items.len() <= room {
        return items.to_vec();
    }
    let index = |place: usize| place * (items.len() - 1) / (room - 1);
    (0..room).map(|place| items[index(place)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn epochs_are_left_out_evenly_and_the_ends_stay() {
        let epochs: Vec<u32> = (0..=50).collect();
        assert_eq!(evenly_spaced(&epochs, 6), [0, 10, 20, 30, 40, 50]);
        assert_eq!(evenly_spaced(&epochs, 2), [0, 50]);
        assert_eq!(evenly_spaced(&[0, 1, 2], 5), [0, 1, 2]);
        assert_eq!(evenly_spaced(&[], 2), [0; 0]);
    }
}
