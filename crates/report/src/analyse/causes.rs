//! Runs that failed or collapsed, grouped by cause.

use gansweep_config::RunState;

use crate::context::{Axis, Run, RunsWithCause, Sign};

/// A value is named if the share of the group's runs that have it is this many times that of all runs.
const OFTEN: f64 = 1.5;

/// Runs that ended before the sweep's budget, by state and cause.
pub(super) fn failures(runs: &[Run], axes: &[Axis]) -> Vec<RunsWithCause> {
    let mut groups: Vec<(String, RunsWithCause)> = Vec::new();
    for (place, run) in runs.iter().enumerate() {
        let ended = matches!(run.state, RunState::Failed | RunState::Diverged | RunState::Interrupted);
        if ended {
            let cause = run.cause.clone().unwrap_or_else(|| "no cause was recorded".to_owned());
            add(
                &mut groups,
                format!("{} {}", run.state.name(), without_numbers(&cause)),
                run.state.name(),
                cause,
                place,
            );
        }
    }
    finished(groups, runs, axes)
}

/// Runs with signs of collapse, by sign.
pub(super) fn collapses(runs: &[Run], axes: &[Axis]) -> Vec<RunsWithCause> {
    let mut groups: Vec<(String, RunsWithCause)> = Vec::new();
    for (place, run) in runs.iter().enumerate() {
        for warning in &run.warnings {
            let cause = match warning.sign {
                Sign::Saturated => "D is saturated, so that G gets almost no gradient",
                Sign::Diverging => "G's loss diverges",
                Sign::FewClasses => "the images cover less than half of the data's classes",
                Sign::SameSamples => "the last samples are nearly all the same image",
            };
            add(&mut groups, cause.to_owned(), "collapsed", cause.to_owned(), place);
        }
    }
    finished(groups, runs, axes)
}

fn add(groups: &mut Vec<(String, RunsWithCause)>, key: String, state: &str, cause: String, run: usize) {
    if let Some((_, group)) = groups.iter_mut().find(|(known, _)| *known == key) {
        group.runs.push(run);
        return;
    }
    let group = RunsWithCause { state: state.to_owned(), cause, runs: vec![run], common: Vec::new() };
    groups.push((key, group));
}

/// Steps, process ids and the like do not make another cause.
fn without_numbers(cause: &str) -> String {
    cause.split(|c: char| c.is_ascii_digit()).filter(|part| !part.is_empty()).collect::<Vec<_>>().join("#")
}

fn finished(groups: Vec<(String, RunsWithCause)>, runs: &[Run], axes: &[Axis]) -> Vec<RunsWithCause> {
    let mut groups: Vec<RunsWithCause> = groups.into_iter().map(|(_, group)| group).collect();
    groups.sort_by_key(|group| std::cmp::Reverse(group.runs.len()));
    for group in &mut groups {
        group.common = common(&group.runs, runs, axes);
    }
    groups
}

/// The values that all runs of the group have and that are rarer among all runs; nothing is in common of one run.
fn common(group: &[usize], runs: &[Run], axes: &[Axis]) -> Vec<String> {
    if group.len() < 2 {
        return Vec::new();
    }
    let mut common = Vec::new();
    for (place, axis) in axes.iter().enumerate() {
        let of_first = runs[group[0]].values[place];
        let Some(value) = of_first.filter(|_| group.iter().all(|run| runs[*run].values[place] == of_first))
        else {
            continue;
        };
        let with = runs.iter().filter(|run| run.values[place] == of_first).count();
        if (runs.len() as f64) >= OFTEN * with as f64 {
            common.push(format!(
                "{}={} ({} of its {with} runs)",
                axis.short,
                axis.values[value].text,
                group.len()
            ));
        }
    }
    common
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn causes_that_differ_in_numbers_alone_are_one() {
        assert_eq!(
            without_numbers("killed by signal 9 at step 120"),
            without_numbers("killed by signal 15 at step 7")
        );
        assert_ne!(without_numbers("the loss became NaN"), without_numbers("the loss became infinite"));
    }
}
