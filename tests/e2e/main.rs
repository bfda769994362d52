//! The program as its users run it: the real binary, real files, real signals.

mod bad_input;
mod best_checkpoint;
mod budgets;
mod commands;
mod comparing;
mod damage;
mod damaged_checkpoint;
mod devices;
mod evaluating;
mod foreign_files;
mod housekeeping;
mod interruption;
mod logging;
mod losses;
mod merging;
mod migration;
mod mixed_builds;
mod mnist;
mod names_and_folders;
mod own_images;
mod page_command;
mod pictures;
mod processes;
mod pruning;
mod recognizing;
mod sandbox;
mod searching;
mod serving;
mod shared_causes;
mod slurm;
mod slurm_pruning;
#[path = "../software_driver.rs"]
mod software_driver;
mod sweeping;
mod terminals;
mod use_cases;
