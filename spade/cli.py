"""The command line: which commands there are, and what all of them have in common.

Every command lives in ``spade/commands`` and is imported only when it is called; torch is
imported inside it, so that help and bad arguments answer at once.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import json
import os
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

from spade.commands import Report
from spade.formats.errors import InputError

COMMANDS: dict[str, str] = {
    "render": "label maps to pictures",
    "grid": "label maps across, style images down (the paper's figure 1)",
    "segment": "photos to label maps",
    "prepare": "photos and a segmenter to a folder to train on",
    "check": "what is wrong with a data set, and a clean copy of it",
    "train": "train a generator on photos and label maps",
    "train-segmenter": "train a segmenter on hand-named label maps, and judge it",
    "finish": "give a trained model its default style and trained size",
    "evaluate": "score a model on photos it never trained on",
    "info": "classes, sizes and licence of a model",
    "bench": "how long a model takes to render",
    "modulation": "gamma and beta of every layer as pictures (figure 2)",
    "washout": "one class fills the map: SPADE beside pix2pixHD (figure 3)",
}

EXIT_BAD_INPUT = 2
EXIT_FAILURE = 1
EXIT_INTERRUPTED = 130


def usage() -> str:
    """What ``spadework --help`` prints."""
    width = max(map(len, COMMANDS))
    lines = [
        "usage: spadework [FILE]             open the application",
        "       spadework COMMAND [...]      see spadework COMMAND --help",
        "",
        "commands:",
        *(f"  {name:{width}}  {what}" for name, what in COMMANDS.items()),
    ]
    return "\n".join(lines)


class Parser(argparse.ArgumentParser):
    """An ArgumentParser whose errors are one line."""

    def error(self, message: str) -> NoReturn:
        """One line on stderr, exit code 2."""
        print(f"{self.prog}: error: {message}; see {self.prog} --help", file=sys.stderr)
        raise SystemExit(EXIT_BAD_INPUT)


def run_command(name: str, arguments: Sequence[str]) -> int:
    """Run one of :data:`COMMANDS` and return the exit code.

    With ``--json`` stdout gets one JSON object and nothing else; without it, the report
    for people. Errors are one line on stderr.
    """
    prog = f"spadework {name}"
    try:
        module = importlib.import_module(f"spade.commands.{name.replace('-', '_')}")
        parser = Parser(prog=prog, description=module.__doc__, allow_abbrev=False)
        module.configure(parser)
        parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
        try:
            options = parser.parse_args(arguments)
        except SystemExit as stop:
            return int(stop.code or 0)
        # Whatever a library prints must not mix with the report.
        with contextlib.redirect_stdout(sys.stderr):
            result: Report | dict[str, Any] | None = module.run(options)
        if result is None:
            return 0  # another process reports
        report = result if isinstance(result, Report) else _plain_report(result)
        print(json.dumps(report.data) if options.json else report.text, flush=True)
        return report.exit_code
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except InputError as error:
        return _fail(prog, str(error), EXIT_BAD_INPUT)
    except BrokenPipeError:
        # The reader of our output left (head, for one). Python would complain at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except MemoryError:
        return _fail(prog, "not enough memory; use a smaller size", EXIT_BAD_INPUT)
    except OSError as error:
        return _fail(prog, f"{error}; check the file and the disk", EXIT_BAD_INPUT)
    except Exception as error:
        if os.environ.get("SPADEWORK_TRACEBACK"):
            raise
        if "out of memory" in str(error) or "can't allocate memory" in str(error):
            return _fail(prog, "not enough memory; use a smaller size", EXIT_BAD_INPUT)
        return _fail(
            prog,
            f"unexpected {type(error).__name__}: {error} (SPADEWORK_TRACEBACK=1 shows where)",
            EXIT_FAILURE,
        )


def _plain_report(data: dict[str, Any]) -> Report:
    return Report(data, "\n".join(f"{key}: {value}" for key, value in data.items()))


def _fail(prog: str, message: str, code: int) -> int:
    print(f"{prog}: error: {' '.join(message.split())}", file=sys.stderr)
    return code
