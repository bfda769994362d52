"""The run's random streams, written a second time from their description.

Keys: SplitMix64's finaliser over seed, purpose and position. Dropout masks and latents: a counter-based
hash of the key and the entry's index; normal latents are those of Box and Muller 1958. Everything else:
ChaCha with 8 rounds, its key expanded from 64 bits by PCG32 (the `rand` crates' `seed_from_u64`).
"""

import math

import numpy as np

INIT, ORDER, LATENT_D, LATENT_G, MASK, FIXED, GENERATE, PENALTY, LABEL_FLIP, INSTANCE_NOISE, CLASS = range(1, 12)
FLIP = 16
PASSES = [
    "DiscriminatorReal", "DiscriminatorFake", "DiscriminatorInG", "GeneratorInD", "GeneratorInG", "DiscriminatorRealInG",
    "DiscriminatorInPenalty",
]  # fmt: skip
SINGULAR_VECTOR, AUGMENT = 18, 19
ORIGINAL = "parametrizations.weight.original"
EMBEDDING = ("embedding.weight", f"embedding.{ORIGINAL}")
CLASSES = 10
MASK64 = (1 << 64) - 1


def mix64(x):
    x = (x + 0x9E3779B97F4A7C15) & MASK64
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & MASK64
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & MASK64
    return x ^ (x >> 31)


def key(seed, purpose, position):
    state = mix64(mix64(seed) ^ purpose)
    for part in position:
        state = mix64(state ^ mix64(part))
    return state


def lowbias32(x):
    x = np.asarray(x, np.uint32)
    x = (x ^ (x >> np.uint32(16))) * np.uint32(0x7FEB352D)
    x = (x ^ (x >> np.uint32(15))) * np.uint32(0x846CA68B)
    return x ^ (x >> np.uint32(16))


def hash32(low, high, index):
    with np.errstate(over="ignore"):
        return lowbias32(lowbias32(np.asarray(index, np.uint32) + np.uint32(low)) ^ np.uint32(high))


def dropout_mask(mask_key, rate, count):
    hashes = hash_of(mask_key, np.arange(count, dtype=np.uint32))
    threshold = int(rate * 0xFFFFFFFF)
    return np.where(hashes < threshold, np.float32(0), np.float32(1 / (1 - rate)))


def chacha8_key(seed):
    """PCG32's output, eight words, as the 256-bit key."""
    words = []
    for _ in range(8):
        seed = (seed * 6364136223846793005 + 11634580027462260723) & MASK64
        shifted = (((seed >> 18) ^ seed) >> 27) & 0xFFFFFFFF
        turn = seed >> 59
        words.append(((shifted >> turn) | (shifted << (32 - turn))) & 0xFFFFFFFF)
    return words


def chacha8(seed, count):
    """The first `count` 32-bit words of the stream, all blocks side by side."""
    blocks = -(-count // 16)
    counter = np.arange(blocks, dtype=np.uint64)
    start = np.zeros((16, blocks), np.uint32)
    constants = [0x61707865, 0x3320646E, 0x79622D32, 0x6B206574]
    start[:12] = np.array(constants + chacha8_key(seed), np.uint32)[:, None]
    start[12], start[13] = counter & np.uint64(0xFFFFFFFF), counter >> np.uint64(32)
    state = list(start.copy())

    def rotate(x, n):
        return (x << np.uint32(n)) | (x >> np.uint32(32 - n))

    def quarter(a, b, c, d):
        state[a] = state[a] + state[b]
        state[d] = rotate(state[d] ^ state[a], 16)
        state[c] = state[c] + state[d]
        state[b] = rotate(state[b] ^ state[c], 12)
        state[a] = state[a] + state[b]
        state[d] = rotate(state[d] ^ state[a], 8)
        state[c] = state[c] + state[d]
        state[b] = rotate(state[b] ^ state[c], 7)

    with np.errstate(over="ignore"):
        for _ in range(4):
            for column in range(4):
                quarter(column, 4 + column, 8 + column, 12 + column)
            for column in range(4):
                quarter(column, 4 + (column + 1) % 4, 8 + (column + 2) % 4, 12 + (column + 3) % 4)
        words = np.stack(state) + start
    return words.T.reshape(-1)[:count]


def uniform(stream_key, bound, count):
    unit = (chacha8(stream_key, count) >> np.uint32(8)).astype(np.float32) * np.float32(2.0**-24)
    return np.float32(bound) * (np.float32(2) * unit - np.float32(1))


# Numbers that are drawn together, in pairs of one from each half.
BLOCK = 32


def normal(stream_key, count):
    """Pairs of numbers with one radius, at an angle; in 64-bit floats but for the rounding of the hash."""
    index = np.arange(-(-count // BLOCK) * BLOCK, dtype=np.uint32)
    radii, angles = hash_of(stream_key, index).reshape(-1, 2, BLOCK // 2).swapaxes(0, 1)
    rounded = (radii.astype(np.float64) + 0.5).astype(np.float32).astype(np.float64)
    radius = np.sqrt(-2 * np.log(rounded / 2.0**32))
    place = ((angles >> np.uint32(7)) & np.uint32(0x7FFFFF)) / 2.0**23 - 0.5
    turn = ((angles >> np.uint32(30)) + place) * (np.pi / 2)
    return np.stack([radius * np.cos(turn), radius * np.sin(turn)], axis=1).reshape(-1)[:count]


def latents(stream_key, kind, count):
    if kind == "normal":
        return normal(stream_key, count)
    return (hash_of(stream_key, np.arange(count, dtype=np.uint32)) >> np.uint32(8)) / 2.0**23 - 1


def hash_of(stream_key, index):
    return hash32(stream_key & 0xFFFFFFFF, stream_key >> 32, index)


def flips(seed, epoch, count):
    return hash_of(key(seed, FLIP, [epoch]), np.arange(count, dtype=np.uint32)) >> np.uint32(31)


def epoch_order(seed, epoch, count, shuffle=True):
    order = list(range(count))
    if shuffle:
        words = chacha8(key(seed, ORDER, [epoch]), max(count - 1, 0))
        for last, word in zip(range(count - 1, 0, -1), words):
            other = (int(word) * (last + 1)) >> 32
            order[last], order[other] = order[other], order[last]
    return order


GREY_28 = {"channels": 1, "height": 28, "width": 28}


def image(n, shape=GREY_28):
    """The synthetic training image `n`, `[channels, height, width]`: in each channel a soft ring, by the formula of
    `crates/fixtures/src/case.rs`."""
    r, c = np.mgrid[0 : shape["height"], 0 : shape["width"]]
    planes = []
    for k in range(shape["channels"]):
        row, column, radius = 8 + (5 * n + 3 * k) % 13, 8 + (7 * n + 5 * k) % 12, 9 + (11 * n + 17 * k) % 40
        distance = (r - row) ** 2 + (c - column) ** 2
        planes.append(np.clip(255 - 16 * abs(distance - radius), 0, 255).astype(np.uint8))
    return np.stack(planes).reshape(-1)


# Of the fixed latents in `crates/fixtures/src/case.rs`.
LATENT_SEED = 5


class Check:
    """Compares dumped inputs with what the description says they are, bit by bit; normal latents but for
    what 32-bit floats round."""

    def __init__(self, case, inputs):
        self.case, self.config, self.seed, self.inputs = case, case["config"], case["seed"], inputs

    def all(self):
        self.initial_weights()
        self.latents("fixed_latents", key(LATENT_SEED, FIXED, [self.config["model"]["latent_dim"]]))
        for step in range(self.case["steps"]):
            self.step(step)

    def equal(self, name, expected, tolerance=0):
        found, expected = self.inputs[name].reshape(-1), np.asarray(expected).reshape(-1)
        if tolerance == 0:
            expected = expected.astype(np.float32)
        if found.shape != expected.shape or not np.all(abs(found - expected) <= tolerance):
            raise SystemExit(f"{self.case['name']}: {name} is not what its stream's description says")

    def initial_weights(self):
        for role, network in enumerate(["generator", "discriminator"]):
            own = [name for name in self.inputs if name.startswith(f"{network}.")]
            names = [name for name in own if "running" not in name and not name.endswith(("_u", "_v"))]
            # The embedding is last.
            index_of = lambda name: math.inf if name.endswith(EMBEDDING) else int(name.split(".")[1])
            names.sort(key=lambda name: (index_of(name), name.endswith("bias")))
            for index, name in enumerate(names):
                values = self.inputs[name]
                of_bias = [name.replace("bias", weight) for weight in ("weight", ORIGINAL)]
                weight = next(self.inputs[name] for name in of_bias if name in self.inputs)
                # Batch normalisation of classes has a weight of two axes, as Linear layers have.
                has_statistics = name.rsplit(".", 1)[0] + ".running_mean" in self.inputs
                is_norm = weight.ndim in (1, 3) or has_statistics
                # A trained factor is 0 at first, and has no bias.
                is_factor = is_norm and name.endswith("weight") and name.replace("weight", "bias") not in self.inputs
                stream_key = key(self.seed, INIT, [role, index])
                if name.endswith(EMBEDDING):
                    self.equal(name, normal(stream_key, values.size), tolerance=1e-6)
                elif self.config["model"].get("init") == "dcgan" and not name.endswith("bias"):
                    expected = is_norm + 0.02 * normal(stream_key, values.size)
                    self.equal(name, expected, tolerance=3e-7)
                elif is_norm:
                    of_weight = 0.0 if is_factor else 1.0
                    self.equal(name, np.full(values.size, of_weight if name.endswith("weight") else 0.0))
                else:
                    # Of a transposed convolution too: PyTorch takes its second axis for the inputs.
                    bound = np.float32(1) / np.sqrt(np.float32(np.prod(weight.shape[1:])))
                    self.equal(name, uniform(stream_key, bound, values.size))
            self.singular_vectors(role, own)
        for name in self.inputs:
            if name.startswith("ema."):
                self.equal(name, self.inputs[name.removeprefix("ema.")])

    def singular_vectors(self, role, names):
        """Normal numbers after 15 power iterations. The left vector follows from the right one."""
        running = sum("running" in name for name in names)
        index_of = lambda name: math.inf if name.endswith(EMBEDDING) else int(name.split(".")[1])
        weights = sorted((name for name in names if name.endswith(ORIGINAL)), key=index_of)
        layers = self.config["model"][["generator", "discriminator"][role]]
        for place, name in enumerate(weights):
            weight = self.inputs[name].astype(np.float64)
            # A transposed convolution has its outputs second: all of a generator's kernels, but for those of lists.
            is_transposed = weight.ndim == 4 and role == 0 and layers.get("kind") == "dcgan"
            matrix = (weight.swapaxes(0, 1) if is_transposed else weight).reshape(weight.shape[int(is_transposed)], -1)
            v = normal(key(self.seed, SINGULAR_VECTOR, [role, running + 2 * place + 1]), matrix.shape[1])
            for _ in range(15):
                u = matrix @ v
                u /= np.linalg.norm(u)
                v = matrix.T @ u
                v /= np.linalg.norm(v)
            for suffix, vector in (("_u", u), ("_v", v)):
                self.equal(name.replace("original", f"0.{suffix}"), vector, tolerance=1e-6)

    def latents(self, name, stream_key):
        kind = self.config["model"]["latent"]
        expected = latents(stream_key, kind, self.inputs[name].size)
        self.equal(name, expected, tolerance=1e-6 if kind == "normal" else 0)

    def step(self, step):
        train, data = self.config["train"], self.config["data"]
        shape = self.case.get("image", GREY_28)
        batches = -(-data["images"] // train["batch_size"])
        epoch, within = divmod(step, -(-batches // train["d_steps"]))
        order = epoch_order(self.seed, epoch, data["images"], train["shuffle"])
        for update in range(train["d_steps"]):
            start = (within * train["d_steps"] + update) * train["batch_size"]
            batch = order[start : start + train["batch_size"]]
            if not batch:
                assert f"step.{step}.x.{update}" not in self.inputs
                continue
            pixels = np.stack([image(n, shape) for n in batch]).astype(np.float32) / np.float32(255)
            if data["pixels"] == "signed":
                pixels = (pixels - np.float32(0.5)) / np.float32(0.5)
            self.equal(f"step.{step}.x.{update}", pixels)
            self.latents(f"step.{step}.z_d.{update}", key(self.seed, LATENT_D, [step, update]))
            last, used = update, batch
            self.classes(step, update, batch)
            self.penalty(step, update)
            self.noise(step, update, epoch + within / -(-batches // train["d_steps"]))
        shared = train["noise"] == "shared"
        self.latents(f"step.{step}.z_g", key(self.seed, *((LATENT_D, [step, last]) if shared else (LATENT_G, [step]))))
        if (name := f"step.{step}.classes_g") in self.inputs:
            count = len(used)
            drawn = self.drawn_classes([step, last], "GeneratorInD", count) if shared else self.drawn_classes([step, 0], "GeneratorInG", count)
            self.equal(name, [n % CLASSES for n in used] if self.pairs_classes() else drawn)
        self.masks(step)

    def pairs_classes(self):
        wgan_gp = self.config.get("penalty", {}).get("kind") == "wgan-gp"
        return wgan_gp or self.config["loss"].get("relativistic", "none") != "none"

    def drawn_classes(self, position, network_pass, count):
        hashes = hash_of(key(self.seed, CLASS, [*position, PASSES.index(network_pass)]), np.arange(count, dtype=np.uint32))
        return (hashes.astype(np.uint64) * np.uint64(CLASSES)) >> np.uint64(32)

    def classes(self, step, update, batch):
        if (name := f"step.{step}.classes.{update}.real") in self.inputs:
            real = [n % CLASSES for n in batch]
            self.equal(name, real)
            fake = real if self.pairs_classes() else self.drawn_classes([step, update], "GeneratorInD", len(batch))
            self.equal(f"step.{step}.classes.{update}.fake", fake)

    def penalty(self, step, update):
        stream_key = key(self.seed, PENALTY, [step, update])
        if (name := f"step.{step}.places.{update}") in self.inputs:
            hashes = hash_of(stream_key, np.arange(self.inputs[name].size, dtype=np.uint32))
            self.equal(name, (hashes >> 8) / 2.0**24)
        if (name := f"step.{step}.noise.{update}") in self.inputs:
            self.equal(name, normal(stream_key, self.inputs[name].size), tolerance=1e-6)

    def noise(self, step, update, epochs):
        if (name := f"step.{step}.flips.{update}") in self.inputs:
            count = self.inputs[name].size
            hashes = hash_of(key(self.seed, LABEL_FLIP, [step, update]), np.arange(count, dtype=np.uint32))
            self.equal(name, hashes < int(self.config["loss"]["label_flip"] * 0xFFFFFFFF))
        train = self.config["train"]
        for index, network_pass in enumerate(PASSES):
            if (name := f"step.{step}.augment.{update}.{network_pass}") in self.inputs:
                count = np.arange(self.inputs[name].size, dtype=np.uint32)
                self.equal(name, (hash_of(key(self.seed, AUGMENT, [step, update, index]), count) >> 8) / 2.0**24)
            if (name := f"step.{step}.instance_noise.{update}.{network_pass}") in self.inputs:
                deviation = train["instance_noise"] * max(0.0, 1 - epochs / train["instance_noise_epochs"])
                drawn = normal(key(self.seed, INSTANCE_NOISE, [step, update, index]), self.inputs[name].size)
                self.equal(name, drawn * deviation, tolerance=1e-6)

    @staticmethod
    def rate(part, index):
        """The rate of the dropout layer at that index."""
        if part.get("kind") != "layers":
            return part["dropout"]
        return float((part["layers"][index].split() + ["0.5"])[1])

    def masks(self, step):
        for name, values in self.inputs.items():
            if name.startswith(f"step.{step}.mask."):
                update, network_pass, layer = name.split(".")[3:]
                role = "generator" if network_pass.startswith("Generator") else "discriminator"
                position = [step, int(update), PASSES.index(network_pass), int(layer)]
                rate = self.rate(self.config["model"][role], position[-1])
                self.equal(name, dropout_mask(key(self.seed, MASK, position), rate, values.size))


def constants():
    """The values that `streams.rs` has as constants in its tests."""
    latent_key = key(1, LATENT_D, [2, 0])
    mask_key = key(7, MASK, [3, 1, PASSES.index("GeneratorInG"), 2])
    return {
        "mix64(0)": hex(mix64(0)),
        "key(1, Init, [0, 3])": hex(key(1, INIT, [0, 3])),
        "mask key(7, 3, 1, GeneratorInG, 2)": hex(mask_key),
        "hash32(1, 2, 3)": hex(int(hash32(1, 2, 3))),
        "hash32(0xffffffff, 0x80000000, 7)": hex(int(hash32(0xFFFFFFFF, 0x80000000, 7))),
        "dropped of 24 at 0.3": [int(value == 0) for value in dropout_mask(mask_key, 0.3, 24)],
        "epoch_order(1, 0, 12)": epoch_order(1, 0, 12),
        "epoch_order(1, 1, 12)": epoch_order(1, 1, 12),
        "epoch_order(1, 0, 60000), places 0, 1, 2, 59999": [epoch_order(1, 0, 60000)[i] for i in (0, 1, 2, 59999)],
        "flips(7, 0, 12)": [int(flip) for flip in flips(7, 0, 12)],
        "uniform latents(1, LatentD, [2, 0])": [float(v) for v in latents(latent_key, "uniform", 4)],
        "normal latents(1, LatentD, [2, 0])": [float(v) for v in latents(latent_key, "normal", 4)],
        "uniform(1, Init, [0, 3], bound 0.125)": [float(v) for v in uniform(key(1, INIT, [0, 3]), 0.125, 4)],
    }


if __name__ == "__main__":
    for what, value in constants().items():
        print(f"{what}: {value}")
