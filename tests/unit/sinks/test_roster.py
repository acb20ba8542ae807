# SPDX-License-Identifier: Apache-2.0
"""The register on a screen: every asset with its evidence, on wide and narrow screens."""

import io

import pytest
from rich.console import Console

from egresswatch.sinks.roster import render

ROW = {
    "asset_id": "hikvision-3fa2c1", "name": "", "mac": "4c:bd:8f:00:00:01", "ips": ["10.20.0.13"], "vlan": 20,
    "role": "camera", "vendor": "hikvision", "brand": "Hikvision", "model": "DS-2CD2143", "firmware": None,
    "hostname": None, "confidence": "high", "evidence": [f"evidence {n}" for n in range(6)],
    "conflicts": ["the OUI says Dahua"],
}  # fmt: skip


def screen(rows, width):
    out = io.StringIO()
    render(rows, Console(file=out, width=width))
    return out.getvalue()


@pytest.mark.parametrize("width", [80, 120])
def test_an_asset_is_told_with_what_is_known(width):
    """Name, address, MAC, VLAN, role, maker and model, how sure."""
    text = screen([ROW], width)
    for fact in ("1 video device seen: 1 camera.", "hikvision-3fa2c1", "10.20.0.13", "4c:bd:8f:00:00:01", "20",
                 "camera", "Hikvision DS-2CD2143", "high"):  # fmt: skip
        assert fact in text
    assert "None" not in text


@pytest.mark.parametrize("width", [80, 120])
def test_evidence_is_shortened_and_contradictions_are_not(width):
    """Four pieces of evidence, then a number; every conflict."""
    text = screen([ROW], width)
    assert "evidence 3" in text and "evidence 4" not in text
    assert "and 2 more pieces of evidence" in text
    assert "but: the OUI says Dahua" in text


def test_an_empty_register_says_so():
    """Not an empty table."""
    assert screen([], 80) == " No video device was recognised.\n"


def test_an_asset_with_next_to_nothing_known_is_shown():
    """An asset_id alone is enough."""
    assert "host-000001" in screen([{"asset_id": "host-000001"}], 120)


def test_many_addresses_end_in_a_number():
    """A router behind one MAC does not flood the screen."""
    row = {"asset_id": "r", "ips": [f"10.0.0.{n}" for n in range(9)]}
    assert "10.0.0.2 and 6 more" in " ".join(screen([row], 80).split())
