"""Score a model on photos and label maps that it never trained on, beside its baselines.

A small segmentation head on VGG16 features, which training never used, says whether the
pictures show what the maps say; it is trained first, on photos that are not held out. With
--card, picture sheets and all figures are written for the model card.
"""

from __future__ import annotations

import argparse
import json
import shlex
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spade.commands import Report, add_model_arguments, open_model, say
from spade.formats.atomic import write_atomically
from spade.formats.errors import InputError

if TYPE_CHECKING:
    import torch

    from spade.evaluation.features import Vgg16
    from spade.evaluation.held_out import Material
    from spade.evaluation.painters import Painter
    from spade.evaluation.scorer_file import TrainedScorer
    from spade.model import Model

DEFAULT_SHARE = 0.03
SCORER_PHOTOS = 1500
SIZE_STEP, SMALLEST, LARGEST = 16, 32, 1024


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("data", type=Path, metavar="DATA", help="folder of images/ and labels/")
    add_model_arguments(parser)
    parser.add_argument(
        "--vgg", type=Path, required=True, metavar="FILE", help="VGG16 weights (and LPIPS heads)"
    )
    parser.add_argument(
        "--share",
        type=float,
        metavar="S",
        help="part of DATA that is held out (default: what the model says it was trained with, "
        f"else {DEFAULT_SHARE})",
    )
    parser.add_argument("--limit", type=int, metavar="N", help="judge N held-out photos only")
    parser.add_argument("--size", type=int, default=256, metavar="N", help="default: 256")
    truth = parser.add_argument_group("what pictures are judged by (default: DATA's own maps)")
    truth.add_argument(
        "--named",
        type=Path,
        nargs="+",
        default=[],
        metavar="DIR",
        help="folders of hand-named maps (labels/, classes.json); nothing else is judged then",
    )
    truth.add_argument("--merge", type=Path, metavar="FILE", help="how their classes become DATA's")
    truth.add_argument(
        "--scorer", type=Path, metavar="FILE", help="use this scorer; made if it is missing"
    )
    truth.add_argument(
        "--scorer-photos",
        type=int,
        default=SCORER_PHOTOS,
        metavar="N",
        help=f"train a new scorer on at most N photos (default: {SCORER_PHOTOS})",
    )
    others = parser.add_argument_group("what the model is measured by")
    others.add_argument("--baseline", type=Path, metavar="DIR", help="a trained pix2pixHD folder")
    others.add_argument(
        "--no-style-model", metavar="NAME|PATH", help="a SPADE model trained without style"
    )
    parser.add_argument(
        "--card", type=Path, metavar="DIR", help="write picture sheets, card.md, evaluation.json"
    )
    parser.add_argument(
        "--no-photos",
        action="store_true",
        help="leave the photos out of the sheets, if they may not be passed on",
    )


def run(args: argparse.Namespace) -> Report:
    """Evaluate, and write the card if asked to."""
    began = time.monotonic()
    _check(args)

    from spade.evaluation.evaluate import evaluate
    from spade.evaluation.features import load_vgg16
    from spade.evaluation.held_out import open_material
    from spade.evaluation.judge import Judge
    from spade.evaluation.painters import ModelPainter
    from spade.evaluation.report import to_json, to_text

    if args.card is not None:
        try:
            args.card.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"{args.card}: cannot be made ({error.strerror})") from None
    model = open_model(args)
    share, said_by = _share(args, model)
    material = open_material(args.data, share, args.named, args.merge, args.limit)
    painter = ModelPainter(model, material.palette)
    others = _others(args, material, model.device)
    vgg, heads = load_vgg16(args.vgg)
    vgg.to(model.device)
    scorer = _scorer(args, material, vgg, model.device)
    judge = Judge(vgg, heads, scorer.network.to(model.device), model.device)
    remarks = _remarks(material, painter.missing, scorer, share, said_by, bool(args.named))
    for remark in remarks:
        say(remark)
    rate = _Progress()
    result = evaluate(
        material,
        painter,
        others,
        judge,
        args.size,
        on_scene=lambda done, total: rate.tell("scene", done, total, 20),
        on_variety=lambda done, total: rate.tell("ten styles and samples: map", done, total, 1),
    )
    data: dict[str, Any] = {
        "model": model.name,
        "model_provenance": model.provenance,
        "data": _shown(args.data),
        "device": str(model.device),
        "share": share,
        "named": [_shown(folder) for folder in args.named],
        "scorer_photos": len(scorer.photos),
        "remarks": remarks,
        **to_json(result),
        "seconds": round(time.monotonic() - began, 1),
    }
    if args.card is not None:
        data["card"] = _write_card(args, data, result, painter, material)
    return Report(data, to_text(data, remarks))


def _check(args: argparse.Namespace) -> None:
    """Raise InputError for values out of range, before anything is loaded."""
    if args.size % SIZE_STEP or not SMALLEST <= args.size <= LARGEST:
        raise InputError(
            f"size {args.size}: use a multiple of {SIZE_STEP} from {SMALLEST} to {LARGEST}"
        )
    if args.share is not None and not 0 < args.share < 1:
        raise InputError(f"share {args.share}: use a number between 0 and 1")
    for name, value in (("limit", args.limit), ("scorer-photos", args.scorer_photos)):
        if value is not None and value < 1:
            raise InputError(f"{name} {value}: use 1 or more")
    if args.merge is not None and not args.named:
        raise InputError("--merge: is for hand-named maps; give their folders with --named")
    if args.card is not None and args.card.exists() and not args.card.is_dir():
        raise InputError(f"{args.card}: is a file; name a folder for the card")


def _share(args: argparse.Namespace, model: Model) -> tuple[float, str]:
    """What part of DATA is held out, and who says so."""
    if args.share is not None:
        return args.share, "--share"
    training = model.provenance.get("training")
    said = training.get("validation_share") if isinstance(training, dict) else None
    if isinstance(said, int | float) and 0 < said < 1:
        return float(said), "the model's training"
    return DEFAULT_SHARE, "no word from the model, the default"


def _others(
    args: argparse.Namespace, material: Material, device: torch.device
) -> dict[str, Painter]:
    """The baselines by the names of their scores."""
    from spade.checkpoint import load_baseline
    from spade.evaluation.painters import ModelPainter, baseline_painter, retrieval_painter
    from spade.model import load_model

    others: dict[str, Painter] = {}
    if args.no_style_model is not None:
        others["no_style_model"] = ModelPainter(
            load_model(args.no_style_model, args.device), material.palette
        )
    if args.baseline is not None:
        others["pix2pixhd"] = baseline_painter(
            load_baseline(args.baseline), material.palette, args.size, device, args.baseline
        )
    rate, count = _Progress(), len(material.training)
    others["retrieval"] = retrieval_painter(
        material.training,
        material.palette,
        args.size,
        lambda done: rate.tell("training map read", done, count, 2000),
    )
    return others


def _scorer(
    args: argparse.Namespace, material: Material, vgg: Vgg16, device: torch.device
) -> TrainedScorer:
    """The scorer in the file that --scorer names, else a new one, which goes there.

    Raises InputError for a file whose scorer knows other classes, another size, or a
    held-out photo.
    """
    from spade.data.folder import label_channels
    from spade.evaluation.pictures import load_scene
    from spade.evaluation.scorer import ScorerConfig
    from spade.evaluation.scorer_file import TrainedScorer, load_scorer, save_scorer
    from spade.evaluation.scorer_training import collect_cells, train_scorer

    palette, path = material.palette, args.scorer
    by_id = {entry.id: entry.name for entry in palette.classes}
    classes = tuple(by_id.get(class_id) for class_id in range(label_channels(palette)))
    if path is not None and path.exists():
        found = load_scorer(path)
        if found.classes != classes:
            raise InputError(f"{path}: this scorer knows other classes than DATA; name another")
        if found.size != args.size:
            raise InputError(
                f"{path}: this scorer was trained at {found.size} pixels, not {args.size}; name "
                "another file or the same --size"
            )
        known = sorted(s.name for s in material.held_out if s.name in found.photos)
        if known:
            raise InputError(
                f"{path}: this scorer was trained on {known[0]}, which is held out here; name "
                "another file"
            )
        return found
    if path is not None and not path.absolute().parent.is_dir():
        raise InputError(f"{path}: the folder {path.parent} does not exist; create it")
    scenes = material.scorer[: args.scorer_photos]
    say(f"training a scorer on {len(scenes)} photos" + ("" if path else "; --scorer FILE keeps it"))
    rate, by_hand = _Progress(), material.named is not None
    loaded = (load_scene(scene, palette, args.size, by_hand) for scene in scenes)
    cells = collect_cells(
        vgg,
        ((scene.photo, scene.truth) for scene in loaded),
        len(scenes),
        device,
        lambda done: rate.tell("scorer: photo", done, len(scenes), 100),
    )
    network = train_scorer(
        cells,
        ScorerConfig(len(classes)),
        device,
        lambda done, of, loss: say(f"scorer: pass {done}/{of}, loss {loss:.3f}"),
    )
    scorer = TrainedScorer(network, classes, frozenset(scene.name for scene in scenes), args.size)
    if path is not None:
        save_scorer(path, scorer)
    return scorer


def _remarks(
    material: Material,
    missing: tuple[str, ...],
    scorer: TrainedScorer,
    share: float,
    said_by: str,
    by_hand: bool,
) -> list[str]:
    """What somebody who reads the figures must know."""
    remarks = [
        f"held out: {share:g} of the photos by the hash of their names ({said_by})",
        f"the scorer learned from {len(scorer.photos)} photos, none of them held out",
    ]
    if by_hand:
        remarks.append("judged by hand-named regions alone")
    else:
        remarks.append("judged by DATA's own maps: if a segmenter made them, its faults count too")
    if material.named is not None and material.named.dropped:
        remarks.append("hand-named but not judged: " + ", ".join(material.named.dropped))
    if missing:
        remarks.append("classes the model lacks, rendered as unknown: " + ", ".join(missing))
    return remarks


def _write_card(
    args: argparse.Namespace,
    data: dict[str, Any],
    result: Any,
    painter: Any,
    material: Material,
) -> dict[str, str]:
    """Write sheets, figures and card.md; their paths by name."""
    from spade.evaluation.report import to_markdown
    from spade.evaluation.sheets import write_sheets

    folder: Path = args.card
    # First of all what took longest.
    write_atomically(folder / "evaluation.json", (json.dumps(data, indent=1) + "\n").encode())
    say("painting the sheets")
    sheets = write_sheets(folder, result, painter, material.palette, photos=not args.no_photos)
    names = {name: path.name for name, path in sheets.items()}
    text = to_markdown(data, data["remarks"], names, _command(args))
    write_atomically(folder / "card.md", text.encode())
    written = {name: str(path) for name, path in sheets.items()}
    return written | {"card": str(folder / "card.md"), "json": str(folder / "evaluation.json")}


def _command(args: argparse.Namespace) -> str:
    """The command line again, with the settings that change the figures."""
    words = ["spadework", "evaluate", _shown(args.data), "--model", _shown(args.model)]
    for name in ("vgg", "share", "limit", "merge", "scorer", "baseline", "no_style_model"):
        value = getattr(args, name)
        if value is not None:
            words += [f"--{name.replace('_', '-')}", _shown(value)]
    words += ["--size", str(args.size)]
    if args.named:
        words += ["--named", *map(_shown, args.named)]
    return shlex.join(words)


def _shown(value: object) -> str:
    """A value for others to read: of an absolute path, only the name means anything to them."""
    path = Path(str(value))
    return path.name if path.is_absolute() else str(value)


class _Progress:
    """Lines like "scene 40/248, 2.1 s each"."""

    def __init__(self) -> None:
        self._began = time.monotonic()

    def tell(self, what: str, done: int, total: int, every: int) -> None:
        if done % every == 0 or done == total:
            each = (time.monotonic() - self._began) / done
            say(f"{what} {done}/{total}, {each:.2f} s each")
