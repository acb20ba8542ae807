# SPDX-License-Identifier: Apache-2.0
"""Addresses chosen to have the same key as a camera's: whoever sends from one hides nobody."""

from __future__ import annotations

import pytest

from egresswatch.enrich.crowd import address_words
from egresswatch.enrich.inventory import Inventory
from egresswatch.enrich.register import Register
from egresswatch.rules.site import load_site

CAMERA, STRANGER = 0x4419B6000001, 0x02AABBCCDDEE
T = 1_700_000_000_000_000_000
_MULT, _ALL = 0x9E3779B97F4A7C15, (1 << 64) - 1


def mix(state, value):
    """``loads.mix``."""
    product = (state ^ value) * _MULT & _ALL
    return product ^ product >> 29


def unmixed(wanted):
    """The state that ``mix`` gives ``wanted`` for, with the value 0."""
    product = wanted
    for _ in range(3):
        product = wanted ^ product >> 29
    return product * pow(_MULT, -1, 1 << 64) & _ALL


def chosen(mac, addr):
    """An IPv6 address of the inside which, sent from ``STRANGER``, has the key of this sender."""
    words = address_words(addr)
    key = mix(mix(mix(mix(1, mac), words.lo), words.hi), int(words.v6))
    for low in range(1, 10_000):
        high = unmixed(unmixed(key) ^ 1) ^ mix(mix(1, STRANGER), low)
        if high >> 56 == 0xFD:
            groups = f"{high:016x}{low:016x}"
            return ":".join(groups[k : k + 4] for k in range(0, 32, 4))
    raise AssertionError


@pytest.mark.parametrize("addr", ["10.20.0.11", "fd00::11"])
def test_a_sender_with_the_key_of_a_camera_does_not_hide_it(tables, addr):
    """The camera is in the register however often the other one sent before it."""
    register = Register(tables, load_site(None), Inventory(()), 100)
    for _ in range(2):
        register.observe(STRANGER, chosen(CAMERA, addr), None, T)
    asset = register.observe(CAMERA, addr, None, T)
    assert asset is not None
    assert asset.monitored
