# SPDX-License-Identifier: Apache-2.0
"""`egresswatch demo FOLDER`, the hidden command behind `make demo`."""

from pathlib import Path

from egresswatch.cli import run
from egresswatch.config import Settings, load
from egresswatch.demo import scenario
from egresswatch.enrich.inventory import Inventory
from egresswatch.rules.site import load_site


def test_it_writes_three_files_and_says_so(tmp_path, capsys):
    """Capture, inventory and site policy, each told with its path."""
    assert run(["demo", str(tmp_path / "day")]) == 0
    told = capsys.readouterr().out
    for name in ("camera-day.pcap", "cameras.csv", "site.toml"):
        assert (tmp_path / "day" / name).stat().st_size > 0
        assert name in told


def test_a_folder_that_cannot_be_made_is_one_clear_line(tmp_path, capsys):
    """Exit status 1 and no traceback."""
    (tmp_path / "file").write_text("")
    assert run(["demo", str(tmp_path / "file" / "day")]) == 1
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith("egresswatch: ")


def test_without_a_folder_it_is_wrong_usage(capsys):
    """Nothing is written to a place nobody named: the help is shown."""
    assert run(["demo"]) in (0, 2)
    assert "FOLDER" in capsys.readouterr().out


def test_the_site_file_is_taken_as_it_is(tmp_path):
    """Cameras may reach the recorder, resolver and time server, and nothing outside."""
    path = tmp_path / "site.toml"
    path.write_text(scenario.site())
    site = load_site(path)
    zone = site.zone_of(scenario.CLOUD.addr, scenario.VLAN)
    cases = [
        (scenario.RECORDER.addr, 6, 554, "allowed"),
        (scenario.RESOLVER.addr, 17, 53, "allowed"),
        (scenario.TIME_SERVER.addr, 17, 123, "allowed"),
        (scenario.HIK_CLOUD.addr, 6, 443, "violation"),
    ]
    for addr, proto, port, answer in cases:
        assert site.policy(zone, addr, scenario.VLAN, proto, port, ()).answer == answer


def test_the_inventory_is_taken_as_it_is(tmp_path):
    """Eight assets, found by their MAC addresses."""
    path: Path = tmp_path / "cameras.csv"
    path.write_text(scenario.inventory())
    assert len(Inventory.load(path).entries) == 8
    settings: Settings = load(None, [f"enrich.cameras={path}"])
    assert settings.enrich.cameras == str(path)
