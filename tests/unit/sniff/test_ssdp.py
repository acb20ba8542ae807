# SPDX-License-Identifier: Apache-2.0
"""SSDP: identities, software and what is looked for."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from egresswatch.records import Item, Message
from egresswatch.sniff import ssdp

Build = Callable[..., Message]

NOTIFY = (
    b"NOTIFY * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\nNT: upnp:rootdevice\r\nNTS: ssdp:alive\r\n"
    b"USN: uuid:1::upnp:rootdevice\r\nLOCATION: http://u:p@10.20.0.13:49152/d.xml\r\n"
    b"SERVER: Linux UPnP/1.0 Cam/1\r\n\r\n"
)


def test_a_notify_tells_identity_and_software(datagram: Build) -> None:
    """The place of the description stands beside the identity, without credentials."""
    assert ssdp.parse(datagram(NOTIFY)) == (
        Item("ssdp", "uuid:1::upnp:rootdevice", "notify USN at http://10.20.0.13:49152/d.xml"),
        Item("ssdp", "Linux UPnP/1.0 Cam/1", "notify SERVER"),
    )


def test_a_search_tells_what_is_looked_for(datagram: Build) -> None:
    """And by which software, when it says so."""
    search = b'M-SEARCH * HTTP/1.1\r\nST: ssdp:all\r\nMAN: "ssdp:discover"\r\nUSER-AGENT: Phone/1\r\n\r\n'
    assert ssdp.parse(datagram(search)) == (
        Item("ssdp", "ssdp:all", "search ST"),
        Item("ssdp", "Phone/1", "search USER-AGENT"),
    )


def test_a_response_without_usn_tells_its_target(datagram: Build) -> None:
    """The first telling field counts; a cut datagram gives its whole lines."""
    assert ssdp.parse(datagram(b"HTTP/1.1 200 OK\r\nST: upnp:rootdevice\r\nSERVER: X")) == (
        Item("ssdp", "upnp:rootdevice", "response ST"),
    )


@pytest.mark.parametrize("payload", [b"", b"\x00" * 30, b"GET / HTTP/1.1\r\n\r\n"])
def test_other_traffic_is_not_ssdp(datagram: Build, payload: bytes) -> None:
    """What does not begin like them is left alone."""
    assert ssdp.parse(datagram(payload)) is None


@given(st.binary(max_size=300))
def test_no_headers_raise(datagram: Build, tail: bytes) -> None:
    """Any bytes, bare and behind a sound beginning."""
    for start in (b"", b"NOTIFY * HTTP/1.1\r\n", b"M-SEARCH * HTTP/1.1\r\n", b"HTTP/1.1 200 OK\r\n"):
        ssdp.parse(datagram(start + tail))
