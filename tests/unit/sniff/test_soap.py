# SPDX-License-Identifier: Apache-2.0
"""SOAP: the action that is asked for, and what a port mapping opens."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from egresswatch.records import Item
from egresswatch.sniff import http

Read = Callable[..., list[Item]]

WAN = b"urn:schemas-upnp-org:service:WANIPConnection:1"


def post(body: bytes, fields: bytes = b"", kind: bytes = b"text/xml") -> bytes:
    head = b"POST /ctl/IPConn HTTP/1.1\r\nContent-Type: %b\r\nContent-Length: %d\r\n%b\r\n" % (
        kind,
        len(body),
        fields,
    )
    return head + body


def envelope(call: bytes) -> bytes:
    return b'<?xml version="1.0"?><s:Envelope xmlns:s="x"><s:Body>' + call + b"</s:Body></s:Envelope>"


MAPPING = envelope(
    b'<u:AddPortMapping xmlns:u="%b"><NewRemoteHost></NewRemoteHost><NewExternalPort>8000</NewExternalPort>'
    b"<NewProtocol>TCP</NewProtocol><NewInternalPort>8001</NewInternalPort>"
    b"<NewInternalClient>192.168.1.64</NewInternalClient><NewEnabled>1</NewEnabled>"
    b"<NewPortMappingDescription>IPCAM 7</NewPortMappingDescription><NewLeaseDuration>0</NewLeaseDuration>"
    b"</u:AddPortMapping>" % WAN
)


def actions(items: list[Item]) -> list[tuple[str, str]]:
    return [(item.value, item.detail) for item in items if item.kind == "soap_action"]


def test_a_port_mapping_is_told_with_its_ports(whole_or_not: Read) -> None:
    """The head says that there is one, the body which; its description is not told."""
    told = whole_or_not(http.Reader, post(MAPPING, b'SOAPAction: "%b#AddPortMapping"\r\n' % WAN))
    assert actions(told) == [
        ("AddPortMapping", WAN.decode()), ("AddPortMapping", "tcp 8000 to 192.168.1.64:8001, lease 0 s")
    ]  # fmt: skip
    assert "IPCAM 7" not in repr(told)


def test_a_pinhole_of_ipv6(read: Read) -> None:
    """WANIPv6FirewallControl."""
    body = envelope(
        b"<u:AddPinhole><RemoteHost>2001:db8::5</RemoteHost><InternalClient>2001:db8::64</InternalClient>"
        b"<InternalPort>554</InternalPort><Protocol>6</Protocol><LeaseTime>3600</LeaseTime></u:AddPinhole>"
    )
    assert actions(read(http.Reader(), post(body))) == [
        ("AddPinhole", "6 to [2001:db8::64]:554, lease 3600 s, from 2001:db8::5")
    ]


@pytest.mark.parametrize(
    ("wire", "told"),
    [
        (post(envelope(b"<tds:GetDeviceInformation/>")), [("GetDeviceInformation", "POST /ctl/IPConn")]),
        (
            post(
                envelope(b"<GetProfiles/>"),
                kind=b'application/soap+xml; charset=utf-8; action="http://www.onvif.org/ver10/media/wsdl/GetProfiles"',
            ),
            [("GetProfiles", "http://www.onvif.org/ver10/media/wsdl")],
        ),
        (post(envelope(b"<x:A/>"), b"SOAPAction: urn:service:A\r\n"), [("A", "urn:service:")]),
        (post(envelope(b"<x:A/>"), b'SOAPAction: ""\r\n'), [("A", "POST /ctl/IPConn")]),
        (post(b"<other/>"), []),
    ],
)
def test_where_the_action_stands(read: Read, wire: bytes, told: list[tuple[str, str]]) -> None:
    """In SOAPAction, in the media type, or nowhere but in the body."""
    assert actions(read(http.Reader(), wire)) == told


def test_credentials_in_an_action_are_not_told(read: Read) -> None:
    """Neither before its host nor behind it, nor in its query."""
    fields = b'SOAPAction: "http://admin:pw1@192.0.2.7/svc?token=pw1#Get?key=pw1"\r\n'
    told = read(http.Reader(), post(b"<a/>", fields))
    assert actions(told) == [("svc", "http://192.0.2.7")]
    assert "pw1" not in repr(told)
