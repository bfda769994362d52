//! The SIMD instruction set that a step is computed with.

use std::fmt;

use pulp::Arch;

/// A SIMD instruction set of this processor.
///
/// What is drawn has the same bits with every set that has fused multiply-adds. A matrix product may add in another order.
#[derive(Debug, Clone, Copy)]
pub struct Vectors(Arch);

impl Vectors {
    /// The widest.
    pub fn widest() -> Self {
        Self(Arch::new())
    }

    /// All sets of this processor, the widest first and scalar code last.
    pub fn all() -> Vec<Self> {
        let widest = Arch::new();
        let mut all = vec![Self(widest)];
        #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
        if let (Arch::V4(_), Some(narrower)) = (widest, pulp::x86::V3::try_new()) {
            all.push(Self(Arch::V3(narrower)));
        }
        if !matches!(widest, Arch::Scalar) {
            all.push(Self(Arch::Scalar));
        }
        all
    }

    /// Whether it has fused multiply-adds, which round once.
    pub fn are_fused(self) -> bool {
        !matches!(self.0, Arch::Scalar)
    }

    /// The `pulp` crate's value for it.
    pub fn arch(self) -> Arch {
        self.0
    }
}

impl fmt::Display for Vectors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
            Arch::V4(_) => "AVX-512",
            #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
            Arch::V3(_) => "AVX2",
            Arch::Scalar => "scalar",
            _ => "SIMD",
        })
    }
}
