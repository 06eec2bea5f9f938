"""The SPADE generator (paper, section 3 and figure 4, right; appendix A, figure 12)."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from spade.blocks import LEAK, SpadeResBlock
from spade.config import GeneratorConfig
from spade.label_windows import LabelWindows, find_windows, symbols, worth
from spade.labels import resize_nearest
from spade.spectral import glorot_init


class Generator(nn.Module):
    """From a semantic map and a latent z to a picture.

    There is no encoder half: the map enters through every SPADE layer, so the network
    begins with a coarse grid made from z (or from the map itself, without a VAE) and only
    doubles it. With k = ``ngf``:

        base grid              16k
        head           16k ->  16k
        x2
        middle_0       16k ->  16k
        x2 ('more', 'most')
        middle_1       16k ->  16k
        x2
        up_0           16k ->   8k
        x2
        up_1            8k ->   4k
        x2
        up_2            4k ->   2k
        x2
        up_3            2k ->    k
        x2, up_4         k -> k / 2    ('most')
        LeakyReLU, 3x3 conv -> 3, tanh
    """

    def __init__(self, config: GeneratorConfig) -> None:
        super().__init__()
        self.config = config
        k, nc, e = config.ngf, config.semantic_nc, config.embedding
        rows, columns = config.base_grid
        self.fc: nn.Module
        if config.use_vae:
            self.fc = nn.Linear(config.z_dim, 16 * k * rows * columns)
        else:
            self.fc = nn.Conv2d(nc, 16 * k, 3, padding=1)
        self.head = SpadeResBlock(16 * k, 16 * k, nc, e)
        self.middle_0 = SpadeResBlock(16 * k, 16 * k, nc, e)
        self.middle_1 = SpadeResBlock(16 * k, 16 * k, nc, e)
        self.up_0 = SpadeResBlock(16 * k, 8 * k, nc, e)
        self.up_1 = SpadeResBlock(8 * k, 4 * k, nc, e)
        self.up_2 = SpadeResBlock(4 * k, 2 * k, nc, e)
        self.up_3 = SpadeResBlock(2 * k, k, nc, e)
        last = k
        if config.upsampling == "most":
            self.up_4 = SpadeResBlock(k, k // 2, nc, e)
            last = k // 2
        self.to_rgb = nn.Conv2d(last, 3, 3, padding=1)
        glorot_init(self)

    def stages(self) -> Iterator[tuple[str, SpadeResBlock, bool]]:
        """(name, block, doubled before it) in the order of computation."""
        kind = self.config.upsampling
        yield "head", self.head, False
        yield "middle_0", self.middle_0, True
        yield "middle_1", self.middle_1, kind != "normal"
        yield "up_0", self.up_0, True
        yield "up_1", self.up_1, True
        yield "up_2", self.up_2, True
        yield "up_3", self.up_3, True
        if kind == "most":
            yield "up_4", self.up_4, True

    def base(self, semantic: Tensor, z: Tensor | None) -> Tensor:
        """The first feature map ``(N, 16k, H / stride, W / stride)``.

        With a VAE the features of the trained grid are resized bilinearly to the canvas'.
        """
        n, _, height, width = semantic.shape
        stride = self.config.stride
        if height % stride or width % stride:
            raise ValueError(
                f"semantic map of {width}x{height}: both sides must be multiples of {stride}"
            )
        grid = (height // stride, width // stride)
        if not self.config.use_vae:
            h: Tensor = self.fc(resize_nearest(semantic, grid))
            return h
        if z is None or tuple(z.shape) != (n, self.config.z_dim):
            shape = None if z is None else tuple(z.shape)
            raise ValueError(f"z must be {(n, self.config.z_dim)}, not {shape}")
        return self.fit_base(self.fc(z), grid)

    def fit_base(self, features: Tensor, grid: tuple[int, int]) -> Tensor:
        """``(N, 16k * rows * columns)`` of the trained grid -> ``(N, 16k, *grid)``."""
        h = features.view(len(features), -1, *self.config.base_grid)
        if grid != self.config.base_grid:
            h = F.interpolate(h, size=grid, mode="bilinear", align_corners=False)
        return h

    def pyramid(self, semantic: Tensor) -> dict[tuple[int, int], Tensor]:
        """The semantic map at the size of every layer, nearest neighbour, keyed by size."""
        height, width = semantic.shape[-2:]
        sizes = [(height >> i, width >> i) for i in range(self.config.doublings + 1)]
        return {size: resize_nearest(semantic, size) for size in sizes}

    def levels(self, semantic: Tensor) -> dict[tuple[int, int], Tensor | LabelWindows]:
        """What the layers of each size read: the semantic map, or its windows where these are
        few, in training, on the CPU and in full precision. On a GPU, finding them would make
        it wait, and the convolutions cost little.
        """
        found = None
        training = self.head.norm_0.norm.training
        if training and semantic.device.type == "cpu" and not torch.is_autocast_enabled("cpu"):
            found = symbols(semantic, self.config)
        if found is None:
            return dict(self.pyramid(semantic))
        ids, count = found
        most = worth(self.config.embedding)
        levels: dict[tuple[int, int], Tensor | LabelWindows] = {}
        for step in (1 << i for i in range(self.config.doublings + 1)):
            level = ids[:, ::step, ::step]
            size = (level.shape[1], level.shape[2])
            windows = find_windows(level, count, self.config.instance_edges, most)
            levels[size] = resize_nearest(semantic, size) if windows is None else windows
        return levels

    def forward(self, semantic: Tensor, z: Tensor | None = None) -> Tensor:
        """semantic: float ``(N, semantic_nc, H, W)``, H and W multiples of the stride.
        z: float ``(N, z_dim)``, or None without a VAE.
        Returns ``(N, 3, H, W)`` in [-1, 1].
        """
        if semantic.shape[1] != self.config.semantic_nc:
            raise ValueError(
                f"semantic map has {semantic.shape[1]} channels, the generator reads "
                f"{self.config.semantic_nc}"
            )
        pyramid = self.levels(semantic)
        h = self.base(semantic, z)
        for _, block, doubled in self.stages():
            if doubled:
                h = F.interpolate(h, scale_factor=2, mode="nearest")
            h = block(h, pyramid[(h.shape[-2], h.shape[-1])])
        return torch.tanh(self.to_rgb(F.leaky_relu(h, LEAK)))
