"""The memory check: its estimate grows as it must, and its message helps."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from spade.config import GeneratorConfig
from spade.formats.errors import InputError
from spade.memory import (
    CACHE_BYTES,
    _cgroup_memory,
    available_memory,
    check_render_fits,
    estimate_render_bytes,
    first_strip_stage,
    room_to_keep,
)

CONFIG = GeneratorConfig(label_nc=24, contain_dontcare=True, ngf=32)


@pytest.mark.parametrize(
    ("settings", "side", "kept", "measured"),
    # Peak resident memory above the loaded model, CPU, of a second render; measured once, MB.
    [
        ({"label_nc": 16, "ngf": 16, "embedding": 32}, 1024, True, 798),
        ({"label_nc": 16, "ngf": 16, "embedding": 32}, 1024, False, 489),
        ({"label_nc": 16, "ngf": 16, "embedding": 32}, 2048, False, 871),
        ({"label_nc": 16, "ngf": 16, "embedding": 32}, 4096, False, 1005),
        ({"label_nc": 25, "ngf": 32}, 512, True, 503),
        ({"label_nc": 25, "ngf": 32}, 1024, False, 847),
    ],
)
def test_estimate_is_above_what_was_measured_but_not_far(settings, side, kept, measured):
    config = GeneratorConfig(**settings)
    estimate = estimate_render_bytes(config, side, side, cache_bytes=kept * CACHE_BYTES) / 2**20
    assert measured <= estimate <= 2 * measured + 512


def test_the_largest_canvas_fits_four_gigabytes():
    bundled = GeneratorConfig(label_nc=18, contain_dontcare=True, ngf=16, z_dim=64, embedding=32)
    reference = GeneratorConfig(label_nc=184)
    for config in (bundled, reference):
        assert estimate_render_bytes(config, 4096, 4096) < 4 << 30
        assert first_strip_stage(config, 4096, 4096) is not None
        assert first_strip_stage(config, 256, 256) is None


def test_activations_are_kept_only_where_there_is_room():
    assert room_to_keep(CONFIG, 512, 512, CACHE_BYTES, None)
    assert room_to_keep(CONFIG, 512, 512, CACHE_BYTES, 4 << 30)
    assert not room_to_keep(CONFIG, 512, 512, CACHE_BYTES, 1 << 28)
    assert not room_to_keep(CONFIG, 512, 512, 1 << 20, None)
    assert not room_to_keep(CONFIG, 4096, 4096, CACHE_BYTES, None)


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
        check_render_fits(CONFIG, 16384, 8192, 4 * gigabyte)
    message = str(caught.value)
    assert "16384x8192" in message
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


def write(folder: Path, **files: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / f"memory.{name}").write_text(text)


def test_a_containers_limit_leaves_what_is_not_used_and_what_is_cached(tmp_path: Path):
    write(tmp_path / "v2", max="1000\n", current="700\n")
    assert _cgroup_memory(tmp_path / "v2") == 300
    write(tmp_path / "v2", stat="anon 300\ninactive_anon 9\ninactive_file 250\nactive_file 150\n")
    assert _cgroup_memory(tmp_path / "v2") == 550
    # Read one after the other, the numbers need not fit each other.
    write(tmp_path / "v2", current="100\n")
    assert _cgroup_memory(tmp_path / "v2") == 1000
    write(tmp_path / "v2", current="1400\n")
    assert _cgroup_memory(tmp_path / "v2") == 0
    write(tmp_path / "v1/memory", limit_in_bytes="1000\n", usage_in_bytes="800\n")
    write(tmp_path / "v1/memory", stat="inactive_file 7\ntotal_inactive_file 50\n")
    assert _cgroup_memory(tmp_path / "v1") == 250


def test_no_container_no_limit(tmp_path: Path):
    assert _cgroup_memory(tmp_path) is None
    write(tmp_path / "v2", max="max\n", current="5\n")
    assert _cgroup_memory(tmp_path / "v2") is None
    write(tmp_path / "v1/memory", limit_in_bytes="9223372036854771712\n", usage_in_bytes="5\n")
    assert _cgroup_memory(tmp_path / "v1") is None
