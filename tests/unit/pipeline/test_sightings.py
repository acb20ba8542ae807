# SPDX-License-Identifier: Apache-2.0
"""Sightings on hold: all of them come out, by time, with the names that their hosts have by then."""

from types import SimpleNamespace

import numpy as np
import pytest

from egresswatch.enrich.asset import address_text
from egresswatch.enrich.crowd import Words
from egresswatch.pipeline import sightings
from egresswatch.pipeline.columns import uid_text
from egresswatch.pipeline.sightings import Sightings

CAMERA, MAC = "10.20.0.13", 13


class Named:
    """A register that knows one host."""

    def __init__(self):
        self.asked = []

    def assets_of(self, hi, lo, v6, mac):
        words = [Words(*each) for each in zip(hi.tolist(), lo.tolist(), v6.tolist(), strict=True)]
        asked = [(address_text(*each), one) for each, one in zip(words, mac.tolist(), strict=True)]
        self.asked += asked
        codes = np.array([0 if each == (CAMERA, MAC) else -1 for each in asked], np.int32)
        return SimpleNamespace(codes=codes, ids=["cam-1"])


def texts(column):
    return [column.values[code] for code in column.codes.tolist()]


def sight(some, ts, frame=0, kind="tls_sni", value="a.example", host=CAMERA, mac=MAC):
    some.add(ts, frame, 2**63 + ts, kind, value, f"detail {value}", host, mac)


@pytest.fixture(params=[1, 3, 100], ids=["packed at once", "packed in between", "never packed"])
def some(request, monkeypatch):
    monkeypatch.setattr(sightings, "_CHUNK", request.param)
    return Sightings(1000)


def test_by_time_then_frame_then_as_they_came(some):
    """However they are held."""
    for k, (ts, frame) in enumerate([(5, 2), (1, 9), (5, 1), (1, 9), (0, 0)]):
        sight(some, ts, frame, value=str(k))
    assert len(some) == 5
    out = some.take(Named())
    assert out["value"] == ["4", "1", "3", "2", "0"]
    assert out["detail"] == [f"detail {k}" for k in (4, 1, 3, 2, 0)]
    assert out["ts"].tolist() == [0, 1, 1, 5, 5]
    assert [bytes(uid).decode() for uid in out["uid"]] == [uid_text(2**63 + ts) for ts in (0, 1, 1, 5, 5)]


def test_kinds_and_hosts_are_told_apart(some):
    """The same address with another MAC is another host; nobody's sighting has none."""
    for k, (kind, host, mac) in enumerate(
        [("ja4", CAMERA, MAC), ("tls_sni", CAMERA, 14), ("ja4", "", 0), ("ja4", CAMERA, MAC)]
    ):
        sight(some, k, kind=kind, host=host, mac=mac)
    register = Named()
    out = some.take(register)
    assert texts(out["kind"]) == ["ja4", "tls_sni", "ja4", "ja4"]
    assert texts(out["asset"]) == ["cam-1", "", "", "cam-1"]
    assert register.asked == [(CAMERA, MAC), (CAMERA, 14)], "each host once, nobody never"


def test_hosts_of_ipv6_and_texts_that_are_no_address(some):
    """The first are asked for as the others are; the second are nobody's."""
    for k, host in enumerate(("2001:db8::5", "somewhere", CAMERA)):
        sight(some, k, host=host)
    register = Named()
    assert texts(some.take(register)["asset"]) == ["", "", "cam-1"]
    assert register.asked == [("2001:db8::5", MAC), (CAMERA, MAC)]


def test_what_was_taken_is_held_no_more(some):
    """The next table begins anew, with its own codes."""
    sight(some, 1, kind="ja4")
    some.take(Named())
    assert len(some) == 0
    sight(some, 2, kind="dns_query", host="", mac=0)
    out = some.take(Named())
    assert (out["ts"].tolist(), texts(out["kind"]), texts(out["asset"])) == ([2], ["dns_query"], [""])


def test_cleared_is_empty(some):
    """Nothing is written without a folder."""
    for ts in range(4):
        sight(some, ts)
    some.clear()
    assert len(some) == 0


@pytest.mark.parametrize("chunk", [1, 2, 3, 5, 100])
def test_full_at_the_number_given(chunk, monkeypatch):
    """Not one later, however they are held; what is taken makes room for as many."""
    monkeypatch.setattr(sightings, "_CHUNK", chunk)
    some = Sightings(5)
    for _ in range(2):
        for ts in range(4):
            sight(some, ts)
            assert not some.full
        sight(some, 4)
        assert (some.full, len(some)) == (True, 5)
        sight(some, 5)
        assert some.full
        some.take(Named())
        assert (some.full, len(some)) == (False, 0)


def test_a_kind_has_one_code_in_all_blocks(monkeypatch):
    """Whatever else comes between."""
    monkeypatch.setattr(sightings, "_CHUNK", 2)
    some = Sightings(100)
    kinds = ["b", "a", "a", "c", "b", "c", "a"]
    for ts, kind in enumerate(kinds):
        sight(some, ts, kind=kind)
    out = some.take(Named())["kind"]
    assert (list(out.values), texts(out)) == (["b", "a", "c"], kinds)
