//! Whether conditional runs have images of all the classes that they train.

use std::collections::BTreeMap;

use gansweep_config::{DataRequest, PlannedRun};
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
