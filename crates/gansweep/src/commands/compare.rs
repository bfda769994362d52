//! `gansweep compare`: compares the configs of a sweep.

use clap::Args;
use gansweep_app::compare::{self, CompareRequest, SweepComparison, Variance};
use gansweep_base::text;
use gansweep_compare::{ComparedConfig, sentences};
use gansweep_config::RunState;
use gansweep_protocol::Direction;
use gansweep_statistics::{GroupResult, Noise, Verdict};

use crate::arguments::ResultsArgs;
use crate::failure::Failure;
use crate::output;

#[derive(Debug, Args)]
pub(crate) struct CompareArgs {
    /// The sweep's name.
    #[arg(value_name = "SWEEP")]
    pub(crate) sweep: String,
    /// Compare the values of this swept key, over all configs that have them, instead of the configs. May be
    /// repeated.
    #[arg(long, value_name = "KEY")]
    pub(crate) by: Vec<String>,
    /// Metric to compare by [default: the one that the sweep's search improves, or the first recorded
    /// one that says which run is better].
    #[arg(long, value_name = "NAME")]
    pub(crate) metric: Option<String>,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) results: ResultsArgs,
}

/// No run has a value to compare.
const NOTHING_TO_COMPARE: u8 = 1;
/// The table is as wide as the narrowest usual terminal.
const WIDTH: usize = 80;
/// A column of labels is at least so wide, even if the table is then wider than [`WIDTH`].
const NARROWEST_LABEL: usize = 16;

/// Runs the command.
pub(crate) fn run(args: &CompareArgs) -> Result<u8, Failure> {
    let request = CompareRequest {
        results: args.results.results.clone(),
        sweep: args.sweep.clone(),
        by: args.by.clone(),
        metric: args.metric.clone(),
    };
    let comparison = compare::sweep(&request)?;
    if args.json {
        output::print_json(&comparison)?;
    } else {
        output::print(&text(&comparison))?;
    }
    Ok(if comparison.comparison.verdict == Verdict::NoValue { NOTHING_TO_COMPARE } else { 0 })
}

/// The whole comparison as text.
pub(crate) fn text(comparison: &SweepComparison) -> String {
    let mut parts = vec![heading(comparison), table(comparison)];
    parts.push(
        sentences::about(comparison).iter().map(|sentence| wrap(sentence, WIDTH).join("\n") + "\n").collect(),
    );
    parts.extend(comparison.variance.as_ref().map(|it| variance(comparison, it)));
    parts.iter().map(|part| part.trim_end()).collect::<Vec<_>>().join("\n\n")
}

fn heading(comparison: &SweepComparison) -> String {
    let metric = comparison.metric;
    let direction = match comparison.direction {
        Direction::Lower => ", lower is better",
        Direction::Higher => ", higher is better",
        Direction::Neither => "",
    };
    let unit = if metric.unit.is_empty() { String::new() } else { format!(" in {}", metric.unit) };
    let images = comparison.images.map(|images| text::count(images as usize, "generated image"));
    let images = images.map_or_else(String::new, |images| format!(" of {images} of each run"));
    let heading = format!(
        "{}: {} ({}{unit}{direction}){images} {}, {}, {}",
        comparison.sweep,
        metric.title,
        metric.name,
        sentences::when(comparison),
        text::count(comparison.configs.len(), "config"),
        text::count(comparison.seeds, "seed"),
    );
    wrap(&heading, WIDTH).join("\n")
}

/// The table of configs. A label that is too long for its column goes on in the next lines.
fn table(comparison: &SweepComparison) -> String {
    let groups = &comparison.comparison.groups;
    let of_config = |group: &GroupResult, count: &dyn Fn(&ComparedConfig) -> usize| {
        comparison.configs.get(group.group).map_or(0, count)
    };
    // Runs that pruning has paused or ended have not failed.
    let failed = |group: &GroupResult| {
        group.excluded.saturating_sub(of_config(group, &ComparedConfig::paused_or_pruned))
    };
    let without = |group: &GroupResult, state: RunState| of_config(group, &|it| it.in_state(state));
    let has = |state: RunState| groups.iter().any(|group| without(group, state) > 0);
    let states = [("PAUSED", RunState::Paused), ("PRUNED", RunState::Pruned)];
    let states: Vec<_> = states.into_iter().filter(|(_, state)| has(*state)).collect();
    let has_failures = groups.iter().any(|group| failed(group) > 0);
    let has_tests = groups.iter().any(|group| group.difference.is_some());
    let mut header = vec!["MEAN", "+-95%", "N"];
    header.extend(states.iter().map(|(head, _)| *head));
    header.extend(has_failures.then_some("NO VALUE"));
    header.extend(has_tests.then_some(["DIFF", "P"]).into_iter().flatten());
    let counts = |group: &GroupResult| {
        let of_states = states.iter().map(|(_, state)| without(group, *state));
        of_states.chain(has_failures.then(|| failed(group))).collect::<Vec<_>>()
    };
    let column = |value: fn(&GroupResult) -> Option<f64>| {
        output::numbers(&groups.iter().map(value).collect::<Vec<_>>())
    };
    let means = column(|group| group.mean);
    let halves = column(|group| group.interval.map(|interval| interval.half_width()));
    let differences = column(|group| group.difference.map(|difference| difference.mean));
    let cells = |(place, group): (usize, &GroupResult)| {
        let mut cells = vec![means[place].clone(), halves[place].clone(), group.count.to_string()];
        cells.extend(counts(group).iter().map(ToString::to_string));
        if has_tests {
            let p = group.difference.map(|difference| sentences::p_value(difference.adjusted_p));
            cells.extend([differences[place].clone(), p.unwrap_or_default()]);
        }
        cells
    };
    let cells: Vec<Vec<String>> = groups.iter().enumerate().map(cells).collect();
    let width = |column: usize| {
        cells.iter().map(|row| row[column].len()).chain([header[column].len()]).max().unwrap_or_default() + 2
    };
    let used: usize = (0..header.len()).map(width).sum();
    let room = WIDTH.saturating_sub(used).max(NARROWEST_LABEL);
    header.push("CONFIG");
    let mut rows = Vec::new();
    for (group, mut cells) in groups.iter().zip(cells) {
        for line in wrap(sentences::label(comparison, group.group), room) {
            let empty = vec![String::new(); cells.len()];
            let mut row = std::mem::replace(&mut cells, empty);
            row.push(line);
            rows.push(row);
        }
    }
    output::table(&header, rows)
}

/// The table of what explains the variance.
fn variance(comparison: &SweepComparison, variance: &Variance) -> String {
    let percent = |share: f64| format!("{:.0} %", 100.0 * share);
    let mut rows: Vec<Vec<String>> = Vec::new();
    for axis in &variance.axes {
        let interval = axis.share.interval;
        let range = interval.map(|it| format!("{} to {}", percent(it.low), percent(it.high)));
        let name = match axis.bins {
            Some(bins) => format!("{} (in {bins} bins)", axis.short),
            None => axis.short.clone(),
        };
        let share = if axis.share.freedom == 0 { String::new() } else { percent(axis.share.share) };
        rows.push(vec![name, share, range.unwrap_or_default()]);
    }
    let plain = |name: &str, share: f64| vec![name.to_owned(), percent(share), String::new()];
    match variance.noise_source {
        Noise::Seeds | Noise::Configs if variance.axes.len() > 1 || variance.interactions > 0.0 => {
            rows.push(plain("interactions", variance.interactions));
            rows.push(plain("seed", variance.seed));
        }
        Noise::Seeds | Noise::Configs => rows.push(plain("seed", variance.seed)),
        Noise::Interactions => rows.push(plain("interactions and seed", variance.seed)),
        Noise::Unknown => {}
    }
    let has_intervals = variance.axes.iter().any(|axis| axis.share.interval.is_some());
    let header = ["KEY", "VARIANCE EXPLAINED", "95% INTERVAL"];
    let columns = if has_intervals { 3 } else { 2 };
    for row in &mut rows {
        row.truncate(columns);
    }
    let mut text = output::table(&header[..columns], rows);
    for sentence in sentences::about_variance(comparison, variance) {
        text += &format!("\n{}", wrap(&sentence, WIDTH).join("\n"));
    }
    text
}

/// Lines of at most `width` characters, broken at spaces where there are any.
fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let mut word: Vec<char> = word.chars().collect();
        let used = lines.last().map_or(0, |line| line.chars().count());
        if used > 0 && used + 1 + word.len() > width {
            lines.push(String::new());
        } else if used > 0 {
            word.insert(0, ' ');
        }
        while word.len() > width {
            let rest = word.split_off(width);
            add(&mut lines, &word);
            lines.push(String::new());
            word = rest;
        }
        add(&mut lines, &word);
    }
    lines
}

fn add(lines: &mut [String], word: &[char]) {
    if let Some(line) = lines.last_mut() {
        line.extend(word);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_break_at_spaces_and_within_words_that_are_too_long() {
        assert_eq!(wrap("", 5), [""]);
        assert_eq!(wrap("one two three", 7), ["one two", "three"]);
        assert_eq!(wrap("one two", 3), ["one", "two"]);
        assert_eq!(wrap("a=123456789 b", 5), ["a=123", "45678", "9 b"]);
        assert_eq!(wrap("März=éééééé", 5), ["März=", "ééééé", "é"]);
    }
}
