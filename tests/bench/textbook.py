"""SPADE and its training step as a textbook would write them: the yardstick of speed and digits.

Park et al., CVPR 2019, section 3, section 4 and appendix A, in the plainest PyTorch: every
layer dense and contiguous, each formula a line. Nothing is shared with ``spade``; modules have
the names that ``spade`` gives its own, so that weights can be handed over by state dict.

``textbook_step`` updates the generator, runs it again without gradients, and updates the
discriminator on that picture, as the paper's own program does. ``stated_step`` is what
``spade.training.objective`` states: the generator runs once, the discriminator first.
"""

from __future__ import annotations

import copy
import itertools
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import spectral_norm

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of the photos that VGG learned from."""


class BatchNorm(nn.Module):
    """(h - mu) / sigma over N, H and W; the running statistics as torch's own has them."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_var", torch.ones(channels))

    def forward(self, h: Tensor) -> Tensor:
        return F.batch_norm(h, self.running_mean, self.running_var, training=self.training)


class Spade(nn.Module):
    """Equation 1."""

    def __init__(self, channels: int, semantic_nc: int, embedding: int) -> None:
        super().__init__()
        self.norm = BatchNorm(channels)
        self.embed = nn.Conv2d(semantic_nc, embedding, 3, padding=1)
        self.gamma = nn.Conv2d(embedding, channels, 3, padding=1)
        self.beta = nn.Conv2d(embedding, channels, 3, padding=1)

    def forward(self, h: Tensor, semantic: Tensor) -> Tensor:
        embedded = F.relu(self.embed(F.interpolate(semantic, size=h.shape[2:], mode="nearest")))
        return self.norm(h) * (1 + self.gamma(embedded)) + self.beta(embedded)


class Block(nn.Module):
    """Figure 4, left."""

    def __init__(self, fin: int, fout: int, semantic_nc: int, embedding: int) -> None:
        super().__init__()
        middle = min(fin, fout)
        self.norm_0 = Spade(fin, semantic_nc, embedding)
        self.conv_0 = spectral_norm(nn.Conv2d(fin, middle, 3, padding=1))
        self.norm_1 = Spade(middle, semantic_nc, embedding)
        self.conv_1 = spectral_norm(nn.Conv2d(middle, fout, 3, padding=1))
        self.learned = fin != fout
        if self.learned:
            self.norm_s = Spade(fin, semantic_nc, embedding)
            self.conv_s = spectral_norm(nn.Conv2d(fin, fout, 1, bias=False))

    def forward(self, h: Tensor, semantic: Tensor) -> Tensor:
        shortcut = self.conv_s(self.norm_s(h, semantic)) if self.learned else h
        dh = self.conv_0(F.leaky_relu(self.norm_0(h, semantic), 0.2))
        return shortcut + self.conv_1(F.leaky_relu(self.norm_1(dh, semantic), 0.2))


class Generator(nn.Module):
    """Figure 12, with the VAE's z, for pictures of ``size`` and 'normal' up-sampling."""

    def __init__(self, semantic_nc: int, ngf: int, z_dim: int, size: int, embedding: int) -> None:
        super().__init__()
        k, self.grid = ngf, size // 32
        self.fc = nn.Linear(z_dim, 16 * k * self.grid**2)
        widths = {"head": (16, 16), "middle_0": (16, 16), "middle_1": (16, 16)}
        widths |= {"up_0": (16, 8), "up_1": (8, 4), "up_2": (4, 2), "up_3": (2, 1)}
        for name, (fin, fout) in widths.items():
            self.add_module(name, Block(fin * k, fout * k, semantic_nc, embedding))
        self.to_rgb = nn.Conv2d(k, 3, 3, padding=1)

    def forward(self, semantic: Tensor, z: Tensor) -> Tensor:
        h = self.head(self.fc(z).view(len(z), -1, self.grid, self.grid), semantic)
        h = self.middle_0(F.interpolate(h, scale_factor=2), semantic)
        h = self.middle_1(h, semantic)
        for block in (self.up_0, self.up_1, self.up_2, self.up_3):
            h = block(F.interpolate(h, scale_factor=2), semantic)
        return torch.tanh(self.to_rgb(F.leaky_relu(h, 0.2)))


class Encoder(nn.Module):
    """Figure 14; ``layers`` halvings down to 4x4."""

    def __init__(self, nef: int, z_dim: int, layers: int) -> None:
        super().__init__()
        widths = [3] + [nef * m for m in (1, 2, 4, 8, 8, 8)[:layers]]
        self.convs = nn.ModuleList(
            spectral_norm(nn.Conv2d(a, b, 3, stride=2, padding=1, bias=False))
            for a, b in itertools.pairwise(widths)
        )
        self.mu = nn.Linear(widths[-1] * 16, z_dim)
        self.logvar = nn.Linear(widths[-1] * 16, z_dim)

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        h = image
        for conv in self.convs:
            h = F.leaky_relu(F.instance_norm(conv(h)), 0.2)
        h = h.flatten(1)
        return self.mu(h), self.logvar(h)


class Patches(nn.Module):
    """Figure 13."""

    def __init__(self, semantic_nc: int, ndf: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(semantic_nc + 3, ndf, 4, stride=2, padding=2)
        self.middle = nn.ModuleList(
            spectral_norm(nn.Conv2d(a * ndf, b * ndf, 4, stride=s, padding=2, bias=False))
            for a, b, s in ((1, 2, 2), (2, 4, 2), (4, 8, 1))
        )
        self.last = nn.Conv2d(8 * ndf, 1, 4, padding=2)

    def forward(self, x: Tensor) -> list[Tensor]:
        features = [F.leaky_relu(self.first(x), 0.2)]
        for conv in self.middle:
            features.append(F.leaky_relu(F.instance_norm(conv(features[-1])), 0.2))
        return [*features, self.last(features[-1])]


class Discriminator(nn.Module):
    """Two of them, the second on half the size; real and fake in one batch, as the paper's."""

    def __init__(self, semantic_nc: int, ndf: int) -> None:
        super().__init__()
        self.patches = nn.ModuleList(Patches(semantic_nc, ndf) for _ in range(2))

    def forward(
        self, semantic: Tensor, real: Tensor, fake: Tensor
    ) -> list[tuple[list[Tensor], list[Tensor]]]:
        x = torch.cat([torch.cat([semantic, real], 1), torch.cat([semantic, fake], 1)])
        smaller = F.avg_pool2d(x, 3, stride=2, padding=1, count_include_pad=False)
        n, results = len(real), []
        for patch, seen in zip(self.patches, (x, smaller), strict=True):
            features = patch(seen)
            results.append(([f[:n] for f in features], [f[n:] for f in features]))
        return results


class Vgg19(nn.Module):
    """relu1_1, relu2_1 ... relu5_1 of configuration E, with random weights; He's scale."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        fin = 3
        for width, count in ((64, 2), (128, 2), (256, 4), (512, 4), (512, 1)):
            for _ in range(count):
                conv = nn.Conv2d(fin, width, 3, padding=1)
                nn.init.kaiming_normal_(conv.weight)
                nn.init.zeros_(conv.bias)
                layers += [conv, nn.ReLU()]
                fin = width
            layers.append(nn.MaxPool2d(2))
        self.features = nn.Sequential(*layers[:-1])
        self.requires_grad_(False)

    def forward(self, image: Tensor) -> list[Tensor]:
        # In fp32, also for fp64: these numbers are not exact in either.
        mean, std = (torch.tensor(t).view(1, 3, 1, 1).to(image) for t in (MEAN, STD))
        h, results = ((image + 1) / 2 - mean) / std, []
        for i, layer in enumerate(self.features):
            h = layer(h)
            if i in (1, 6, 11, 20, 29):
                results.append(h)
        return results


def perceptual(vgg: Vgg19, fake: Tensor, real: Tensor) -> Tensor:
    """L1 between features, the deeper the heavier."""
    weights = (1 / 32, 1 / 16, 1 / 8, 1 / 4, 1.0)
    pairs = zip(weights, vgg(fake), vgg(real), strict=True)
    return sum((w * F.l1_loss(a, b.detach()) for w, a, b in pairs), torch.zeros(()))


@dataclass
class Textbook:
    """All networks, their optimizers and the generator's moving average."""

    generator: Generator
    encoder: Encoder
    discriminator: Discriminator
    vgg: Vgg19 | None
    optimizer_g: torch.optim.Optimizer
    optimizer_d: torch.optim.Optimizer
    average: Generator

    @classmethod
    def of(
        cls,
        generator: Generator,
        encoder: Encoder,
        discriminator: Discriminator,
        vgg: Vgg19 | None,
    ) -> Textbook:
        """With Adam as in appendix A."""
        learned = [*generator.parameters(), *encoder.parameters()]
        return cls(
            generator,
            encoder,
            discriminator,
            vgg,
            torch.optim.Adam(learned, 1e-4, (0.0, 0.999)),
            torch.optim.Adam(discriminator.parameters(), 4e-4, (0.0, 0.999)),
            copy.deepcopy(generator),
        )


def textbook_step(t: Textbook, semantic: Tensor, images: Tensor, noise: Tensor) -> None:
    """The paper's program: the generator's update, then the discriminator's on a new picture."""
    mu, logvar = t.encoder(images)
    fake = t.generator(semantic, mu + (0.5 * logvar).exp() * noise)
    scales = t.discriminator(semantic, images, fake)
    loss = adversarial(scales) + 10 * matching(scales) + 0.05 * kl(mu, logvar)
    if t.vgg is not None:
        loss = loss + 10 * perceptual(t.vgg, fake, images)
    t.optimizer_g.zero_grad()
    loss.backward()
    t.optimizer_g.step()
    with torch.no_grad():
        mu, logvar = t.encoder(images)
        fake = t.generator(semantic, mu + (0.5 * logvar).exp() * noise)
    loss = hinge(t.discriminator(semantic, images, fake))
    t.optimizer_d.zero_grad()
    loss.backward()
    t.optimizer_d.step()
    follow(t)


def stated_step(t: Textbook, semantic: Tensor, images: Tensor, noise: Tensor) -> dict[str, Tensor]:
    """The formulation of ``spade.training.objective``: one picture, seen by both. Its losses."""
    mu, logvar = t.encoder(images)
    fake = t.generator(semantic, mu + (0.5 * logvar).exp() * noise)
    losses = {"kld": kl(mu, logvar)}
    losses["d"] = hinge(t.discriminator(semantic, images, fake.detach()))
    t.optimizer_d.zero_grad()
    losses["d"].backward()
    t.optimizer_d.step()
    scales = t.discriminator(semantic, images, fake)
    losses["gan"], losses["feature"] = adversarial(scales), matching(scales)
    total = losses["gan"] + 10 * losses["feature"] + 0.05 * losses["kld"]
    if t.vgg is not None:
        losses["perceptual"] = perceptual(t.vgg, fake, images)
        total = total + 10 * losses["perceptual"]
    t.optimizer_g.zero_grad()
    total.backward()
    t.optimizer_g.step()
    return {key: value.detach() for key, value in losses.items()}


Scales = list[tuple[list[Tensor], list[Tensor]]]


def hinge(scales: Scales) -> Tensor:
    """The discriminator's loss."""
    terms = [F.relu(1 - real[-1]).mean() + F.relu(1 + fake[-1]).mean() for real, fake in scales]
    return sum(terms[1:], terms[0]) / len(terms)


def adversarial(scales: Scales) -> Tensor:
    """-D(fake)."""
    return -sum((fake[-1].mean() for _, fake in scales[1:]), scales[0][1][-1].mean()) / len(scales)


def matching(scales: Scales) -> Tensor:
    """Feature matching."""
    terms = [
        F.l1_loss(b, a.detach())
        for real, fake in scales
        for a, b in zip(real[:-1], fake[:-1], strict=True)
    ]
    return sum(terms[1:], terms[0]) / len(scales)


def kl(mu: Tensor, logvar: Tensor) -> Tensor:
    """KL divergence from N(0, 1): summed over z, mean over the batch."""
    return -0.5 * (1 + logvar - mu**2 - logvar.exp()).sum(dim=1).mean()


@torch.no_grad()
def follow(t: Textbook, decay: float = 0.999) -> None:
    """The moving average of the generator's weights."""
    new = dict(t.generator.named_parameters())
    for name, own in t.average.named_parameters():
        own.mul_(decay).add_(new[name], alpha=1 - decay)
