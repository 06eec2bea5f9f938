"""A trainer that does as it is told: ``fake_trainer.py SCRIPT train ... --out RUN ...``.

SCRIPT is Python text that speaks through the functions below. Nothing here learns anything.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
from filelock import FileLock
from PIL import Image

from spade.formats.atomic import write_atomically
from spade.formats.run_folder import RunFolder, Status

ROOT = Path(__file__).parents[2]


class FakeTrainer:
    def __init__(self, arguments: list[str]) -> None:
        self.arguments = arguments
        self.folder = RunFolder(Path(arguments[arguments.index("--out") + 1]))
        self.status = Status("starting", os.getpid(), steps=1000)
        self.path = self.folder.path

    def lock(self) -> None:
        """Take the folder, as trainers do."""
        self._lock = FileLock(self.folder.lock)
        self._lock.acquire(timeout=10)

    def say(self, phase: str, **changes: object) -> None:
        self.status = replace(self.status, phase=phase, **changes)
        self.folder.write_status(self.status)

    def steps(self, first: int, last: int) -> None:
        """Lines of statistics."""
        self.raw("stats.jsonl", "".join(line(step) for step in range(first, last + 1)))

    def raw(self, name: str, text: str) -> None:
        with (self.path / name).open("a") as file:
            file.write(text)

    def sample(self, step: int, grey: int) -> None:
        (self.path / "samples").mkdir(exist_ok=True)
        name = f"step-{step:07d}.png"
        Image.fromarray(np.full((4, 6, 3), grey, np.uint8)).save(self.path / "samples" / name)

    def wait(self, name: str) -> None:
        """Until the test makes a file of this name in the folder."""
        wait_for((self.path / name).exists)

    def print(self, text: str) -> None:
        print(text, file=sys.stderr, flush=True)

    def die(self) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    def serve(self) -> None:
        """Obey until it is stopped, a step for each look."""
        heard = []
        answered = 0 if (request := self.folder.read_request()) is None else request.number
        paused = False
        while True:
            request = self.folder.read_request()
            if request is not None and request.number > answered:
                heard.append(request.ask)
                changes = {}
                if request.ask == "try":
                    name = f"step-{self.status.step:07d}"
                    (self.folder.early / name).mkdir(parents=True, exist_ok=True)
                    (self.folder.early / name / "model.json").write_text("{}")
                    changes["early"] = name
                paused = request.ask == "pause"  # writing a model ends a pause, too
                write_atomically(
                    self.path / "heard.json", json.dumps(heard).encode(), durable=False
                )
                answered = request.number
                phase = "stopped" if request.ask == "stop" else "paused" if paused else "training"
                self.say(phase, answered=answered, **changes)
                if request.ask == "stop":
                    return
            if not paused:
                self.steps(self.status.step + 1, self.status.step + 1)
                self.say("training", step=self.status.step + 1)
            time.sleep(0.01)


def line(step: int) -> str:
    return json.dumps({"step": step, "G": 1000.0 / step, "D": 0.5}) + "\n"


def wait_for(condition, patience: float = 60) -> None:
    end = time.monotonic() + patience
    while not condition():
        if time.monotonic() > end:
            raise SystemExit("the fake trainer was forgotten")
        time.sleep(0.005)


if __name__ == "__main__":
    trainer = FakeTrainer(sys.argv[2:])
    exec(sys.argv[1], {"t": trainer, "sys": sys, "os": os})
