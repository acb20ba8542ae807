# SPDX-License-Identifier: Apache-2.0
"""A host with the last address of a zone's network, which is a part of the real one."""

from __future__ import annotations

import pytest

from egresswatch.enrich.inventory import Inventory
from egresswatch.enrich.register import Register
from egresswatch.rules.site import load_site

CAMERA, ROUTER = 0x4419B6000001, 0x001122334455
T = 1_700_000_000_000_000_000
ADDR = "10.40.0.127"


@pytest.mark.parametrize("mac", [CAMERA, ROUTER])
def test_what_it_shows_counts_once_it_was_seen_sending(tables, tmp_path, mac):
    """By its own MAC and behind a router."""
    path = tmp_path / "site.toml"
    path.write_text('[[zone]]\nname = "a"\nnetworks = ["10.40.0.0/25"]\nrole = "camera"\n')
    register = Register(tables, load_site(path), Inventory(()), 100)
    register.observe(ROUTER, "203.0.113.7", None, T, "outside")
    register.observe(mac, ADDR, None, T, "inside")
    register.evidence(ADDR, mac, "http_server", "App-webs/", T)
    assert [mark.kind for _, mark in register.asset(ADDR, mac).marks.values()][-1] == "http_server"
