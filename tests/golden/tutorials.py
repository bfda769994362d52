"""One training step of each recipe, written in PyTorch the way its tutorial writes it.

Nothing here is shared with the Rust code: layers, losses and the order of the operations are each
tutorial's own (its sigmoid and `BCELoss`, or logits and `BCEWithLogitsLoss`; its detaching or not;
its one loss over a concatenated batch). Only the random numbers come from outside: initial
weights, images, latents, and the dropout masks, which `GivenDropout` multiplies by.
"""

import math

import torch
from torch import nn
from torch.nn.utils import parametrize
from torch.nn.utils.parametrizations import spectral_norm


class GivenDropout(nn.Module):
    """`nn.Dropout` in training with a mask (0 or 1 / (1 - p)) that is set before the forward pass."""

    def __init__(self, p):
        super().__init__()
        self.mask = None

    def forward(self, x):
        return x * self.mask.reshape(x.shape) if self.training else x


class Around(nn.Module):
    """Takes the input of the layer so many layers before it; see `through`."""

    def __init__(self, around):
        super().__init__()
        self.around = around

    def forward(self, x):
        return x


class Residual(Around):
    """The end of a residual block, which adds that input."""


class Shortcut(Around):
    """The start of a shortcut, which goes on with that input."""


class Attention(nn.Module):
    """Self-attention over the pixels of a map, whose channels are queries, keys and values."""

    def __init__(self, width):
        super().__init__()
        self.width = width

    def forward(self, x):
        query, key, value = x.flatten(2).tensor_split([self.width, 2 * self.width], dim=1)
        weights = torch.softmax(query.transpose(1, 2) @ key / math.sqrt(self.width), dim=2)
        return (value @ weights.transpose(1, 2)).unflatten(2, x.shape[2:])


class Scale(nn.Module):
    """The product with one trained number."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))

    def forward(self, x):
        return self.weight * x


def through(layers, x):
    """The output of layers of which some may take inputs of others."""
    inputs = []
    for layer in layers:
        inputs.append(x)
        if isinstance(layer, Residual):
            x = x + inputs[-1 - layer.around]
        elif isinstance(layer, Shortcut):
            x = inputs[-1 - layer.around]
        else:
            x = layer(x)
    return x


class Blocks(nn.Sequential):
    """Layers of which some may take inputs of others."""

    def forward(self, x):
        return through(self, x)


class OfShape(Blocks):
    """Takes rows of numbers as well as images, and makes inputs of `shape` of them."""

    def __init__(self, shape, *layers):
        super().__init__(*layers)
        self.shape = shape

    def forward(self, x):
        return super().forward(x.reshape(len(x), *self.shape))


class WithClass(OfShape):
    """Layers that know the class of each row, `self.classes`: an embedding of it stands behind the row, or is multiplied
    with the last layer's input (Miyato and Koyama 2018)."""

    def __init__(self, classes, width, projection, shape, *layers):
        super().__init__(shape, *layers)
        self.embedding = nn.Embedding(classes, width)
        self.projection = projection

    def forward(self, x):
        y = self.embedding(self.classes.long().flatten())
        x = x if self.projection else torch.cat((x.flatten(1), y), 1)
        *layers, last = [layer for name, layer in self.named_children() if name != "embedding"]
        x = through(layers, x.reshape(len(x), *self.shape))
        return last(x) + (x * y).sum(1, keepdim=True) if self.projection else last(x)


class ClassNorm(nn.Module):
    """Batch normalisation with a weight and a bias for each class of the rows, `self.classes` (de Vries et al. 2017)."""

    def __init__(self, classes, features):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(classes, features))
        self.bias = nn.Parameter(torch.zeros(classes, features))
        self.register_buffer("running_mean", torch.zeros(features))
        self.register_buffer("running_var", torch.ones(features))
        self.register_buffer("num_batches_tracked", torch.tensor(0))

    def forward(self, x):
        y = nn.functional.batch_norm(x, self.running_mean, self.running_var, training=self.training)
        own = lambda rows: rows[self.classes].reshape(*y.shape[:2], *[1] * (y.dim() - 2))
        return own(self.weight) * y + own(self.bias)


class WithClassNorms(Blocks):
    """Layers of which some normalise by the class of each row, `self.classes`."""

    def forward(self, x):
        for layer in self:
            layer.classes = self.classes.long().flatten()
        return super().forward(x)


def of_classes(layers, classes):
    """Layers whose batch normalisations are those of classes."""
    kinds = (nn.BatchNorm1d, nn.BatchNorm2d)
    return [ClassNorm(classes, layer.num_features) if isinstance(layer, kinds) else layer for layer in layers]


def use_masks(model, masks):
    """Gives each dropout layer of `model` its mask, in order."""
    layers = [layer for layer in model.modules() if isinstance(layer, GivenDropout)]
    assert len(layers) == len(masks)
    for layer, mask in zip(layers, masks):
        layer.mask = mask


class Tutorial:
    """Both networks, their optimisers, and `step`, which the recipes differ in.

    `step(inputs)` returns the losses and scores of one step. `inputs.updates` lists the
    discriminator's updates as `(images, latents, masks by pass)`, `inputs.z` and `inputs.masks`
    are the generator step's.
    """

    logits = False

    def __init__(self, config):
        self.G = self.generator()
        self.D = self.discriminator()
        self.optimizers()

    def optimizers(self):
        self.g_optimizer = torch.optim.Adam(self.G.parameters(), lr=self.lr)
        self.d_optimizer = torch.optim.Adam(self.D.parameters(), lr=self.lr)

    def score(self, outputs):
        """The mean of D(x): the probability of being real that D's outputs stand for."""
        return (torch.sigmoid(outputs) if self.logits else outputs).mean().item()


class RealPython(Tutorial):
    """BCELoss over real and generated samples concatenated; generated samples are not detached."""

    lr = 0.0001

    def generator(self):
        return nn.Sequential(
            nn.Linear(100, 256), nn.ReLU(),
            nn.Linear(256, 512), nn.ReLU(),
            nn.Linear(512, 1024), nn.ReLU(),
            nn.Linear(1024, 784), nn.Tanh(),
        )

    def discriminator(self):
        return nn.Sequential(
            nn.Linear(784, 1024), nn.ReLU(), GivenDropout(0.3),
            nn.Linear(1024, 512), nn.ReLU(), GivenDropout(0.3),
            nn.Linear(512, 256), nn.ReLU(), GivenDropout(0.3),
            nn.Linear(256, 1), nn.Sigmoid(),
        )

    def step(self, inputs):
        loss_function = nn.BCELoss()
        (real_samples, latent_space_samples, masks), = inputs.updates
        batch_size = len(real_samples)
        real_samples_labels = torch.ones((batch_size, 1)).to(real_samples)
        generated_samples = self.G(latent_space_samples)
        generated_samples_labels = torch.zeros((batch_size, 1)).to(real_samples)
        all_samples = torch.cat((real_samples, generated_samples))
        all_samples_labels = torch.cat((real_samples_labels, generated_samples_labels))

        self.D.zero_grad()
        both = zip(masks["DiscriminatorReal"], masks["DiscriminatorFake"])
        use_masks(self.D, [torch.cat(pair) for pair in both])
        output_discriminator = self.D(all_samples)
        loss_discriminator = loss_function(output_discriminator, all_samples_labels)
        loss_discriminator.backward()
        inputs.discriminator_ready(self.D)
        self.d_optimizer.step()

        self.G.zero_grad()
        generated_samples = self.G(inputs.z)
        use_masks(self.D, inputs.masks["DiscriminatorInG"])
        output_discriminator_generated = self.D(generated_samples)
        loss_generator = loss_function(output_discriminator_generated, real_samples_labels)
        loss_generator.backward()
        inputs.generator_ready(self.G)
        self.g_optimizer.step()
        return {
            "d_loss": loss_discriminator.item(),
            "g_loss": loss_generator.item(),
            "d_real": self.score(output_discriminator[:batch_size]),
            "d_fake_before": self.score(output_discriminator[batch_size:]),
            "d_fake_after": self.score(output_discriminator_generated),
        }


class Jovian(Tutorial):
    """The sum of two BCELosses; fakes are not detached, both gradients are reset before each step."""

    lr = 0.0002

    def generator(self):
        return nn.Sequential(
            nn.Linear(64, 256), nn.ReLU(), nn.Linear(256, 256), nn.ReLU(), nn.Linear(256, 784), nn.Tanh()
        )

    def discriminator(self):
        return nn.Sequential(
            nn.Linear(784, 256), nn.LeakyReLU(0.2),
            nn.Linear(256, 256), nn.LeakyReLU(0.2),
            nn.Linear(256, 1), nn.Sigmoid(),
        )

    def reset_grad(self):
        self.d_optimizer.zero_grad()
        self.g_optimizer.zero_grad()

    def step(self, inputs):
        criterion = nn.BCELoss()
        (images, z, _), = inputs.updates
        real_labels = torch.ones(len(images), 1).to(images)
        fake_labels = torch.zeros(len(images), 1).to(images)

        real_score = self.D(images)
        d_loss_real = criterion(real_score, real_labels)
        fake_score = self.D(self.G(z))
        d_loss_fake = criterion(fake_score, fake_labels)
        d_loss = d_loss_real + d_loss_fake
        self.reset_grad()
        d_loss.backward()
        inputs.discriminator_ready(self.D)
        self.d_optimizer.step()

        outputs = self.D(self.G(inputs.z))
        g_loss = criterion(outputs, real_labels)
        self.reset_grad()
        g_loss.backward()
        inputs.generator_ready(self.G)
        self.g_optimizer.step()
        return {
            "d_loss": d_loss.item(),
            "g_loss": g_loss.item(),
            "d_real": self.score(real_score),
            "d_fake_before": self.score(fake_score),
            "d_fake_after": self.score(outputs),
        }


class Coursera(Tutorial):
    """BCEWithLogitsLoss, the mean of fake and real; fakes are detached; BatchNorm in the generator."""

    lr = 0.00001
    logits = True

    def generator(self):
        def block(inputs, outputs):
            return [nn.Linear(inputs, outputs), nn.BatchNorm1d(outputs), nn.ReLU(inplace=True)]

        return nn.Sequential(
            *block(64, 128), *block(128, 256), *block(256, 512), *block(512, 1024),
            nn.Linear(1024, 784), nn.Sigmoid(),
        )

    def discriminator(self):
        return nn.Sequential(
            nn.Linear(784, 512), nn.LeakyReLU(0.2),
            nn.Linear(512, 256), nn.LeakyReLU(0.2),
            nn.Linear(256, 128), nn.LeakyReLU(0.2),
            nn.Linear(128, 1),
        )

    def step(self, inputs):
        criterion = nn.BCEWithLogitsLoss()
        (real, fake_noise, _), = inputs.updates

        self.d_optimizer.zero_grad()
        fake = self.G(fake_noise)
        disc_fake_pred = self.D(fake.detach())
        disc_fake_loss = criterion(disc_fake_pred, torch.zeros_like(disc_fake_pred))
        disc_real_pred = self.D(real)
        disc_real_loss = criterion(disc_real_pred, torch.ones_like(disc_real_pred))
        disc_loss = (disc_fake_loss + disc_real_loss) / 2
        disc_loss.backward(retain_graph=True)
        inputs.discriminator_ready(self.D)
        self.d_optimizer.step()

        self.g_optimizer.zero_grad()
        fake_2 = self.G(inputs.z)
        disc_fake_pred_2 = self.D(fake_2)
        gen_loss = criterion(disc_fake_pred_2, torch.ones_like(disc_fake_pred_2))
        gen_loss.backward()
        inputs.generator_ready(self.G)
        self.g_optimizer.step()
        return {
            "d_loss": disc_loss.item(),
            "g_loss": gen_loss.item(),
            "d_real": self.score(disc_real_pred),
            "d_fake_before": self.score(disc_fake_pred),
            "d_fake_after": self.score(disc_fake_pred_2),
        }


class Udacity(Tutorial):
    """BCEWithLogitsLoss with squeezed outputs, real labels of 0.9, dropout in both networks."""

    lr = 0.002
    logits = True

    def generator(self):
        def hidden(inputs, outputs):
            return [nn.Linear(inputs, outputs), nn.LeakyReLU(0.2), GivenDropout(0.3)]

        return nn.Sequential(
            *hidden(100, 32), *hidden(32, 64), *hidden(64, 128), nn.Linear(128, 784), nn.Tanh()
        )

    def discriminator(self):
        def hidden(inputs, outputs):
            return [nn.Linear(inputs, outputs), nn.LeakyReLU(0.2), GivenDropout(0.3)]

        return nn.Sequential(*hidden(784, 128), *hidden(128, 64), *hidden(64, 32), nn.Linear(32, 1))

    def step(self, inputs):
        (real_images, z, masks), = inputs.updates

        def real_loss(outputs, smooth=False):
            labels = torch.ones(len(outputs)).to(outputs)
            labels = labels * 0.9 if smooth else labels
            return nn.BCEWithLogitsLoss()(outputs.squeeze(), labels)

        def fake_loss(outputs):
            return nn.BCEWithLogitsLoss()(outputs.squeeze(), torch.zeros(len(outputs)).to(outputs))

        self.d_optimizer.zero_grad()
        use_masks(self.D, masks["DiscriminatorReal"])
        d_real = self.D(real_images)
        d_real_loss = real_loss(d_real, smooth=True)
        use_masks(self.G, masks["GeneratorInD"])
        fake_images = self.G(z)
        use_masks(self.D, masks["DiscriminatorFake"])
        d_fake = self.D(fake_images)
        d_loss = d_real_loss + fake_loss(d_fake)
        d_loss.backward()
        inputs.discriminator_ready(self.D)
        self.d_optimizer.step()

        self.g_optimizer.zero_grad()
        use_masks(self.G, inputs.masks["GeneratorInG"])
        fake_images = self.G(inputs.z)
        use_masks(self.D, inputs.masks["DiscriminatorInG"])
        d_fake_in_g = self.D(fake_images)
        g_loss = real_loss(d_fake_in_g)
        g_loss.backward()
        inputs.generator_ready(self.G)
        self.g_optimizer.step()
        return {
            "d_loss": d_loss.item(),
            "g_loss": g_loss.item(),
            "d_real": self.score(d_real),
            "d_fake_before": self.score(d_fake),
            "d_fake_after": self.score(d_fake_in_g),
        }


OPTIMIZERS = {
    "adam": lambda parameters, o: torch.optim.Adam(
        parameters, lr=o["lr"], betas=(o["beta1"], o["beta2"]), eps=o["eps"]
    ),
    "adamw": lambda parameters, o: torch.optim.AdamW(
        parameters, lr=o["lr"], betas=(o["beta1"], o["beta2"]), eps=o["eps"], weight_decay=o["weight_decay"]
    ),
    "sgd": lambda parameters, o: torch.optim.SGD(parameters, lr=o["lr"], momentum=o["momentum"]),
    "rmsprop": lambda parameters, o: torch.optim.RMSprop(
        parameters, lr=o["lr"], alpha=o["alpha"], eps=o["eps"], momentum=o["momentum"]
    ),
}


class NonSaturating:
    """Binary cross-entropy of logits; the generator's is that of the opposite label."""

    logits = True

    def __init__(self, config):
        self.real = 1 - config["label_smoothing"]
        self.bce = nn.BCEWithLogitsLoss()

    def on_real(self, outputs):
        return self.bce(outputs, torch.full_like(outputs, self.real))

    def on_fake(self, outputs):
        return self.bce(outputs, torch.zeros_like(outputs))

    def of_generator(self, outputs):
        return self.bce(outputs, torch.ones_like(outputs))


class Minimax(NonSaturating):
    """The generator's loss is minus the discriminator's on fakes (Goodfellow et al. 2014, equation 1)."""

    def of_generator(self, outputs):
        return -self.on_fake(outputs)


class LeastSquares:
    """Half the mean squared distance from the labels (Mao et al. 2017, equation 2)."""

    logits = False

    def __init__(self, config):
        self.real, self.fake = 1 - config["label_smoothing"], config.get("fake_label_smoothing", 0.0)
        self.mse = nn.MSELoss()

    def on_real(self, outputs):
        return self.mse(outputs, torch.full_like(outputs, self.real)) / 2

    def on_fake(self, outputs):
        return self.mse(outputs, torch.full_like(outputs, self.fake)) / 2

    def of_generator(self, outputs):
        return self.mse(outputs, torch.ones_like(outputs)) / 2


class Hinge:
    """Distances from the wrong side of a margin (Miyato et al. 2018, equations 16 and 17)."""

    logits = True

    def __init__(self, config):
        pass

    def on_real(self, outputs):
        return torch.relu(1 - outputs).mean()

    def on_fake(self, outputs):
        return torch.relu(1 + outputs).mean()

    def of_generator(self, outputs):
        return -outputs.mean()


class Wasserstein:
    """The critic's difference of means (Arjovsky et al. 2017, algorithm 1)."""

    logits = True

    def __init__(self, config):
        self.weight_clip = config.get("weight_clip")

    def on_real(self, outputs):
        return -outputs.mean()

    def on_fake(self, outputs):
        return outputs.mean()

    def of_generator(self, outputs):
        return -outputs.mean()


class Relativistic:
    """Losses of differences between the critic's outputs (Jolicoeur-Martineau 2018): RSGAN, RaSGAN, RaLSGAN, RaHinge."""

    def __init__(self, config):
        self.paired = config["relativistic"] == "paired"
        self.smooth = config["label_smoothing"]
        self.mean = config["combine"] == "mean"
        self.wants = {
            "non-saturating": lambda y, real: nn.functional.binary_cross_entropy_with_logits(y, torch.full_like(y, real)),
            "least-squares": lambda y, real: ((y - (real if real > 0 else -1)) ** 2).mean() / 2,
            "hinge": lambda y, real: torch.relu(1 - y if real else 1 + y).mean(),
        }[config["kind"]]

    def differences(self, real, fake):
        return (real - fake, fake - real) if self.paired else (real - fake.mean(), fake - real.mean())

    def of_discriminator(self, real, fake):
        y_real, y_fake = self.differences(real, fake)
        if self.paired:
            return self.wants(y_real, 1 - self.smooth)
        return (self.wants(y_real, 1 - self.smooth) + self.wants(y_fake, 0)) / (2 if self.mean else 1)

    def of_generator(self, real, fake):
        y_real, y_fake = self.differences(real, fake)
        if self.paired:
            return self.wants(y_fake, 1)
        return (self.wants(y_fake, 1) + self.wants(y_real, 0)) / (2 if self.mean else 1)

    def scores(self, real, fake, kind):
        y_real, y_fake = self.differences(real, fake)
        return [((y + 1) / 2 if kind == "least-squares" else torch.sigmoid(y)).mean().item() for y in (y_real, y_fake)]


LOSSES = {"non-saturating": NonSaturating, "minimax": Minimax, "least-squares": LeastSquares, "hinge": Hinge, "wasserstein": Wasserstein}


# Of each discriminator update; the last two only where it has a penalty.
METRICS_OF_D = ["d_loss", "d_real", "d_fake_before", "d_penalty", "d_input_gradient"]


def rate_factor(values, epochs, step_epochs):
    """What a schedule multiplies the learning rate by in a step that begins after so many epochs."""
    share = min(1.0, epochs / values["horizon"])
    end = values.get("lr_end", 0.0)
    kind = values["schedule"]
    if kind == "linear":
        factor = 1 - (1 - end) * share
    elif kind == "cosine":
        factor = end + (1 - end) * (1 + math.cos(math.pi * share)) / 2
    elif kind == "step":
        factor = values["gamma"] ** math.floor(epochs / values["horizon"])
    else:
        factor = 1.0
    warmup = values.get("warmup", 0.0)
    return factor * min(1.0, (epochs + step_epochs) / warmup) if warmup else factor


SMOOTH = {"silu": nn.SiLU, "gelu": nn.GELU, "elu": nn.ELU}


def activation(part):
    """The activation after each hidden layer of a network."""
    name = part["activation"]
    if name in SMOOTH:
        return SMOOTH[name]()
    return nn.ReLU() if name == "relu" else nn.LeakyReLU(part["slope"])


def listed(texts, shape):
    """The layers of a list such as `["conv 64 kernel 4 stride 2", "relu"]`, for rows of that shape."""
    layers, outputs = [], [shape]
    for text in texts:
        name, *words = text.split()
        main = words.pop(0) if len(words) % 2 else None
        window = {key: value == "true" if key == "bias" else int(value) for key, value in zip(words[::2], words[1::2])}
        sides = {"conv": nn.Conv2d, "conv-transpose": nn.ConvTranspose2d}
        kernel = window.pop("kernel", None)
        layer = (
            sides[name](shape[0], int(main), kernel, **window) if name in sides
            else nn.Linear(shape[0], int(main), **window) if name == "linear"
            else nn.Upsample(scale_factor=int(main)) if name == "upsample"
            else nn.AvgPool2d(int(main)) if name == "avg-pool"
            else nn.AvgPool2d(int(main), divisor_override=1) if name == "sum-pool"
            else Residual(int(main)) if name == "residual"
            else Shortcut(int(main)) if name == "shortcut"
            else Attention(int(main)) if name == "attention"
            else Scale() if name == "scale"
            else (nn.BatchNorm1d if len(shape) == 1 else nn.BatchNorm2d)(shape[0]) if name == "batch-norm"
            else nn.LayerNorm(shape) if name == "layer-norm"
            else nn.InstanceNorm2d(shape[0], affine=True) if name == "instance-norm"
            else nn.LeakyReLU(float(main or 0.01)) if name == "leaky-relu"
            else GivenDropout(float(main or 0.5)) if name == "dropout"
            else nn.Unflatten(1, [int(side) for side in main.split("x")]) if name == "reshape"
            else SMOOTH[name]() if name in SMOOTH
            else {"relu": nn.ReLU, "tanh": nn.Tanh, "sigmoid": nn.Sigmoid, "flatten": nn.Flatten}[name]()
        )  # fmt: skip
        layers.append(layer)
        with torch.no_grad():
            outputs.append(list(layer.eval()(torch.zeros(2, *shape)).shape[1:]))
        if isinstance(layer, Shortcut):
            outputs[-1] = outputs[-1 - layer.around - 1]
        layer.train()
        shape = outputs[-1]
    return layers


# Of the synthetic images.
CLASSES = 10


class FromConfig(Tutorial):
    """Any config: the recipe of this program's own, settings that no recipe has, and colour images."""

    def __init__(self, config, image=None):
        self.config = config
        self.image = list(image.values()) if image else [1, 28, 28]
        self.pixels = math.prod(self.image)
        self.loss = LOSSES[config["loss"].get("kind", "non-saturating")](config["loss"])
        self.logits = self.loss.logits
        relativistic = config["loss"].get("relativistic", "none") != "none"
        self.relativistic = Relativistic(config["loss"]) if relativistic else None
        self.d_updates = 0
        super().__init__(config)

    def normalised(self, part, layers):
        """Layers whose weights are divided by their spectral norms, if the network wants that."""
        if not part.get("spectral_norm"):
            return layers
        products = (nn.Linear, nn.Conv2d, nn.ConvTranspose2d)
        return [spectral_norm(layer) if isinstance(layer, products) else layer for layer in layers]

    def scores(self, real, fake):
        if self.relativistic:
            return self.relativistic.scores(real, fake, self.config["loss"]["kind"])
        return [self.score(real), self.score(fake)]

    def stack(self, part, inputs, outputs):
        layers = []
        for width in part["hidden"]:
            layers.append(nn.Linear(inputs, width))
            if part.get("batch_norm"):
                layers.append(nn.BatchNorm1d(width))
            if part.get("layer_norm"):
                layers.append(nn.LayerNorm(width))
            layers.append(activation(part))
            if part["dropout"] > 0:
                layers.append(GivenDropout(part["dropout"]))
            inputs = width
        return [*layers, nn.Linear(inputs, outputs)]

    def between(self, part, shape, normalised=True):
        """What stands between two convolutions, behind a feature map of that shape."""
        layers = []
        if normalised and part.get("batch_norm"):
            layers.append(nn.BatchNorm2d(shape[0]))
        if normalised and part.get("layer_norm"):
            layers.append(nn.LayerNorm(shape))
        layers.append(activation(part))
        if part["dropout"] > 0:
            layers.append(GivenDropout(part["dropout"]))
        return layers

    def dcgan_sides(self):
        """The sides of the feature maps, from the smallest to the image's."""
        sides = [7 if self.image[1] == 28 else 4]
        while sides[-1] < self.image[1]:
            sides.append(2 * sides[-1])
        return sides

    def dcgan_generator(self, part, inputs):
        *sides, last = self.dcgan_sides()
        channels = [part["width"] * 2**level for level in range(len(sides))][::-1]
        shapes = [[c, side, side] for c, side in zip(channels, sides)]
        layers = [nn.Linear(inputs, math.prod(shapes[0])), nn.Unflatten(1, shapes[0]), *self.between(part, shapes[0])]
        for before, shape in zip(shapes, shapes[1:]):
            layers += [nn.ConvTranspose2d(before[0], shape[0], 4, 2, 1), *self.between(part, shape)]
        return [*layers, nn.ConvTranspose2d(channels[-1], self.image[0], 4, 2, 1)]

    def dcgan_discriminator(self, part, inputs):
        sides = self.dcgan_sides()[::-1][1:]
        layers = []
        for level, side in enumerate(sides):
            shape = [part["width"] * 2**level, side, side]
            layers += [nn.Conv2d(inputs, shape[0], 4, 2, 1), *self.between(part, shape, normalised=level > 0)]
            inputs = shape[0]
        return [*layers, nn.Flatten(), nn.Linear(math.prod(shape), 1)]

    def generator(self):
        model = self.config["model"]
        part, inputs = model["generator"], model["latent_dim"]
        by_norm = model.get("conditional") and part.get("condition") == "batch-norm"
        if model.get("conditional") and not by_norm:
            inputs += model.get("embedding") or CLASSES
        if part.get("kind") == "layers":
            layers = listed(part["layers"], [inputs])
        elif part.get("kind") == "dcgan":
            layers = self.dcgan_generator(part, inputs)
        else:
            layers = self.stack(part, inputs, self.pixels)
        layers = self.normalised(part, layers)
        last = {"tanh": nn.Tanh, "sigmoid": nn.Sigmoid}[model["output"]]
        if by_norm:
            return WithClassNorms(*of_classes(layers, CLASSES), last(), nn.Flatten())
        if model.get("conditional"):
            return WithClass(CLASSES, inputs - model["latent_dim"], False, [inputs], *layers, last())
        return Blocks(*layers, last(), nn.Flatten()) if part.get("kind") == "layers" else nn.Sequential(*layers, last())

    def discriminator(self):
        model, part = self.config["model"], self.config["model"]["discriminator"]
        projection = part.get("condition") == "projection"
        concat = model.get("conditional") and not projection
        takes_rows = part["layers"][0].startswith("linear") if part.get("kind") == "layers" else part.get("kind") != "dcgan"
        if takes_rows:
            width = model.get("embedding") or CLASSES
            shape = [self.pixels + (width if concat else 0)]
        else:
            width, shape = self.image[1] * self.image[2], [self.image[0] + bool(concat), *self.image[1:]]
        if part.get("kind") == "layers":
            layers = listed(part["layers"], shape)
        elif part.get("kind") == "dcgan":
            layers = self.dcgan_discriminator(part, shape[0])
        else:
            layers = self.stack(part, *shape, 1)
        if model.get("conditional"):
            width = layers[-1].in_features if projection else width
            model = WithClass(CLASSES, width, projection, shape, *self.normalised(part, layers))
            if projection and part.get("spectral_norm"):
                spectral_norm(model.embedding)
            return model
        return OfShape(shape, *self.normalised(part, layers), nn.Flatten())

    def optimizers(self):
        def optimizer(model, values):
            return OPTIMIZERS[values.get("kind", "adam")](model.parameters(), values)

        self.g_optimizer = optimizer(self.G, self.config["optimizer"]["generator"])
        self.d_optimizer = optimizer(self.D, self.config["optimizer"]["discriminator"])
        both = [(self.g_optimizer, "generator"), (self.d_optimizer, "discriminator")]
        self.schedulers = [self.scheduler(one, self.config["optimizer"][network]) for one, network in both]

    def scheduler(self, optimizer, values):
        """Steps once a step of the GAN, as `lr_scheduler` does once a step of its optimiser."""
        train = self.config["train"]
        # A run's config may have 0 for all images; `load_export.py`, which reads such configs, trains nothing.
        images = self.config["data"]["images"] or train["batch_size"]
        batches = images // train["batch_size"] if train["drop_last"] else math.ceil(images / train["batch_size"])
        step = 1 / math.ceil(batches / train["d_steps"])
        schedule = lambda n: rate_factor(values, n * step, step) if "schedule" in values else 1.0
        return torch.optim.lr_scheduler.LambdaLR(optimizer, schedule)

    def clip(self, network, model):
        if norm := self.config["optimizer"][network].get("clip_norm"):
            torch.nn.utils.clip_grad_norm_(model.parameters(), norm)

    def penalty(self, x, fakes, masks, drawn, classes):
        """The penalty, its mean norm, and its factor, differentiated twice; None where an update has none."""
        values = self.config.get("penalty", {"kind": "none"})
        self.d_updates += 1
        if values["kind"] == "none" or (self.d_updates - 1) % values["every"]:
            return None
        if values["kind"] == "wgan-gp":
            halves = [(drawn * x + (1 - drawn) * fakes, "DiscriminatorInPenalty")]
        elif values["kind"] == "dragan":
            halves = [(x + values["noise"] * drawn, "DiscriminatorInPenalty")]
        else:
            both = {"r1": (x, "DiscriminatorReal"), "r2": (fakes, "DiscriminatorFake")}
            halves = [both[name] for name in values["kind"].split("-")]
        penalty, norms = 0, []
        for points, network_pass in halves:
            points = points.detach().requires_grad_()
            use_masks(self.D, masks[network_pass])
            self.D.classes = classes[network_pass == "DiscriminatorFake"]
            (gradient,) = torch.autograd.grad(self.D(points).sum(), points, create_graph=True)
            norm = gradient.norm(2, dim=1)
            norms.append(norm)
            if values["kind"] in ("wgan-gp", "dragan"):
                excess = torch.relu(norm - 1) if values["one_sided"] else norm - 1
                penalty = penalty + (excess**2).mean()
            else:
                penalty = penalty + gradient.square().sum(1).mean() / 2
        penalty = values["weight"] * penalty
        return penalty, torch.cat(norms).mean().item(), values["every"]

    def seen(self, inputs, update, network_pass, images):
        """What a pass of the discriminator sees: images with random changes and noise."""
        drawn = inputs.augment(update, network_pass)
        if drawn is not None:
            maps = images.reshape(-1, *self.image)
            changed = [self.changed(image, numbers) for image, numbers in zip(maps, drawn.tolist())]
            images = torch.stack(changed).reshape(images.shape)
        noise = inputs.instance_noise(update, network_pass)
        return images if noise is None else images + noise

    def changed(self, image, drawn):
        """Brightness, saturation, contrast, translation and cutout of one image."""
        augment, is_signed = self.config["augment"], self.config["data"]["pixels"] == "signed"
        unit, grey = (1.0, 0.0) if is_signed else (0.5, 0.5)
        strength = augment["color"]
        image = image + strength * unit * (drawn[0] - 0.5)
        of_pixel = image.mean(dim=0, keepdim=True)
        image = of_pixel + (image - of_pixel) * (1 + strength * (2 * drawn[1] - 1))
        image = image.mean() + (image - image.mean()) * (1 + strength * (drawn[2] - 0.5))
        # Moved by padding all around and taking another window.
        most = [math.floor(side * augment["translation"] + 0.5) for side in image.shape[1:]]
        down, right = (math.floor(drawn[3 + i] * (2 * most[i] + 1)) - most[i] for i in range(2))
        padded = nn.functional.pad(image, (most[1], most[1], most[0], most[0]), value=grey)
        image = padded[:, most[0] - down :, most[1] - right :][:, : image.shape[1], : image.shape[2]]
        kept = torch.ones_like(image)
        length = [math.floor(side * augment["cutout"] + 0.5) for side in image.shape[1:]]
        first = [math.floor(drawn[5 + i] * (side + 1 - length[i] % 2)) - length[i] // 2 for i, side in enumerate(image.shape[1:])]
        top, left = (max(0, place) for place in first)
        kept[:, top : first[0] + length[0], left : first[1] + length[1]] = 0
        return image * kept + grey * (1 - kept)

    def update_discriminator(self, inputs, update, ready):
        # Real images, fakes and the points of a penalty meet the same weights, after one power iteration.
        with parametrize.cached():
            minimised, measured = self.discriminator_losses(inputs, update)
            self.d_optimizer.zero_grad()
            minimised.backward()
        ready(self.D)
        self.clip("discriminator", self.D)
        self.d_optimizer.step()
        without_penalty = self.config.get("penalty", {}).get("kind", "none") == "none"
        if (limit := getattr(self.loss, "weight_clip", None)) and without_penalty:
            for parameter in self.D.parameters():
                parameter.data.clamp_(-limit, limit)
        return measured

    def discriminator_losses(self, inputs, update):
        """What the discriminator minimises, and what is measured of it."""
        x, z, masks = inputs.updates[update]
        drawn, flips = inputs.drawn[update], inputs.flips[update]
        classes = inputs.classes(update)
        use_masks(self.G, masks["GeneratorInD"])
        self.G.classes = classes[1]
        with torch.no_grad():
            fakes = self.G(z).flatten(1)
        x = self.seen(inputs, update, "DiscriminatorReal", x)
        fakes = self.seen(inputs, update, "DiscriminatorFake", fakes)
        use_masks(self.D, masks["DiscriminatorReal"])
        self.D.classes = classes[0]
        real = self.D(x)
        use_masks(self.D, masks["DiscriminatorFake"])
        self.D.classes = classes[1]
        fake = self.D(fakes)
        d_loss = self.discriminator_loss(real, fake, flips)
        penalty = self.penalty(x, fakes, masks, drawn, classes)
        minimised = d_loss + penalty[0] * penalty[2] if penalty else d_loss
        measured = {"d_penalty": penalty[0].item(), "d_input_gradient": penalty[1]} if penalty else {}
        real, fake = self.scores(real, fake)
        return minimised, {"d_loss": d_loss.item(), "d_real": real, "d_fake_before": fake} | measured

    def discriminator_loss(self, real, fake, flips):
        if flips is not None:
            return self.flipped_loss(real, fake, flips)
        if self.relativistic:
            return self.relativistic.of_discriminator(real, fake)
        d_loss = self.loss.on_real(real) + self.loss.on_fake(fake)
        return d_loss / 2 if self.config["loss"]["combine"] == "mean" else d_loss

    def flipped_loss(self, real, fake, flips):
        """Binary cross-entropy with a label of its own for each image."""
        config = self.config["loss"]
        labels = torch.cat((torch.full_like(real, 1 - config["label_smoothing"]), torch.full_like(fake, config["fake_label_smoothing"])))
        others = torch.cat(tuple(reversed(labels.chunk(2))))
        labels = torch.where(flips > 0, others, labels)
        losses = nn.functional.binary_cross_entropy_with_logits(torch.cat((real, fake)), labels, reduction="none")
        return losses.sum() / len(real) / (2 if config["combine"] == "mean" else 1)

    def generator_loss(self, inputs, fake):
        """And the score of the fakes. Differences are from the outputs on the last batch's real images."""
        if not self.relativistic:
            return self.loss.of_generator(fake), self.score(fake)
        use_masks(self.D, inputs.masks["DiscriminatorRealInG"])
        self.D.classes = inputs.classes(len(inputs.updates) - 1)[0]
        with torch.no_grad():
            real = self.D(self.seen(inputs, 0, "DiscriminatorRealInG", inputs.updates[-1][0]))
        return self.relativistic.of_generator(real, fake), self.scores(real, fake)[1]

    def step(self, inputs):
        updates = [
            self.update_discriminator(inputs, update, inputs.discriminator_ready)
            for update in range(len(inputs.updates))
        ]
        values = {name: [update[name] for update in updates if name in update] for name in METRICS_OF_D}
        means = {name: sum(column) / len(column) for name, column in values.items() if column}
        use_masks(self.G, inputs.masks["GeneratorInG"])
        use_masks(self.D, inputs.masks["DiscriminatorInG"])
        self.G.classes = self.D.classes = inputs.classes_g
        with parametrize.cached():
            fake = self.D(self.seen(inputs, 0, "DiscriminatorInG", self.G(inputs.z)))
            g_loss, d_fake_after = self.generator_loss(inputs, fake)
            self.g_optimizer.zero_grad()
            g_loss.backward()
        inputs.generator_ready(self.G)
        self.clip("generator", self.G)
        self.g_optimizer.step()
        for scheduler in self.schedulers:
            scheduler.step()
        return means | {"g_loss": g_loss.item(), "d_fake_after": d_fake_after}


TUTORIALS = {"realpython": RealPython, "jovian": Jovian, "coursera": Coursera, "udacity": Udacity}


def tutorial(case):
    """The tutorial of a case, with fresh networks and optimisers."""
    if case["name"] in TUTORIALS:
        return TUTORIALS[case["name"]](case["config"])
    return FromConfig(case["config"], case.get("image"))
