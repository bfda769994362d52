"""Loads a run's exported networks into PyTorch's models and draws what the program drew.

    gansweep export RUN --format safetensors --out FOLDER
    gansweep generate RUN --count 64 --seed 0 --out images.png
    python load_export.py jovian FOLDER images.png --count 64 --seed 0

    gansweep show RUN --json > run.json
    python load_export.py run.json FOLDER images.png --image 3x20x24

The first argument is the name of a case, whose models are the original tutorial's, or a file with the run's
config, from which models are built; `--image` is then the shape of its images. Both networks are loaded with
`strict=True`: every name and shape must be PyTorch's. The latents are drawn again from their stream's
description (`streams.py`), the images by PyTorch in eval mode; they may differ from the picture by one level,
where rounding to a byte goes the other way. Ends with 0 if all agrees.
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
from tutorials import CLASSES, FromConfig, tutorial

HERE = Path(__file__).parent
CASES = {case["name"]: case for case in json.loads((HERE / "cases.json").read_text())}


def read_png(path):
    """An 8-bit grey or RGB PNG as `[channels, height, width]`."""
    data = path.read_bytes()
    if data[:8] != b"\x89PNG\r\n\x1a\n":
        raise SystemExit(f"{path} is no PNG")
    place, packed = 8, b""
    while place < len(data):
        length, kind = struct.unpack_from(">I4s", data, place)
        content = data[place + 8 : place + 8 + length]
        if kind == b"IHDR":
            width, height, depth, color, *rest = struct.unpack(">IIBBBBB", content)
            if (depth, rest) != (8, [0, 0, 0]) or color not in (0, 2):
                raise SystemExit(f"{path} is no plain 8-bit picture, grey or RGB")
            channels = 3 if color == 2 else 1
        elif kind == b"IDAT":
            packed += content
        place += 12 + length
    lines = np.frombuffer(zlib.decompress(packed), np.uint8).reshape(height, 1 + width * channels)
    picture = np.zeros((height + 1, width + 1, channels), int)  # a black line above, a black column to the left
    for y, (kind, *line) in enumerate(lines.tolist(), 1):
        for at, value in enumerate(line):
            x, c = at // channels + 1, at % channels
            picture[y, x, c] = (value + predict(kind, *picture[[y, y - 1, y - 1], [x - 1, x, x - 1], c])) % 256
    return picture[1:, 1:].transpose(2, 0, 1)


def predict(kind, left, above, corner):
    """What a PNG filter adds to a byte (PNG specification, section 9.2)."""
    if kind == 4:
        guess = left + above - corner
        return min((left, above, corner), key=lambda candidate: abs(guess - candidate))
    return [0, left, above, (left + above) // 2][kind]


def models(which, image):
    """The config, the shape of an image, and fresh models of a case or of a run's config."""
    if which in CASES:
        case = CASES[which]
        image = image or list(case.get("image", {"channels": 1, "height": 28, "width": 28}).values())
        return case["config"], image, tutorial(case)
    config = {}
    for entry in json.loads(Path(which).read_text())["config"]:
        *tables, key = entry["key"].split(".")
        table = config
        for name in tables:
            table = table.setdefault(name, {})
        table[key] = entry["value"]
    image = image or [1, 28, 28]
    return config, image, FromConfig(config, dict(zip(["channels", "height", "width"], image)))


def load(fresh, folder, prefix):
    for name, model in [("generator", fresh.G), ("discriminator", fresh.D)]:
        weights = load_file(folder / f"{name}.safetensors")
        if not all(key.startswith(prefix) for key in weights):
            raise SystemExit(f"{name}: not every tensor's name begins with {prefix!r}")
        model.load_state_dict({key.removeprefix(prefix): value for key, value in weights.items()}, strict=True)
        model.eval()
        print(f"{name}: {sum(p.numel() for p in model.parameters()):,} parameters loaded")


def draw(config, image, generator, count, seed):
    """`count` images as `[count, channels, height, width]` bytes."""
    model = config["model"]
    latents = streams.latents(streams.key(seed, streams.GENERATE, []), model["latent"], count * model["latent_dim"])
    # Each class in turn; without effect on a model without conditions.
    generator.classes = torch.arange(count) % CLASSES
    with torch.no_grad():
        images = generator(torch.from_numpy(latents).float().reshape(count, -1)).numpy()
    unit = images * 0.5 + 0.5 if config["data"]["pixels"] == "signed" else images
    return np.clip(np.round(unit * 255), 0, 255).astype(int).reshape(count, *image)


def shape(text):
    sides = [int(side) for side in text.split("x")]
    if len(sides) != 3 or sides[0] not in (1, 3):
        raise argparse.ArgumentTypeError("expected CHANNELSxHEIGHTxWIDTH")
    return sides


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("which", help=f"{', '.join(CASES)}, or the JSON of `gansweep show RUN --json`")
    parser.add_argument("folder", type=Path, help="with generator.safetensors and discriminator.safetensors")
    parser.add_argument("picture", type=Path, help="what `gansweep generate` drew of the same run")
    parser.add_argument("--count", type=int, default=64)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--prefix", default="", help="the one given to `gansweep export`")
    parser.add_argument("--image", type=shape, help="CHANNELSxHEIGHTxWIDTH, if it is not the case's")
    arguments = parser.parse_args()

    config, image, fresh = models(arguments.which, arguments.image)
    load(fresh, arguments.folder, arguments.prefix)
    images = draw(config, image, fresh.G, arguments.count, arguments.seed)
    picture = read_png(arguments.picture)
    channels, height, width = image
    if picture.shape[0] != channels or picture.shape[1] % height or picture.shape[2] % width:
        sys.exit(f"the picture has {picture.shape} channels, lines and columns, and the images are {image}")
    cols = picture.shape[2] // width
    expected = np.zeros_like(picture)
    for index, drawn in enumerate(images):
        top, left = index // cols * height, index % cols * width
        expected[:, top : top + height, left : left + width] = drawn
    difference = abs(expected - picture)
    print(f"{arguments.count} images: {(difference > 0).mean():.4%} of numbers differ, by at most {difference.max()}")
    if expected.std() == 0:
        sys.exit("the images are blank: nothing was compared")
    if difference.max() > 1:
        sys.exit("the images are not the program's")


if __name__ == "__main__":
    main()
