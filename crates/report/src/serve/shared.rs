//! What all connections share.

use std::sync::atomic::AtomicUsize;

use super::changes::Changes;
use super::guard::Guard;
use super::pages::Pages;

/// The state that all connections share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) guard: Guard,
    pub(super) pages: Pages,
    pub(super) changes: Changes,
    pub(super) connections: AtomicUsize,
}
