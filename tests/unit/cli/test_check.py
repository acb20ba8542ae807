# SPDX-License-Identifier: Apache-2.0
"""``egresswatch check``: a line for everything that is in order, a line for everything that is not."""

import io

import dpkt
import pytest

from egresswatch import jit
from egresswatch.cli.check import warm_captures
from egresswatch.config import Settings
from egresswatch.pipeline import replay
from egresswatch.result import ReplayOptions


def test_the_defaults_are_in_order(command):
    """The pack that ships is valid."""
    status, out, err = command("check")
    assert (status, err) == (0, "")
    assert [line.split(":")[0] for line in out.splitlines()] == [
        "settings",
        "rules",
        "site",
        "inventory",
        "geo",
    ]


def test_all_mistakes_are_told_in_one_run(command, tmp_path):
    """A broken site and a missing inventory: two causes, one run, status 1."""
    site = tmp_path / "site.toml"
    site.write_text('[[zone]]\nname = "cameras"\nnetworks = ["10.20.0.0/33"]\nrole = "camera"\n')
    status, out, err = command("check", "--site", site, "--set", f"enrich.cameras={tmp_path}/none.csv")
    assert status == 1
    assert f"egresswatch: {site}:3: " in err
    assert "none.csv" in err
    assert "rules:" in out


def test_a_broken_rule_is_told_with_its_line(command, tmp_path):
    """Rules given with --rules are part of the check."""
    (tmp_path / "bad.yaml").write_text("a: 1\na: 2\n")
    status, _, err = command("check", "--rules", tmp_path)
    assert status == 1
    assert "bad.yaml:" in err


def test_a_folder_that_could_be_made_is_in_order_and_is_not_made(command, tmp_path):
    """Checking changes nothing."""
    status, out, _ = command("check", "--out", tmp_path / "a" / "b")
    assert status == 0
    assert "can be written" in out
    assert not (tmp_path / "a").exists()


def test_a_folder_with_another_run_is_told(command, tmp_path):
    """It would be refused by the replay."""
    (tmp_path / "ledger.json").touch()
    status, _, err = command("check", "--out", tmp_path)
    assert (status, err) == (1, f"egresswatch: {tmp_path}: holds files of another run (ledger.json)\n")


def test_an_output_below_a_file_is_told(command, tmp_path):
    """It could never be made."""
    (tmp_path / "f").touch()
    assert command("check", "--out", tmp_path / "f" / "x")[0] == 1


def test_warm_replays_a_capture(command, replayed):
    """What a start needs is compiled because a start has been made."""
    status, out, _ = command("check", "--warm")
    assert status == 0
    assert "kernels:" in out
    assert not replayed.options.out.exists(), "what it wrote is gone"


def test_warm_that_could_not_keep_what_it_compiled_has_failed(command, replayed, monkeypatch):
    """Every start would compile again: status 1, and the reason."""
    monkeypatch.setattr(jit, "unkept", lambda: "compiled kernels could not be kept (/x: full)")
    monkeypatch.setattr(jit, "DISABLED", False)
    status, out, err = command("check", "--warm")
    assert (status, err) == (1, "egresswatch: compiled kernels could not be kept (/x: full)\n")
    assert "kernels:" not in out


READERS = {"pcap": dpkt.pcap.Reader, "pcapng": dpkt.pcapng.Reader}


@pytest.mark.parametrize("kind", READERS)
def test_the_warm_captures_are_sound_captures(kind):
    """Frames of IPv6 and IPv4, as dpkt reads them."""
    data = warm_captures()[f"warm.{kind}"]
    frames = [dpkt.ethernet.Ethernet(frame) for _, frame in READERS[kind](io.BytesIO(data))]
    assert {type(frame.data) for frame in frames} == {dpkt.ip.IP, dpkt.ip6.IP6}
    assert {frame.data.data.dport for frame in frames} == {40001}


def test_all_warm_captures_say_the_same(tmp_path):
    """Nothing is damaged, and each kind of file is read."""
    for name, data in warm_captures().items():
        (tmp_path / name).write_bytes(data)
        result = replay.run(ReplayOptions((str(tmp_path / name),), Settings()))
        assert (result.balanced, result.errors, result.warnings) == (True, (), ())
        assert result.inside_hosts == result.packets - 1 > 1000
        assert result.first_ts == 1_000_000_000
