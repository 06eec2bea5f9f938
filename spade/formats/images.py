"""Opening image files safely: every failure of a decoder becomes one :class:`InputError`."""

from __future__ import annotations

import io
import os
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image, ImageOps, UnidentifiedImageError

from spade.formats.errors import InputError
from spade.formats.limits import MAX_FILE_BYTES

Source = str | os.PathLike[str] | bytes


def source_name(source: Source, name: str | None = None) -> str:
    """What messages call ``source``: its path, or ``name`` for bytes."""
    return name or ("picture" if isinstance(source, bytes) else os.fspath(source))


@contextmanager
def open_image(
    source: Source, check_size: Callable[[int, int, str], None], name: str | None = None
) -> Iterator[Image.Image]:
    """Open an image by its content, whatever its suffix says; pixels are not decoded yet.

    ``check_size(width, height, name)`` sees the size that the header states before any
    pixel is decoded. Whatever the decoder raises inside the ``with`` block becomes an
    :class:`InputError`.
    """
    label = source_name(source, name)
    stream = io.BytesIO(source) if isinstance(source, bytes) else regular_file(source, label)
    try:
        with _open_unchecked(stream) as image:
            check_size(image.width, image.height, label)
            yield image
    except InputError:
        raise
    except UnidentifiedImageError as error:
        raise InputError(f"{label}: is not a picture that can be read; use PNG or JPEG") from error
    except Image.DecompressionBombError as error:
        raise InputError(f"{label}: has far too many pixels; reduce it first") from error
    except PermissionError as error:
        raise InputError(f"{label}: may not be read; check its permissions") from error
    except Exception as error:  # decoders raise nearly anything on damaged files
        reason = " ".join(str(error).split()) or type(error).__name__
        raise InputError(f"{label}: is damaged or cut off ({reason}); save it again") from error


def upright(image: Image.Image) -> Image.Image:
    """``image`` turned as its EXIF orientation says; unreadable EXIF data is ignored."""
    try:
        return ImageOps.exif_transpose(image)
    except Exception:  # a damaged EXIF block must not cost the picture
        return image


def regular_file(source: str | os.PathLike[str], label: str) -> Path:
    """``source`` as a path, if it is a file of a sensible size that can be read.

    Raises:
        InputError: missing, a folder, a device, empty, or over ``MAX_FILE_BYTES``.
    """
    path = Path(source)
    try:
        if path.is_dir():
            raise InputError(f"{label}: is a folder; choose a picture file")
        if not path.exists():
            raise InputError(f"{label}: no such file; check the name")
        if not path.is_file():
            raise InputError(f"{label}: is not a regular file; choose a picture file")
        size = path.stat().st_size
    except (OSError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{label}: cannot be read ({error}); check the name") from error
    if size == 0:
        raise InputError(f"{label}: is empty; choose another file")
    if size > MAX_FILE_BYTES:
        raise InputError(
            f"{label}: is larger than {MAX_FILE_BYTES // 2**20} MB; reduce the picture first"
        )
    return path


def _open_unchecked(stream: io.BytesIO | Path) -> Image.Image:
    """``Image.open`` without Pillow's size warning: ours is the error that follows."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        return Image.open(stream)
