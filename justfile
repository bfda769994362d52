# Shortcuts for common commands; `just` lists them.

# Arguments keep their spaces: `just sweep FILE --only 'lr=1e-3 seed=0'`.
set positional-arguments

# The build to use: `just backend=libtorch sweep FILE` uses the one that `just setup-libtorch` has prepared.
backend := "default"
cargo := if backend == "libtorch" { "scripts/with-libtorch cargo" } else { "cargo" }
features := if backend == "libtorch" {
    "--no-default-features --features libtorch"
} else if backend == "default" {
    ""
} else {
    error("there is no backend '" + backend + "': say default or libtorch")
}

default:
    @just --list --unsorted

# Train all runs of an experiment that are not trained yet, and write the report.
sweep FILE *ARGS:
    @{{cargo}} run --release {{features}} -- sweep "$@"

# Show what a sweep would train; write nothing.
plan FILE *ARGS:
    @{{cargo}} run --release {{features}} -- plan "$@"

# Write the report page of all sweeps, or of the named ones: `just report lr prune`.
report *ARGS:
    @{{cargo}} run --release {{features}} -- report "$@"

# Query the database.
sql QUERY *ARGS:
    @{{cargo}} run --release {{features}} -- sql "$@"

# Any other command of the program.
run *ARGS:
    @{{cargo}} run --release {{features}} -- "$@"

# Fetch libtorch 2.9.0 into libtorch/ and build the program with it: `just setup-libtorch`, or `just setup-libtorch cuda`.
setup-libtorch ARRANGEMENT="cpu":
    @scripts/setup-libtorch {{quote(ARRANGEMENT)}}

# All tests. Those that need a browser, MNIST or a driver are skipped with a message if it is missing.
test *ARGS:
    cargo test --release --workspace "$@"

# Random faults for about five minutes: kills, damage, bad input, full disks, closed streams. `just faults storm` takes one of them.
faults TEST="":
    GANSWEEP_FAULTS_SECONDS="${GANSWEEP_FAULTS_SECONDS:-300}" GANSWEEP_FAULTS_SEED="${GANSWEEP_FAULTS_SEED:-$(date +%s)}" cargo test --release --workspace --test faults -- --nocapture --test-threads=1 {{TEST}}

# Formatting, lints, and a check that every shipped experiment can be planned.
check:
    cargo fmt --all --check
    cargo clippy --release --workspace --all-targets -- -D warnings
    for file in experiments/*.toml; do GANSWEEP_OFFLINE=1 cargo run --release --quiet -- plan "$file" > /dev/null || exit 1; done

# The overhead of a sweep of 10,000 runs: processor time and memory with mock workers and a real database.
bench-scheduler *ARGS:
    @{{cargo}} run --release --quiet -p gansweep-scheduler --example sweep_speed -- "$@"

# Size of the report page, seconds and memory to build it, for sweeps of 16 to 10,000 synthetic runs, and how fast a browser answers.
bench-report:
    @{{cargo}} run --release --quiet -p gansweep-report --example bench_report

# An interpreter that has PyTorch, for `bench`.
python := ""

# Training speed in run steps per second; also PyTorch's with an interpreter that has it: `just python=venv/bin/python bench`.
bench *ARGS:
    @{{cargo}} build --release --quiet {{features}}
    @python3 tests/bench/bench.py --program "$({{cargo}} metadata --no-deps --format-version 1 | python3 -c 'import json,sys; print(json.load(sys.stdin)["target_directory"])')/release/gansweep" --python {{quote(python)}} "$@"

# Fuzz every parser for so many seconds each; a failure prints the seed that repeats it.
fuzz SECONDS="60":
    FUZZ_SECONDS={{quote(SECONDS)}} cargo test --release -p gansweep-config -p gansweep-protocol -p gansweep-data -p gansweep-store --test fuzz -- --nocapture --test-threads 1
