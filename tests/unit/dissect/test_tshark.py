# SPDX-License-Identifier: Apache-2.0
"""Running tshark: missing, old, broken or early ended, each is one clear line."""

import io
import stat

import pytest

from egresswatch.demo.frames import End, pcap, udp_frame
from egresswatch.dissect import tshark
from egresswatch.errors import EgresswatchError

FRAME = udp_frame(
    End("02:00:00:00:00:01", "10.0.0.1", 5000), End("02:00:00:00:00:02", "10.0.0.2", 6000), b"x"
)


@pytest.fixture
def pretend(tmp_path, monkeypatch):
    """A program called tshark that prints what the test wants."""

    def install(script):
        program = tmp_path / "tshark"
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
        monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
        return program

    return install


@pytest.fixture
def capture(tmp_path):
    """Three UDP frames."""
    path = tmp_path / "three.pcap"
    path.write_bytes(pcap([(1_500_000_000 + n, FRAME) for n in range(3)], nano=True))
    return path


def test_a_missing_tshark_is_one_clear_line(monkeypatch, tmp_path):
    """With what to do."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(EgresswatchError) as error:
        tshark.find()
    assert str(error.value) == "dissect needs tshark, which is not installed. On Debian: apt install tshark"


def test_an_old_tshark_is_one_clear_line(pretend):
    """With both versions."""
    program = pretend('echo "TShark (Wireshark) 3.6.2 (Git v3.6.2)"')
    with pytest.raises(EgresswatchError) as error:
        tshark.find()
    assert str(error.value) == f"dissect needs tshark 4.0 or newer; {program} is 3.6.2. Update it"


def test_a_program_that_is_no_tshark_is_told(pretend):
    """It does not tell a version."""
    pretend("echo hello")
    with pytest.raises(EgresswatchError, match="does not tell its version"):
        tshark.find()


def test_a_failing_tshark_gives_its_reason(pretend, capture):
    """Its own words, in one line, without the remark on root."""
    pretend('[ "$1" = --version ] && echo "TShark 4.2.0" && exit\n'
            'echo "Running as user root" >&2; echo "tshark: it is cut short" >&2; exit 2')  # fmt: skip
    with pytest.raises(EgresswatchError) as error:
        tshark.find().rows(capture, "ip")
    assert str(error.value) == "tshark ended with status 2: tshark: it is cut short"


def test_rows_have_time_ends_and_summary(capture):
    """From the installed tshark, whatever profile the user has."""
    rows = tshark.find().rows(capture, "udp.port == 6000")
    assert [row.ts for row in rows] == [1_500_000_000, 1_500_000_001, 1_500_000_002]
    assert (rows[0].number, rows[0].source, rows[0].port, rows[0].protocol) == (1, "10.0.0.1", 5000, "UDP")


def test_the_display_filter_is_obeyed(capture):
    """No row of another flow."""
    assert tshark.find().rows(capture, "udp.port == 7") == []


def test_packets_are_pyshark_packets_and_stop_at_the_limit(capture):
    """tshark is ended when there are enough."""
    packets = tshark.find().packets(capture, "ip", 2)
    assert [packet.number for packet in packets] == ["1", "2"]
    assert packets[0].udp.dstport == "6000"


def test_packet_elements_are_found_across_chunks(monkeypatch):
    """The document comes in pieces of any size."""
    document = b"<?xml?><pdml><packet>a</packet>\n<packet>bb</packet></pdml>"
    for size in range(1, 20):
        monkeypatch.setattr(tshark, "_CHUNK", size)
        assert list(tshark._elements(io.BytesIO(document))) == [b"<packet>a</packet>", b"<packet>bb</packet>"]


def test_a_packet_of_absurd_size_is_left_out(monkeypatch):
    """Memory stays bounded; the packets around it are given."""
    monkeypatch.setattr(tshark, "_MAX_PACKET_XML", 100)
    monkeypatch.setattr(tshark, "_CHUNK", 16)
    document = b"<packet>a</packet><packet>" + b"x" * 1000 + b"</packet><packet>c</packet>"
    assert list(tshark._elements(io.BytesIO(document))) == [b"<packet>a</packet>", b"<packet>c</packet>"]


@pytest.mark.parametrize(
    "line", [b"", b"1\t2\n", b"x\t1.0\ta\t1\tp\t1\ti\n", b"1\tx\ta\t1\tp\t1\ti\n", b"\xff\t\t\t\t\t\t\n"]
)
def test_a_line_that_is_no_row_is_skipped(line):
    """A remark of tshark between the rows does no harm."""
    assert tshark._row(line) is None
