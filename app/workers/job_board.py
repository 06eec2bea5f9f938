"""Which job comes next: the rules of priority, without Qt and without rendering.

1. A model to load comes first; only the newest is kept, and previews and tiles of other
   models are dropped. An export under way is finished before it.
2. Previews: one waits, overwritten by newer ones. A live one under way runs to its end, so
   that a long stroke shows intermediate pictures. A settled one under way is cut short by a
   newer one: by a live one, as painting goes first, or by another settled one. So that there
   is something to see now and then however they come, the one after ``CUTS_IN_A_ROW`` that were
   cut short runs to its end. Only to painting, which shows pictures of its own, it still gives
   way.
3. Exports are done in order and never dropped; while previews keep coming they alternate. A
   preview that was cut short did not have its turn.
4. Tiles wait for everything else. When something better comes, the tile under way is
   interrupted and put back.
5. A photo to be segmented comes right after a model: somebody waits for it and nothing else.
   One at a time: a newer one drops the one before, also while that is under way. It has a
   network of its own, so another model to load leaves it alone.
"""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from dataclasses import dataclass, field

from app.workers.messages import ModelSource, Purpose, RenderRequest, Request

CUTS_IN_A_ROW = 1
"""Settled previews that are cut short, one after the other, before one runs to its end. With
1, a hand that goes on changing things sees a picture at least every two renders."""


@dataclass(eq=False)
class Job:
    """Something to do: a request to render or to segment, or else a model to load.

    ``cancel`` asks whoever runs it to stop; ``dropped`` says that nobody wants its outcome.
    """

    serial: int
    model: ModelSource
    request: Request | None = None
    cancel: threading.Event = field(default_factory=threading.Event)
    dropped: bool = False

    @property
    def purpose(self) -> Purpose | None:
        """What it is for; None for a model to load."""
        return None if self.request is None else self.request.purpose

    def drop(self) -> None:
        """Nobody wants the outcome any more."""
        self.dropped = True
        self.cancel.set()


@dataclass(frozen=True)
class Revive:
    """The renderer died while idle: start it again."""


class JobBoard:
    """Thread-safe: one thread takes jobs, any thread posts and cancels them."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._serial = 0
        self._closed = False
        self._dead = False
        self._load: Job | None = None
        self._preview: Job | None = None
        self._exports: deque[Job] = deque()
        self._tiles: OrderedDict[str, Job] = OrderedDict()
        self._photo: Job | None = None
        self._current: Job | None = None
        self._export_next = False
        self._cuts = 0  # previews cut short since one ended by itself

    def post_load(self, source: ModelSource) -> None:
        """Load ``source`` as soon as possible; see rule 1."""
        with self._changed:
            self._load = self._new(source, None)
            if self._preview is not None and self._preview.model != source:
                self._preview = None
            for key in [key for key, tile in self._tiles.items() if tile.model != source]:
                del self._tiles[key]
            job = self._current
            lasting = (Purpose.EXPORT, Purpose.SEGMENT)
            if job is not None and job.purpose not in lasting and job.model != source:
                job.drop()
            elif job is not None and job.purpose is Purpose.TILE:
                job.cancel.set()
            self._changed.notify_all()

    def post(self, request: Request) -> None:
        """Put a request where its purpose says."""
        with self._changed:
            job = self._new(request.model, request)
            if isinstance(request, RenderRequest) and request.purpose is Purpose.PREVIEW:
                self._preview = job
                self._cut_short(request.live)
            elif request.purpose is Purpose.EXPORT:
                self._exports.append(job)
            elif request.purpose is Purpose.SEGMENT:
                self._drop_photo()
                self._photo = job
            else:
                self._tiles[request.key] = job
            current = self._current
            if current is not None and current.purpose is Purpose.TILE:
                if request.purpose is not Purpose.TILE:
                    current.cancel.set()
                elif current.request is not None and current.request.key == request.key:
                    current.drop()
            self._changed.notify_all()

    def note_death(self) -> None:
        """The renderer died while idle: the next ``take`` returns Revive."""
        with self._changed:
            self._dead = True
            self._changed.notify_all()

    def cancel_tiles(self) -> None:
        """Forget all tiles, the one under way included."""
        with self._changed:
            self._tiles.clear()
            if self._current is not None and self._current.purpose is Purpose.TILE:
                self._current.drop()

    def cancel_export(self, key: str) -> bool:
        """Forget the exports with this key, waiting or under way; False if there is none."""
        with self._changed:
            jobs = [job for job in self._exports if job.request and job.request.key == key]
            for job in jobs:
                self._exports.remove(job)
            current = self._current
            if (
                current is not None
                and current.purpose is Purpose.EXPORT
                and current.request is not None
                and current.request.key == key
            ):
                current.drop()
                jobs.append(current)
            return bool(jobs)

    def cancel_photo(self) -> None:
        """Forget the photo that waits or is being segmented."""
        with self._changed:
            self._drop_photo()

    def close(self) -> None:
        """Drop everything; ``take`` returns None from now on."""
        with self._changed:
            self._closed = True
            self._load = self._preview = self._photo = None
            self._exports.clear()
            self._tiles.clear()
            if self._current is not None:
                self._current.drop()
            self._changed.notify_all()

    @property
    def closed(self) -> bool:
        """True once ``close`` was called."""
        return self._closed

    @property
    def busy(self) -> bool:
        """Something other than a tile waits or is under way."""
        with self._changed:
            current = self._current is not None and self._current.purpose is not Purpose.TILE
            return current or bool(self._load or self._photo or self._preview or self._exports)

    @property
    def exports(self) -> int:
        """Exports that wait or are under way."""
        with self._changed:
            under_way = self._current is not None and self._current.purpose is Purpose.EXPORT
            return len(self._exports) + int(under_way)

    def take(self) -> Job | Revive | None:
        """Wait for the next thing to do; None after ``close``. A job must be ``done``."""
        with self._changed:
            self._changed.wait_for(self._ready)
            if self._closed:
                return None
            if self._dead:
                self._dead = False
                return Revive()
            self._current = self._next()
            return self._current

    def done(self, job: Job, *, finished: bool) -> None:
        """The job is over. An interrupted tile that is still wanted waits again, first."""
        with self._changed:
            self._current = None
            if job.purpose is Purpose.PREVIEW and finished:
                self._cuts = 0
            elif job.purpose is Purpose.PREVIEW:
                self._export_next = False
            if finished or job.dropped or job.purpose is not Purpose.TILE:
                return
            assert job.request is not None
            if job.request.key not in self._tiles:
                again = self._new(job.model, job.request)
                self._tiles[job.request.key] = again
                self._tiles.move_to_end(job.request.key, last=False)

    def _cut_short(self, live: bool) -> None:
        """A newer preview came, ``live`` or settled: rule 2. Should the one under way be done
        before it notices, its picture is still welcome."""
        job = self._current
        if job is None or not isinstance(job.request, RenderRequest) or job.cancel.is_set():
            return
        settled = job.purpose is Purpose.PREVIEW and not job.request.live
        if settled and self._cuts < CUTS_IN_A_ROW + live:
            self._cuts += 1
            job.cancel.set()

    def _drop_photo(self) -> None:
        self._photo = None
        if self._current is not None and self._current.purpose is Purpose.SEGMENT:
            self._current.drop()

    def _new(self, model: ModelSource, request: Request | None) -> Job:
        self._serial += 1
        return Job(self._serial, model, request)

    def _ready(self) -> bool:
        waiting = self._load or self._photo or self._preview or self._exports or self._tiles
        return bool(self._closed or self._dead or waiting)

    def _next(self) -> Job:
        if self._load is not None:
            job, self._load = self._load, None
            self._export_next = False
        elif self._photo is not None:
            job, self._photo = self._photo, None
        elif self._preview is not None and not (self._exports and self._export_next):
            job, self._preview = self._preview, None
            self._export_next = True
        elif self._exports:
            job = self._exports.popleft()
            self._export_next = False
        else:
            _, job = self._tiles.popitem(last=False)
        return job
