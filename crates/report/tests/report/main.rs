//! The report of sweeps that nobody trained: its context, its page, and the page in a browser.

mod browser;
mod context;
mod page;
mod support;
