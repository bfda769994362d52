# One-line recipes over the program; `just` alone lists them.

# Which build of the program: `just backend=libtorch sweep FILE` takes the one that `just setup-libtorch` has made ready.
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

# Train every run of an experiment that is not trained yet, and write its report.
sweep FILE *ARGS:
    @{{cargo}} run --release {{features}} -- sweep {{quote(FILE)}} {{ARGS}}

# Show what a sweep would run; write nothing.
plan FILE *ARGS:
    @{{cargo}} run --release {{features}} -- plan {{quote(FILE)}} {{ARGS}}

# Write the comparison page of all sweeps, or of those named with --sweep.
report *ARGS:
    @{{cargo}} run --release {{features}} -- report {{ARGS}}

# Ask the database.
sql QUERY *ARGS:
    @{{cargo}} run --release {{features}} -- sql {{quote(QUERY)}} {{ARGS}}

# Any other command of the program.
run *ARGS:
    @{{cargo}} run --release {{features}} -- {{ARGS}}

# Fetch libtorch 2.9.0 into libtorch/ and build the program with it: `just setup-libtorch`, or `just setup-libtorch cuda`.
setup-libtorch ARRANGEMENT="cpu":
    @scripts/setup-libtorch {{quote(ARRANGEMENT)}}

# Every test; what needs a browser or MNIST says so and is skipped where it is missing.
test *ARGS:
    cargo test --release --workspace {{ARGS}}

# Formatting, lints, and a check that every shipped experiment plans without a fault.
check:
    cargo fmt --all --check
    cargo clippy --release --workspace --all-targets -- -D warnings
    for file in experiments/*.toml; do GANSWEEP_OFFLINE=1 cargo run --release --quiet -- plan "$file" > /dev/null || exit 1; done

# What a sweep of 10,000 runs costs besides training: processor time and memory with mock workers and the real database.
bench-scheduler *ARGS:
    @{{cargo}} run --release --quiet -p gansweep-scheduler --example sweep_speed -- {{ARGS}}

# Job-steps per second here, next to PyTorch's if `python` names an interpreter that has it: `just python=venv/bin/python bench`.
python := ""
bench *ARGS:
    @{{cargo}} build --release --quiet {{features}}
    @python3 tests/bench/bench.py --program "$({{cargo}} metadata --no-deps --format-version 1 | python3 -c 'import json,sys; print(json.load(sys.stdin)["target_directory"])')/release/gansweep" --python {{quote(python)}} {{ARGS}}
