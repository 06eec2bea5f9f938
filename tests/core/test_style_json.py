"""Styles as JSON: exact both ways, one clear line for anything else."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.core.style import DefaultStyle, ImageStyle, LatentStyle, SampledStyle, Style
from app.core.style_json import style_from_json, style_to_json
from spade.formats.errors import InputError


def photo(seed: int, height: int = 9, width: int = 14) -> ImageStyle:
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3)).astype(np.uint8)
    return ImageStyle(pixels, f"Möwe {seed}.jpg")


sources = st.one_of(
    st.just(DefaultStyle()),
    st.builds(SampledStyle, st.integers(0, 2**63 - 1)),
    st.builds(
        LatentStyle,
        st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=20).map(
            tuple
        ),
    ),
    st.builds(photo, st.integers(0, 99)),
)
styles = st.builds(Style, sources, st.one_of(st.none(), sources), st.floats(0, 1), st.floats(0, 1))


@settings(max_examples=80, deadline=None)
@given(styles)
def test_round_trip(style: Style) -> None:
    text = style_to_json(style)
    assert text.isascii()
    assert "\n" not in text
    again = style_from_json(text)
    assert again == style
    for before, after in ((style.source, again.source), (style.second, again.second)):
        if isinstance(before, ImageStyle):
            assert isinstance(after, ImageStyle)
            assert np.array_equal(before.pixels, after.pixels)
            assert before.name == after.name


def test_the_largest_style_image_comes_back() -> None:
    style = Style(photo(1, 512, 512), photo(2, 512, 300), 0.25, 0.75)
    assert style_from_json(style_to_json(style)) == style


GOOD = json.loads(style_to_json(Style(SampledStyle(3))))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "null",
        "[" * 100_000,
        json.dumps({**GOOD, "mix": 1.5}),
        json.dumps({**GOOD, "mix": None}),
        json.dumps({**GOOD, "strength": True}),
        json.dumps({**GOOD, "strength": float("nan")}),
        json.dumps({**GOOD, "strength": 10**400}),
        json.dumps({**GOOD, "source": None}),
        json.dumps({**GOOD, "source": {"kind": "magic"}}),
        json.dumps({**GOOD, "source": {"kind": ["default"]}}),
        json.dumps({**GOOD, "source": {"kind": "sampled", "seed": -1}}),
        json.dumps({**GOOD, "source": {"kind": "sampled", "seed": 2**63}}),
        json.dumps({**GOOD, "source": {"kind": "sampled", "seed": 1.5}}),
        json.dumps({**GOOD, "source": {"kind": "latent", "z": []}}),
        json.dumps({**GOOD, "source": {"kind": "latent", "z": ["1"]}}),
        json.dumps({**GOOD, "source": {"kind": "latent", "z": [float("inf")]}}),
        json.dumps({**GOOD, "second": {"kind": "image", "name": "x"}}),
        json.dumps({**GOOD, "second": {"kind": "image", "name": "x", "png": "ä"}}),
        json.dumps({**GOOD, "second": {"kind": "image", "name": "x", "png": "AAAA"}}),
    ],
)
def test_damaged(text: str) -> None:
    with pytest.raises(InputError) as caught:
        style_from_json(text, "cat.png")
    assert str(caught.value).startswith("cat.png")
    assert "\n" not in str(caught.value)
