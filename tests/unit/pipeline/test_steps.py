# SPDX-License-Identifier: Apache-2.0
"""Threads before the interpreter: the same files, errors where they belong, and nothing left running."""

import os
import signal
import sys
import threading
import time
from itertools import pairwise

import pytest

from egresswatch.config import load
from egresswatch.demo import acts
from egresswatch.demo import scenario as s
from egresswatch.demo.frames import pcap
from egresswatch.pipeline import steps
from egresswatch.pipeline.front import Front
from egresswatch.pipeline.interpret import Interpreter
from egresswatch.pipeline.replay import networks, run
from egresswatch.result import ReplayOptions, StopSwitch
from egresswatch.rules.site import load_site
from egresswatch.sniff.probes import BUILTIN
from egresswatch.source import open_replay
from egresswatch.source.reader import FileReader


def session(day=s.DAY):
    frames = acts.cloud_session(day, day + 3 * s.MINUTE, s.CLOUD, s.HIK_CLOUD, s.HIK_CLOUD_NAME, 45113)
    return pcap(sorted(frames, key=lambda frame: frame.ts))


@pytest.fixture
def capture(tmp_path):
    path = tmp_path / "capture.pcap"
    path.write_bytes(session())
    return path


@pytest.fixture(autouse=True)
def threads():
    """No test leaves a thread or a changed interpreter behind."""
    before, switch = set(threading.enumerate()), sys.getswitchinterval()
    yield
    assert set(threading.enumerate()) <= before
    assert sys.getswitchinterval() == switch


def replay(path, out, *settings, progress=None, **options):
    return run(ReplayOptions((str(path),), load(None, settings), out=out, **options), progress)


def files(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("workers", [2, 3, 5])
@pytest.mark.parametrize("batch", [1, 6, 16384])
def test_the_files_are_those_of_one_worker(capture, tmp_path, workers, batch):
    """Byte for byte, whatever the batches."""
    replay(capture, tmp_path / "one")
    replay(capture, tmp_path / "more", f"replay.workers={workers}", f"replay.batch={batch}")
    assert files(tmp_path / "more") == files(tmp_path / "one")


def test_progress_is_told_by_the_callers_thread(capture, tmp_path):
    """Bytes and frames never fall and end at the whole."""
    told = []

    def progress(size, frames):
        assert threading.current_thread() is threading.main_thread()
        told.append((size, frames))

    result = replay(capture, None, "replay.workers=2", "replay.batch=5", progress=progress)
    assert told == sorted(told)
    assert told[-1] == (capture.stat().st_size, result.packets)


@pytest.mark.parametrize("batch", [3, 5])
def test_a_reader_that_breaks_midway_breaks_the_run(capture, tmp_path, monkeypatch, batch):
    """In its thread; the caller gets the error, the files are gone, the capture is closed."""
    usual, closed = FileReader.chunk, []

    def chunk(self, limit, max_bytes):
        if self.facts.frames >= 12:
            raise RuntimeError("the reader broke")
        return usual(self, limit, max_bytes)

    monkeypatch.setattr(FileReader, "chunk", chunk)
    monkeypatch.setattr(FileReader, "close", lambda self, usual=FileReader.close: closed.append(usual(self)))
    with pytest.raises(RuntimeError, match="the reader broke"):
        replay(capture, tmp_path / "out", "replay.workers=2", f"replay.batch={batch}")
    assert not list((tmp_path / "out").glob("*"))
    assert closed


def test_a_flow_table_that_breaks_breaks_the_run(capture, tmp_path, monkeypatch):
    """The thread in the middle is no other."""

    def feed(self, batch):
        raise MemoryError("no room")

    monkeypatch.setattr(Front, "feed", feed)
    with pytest.raises(MemoryError, match="no room"):
        replay(capture, tmp_path / "out", "replay.workers=2")


def test_an_interpreter_that_breaks_ends_the_threads(capture, tmp_path, monkeypatch):
    """While they still have work."""

    def second(self, second, *, last=False):
        raise ValueError("the interpreter broke")

    monkeypatch.setattr(Interpreter, "second", second)
    with pytest.raises(ValueError, match="the interpreter broke"):
        replay(capture, tmp_path / "out", "replay.workers=3", "replay.batch=1")


def test_a_pressed_switch_ends_a_followed_capture(tmp_path):
    """What has been read is judged and written."""
    path, stop = tmp_path / "growing.pcap", StopSwitch()
    path.write_bytes(session())
    threading.Timer(0.5, stop.press).start()
    result = replay(path, tmp_path / "out", "replay.workers=2", follow=True, stop=stop)
    assert result.packets == result.ledger["frames_read"] > 20
    assert result.balanced is True


@pytest.mark.parametrize("workers", [1, 2])
def test_ctrl_c_ends_a_run_that_waits_for_a_pipe(tmp_path, monkeypatch, workers):
    """At once, although the reading thread waits for the writer."""
    reader, writer = os.pipe()
    with os.fdopen(reader, "rb") as pipe, os.fdopen(writer, "wb", buffering=0) as end:
        end.write(session()[:3000])
        monkeypatch.setattr(sys, "stdin", type("Stdin", (), {"buffer": pipe}))
        timer = threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT))
        timer.start()
        begun = time.perf_counter()
        with pytest.raises(KeyboardInterrupt):
            replay("-", tmp_path / "out", f"replay.workers={workers}")
        assert time.perf_counter() - begun < 4
        timer.join()
    assert not list((tmp_path / "out").glob("*")), "also when it came before the folder was made"


def test_the_interpreter_lock_is_asked_for_often(capture, monkeypatch):
    """While threads run, and only then."""
    seen, usual = [], Interpreter.second

    def second(self, second, *, last=False):
        seen.append(sys.getswitchinterval())
        usual(self, second, last=last)

    monkeypatch.setattr(Interpreter, "second", second)
    replay(capture, None, "replay.workers=2")
    assert seen
    assert all(one == pytest.approx(steps.SWITCH) for one in seen)


def test_the_table_works_ahead_while_a_second_is_interpreted(capture, monkeypatch):
    """Batches that complete no second are no steps of their own, until they are many."""
    monkeypatch.setattr(steps, "QUIET", 4)
    settings = load(None, ["replay.batch=1"])
    front = Front(settings, BUILTIN, networks(load_site(None)), between=False)
    batches = iter(open_replay([str(capture)], batch=1).batches())
    quiet = list(steps._steps(open_replay([str(capture)]), batches, front, steps.QUIET))
    empty = [step for step in quiet if not step.seconds]
    assert len(quiet) < front.frames / 2
    assert empty
    numbers = [0, *(step.frames for step in quiet)]
    assert max(after - before for before, after in pairwise(numbers)) <= 4
    assert quiet[-1].last
