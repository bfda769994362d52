//! Groups of runs that wait for a slot.

use gansweep_experiment::{Config, IMAGE_PIXELS, PlannedRun, group_runs};

use crate::roster::Roster;

/// Runs to be trained together, given by their places in the request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Group {
    pub(crate) lanes: Vec<usize>,
    /// Workers in a row that this group, or the one it was cut from, has lost to failures.
    pub(crate) failures: u32,
}

/// Puts runs into groups of at most `max_lanes` lanes, as a sweep does, given as places in `runs`.
///
/// No group is so large that a slot would have none: with two slots, eight runs of a kind make two
/// groups of four, however many lanes would fit.
pub fn form_groups(runs: &[PlannedRun], slots: usize, max_lanes: usize) -> Vec<Vec<usize>> {
    let share = runs.len().div_ceil(slots.max(1));
    group_runs(runs, max_lanes.min(share).max(1))
}

/// The groups of the runs that are not over, the longest first, so that no slot is left alone with
/// a long one at the end.
pub(crate) fn initial_groups(roster: &Roster<'_>, slots: usize, max_lanes: usize) -> Vec<Group> {
    let waiting = roster.waiting();
    let runs: Vec<PlannedRun> = waiting.iter().map(|&run| roster.planned(run).clone()).collect();
    let to_places =
        |group: Vec<usize>| group.into_iter().map(|position| waiting[position]).collect::<Vec<_>>();
    let mut groups: Vec<Group> = form_groups(&runs, slots, max_lanes)
        .into_iter()
        .map(|group| Group { lanes: to_places(group), failures: 0 })
        .collect();
    let work = |group: &Group| group.lanes.iter().map(|&run| roster.work_left(run)).sum::<f64>();
    groups.sort_by(|a, b| work(b).total_cmp(&work(a)));
    groups
}

/// Multiply-adds of one step of a config, roughly: enough to compare runs with each other.
///
/// Each discriminator update is a forward and a backward pass (three products per layer) on a real
/// and a fake batch after one pass through the generator; the generator's update is its own
/// forward and backward pass and the discriminator's without its weights' gradients.
pub(crate) fn work_per_step(config: &Config) -> f64 {
    let model = &config.model;
    let products = |widths: &mut dyn Iterator<Item = u32>| {
        let widths: Vec<f64> = widths.map(f64::from).collect();
        widths.windows(2).map(|pair| pair[0] * pair[1]).sum::<f64>()
    };
    let pixels = IMAGE_PIXELS as u32;
    let hidden = model.generator.hidden.iter().copied();
    let generator = products(&mut std::iter::once(model.latent_dim).chain(hidden).chain([pixels]));
    let hidden = model.discriminator.hidden.iter().copied();
    let discriminator = products(&mut std::iter::once(pixels).chain(hidden).chain([1]));
    let d_update = generator + 6.0 * discriminator;
    let g_update = 3.0 * generator + 2.0 * discriminator;
    f64::from(config.train.batch_size) * (f64::from(config.train.d_steps) * d_update + g_update)
}
