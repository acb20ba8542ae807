# SPDX-License-Identifier: Apache-2.0
"""The inventory takes what spreadsheets write (tests/badinput/site holds what it refuses)."""

from __future__ import annotations

import pytest

from egresswatch.enrich.inventory import Inventory
from egresswatch.errors import ConfigError


def load(tmp_path, text, encoding="utf-8"):
    path = tmp_path / "cameras.csv"
    path.write_bytes(text.encode(encoding))
    return Inventory.load(path)


def test_no_path_is_an_empty_inventory():
    """The setting's default."""
    assert Inventory.load("").entries == ()
    assert Inventory.load(None).by_mac == {}


def test_a_full_row_is_read(tmp_path):
    """All columns, in any order; addresses in canonical form."""
    inventory = load(
        tmp_path,
        "mac,ip,name,vlan,vendor,model,site,role\n"
        "00-11-22-AA-BB-CC,FD00:0::1,cam-gate-03,20,Hikvision,DS-2CD2143,depot,Recorder\n",
    )
    entry = inventory.by_mac[0x001122AABBCC]
    assert entry == inventory.by_ip["fd00::1"]
    assert (entry.name, entry.vlan, entry.vendor, entry.model, entry.site, entry.role) == (
        "cam-gate-03", 20, "Hikvision", "DS-2CD2143", "depot", "recorder",
    )  # fmt: skip
    assert entry.place == "cameras.csv:2"


@pytest.mark.parametrize("mac", ["00:11:22:aa:bb:cc", "00-11-22-AA-BB-CC", "0011.22aa.bbcc", "001122AABBCC"])
def test_every_common_spelling_of_a_mac(tmp_path, mac):
    """As switches, Windows, Cisco and labels write it."""
    assert 0x001122AABBCC in load(tmp_path, f"name,mac\ncam,{mac}\n").by_mac


def test_what_a_spreadsheet_writes(tmp_path):
    """Byte-order mark, semicolons, CRLF, quotes, spaces, empty last columns."""
    text = '\ufeffName; MAC ;ip\r\n"cam ""1"""; 00:11:22:aa:bb:cc ;\r\n;;\r\n# old;;\r\ncam2;;10.0.0.2\r\n'
    inventory = load(tmp_path, text)
    assert [(entry.name, entry.place) for entry in inventory.entries] == [
        ('cam "1"', "cameras.csv:2"), ("cam2", "cameras.csv:5"),
    ]  # fmt: skip


def test_a_camera_is_the_default_role(tmp_path):
    """The file is called cameras.csv."""
    assert load(tmp_path, "name,ip\ncam,10.0.0.1\n").entries[0].role == "camera"


def test_a_quoted_cell_over_two_lines_is_refused_by_its_first_line(tmp_path):
    """A name with a line break would break every table it is printed in."""
    with pytest.raises(ConfigError, match=r"cameras\.csv:2: name is not a printable text"):
        load(tmp_path, 'name,ip\n"cam\n1",10.0.0.1\n')


def test_a_missing_file_is_one_clear_line(tmp_path):
    """Path and reason."""
    with pytest.raises(ConfigError, match=r"cameras\.csv: cannot be read: No such file"):
        Inventory.load(tmp_path / "cameras.csv")


def test_a_cell_of_a_megabyte_is_refused(tmp_path):
    """csv's own limit must not end in a traceback."""
    with pytest.raises(ConfigError, match=r"cameras\.csv:2: "):
        load(tmp_path, "name,ip\n" + "x" * 1_000_000 + ",10.0.0.1\n")
