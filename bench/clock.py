# SPDX-License-Identifier: Apache-2.0
"""CPU time by stage, taken from outside: the program's own calls are wrapped, its source stays as it is.

Time belongs to the innermost stage that is running, per thread; a generator's stage runs while it makes its
next value, not while that is used. A call that ``POINTS`` names and the program does not have is an error:
its time would be told as another stage's. tests/bench also sees to it that a replay makes every call.
"""

from __future__ import annotations

import functools
import importlib
import inspect
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any


class ClockError(Exception):
    """The program has no call of a name that stages are told apart by."""


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
    Point("register", "egresswatch.pipeline.interpret", "observe"),
    Point("register", "egresswatch.enrich.register", "Register.rows"),
    Point("sniff", "egresswatch.sniff.engine", "Engine.feed"),
    Point("detect", "egresswatch.detect.alerts", "Detector.event"),
    Point("detect", "egresswatch.detect.alerts", "Detector.tick"),
    Point("detect", "egresswatch.detect.alerts", "Detector.finish"),
    Point("rows", "egresswatch.pipeline.rows", "Rows.flush"),
    Point("write", "egresswatch.sinks.parquet", "TableWriter.write"),
    Point("write", "egresswatch.sinks.parquet", "TableWriter.close"),
    Point("write", "egresswatch.sinks.parquet", "pq.ParquetWriter.write_table"),
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
    "interpret": "messages, names, egress events",
    "register": "hosts that were seen and what they are, the register's lines",
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
        self.calls: Counter[str] = Counter()
        """Wrapped name -> how often it was called, or asked for a next value."""
        self._own = threading.local()
        self._lock = threading.Lock()

    def install(self) -> None:
        """Wrap every point; none is wrapped when one is not there."""
        found = [(point, *_found(point)) for point in POINTS]
        for point, holder, last in found:
            call = inspect.getattr_static(holder, last)
            setattr(holder, last, self._wrapped(point.stage, call, point.name))

    def own_cost(self) -> float:
        """CPU seconds that the wrapping took by itself, about."""
        sample, asked = Clock(), 5000
        wrapped = sample._wrapped("", lambda: None)
        began = time.thread_time()
        for _ in range(asked):
            wrapped()
        return (time.thread_time() - began) / asked * self.calls.total()

    def _wrapped(self, stage: str, call: Callable[..., Any], name: str = "") -> Callable[..., Any]:
        if inspect.isgeneratorfunction(call):

            @functools.wraps(call)
            def generator(*args: Any, **kwargs: Any) -> Iterator[Any]:
                inner = call(*args, **kwargs)
                while True:
                    self._enter(stage, name)
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
            self._enter(stage, name)
            try:
                return call(*args, **kwargs)
            finally:
                self._leave()

        return function

    def _enter(self, stage: str, name: str) -> None:
        now = time.thread_time()
        self.calls[name] += 1
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


def _found(point: Point) -> tuple[Any, str]:
    """What holds the call, and its name there."""
    try:
        holder: Any = importlib.import_module(point.module)
        *inner, last = point.name.split(".")
        for part in inner:
            holder = getattr(holder, part)
        inspect.getattr_static(holder, last)
    except (ImportError, AttributeError):
        raise ClockError(
            f"the program has no {point.module}.{point.name}, whose time is the stage {point.stage!r}: "
            "name the call that took its place in POINTS of bench/clock.py"
        ) from None
    return holder, last
