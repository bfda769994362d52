//! Results on stdout: text, tables, values.

use std::borrow::Cow;
use std::io::{self, BufWriter, IsTerminal as _, StdoutLock, Write};
use std::iter;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use comfy_table::{CellAlignment, Table};
use gansweep_app::plan::SortedPart;
use gansweep_app::schedule::{AT_THE_END, Schedule, Without};
use gansweep_base::alignment::{Row, aligned};
use gansweep_base::{printable, text};
use gansweep_config::schema::is_list_of_layers;
use gansweep_config::{Place, ResolvedKey, Switch, WithoutEffect};
use gansweep_store::Damage;
use serde::Serialize;
use serde_json::Value;

/// Set when the reader of stdout has closed the pipe.
static PIPE_CLOSED: AtomicBool = AtomicBool::new(false);

/// Stdout. All results are written through it, because it notices a closed pipe, whatever type of error
/// becomes of that on its way.
pub(crate) struct Stdout(StdoutLock<'static>);

/// Stdout, locked.
pub(crate) fn stdout() -> Stdout {
    Stdout(io::stdout().lock())
}

/// Whether a write to stdout has failed because its reader has gone away, as `head` does. That is no error:
/// it is not reported, and the exit code is that of the work.
pub(crate) fn is_pipe_closed() -> bool {
    PIPE_CLOSED.load(Ordering::Relaxed)
}

impl Write for Stdout {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes).inspect_err(note_closed_pipe)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush().inspect_err(note_closed_pipe)
    }
}

fn note_closed_pipe(error: &io::Error) {
    if error.kind() == io::ErrorKind::BrokenPipe {
        PIPE_CLOSED.store(true, Ordering::Relaxed);
    }
}

/// Prints text for people and a line feed. Control characters are escaped.
pub(crate) fn print(text: &str) -> io::Result<()> {
    let mut out = stdout();
    out.write_all(printable::lines(text).as_bytes())?;
    out.write_all(b"\n")?;
    out.flush()
}

/// Prints a value as JSON over several lines, and a line feed.
pub(crate) fn print_json(value: &impl Serialize) -> io::Result<()> {
    // Each token is a write of its own.
    let mut out = BufWriter::new(stdout());
    serde_json::to_writer_pretty(&mut out, value)?;
    out.write_all(b"\n")?;
    out.flush()
}

/// Prints each value as a line of JSON.
pub(crate) fn print_json_lines(values: &[impl Serialize]) -> io::Result<()> {
    let mut out = BufWriter::new(stdout());
    for value in values {
        serde_json::to_writer(&mut out, value)?;
        out.write_all(b"\n")?;
    }
    out.flush()
}

/// The result of printing, where the work has an exit code of its own: a closed pipe is no error.
pub(crate) fn unless_closed(printed: io::Result<()>) -> io::Result<()> {
    printed.or_else(|error| if is_pipe_closed() { Ok(()) } else { Err(error) })
}

/// Prints a path, after a label, as a line: escaped on a terminal, its exact bytes for a program that reads
/// them.
pub(crate) fn print_path(label: &str, path: &Path) -> io::Result<()> {
    let mut line = label.as_bytes().to_vec();
    match io::stdout().is_terminal() {
        true => line.extend(printable::line(&path.to_string_lossy()).as_bytes()),
        false => line.extend(path.as_os_str().as_encoded_bytes()),
    }
    line.push(b'\n');
    stdout().write_all(&line)
}

/// The notice that no run uses the folder of images that an experiment names.
pub(crate) fn unused_data_path(path: &Path) -> String {
    format!(
        "no run trains on the images in {}; `data.path` is for `data.dataset = \"idx\"` and `\"folder\"`",
        path.display()
    )
}

/// The notice that runs see few of the classes of a dataset.
pub(crate) fn sorted_part(SortedPart { images, classes, all_classes }: &SortedPart) -> String {
    format!(
        "the first {images} images of idx are of {classes} of its {all_classes} classes: its files seem to be sorted by class, and \
         `data.images` takes the first images; mix the images with their labels, or train on all, `data.images = 0`"
    )
}

/// The notice that a sweep becomes that of another experiment file.
pub(crate) fn other_file(name: &str, before: &str, now: &Path) -> String {
    format!(
        "sweep {name} was last recorded from {before}, and {} has other content: the sweep and its page become those of \
         this file, and runs that it does not have stay in the database alone; give one of the files another `name` \
         to keep both sweeps",
        now.display()
    )
}

/// The notice that runs leave a sweep, because its plan has changed.
pub(crate) fn runs_left(name: &str, runs: usize) -> String {
    let (runs, verbs) = match runs {
        1 => ("1 run".to_owned(), "is not in this one: it leaves the sweep and its page, and stays"),
        runs => (format!("{runs} runs"), "are not in this one: they leave the sweep and its page, and stay"),
    };
    format!(
        "{runs} of the last plan of sweep {name} {verbs} in the database; give this plan another `name` to keep both sweeps"
    )
}

/// The notice that an exclusion of an experiment is of no use.
pub(crate) fn unused_exclusion(place: &Place) -> String {
    format!("{place}: this exclusion matches no run; correct its values, or remove it")
}

/// The notice that a setting or an axis of an experiment is of no use.
pub(crate) fn without_effect(idle: &WithoutEffect) -> String {
    let ResolvedKey { key, value: written, layer } = &idle.setting;
    let what = match idle.is_axis {
        true => format!("the axis {key} ({layer})"),
        false => format!("{key} = {} ({layer})", value(written)),
    };
    let reason = match (key.split_once('.'), &idle.switch) {
        (Some(("search", _)), _) => "`search.method = \"tpe\"` turns the search on".to_owned(),
        (Some(("prune", _)), _) => "`prune.method`, such as `\"asha\"`, turns pruning on".to_owned(),
        (_, Some(Switch { key, value: Some(off), choices })) if choices.is_empty() => {
            format!("it belongs to `{key}`, which is {}", value(off))
        }
        (_, Some(Switch { key, choices, .. })) if choices.is_empty() => format!("it belongs to `{key}`"),
        (_, Some(Switch { key, value: Some(off), choices })) => {
            format!("`{key}` is {off}; it has one with {}", either(choices))
        }
        (_, Some(Switch { key, value: None, choices })) => {
            format!("it has one where `{key}` is {}", either(choices))
        }
        (_, None) => "what it belongs to is turned off, or it makes no difference for this data".to_owned(),
    };
    format!("{what} has no effect on any run: {reason}")
}

/// The notice that a variant is no other than an earlier one.
pub(crate) fn merged_variant(variant: &str, earlier: &str) -> String {
    format!("the variant {variant} comes to the same runs as {earlier}, and is trained under that name")
}

/// `"a", "b" or "c"`.
fn either(choices: &[Value]) -> String {
    let texts: Vec<String> = choices.iter().map(Value::to_string).collect();
    match texts.split_last() {
        Some((last, others)) if !others.is_empty() => format!("{} or {last}", others.join(", ")),
        _ => texts.concat(),
    }
}

/// The notice that the model of a search proposes nothing.
pub(crate) fn search_without_proposals(trials: usize) -> String {
    format!(
        "the search proposes no trial: the first {trials} are random draws (`search.startup`), and there are no more \
         (`search.trials`)"
    )
}

/// The notice that a key decides by a figure that some collapsed generators lead.
pub(crate) fn objective_without_variety(key: &str, metric: &str) -> String {
    format!(
        "{key} = \"{metric}\": a collapsed generator that repeats a few real-looking images can have the highest {metric}; \
         `fd` falls only if images vary too (docs/quality.md)"
    )
}

/// The notice that something else than this program has changed rows of the database.
pub(crate) fn changed_rows(first: &Damage, more: usize) -> String {
    let more = if more > 0 { format!(", and {more} more") } else { String::new() };
    format!(
        "the database is damaged, or something has changed it: {first}{more}; `gansweep check` lists everything, \
         `gansweep check --accept` takes it as it is"
    )
}

/// A table without borders. Columns of numbers are right-aligned; each cell is one line.
pub(crate) fn table(header: &[&str], mut rows: Vec<Vec<String>>) -> String {
    for cell in rows.iter_mut().flatten() {
        if let Cow::Owned(escaped) = printable::line(cell) {
            *cell = escaped;
        }
    }
    let numeric = |column: usize| {
        let mut cells =
            rows.iter().map(|row| row[column].as_str()).filter(|cell| !cell.is_empty()).peekable();
        cells.peek().is_some() && cells.all(|cell| cell.parse::<f64>().is_ok())
    };
    let right: Vec<usize> = (0..header.len()).filter(|&column| numeric(column)).collect();
    let mut table = Table::new();
    table
        .load_style(comfy_table::presets::NOTHING)
        .set_header(header.iter().map(|name| printable::line(name)))
        .add_rows(rows);
    for (index, column) in table.column_iter_mut().enumerate() {
        column.set_padding((0, 2));
        if right.contains(&index) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table.trim_fmt()
}

/// The cells of a column of measured numbers: all with the same number of decimals, as many as the number that needs most for
/// four significant digits. Where that would give the largest more than six digits, each has its own, as in
/// [`text::measured`].
pub(crate) fn numbers(values: &[Option<f64>]) -> Vec<String> {
    const MOST_DIGITS: i32 = 6;
    let own: Vec<String> = values.iter().map(|value| value.map(text::measured).unwrap_or_default()).collect();
    let decimals_of = |cell: &String| cell.split_once('.').map_or(0, |(_, decimals)| decimals.len());
    let decimals = own.iter().map(decimals_of).max().unwrap_or(0);
    let finite = || values.iter().flatten().filter(|value| value.is_finite());
    let largest = finite().fold(0.0, |largest: f64, value| largest.max(value.abs()));
    let before_point = if largest < 1.0 { 1 } else { largest.log10().floor() as i32 + 1 };
    let is_scientific = own.iter().any(|cell| cell.contains('e'));
    if is_scientific || decimals > 0 && before_point + decimals as i32 > MOST_DIGITS {
        return own;
    }
    let same = |(value, own): (&Option<f64>, String)| match value {
        Some(value) if value.is_finite() => format!("{value:.decimals$}"),
        _ => own,
    };
    values.iter().zip(own).map(same).collect()
}

/// Like [`table`], without the columns that are empty in every row.
pub(crate) fn table_of_filled_columns(header: &[&str], rows: Vec<Vec<String>>) -> String {
    let is_filled = |column: usize| rows.is_empty() || rows.iter().any(|row| !row[column].is_empty());
    let filled: Vec<bool> = (0..header.len()).map(is_filled).collect();
    let header: Vec<&str> =
        header.iter().zip(&filled).filter_map(|(name, kept)| kept.then_some(*name)).collect();
    let of_row = |row: Vec<String>| {
        row.into_iter().zip(&filled).filter_map(|(cell, kept)| kept.then_some(cell)).collect()
    };
    let rows = rows.into_iter().map(of_row);
    table(&header, rows.collect())
}

/// A configured value, as in experiment files.
pub(crate) fn value(value: &Value) -> String {
    match value {
        Value::Number(n) if n.is_f64() => n.as_f64().map_or_else(|| n.to_string(), text::exact),
        Value::String(text) => text.clone(),
        Value::Array(items) => format!("[{}]", items.iter().map(self::value).collect::<Vec<_>>().join(", ")),
        other => other.to_string(),
    }
}

/// Rows of cells for the values of a key in several runs: one row, or one for each layer of lists of layers, where layers that
/// several lists have in common are in one row.
pub(crate) fn value_rows(key: &str, values: &[Option<&Value>]) -> Vec<Vec<String>> {
    let lists: Vec<Vec<String>> = values.iter().map(|value| layers(*value)).collect();
    if !is_list_of_layers(key) || lists.iter().all(Vec::is_empty) {
        return vec![values.iter().map(|known| known.map(value).unwrap_or_default()).collect()];
    }
    let cells = |row: Row<String>| -> Vec<String> {
        row.is_in.iter().map(|is_in| if *is_in { row.item.clone() } else { String::new() }).collect()
    };
    aligned(&lists).into_iter().map(cells).collect()
}

/// The rows of a setting: its key is in the first.
pub(crate) fn setting(key: &str, cells: Vec<Vec<String>>) -> impl Iterator<Item = Vec<String>> {
    let keys = iter::once(key.to_owned()).chain(iter::repeat(String::new()));
    keys.zip(cells).map(|(key, cells)| iter::once(key).chain(cells).collect())
}

fn layers(value: Option<&Value>) -> Vec<String> {
    let items = value.and_then(Value::as_array).into_iter().flatten();
    items.map(self::value).collect()
}

/// A memory size: `38 MiB`, `1.9 GiB`.
pub(crate) fn memory(bytes: u64) -> String {
    const MIB: f64 = 1_048_576.0;
    let mib = bytes as f64 / MIB;
    if mib < 1024.0 { format!("{mib:.0} MiB") } else { format!("{:.1} GiB", mib / 1024.0) }
}

/// When images are evaluated while runs train, and what that costs.
pub(crate) fn schedule(schedule: &Schedule) -> String {
    // An estimate: more digits would pretend to be exact.
    let time = |share: f64| match share {
        ..1.0 => format!("{:.0} % of the training's time", (100.0 * share).max(1.0)),
        _ => format!("{} times as long as the training", text::measured(share.round())),
    };
    let record = &schedule.record;
    if schedule.afterwards {
        return format!(
            "quality figures of {} images of each run when all are trained, on the CPU: about {} there \
             (`record.evaluate_epochs = 0` turns them off)",
            record.evaluate_images,
            time(schedule.share)
        );
    }
    let Some(period) = record.evaluate_epochs.period() else {
        return match schedule.without {
            None | Some(Without::Gpu | Without::Cluster) => "no quality figures while runs train".to_owned(),
            Some(Without::TooLong(share)) => format!(
                "no quality figures: one evaluation of each run would take about {}; `record.evaluate_epochs` asks \
                 for them all the same, `gansweep evaluate` computes them afterwards",
                time(share)
            ),
        };
    };
    let often = match period {
        1 if record.every_epochs == 1 => "after each epoch".to_owned(),
        AT_THE_END => "at the end of each run".to_owned(),
        // Epochs that are not recorded have no evaluation either.
        period => format!("after every {} epochs and at the end", common_period(period, record.every_epochs)),
    };
    let more = match record.final_images {
        0 => String::new(),
        images => format!(", of {images} images at the end"),
    };
    format!(
        "quality figures of {} images {often}{more}: about {} (`record.evaluate_epochs = 0` turns them off)",
        record.evaluate_images,
        time(schedule.share)
    )
}

/// The least common multiple of two numbers of epochs.
fn common_period(one: u32, other: u32) -> u64 {
    let (mut a, mut b) = (u64::from(one), u64::from(other));
    while b > 0 {
        (a, b) = (b, a % b);
    }
    u64::from(one) * u64::from(other) / a.max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_sizes_are_in_mib_or_gib() {
        assert_eq!(memory(40_000_000), "38 MiB");
        assert_eq!(memory(2 << 30), "2.0 GiB");
    }

    #[test]
    fn the_numbers_of_a_column_have_the_same_decimals_unless_their_sizes_differ_much() {
        let column = |values: &[f64]| numbers(&values.iter().copied().map(Some).collect::<Vec<_>>());
        assert_eq!(column(&[9.244, 13.6, 181.523]), ["9.244", "13.600", "181.523"]);
        assert_eq!(column(&[0.87, 0.9301, 1.0]), ["0.8700", "0.9301", "1.0000"]);
        assert_eq!(column(&[12.0, 300.0]), ["12", "300"]);
        assert_eq!(column(&[1.206, 2107.0]), ["1.206", "2107"]);
        assert_eq!(column(&[1e-7, 2.0]), ["1e-7", "2"]);
        assert_eq!(numbers(&[Some(f64::NAN), None, Some(0.5), Some(0.25)]), ["NaN", "", "0.50", "0.25"]);
        assert_eq!(numbers(&[]), [""; 0]);
    }

    #[test]
    fn a_column_without_a_filled_cell_is_left_out() {
        let row = |cells: [&str; 3]| cells.map(str::to_owned).to_vec();
        let header = ["RUN", "FD", "CAUSE"];
        let rows = vec![row(["a", "", "diverged"]), row(["b", "", ""])];
        assert_eq!(table_of_filled_columns(&header, rows), "RUN  CAUSE\na    diverged\nb");
        assert_eq!(table_of_filled_columns(&header, Vec::new()), "RUN  FD  CAUSE");
    }
}
