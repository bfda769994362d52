//! Tests of the database as a whole, through the public names.

mod attempts;
mod budgets;
mod damage;
mod documentation;
mod evaluations;
mod export;
mod export_folders;
mod faults;
mod housekeeping;
mod importing;
mod killed;
mod merging;
mod migrations;
mod moved;
mod reading;
mod recording;
mod rungs;
mod scale;
mod support;
mod trials;
