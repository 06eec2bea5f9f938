"""Arrays in a file that processes map: what comes back, and that nothing stays behind."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from spade.data.shared_photos import Arrays, shared
from spade.formats.errors import InputError


@dataclass
class One:
    """The only process of its machine; or a later one, which is told ``given``."""

    goes_ahead: bool = True
    given: Any = None
    said: list[Any] = field(default_factory=list)

    def hand_over(self, value: Any) -> Any:
        self.said.append(value)
        return value if self.goes_ahead else self.given


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return tmp_path


def photos() -> Iterator[Arrays]:
    rng = np.random.default_rng(0)
    for height, width in ((3, 5), (1, 1), (7, 2)):
        photo = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
        instances = rng.integers(0, 2**30, (height, width), dtype=np.int32)
        # Of every other byte order and layout, too.
        yield photo[:, ::-1], photo[..., 0], instances if width > 1 else None, photo > 9


def test_what_was_given_comes_back(temporary: Path) -> None:
    machine = One()
    found = shared(photos(), machine)
    assert len(found) == 3
    for arrays, expected in zip(found, photos(), strict=True):
        for array, wanted in zip(arrays, expected, strict=True):
            if array is None or wanted is None:
                assert array is wanted is None
                continue
            assert (array.dtype, array.shape) == (wanted.dtype, wanted.shape)
            assert np.array_equal(array, wanted)
            assert not array.flags.writeable
    # Handed over while it had its name, which is gone.
    assert Path(machine.said[0][0]).parent == temporary
    assert list(temporary.iterdir()) == []


def test_an_error_while_reading_leaves_nothing(temporary: Path) -> None:
    def broken() -> Iterator[Arrays]:
        yield from photos()
        raise InputError("photo 4: broken")

    with pytest.raises(InputError, match="photo 4"):
        shared(broken(), One())
    assert list(temporary.iterdir()) == []


def test_no_room_and_no_file_are_told(temporary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = One(goes_ahead=False, given=(str(temporary / "gone"), []))
    with pytest.raises(InputError, match=r"gone: this process can't open .* torchrun"):
        shared(photos(), gone)
    monkeypatch.setattr("tempfile.tempdir", str(temporary / "nowhere"))
    with pytest.raises(InputError, match=r"nowhere: no room for the decoded photos.*TMPDIR"):
        shared(photos(), One())
