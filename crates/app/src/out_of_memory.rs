//! Tells "out of memory" apart from other device errors.
//!
//! Backends report both in the same way: as the text of an error or of a panic. wgpu panics on a thread of
//! cubecl; the error that the training thread sees later no longer contains the reason. So a panic hook
//! records it.

use std::panic::{self, AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Mutex, Once, PoisonError};

use gansweep_base::text;
use gansweep_train::TrainError;

/// Lower-case texts that indicate a lack of memory: of wgpu and CUDA, of cubecl, of libtorch's CPU
/// allocator, of cuBLAS.
const MESSAGES: [&str; 5] = [
    "out of memory",
    "out of device memory",
    "can't allocate buffer of size",
    "can't allocate memory",
    "cublas_status_alloc_failed",
];

/// The first out-of-memory message of a panic on any thread.
static PANIC_MESSAGE: Mutex<Option<String>> = Mutex::new(None);

/// Runs `work`. A lack of memory becomes [`TrainError::OutOfMemory`], whether it is reported as an error or
/// as a panic. Other panics are resumed.
pub(crate) fn detect_out_of_memory<T>(
    device: &str,
    work: impl FnOnce() -> Result<T, TrainError>,
) -> Result<T, TrainError> {
    install_panic_hook();
    let out_of_memory =
        |cause: &str| TrainError::OutOfMemory { device: device.to_owned(), cause: cause.to_owned() };
    let outcome = catch_unwind(AssertUnwindSafe(work));
    let recorded = PANIC_MESSAGE.lock().unwrap_or_else(PoisonError::into_inner).take();
    match outcome {
        Ok(Err(TrainError::Device { device, cause })) => {
            match out_of_memory_line(&cause).or(recorded.as_deref()) {
                Some(line) => Err(out_of_memory(line)),
                None => Err(TrainError::Device { device, cause }),
            }
        }
        Ok(result) => result,
        Err(panic) => match out_of_memory_line(text::panic(&*panic)).or(recorded.as_deref()) {
            Some(line) => Err(out_of_memory(line)),
            None => resume_unwind(panic),
        },
    }
}

/// Installs a panic hook that records out-of-memory messages. Only the first is printed: cubecl's thread
/// panics again for each operation that follows.
fn install_panic_hook() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let usual = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            let Some(line) = out_of_memory_line(text::panic(panic.payload())) else { return usual(panic) };
            let mut recorded = PANIC_MESSAGE.lock().unwrap_or_else(PoisonError::into_inner);
            if recorded.is_none() {
                *recorded = Some(line.to_owned());
                drop(recorded);
                usual(panic);
            }
        }));
    });
}

/// The line of `text` that reports a lack of memory.
fn out_of_memory_line(text: &str) -> Option<&str> {
    let matches = |line: &&str| {
        let line = line.to_lowercase();
        MESSAGES.iter().any(|message| line.contains(message))
    };
    text.lines().find(matches).map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cause(result: Result<(), TrainError>) -> String {
        match result {
            Err(TrainError::OutOfMemory { device, cause }) => format!("{device}: {cause}"),
            other => panic!("{other:?}"),
        }
    }

    /// One test, because the panic hook is global.
    #[test]
    fn a_lack_of_memory_is_told_apart_from_other_errors() {
        let poisoned = "The device is poisoned\nCaused by:\n  Unknown: Out of memory\nBacktrace:\nnone";
        let failed = || Err(TrainError::Device { device: "vulkan:0".into(), cause: poisoned.into() });
        assert_eq!(cause(detect_out_of_memory("vulkan:0", failed)), "vulkan:0: Unknown: Out of memory");

        let said = "Torch(\"CUDA out of memory. Tried to allocate 2.00 GiB.\")";
        let panicked = || -> Result<(), TrainError> { panic!("{said}") };
        assert_eq!(
            cause(detect_out_of_memory("libtorch:cuda:0", panicked)),
            format!("libtorch:cuda:0: {said}")
        );

        let broken = || Err::<(), _>(TrainError::Device { device: "vulkan:1".into(), cause: "lost".into() });
        assert!(matches!(detect_out_of_memory("vulkan:1", broken), Err(TrainError::Device { .. })));
        let elsewhere = || {
            std::thread::spawn(|| panic!("wgpu error: Out of Memory")).join().unwrap_err();
            broken()
        };
        assert_eq!(cause(detect_out_of_memory("vulkan:1", elsewhere)), "vulkan:1: wgpu error: Out of Memory");
        assert!(matches!(detect_out_of_memory("vulkan:1", broken), Err(TrainError::Device { .. })));

        let panicked = || -> Result<(), TrainError> { panic!("index out of bounds") };
        let panic =
            catch_unwind(AssertUnwindSafe(|| detect_out_of_memory("vulkan:0", panicked))).unwrap_err();
        assert_eq!(text::panic(&*panic), "index out of bounds");
        assert!(detect_out_of_memory("vulkan:0", || Ok(())).is_ok());
    }
}
