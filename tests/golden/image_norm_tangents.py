"""Compares the second derivative of a normalisation of each image by itself with finite differences in float64.

    python image_norm_tangents.py

The formula is that of `crates/cpu/src/image_norm_tangents.rs`: for the tangents `d` of the input of `y = weight x + bias` and
the signals `q` of `y`, the gradient of `<q, dy>` with respect to the input and to the weight.
"""

import numpy as np

EPS = 1e-5


def tangent(z, weight, d):
    """The derivative of the layer's output along `d`."""
    inverse = 1 / np.sqrt(z.var() + EPS)
    x = (z - z.mean()) * inverse
    return weight * inverse * (d - d.mean() - x * (x * d).mean())


def gradients(z, weight, d, q):
    inverse = 1 / np.sqrt(z.var() + EPS)
    x = (z - z.mean()) * inverse
    projected = lambda v: inverse * (v - v.mean() - x * (x * v).mean())
    a, t, s = weight * q, projected(d), projected(weight * q)
    of_input = -inverse * (x * (s @ d) / len(z) + (x * d).mean() * s + (a * x).mean() * t)
    return of_input, q * t


def differences(function, at, step=1e-6):
    moved = np.eye(len(at)) * step
    return np.array([(function(at + m) - function(at - m)) / (2 * step) for m in moved])


def main():
    random = np.random.default_rng(0)
    for count in (2, 3, 17, 64):
        z, weight, d, q = random.normal(size=(4, count))
        of_input, of_weight = gradients(z, weight, d, q)
        far = [
            np.abs(differences(lambda z: q @ tangent(z, weight, d), z) - of_input).max(),
            np.abs(differences(lambda w: q @ tangent(z, w, d), weight) - of_weight).max(),
        ]
        scale = max(np.abs(of_input).max(), np.abs(of_weight).max(), 1)
        print(f"{count:3} numbers: {far[0] / scale:.1e} of the input's, {far[1] / scale:.1e} of the weight's")
        assert max(far) < 1e-7 * scale


if __name__ == "__main__":
    main()
