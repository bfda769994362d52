//! Access to tensors in this process's own memory.

use burn::tensor::Tensor;

/// Calls `work` with the elements of the tensors, in row-major order, to read and write in place. Returns
/// false without a call if a tensor is not in this process's memory; only libtorch's on the processor are.
#[cfg(feature = "libtorch")]
pub(crate) fn in_host_memory(
    written: Vec<&mut Tensor<2>>,
    read: Vec<&Tensor<2>>,
    work: impl FnOnce(Vec<&mut [f32]>, Vec<&[f32]>),
) -> bool {
    let all = written.iter().map(|tensor| &**tensor).chain(read.iter().copied()).map(lying_here);
    // `all` keeps the memory alive until the end of this function.
    let Some(all) = all.collect::<Option<Vec<_>>>() else { return false };
    let extents: Vec<_> = all.iter().map(extent).collect();
    assert_disjoint(&extents, written.len());
    let (mutable, shared) = extents.split_at(written.len());
    let mutable = mutable.iter().map(|&(start, count)| {
        // SAFETY: `extent` is that of a contiguous tensor of 32-bit floats, which `all` keeps alive, and
        // shares no number with another one here. Its owner is borrowed for change, libtorch works on
        // the calling thread or is done when it returns, and nobody holds a view of a network's
        // parameters or buffers between two operations: the caller says so by lending them.
        unsafe { std::slice::from_raw_parts_mut(start, count) }
    });
    let shared = shared.iter().map(|&(start, count)| {
        // SAFETY: as above; none of these is written.
        unsafe { std::slice::from_raw_parts(start.cast_const(), count) }
    });
    work(mutable.collect(), shared.collect());
    true
}

#[cfg(not(feature = "libtorch"))]
pub(crate) fn in_host_memory(
    _: Vec<&mut Tensor<2>>,
    _: Vec<&Tensor<2>>,
    _: impl FnOnce(Vec<&mut [f32]>, Vec<&[f32]>),
) -> bool {
    false
}

/// Asserts that none of the first `written` extents shares a number with any other.
#[cfg(feature = "libtorch")]
fn assert_disjoint(extents: &[(*mut f32, usize)], written: usize) {
    let addresses = |&(start, count): &(*mut f32, usize)| {
        let start = start.addr();
        start..start + count * size_of::<f32>()
    };
    for (index, one) in extents[..written].iter().map(addresses).enumerate() {
        for other in extents[index + 1..].iter().map(addresses) {
            let apart = one.end <= other.start || other.end <= one.start;
            assert!(apart, "a tensor that is written shares memory with another");
        }
    }
}

/// libtorch's side of a tensor, if its numbers lie in this process's memory without gaps.
#[cfg(feature = "libtorch")]
#[expect(deprecated, reason = "Burn's only way to cuBLAS; kept behind this module")]
fn lying_here(tensor: &Tensor<2>) -> Option<tch::Tensor> {
    let tensor = tensor.clone().try_into_primitive::<burn::backend::LibTorch>().ok()?.tensor;
    let here = tensor.device() == tch::Device::Cpu && tensor.kind() == tch::Kind::Float;
    (here && tensor.is_contiguous()).then_some(tensor)
}

/// Where the numbers of a tensor begin, and how many there are.
#[cfg(feature = "libtorch")]
fn extent(tensor: &tch::Tensor) -> (*mut f32, usize) {
    (tensor.data_ptr().cast(), tensor.numel())
}
