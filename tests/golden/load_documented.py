"""Loads exported networks by the code in docs/pytorch.md and docs/experiment-file.md.

    python load_documented.py FOLDER

FOLDER has the exports of runs of the recipes `fast`, `dcgan` and `conditional`, in folders of these names, in `class-norms` that of
a run of `fast` with batch normalisations of classes, and in `shortcuts` and `attention` those of runs with lists of layers.
"""

import re
import sys
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import nn

PAGES = [Path(__file__).parent / f"../../docs/{page}.md" for page in ("pytorch", "experiment-file")]


def documented(word):
    """What the first block of the pages defines that has this word."""
    blocks = re.findall(r"```python\n(.*?)```", "".join(page.read_text() for page in PAGES), re.DOTALL)
    block, *_ = [block for block in blocks if word in block]
    names = {"torch": torch, "nn": nn}
    exec(block, names)
    return names


def load(model, file):
    model.load_state_dict(load_file(file))
    print(f"{file.parent.name}/{file.name} loaded")
    return model.eval()


def main():
    folder = Path(sys.argv[1])
    for recipe, word in [("fast", "nn.BatchNorm1d"), ("dcgan", "nn.ConvTranspose2d(256")]:
        names = documented(word)
        for network in ("generator", "discriminator"):
            load(names[network], folder / recipe / f"{network}.safetensors")
    conditional = documented("class Conditional")["Conditional"]
    # The layers of `fast`; ten classes, with ten numbers for each behind the latent vector.
    layers = documented("nn.BatchNorm1d")
    wider = [nn.Linear(64 + 10, 256), *list(layers["generator"])[1:]]
    generator = load(conditional(wider, 10, 10), folder / "conditional/generator.safetensors")
    critic = conditional(layers["discriminator"], 10, 256, projection=True)
    critic = load(critic, folder / "conditional/discriminator.safetensors")
    classes = torch.arange(10)
    outputs = critic(generator(torch.randn(10, 64), classes), classes)
    assert outputs.shape == (10, 1) and outputs.isfinite().all()
    # The generator's first normalisation, of 256 features.
    norm = documented("class ClassNorm")["ClassNorm"](10, 256)
    tensors = load_file(folder / "class-norms/generator.safetensors").items()
    norm.load_state_dict({name.removeprefix("1."): value for name, value in tensors if name.startswith("1.")})
    assert norm(torch.randn(10, 256), classes).shape == (10, 256)
    blocks = documented("class Blocks")
    drawn = blocks["Blocks"](
        nn.Linear(64, 98), nn.Unflatten(1, (2, 7, 7)),
        nn.BatchNorm2d(2), nn.ReLU(), nn.Upsample(scale_factor=4), nn.Conv2d(2, 3, 3, padding=1),
        blocks["Shortcut"](4), nn.Upsample(scale_factor=4), nn.Conv2d(2, 3, 1), blocks["Residual"](3),
        nn.ReLU(), nn.Conv2d(3, 1, 3, padding=1), nn.Tanh(),
    )  # fmt: skip
    layers = documented("class Attention")
    attentive = blocks["Blocks"](
        nn.Linear(64, 98), nn.Unflatten(1, (2, 7, 7)), nn.BatchNorm2d(2), nn.ReLU(),
        nn.Conv2d(2, 9, 1), layers["Attention"](2), nn.Conv2d(5, 2, 1), layers["Scale"](), blocks["Residual"](4),
        nn.Upsample(scale_factor=4), nn.Conv2d(2, 1, 3, padding=1), nn.Tanh(),
    )  # fmt: skip
    assert load(attentive, folder / "attention/generator.safetensors")(torch.randn(10, 64)).shape == (10, 1, 28, 28)
    assert load(drawn, folder / "shortcuts/generator.safetensors")(torch.randn(10, 64)).shape == (10, 1, 28, 28)


if __name__ == "__main__":
    main()
