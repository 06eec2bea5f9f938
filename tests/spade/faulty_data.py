"""A data set with faults of every kind that the dataset doctor knows, planted on purpose.

    python tests/spade/faulty_data.py OUT [--photos DIR --labels DIR] [--pictures N] [--seed S]

writes OUT/faulty (all kinds that go together), OUT/off-by-one (ADE20K's layout) and
OUT/too-few. The pictures are drawn, or taken from DIR (label maps in indices; classes.json
lies beside or above them). Tests plant each kind alone: :func:`plant`.
"""

from __future__ import annotations

import argparse
import json
import struct
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter

from spade.data.folder import name_hash, photos_in
from spade.formats.palette import Palette, PaletteClass, load_palette, palette_to_json

WIDTH, HEIGHT = 112, 80
UNKNOWN = 255
PALETTE = Palette(
    "drawn",
    (
        PaletteClass(0, "sky", "#87ceeb"),
        PaletteClass(1, "grass", "#5aa03c"),
        PaletteClass(2, "water", "#1f5fa8"),
        PaletteClass(3, "rock", "#6e6259"),
        PaletteClass(4, "snow", "#f7fbff"),
    ),
)


@dataclass
class Planted:
    """A DATA folder that is being spoilt. truth: label maps as they were, by name; free: names
    of pairs that nothing has been done to; found: what the doctor should name, by kind.
    """

    folder: Path
    palette: Palette
    rng: np.random.Generator
    truth: dict[str, np.ndarray] = field(default_factory=dict)
    free: list[str] = field(default_factory=list)
    found: dict[str, list[str]] = field(default_factory=dict)
    list_classes: bool = True

    def take(self, count: int) -> list[str]:
        """Names of pairs to spoil, each only once; none that training would hold out."""
        trained = [name for name in self.free if name_hash(name) >= 0.03]
        if len(trained) < count:
            raise ValueError("too few pictures for so many faults")
        for name in trained[:count]:
            self.free.remove(name)
        return trained[:count]

    def photo(self, name: str) -> Path:
        """The photo's file."""
        return next((self.folder / "images").glob(f"{name}.*"))

    def labels(self, name: str) -> Path:
        """The label map's file."""
        return self.folder / "labels" / f"{name}.png"

    def write(self, name: str, labels: np.ndarray) -> None:
        """Write a label map as it should be."""
        image = Image.fromarray(labels)
        image.putpalette(self.palette.lut().tobytes())
        image.save(self.labels(name))

    def named(self, path: Path) -> str:
        """As the doctor names a file."""
        return path.relative_to(self.folder).as_posix()


def draw_pair(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """A photo, uint8 (H, W, 3), in the colours of its label map, uint8 (H, W)."""
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    horizon = HEIGHT * rng.uniform(0.35, 0.5) + 6 * np.sin(columns / rng.uniform(9, 20))
    labels = np.where(rows < horizon, 0, 1).astype(np.uint8)
    for class_id in (2, 3, 4):
        across, down = rng.uniform(0.15, 0.85) * WIDTH, rng.uniform(0.5, 0.9) * HEIGHT
        wide, high = rng.uniform(14, 26), rng.uniform(9, 16)
        labels[((columns - across) / wide) ** 2 + ((rows - down) / high) ** 2 < 1] = class_id
    labels[HEIGHT - 3 :, : WIDTH // 3] = UNKNOWN
    colors = PALETTE.lut()[labels].astype(float)
    shade = rng.normal(0, 1, (HEIGHT // 8, WIDTH // 8, 1)).repeat(8, 0).repeat(8, 1)
    photo = colors + 14 * shade + rng.normal(0, 5, colors.shape) + rng.uniform(-10, 10, 3)
    return photo.clip(0, 255).astype(np.uint8), labels


def missing_labels(data: Planted) -> None:
    for name in data.take(3):
        data.labels(name).unlink()
        data.found.setdefault("missing-labels", []).append(data.named(data.photo(name)))


def missing_pictures(data: Planted) -> None:
    for name in data.take(2):
        data.photo(name).unlink()
        data.found.setdefault("missing-pictures", []).append(data.named(data.labels(name)))


def same_stem(data: Planted) -> None:
    (name,) = data.take(1)
    first = data.photo(name)
    other = first.with_suffix(".zz.bmp").with_name(f"{name}.bmp")
    with Image.open(first) as image:
        image.transpose(Image.Transpose.FLIP_LEFT_RIGHT).convert("RGB").save(other)
    later = max(first, other)
    data.found["same-stem"] = [data.named(later)]


def unreadable(data: Planted) -> None:
    one, other, empty = data.take(3)
    data.photo(one).write_text("This is no picture.")
    data.labels(other).write_bytes(b"\0" * 300)
    data.photo(empty).write_bytes(b"")
    files = [data.photo(one), data.labels(other), data.photo(empty)]
    data.found["unreadable"] = [data.named(path) for path in files]


def truncated(data: Planted) -> None:
    one, other, head = data.take(3)
    files = [data.photo(one), data.labels(other), data.labels(head)]
    for path, share in zip(files, (0.5, 0.7, 0.0), strict=True):
        content = path.read_bytes()
        path.write_bytes(content[: max(30, int(share * len(content)))])
    data.found["truncated"] = [data.named(path) for path in files]


def size_mismatch(data: Planted) -> None:
    half, other = data.take(2)
    labels = data.truth[half]
    data.write(half, np.ascontiguousarray(labels[::2, ::2]))
    data.write(other, np.ascontiguousarray(data.truth[other][:, : WIDTH // 2]))
    data.found["size-mismatch"] = [data.named(data.labels(name)) for name in (half, other)]


def orientation(data: Planted) -> None:
    for name, number in zip(data.take(3), (6, 8, 3), strict=True):
        _turn_by_exif(data, name, number)
        data.found.setdefault("orientation", []).append(data.named(data.labels(name)))


def _turn_by_exif(data: Planted, name: str, number: int) -> None:
    """As a camera held upright stores it; the label map was drawn by who heeds no EXIF."""
    quarters = {6: 1, 8: -1, 3: 2}[number]
    path = data.photo(name)
    with Image.open(path) as image:
        stored = np.rot90(np.asarray(image.convert("RGB")), quarters)
    exif = Image.Exif()
    exif[0x0112] = number
    path.unlink()
    jpeg = path.with_suffix(".jpg")
    Image.fromarray(np.ascontiguousarray(stored)).save(jpeg, exif=exif, quality=95)
    data.write(name, np.ascontiguousarray(np.rot90(data.truth[name], quarters)))


def _in_colors(data: Planted, name: str) -> Image.Image:
    return Image.fromarray(data.palette.lut()[data.truth[name]])


def colour_labels(data: Planted) -> None:
    for name in data.take(3):
        _in_colors(data, name).save(data.labels(name))
        data.found.setdefault("colour-labels", []).append(data.named(data.labels(name)))


def stray_colours(data: Planted) -> None:
    for name in data.take(3):
        _in_colors(data, name).filter(ImageFilter.SMOOTH).save(data.labels(name))
        data.found.setdefault("stray-colours", []).append(data.named(data.labels(name)))


def unlisted_colours(data: Planted) -> None:
    (name,) = data.take(1)
    colors = np.array(_in_colors(data, name))
    colors[:20, :30] = (255, 0, 255)
    Image.fromarray(colors).save(data.labels(name))
    data.found["unlisted-colours"] = [data.named(data.labels(name))]


def grey_as_colour(data: Planted) -> None:
    (name,) = data.take(1)
    Image.fromarray(data.truth[name][..., None].repeat(3, 2)).save(data.labels(name))
    data.found["grey-as-colour"] = [data.named(data.labels(name))]


def lossy_labels(data: Planted) -> None:
    (name,) = data.take(1)
    path = data.labels(name).with_suffix(".jpg")
    _in_colors(data, name).save(path, quality=85)
    data.labels(name).unlink()
    data.found["lossy-labels"] = [data.named(path)]


def label_formats(data: Planted) -> None:
    for name, ending in zip(data.take(2), (".tif", ".bmp"), strict=True):
        path = data.labels(name).with_suffix(ending)
        Image.fromarray(data.truth[name]).save(path)
        data.labels(name).unlink()
        data.found.setdefault("label-formats", []).append(data.named(path))


def deep_labels(data: Planted) -> None:
    for name, factor in zip(data.take(2), (1, 257), strict=True):
        wide = data.truth[name].astype(np.uint16) * np.uint16(factor)
        Image.fromarray(wide).save(data.labels(name))
        data.found.setdefault("deep-labels", []).append(data.named(data.labels(name)))


def shallow_labels(data: Planted) -> None:
    (name,) = data.take(1)
    labels = np.where(data.truth[name] == UNKNOWN, 0, data.truth[name])
    data.truth[name] = labels.astype(np.uint8)
    data.labels(name).write_bytes(_png(data.truth[name], bits=4))
    data.found["shallow-labels"] = [data.named(data.labels(name))]


def alpha_labels(data: Planted) -> None:
    (name,) = data.take(1)
    labels = data.truth[name]
    alpha = np.full_like(labels, 255)
    alpha[:6] = 0
    Image.fromarray(np.stack([labels, alpha], -1)).save(data.labels(name))
    data.truth[name] = np.where(alpha == 0, UNKNOWN, labels).astype(np.uint8)
    data.found["alpha-labels"] = [data.named(data.labels(name))]


def interlaced_labels(data: Planted) -> None:
    for name in data.take(2):
        data.labels(name).write_bytes(_png(data.truth[name], interlaced=True))
        data.found.setdefault("interlaced-labels", []).append(data.named(data.labels(name)))


def binary_masks(data: Planted) -> None:
    one, other = data.take(2)
    masks = []
    for name in (one, other):
        areas = np.bincount(data.truth[name].ravel(), minlength=256)[:UNKNOWN]
        mask = data.truth[name] == areas.argmax()
        mask[: len(mask) // 8] = False
        mask[:, : len(mask) // 8] = True
        masks.append(mask)
    Image.fromarray(np.where(masks[0], 255, 0).astype(np.uint8)).save(data.labels(one))
    Image.fromarray(masks[1]).save(data.labels(other))
    data.found["binary-masks"] = [data.named(data.labels(name)) for name in (one, other)]


def ids_beyond(data: Planted) -> None:
    for name in data.take(2):
        labels = data.truth[name].copy()
        labels[10:24, 10:40] = 200
        data.write(name, labels)
        labels[labels == 200] = UNKNOWN
        data.truth[name] = labels
        data.found.setdefault("ids-beyond", []).append(data.named(data.labels(name)))


def off_by_one(data: Planted) -> None:
    for name, labels in data.truth.items():
        data.write(name, np.where(labels == UNKNOWN, 0, labels + 1).astype(np.uint8))
    names = sorted(data.truth)
    data.found["off-by-one"] = [data.named(data.labels(name)) for name in names]


def unused_ids(data: Planted) -> None:
    data.palette = _with_class(data.palette, "dragon", "#a01040")
    data.found["unused-ids"] = [""]


def rare_classes(data: Planted) -> None:
    data.palette = _with_class(data.palette, "lighthouse", "#e03020")
    class_id = data.palette.ids[-1]
    for name in data.take(2):
        data.truth[name][8:20, 30:34] = class_id
        data.write(name, data.truth[name])
        data.found.setdefault("rare-classes", [""])


def much_unknown(data: Planted) -> None:
    for name in data.take(2):
        labels = data.truth[name]
        labels[int(0.3 * len(labels)) :] = UNKNOWN
        data.write(name, labels)
        data.found.setdefault("much-unknown", []).append(data.named(data.labels(name)))


def tiny_pictures(data: Planted) -> None:
    for name in data.take(2):
        with Image.open(data.photo(name)) as image:
            scale = 24 / min(image.size)
            size = (round(image.width * scale), round(image.height * scale))
            image.resize(size).save(data.photo(name))
        labels = Image.fromarray(data.truth[name]).resize(size, Image.Resampling.NEAREST)
        data.write(name, np.array(labels))
        data.found.setdefault("tiny-pictures", []).append(data.named(data.photo(name)))


def duplicates(data: Planted) -> None:
    """A photo that is trained on, compressed anew under a name that is held out."""
    for name in data.take(2):
        held = next(
            again for number in range(10_000) if name_hash(again := f"{name}-again-{number}") < 0.03
        )
        path = data.folder / "images" / f"{held}.jpg"
        with Image.open(data.photo(name)) as image:
            image.convert("RGB").save(path, quality=88)
        data.truth[held] = data.truth[name]
        data.write(held, data.truth[name])
        data.found.setdefault("duplicates", []).append(data.named(path))


def repeated_photos(data: Planted) -> None:
    (name,) = data.take(1)
    again = next(
        again for number in range(99) if name_hash(again := f"{name}-more-{number}") >= 0.03
    )
    path = data.photo(name)
    (data.folder / "images" / f"{again}{path.suffix}").write_bytes(path.read_bytes())
    data.truth[again] = data.truth[name]
    data.write(again, data.truth[name])
    data.found["repeated-photos"] = [data.named(data.folder / "images" / f"{again}{path.suffix}")]


def grey_photos(data: Planted) -> None:
    (name,) = data.take(1)
    with Image.open(data.photo(name)) as image:
        grey = image.convert("L")
    grey.save(data.photo(name))
    data.found["grey-photos"] = [data.named(data.photo(name))]


def no_class_list(data: Planted) -> None:
    data.list_classes = False
    data.found["no-class-list"] = [""]


def too_few(data: Planted) -> None:
    for name in sorted(data.truth)[3:]:
        data.photo(name).unlink()
        data.labels(name).unlink()
        del data.truth[name]
    data.found["too-few"] = [""] * 3


FAULTS: dict[str, Callable[[Planted], None]] = {
    "missing-labels": missing_labels,
    "missing-pictures": missing_pictures,
    "same-stem": same_stem,
    "unreadable": unreadable,
    "truncated": truncated,
    "size-mismatch": size_mismatch,
    "orientation": orientation,
    "colour-labels": colour_labels,
    "stray-colours": stray_colours,
    "unlisted-colours": unlisted_colours,
    "grey-as-colour": grey_as_colour,
    "lossy-labels": lossy_labels,
    "label-formats": label_formats,
    "deep-labels": deep_labels,
    "shallow-labels": shallow_labels,
    "alpha-labels": alpha_labels,
    "interlaced-labels": interlaced_labels,
    "binary-masks": binary_masks,
    "ids-beyond": ids_beyond,
    "unused-ids": unused_ids,
    "rare-classes": rare_classes,
    "much-unknown": much_unknown,
    "tiny-pictures": tiny_pictures,
    "duplicates": duplicates,
    "repeated-photos": repeated_photos,
    "grey-photos": grey_photos,
    "no-class-list": no_class_list,
    "off-by-one": off_by_one,
    "too-few": too_few,
}
WHOLE_SET = ("no-class-list", "off-by-one", "too-few")
"""Faults of a data set as a whole, which hide others."""
ALL = tuple(kind for kind in FAULTS if kind not in WHOLE_SET)


def plant(
    folder: Path,
    kinds: Sequence[str] = ALL,
    pictures: int = 60,
    seed: int = 0,
    photos: Path | None = None,
    labels: Path | None = None,
) -> Planted:
    """Make a DATA folder with just those faults.

    The pictures are drawn, or the first ones of ``photos`` that have a map in ``labels``.
    ``found`` of the result names the files, or as many "" as the doctor should count.
    """
    rng = np.random.default_rng(seed)
    palette = PALETTE if labels is None else _classes_of(labels)
    data = Planted(folder, palette, rng)
    for part in ("images", "labels"):
        (folder / part).mkdir(parents=True)
    if photos is None or labels is None:
        for number in range(pictures):
            photo, truth = draw_pair(rng)
            name = f"scene-{number:03d}"
            Image.fromarray(photo).save(folder / "images" / f"{name}.png")
            data.truth[name] = truth
    else:
        pairs = [path for path in photos_in(photos) if (labels / f"{path.stem}.png").is_file()]
        for path in rng.permutation(np.array(pairs, object))[:pictures].tolist():
            (folder / "images" / path.name).write_bytes(path.read_bytes())
            with Image.open(labels / f"{path.stem}.png") as image:
                data.truth[path.stem] = np.array(image)
        data.palette = _used(palette, data.truth)
    for name, truth in data.truth.items():
        data.write(name, truth)
    data.free = [str(name) for name in rng.permutation(sorted(data.truth))]
    for kind in kinds:
        FAULTS[kind](data)
    if data.list_classes:
        text = json.dumps(palette_to_json(data.palette), indent=1)
        (folder / "classes.json").write_text(text, encoding="utf-8")
    return data


def _classes_of(labels: Path) -> Palette:
    for folder in (labels, labels.parent):
        if (folder / "classes.json").is_file():
            return load_palette(folder)
    raise FileNotFoundError(f"no classes.json in or above {labels}")


def _used(palette: Palette, truth: dict[str, np.ndarray]) -> Palette:
    """Classes that a few pictures can show, renumbered in ``truth`` itself; others unknown."""
    held = np.zeros(256, int)
    shares = np.zeros(256)
    for labels in truth.values():
        areas = np.bincount(labels.ravel(), minlength=256)
        held += areas > 0
        shares += areas / labels.size / len(truth)
    kept = [entry for entry in palette.classes if held[entry.id] >= 6 and shares[entry.id] > 0.002]
    lut = np.full(256, UNKNOWN, np.uint8)
    for index, entry in enumerate(kept):
        lut[entry.id] = index
    for labels in truth.values():
        labels[:] = lut[labels]
    return Palette(
        palette.name,
        tuple(
            PaletteClass(k, entry.name, entry.color, entry.group) for k, entry in enumerate(kept)
        ),
    )


def _with_class(palette: Palette, name: str, color: str) -> Palette:
    new = PaletteClass(max(palette.ids) + 1, name, color)
    return Palette(palette.name, (*palette.classes, new))


_ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2),
          (0, 1, 1, 2))  # fmt: skip


def _png(values: np.ndarray, *, bits: int = 8, interlaced: bool = False) -> bytes:
    """Grey ``(H, W)`` as the bytes of a PNG of a kind that Pillow does not write."""
    height, width = values.shape
    passes = _ADAM7 if interlaced else ((0, 0, 1, 1),)
    rows = []
    for left, top, across, down in passes:
        part = values[top::down, left::across]
        if part.size:
            spread = (part[..., None] >> np.arange(bits)[::-1]) & 1
            packed = np.packbits(spread.reshape(len(part), -1).astype(np.uint8), axis=1)
            rows += [b"\0" + row.tobytes() for row in packed]

    def chunk(kind: bytes, content: bytes) -> bytes:
        check = zlib.crc32(kind + content)
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", check)

    header = struct.pack(">IIBBBBB", width, height, bits, 0, 0, 0, int(interlaced))
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b"".join(rows)))
        + chunk(b"IEND", b"")
    )


def to_ade20k(folder: Path) -> None:
    """Move a DATA folder's files into SceneParse's layout, which has no list of classes."""
    for part, name in (("images", "images"), ("labels", "annotations")):
        (folder / part).rename(folder / "moved")
        (folder / name).mkdir(exist_ok=True)
        (folder / "moved").rename(folder / name / "training")
    (folder / "classes.json").unlink()


def main() -> None:
    """See the module's docstring."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path, metavar="OUT")
    parser.add_argument("--photos", type=Path, metavar="DIR")
    parser.add_argument("--labels", type=Path, metavar="DIR")
    parser.add_argument("--pictures", type=int, default=120, metavar="N")
    parser.add_argument("--seed", type=int, default=0, metavar="S")
    args = parser.parse_args()
    base = {"seed": args.seed, "photos": args.photos, "labels": args.labels}
    planted = plant(args.out / "faulty", ALL, args.pictures, **base)
    plant(args.out / "off-by-one", ("off-by-one",), 24, **base)
    to_ade20k(args.out / "off-by-one")
    plant(args.out / "too-few", ("too-few",), 24, **base)
    for kind, files in planted.found.items():
        print(f"{kind}: {len(files)} {', '.join(filter(None, files[:3]))}")


if __name__ == "__main__":
    main()
