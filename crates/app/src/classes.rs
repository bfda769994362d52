//! Whether conditional runs have images of all the classes that they train.

use std::collections::BTreeMap;

use gansweep_config::{DataRequest, Dataset, PlannedRun};
use gansweep_data::{DataSource, Found, Images, Location};

use crate::AppError;

/// Refuses conditional runs that train on no image of a class: fakes are drawn for every class, and what the model shows
/// for that one would mean nothing. `runs` are those of a plan, whose data are on this machine.
pub(crate) fn check(runs: &[PlannedRun], source: &DataSource) -> Result<(), AppError> {
    check_those(runs, source, |_| true)
}

/// As [`check`], of data that a file on this machine has: nothing is downloaded or drawn for a preview.
pub(crate) fn check_local(runs: &[PlannedRun], source: &DataSource) -> Result<(), AppError> {
    check_those(runs, source, |run| {
        let location = source.locate(DataRequest::from(&run.config.data));
        matches!(location, Ok(Location::Found(Found::Folder(_) | Found::Cache(_))))
    })
}

/// A part of a dataset of the user's own whose images seem to be sorted by class.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SortedPart {
    /// The number of images: `data.images`.
    pub images: u32,
    /// The number of classes that they are of.
    pub classes: usize,
    /// The number of classes of all images.
    pub all_classes: usize,
}

/// The parts of sorted images that runs train on. `data.images` takes the first images of files, since those of published datasets
/// are mixed, and nothing else would tell that a run has seen few of the classes.
pub(crate) fn sorted_parts(runs: &[PlannedRun], source: &DataSource) -> Result<Vec<SortedPart>, AppError> {
    let of_files =
        runs.iter().filter(|run| run.config.data.dataset == Dataset::Idx && run.config.data.images > 0);
    // All runs on images of the user's own train on those of one folder.
    let parts: BTreeMap<u32, &PlannedRun> = of_files.map(|run| (run.config.data.images, run)).collect();
    let Some(first) = parts.values().next() else { return Ok(Vec::new()) };
    let all = source.load_planned(first.config.data.dataset, &first.spec)?;
    let sorted = |(&images, run): (&u32, &&PlannedRun)| {
        let (classes, all_classes) = all.classes_of_sorted_part(&run.config.data)?;
        Some(SortedPart { images, classes, all_classes })
    };
    Ok(parts.iter().filter_map(sorted).collect())
}

fn check_those(
    runs: &[PlannedRun],
    source: &DataSource,
    is_checked: impl Fn(&PlannedRun) -> bool,
) -> Result<(), AppError> {
    // By fingerprint and `data.images`: each dataset is read once.
    let mut datasets: BTreeMap<&str, BTreeMap<u32, &PlannedRun>> = BTreeMap::new();
    for run in runs {
        let data = &run.config.data;
        // All published images together have all classes.
        if run.config.model.conditional && (data.dataset.is_own() || data.images > 0) {
            datasets.entry(&run.spec.fingerprint).or_default().insert(data.images, run);
        }
    }
    for parts in datasets.values() {
        let Some(first) = parts.values().next().filter(|run| is_checked(run)) else { continue };
        let images = source.load_planned(first.config.data.dataset, &first.spec)?;
        parts.values().try_for_each(|run| check_part(&images, run))?;
    }
    Ok(())
}

fn check_part(all: &Images, run: &PlannedRun) -> Result<(), AppError> {
    let (data, spec) = (&run.config.data, &run.spec);
    match all.class_without_images(data, spec.classes) {
        None => Ok(()),
        Some(class) => Err(AppError::ClassWithoutImages {
            class: spec.class_names.name(class),
            dataset: data.dataset,
            images: data.images,
        }),
    }
}
