"""Renders the sample scenes with a model and keeps the pictures beside them.

    python tests/bench/scene_pictures.py [--model landscape]

The application shows ``assets/scenes/NAME.webp`` while the model is still loading, so that the
first start begins with a picture. To be run again whenever the bundled model changes.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from spade import load_model
from spade.formats.label_png import read_label_map
from spade.formats.picture import write_picture
from spade.formats.resources import bundled_scenes


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="landscape")
    model = load_model(parser.parse_args().model)
    for path in bundled_scenes():
        picture = path.with_suffix(".webp")
        write_picture(picture, model.render(read_label_map(path).labels), quality=92)
        print(picture, picture.stat().st_size)
    return 0


if __name__ == "__main__":
    sys.exit(main())
