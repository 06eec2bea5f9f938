"""The generator prepared for rendering by pieces: constants folded, weights packed."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from spade.blocks import LEAK, SpadeResBlock
from spade.config import GeneratorConfig
from spade.engine.convolution import Convolution
from spade.engine.costs import Rates, measured
from spade.engine.modulation import Modulation, ModulationTable
from spade.engine.planes import Doubled, Source, Target
from spade.engine.products import Product
from spade.engine.windows import Symbols, WindowBook, symbol_count
from spade.engine.winograd import Workspace
from spade.formats.rect import Rect
from spade.generator import Generator
from spade.normalization import Spade

STRIP_BYTES = 2 << 20
"""Bytes of one intermediate of element-wise work at a time: it stays in the cache."""

LIBRARY_BYTES = 768 << 20
"""Most bytes of windows' modulation kept from render to render."""

Check = Callable[[], None]


class Level:
    """One scale of the label map: its windows, and the layers modulated by them."""

    def __init__(self, halvings: int, outside: int) -> None:
        self.halvings = halvings
        self.book = WindowBook(outside)
        self.tables: list[ModulationTable] = []

    def table(self, layer: Modulation) -> ModulationTable:
        """A table for a layer of this scale."""
        table = ModulationTable(layer, self.book)
        self.tables.append(table)
        return table

    @property
    def nbytes(self) -> int:
        """Bytes held."""
        return self.book.contents.nbytes + sum(table.nbytes for table in self.tables)


class Stage:
    """A residual block (paper, figure 4, left) and the doubling before it, if any.

    Activations are held without the biases of the convolutions that made them: each is a
    constant, which the next layer's shift takes in. offset: what the input lacks;
    ``self.offset``: what the output does.
    """

    def __init__(
        self,
        name: str,
        block: SpadeResBlock,
        doubled: bool,
        level: Level,
        config: GeneratorConfig,
        offset: Tensor,
        rates: Rates,
        workspace: Workspace,
        dtype: torch.dtype,
    ) -> None:
        self.name, self.doubled, self.level = name, doubled, level

        def table(spade: Spade, offset: Tensor) -> ModulationTable:
            return level.table(Modulation(spade, config, offset, dtype))

        self.norm_0 = table(block.norm_0, offset)
        self.norm_1 = table(block.norm_1, _bias(block.conv_0))
        self.conv_0 = Convolution(block.conv_0.weight.detach(), rates, workspace, dtype)
        self.conv_1 = Convolution(block.conv_1.weight.detach(), rates, workspace, dtype)
        self._tables = [self.norm_0, self.norm_1]
        self.shortcut: tuple[ModulationTable, Product] | None = None
        self.offset = _bias(block.conv_1)
        if block.learned_shortcut:
            weight = block.conv_s.weight.detach()[:, :, 0, 0].contiguous()
            self.shortcut = table(block.norm_s, offset), Product(weight.to(dtype))
            self._tables.append(self.shortcut[0])
        else:
            self.offset = self.offset + offset

    def seconds(self, middle: Rect, out: Rect) -> float:
        """Expected time of the convolutions for these pieces."""
        first = 0.0 if middle.empty else self.conv_0.seconds(middle.height, middle.width)
        return first + (0.0 if out.empty else self.conv_1.seconds(out.height, out.width))

    def run(
        self,
        x: Source,
        numbers: tuple[Tensor, Rect],
        pieces: tuple[Rect, Rect],
        fields: tuple[Target, Target],
        size: tuple[int, int],
        room: Callable[[], int],
        check: Check,
    ) -> None:
        """Compute a piece of the block's middle (after conv_0), then one of its output.

        x: the output of the stage before. numbers: int32 windows of this scale, and where they
        are. pieces: what to write of ``fields``, the middle and the output; a pixel more is
        read around each. size: (width, height) of the whole at this scale. room: bytes that
        the tables of windows may still grow by.
        """
        source = Doubled(x) if self.doubled else x
        index = _Index(*numbers)
        first, second = pieces
        middle, out = fields
        self.fill(room, check)
        if not first.empty:
            check()
            padded = _activated(self.norm_0, source, index, first, self.conv_0, size, check)
            middle.write(first, self.conv_0(padded, first.height, first.width))
        if not second.empty:
            check()
            padded = _activated(self.norm_1, middle, index, second, self.conv_1, size, check)
            result = self.conv_1(padded, second.height, second.width)
            del padded
            for strip in _strips(second, self.conv_0.inputs, result.device):
                here = result[strip.moved(-second.x, -second.y).slices]
                here.add_(self._shortcut(source, index, strip, check))
            out.write(second, result)

    def fill(self, room: Callable[[], int], check: Check) -> bool:
        """Make what is missing of the tables; False if there was no room for all of it."""
        filled = [table.fill(room(), check) for table in self._tables]
        return all(filled)

    def _shortcut(self, source: Source, index: _Index, rect: Rect, check: Check) -> Tensor:
        if self.shortcut is None:
            return source.read(rect)
        table, product = self.shortcut
        modulated = _modulate(table, source, index, rect, check, None)
        return product(modulated.view(-1, product.inputs)).view(rect.height, rect.width, -1)


class Network:
    """All of a generator's eval-mode forward, by pieces. ``levels``: by how often the label
    map is halved for them. dtype: of activations and convolutions; windows' modulation is
    computed in float32 and rounded once, the last step is float32 again."""

    def __init__(self, generator: Generator, dtype: torch.dtype = torch.float32) -> None:
        config = generator.config
        self.config = config
        self._generator = generator
        self.dtype = dtype
        device = generator.to_rgb.weight.device
        self.device = device
        self.rates = measured(str(device), torch.get_num_threads())
        outside = symbol_count(config)
        doublings = [doubled for _, _, doubled in generator.stages()]
        self.levels = {k: Level(k, outside) for k in range(config.doublings + 1)}
        self.stages: list[Stage] = []
        self.generation = 0
        """Raised when windows are forgotten: their numbers of before mean nothing now."""

        workspace = Workspace()
        offset = torch.zeros(16 * config.ngf, device=device)
        for i, (name, block, doubled) in enumerate(generator.stages()):
            level = self.levels[sum(doublings[i + 1 :])]
            stage = Stage(name, block, doubled, level, config, offset, self.rates, workspace, dtype)
            rows, columns = (side * config.stride >> level.halvings for side in config.base_grid)
            stage.conv_0.prepare(rows, columns)
            stage.conv_1.prepare(rows, columns)
            self.stages.append(stage)
            offset = stage.offset
        self._offset = offset
        self._linear: tuple[Product, Tensor] | None = None
        if isinstance(generator.fc, torch.nn.Linear):
            self._linear = Product(generator.fc.weight.detach()), generator.fc.bias.detach()
        self._to_rgb = Convolution(generator.to_rgb.weight.detach(), self.rates, workspace, dtype)
        self._to_rgb_bias = _bias(generator.to_rgb)

    @property
    def nbytes(self) -> int:
        """Bytes of the windows' modulation."""
        return sum(level.nbytes for level in self.levels.values())

    def room(self) -> int:
        """Bytes that they may still grow by."""
        return LIBRARY_BYTES - self.nbytes

    def fill(self, check: Check) -> bool:
        """Make what is missing of all tables; False if there was no room for all of it."""
        filled = [stage.fill(self.room, check) for stage in self.stages]
        return all(filled)

    def table_addresses(self) -> tuple[int, ...]:
        """Where the tables lie: they move when they grow."""
        return tuple(table.address for level in self.levels.values() for table in level.tables)

    def tidy(self) -> None:
        """Forget the windows if they are about to fill their room: most are of old maps."""
        if self.nbytes > 0.75 * LIBRARY_BYTES:
            self.forget_windows()

    def forget_windows(self) -> None:
        """Forget all windows, and what was computed for them."""
        self.generation += 1
        for level in self.levels.values():
            level.book.clear()
            for table in level.tables:
                table.clear()

    def base(self, coarsest: Symbols, z: Tensor | None) -> Tensor:
        """The first feature map ``(H, W, 16k)``; coarsest: int16 ``(H, W)`` symbols."""
        if self._linear is not None:
            assert z is not None
            product, bias = self._linear
            features = product(z.to(self.device)).add_(bias)
            h = self._generator.fit_base(features, (coarsest.shape[0], coarsest.shape[1]))
            return h[0].permute(1, 2, 0).to(self.dtype).contiguous()
        ids = torch.from_numpy(coarsest.astype(np.int64)).to(self.device)
        classes = self.config.label_nc + int(self.config.contain_dontcare)
        semantic = F.one_hot(ids % classes, classes)
        if self.config.instance_edges:
            semantic = torch.cat([semantic, (ids >= classes).long().unsqueeze(-1)], dim=-1)
        h = self._generator.fc(semantic.permute(2, 0, 1).unsqueeze(0).float())
        grid: Tensor = h[0].permute(1, 2, 0).to(self.dtype).contiguous()
        return grid

    def picture(self, h: Source, rect: Rect, size: tuple[int, int]) -> Tensor:
        """The last convolution: ``rect`` of the picture, ``(3, height, width)``."""
        around = rect.grown(1, *size)
        values = h.read(around)
        padded = _blank(around, rect, self._to_rgb)
        inside = padded[around.moved(1 - rect.x, 1 - rect.y).slices]
        F.leaky_relu_(torch.add(values, self._offset.to(self.dtype), out=inside), LEAK)
        result = self._to_rgb(padded, rect.height, rect.width).float().add(self._to_rgb_bias)
        return torch.tanh(result).permute(2, 0, 1)


class _Index:
    """Numbers of windows by place."""

    def __init__(self, numbers: Tensor, origin: Rect) -> None:
        self._numbers, self._origin = numbers, origin

    def read(self, rect: Rect) -> Tensor:
        """int32, flat."""
        return self._numbers[rect.moved(-self._origin.x, -self._origin.y).slices].reshape(-1)


def _activated(
    table: ModulationTable,
    source: Source,
    index: _Index,
    rect: Rect,
    conv: Convolution,
    size: tuple[int, int],
    check: Check,
) -> Tensor:
    """What ``conv`` reads to write ``rect``: LeakyReLU of the modulated source on it and a
    pixel around, zero beyond the canvas."""
    around = rect.grown(1, *size)
    padded = _blank(around, rect, conv)
    for strip in _strips(around, conv.inputs, padded.device):
        target = padded[strip.moved(1 - rect.x, 1 - rect.y).slices]
        F.leaky_relu_(_modulate(table, source, index, strip, check, target), LEAK)
    return padded


def _modulate(
    table: ModulationTable,
    source: Source,
    index: _Index,
    rect: Rect,
    check: Check,
    out: Tensor | None,
) -> Tensor:
    """h * scale + shift on ``rect``: ``(height, width, channels)``, into ``out`` if given."""
    rows = table.look_up(index.read(rect), check).view(rect.height, rect.width, -1)
    scale, shift = rows.chunk(2, dim=-1)
    result = torch.empty_like(scale, memory_format=torch.contiguous_format) if out is None else out
    h = source.read_single(rect) if isinstance(source, Doubled) else None
    if h is None:
        return torch.addcmul(shift, source.read(rect), scale, out=result)

    def in_fours(field: Tensor) -> Tensor:
        return field.view(rect.height // 2, 2, rect.width // 2, 2, -1)

    doubled = h[:, None, :, None]
    torch.addcmul(in_fours(shift), doubled, in_fours(scale), out=in_fours(result))
    return result


def _blank(around: Rect, rect: Rect, conv: Convolution) -> Tensor:
    """Room for ``rect`` and a pixel around, in whole tiles; zero where ``around`` is not."""
    padded = conv.room(rect.height, rect.width)
    inside = around.moved(1 - rect.x, 1 - rect.y)
    padded[: inside.y].zero_()
    padded[inside.bottom :].zero_()
    padded[inside.y : inside.bottom, : inside.x].zero_()
    padded[inside.y : inside.bottom, inside.right :].zero_()
    return padded


def _strips(rect: Rect, channels: int, device: torch.device) -> Sequence[Rect]:
    """On the CPU: ``rect`` in strips of whole rows, each of at most STRIP_BYTES if it can be,
    all but the last of an even number of rows, for what is doubled. Elsewhere all at once."""
    if device.type != "cpu":
        return [rect]
    rows = max(2, STRIP_BYTES // (4 * channels * max(1, rect.width)) // 2 * 2)
    return [
        Rect(rect.x, top, rect.width, min(rows, rect.bottom - top))
        for top in range(rect.y, rect.bottom, rows)
    ]


def _bias(conv: torch.nn.Conv2d) -> Tensor:
    assert conv.bias is not None
    return conv.bias.detach()
