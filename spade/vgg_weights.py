"""Where VGG19 comes from: a path, a copy fetched before or, if agreed to, a download."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from platformdirs import user_cache_dir

from spade.formats.errors import InputError

VGG19_URL = "https://download.pytorch.org/models/vgg19-dcbb9e9d.pth"
"""ImageNet weights by torchvision (BSD); the end of the name is the start of the SHA-256."""
VGG19_MEGABYTES = 548


def cached_vgg() -> Path:
    """Where a downloaded copy lies, whether it is there yet or not."""
    return Path(user_cache_dir("spadework")) / VGG19_URL.rsplit("/", 1)[1]


def find_vgg(given: str, agree: Callable[[str], bool]) -> str:
    """Path of VGG weights to train with, "" to train without the perceptual loss.

    given: a path, or "" for the copy fetched before. If there is none, ``agree`` is asked
    (a question for a person) before anything is downloaded.
    Raises InputError if the given file is missing or the download fails.
    """
    if given:
        if not Path(given).is_file():
            raise InputError(f"{given}: no such file; give the path of VGG16 or VGG19 weights")
        return given
    path = cached_vgg()
    if path.is_file():
        return str(path)
    question = (
        f"The perceptual loss needs VGG19 ({VGG19_MEGABYTES} MB, BSD licence) from {VGG19_URL}. "
        "Download it now?"
    )
    if not agree(question):
        return ""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        # Checks the SHA-256 and moves the file into place only when it is whole.
        torch.hub.download_url_to_file(VGG19_URL, str(path), hash_prefix="dcbb9e9d")
    except (OSError, RuntimeError) as error:
        raise InputError(
            f"{VGG19_URL}: download failed ({error}); give a file with --vgg PATH or train "
            "without it (--no-vgg)"
        ) from None
    return str(path)
