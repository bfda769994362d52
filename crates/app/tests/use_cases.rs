//! Every use case, called as a library calls it: without a terminal, a command line or the program.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use gansweep_app::checkpoint::WhichCheckpoint;
use gansweep_app::experiment::ExperimentRequest;
use gansweep_app::export::{NetworksRequest, RowsRequest};
use gansweep_app::generate::GenerateRequest;
use gansweep_app::plan::{DataAvailability, DataPreview, PlanRequest, preview};
use gansweep_app::recorded::RowFormat;
use gansweep_app::report::ReportRequest;
use gansweep_app::sweep::{self, SweepEnd, SweepOutcome, SweepRequest, Workers};
use gansweep_app::{AppError, ErrorClass, ExecutionRequest, Programs, Progress};
use gansweep_app::{data, export, generate, recorded, report};
use gansweep_config::{Dataset, LoadOptions, RunState};
use gansweep_data::{DataSource, strokes};
use gansweep_scheduler::{Notice, StopLevel, StopSignal};
use gansweep_store::export::Entity;
use gansweep_store::{ResultsLock, RunFilter};
use tempfile::TempDir;

/// Four runs of ten steps each on the built-in digits.
const SMALL: &str = r#"
name = "small"
recipe = "fast"

[data]
dataset = "strokes"
images = 320

[model]
hidden = 16
latent_dim = 4

[train]
epochs = 2
batch_size = 64

[record]
every_steps = 5
grid_rows = 2
grid_cols = 2

[sweep]
seeds = 2

[sweep.grid]
"optimizer.lr" = [2e-4, 1e-3]
"#;

/// A folder of its own, and a cache that all tests share: the built-in digits are drawn once.
struct Sandbox(TempDir);

impl Sandbox {
    fn new(experiment: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("small.toml"), experiment).unwrap();
        Self(folder)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn plan(&self) -> PlanRequest {
        let cache_dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("cache/gansweep");
        PlanRequest {
            experiment: ExperimentRequest {
                file: self.path("small.toml"),
                options: LoadOptions::default(),
                data: DataSource {
                    data_dir: None,
                    idx_dir: None,
                    cache_dir,
                    skip_damaged: false,
                    offline: true,
                },
            },
            execution: ExecutionRequest { jobs: Some(2), ..ExecutionRequest::default() },
            results: self.path("results"),
            programs: Programs::of("/no/such/program".into()),
            only: Vec::new(),
        }
    }

    fn sweep(&self) -> SweepRequest {
        SweepRequest {
            plan: self.plan(),
            workers: Workers::Threads,
            restore_checkpoints: false,
            retry_failed: false,
            detach: false,
        }
    }
}

/// Trains to the end and notes what was told on the way, in a word each.
fn train(request: &SweepRequest) -> (SweepOutcome, Vec<String>) {
    let mut told = Vec::new();
    let mut observer = |progress: Progress<'_>| told.extend(word(&progress));
    let prepared = sweep::prepare(request, &mut observer).unwrap();
    match prepared.train(&StopSignal::new(), &mut observer).unwrap() {
        SweepEnd::Trained(outcome) => (outcome, told),
        SweepEnd::Cancelled => panic!("nobody cancelled it"),
    }
}

fn word(progress: &Progress<'_>) -> Option<String> {
    match progress {
        Progress::Planned(plan) => Some(format!("planned {}", plan.runs.len())),
        Progress::FellBack { dataset, fallback, .. } => {
            Some(format!("{} for {}", fallback.name(), dataset.name()))
        }
        Progress::Sweep(Notice::Begun { .. }) => Some("begun".to_owned()),
        Progress::Sweep(Notice::Skipped { .. }) => Some("skipped".to_owned()),
        Progress::Sweep(Notice::RunEnded { state, .. }) => Some(state.name().to_owned()),
        Progress::WritingReport { .. } => Some("report".to_owned()),
        _ => None,
    }
}

#[test]
fn a_sweep_goes_from_its_plan_to_its_report_without_a_terminal() {
    let sandbox = Sandbox::new(SMALL);
    let before = preview(&sandbox.plan(), &mut |_: Progress<'_>| ()).unwrap();
    assert_eq!((before.plan.runs.len(), before.done(), before.groups.len()), (4, 0, 4));
    assert_eq!(
        before.data,
        [DataPreview {
            dataset: Dataset::Strokes,
            spec: strokes::spec(),
            availability: DataAvailability::Local
        }]
    );
    assert!(!sandbox.path("results").exists(), "a preview writes nothing");

    let (outcome, told) = train(&sandbox.sweep());
    assert!(outcome.summary.all_well() && outcome.summary.completed == 4, "{:?}", outcome.summary);
    let completed = "completed";
    assert_eq!(told, ["planned 4", "begun", completed, completed, completed, completed, "report"]);
    assert!(outcome.database.is_file());
    let runs = recorded::list_runs(&sandbox.path("results"), &RunFilter::default()).unwrap();
    let page = fs::read_to_string(outcome.report.unwrap()).unwrap();
    assert!(runs.len() == 4 && runs.iter().all(|run| page.contains(run.id.as_str())));

    let after = preview(&sandbox.plan(), &mut |_: Progress<'_>| ()).unwrap();
    assert_eq!((after.done(), after.groups.len()), (4, 0));
    let (again, told) = train(&sandbox.sweep());
    assert_eq!((again.summary.skipped, again.summary.completed), (4, 0));
    assert_eq!(told.iter().filter(|word| *word == "skipped").count(), 4);
}

#[test]
fn what_was_recorded_is_shown_drawn_and_exported_without_a_terminal() {
    let sandbox = Sandbox::new(SMALL);
    train(&sandbox.sweep());
    let results = sandbox.path("results");
    let runs = recorded::list_runs(&results, &RunFilter::default()).unwrap();
    let run = runs[0].id.to_string();

    let details = recorded::show_run(&results, &run[..8]).unwrap();
    assert_eq!((details.run.state, details.attempts.len()), (RunState::Completed, 1));
    assert_eq!(details.checkpoint.unwrap().step, 10);
    let both = [run.clone(), runs[2].id.to_string()];
    let comparison = recorded::compare_runs(&results, &both).unwrap();
    assert!(comparison.differences.iter().all(|it| it.key.contains("lr")), "{:?}", comparison.differences);
    assert!(comparison.last_values.iter().all(|it| it.values.len() == 2 && it.values[0].is_some()));
    let table = recorded::query(&results, "SELECT count(*) FROM runs").unwrap();
    assert_eq!(table.rows[0][0].to_string(), "4");

    let picture = sandbox.path("new.png");
    let request = GenerateRequest {
        results: results.clone(),
        run: run.clone(),
        count: 6,
        class: None,
        seed: 1,
        raw: false,
        checkpoint: WhichCheckpoint::Last,
        output: generate::Output::Grid { cols: None, between: false },
        out: Some(picture.clone()),
    };
    assert_eq!(
        generate::generate(&request, &AtomicBool::new(false), &mut |_: Progress<'_>| ()).unwrap().path,
        picture
    );
    assert!(fs::read(picture).unwrap().starts_with(b"\x89PNG"));

    let rows = RowsRequest {
        results: results.clone(),
        entity: Entity::Points,
        sweep: Some("small".to_owned()),
        format: RowFormat::Csv,
    };
    let mut text = Vec::new();
    export::rows(&rows, &mut text).unwrap();
    export::rows_to_file(&rows, &sandbox.path("points.csv")).unwrap();
    assert_eq!(fs::read(sandbox.path("points.csv")).unwrap(), text);
    assert!(text.starts_with(b"run,metric,step,value,kind,attempt\n"));

    let networks = NetworksRequest {
        results: results.clone(),
        run,
        prefix: String::new(),
        raw: false,
        checkpoint: WhichCheckpoint::Last,
        out: Some(sandbox.path("out")),
    };
    let written = export::networks(&networks).unwrap().paths;
    assert_eq!(written.len(), 2);
    assert!(written.iter().all(|path| path.is_file()));

    let page = ReportRequest {
        results: results.clone(),
        sweeps: Vec::new(),
        out: None,
        objective: None,
        max_image_bytes: None,
        split: false,
    };
    assert_eq!(report::make(&page).unwrap(), results.join("report.html"));
}

#[test]
fn a_dataset_that_is_not_to_be_had_is_replaced_and_the_observer_is_told() {
    let text = SMALL.replace("dataset = \"strokes\"", "dataset = \"kmnist\"\nfallback = \"strokes\"");
    let sandbox = Sandbox::new(&text.replace("seeds = 2", "seeds = 1"));
    let availability = DataAvailability::ReplacedBy(Dataset::Strokes);
    assert_eq!(
        preview(&sandbox.plan(), &mut |_: Progress<'_>| ()).unwrap().data,
        [DataPreview { dataset: Dataset::Kmnist, spec: strokes::spec(), availability }]
    );
    let (_, told) = train(&sandbox.sweep());
    assert_eq!(told[..2], ["strokes for kmnist", "planned 2"]);
}

#[test]
fn a_sweep_that_waits_for_its_folder_can_be_stopped() {
    let sandbox = Sandbox::new(SMALL);
    let results = sandbox.path("results");
    let _held = ResultsLock::acquire(&results, &mut |_| {}, &|| false).unwrap().unwrap();
    let stop = StopSignal::new();
    let mut holders = Vec::new();
    let mut observer = |progress: Progress<'_>| {
        if let Progress::WaitingForResults { holder, .. } = progress {
            holders.push(holder.to_owned());
            stop.raise(StopLevel::Cleanly);
        }
    };
    let prepared = sweep::prepare(&sandbox.sweep(), &mut observer).unwrap();
    assert!(matches!(prepared.train(&stop, &mut observer).unwrap(), SweepEnd::Cancelled));
    assert_eq!(holders, [format!("process {}", std::process::id())]);
    assert!(!results.join("results.sqlite").exists());
}

#[test]
fn a_request_for_what_is_not_there_is_refused_before_anything_starts() {
    let sandbox = Sandbox::new(SMALL);
    let results = sandbox.path("results");
    let on = |device: &str| {
        let mut request = sandbox.sweep();
        request.plan.execution.devices = vec![device.to_owned()];
        sweep::prepare(&request, &mut |_: Progress<'_>| {}).map(drop).unwrap_err()
    };
    assert!(matches!(on("gpu"), AppError::DeviceName(_)));
    assert!(matches!(on("vulkan:9"), AppError::UnknownDevice { name, .. } if name == "vulkan:9"));
    assert!(matches!(data::named("emnist"), Err(AppError::UnknownDataset { .. })));
    let nothing_yet = recorded::list_runs(&results, &RunFilter::default()).unwrap_err();
    for error in [on("gpu"), on("vulkan:9"), data::named("emnist").unwrap_err(), nothing_yet] {
        assert_eq!(error.class(), ErrorClass::Refused, "{error}");
    }
    assert!(!results.exists());
}

#[test]
fn what_fails_after_the_work_began_is_told_from_a_wrong_request() {
    let sandbox = Sandbox::new(SMALL);
    train(&sandbox.sweep());
    let rows = RowsRequest {
        results: sandbox.path("results"),
        entity: Entity::Runs,
        sweep: None,
        format: RowFormat::JsonLines,
    };
    let blocked = sandbox.path("a file");
    fs::write(&blocked, "").unwrap();
    let error = export::rows_to_file(&rows, &blocked.join("runs.jsonl")).unwrap_err();
    assert!(error.class() == ErrorClass::Failed && error.to_string().contains("a file"), "{error}");
}
