# SPDX-License-Identifier: Apache-2.0
"""open_replay as the pipeline sees it: order of files, numbers, progress, standard input, following."""

import bz2
import gzip
import hashlib
import io
import lzma
import os
import threading
from pathlib import Path

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from egresswatch.errors import UsageError
from egresswatch.source import open_replay
from egresswatch.source.words import READS

S = 10**9


def write(path, data):
    path.write_bytes(data)
    return str(path)


def payloads(rows):
    return [row[4] for row in rows]


def test_a_rotated_set_is_read_in_time_order(make, tmp_path):
    """Files go by the time of their first frame, whatever their names and the order given."""
    paths = [
        write(tmp_path / "cap.pcap", make.pcap([(30 * S, b"5", 1), (31 * S, b"6", 1)])),
        write(tmp_path / "cap.pcap1", make.pcap([(10 * S, b"1", 1), (11 * S, b"2", 1)])),
        write(tmp_path / "cap.pcap2", make.pcap([(20 * S, b"3", 1), (21 * S, b"4", 1)])),
    ]
    source = open_replay(paths, batch=3)
    assert payloads(make.rows_of(source)) == [b"1", b"2", b"3", b"4", b"5", b"6"]
    assert [file.frames for file in source.facts.files] == [2, 2, 2]
    assert len(source.facts.interfaces) == 1
    assert source.bytes_read == source.total_bytes == sum(Path(path).stat().st_size for path in paths)


def test_overlapping_files_are_merged_with_their_own_links(make, tmp_path):
    """Frames of files that overlap alternate by time; each keeps its link type and interface."""
    source = open_replay(
        [
            write(tmp_path / "a.pcap", make.pcap([(1 * S, b"a1", 2), (3 * S, b"a3", 2), (3 * S, b"a4", 2)])),
            write(tmp_path / "b.pcap", make.pcap([(2 * S, b"b2", 2), (3 * S, b"b3", 2)], network=101)),
        ]
    )
    assert [(row[4], row[3]) for row in make.rows_of(source)] == [
        (b"a1", 1), (b"b2", 101), (b"a3", 1), (b"a4", 1), (b"b3", 101),
    ]  # fmt: skip
    assert [(face.link, face.packets) for face in source.facts.interfaces] == [(1, 3), (101, 2)]


@given(
    st.lists(
        st.lists(st.tuples(st.integers(0, 40), st.binary(max_size=5)), max_size=20), min_size=1, max_size=4
    ),
    st.lists(st.integers(1, 40), min_size=2, max_size=2),
)
def test_batch_size_never_changes_the_frames(make, tmp_path_factory, inputs, sizes):
    """Any files cut into batches of any size are the same sequence of frames."""
    folder = tmp_path_factory.mktemp("any")
    paths = [
        write(folder / f"{i}.pcap", make.pcap([(t * S, payload, 9) for t, payload in frames]))
        for i, frames in enumerate(inputs)
    ]
    first, second = (make.rows_of(open_replay(paths, batch=size)) for size in sizes)
    assert first == second
    assert len(first) == sum(map(len, inputs))


PACKED = {"gz": gzip.compress, "bz2": bz2.compress, "xz": lzma.compress,
          "zst": lambda data: zstandard.ZstdCompressor().compress(data)}  # fmt: skip


@pytest.mark.parametrize("kind", PACKED)
@pytest.mark.parametrize("inside", ["pcap", "snoop", "pcapng"])
def test_packed_captures_are_told_by_magic(make, tmp_path, kind, inside):
    """Any format in any packing, under any name, also through standard input."""
    data = {
        "pcap": make.pcap([(S, b"x", 1)] * 3),
        "snoop": make.snoop([(S, b"x", 1)] * 3),
        "pcapng": make.section() + make.interface() + make.enhanced(0, S // 1000, b"x") * 3,
    }[inside]
    packed = PACKED[kind](data)
    source = open_replay([write(tmp_path / "capture.bin", packed)], digest=True)
    assert make.rows_of(source) == [(S, 1, 1, 1, b"x")] * 3
    file = source.facts.files[0]
    assert file.format.startswith(inside)
    assert file.format.endswith(f", {kind}")
    assert file.sha256 == hashlib.sha256(packed).hexdigest()
    assert source.bytes_read == source.total_bytes == len(packed)
    assert make.read(packed)[0] == [(S, 1, 1, 1, b"x")] * 3


def test_a_cut_packed_capture_is_read_as_far_as_it_goes(make):
    """The end of the packed data is damage; all frames that can be unpacked are there."""
    body = b"".join(hashlib.sha256(i.to_bytes(4, "big")).digest() for i in range(20_000))
    frames = [(i * 1000, body[i * 640 : i * 640 + 640], 640) for i in range(1000)]
    packed = gzip.compress(make.pcap(frames))
    rows, facts = make.read(packed[: len(packed) // 2])
    assert 480 < len(rows) < 520
    assert payloads(rows) == [frame[1] for frame in frames[: len(rows)]]
    assert facts.files[0].damage.startswith("the gz data ends early, at byte ")
    assert facts.errors == []


def test_one_bad_input_does_not_stop_the_others(make, tmp_path):
    """Each input that cannot be read is one line; the others are read whole."""
    paths = [
        write(tmp_path / "text.pcap", b"hello, world"),
        str(tmp_path / "missing.pcap"),
        write(tmp_path / "good.pcap", make.pcap([(S, b"x", 1)])),
        write(tmp_path / "empty.pcap", b""),
    ]
    source = open_replay(paths)
    assert payloads(make.rows_of(source)) == [b"x"]
    said = [line.removeprefix(str(tmp_path) + "/") for line in source.facts.errors]
    assert said == [
        "missing.pcap: cannot be read: No such file or directory. Nothing was read from it.",
        f"text.pcap: is no capture (begins with 68 65 6c 6c 6f 2c 20 77); {READS}. Nothing was read from it.",
        "empty.pcap: is empty (0 bytes). Nothing was read from it.",
    ]


def test_digest_of_every_input(make, tmp_path):
    """sha256 of each file, of damaged ones too, only when asked for."""
    whole = make.pcap([(S, b"x", 1)]) + b"\xff" * 50_000
    path = write(tmp_path / "a.pcap", whole)
    for digest, expected in ((True, hashlib.sha256(whole).hexdigest()), (False, None)):
        source = open_replay([path], digest=digest)
        assert len(make.rows_of(source)) == 1
        assert source.facts.files[0].sha256 == expected


def test_standard_input_has_no_known_size(make):
    """A pipe's size is unknown until it is read; then it is told."""
    data = make.pcap([(S, b"x", 1)])
    source = open_replay(["-"], stdin=io.BytesIO(data))
    assert source.total_bytes is None
    assert payloads(make.rows_of(source)) == [b"x"]
    assert (source.facts.files[0].path, source.facts.files[0].size) == ("-", len(data))


@pytest.mark.parametrize("keep", [1, 4])
@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_a_named_pipe_is_read_like_a_file(make, tmp_path, pack, keep):
    """Given by its path, which takes no advice on how it will be read."""
    path = tmp_path / "pipe.pcap"
    os.mkfifo(path)
    data = pack(make.pcap([(S, b"x", 1), (2 * S, b"y", 1)]))
    thread = threading.Thread(target=path.write_bytes, args=(data,))
    thread.start()
    source = open_replay([str(path)], keep=keep)
    assert payloads(make.rows_of(source)) == [b"x", b"y"]
    thread.join()
    source.close()
    assert source.facts.errors == []


def test_frames_of_a_pipe_come_before_it_ends(make):
    """A writer that pauses does not hold back the frames it has written."""
    reader, writer = os.pipe()
    with os.fdopen(reader, "rb") as pipe:
        batches = open_replay(["-"], stdin=pipe).batches()
        os.write(writer, make.pcap([(S, b"early", 5)]))
        assert len(next(batches)) == 1
        os.write(writer, make.pcap([(S, b"later", 5)])[24:])
        os.close(writer)
        assert sum(len(batch) for batch in batches) == 1


def test_a_file_still_being_written_is_followed(make, tmp_path):
    """--follow gives frames as they appear, also halves of records, until it is stopped."""
    data = make.pcap([(i * S, bytes([i]) * 20, 20) for i in range(4)])
    path = tmp_path / "live.pcap"
    path.write_bytes(b"")
    source = open_replay([str(path)], follow=True)
    assert source.total_bytes is None
    seen = []
    with path.open("ab", buffering=0) as writer:
        def write_on():
            for begin, end in ((0, 10), (10, 70), (70, 130), (130, len(data))):
                writer.write(data[begin:end])
                threading.Event().wait(0.03)
            source.stop()

        thread = threading.Thread(target=write_on)
        thread.start()
        for batch in source.batches():
            seen += batch.ts.tolist()
        thread.join()
    assert seen == [0, S, 2 * S, 3 * S]
    assert source.facts.files[0].damage == ""
    assert source.facts.files[0].size == len(data)


def test_stop_ends_a_replay_after_the_batch_at_hand(make, tmp_path):
    """stop() and close() may be called at any time, twice as well."""
    path = write(tmp_path / "a.pcap", make.pcap([(S, b"x", 1)] * 100))
    source = open_replay([path], batch=10)
    batches = source.batches()
    next(batches)
    source.stop()
    assert list(batches) == []
    source.close()
    source.close()
    assert source.bytes_read > 0


@pytest.mark.parametrize(
    "paths, follow, words",
    [
        ([], False, "no capture was given"),
        (["-", "a.pcap"], False, "read alone"),
        (["x", "y"], True, "exactly one"),
    ],
)
def test_wrong_usage_is_refused(make, tmp_path, paths, follow, words):
    """Nothing to read, standard input among files, and following two files are errors of usage."""
    given = [write(tmp_path / name, make.pcap([])) if name in "xy" else name for name in paths]
    with pytest.raises(UsageError, match=words):
        open_replay(given, follow=follow)


def test_many_open_inputs_share_the_room(make, tmp_path):
    """Fifty files that all overlap are merged in one pass."""
    for n in range(50):
        frames = [((n + 50 * i) * S, bytes([n]), 1) for i in range(20)]
        write(tmp_path / f"{n:02}.pcap", make.pcap(frames))
    rows = make.rows_of(open_replay([str(tmp_path)], batch=100))
    assert [row[0] for row in rows] == [i * S for i in range(1000)]
