"""Which tiles there are: bundled photos, the user's pictures, samples, the scene's own style."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import shiboken6
from PySide6.QtCore import QObject, Signal

from app.core.style import DefaultStyle, ImageStyle, SampledStyle, Style, StyleSource
from app.ui.look.pictures import to_image
from app.ui.styles.style_files import (
    Credit,
    StyleFile,
    forget_style,
    keep_style,
    read_credits,
    read_folder,
    read_style,
    thumb_of,
    title_of,
)
from app.ui.styles.style_tiles import Kind, Tile, TileModel, source_title

SEEDS_OFFERED = 11


class Submit(Protocol):
    """``FileWorker.submit``: runs ``fn`` off the GUI thread, calls back on it."""

    def __call__(
        self,
        fn: Callable[[], Any],
        on_done: Callable[[Any], None],
        on_error: Callable[[Exception], None],
    ) -> None: ...


class StyleLibrary(QObject):
    """Fills and changes ``model``; every file is read and written through ``submit``.

    Without encoder the tiles are samples of z instead of pictures. A picture that is removed
    can be brought back until ``finish``, which deletes its file.
    """

    failed = Signal(str)  # one line for a person
    changed = Signal()  # tiles came, went, or got their picture
    kept = Signal(object, bool)  # the Tile of an added picture; whether to use it at once
    removed = Signal(object)  # Tile, or None: nothing is left to undo

    def __init__(
        self,
        model: TileModel,
        submit: Submit,
        folder: Path,
        photos: Sequence[Path],
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._model, self._submit = model, submit
        self._folder, self._photos = folder, tuple(photos)
        self._style = Style()
        self._encoder = True
        self._reading = 0
        self._taken_out: Tile | None = None
        self._pictures = [
            Tile(f"photo:{path.stem}", Kind.PHOTO, title_of(path.stem), path=path)
            for path in self._photos
        ]
        self._show_all()

    def read(self) -> None:
        """Start reading: the bundled photos, whose they are, and the user's pictures."""
        for tile in self._pictures:
            if tile.path is not None:
                job = partial(read_style, tile.path)
                self._job(job, partial(self._photo_read, tile), partial(self._photo_failed, tile))
        for folder in dict.fromkeys(path.parent for path in self._photos):
            self._job(partial(read_credits, folder / "ATTRIBUTION.md"), self._credits_read)
        self._job(partial(read_folder, self._folder), self._folder_read)

    def set_encoder(self, available: bool) -> None:
        """Offer pictures, or samples where no picture can be encoded."""
        if available != self._encoder:
            self._encoder = available
            self._show_all()

    def set_style(self, style: Style) -> None:
        """The style in use: what the gallery lacks of it gets a tile for the time."""
        self._style = style
        self._show_used()

    def add(self, sources: Sequence[Path | bytes], *, use: bool) -> None:
        """Keep pictures; ``use`` is handed on with ``kept`` if there is only one."""
        for source in sources:
            job = partial(keep_style, self._folder, source)
            self._job(job, partial(self._kept, use=use and len(sources) == 1))

    def keep(self, tile: Tile) -> None:
        """Keep the picture of the scene's own style."""
        if isinstance(tile.source, ImageStyle):
            name = tile.source.name or "Scene style"
            job = partial(keep_style, self._folder, tile.source.pixels, name)
            self._job(job, partial(self._kept, use=False))

    def remove(self, tile: Tile) -> None:
        """Take one of the user's pictures away; ``undo_removal`` brings it back."""
        self.finish()
        self._taken_out = tile
        self._pictures.remove(tile)
        self._model.remove(tile)
        self.removed.emit(tile)
        self._show_used()

    def undo_removal(self) -> None:
        """Bring the picture removed last back."""
        tile, self._taken_out = self._taken_out, None
        if tile is not None:
            self._insert(tile)
        self.removed.emit(None)
        self._show_used()

    def finish(self) -> None:
        """Delete the file of what was removed; it can't be undone any more."""
        tile, self._taken_out = self._taken_out, None
        if tile is not None and tile.path is not None:
            self._job(partial(forget_style, tile.path), lambda _done: None)
        self.removed.emit(None)

    def _job(
        self,
        fn: Callable[[], Any],
        done: Callable[[Any], None],
        failed: Callable[[Exception], None] | None = None,
    ) -> None:
        """``submit``, with callbacks that do nothing once this object is gone."""

        def finished(call: Callable[[Any], None], value: Any) -> None:
            if shiboken6.isValid(self):
                self._reading -= 1
                call(value)
                self._show_used()

        report = failed or (lambda error: self.failed.emit(str(error)))
        self._reading += 1
        self._submit(fn, partial(finished, done), partial(finished, report))

    def _photo_read(self, tile: Tile, file: StyleFile) -> None:
        tile.source, tile.thumb = file.style, to_image(file.thumb)

    def _photo_failed(self, tile: Tile, error: Exception) -> None:
        tile.problem = str(error)
        self.failed.emit(tile.problem)

    def _credits_read(self, credits: dict[str, Credit]) -> None:
        for tile in self._pictures:
            if tile.kind is Kind.PHOTO and tile.path is not None:
                tile.credit = credits.get(tile.path.stem)

    def _folder_read(self, found: tuple[list[StyleFile], list[str]]) -> None:
        styles, problems = found
        for file in styles:
            self._tile_of(file)
        for problem in problems:
            self.failed.emit(problem)

    def _kept(self, file: StyleFile, *, use: bool) -> None:
        if self._taken_out is not None and self._taken_out.source == file.style:
            self.undo_removal()
        tile = self._tile_of(file)
        self._show_used()
        self.kept.emit(tile, use)

    def _tile_of(self, file: StyleFile) -> Tile:
        """The tile of a kept picture: the one there is, or a new one before the others."""
        for tile in self._pictures:
            if tile.source == file.style:
                return tile
        key = f"own:{file.style.digest}"
        image = to_image(file.thumb)
        tile = Tile(key, Kind.OWN, file.title, file.style, file.path, thumb=image)
        self._insert(tile)
        return tile

    def _insert(self, tile: Tile) -> None:
        self._pictures.insert(0, tile)
        if self._encoder:
            self._model.insert(1, tile)

    def _show_all(self) -> None:
        tiles = [Tile("default", Kind.DEFAULT, "Default style", DefaultStyle())]
        if self._encoder:
            tiles += self._pictures
        else:
            tiles += [
                Tile(f"seed:{seed}", Kind.SEED, f"Surprise {seed}", SampledStyle(seed))
                for seed in range(1, SEEDS_OFFERED + 1)
            ]
        self._model.show_tiles(tiles)
        self._show_used()

    def _show_used(self) -> None:
        model = self._model
        used = [source for source in (self._style.source, self._style.second) if source is not None]
        for tile in [tile for tile in model.tiles if tile.kind is Kind.SCENE]:
            others = [other.source for other in model.tiles if other is not tile]
            if tile.source not in used or tile.source in others:
                model.remove(tile)
        if not self._reading:  # else its tile may just not be there yet
            for source in used:
                if model.by_source(source) is None:
                    model.insert(1, _scene_tile(source))
        self.changed.emit()


def _scene_tile(source: StyleSource) -> Tile:
    thumb = to_image(thumb_of(source.pixels)) if isinstance(source, ImageStyle) else None
    name = source.digest if isinstance(source, ImageStyle) else repr(source)
    return Tile(f"scene:{name}", Kind.SCENE, source_title(source), source, thumb=thumb)
