# SPDX-License-Identifier: Apache-2.0
"""CPU time by stage, taken from outside: the program's own calls are wrapped, its source stays as it is.

Time belongs to the innermost stage that is running, per thread; a generator's stage runs while it makes its
next value, not while that is used. A call that a table below names and the program no longer has is skipped
and told (``missing``): the figures then say so instead of being wrong.
"""

from __future__ import annotations

import functools
import importlib
import inspect
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Point:
    """A call of the program whose time is a stage's."""

    stage: str
    module: str
    name: str
    """Name in the module, or ``Class.method``."""


POINTS = (
    Point("index", "egresswatch.source.replay", "Replay.batches"),
    Point("front", "egresswatch.pipeline.front", "Front.feed"),
    Point("front", "egresswatch.pipeline.front", "Front.finish"),
    Point("decode", "egresswatch.pipeline.front", "decode"),
    Point("table", "egresswatch.flow.table", "FlowTable.run"),
    Point("table", "egresswatch.flow.table", "FlowTable.finish"),
    Point("interpret", "egresswatch.pipeline.interpret", "Interpreter.second"),
    Point("interpret", "egresswatch.pipeline.interpret", "Interpreter.finish"),
    Point("sniff", "egresswatch.sniff.engine", "Engine.feed"),
    Point("detect", "egresswatch.detect.alerts", "Detector.event"),
    Point("detect", "egresswatch.detect.alerts", "Detector.tick"),
    Point("detect", "egresswatch.detect.alerts", "Detector.finish"),
    Point("rows", "egresswatch.pipeline.rows", "Rows.flush"),
    Point("write", "egresswatch.sinks.parquet", "TableWriter.write"),
    Point("write", "egresswatch.sinks.parquet", "TableWriter.close"),
    Point("write", "egresswatch.sinks.jsonl", "AlertWriter.write"),
    Point("write", "egresswatch.pipeline.replay", "write_cameras"),
    Point("write", "egresswatch.pipeline.replay", "write_ledger"),
    Point("rules", "egresswatch.pipeline.replay", "load_tables"),
)
STAGES = {
    "index": "records found in the file: offsets, lengths, times",
    "decode": "Ethernet to TCP and UDP, canonical keys",
    "table": "flow table, duplicates, sequence gaps, what is handed up, records",
    "front": "seconds of packet time: notes and records sorted into them, payloads copied",
    "sniff": "parsers: DNS, TLS, QUIC, HTTP and the others",
    "interpret": "register, names, egress events",
    "detect": "cases and alerts",
    "rows": "flow rows judged, columns made",
    "write": "Parquet, JSON Lines, ledger",
    "rules": "the rule pack read and compiled",
    "rest": "all else",
}
REST = "rest"


class Clock:
    """Stage -> CPU seconds, over all threads that ran a wrapped call."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self.missing: list[str] = []
        self._own = threading.local()
        self._lock = threading.Lock()

    def install(self) -> None:
        """Wrap every point that exists."""
        for point in POINTS:
            try:
                holder: Any = importlib.import_module(point.module)
                *inner, last = point.name.split(".")
                for part in inner:
                    holder = getattr(holder, part)
                call = inspect.getattr_static(holder, last)
            except (ImportError, AttributeError):
                self.missing.append(f"{point.module}.{point.name}")
                continue
            setattr(holder, last, self._wrapped(point.stage, call))

    def _wrapped(self, stage: str, call: Callable[..., Any]) -> Callable[..., Any]:
        if inspect.isgeneratorfunction(call):

            @functools.wraps(call)
            def generator(*args: Any, **kwargs: Any) -> Iterator[Any]:
                inner = call(*args, **kwargs)
                while True:
                    self._enter(stage)
                    try:
                        value = next(inner)
                    except StopIteration:
                        return
                    finally:
                        self._leave()
                    yield value

            return generator

        @functools.wraps(call)
        def function(*args: Any, **kwargs: Any) -> Any:
            self._enter(stage)
            try:
                return call(*args, **kwargs)
            finally:
                self._leave()

        return function

    def _enter(self, stage: str) -> None:
        now = time.thread_time()
        stack = self._stack()
        if stack:
            self._charge(stack, now)
        stack.append([stage, now])

    def _leave(self) -> None:
        now = time.thread_time()
        stack = self._stack()
        self._charge(stack, now)
        stack.pop()
        if stack:
            stack[-1][1] = now

    def _charge(self, stack: list[list[Any]], now: float) -> None:
        stage, since = stack[-1]
        with self._lock:
            self.seconds[stage] += now - since

    def _stack(self) -> list[list[Any]]:
        if not hasattr(self._own, "stack"):
            self._own.stack = []
        stack: list[list[Any]] = self._own.stack
        return stack
