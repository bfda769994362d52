//! Labelled images in memory.

use std::collections::HashSet;

use gansweep_config::{DataConfig, Dataset, ImageShape};

/// A part of a dataset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Split {
    /// The training images.
    Train,
    /// The test images, which nothing trains on.
    Test,
}

impl Split {
    /// Both splits.
    pub const ALL: [Self; 2] = [Self::Train, Self::Test];
}

/// Labelled images of one shape.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Images {
    /// The shape of each image.
    pub shape: ImageShape,
    /// The number of images.
    pub count: usize,
    /// `[count, channels, height, width]`, from 0 (black) to 255.
    pub pixels: Vec<u8>,
    /// `[count]`: the class of each image, from 0 to below the spec's number of classes.
    pub labels: Vec<u16>,
}

impl Images {
    /// The bytes of image `index`, `[channels, height, width]`, or `None` beyond the last.
    pub fn image(&self, index: usize) -> Option<&[u8]> {
        self.pixels.chunks_exact(self.shape.size()).nth(index)
    }

    /// Those of all training images that a run with this config trains on.
    #[must_use]
    pub fn trained_on(self, data: &DataConfig) -> Self {
        self.some(data.dataset, data.images as usize)
    }

    /// So many of all images of the dataset, 0 for all: the first, since published datasets are mixed; of a folder, whose
    /// images go class by class, an even selection.
    #[must_use]
    pub fn some(mut self, dataset: Dataset, images: usize) -> Self {
        let size = self.shape.size();
        let mut count = 0;
        for from in places(dataset, images, self.count) {
            // Never before `count`, so that no image is overwritten before it is taken.
            if from > count {
                self.pixels.copy_within(from * size..(from + 1) * size, count * size);
                self.labels[count] = self.labels[from];
            }
            count += 1;
        }
        self.pixels.truncate(count * size);
        self.labels.truncate(count);
        Self { count, ..self }
    }

    /// The numbers of classes of which a run with this config has images, and of which the dataset has some, where the images
    /// seem to be sorted by class: as many random ones would hardly miss the other classes.
    pub fn classes_of_sorted_part(&self, data: &DataConfig) -> Option<(usize, usize)> {
        let all: HashSet<u16> = self.labels.iter().copied().collect();
        let taken = || {
            places(data.dataset, data.images as usize, self.count).filter_map(|place| self.labels.get(place))
        };
        let part: HashSet<u16> = taken().copied().collect();
        let of_part = self.labels.iter().filter(|label| part.contains(label)).count();
        let share = of_part as f64 / self.labels.len().max(1) as f64;
        let chance = (taken().count() as f64 * share.ln()).exp();
        (chance < MOST_CHANCE).then_some((part.len(), all.len()))
    }

    /// The first class, from 0 to `classes` - 1, of which a run with this config trains on no image.
    pub fn class_without_images(&self, data: &DataConfig, classes: u32) -> Option<usize> {
        let mut has_images = vec![false; classes as usize];
        for label in
            places(data.dataset, data.images as usize, self.count).filter_map(|place| self.labels.get(place))
        {
            if let Some(has_images) = has_images.get_mut(usize::from(*label)) {
                *has_images = true;
            }
        }
        has_images.iter().position(|has_images| !has_images)
    }
}

/// Which of `all` images those of [`Images::some`] are.
fn places(dataset: Dataset, images: usize, all: usize) -> impl Iterator<Item = usize> {
    let count = match images {
        0 => all,
        asked => asked.min(all),
    };
    let is_sorted = dataset == Dataset::Folder;
    (0..count).map(move |place| match is_sorted {
        true => (place as u64 * all as u64 / count as u64) as usize,
        false => place,
    })
}

/// The chance up to which it is taken for none that random images miss some classes. A user who hears of it for no reason looks for
/// a fault that is not there.
const MOST_CHANCE: f64 = 1e-6;

#[cfg(test)]
mod tests {
    use gansweep_config::Pixels;

    use super::*;

    /// Ten images of one pixel: four of class 0, one of class 1, five of class 2.
    fn sorted() -> Images {
        let shape = ImageShape { channels: 1, height: 1, width: 1 };
        Images { shape, count: 10, pixels: (0..10).collect(), labels: vec![0, 0, 0, 0, 1, 2, 2, 2, 2, 2] }
    }

    fn data(dataset: Dataset, images: u32) -> DataConfig {
        DataConfig { dataset, side: 0, channels: 0, images, flip: false, pixels: Pixels::Signed }
    }

    #[test]
    fn a_part_of_a_folder_has_images_of_all_its_classes_and_of_other_datasets_the_first() {
        let part = |dataset, images| sorted().trained_on(&data(dataset, images));
        let folder = part(Dataset::Folder, 5);
        assert_eq!((folder.count, &folder.pixels[..]), (5, &[0, 2, 4, 6, 8][..]));
        assert_eq!(folder.labels, [0, 0, 1, 2, 2]);
        assert_eq!(part(Dataset::Folder, 3).pixels, [0, 3, 6]);
        assert_eq!(part(Dataset::Folder, 9).pixels, [0, 1, 2, 3, 4, 5, 6, 7, 8]);
        let idx = part(Dataset::Idx, 5);
        assert_eq!(
            (idx.count, &idx.pixels[..], &idx.labels[..]),
            (5, &[0, 1, 2, 3, 4][..], &[0, 0, 0, 0, 1][..])
        );
        for dataset in [Dataset::Folder, Dataset::Idx] {
            assert_eq!(part(dataset, 0), sorted());
            assert_eq!(part(dataset, 10), sorted());
        }
    }

    #[test]
    fn a_part_of_sorted_images_is_told_from_a_part_that_misses_classes_by_chance() {
        let of = |labels: Vec<u16>, dataset, images| {
            let shape = ImageShape { channels: 1, height: 1, width: 1 };
            let all = Images { shape, count: labels.len(), pixels: vec![0; labels.len()], labels };
            all.classes_of_sorted_part(&data(dataset, images))
        };
        let sorted: Vec<u16> = (0..1000).map(|place| place / 100).collect();
        let mixed: Vec<u16> = (0..1000_u16).map(|place| place * 7 % 10).collect();
        assert_eq!(of(sorted.clone(), Dataset::Idx, 100), Some((1, 10)));
        assert_eq!(of(sorted.clone(), Dataset::Idx, 450), Some((5, 10)));
        assert_eq!(of(sorted.clone(), Dataset::Idx, 0), None);
        assert_eq!(of(sorted.clone(), Dataset::Folder, 100), None);
        // So few images may well be of one class.
        assert_eq!(of(sorted, Dataset::Idx, 5), None);
        assert_eq!((of(mixed.clone(), Dataset::Idx, 8), of(mixed, Dataset::Idx, 100)), (None, None));
        assert_eq!(of(vec![0; 50], Dataset::Idx, 20), None);
    }

    #[test]
    fn the_first_class_without_images_is_found() {
        let of = |dataset, images, classes| sorted().class_without_images(&data(dataset, images), classes);
        assert_eq!((of(Dataset::Idx, 0, 3), of(Dataset::Idx, 0, 5)), (None, Some(3)));
        assert_eq!((of(Dataset::Idx, 5, 3), of(Dataset::Folder, 5, 3)), (Some(2), None));
        assert_eq!(of(Dataset::Folder, 3, 3), Some(1));
    }
}
