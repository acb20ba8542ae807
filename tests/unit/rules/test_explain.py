# SPDX-License-Identifier: Apache-2.0
"""``rules show``: every rule, maker and fingerprint of the pack can be explained, with its sources."""

from __future__ import annotations

import json

import pytest

from egresswatch.cli import explain, run
from egresswatch.detect.families import DETECTOR_RULES
from egresswatch.rules import MatchTables
from egresswatch.rules.shape import Bytes, Length, Number, Payload, Seen, Step


def test_every_rule_is_explained(pack: MatchTables) -> None:
    """Title, what it looks for, each source."""
    for rule in pack.rules.values():
        lines = list(explain.rule(rule, pack))
        assert lines[0] == f"{rule.id} rev {rule.rev}: {rule.title}"
        assert list(explain.looks_for(rule)) or rule.status == "deprecated"
        assert set(rule.references) <= {line.removeprefix("    - ") for line in lines}


def test_every_maker_is_explained(pack: MatchTables) -> None:
    """Name and each source; each list with its own."""
    for vendor in pack.vendors.values():
        text = "\n".join(explain.maker(vendor, pack))
        assert text.startswith(f"{vendor.id}: {vendor.name}")
        assert all(f"{one.name} [{one.reference}]" in text for one in vendor.lists)


def test_relations_claim_no_more_than_their_source(pack: MatchTables) -> None:
    """Whose protocol a device speaks did not make it; how sure, and of what, stands beside each name."""
    licensor = "\n".join(explain.maker(pack.vendors["throughtek"], pack))
    assert "sell" not in licensor
    assert "are used by:\n    - Dogness (high)" in licensor
    user = "\n".join(explain.maker(pack.vendors["wyze"], pack))
    assert "uses chips, protocols or a platform of:\n    - ThroughTek (TW) (high) [" in user
    maker = "\n".join(explain.maker(pack.vendors["dahua"], pack))
    assert "    - Bosch Security (DE) (low, some products)" in maker
    assert "are used by:\n    - TP-Link (CN) (low, the recording format of VIGI recorders)" in maker


def test_every_fingerprint_is_explained(pack: MatchTables) -> None:
    """Each once, with what it compares and its sources."""
    found = explain.fingerprints(pack)
    assert len({item.fingerprint.id for item in found}) == len(found) > 40
    for item in found:
        text = "\n".join(explain.fingerprint(item, pack))
        assert item.conditions[0].kind in text
        assert all(source in text for source in item.references)


def test_a_maker_by_any_of_its_names(capsys: pytest.CaptureFixture[str]) -> None:
    """Id, name or alias; owner, lists and rules are told."""
    assert run(["rules", "show", "ezviz"]) == 0
    text = capsys.readouterr().out
    assert "belongs to: Hikvision (CN)" in text
    assert "EW-EZV-0001" in text
    assert run(["rules", "show", "Hangzhou Hikvision Digital Technology"]) == 0
    assert "named by:\n    - US NDAA FY2019 s.889 [" in capsys.readouterr().out


def test_a_fingerprint_by_its_id(capsys: pytest.CaptureFixture[str]) -> None:
    """With model and firmware readers in words."""
    assert run(["rules", "show", "fp-axs-0001"]) == 0
    assert 'dhcp_vendor_class that begins with "axis,network camera,"' in capsys.readouterr().out


@pytest.mark.parametrize("name", ["EW-HIK-0001", "hikvision", "FP-AXS-0001", DETECTOR_RULES[0].id])
def test_anything_as_json(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Programs get the fields."""
    assert run(["rules", "show", name, "--json"]) == 0
    assert isinstance(json.loads(capsys.readouterr().out), dict)


def test_behaviour_rules_are_explained(capsys: pytest.CaptureFixture[str]) -> None:
    """Rules that no file holds."""
    for rule in DETECTOR_RULES:
        assert run(["rules", "show", rule.id]) == 0
        assert "part of the program" in capsys.readouterr().out


def test_a_near_miss_is_helped(capsys: pytest.CaptureFixture[str]) -> None:
    """A typing error costs one line."""
    assert run(["rules", "show", "hikvison"]) == 2
    assert 'did you mean "hikvision"?' in capsys.readouterr().err


def test_a_payload_is_told_in_full() -> None:
    """Every part of the payload language has its words."""
    part = Payload(
        proto=17, ports=(9999, 1), sender=1, packets=(1, 4), min_len=4, max_len=9, repeat=3,
        wire=(Bytes(0, b"\x4c", b"\xf0"),),
        decode=(Step("xor", (0x5A, 0x11)), Step("rotl32", (1, 2)), Step("invert", (), 4)),
        bytes=(Bytes(1, b"\x00", b"\xff", (b"\x41",)),),
        numbers=(Number("le32", 8, 0, 65536),),
        length=Length("be16", 2, 4),
    )  # fmt: skip
    assert explain._payload(part, "x") == (
        "udp payload of protocol x: port 9999 or 1, sent by the originator, payload 1-4 of its side, "
        "as sent 4c at 0 under mask f0, decoded (xor with 5a11, then words rotated left by 1 2, then all "
        "bits turned from byte 4), 00 or 41 at 1, le32 at 8 from 0 to 65536, length = be16 at 2 + 4, "
        "4 to 9 bytes, in 3 packets of the flow"
    )


def test_a_sighting_is_told() -> None:
    """With or without a value."""
    assert explain._seen(Seen("http_path", "prefix", ("/artemis/",))) == (
        'sighting http_path that begins with "/artemis/"'
    )
    assert explain._seen(Seen("srt")) == "sighting srt of any value"
