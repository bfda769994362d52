//! The `gansweep` program: the command line, progress, messages and exit codes.
//!
//! Messages go to stderr, results to stdout.

mod arguments;
mod cli;
mod commands;
mod failure;
mod log;
mod messages;
mod output;
mod progress;
mod signals;

use std::process::ExitCode;

use clap::Parser;
use cli::{Cli, Command};
use failure::Failure;
use log::Log;
use mimalloc::MiMalloc;

/// It places large blocks in huge pages, where the kernel gives them to programs that ask. The weights and their moments fill
/// more small pages than the TLB has entries.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    messages::choose_colors();
    let code = match run(Cli::parse()) {
        Ok(code) => {
            tracing::info!(code, "gansweep ends");
            code
        }
        // Whoever reads the output, `head` for example, has what it wants.
        Err(failure) if output::is_pipe_closed() || failure.is_closed_pipe() => 0,
        Err(failure) => {
            tracing::error!(%failure, code = failure.exit_code(), "gansweep ends");
            messages::error(&failure);
            failure.exit_code()
        }
    };
    messages::flush();
    ExitCode::from(code)
}

/// Runs the command; returns its exit code.
fn run(cli: Cli) -> Result<u8, Failure> {
    let log = Log::start(cli.log_file.as_deref(), cli.command.is_read_by_gansweep())?;
    match cli.command {
        Command::Sweep(args) => return commands::sweep::run(&args, &log),
        Command::SlurmTask(args) => return commands::cluster::task(&args),
        Command::Collect(args) => return commands::cluster::collect(&args),
        Command::Status(args) => commands::cluster::status(&args)?,
        Command::Cancel(args) => commands::cluster::cancel(&args)?,
        Command::Worker => return commands::worker::run(),
        Command::Check(args) => return commands::check::run(&args),
        Command::Compare(args) => return commands::compare::run(&args),
        Command::Evaluate(args) => return commands::evaluate::run(&args),
        Command::Recognize(args) => return commands::recognize::run(&args),
        Command::Plan(args) => commands::plan::run(&args)?,
        Command::Runs(args) => commands::runs::run(&args)?,
        Command::Show(args) => commands::show::run(&args)?,
        Command::Diff(args) => commands::diff::run(&args)?,
        Command::Sql(args) => commands::sql::run(&args)?,
        Command::Export(args) => commands::export::run(&args)?,
        Command::Sweeps(args) => commands::housekeeping::sweeps(&args)?,
        Command::Rm(args) => commands::housekeeping::rm(&args)?,
        Command::Gc(args) => commands::housekeeping::gc(&args)?,
        Command::Merge(args) => commands::merge::run(&args)?,
        Command::Rename(args) => commands::housekeeping::rename(&args)?,
        Command::Tag(args) => commands::housekeeping::tag(&args)?,
        Command::Report(args) => commands::report::run(&args)?,
        Command::Serve(args) => commands::serve::run(&args)?,
        Command::Data(args) => commands::data::run(&args)?,
        Command::Animate(args) => commands::animate::run(&args)?,
        Command::Generate(args) => commands::generate::run(&args)?,
        Command::Devices(args) => commands::devices::run(&args)?,
        Command::Bench(args) => commands::bench::run(&args)?,
    }
    Ok(0)
}
