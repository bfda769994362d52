//! Keys outside of the config: origin, `[record]`, `[execution]`, `[sweep]` without its axes, `[search]` and `[prune]`.

use crate::recipes;
use crate::schema::declare::{execution, origin, prune, record, sweep};
use crate::schema::key::Key;
use crate::schema::kind::{Interval, Kind, MAX_SEED};
use crate::{RANKING_METRICS, Record, Search};

/// A time in seconds, up to a day.
const SECONDS: Kind = Kind::Number(Interval::closed(0.0, 86_400.0));

/// Keys at the top of the file, in the order of the documentation.
pub(super) static ORIGIN: &[Key] = &[
    origin(
        "name",
        Kind::Name,
        None,
        "The name of the sweep in the database, in reports and on the command line. Without the key: the file's name without its extension, which must then be such a text.",
    ),
    origin("description", Kind::Text, Some("\"\""), "A description in your words; the report shows it."),
    origin(
        "recipe",
        Kind::Choice(&recipes::NAMES),
        Some("\"fast\""),
        "The recipe, whose values hold for every key that the file does not set. May be swept.",
    ),
];

/// Keys of `[record]`, in the order of the documentation.
pub(super) static RECORD: &[Key] = &[
    record(
        "record.every_steps",
        Kind::Integer(1, 1_000_000),
        "100",
        "Number of steps between two records of the metrics. They are also recorded at the end of each recorded epoch.",
    ),
    record(
        "record.every_epochs",
        Kind::Integer(1, 100_000),
        "1",
        "Number of epochs between two records of a sample grid and the epoch's means. The last epoch is always recorded.",
    ),
    record(
        "record.grid_rows",
        Kind::Integer(1, 400),
        "6",
        "Rows of a sample grid; a grid has at most 400 images.",
    ),
    record(
        "record.grid_cols",
        Kind::Integer(1, 400),
        "10",
        "Columns of a sample grid. That of a conditional run has a column for each class instead, up to 50, with the same latent vector in a row.",
    ),
    record(
        "record.sample_mode",
        Kind::Choice(&["eval", "batch-statistics"]),
        "\"eval\"",
        "How grids are drawn: with the running statistics of batch normalisation, or with the grid's own. Dropout is off in both cases.",
    ),
    record(
        "record.latent_seed",
        Kind::Integer(0, MAX_SEED),
        "0",
        "The seed of the latents of all grids; all runs share them.",
    ),
    record(
        "record.palette",
        Kind::Choice(&["gray", "gray-r"]),
        "\"gray\"",
        "How the report shows images: white strokes on black, or black on white.",
    ),
    record(
        "record.checkpoint_seconds",
        SECONDS,
        "30",
        "The shortest time between checkpoints in seconds. They are written at the ends of recorded epochs and of the run; `0` for every recorded epoch.",
    ),
    record(
        "record.evaluate_epochs",
        Kind::IntegerOrAuto(0, 100_000),
        "\"auto\"",
        "Number of epochs between two records of quality figures (`fd`, `recall`, ...); `0` for none. They are recorded at recorded epochs, at rungs and at the end of a run. `\"auto\"` chooses for all runs the smallest of 1, 2, 5, 10, ... 500 epochs, or else the end alone, for which the figures take at most 5 % of the sweep's training on the CPU by an estimate; none if even that takes more. With `\"auto\"`, runs on a GPU or a cluster are evaluated on the CPU once the whole sweep is trained. The first such sweep of a dataset trains the classifier that the figures need. `gansweep evaluate` computes figures of trained runs.",
    ),
    record(
        "record.evaluate_images",
        Kind::Integer(10, 100_000),
        "2000",
        "Number of images of each of these evaluations. Figures of different numbers do not compare.",
    ),
    record(
        "record.final_images",
        Kind::Integer(0, 100_000),
        "10000",
        "Number of images of a further evaluation at the end of each run, kept in the table `evaluations`; `0` for none. With `evaluate_epochs = \"auto\"` there is none where it would take more than 5 % of the training.",
    ),
    record(
        "record.best",
        Kind::Choice(Record::BEST),
        "\"fd\"",
        "The quality figure that says which of a run's checkpoints is its best, kept beside the last one for `generate --best`, `export --best` and `evaluate --best`; `none` for none. Figures are those of `record.evaluate_epochs`.",
    ),
];

/// Keys of `[execution]`, in the order of the documentation.
pub(super) static EXECUTION: &[Key] = &[
    execution(
        "execution.devices",
        Kind::Devices,
        "[\"auto\"]",
        "Devices that take groups of runs from one queue; `auto` is the best one here. Also `--device`.",
    ),
    execution(
        "execution.jobs",
        Kind::Integer(0, 1024),
        "0",
        "Workers at the same time on each device; `0` lets the program choose. Also `--jobs`.",
    ),
    execution(
        "execution.fuse",
        Kind::Integer(0, 4096),
        "0",
        "The most runs of equal tensor shapes that are trained together; `0` lets the program choose, `1` trains every run alone. Also `--fuse`.",
    ),
    execution(
        "execution.hang_seconds",
        Kind::Number(Interval::closed(1.0, 86_400.0)),
        "300",
        "A worker that gives no sign of life for this number of seconds, or neither finishes a step nor uses the processor, is taken for hung and replaced.",
    ),
    execution(
        "execution.attempts",
        Kind::Integer(1, 100),
        "3",
        "After how many failed attempts in a row a run has failed. An attempt that wrote a checkpoint begins the count anew.",
    ),
    execution(
        "execution.retry_seconds",
        Kind::Number(Interval::closed(0.0, 3600.0)),
        "0.2",
        "The pause before the next attempt in the same place after one has failed, in seconds; twice as long after each further failure of the same runs, up to 256 times.",
    ),
    execution(
        "execution.run_hours",
        Kind::Number(Interval::closed(0.0, 100_000.0)),
        "0",
        "How many hours a run may train, in all of its attempts together; `0` for no limit. The time of a group counts for each of its runs. A run that reaches the limit is saved and has failed, while the others train on; with a larger number the same sweep trains it further.",
    ),
    execution(
        "execution.niceness",
        Kind::Integer(0, 19),
        "0",
        "By how much worker processes yield to other programs of the machine, as with `nice -n`: `0` not at all, `19` the most. Tasks on a cluster do not read it.",
    ),
    execution(
        "execution.memory_mib",
        Kind::Integer(0, 1 << 24),
        "0",
        "The main memory that a worker process may allocate, in MiB; `0` for no limit. A group that needs more is trained in halves, and a run that needs more alone has failed. Only on Linux; tasks on a cluster have `execution.slurm.memory` instead.",
    ),
    execution(
        "execution.watts",
        Kind::Number(Interval::closed(0.0, 1e6)),
        "0",
        "The power of a device while it trains, in watts; all workers of one device share it. With it, a sweep says at its end how much energy its runs have taken. `0` if it is not known. Also `gansweep sweeps --watts`.",
    ),
    execution(
        "execution.price_per_kwh",
        Kind::Number(Interval::closed(0.0, 1e6)),
        "0",
        "The price of a kilowatt-hour, in any currency; with `execution.watts` a sweep says at its end what its energy has cost.",
    ),
    execution(
        "execution.slurm.partition",
        Kind::Text,
        "\"\"",
        "The partition that the jobs of `--launcher slurm` are submitted to; empty for the cluster's default.",
    ),
    execution(
        "execution.slurm.account",
        Kind::Text,
        "\"\"",
        "The account that jobs are charged to; empty for the user's default.",
    ),
    execution(
        "execution.slurm.time",
        Kind::Text,
        "\"\"",
        "The time limit of a task, as Slurm reads it: `4:00:00`. A task that reaches it saves its runs and is put back into the queue.",
    ),
    execution("execution.slurm.gpus", Kind::Integer(0, 64), "0", "GPUs for each task."),
    execution(
        "execution.slurm.cpus",
        Kind::Integer(0, 1024),
        "1",
        "Processor cores for each task, which trains with as many threads; `0` for the cluster's default.",
    ),
    execution(
        "execution.slurm.memory",
        Kind::Text,
        "\"\"",
        "Main memory for each task, as Slurm reads it: `4G`; empty for the cluster's default.",
    ),
    execution(
        "execution.slurm.concurrency",
        Kind::Integer(0, 1_000_000),
        "0",
        "The most tasks at the same time; `0` leaves it to the cluster.",
    ),
    execution(
        "execution.slurm.save_seconds",
        Kind::Integer(1, 3600),
        "60",
        "How many seconds before its time limit a task saves its runs. Slurm may be up to a minute early.",
    ),
    execution(
        "execution.slurm.poll_seconds",
        Kind::Number(Interval::closed(0.5, 3600.0)),
        "5",
        "The shortest time in seconds between two questions to the cluster, each for all jobs at once.",
    ),
    execution(
        "execution.slurm.sbatch",
        Kind::Text,
        "\"\"",
        "Further options of `sbatch`, one on each line: `--qos=long`.",
    ),
    execution(
        "execution.slurm.setup",
        Kind::Text,
        "\"\"",
        "Shell commands that each task runs before it trains: `module load cuda`.",
    ),
];

/// Keys of `[sweep]` without its axes, in the order of the documentation.
pub(super) static SWEEP: &[Key] = &[
    sweep(
        "sweep.seeds",
        Kind::Seeds,
        Some("1"),
        "The seeds that every config is trained with: a count `n`, which means 0 to n - 1, or a list.",
    ),
    sweep(
        "sweep.random.n",
        Kind::Integer(1, 100_000),
        None,
        "How many combinations of `[sweep.random.keys]` to draw. A larger `n` keeps the earlier draws and adds more. With a `search.method`, `search.startup` says it instead.",
    ),
    sweep(
        "sweep.random.seed",
        Kind::Integer(0, MAX_SEED),
        Some("0"),
        "The seed of the draws. Each key has its own generator, so that a new key does not change the values of the others.",
    ),
];

/// Keys of `[search]`, in the order of the documentation.
pub(super) static SEARCH: &[Key] = &[
    sweep(
        "search.method",
        Kind::Choice(&["none", "tpe"]),
        Some("\"none\""),
        "What proposes values of `[sweep.random.keys]`: random draws alone (`none`), or a model of the results so far, tree-structured Parzen estimators (`tpe`).",
    ),
    sweep(
        "search.trials",
        Kind::Integer(1, 100_000),
        Some("50"),
        "How many configs to train, each with every seed. A larger number goes on from the earlier trials.",
    ),
    sweep(
        "search.startup",
        Kind::Integer(1, 100_000),
        Some("10"),
        "How many of the trials are random draws, before the model proposes.",
    ),
    sweep(
        "search.metric",
        Kind::Choice(Search::METRICS),
        Some("\"fd\""),
        "The metric to improve, at the end of the budget, as the mean over the seeds. Quality figures (`fd`, `recall`, ...) are recorded at the end of each run where the file does not set `record.evaluate_epochs`.",
    ),
    sweep(
        "search.parallel",
        Kind::Integer(0, 10_000),
        Some("0"),
        "How many trials are in flight; `0` for as many as there are workers, on a cluster for as many as `execution.slurm.concurrency` allows, or else `search.startup`. With fewer, each proposal knows more results. Name a number where a worker trains many runs together, as on a GPU.",
    ),
];

/// Keys of `[prune]`, in the order of the documentation.
pub(super) static PRUNE: &[Key] = &[
    prune(
        "prune.method",
        Kind::Choice(&["none", "successive-halving", "asha", "hyperband", "median"]),
        "\"none\"",
        "By which rule runs are ended or paused before their budget.",
    ),
    prune(
        "prune.metric",
        Kind::Choice(&RANKING_METRICS),
        "\"fd\"",
        "The quality figure that runs are compared by. It is recorded every `prune.min_epochs` epochs where the file does not set `record.evaluate_epochs`, and at each rung.",
    ),
    prune(
        "prune.min_epochs",
        Kind::Integer(1, 100_000),
        "1",
        "Every run is trained for this number of epochs before it is compared with others: the first rung.",
    ),
    prune(
        "prune.factor",
        Kind::Integer(2, 1000),
        "3",
        "One of this number of runs goes on from a rung to the next, which is this number of times as far. `median` does not read it.",
    ),
    prune(
        "prune.seeds",
        Kind::Choice(&["together", "apart"]),
        "\"together\"",
        "What is compared: configs by the mean over their seeds, which go on or wait together, or each run by itself.",
    ),
];
