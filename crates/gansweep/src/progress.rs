//! Progress on stderr: bars on a terminal, lines otherwise, nothing with `--quiet`.

use std::io;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use gansweep_app::{CacheEffect, Observer, Progress};
use gansweep_base::{printable, text};
use gansweep_config::RunState;
use gansweep_data::{Download, Progress as DataProgress};
use gansweep_scheduler::{Notice, RunName, StopLevel, StoppingWorker, SweepProgress, WorkerProgress};
use gansweep_store::DEFAULT_RESULTS;
use indicatif::{HumanBytes, MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle, TermLike};

use crate::{messages, output};

/// Interval of progress lines when there are no bars.
const LINE_INTERVAL: Duration = Duration::from_secs(10);

/// Displays progress on stderr.
pub(crate) struct Display {
    mode: Mode,
    bars: MultiProgress,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Quiet,
    Lines,
    Bars,
}

#[derive(Default)]
struct State {
    /// The bar of a download, or of pictures that are prepared.
    data: Option<ProgressBar>,
    sweep: Option<ProgressBar>,
    workers: Vec<ProgressBar>,
    last_line: Option<Instant>,
    skipped: usize,
}

impl Observer for Display {
    fn observe(&mut self, progress: Progress<'_>) {
        match progress {
            Progress::Data(DataProgress::Download(download)) => self.download(download),
            Progress::Data(DataProgress::Images { done, total }) => {
                let told = format!("preparing {}", text::count(*total, "picture"));
                self.counted("preparing pictures", &told, *done, *total);
            }
            Progress::Data(DataProgress::LeftOut(left_out)) => self.print(&left_out.to_string()),
            Progress::DataEnded => self.data_done(),
            Progress::EvaluatorCache { error, effect } => self.warn(&format!("{error}; {}", cost(effect))),
            Progress::TrainingEvaluator { dataset, progress } => {
                let what = format!("training the evaluator of {}", dataset.name());
                let told = format!("{what}, once, for quality figures: {}", text::count(progress.steps, "step"));
                self.counted(&what, &told, progress.step, progress.steps);
            }
            Progress::FiguresNotRecorded(error) => {
                self.warn(&format!("{error}\nThe figures are shown and not recorded."));
            }
            Progress::EnergyUnknown(error) => self.warn(&format!("{error}\nThe energy is not estimated.")),
            Progress::NotEvaluated { label, error } => self.warn(&format!("{label} has no quality figures: {error}")),
            Progress::Evaluating { label, place, runs } => {
                let what = format!("evaluating {}", text::count(runs, "run"));
                self.counted(&what, &what, place, runs);
                if self.mode == Mode::Lines {
                    messages::print(&format!("evaluating {label}"));
                }
            }
            Progress::Generating { done, total } => {
                let told = format!("generating {}", text::count(total, "image"));
                self.counted("generating images", &told, done, total);
            }
            Progress::FellBack { fallback, reason, .. } => self.warn(&format!(
                "{reason}\nTraining on {} instead, because of [data] fallback; database and report record this.",
                fallback.name()
            )),
            Progress::NotInDataFolder { dataset, folder } => self.print(&match folder.is_dir() {
                true => format!("{} has no files of {}: using the cache", folder.display(), dataset.name()),
                false => format!("there is no folder {}: using the cache for {}", folder.display(), dataset.name()),
            }),
            Progress::Scheduled(schedule) if schedule.is_on() || schedule.afterwards => self.print(&output::schedule(schedule)),
            Progress::UnusedExclusion(place) => self.warn(&output::unused_exclusion(place)),
            Progress::MergedVariant { variant, earlier } => self.warn(&output::merged_variant(variant, earlier)),
            Progress::WithoutEffect(setting) => self.warn(&output::without_effect(setting)),
            Progress::SearchWithoutProposals(trials) => self.warn(&output::search_without_proposals(trials)),
            Progress::RunsLeft { name, runs } => self.warn(&output::runs_left(name, runs)),
            Progress::SortedPart(part) => self.warn(&output::sorted_part(part)),
            Progress::UnusedDataPath(path) => self.warn(&output::unused_data_path(path)),
            Progress::OtherFile { name, before, now } => self.warn(&output::other_file(name, before, now)),
            Progress::ChangedRows { first, more } => self.warn(&output::changed_rows(first, more)),
            Progress::WaitingForResults { results, holder } => {
                self.print(&format!("{} is in use by {holder}; waiting for it", results.display()));
            }
            Progress::Sweep(notice) => self.notice(notice),
            Progress::WritingReport { page, sweep, stopped } => {
                self.finish();
                if stopped {
                    self.print(&writing_report(page, sweep));
                }
            }
            _ => {}
        }
    }
}

impl Display {
    /// Bars if stderr is a terminal that can show them, otherwise lines; nothing if `quiet`.
    pub(crate) fn new(quiet: bool) -> Self {
        let mode = match (quiet, messages::is_smart_terminal()) {
            (true, _) => Mode::Quiet,
            (false, true) => Mode::Bars,
            (false, false) => Mode::Lines,
        };
        Self::in_mode(mode)
    }

    /// Without bars: for when the log writes to the terminal too, which would tear them.
    pub(crate) fn without_bars(quiet: bool) -> Self {
        Self::in_mode(if quiet { Mode::Quiet } else { Mode::Lines })
    }

    fn in_mode(mode: Mode) -> Self {
        let target = match mode {
            Mode::Bars => ProgressDrawTarget::term_like_with_hz(Box::new(StderrTerminal::default()), 20),
            Mode::Lines | Mode::Quiet => ProgressDrawTarget::hidden(),
        };
        Self { mode, bars: MultiProgress::with_draw_target(target), state: State::default() }
    }

    /// Prints a line, above the bars if there are any.
    pub(crate) fn print(&self, line: &str) {
        match self.mode {
            Mode::Quiet => {}
            Mode::Lines => messages::print(line),
            Mode::Bars => self.bars.suspend(|| messages::print(line)),
        }
    }

    /// Prints a warning, also with `quiet`.
    fn warn(&self, line: &str) {
        self.bars.suspend(|| messages::warning(&line));
    }

    /// Updates the bar of a download.
    fn download(&mut self, progress: &Download) {
        let told = format!("downloading {}", progress.url);
        let total = progress.total.unwrap_or(0);
        let received = HumanBytes(progress.received);
        let line = match progress.total {
            Some(total) => format!("{}: {received} of {}", progress.file, HumanBytes(total)),
            None => format!("{}: {received}", progress.file),
        };
        let numbers = "{bytes}/{total_bytes} {bytes_per_sec}";
        self.data_bar(progress.file, &told, &line, (progress.received, total), numbers);
    }

    /// Updates the bar of work that is counted. Without bars, `told` is printed at its beginning.
    fn counted(&mut self, what: &str, told: &str, done: usize, total: usize) {
        let line = format!("{what}: {done} of {total}");
        self.data_bar(what, told, &line, (done as u64, total as u64), "{pos}/{len}");
    }

    /// Updates the one bar beside those of the sweep. Work of another name, or of another total, replaces it. Without bars,
    /// `told` is printed at the beginning of the work, and `line` from time to time.
    fn data_bar(&mut self, what: &str, told: &str, line: &str, (done, total): (u64, u64), numbers: &str) {
        let is_same = |bar: &ProgressBar| bar.message() == what && bar.length() == Some(total);
        if !self.state.data.as_ref().is_some_and(is_same) {
            if let Some(done) = self.state.data.take() {
                done.finish_and_clear();
            }
            if self.mode == Mode::Lines {
                messages::print(told);
                self.state.last_line = Some(Instant::now());
            }
            let bar = ProgressBar::new(total).with_message(what.to_owned());
            bar.set_style(style(&format!("{{msg:34}} {{bar:30}} {numbers}")));
            self.state.data = Some(self.bars.add(bar));
        } else if self.mode == Mode::Lines && self.is_line_due(Instant::now()) {
            messages::print(line);
        }
        if let Some(bar) = &self.state.data {
            bar.set_position(done);
        }
    }

    /// Removes the bar of a download, or of work that is counted.
    fn data_done(&mut self) {
        if let Some(bar) = self.state.data.take() {
            bar.finish_and_clear();
        }
    }

    /// Displays a notice of the scheduler.
    fn notice(&mut self, notice: &Notice) {
        match notice {
            Notice::Begun { groups, slots, progress } => self.start_sweep(*groups, *slots, progress),
            Notice::Progress { sweep, workers } => self.progress(sweep, workers),
            Notice::Skipped { .. } => self.state.skipped += 1,
            Notice::Resuming { run, step } => self.print(&format!("{} resumes from step {step}", name(run))),
            Notice::RunEnded { run, state, step, cause } => self.run_ended(run, *state, *step, cause),
            Notice::Stopping { level, workers } => self.stopping(*level, *workers),
            Notice::Leaving { workers, waiting } => self.print(&leaving(*workers, *waiting)),
            Notice::WaitingForWorkers { workers, waited } => self.print(&waiting(workers, *waited)),
            Notice::GroupStarted { .. } => {}
            other => {
                if let Some(line) = warning(other) {
                    self.warn(&line);
                }
            }
        }
    }

    fn start_sweep(&mut self, groups: usize, slots: usize, progress: &SweepProgress) {
        let skipped = self.state.skipped;
        if skipped > 0 {
            self.print(&format!("{} already done", text::count(skipped, "run")));
        }
        if groups == 0 {
            return;
        }
        let to_train = progress.runs - progress.done;
        self.print(&format!(
            "training {} on {}",
            text::count(to_train, "run"),
            text::count(slots.min(groups), "worker")
        ));
        if self.mode == Mode::Bars {
            let bar = self.bars.add(ProgressBar::new(1000));
            bar.set_style(style("{bar:30} {msg}"));
            self.state.sweep = Some(bar);
        }
    }

    fn progress(&mut self, sweep: &SweepProgress, workers: &[WorkerProgress]) {
        match self.mode {
            Mode::Quiet => {}
            Mode::Lines => {
                if self.is_line_due(Instant::now()) {
                    messages::print(&sweep_line(sweep));
                }
            }
            Mode::Bars => {
                if let Some(bar) = &self.state.sweep {
                    bar.set_message(sweep_line(sweep));
                    bar.set_position((sweep.fraction * 1000.0) as u64);
                }
                self.show_workers(workers);
            }
        }
    }

    /// Whether a line is to be printed now; the first comes an interval after the first call.
    fn is_line_due(&mut self, now: Instant) -> bool {
        let last = *self.state.last_line.get_or_insert(now);
        let is_due = now.duration_since(last) >= LINE_INTERVAL;
        if is_due {
            self.state.last_line = Some(now);
        }
        is_due
    }

    /// Shows one bar per active worker.
    fn show_workers(&mut self, workers: &[WorkerProgress]) {
        let bars = &mut self.state.workers;
        while bars.len() > workers.len() {
            if let Some(bar) = bars.pop() {
                bar.finish_and_clear();
                self.bars.remove(&bar);
            }
        }
        while bars.len() < workers.len() {
            let bar = self.bars.add(ProgressBar::new(1000));
            bar.set_style(style("  {bar:28} {msg}"));
            bars.push(bar);
        }
        for (bar, worker) in bars.iter().zip(workers) {
            bar.set_message(worker_line(worker));
            bar.set_position((worker.fraction * 1000.0) as u64);
        }
    }

    fn run_ended(&self, run: &RunName, state: RunState, step: u64, cause: &str) {
        let line = match state {
            RunState::Completed => format!("{} completed", name(run)),
            _ if cause.is_empty() => format!("{} {} at step {step}", name(run), state.name()),
            _ => format!("{} {} at step {step}: {cause}", name(run), state.name()),
        };
        match state {
            RunState::Diverged | RunState::Failed => self.warn(&line),
            _ => self.print(&line),
        }
    }

    fn stopping(&self, level: StopLevel, workers: usize) {
        if workers == 0 {
            return;
        }
        self.print(&match level {
            StopLevel::AtOnce => format!("ending {} at once", text::count(workers, "worker")),
            _ => format!(
                "stopping: {} finishing the step and saving (Ctrl-C again to end at once)",
                text::count(workers, "worker")
            ),
        });
    }

    /// Removes all bars.
    pub(crate) fn finish(&mut self) {
        self.show_workers(&[]);
        if let Some(bar) = self.state.sweep.take() {
            bar.finish_and_clear();
        }
    }
}

/// What a file in the cache of evaluators that cannot be used, or written, costs.
fn cost(effect: CacheEffect) -> &'static str {
    match effect {
        CacheEffect::Trained => "the evaluator is trained anew",
        CacheEffect::NotKept => "the evaluator is used now, and trained anew by whatever needs it next",
        CacheEffect::FeaturesComputed => "the features of the real images are computed anew",
        CacheEffect::FeaturesNotKept => {
            "the features of the real images are used now, and computed anew by whatever needs them next"
        }
    }
}

/// The terminal behind the bars. indicatif panics if its terminal returns an error, so this one has none:
/// it collects what a frame draws and passes it on as one message.
#[derive(Debug, Default)]
struct StderrTerminal(Mutex<String>);

impl StderrTerminal {
    fn push(&self, text: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push_str(text);
    }

    /// Moves the cursor by an escape sequence; a count of zero would move it by one.
    fn move_cursor(&self, count: usize, direction: char) {
        if count > 0 {
            self.push(&format!("\x1b[{count}{direction}"));
        }
    }
}

impl TermLike for StderrTerminal {
    fn width(&self) -> u16 {
        terminal_size::terminal_size_of(io::stderr()).map_or(80, |(width, _)| width.0)
    }

    fn height(&self) -> u16 {
        terminal_size::terminal_size_of(io::stderr()).map_or(24, |(_, height)| height.0)
    }

    fn move_cursor_up(&self, n: usize) -> io::Result<()> {
        self.move_cursor(n, 'A');
        Ok(())
    }

    fn move_cursor_down(&self, n: usize) -> io::Result<()> {
        self.move_cursor(n, 'B');
        Ok(())
    }

    fn move_cursor_right(&self, n: usize) -> io::Result<()> {
        self.move_cursor(n, 'C');
        Ok(())
    }

    fn move_cursor_left(&self, n: usize) -> io::Result<()> {
        self.move_cursor(n, 'D');
        Ok(())
    }

    fn write_line(&self, text: &str) -> io::Result<()> {
        self.push(text);
        self.push("\n");
        Ok(())
    }

    fn write_str(&self, text: &str) -> io::Result<()> {
        self.push(text);
        Ok(())
    }

    fn clear_line(&self) -> io::Result<()> {
        self.push("\r\x1b[2K");
        Ok(())
    }

    fn flush(&self) -> io::Result<()> {
        messages::frame(std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner)));
        Ok(())
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template)
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .progress_chars("━╸─")
}

fn name(run: &RunName) -> String {
    format!("{} {}", run.id, printable::line(&run.label))
}

fn writing_report(page: &Path, sweep: &str) -> String {
    let results = page.parent().filter(|folder| *folder != Path::new(DEFAULT_RESULTS));
    let results = results.map(|folder| text::shell_word(&folder.display().to_string()));
    format!(
        "writing the report {} (Ctrl-C again skips it; `gansweep report --sweep {}{}` writes it later)",
        page.display(),
        text::shell_word(sweep),
        results.map_or_else(String::new, |folder| format!(" --results {folder}"))
    )
}

/// `3/16 runs, 1 diverged, 2 min 10 s left`.
fn sweep_line(sweep: &SweepProgress) -> String {
    let mut text = format!("{}/{} runs", sweep.done, sweep.runs);
    let counts = [
        (sweep.pruned, "pruned"),
        (sweep.paused, "paused"),
        (sweep.diverged, "diverged"),
        (sweep.failed, "failed"),
    ];
    for (number, what) in counts {
        if number > 0 {
            text += &format!(", {number} {what}");
        }
    }
    if let Some(remaining) = sweep.remaining {
        text += &format!(", {} left", text::seconds(remaining.as_secs_f64()));
    }
    text
}

/// `leaving: 12 tasks go on in Slurm`.
fn leaving(workers: usize, waiting: usize) -> String {
    let go = if workers == 1 { "goes" } else { "go" };
    let left = format!("leaving: {} {go} on in Slurm", text::count(workers, "task"));
    match waiting {
        0 => left,
        _ => format!(
            "{left}, {waiting} not submitted; the same command submits what is missing (Ctrl-C again does not wait for \
             sbatch)"
        ),
    }
}

/// `after 12 s still waiting for 2 workers to finish a step and save: cpu lr=1e-4 seed=0; ...`.
fn waiting(workers: &[StoppingWorker], waited: Duration) -> String {
    const NAMED: usize = 4;
    let mut names: Vec<String> = workers
        .iter()
        .take(NAMED)
        .map(|worker| {
            let others =
                if worker.lanes > 1 { format!(" +{} lanes", worker.lanes - 1) } else { String::new() };
            format!("{} {}{others}", worker.device, worker.label)
        })
        .collect();
    if workers.len() > NAMED {
        names.push(format!("{} more", workers.len() - NAMED));
    }
    format!(
        "after {} still waiting for {} to finish a step and save: {} (again to end at once, without what is not saved)",
        text::seconds(waited.as_secs_f64()),
        text::count(workers.len(), "worker"),
        names.join("; ")
    )
}

/// `cpu lr=1e-4 seed=0: epoch 2/5, D 0.612 G 1.204, 21043 images/s`.
fn worker_line(worker: &WorkerProgress) -> String {
    let others = if worker.lanes > 1 { format!(" +{} lanes", worker.lanes - 1) } else { String::new() };
    let label = printable::line(&worker.label);
    if worker.epoch == 0 {
        return format!("{} {label}{others}: starting", worker.device);
    }
    format!(
        "{} {label}{others}: epoch {}/{}, D {:.3} G {:.3}, {:.0} images/s",
        worker.device, worker.epoch, worker.epochs, worker.d_loss, worker.g_loss, worker.images_per_second
    )
}

/// The text of notices that are shown even with `quiet`.
fn warning(notice: &Notice) -> Option<String> {
    match notice {
        Notice::Reclaimed { run, attempt } => Some(format!(
            "attempt {attempt} of run {run} ended without being recorded; it is marked as interrupted"
        )),
        Notice::CheckpointUnusable { run, path, reason } if path.is_empty() => {
            Some(format!("{} starts from the beginning: its checkpoint {reason}", name(run)))
        }
        Notice::CheckpointUnusable { run, path, reason } => {
            Some(format!("{} starts from the beginning: checkpoint {path}: {reason}", name(run)))
        }
        Notice::BestUnusable { run, path, reason } => Some(format!(
            "the best checkpoint of {} is lost ({path}: {reason}); the next figures choose another",
            name(run)
        )),
        Notice::WorkerLost { device, cause, requeued, failed, .. } => Some(format!(
            "a worker on {device} died: {cause}; {} requeued, {} failed",
            text::count(requeued.len(), "run"),
            text::count(failed.len(), "run"),
        )),
        Notice::SlotLost { device, cause, left, .. } => {
            Some(format!("{device} is no longer used: {cause}; {} left", text::count(*left, "slot")))
        }
        Notice::SharedCause { cause } => {
            let cause = cause.strip_prefix("error: ").unwrap_or(cause);
            Some(format!("the sweep ends because this affects every run: {cause}"))
        }
        Notice::Leftover { path, reason } => {
            Some(format!("cannot delete {path}, which is no longer needed: {reason}"))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn progress() -> SweepProgress {
        SweepProgress {
            runs: 16,
            done: 3,
            diverged: 1,
            pruned: 0,
            failed: 0,
            active: 2,
            pending: 0,
            paused: 0,
            steps_done: 30,
            steps_total: 160,
            fraction: 0.2,
            elapsed: Duration::from_secs(30),
            remaining: Some(Duration::from_secs(130)),
        }
    }

    #[test]
    fn without_bars_a_plain_line_comes_every_ten_seconds() {
        let mut display = Display::in_mode(Mode::Lines);
        let begin = Instant::now();
        let mut due = Vec::new();
        for tenths in 0..350 {
            if display.is_line_due(begin + Duration::from_millis(100 * tenths)) {
                due.push(tenths);
            }
        }
        assert_eq!(due, [100, 200, 300]);
        assert_eq!(sweep_line(&progress()), "3/16 runs, 1 diverged, 2 min 10 s left");
        assert!(display.bars.is_hidden(), "bars would write escape sequences");
    }

    #[test]
    fn whoever_stops_a_sweep_is_told_where_its_page_will_be_and_how_to_skip_it() {
        assert_eq!(
            writing_report(Path::new("results/lr.html"), "my lr"),
            "writing the report results/lr.html (Ctrl-C again skips it; `gansweep report --sweep 'my lr'` writes it later)"
        );
        assert_eq!(
            writing_report(Path::new("my runs/lr.html"), "lr"),
            "writing the report my runs/lr.html (Ctrl-C again skips it; `gansweep report --sweep lr --results 'my runs'` \
             writes it later)"
        );
    }
}
