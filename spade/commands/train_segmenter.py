"""Train a segmenter on hand-named label maps, and say how good it is on held-out pictures.

Each LABELLED folder holds labels/ (indexed PNGs), classes.json and, beside --photos, images/.
A tenth of the pictures, by the hash of the name, is never trained on. The result goes into
the model folder --out, as segmenter.safetensors and segmenter.json.
"""

from __future__ import annotations

import argparse
import copy
import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spade.commands import Report, say
from spade.formats.errors import InputError

if TYPE_CHECKING:
    import torch

    from spade.segmenter.network import SegmenterNetwork
    from spade.segmenter.pictures import LabelledSet
    from spade.segmenter.training import SegmenterProgress

_SETTINGS = (
    "steps",
    "batch_size",
    "size",
    "learning_rate",
    "backbone_rate",
    "seed",
    "precision",
)


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("labelled", nargs="+", type=Path, metavar="LABELLED")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="model folder")
    parser.add_argument(
        "--photos", type=Path, nargs="+", default=[], metavar="DIR", help="more folders of pictures"
    )
    parser.add_argument("--merge", type=Path, metavar="FILE", help="fine classes to a palette's")
    parser.add_argument(
        "--extra",
        type=Path,
        metavar="DATA",
        help="self-training: a DATA folder labelled by an earlier segmenter (see prepare)",
    )
    parser.add_argument(
        "--init", metavar="NAME|PATH", help="go on from this segmenter instead of ImageNet"
    )
    parser.add_argument(
        "--keep",
        type=float,
        default=0.0,
        metavar="SHARE",
        help="of the weights of --init in the result; 0.5 is often better than either "
        "(Wortsman et al., CVPR 2022)",
    )
    parser.add_argument("--imagenet", type=Path, metavar="FILE", help="EfficientNet-Lite0 weights")
    parser.add_argument("--judge-only", action="store_true", help="no training: judge DIR's own")
    parser.add_argument(
        "--purity",
        type=float,
        default=0.9,
        metavar="P",
        help="share of a class's pixels that must be right where it is called sure (default 0.9)",
    )
    parser.add_argument(
        "--apart", default="", metavar="PREFIX", help="judge pictures of such names on their own"
    )
    parser.add_argument("--sheets", type=Path, metavar="DIR", help="pages to look at, worst first")
    parser.add_argument("--steps", type=int, metavar="N")
    parser.add_argument("--batch-size", type=int, metavar="N")
    parser.add_argument("--size", type=int, metavar="PX", help="side of the training crops")
    parser.add_argument("--learning-rate", type=float, metavar="R", help="the decoder's")
    parser.add_argument("--backbone-rate", type=float, metavar="R")
    parser.add_argument("--minutes", type=float, metavar="M", help="stop after M minutes")
    parser.add_argument("--seed", type=int, metavar="N")
    parser.add_argument("--precision", choices=("fp32", "bf16"))
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or mps (default: auto)")


def run(args: argparse.Namespace) -> Report:
    """Train unless told not to, judge, write."""
    if not 0 <= args.keep < 1 or (args.keep and not args.init):
        raise InputError(f"--keep {args.keep}: give a share from 0 to below 1, and --init")
    if not 0 < args.purity < 1:
        raise InputError(f"--purity {args.purity}: give a share between 0 and 1")

    from spade.model import resolve_device
    from spade.segmenter import Segmenter
    from spade.segmenter.checkpoint import SegmenterFile, read_segmenter, save_segmenter
    from spade.segmenter.pictures import read_labelled
    from spade.segmenter.report import judge, table, write_sheets

    began = time.monotonic()
    device = resolve_device(args.device)
    pictures = read_labelled(args.labelled, args.photos, args.merge)
    palette = pictures.merge.palette
    say(f"{len(pictures.training)} pictures to train on, {len(pictures.held_out)} held out")
    if not pictures.held_out:
        raise InputError("no picture is held out by its name's hash: more pictures are needed")
    if args.judge_only:
        file = read_segmenter(args.out)
        network, provenance = file.network, dict(file.provenance)
        _check_outputs(str(args.out), network, pictures)
    else:
        network, provenance = _trained(args, pictures, device, began)
    segmenter = Segmenter(network, palette, device)
    judgement = judge(segmenter, pictures.held_out, precision=args.purity, apart=args.apart)
    provenance["purity"] = args.purity
    save_segmenter(
        args.out, SegmenterFile(network, palette, judgement.sure, judgement.figures, provenance)
    )
    sheets = []
    if args.sheets is not None:
        sheets = [str(path) for path in write_sheets(args.sheets, judgement, segmenter)]
    data = {"segmenter": str(args.out), "figures": judgement.figures, "sheets": sheets}
    return Report(data, table(judgement.figures))


def _trained(
    args: argparse.Namespace, pictures: LabelledSet, device: torch.device, began: float
) -> tuple[SegmenterNetwork, dict[str, Any]]:
    """The trained network, and how it came about."""
    from spade.commands.train import StopOnInterrupt
    from spade.segmenter import load_segmenter
    from spade.segmenter.checkpoint import load_imagenet
    from spade.segmenter.network import SegmenterNetwork
    from spade.segmenter.pictures import read_labelled
    from spade.segmenter.training import SegmenterTrainingConfig, mix_weights, train_segmenter

    given = {name: getattr(args, name) for name in _SETTINGS if getattr(args, name) is not None}
    config = replace(SegmenterTrainingConfig(), **given)
    extra = () if args.extra is None else read_labelled([args.extra]).training
    if args.extra is not None:
        say(f"{len(extra)} pictures labelled by an earlier segmenter")
    first = None
    if args.init:
        first = load_segmenter(args.init, device).network
        _check_outputs(f"--init {args.init}", first, pictures)
        network = copy.deepcopy(first).requires_grad_(True)
    else:
        network = SegmenterNetwork(max(pictures.merge.palette.ids) + 1)
        load_imagenet(network, args.imagenet)
    stop = StopOnInterrupt()
    with stop:
        network = train_segmenter(
            network,
            pictures.training,
            config,
            extra=extra,
            device=device,
            on_progress=_Progress(),
            should_stop=lambda: (
                stop.asked
                or (args.minutes is not None and time.monotonic() - began > args.minutes * 60)
            ),
        )
    if first is not None:
        mix_weights(network, first, args.keep)
    return network, {
        "pictures": len(pictures.training),
        "extra": len(extra),
        "init": Path(args.init).name if args.init else "ImageNet (EfficientNet-Lite0)",
        "keep": args.keep,
        "minutes": round((time.monotonic() - began) / 60, 1),
        "training": asdict(config),
    }


def _check_outputs(where: str, network: SegmenterNetwork, pictures: LabelledSet) -> None:
    if max(pictures.merge.palette.ids) >= network.head.out_channels:
        raise InputError(
            f"{where}: its segmenter has fewer classes than the label maps; give --merge"
        )


class _Progress:
    """A line on stderr every few seconds."""

    def __init__(self) -> None:
        self._said = 0.0

    def __call__(self, progress: SegmenterProgress) -> None:
        now = time.monotonic()
        if now - self._said >= 5 or progress.step == progress.steps:
            self._said = now
            say(f"step {progress.step}/{progress.steps}  loss {progress.loss:.3f}")
