"""Doing things in threads a little ahead of when they are wanted, in their order."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from spade.processes import process

Item = TypeVar("Item")
Result = TypeVar("Result")


def cores() -> int:
    """How many processor cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def own_cores() -> int:
    """Those that are left for this process where several train together on the machine."""
    return max(1, cores() // process().local_count)


def in_order(
    function: Callable[[Item], Result], items: Iterable[Item], threads: int, name: str = "ahead"
) -> Generator[Result, None, None]:
    """``function`` of each item, in the order of ``items``, which may be endless.

    At most ``threads`` + 1 items are taken ahead of the result that is wanted. What the
    function raises is raised in its place. Closing the iterator waits for what is under way
    and drops the rest; use it with ``contextlib.closing``.
    """
    pending: deque[Future[Result]] = deque()
    with ThreadPoolExecutor(threads, thread_name_prefix=name) as pool:
        try:
            for item in items:
                pending.append(pool.submit(function, item))
                if len(pending) > threads + 1:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        finally:
            for future in pending:
                future.cancel()
