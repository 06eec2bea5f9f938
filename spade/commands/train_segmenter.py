"""Train a segmenter on hand-named label maps, and say how good it is on held-out pictures.

Each LABELLED folder holds labels/ (indexed PNGs), classes.json and, beside --photos, images/.
A tenth of the pictures, by the hash of the name, is never trained on. The result goes into
the model folder --out, as segmenter.safetensors and segmenter.json.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from spade.commands import Report, say
from spade.formats.errors import InputError


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
    if not 0 < args.purity < 1:
        raise InputError(f"--purity {args.purity}: give a share between 0 and 1")

    from dataclasses import asdict, replace

    from spade.commands.train import StopOnInterrupt
    from spade.model import resolve_device
    from spade.segmenter import Segmenter, load_segmenter
    from spade.segmenter.checkpoint import (
        SegmenterFile,
        load_imagenet,
        read_segmenter,
        save_segmenter,
    )
    from spade.segmenter.network import SegmenterNetwork
    from spade.segmenter.pictures import read_labelled
    from spade.segmenter.report import judge, table, write_sheets
    from spade.segmenter.training import (
        SegmenterProgress,
        SegmenterTrainingConfig,
        train_segmenter,
    )

    began = time.monotonic()
    device = resolve_device(args.device)
    pictures = read_labelled(args.labelled, args.photos, args.merge)
    say(f"{len(pictures.training)} pictures to train on, {len(pictures.held_out)} held out")
    if not pictures.held_out:
        raise InputError("no picture is held out by its name's hash: more pictures are needed")
    if args.judge_only:
        file = read_segmenter(args.out)
        network, provenance = file.network, dict(file.provenance)
        known = set(range(network.head.out_channels))
        if not set(pictures.merge.palette.ids) <= known:
            raise InputError(
                f"{args.out}: its segmenter has fewer classes than the label maps; give --merge"
            )
    else:
        given = {
            name: getattr(args, name)
            for name in (
                "steps",
                "batch_size",
                "size",
                "learning_rate",
                "backbone_rate",
                "seed",
                "precision",
            )
            if getattr(args, name) is not None
        }
        config = replace(SegmenterTrainingConfig(), **given)
        extra = () if args.extra is None else read_labelled([args.extra]).training
        if args.extra is not None:
            say(f"{len(extra)} pictures labelled by an earlier segmenter")
        if args.init:
            first = load_segmenter(args.init, device)
            network = first.network
            if max(pictures.merge.palette.ids) >= network.head.out_channels:
                raise InputError(f"--init {args.init}: has fewer classes than the label maps")
            for parameter in network.parameters():
                parameter.requires_grad_(True)
        else:
            network = SegmenterNetwork(max(pictures.merge.palette.ids) + 1)
            load_imagenet(network, args.imagenet)
        shown = 0.0

        def report(progress: SegmenterProgress) -> None:
            nonlocal shown
            now = time.monotonic()
            if now - shown >= 5 or progress.step == progress.steps:
                shown = now
                say(f"step {progress.step}/{progress.steps}  loss {progress.loss:.3f}")

        stop = StopOnInterrupt()
        with stop:
            network = train_segmenter(
                network,
                pictures.training,
                config,
                extra=extra,
                device=device,
                on_progress=report,
                should_stop=lambda: (
                    stop.asked
                    or (args.minutes is not None and time.monotonic() - began > args.minutes * 60)
                ),
            )
        provenance = {
            "pictures": len(pictures.training),
            "extra": len(extra),
            "init": args.init or "ImageNet (EfficientNet-Lite0)",
            "minutes": round((time.monotonic() - began) / 60, 1),
            "training": asdict(config),
        }
    segmenter = Segmenter(network, pictures.merge.palette, device)
    judgement = judge(segmenter, pictures.held_out, precision=args.purity, apart=args.apart)
    provenance["purity"] = args.purity
    save_segmenter(
        args.out,
        SegmenterFile(
            network, pictures.merge.palette, judgement.sure, judgement.figures, provenance
        ),
    )
    sheets = []
    if args.sheets is not None:
        sheets = [str(path) for path in write_sheets(args.sheets, judgement, segmenter)]
    data = {"segmenter": str(args.out), "figures": judgement.figures, "sheets": sheets}
    return Report(data, table(judgement.figures))
