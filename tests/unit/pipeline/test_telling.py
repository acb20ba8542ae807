# SPDX-License-Identifier: Apache-2.0
"""What an item says of its sender, and what it says of others."""

from types import SimpleNamespace

import pytest

from egresswatch.pipeline.telling import recognised, shown, shows_its_sender
from egresswatch.records import Item, Message
from egresswatch.rules import load_tables

PLAIN = Message(
    ts=0, frame=0, flow=1, side=0, proto=17, src="10.0.0.5", dst="10.0.0.1", sport=40000, dport=80, parser=0,
    start=True, seq=0, tcp_flags=0, payload=b"", length=0, src_mac=1, dst_mac=2, vlan=None,
)  # fmt: skip


@pytest.mark.parametrize(
    ("sport", "data", "wanted"), [(68, object(), True), (67, object(), False), (68, None, False)]
)
def test_dhcp_speaks_of_the_client(sport, data, wanted):
    """A server echoes its clients' names; they are not its own."""
    item = Item("dhcp_hostname", "cam", "", data)
    assert shows_its_sender(PLAIN._replace(sport=sport), item) is wanted


@pytest.mark.parametrize(
    ("item", "wanted"),
    [
        (Item("onvif_scope", "onvif://x", "Hello"), True),
        (Item("onvif_scope", "onvif://x", "ProbeMatches"), True),
        (Item("onvif_scope", "onvif://x", "Probe"), False),
        (Item("ssdp", "upnp:rootdevice", "notify"), True),
        (Item("ssdp", "ssdp:all", "search for anything"), False),
        (Item("mdns", "_rtsp._tcp.local", "answer PTR"), True),
        (Item("mdns", "_rtsp._tcp.local", "query type=PTR"), False),
        (Item("http_server", "App-webs/"), True),
    ],
)
def test_announcing_is_not_asking(item, wanted):
    """Who looks for cameras is none because of it."""
    assert shows_its_sender(PLAIN, item) is wanted


def test_a_certificate_shows_its_whole_subject() -> None:
    """The organisation tells the maker, also where the sighting has the common name."""
    found = SimpleNamespace(subject="CN=TCAM,OU=Security,O=Truen")
    assert shown(Item("tls_cert_subject", "TCAM", "", found)) == "CN=TCAM,OU=Security,O=Truen"
    assert shown(Item("tls_cert_subject", "TCAM")) == "TCAM"


def test_asking_for_a_stream_shows_only_that_it_was_asked() -> None:
    """The address speaks of the host that is asked; other values stand as they are."""
    assert shown(Item("rtsp_request", "rtsp://192.0.2.1/Streaming/Channels/1")) == ""
    assert shown(Item("http_server", "App-webs/")) == "App-webs/"


def test_what_was_recognised_tells_its_counters():
    """PTCP counts its bytes from the beginning of the session, also those before the capture."""
    rule = load_tables([], True).rules["EW-DAH-0009"]
    payload = b"PTCP" + (70_000).to_bytes(4, "big") + (12).to_bytes(4, "big") + bytes(12)
    m = PLAIN._replace(sport=40000, dport=50000, payload=payload, length=len(payload))
    assert recognised(rule, m) == "EW-DAH-0009: bytes sent 70000, bytes received 12"
    assert recognised(rule, m._replace(payload=payload[:4])) == "EW-DAH-0009", "the capture cut it"
