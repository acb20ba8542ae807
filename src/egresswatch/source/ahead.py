# SPDX-License-Identifier: Apache-2.0
"""The items of an iterator, made in a thread of its own before they are asked for.

At most ``depth`` items exist at a time: those that wait, the one that is being made and the one that the
reader holds, which counts until the next is asked for. Whatever the iterator raises is raised where the items
are read, in their order. ``close`` may be called at any time: the thread stops after the item at hand, the
iterator is closed in it, and the thread is waited for.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Generic, TypeVar

T = TypeVar("T")

GRACE = 5.0
"""Seconds to wait for a thread at the end: one that hangs in a call of the system cannot be ended."""

WAKE = 0.25
"""Seconds that a wait lasts at most before it begins anew: a signal (Ctrl-C) that comes when the interpreter
has just looked for one, and does not sleep yet, is noticed then."""


class _End:
    """Behind the last item: how the iterator ended."""

    def __init__(self, error: BaseException | None) -> None:
        self.error = error


class Ahead(Generic[T]):
    """An iterator over ``items`` that a thread runs."""

    def __init__(
        self, items: Iterable[T], depth: int, name: str = "ahead", stop: Callable[[], None] | None = None
    ) -> None:
        """``stop`` is called by ``close``, to wake a thread that waits for its own input."""
        self._items = items
        self._stop = stop
        self._closed = False
        self._holds = False
        self._room = threading.Semaphore(max(2, depth))
        self._made: queue.SimpleQueue[T | _End] = queue.SimpleQueue()
        self._ended: _End | None = None
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._thread.start()

    def __iter__(self) -> Iterator[T]:
        return self

    def __next__(self) -> T:
        if self._holds:
            self._holds = False
            self._room.release()
        if self._ended is None and not self._closed:
            item = self._take()
            if not isinstance(item, _End):
                self._holds = True
                return item
            self._ended = item
            if item.error is not None:
                raise item.error
        raise StopIteration

    def _take(self) -> T | _End:
        while True:
            try:
                return self._made.get(timeout=WAKE)
            except queue.Empty:
                continue

    def close(self) -> None:
        """End the thread. Items that were not read are lost."""
        self._closed = True
        if self._stop is not None:
            self._stop()
        self._room.release()
        self._thread.join(GRACE)

    def _work(self) -> None:
        end = _End(None)
        try:
            items = iter(self._items)
            try:
                while True:
                    self._room.acquire()
                    if self._closed:
                        break
                    try:
                        item = next(items)
                    except StopIteration:
                        break
                    self._made.put(item)
            finally:
                close = getattr(items, "close", None)
                if close is not None:
                    close()
        except BaseException as error:  # noqa: BLE001 -- raised again where the items are read
            end = _End(error)
        self._made.put(end)
