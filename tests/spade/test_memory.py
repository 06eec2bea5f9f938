"""The memory check: its estimate grows as it must, and its message helps."""

from __future__ import annotations

import re

import pytest

from spade.config import GeneratorConfig
from spade.formats.errors import InputError
from spade.memory import available_memory, check_render_fits, estimate_render_bytes

CONFIG = GeneratorConfig(label_nc=24, contain_dontcare=True, ngf=32)


@pytest.mark.parametrize(
    ("settings", "side", "measured"),
    # Peak resident memory above the loaded model, CPU, measured once: MB without and with
    # 512 MB of fields kept.
    [
        ({"label_nc": 25, "ngf": 32}, 256, (102, 185)),
        ({"label_nc": 25, "ngf": 32}, 512, (266, 663)),
        ({"label_nc": 25, "ngf": 32}, 1024, (934, 1373)),
        ({"label_nc": 151, "ngf": 16}, 1024, (1411, 1675)),
        ({"label_nc": 151, "ngf": 64, "upsampling": "most"}, 512, (412, 908)),
    ],
)
def test_estimate_is_above_what_was_measured_but_not_far(settings, side, measured):
    config = GeneratorConfig(**settings)
    for field_bytes, used in zip((0, 512 << 20), measured, strict=True):
        estimate = estimate_render_bytes(config, side, side, field_bytes=field_bytes) / 2**20
        assert used <= estimate <= 1.5 * used + 64


def test_estimate_rounds_up_to_the_stride_and_grows():
    def bytes_of(*size: int, **changes: object) -> int:
        return estimate_render_bytes(GeneratorConfig(label_nc=24, **changes), *size)

    assert bytes_of(33, 64) == bytes_of(64, 33) == bytes_of(64, 64)
    assert bytes_of(512, 512) < bytes_of(1024, 512) < bytes_of(1024, 1024)
    assert bytes_of(512, 512, ngf=32) < bytes_of(512, 512, ngf=64)
    assert bytes_of(512, 512, upsampling="most") < bytes_of(512, 512, upsampling="normal")


def test_too_large_names_size_need_and_a_size_that_fits():
    gigabyte = 1 << 30
    with pytest.raises(InputError) as caught:
        check_render_fits(CONFIG, 8192, 4096, 4 * gigabyte)
    message = str(caught.value)
    assert "8192x4096" in message
    assert "4.0 GB" in message
    assert "\n" not in message
    width, height = map(int, re.search(r"at most (\d+)x(\d+)", message).groups())
    assert abs(width / height - 2) < 0.05
    check_render_fits(CONFIG, width, height, 4 * gigabyte)
    with pytest.raises(InputError):
        check_render_fits(CONFIG, width * 5 // 4, height * 5 // 4, 4 * gigabyte)


def test_bundled_size_of_network_fits_1024_in_four_gigabytes():
    for ngf in (32, 48):
        check_render_fits(GeneratorConfig(label_nc=30, ngf=ngf), 1024, 1024, 3 << 30)


def test_hopeless_memory_still_gives_one_line():
    with pytest.raises(InputError, match="free some memory"):
        check_render_fits(CONFIG, 64, 64, 1000)


def test_asks_the_system():
    available = available_memory()
    assert available is None or available > 1 << 20
    check_render_fits(CONFIG, 32, 32)
