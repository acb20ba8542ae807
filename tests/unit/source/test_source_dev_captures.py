# SPDX-License-Identifier: Apache-2.0
"""Real captures: every frame, time and length as tshark reads them."""

import io
import json
import shutil
import subprocess
from decimal import Decimal

import pytest

from egresswatch.source import open_replay

NO_TSHARK = {
    "libpcap__brcm-tag-stp.pcap": 4,
    "tcpdump__brcm-tag-prepend.pcap": 15,
    "tcpdump__dsa-high-vid.pcap": 4,
    "tcpdump__frf16_magic_ie-oobr.pcap": 1,
    "libpcap__linktype-reserved-field-not-zero.pcap": 0,
}
"""Link types that tshark 4.0 refuses: frames that stand in the file, counted by hand."""


def tshark(path):
    """(time, wire length, captured length) of each frame, as tshark sees them."""
    fields = ["-T", "fields", "-e", "frame.time_epoch", "-e", "frame.len", "-e", "frame.cap_len"]
    done = subprocess.run(["tshark", "-r", path, *fields], capture_output=True, text=True, check=False)
    for line in done.stdout.splitlines():
        time, length, captured = line.split("\t")
        seconds, _, fraction = time.partition(".")
        # tshark prints a fraction of more than a second as it is: 1.1011041000
        yield int(seconds) * 10**9 + int(Decimal(fraction.ljust(9, "0"))), int(length), int(captured)


@pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed")
@pytest.mark.slow
def test_every_capture_equals_tshark(captures):
    """Frame for frame: nanosecond times, captured and wire lengths of every capture there is."""
    differing, compared = [], 0
    for path in sorted((captures / "dev").iterdir()):
        source = open_replay([str(path)])
        mine = []
        for batch in source.batches():
            mine += zip(batch.ts.tolist(), batch.wire.tolist(), batch.cap.tolist(), strict=True)
        assert source.facts.errors == []
        if path.name in NO_TSHARK:
            assert len(mine) == NO_TSHARK[path.name]
            continue
        compared += 1
        if mine != list(tshark(path)):
            differing.append(path.name)
    assert differing == []
    assert compared > 150


def test_frame_counts_equal_the_oracle(captures):
    """As many frames as the answers made by tshark 4.4 say, where it reads the link type."""
    for path in sorted((captures / "dev").iterdir()):
        summary = json.loads((captures / "oracle" / f"{path.name}.json").read_text())["summary"]
        source = open_replay([str(path)], batch=1000)
        frames = sum(len(batch) for batch in source.batches())
        assert frames == NO_TSHARK.get(path.name, summary["packets"]), path.name
        cut = "cut short" in " ".join(summary["tshark_stderr"])
        assert bool(source.facts.files[0].damage) == cut, path.name


def test_damage_anywhere_in_real_captures_is_survived(captures):
    """Every small capture, cut at and overwritten from each of many places, is read up to there."""
    for path in sorted((captures / "dev").iterdir()):
        data = path.read_bytes()
        if not 24 < len(data) < 40_000 or path.suffix == ".gz":
            continue
        whole = sum(len(batch) for batch in open_replay([str(path)]).batches())
        for at in range(24, len(data), max(1, len(data) // 12)):
            for broken in (data[:at], data[:at] + b"\xff" * (len(data) - at), data[:at] + bytes(40)):
                source = open_replay(["-"], stdin=io.BytesIO(broken))
                frames = sum(len(batch) for batch in source.batches())
                assert frames <= whole + 3
                facts = source.facts.files[0]
                assert facts.size == len(broken)
                assert 0 <= facts.damaged_tail_bytes <= len(broken)
                assert bool(facts.damage) == bool(facts.damaged_tail_bytes) or source.facts.errors
