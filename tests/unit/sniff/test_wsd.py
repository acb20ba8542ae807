# SPDX-License-Identifier: Apache-2.0
"""WS-Discovery: the three elements that matter, in sound and in hostile documents."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from egresswatch.records import Item, Message
from egresswatch.sniff import wsd

Build = Callable[..., Message]

HELLO = (
    b'<?xml version="1.0"?><s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" '
    b'xmlns:d="http://schemas.xmlsoap.org/ws/2005/04/discovery"><s:Header><a:Action>'
    b"http://schemas.xmlsoap.org/ws/2005/04/discovery/%s</a:Action></s:Header><s:Body>%s</s:Body></s:Envelope>"
)


@pytest.mark.parametrize("payload", [b"", b"\x00" * 30, b"GET / HTTP/1.1\r\n\r\n"])
def test_other_traffic_is_not_wsd(datagram: Build, payload: bytes) -> None:
    """What does not begin like them is left alone."""
    assert wsd.parse(datagram(payload)) is None


def test_scopes_types_and_addresses_of_an_onvif_device(datagram: Build) -> None:
    """One item a scope, decoded; types and addresses as one text each."""
    body = (
        b"<d:Hello><d:Types>dn:NetworkVideoTransmitter\n tds:Device</d:Types><d:Scopes>"
        b"onvif://www.onvif.org/name/HIK%20VISION\n onvif://www.onvif.org/hardware/DS-2CD&amp;1</d:Scopes>"
        b"<d:XAddrs>http://10.20.0.13/onvif/device_service http://u:p@[fe80::1]/x</d:XAddrs></d:Hello>"
    )
    assert wsd.parse(datagram(HELLO % (b"Hello", body))) == (
        Item("onvif_scope", "onvif://www.onvif.org/name/HIK VISION", "Hello"),
        Item("onvif_scope", "onvif://www.onvif.org/hardware/DS-2CD&1", "Hello"),
        Item("wsd_types", "dn:NetworkVideoTransmitter tds:Device", "Hello"),
        Item("wsd_address", "http://10.20.0.13/onvif/device_service http://[fe80::1]/x", "Hello"),
    )


def test_any_prefix_and_attributes_are_taken(datagram: Build) -> None:
    """Prefixes are the sender's choice; empty elements say nothing."""
    body = (
        b'<Probe><Types/><Types xmlns:x="y">x:Device</Types>'
        b"<w:Scopes ></w:Scopes><SomeTypes>no</SomeTypes></Probe>"
    )
    assert wsd.parse(datagram(HELLO % (b"Probe", body))) == (Item("wsd_types", "x:Device", "Probe"),)


def test_entities_are_never_expanded(datagram: Build) -> None:
    """A document that wants to grow stays as long as it is."""
    declared = b'<!DOCTYPE l [<!ENTITY a "aaaaaaaa"><!ENTITY b "&a;&a;">]>'
    hello = HELLO % (b"Hello", b"<Scopes>&b;</Scopes>")
    assert wsd.parse(datagram(declared + hello)) == (Item("onvif_scope", "&b;", "Hello"),)


def test_a_flood_of_scopes_is_capped(datagram: Build) -> None:
    """One message gives a bounded number of items."""
    scopes = b" ".join(b"onvif://x/%d" % i for i in range(500))
    items = wsd.parse(datagram(HELLO % (b"Hello", b"<Scopes>" + scopes + b"</Scopes>")))
    assert items is not None
    assert len(items) == wsd.MAX_SCOPES


PIECES = [b"<", b">", b"/", b"Scopes", b"Types", b":", b" ", b"&lt;", b"%zz", b"\xff", b"a"]


@given(st.lists(st.sampled_from(PIECES)))
def test_no_broken_document_raises(datagram: Build, pieces: list[bytes]) -> None:
    """Tags in any order, open, closed or neither."""
    assert wsd.parse(datagram(HELLO % (b"Hello", b"".join(pieces)))) is not None


@given(st.binary(max_size=300))
def test_no_bytes_raise(datagram: Build, tail: bytes) -> None:
    """Any bytes, bare and inside an envelope."""
    wsd.parse(datagram(tail))
    wsd.parse(datagram(HELLO % (b"Hello", b"<Scopes>" + tail)))


@pytest.mark.parametrize("name", [b"serial", b"Serial_Number", b"serialno", b"SN", b"device_id"])
def test_a_scope_with_a_serial_number_is_told_without_it(datagram: Build, name: bytes) -> None:
    """That the device has such a scope is told."""
    scopes = b"onvif://www.onvif.org/%b/AB12345/7 o://x/name/Sn1" % name
    wire = b"<Envelope discovery/><d:Scopes>" + scopes + b"</d:Scopes>"
    assert [item.value for item in wsd.parse(datagram(wire)) or ()] == [
        f"onvif://www.onvif.org/{name.decode()}/*", "o://x/name/Sn1"
    ]  # fmt: skip
