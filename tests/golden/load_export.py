"""Loads a run's exported networks into the original tutorial's models and draws what the program drew.

    gansweep export RUN --format safetensors --out FOLDER
    gansweep generate RUN --count 64 --seed 0 --out images.png
    python load_export.py jovian FOLDER images.png --count 64 --seed 0

Both networks are loaded with `strict=True`: every name and shape must be the tutorial's. The latents
are drawn again from their stream's description (`streams.py`), the images by PyTorch in eval mode; they
may differ from the picture by one grey level, where rounding to a byte goes the other way.
Ends with 0 if all agrees.
"""

import argparse
import json
import struct
import sys
import zlib
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file

import streams
from tutorials import tutorial

HERE = Path(__file__).parent
CASES = {case["name"]: case for case in json.loads((HERE / "cases.json").read_text())}


def read_png(path):
    """An 8-bit grey PNG as `[height, width]`."""
    data = path.read_bytes()
    if data[:8] != b"\x89PNG\r\n\x1a\n":
        raise SystemExit(f"{path} is no PNG")
    place, packed = 8, b""
    while place < len(data):
        length, kind = struct.unpack_from(">I4s", data, place)
        content = data[place + 8 : place + 8 + length]
        if kind == b"IHDR":
            width, height, *form = struct.unpack(">IIBBBBB", content)
            if form != [8, 0, 0, 0, 0]:
                raise SystemExit(f"{path} is no plain 8-bit grey picture")
        elif kind == b"IDAT":
            packed += content
        place += 12 + length
    lines = np.frombuffer(zlib.decompress(packed), np.uint8).reshape(height, 1 + width)
    picture = np.zeros((height + 1, width + 1), int)  # a black line above, a black column to the left
    for y, (kind, *line) in enumerate(lines.tolist(), 1):
        for x, value in enumerate(line, 1):
            picture[y, x] = (value + predict(kind, *picture[[y, y - 1, y - 1], [x - 1, x, x - 1]])) % 256
    return picture[1:, 1:]


def predict(kind, left, above, corner):
    """What a PNG filter adds to a byte (PNG specification, section 9.2)."""
    if kind == 4:
        guess = left + above - corner
        return min((left, above, corner), key=lambda candidate: abs(guess - candidate))
    return [0, left, above, (left + above) // 2][kind]


def load(recipe, folder, prefix):
    case = CASES[recipe]
    fresh = tutorial(case)
    for name, model in [("generator", fresh.G), ("discriminator", fresh.D)]:
        weights = load_file(folder / f"{name}.safetensors")
        if not all(key.startswith(prefix) for key in weights):
            raise SystemExit(f"{name}: not every tensor's name begins with {prefix!r}")
        model.load_state_dict({key.removeprefix(prefix): value for key, value in weights.items()}, strict=True)
        model.eval()
        print(f"{name}: {sum(p.numel() for p in model.parameters()):,} parameters loaded")
    return case["config"], fresh.G


def draw(config, generator, count, seed):
    """`count` images as `[count, 28, 28]` bytes."""
    model = config["model"]
    latents = streams.latents(streams.key(seed, streams.GENERATE, []), model["latent"], count * model["latent_dim"])
    with torch.no_grad():
        images = generator(torch.from_numpy(latents).reshape(count, -1)).numpy()
    unit = images * 0.5 + 0.5 if config["data"]["pixels"] == "signed" else images
    return np.clip(np.round(unit * 255), 0, 255).astype(int).reshape(count, 28, 28)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipe", choices=CASES)
    parser.add_argument("folder", type=Path, help="with generator.safetensors and discriminator.safetensors")
    parser.add_argument("picture", type=Path, help="what `gansweep generate` drew of the same run")
    parser.add_argument("--count", type=int, default=64)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--prefix", default="", help="the one given to `gansweep export`")
    arguments = parser.parse_args()

    config, generator = load(arguments.recipe, arguments.folder, arguments.prefix)
    images = draw(config, generator, arguments.count, arguments.seed)
    picture = read_png(arguments.picture)
    cols = picture.shape[1] // 28
    expected = np.zeros_like(picture)
    for index, image in enumerate(images):
        top, left = index // cols * 28, index % cols * 28
        expected[top : top + 28, left : left + 28] = image
    difference = abs(expected - picture)
    print(f"{arguments.count} images: {(difference > 0).mean():.4%} of pixels differ, by at most {difference.max()}")
    if expected.std() == 0:
        sys.exit("the images are blank: nothing was compared")
    if difference.max() > 1:
        sys.exit("the images are not the program's")


if __name__ == "__main__":
    main()
