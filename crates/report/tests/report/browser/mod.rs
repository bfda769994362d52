//! The page in a real browser: what it shows, what its controls do, and that nothing is requested.

mod accessibility;
mod compare;
mod controls;
mod curves;
mod samples;
mod screens;
mod sizes;
mod space;
mod tables;
mod unusual;
mod without_scripts;
