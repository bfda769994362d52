//! The `gansweep` program: the command line, progress, messages and exit codes.
//!
//! Messages go to stderr, results to stdout.

mod cli;
mod commands;
mod failure;
mod output;
mod progress;
mod signals;

use std::process::ExitCode;

use clap::Parser;
use cli::{Cli, Command};
use failure::Failure;

fn main() -> ExitCode {
    match run(Cli::parse()) {
        Ok(code) => code,
        Err(failure) if failure.is_closed_pipe() => ExitCode::SUCCESS,
        Err(failure) => {
            output::error(&failure);
            ExitCode::from(failure.exit_code())
        }
    }
}

fn run(cli: Cli) -> Result<ExitCode, Failure> {
    match cli.command {
        Command::Sweep(args) => return commands::sweep::run(&args),
        Command::Worker => return Ok(commands::worker::run()),
        Command::Plan(args) => commands::plan::run(&args)?,
        Command::Runs(args) => commands::runs::run(&args)?,
        Command::Show(args) => commands::show::run(&args)?,
        Command::Diff(args) => commands::diff::run(&args)?,
        Command::Sql(args) => commands::sql::run(&args)?,
        Command::Export(args) => commands::export::run(&args)?,
        Command::Report(args) => commands::report::run(&args)?,
        Command::Data(args) => commands::data::run(&args)?,
        Command::Generate(args) => commands::generate::run(&args)?,
        Command::Devices(args) => commands::devices::run(&args)?,
        Command::Bench(args) => commands::bench::run(&args)?,
    }
    Ok(ExitCode::SUCCESS)
}
