# SPDX-License-Identifier: Apache-2.0
"""Bytes from files, pipes, growing files and packed files; early ends and errors of the system."""

import bz2
import gzip
import hashlib
import io
import lzma
import os
import threading
import zlib

import pytest
import zstandard

from egresswatch.source.streams import Plain, Tap, Unpacked
from egresswatch.source.unpack import PackedError, Unpacker, packed_kind

CONTENT = bytes(range(256)) * 4000
PACKERS = {
    "gz": gzip.compress,
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "zst": lambda data: zstandard.ZstdCompressor().compress(data),
}


def everything(unpacker, step=1000):
    """All that an unpacker gives, in pieces, and the error it ends with."""
    out, view = b"", memoryview(bytearray(step))
    try:
        while got := unpacker.readinto(view):
            out += view[:got]
    except PackedError as error:
        return out, str(error)
    return out, ""


@pytest.mark.parametrize("kind", PACKERS)
class TestEachPacking:
    def test_known_by_its_first_bytes(self, kind):
        """The packing is told by magic, not by name."""
        assert packed_kind(PACKERS[kind](b"x")) == kind

    @pytest.mark.parametrize("step", [997, 65536, 1 << 21])
    def test_content_comes_back(self, kind, step):
        """Whatever room the reader has, it gets the content."""
        assert everything(Unpacker(kind, io.BytesIO(PACKERS[kind](CONTENT))), step) == (CONTENT, "")

    def test_members_follow_each_other(self, kind):
        """Concatenated members are one content, with zero padding between them."""
        packed = PACKERS[kind](b"one") + bytes(8) + PACKERS[kind](b"") + PACKERS[kind](b"two")
        assert everything(Unpacker(kind, io.BytesIO(packed)))[0] == b"onetwo"

    def test_a_cut_file_gives_what_is_there(self, kind):
        """An early end is told, and nothing that can be unpacked before it is lost."""
        noise = b"".join(hashlib.sha256(bytes([i, j])).digest() for i in range(100) for j in range(100))
        packed = PACKERS[kind](noise)
        out, error = everything(Unpacker(kind, io.BytesIO(packed[:-20])))
        assert noise.startswith(out)
        assert len(out) >= (0 if kind == "bz2" else 100_000)
        assert error == f"the {kind} data ends early"

    def test_damage_is_an_error_of_ours(self, kind):
        """Flipped bytes end the content with a line, never with the library's exception."""
        packed = bytearray(PACKERS[kind](CONTENT * 3))
        packed[len(packed) // 2 :: 3] = bytes(len(packed[len(packed) // 2 :: 3]))
        out, error = everything(Unpacker(kind, io.BytesIO(bytes(packed))))
        assert error.startswith(f"the {kind} data")
        assert len(out) < len(CONTENT) * 3 or kind == "gz"

    def test_trailing_garbage_is_told(self, kind):
        """Bytes behind the last member that are none: the content is whole, the rest is told."""
        out, error = everything(Unpacker(kind, io.BytesIO(PACKERS[kind](CONTENT) + b"garbage!")))
        assert out == CONTENT
        assert error.startswith(f"the {kind} data")


def test_a_greedy_window_is_refused():
    """A zstd frame that wants a 2 GiB window, or an xz one with such a dictionary, gets a line."""
    parameters = zstandard.ZstdCompressionParameters(window_log=31, enable_ldm=True)
    packed = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    data = packed.compress(CONTENT) + packed.flush()
    assert everything(Unpacker("zst", io.BytesIO(data)))[1].startswith("the zst data cannot be unpacked")
    # block header with LZMA2 dictionary size byte 40 (4 GiB - 1): xz specification §3.1, §5.3.1
    body = b"\x02\x00\x21\x01\x28\x00\x00\x00"
    packed = lzma.compress(b"x")[:12] + body + zlib.crc32(body).to_bytes(4, "little") + bytes(20)
    assert everything(Unpacker("xz", io.BytesIO(packed)))[1].startswith("the xz data cannot be unpacked")


def test_unpacked_stream_keeps_why_it_failed():
    """fill gives what is there, then 0, and failed says why."""
    packed = gzip.compress(CONTENT)
    stream = Unpacked(Tap(io.BytesIO(packed[: len(packed) // 2]), digest=False), "gz")
    view = memoryview(bytearray(2 * len(CONTENT)))
    assert 0 < stream.fill(view) < len(CONTENT)
    assert stream.fill(view) == 0
    assert stream.failed == "the gz data ends early"


def test_digest_covers_the_whole_input():
    """The digest is of all bytes of the input, also of those nobody asked for."""
    tap = Tap(io.BytesIO(CONTENT), digest=True)
    tap.readinto(bytearray(10))
    tap.push_back(b"0123456789")
    tap.readinto(bytearray(5))
    assert tap.sha256() == hashlib.sha256(CONTENT).hexdigest()
    assert tap.count == len(CONTENT)


def test_a_pipe_gives_what_is_there_without_waiting():
    """A half-filled buffer is handed on when the writer pauses."""
    reader, writer = os.pipe()
    with os.fdopen(reader, "rb") as pipe:
        os.write(writer, b"first")
        stream = Plain(Tap(pipe, digest=False))
        view = memoryview(bytearray(100))
        assert stream.fill(view) == 5
        os.write(writer, b"second")
        os.close(writer)
        assert stream.fill(view) == 6
        assert stream.fill(view) == 0


def test_an_error_of_the_system_ends_the_input():
    """A disk that fails in the middle is told in words, not by an exception."""

    class Broken(io.RawIOBase):
        def readinto(self, view):
            raise OSError(5, "Input/output error")

    tap = Tap(Broken(), digest=True)
    assert tap.readinto(bytearray(10)) == 0
    assert tap.failed == "Input/output error"
    assert tap.sha256() is None


@pytest.mark.parametrize("ending", ["stop", "replaced", "deleted", "truncated"])
def test_a_growing_file_is_waited_for(tmp_path, ending):
    """Bytes are given as the writer adds them, until it is stopped or the file is another one."""
    path = tmp_path / "growing"
    path.write_bytes(b"one")
    stopped = threading.Event()
    with path.open("rb") as file, path.open("ab", buffering=0) as writer:
        tap = Tap(file, digest=False, follow=stopped, path=str(path))
        view = bytearray(10)
        assert tap.readinto(view) == 3
        assert not tap.ready()
        timer = threading.Timer(0.05, writer.write, [b"more"])
        timer.start()
        assert tap.readinto(view) == 4
        timer.join()
        if ending == "stop":
            stopped.set()
        elif ending == "replaced":
            (tmp_path / "new").write_bytes(b"another file")
            (tmp_path / "new").rename(path)
        elif ending == "deleted":
            path.unlink()
        else:
            os.truncate(path, 2)
        assert tap.readinto(view) == 0
