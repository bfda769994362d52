"""Computes the golden values of `crates/quality` with numpy and scipy, from formulas of its own.

    python quality_values.py > quality.json
"""

import json

import numpy as np
from scipy import linalg, spatial, special


def frechet(real, fake):
    """With scipy's general matrix root, as pytorch-fid computes it."""
    means = real.mean(axis=0) - fake.mean(axis=0)
    covariances = [np.atleast_2d(np.cov(features, rowvar=False)) for features in (real, fake)]
    root = linalg.sqrtm(covariances[0] @ covariances[1])
    return means @ means + np.trace(covariances[0] + covariances[1] - 2 * np.real(root))


def squared_mmd(real, fake):
    """With explicit loops over pairs left to numpy, without the diagonals."""
    kernel = lambda x, y: (x @ y.T / x.shape[1] + 1) ** 3
    off = lambda k: (k.sum() - np.trace(k)) / (len(k) * (len(k) - 1))
    return off(kernel(real, real)) + off(kernel(fake, fake)) - 2 * kernel(real, fake).mean()


def radii(features, k):
    distances = spatial.distance.cdist(features, features)
    np.fill_diagonal(distances, np.inf)
    return np.sort(distances, axis=1)[:, k - 1]


def neighbours(real, fake):
    """`[real, fake]`; k = 3 for precision and recall, 5 for density and coverage."""
    distances = spatial.distance.cdist(real, fake)
    within_real = distances < radii(real, 5)[:, None]
    return {
        "precision": (distances <= radii(real, 3)[:, None]).any(axis=0).mean(),
        "recall": (distances <= radii(fake, 3)[None, :]).any(axis=1).mean(),
        "density": within_real.sum() / (5 * len(fake)),
        "coverage": within_real.any(axis=1).mean(),
        "nearest": distances.min(axis=0).mean(),
    }


def classes(probabilities, labels):
    marginal = probabilities.mean(axis=0)
    score = np.exp(special.rel_entr(probabilities, marginal).sum(axis=1).mean())
    count = probabilities.shape[1]
    made = np.bincount(probabilities.argmax(axis=1), minlength=count)
    data = np.bincount(labels, minlength=count)
    shares, of_data = made / made.sum(), data / data.sum()
    return {
        "probabilities": probabilities.astype(float).ravel().tolist(),
        "labels": labels.tolist(),
        "score": score,
        "counts": made.tolist(),
        "modes": int(((shares >= 0.1 * of_data) & (of_data > 0)).sum()),
        "divergence": special.rel_entr(shares, of_data).sum(),
    }


def conditional(real, labels, fake, asked, probabilities):
    """The Fréchet distance within each class, and how often the classifier agrees with the class that was asked for."""
    real, fake = (features.astype(np.float32).astype(float) for features in (real, fake))
    found = probabilities.argmax(axis=1)
    distances = [frechet(real[labels == c], fake[asked == c]) for c in range(probabilities.shape[1])]
    return {
        "dimensions": real.shape[1],
        "real": real.ravel().tolist(),
        "labels": labels.tolist(),
        "fake": fake.ravel().tolist(),
        "asked": asked.tolist(),
        "probabilities": probabilities.astype(float).ravel().tolist(),
        "fd": distances,
        "mean": np.mean(distances),
        "accuracy": [(found[asked == c] == c).mean() for c in range(probabilities.shape[1])],
    }


def case(real, fake):
    # Float32 is what the program gets; the formulas are in float64.
    real, fake = real.astype(np.float32), fake.astype(np.float32)
    wide = (real.astype(float), fake.astype(float))
    return {
        "dimensions": real.shape[1],
        "real": real.astype(float).ravel().tolist(),
        "fake": fake.astype(float).ravel().tolist(),
        "fd": frechet(*wide),
        "mmd": squared_mmd(*wide),
        **neighbours(*wide),
    }


def main():
    random = np.random.default_rng(11)
    mixing = random.normal(size=(6, 6))
    features = lambda n, shift=0.0, scale=1.0: np.maximum(random.normal(size=(n, 6)) @ mixing * scale + shift, 0)
    logits = 3 * random.normal(size=(60, 5))
    sure = special.softmax(logits + np.array([2, 1, 0, 0, -4]), axis=1).astype(np.float32)
    golden = {
        "features": {
            "near": case(features(90), features(70)),
            "shifted": case(features(90), features(70, shift=0.7)),
            "narrow": case(features(60), features(60, scale=0.4)),
            "far-from-zero": case(random.normal(100, 1, (50, 3)), random.normal(100.5, 1.2, (40, 3))),
            "duplicates": case(np.repeat(features(20), 2, axis=0), np.repeat(features(9), 3, axis=0)),
            "one-dimension": case(random.normal(0, 1, (40, 1)), random.normal(0.5, 2, (30, 1))),
        },
        "classes": classes(sure, random.integers(0, 5, 80)),
    }
    labels, asked = random.integers(0, 3, 90), np.arange(75) % 3
    apart = lambda classes: features(len(classes)) + classes[:, None]
    guesses = special.softmax(2 * np.eye(3)[asked] + random.normal(size=(75, 3)), axis=1).astype(np.float32)
    golden["conditional"] = conditional(apart(labels), labels, apart(asked), asked, guesses)
    print(json.dumps(golden, default=float))


if __name__ == "__main__":
    main()
