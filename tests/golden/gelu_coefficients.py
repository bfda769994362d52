"""The coefficients of `crates/cpu/src/smooth.rs`, for the share of a standard normal distribution below -t, t >= 0.

It is exp(-t^2 / 2) times a polynomial in u = 1 / (1 + P t) without a constant term. This fits the polynomial to
erfcx(t / sqrt(2)) / 2 with the smallest relative error on 0 <= t <= 14 (least squares, weighted anew by the error).
"""

import numpy as np
from scipy.special import erfcx

P = 0.21
TERMS = 9
END = 14.0


def main():
    low, high = 1 / (1 + P * END), 1.0
    nodes = np.cos(np.pi * (np.arange(4000) + 0.5) / 4000)
    u = (low + high) / 2 + (high - low) / 2 * nodes
    exact = erfcx((1 / u - 1) / P / np.sqrt(2)) / 2
    terms = np.stack([u**power for power in range(1, TERMS + 1)], axis=1) / exact[:, None]
    weights = np.ones_like(u)
    for _ in range(60):
        coefficients, *_ = np.linalg.lstsq(terms * weights[:, None], weights, rcond=None)
        errors = np.abs(terms @ coefficients - 1)
        weights *= np.sqrt(errors / errors.max() + 0.05)
        weights /= weights.max()
    print("from the highest power down to the first:", ", ".join(f"{it:.9g}" for it in coefficients[::-1]))
    print(f"largest relative error: {errors.max():.1e}")


if __name__ == "__main__":
    main()
