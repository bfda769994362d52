//! The report of sweeps that nobody trained: its context, its page, the page in a browser, and its modules without one.

mod browser;
mod context;
mod javascript;
mod live;
mod npm;
mod page;
mod support;
mod types;
