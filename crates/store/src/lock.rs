//! The lock that makes one process the only writer of a results folder.
use std::{fs::File, path::Path};
use crate::StoreError;
/// Held by the one process that writes to a results folder; released when dropped.
#[derive(Debug)]
pub struct ResultsLock { _file: File }
impl ResultsLock {
    /// Takes the lock, waiting for its holder to end. `on_wait` is called once, with the holder in
    /// a few words, before the waiting begins; `None` if `cancelled` became true meanwhile.
    pub fn acquire(_results_dir: &Path, _on_wait: &mut dyn FnMut(&str), _cancelled: &dyn Fn() -> bool) -> Result<Option<Self>, StoreError> {
        unimplemented!()
    }
}
