# SPDX-License-Identifier: Apache-2.0
"""What makers' tools are answered: SADP, DHDiscover and its predecessor, Xiongmai's search.

Layouts as published for these protocols; models, names and addresses are invented.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from egresswatch.records import Item, Message
from egresswatch.sniff import dhdiscover, discovered, sadp, xmdiscover
from egresswatch.sniff.discovered import Device

Build = Callable[..., Message]
MAC = 0x0200000000AA


def sadp_answer(**fields: str) -> bytes:
    given = {
        "Uuid": "0", "Types": "inquiry", "DeviceDescription": "DS-9999", "DeviceSN": "DS-9999SERIAL",
        "MAC": "02-00-00-00-00-aa", "IPv4Address": "192.0.2.64", "SoftwareVersion": "V5.6.5build 200316",
        "Activated": "true",
    } | fields  # fmt: skip
    body = "".join(f"<{name}>{value}</{name}>\n" for name, value in given.items())
    return f'<?xml version="1.0" encoding="utf-8"?>\n<ProbeMatch>{body}</ProbeMatch>'.encode()


def dhip(body: object) -> bytes:
    raw = json.dumps(body).encode()
    return b"\x20\0\0\0DHIP" + struct.pack("<IIQQ", 0, 1, len(raw), len(raw)) + raw + b"\n\0"


def dh_answer(**info: Any) -> bytes:
    given: dict[str, Any] = {
        "DeviceClass": "IPC", "DeviceType": "IPC-9999", "IPv4Address": {"IPAddress": "192.0.2.108"},
        "Init": 1162, "MachineName": "SERIAL", "SerialNo": "SERIAL", "Vendor": "Cam Brand",
        "Version": "2.800.0.R",
    } | info  # fmt: skip
    message = {"mac": "02:00:00:00:00:aa", "method": "client.notifyDevInfo", "params": {"deviceInfo": given}}
    return dhip(message)


def old_answer(model: bytes, mac: bytes = b"02:00:00:00:00:aa", short: bytes = b"IPC") -> bytes:
    second, third = mac + model, b"SerialNo:SERIAL\r\n"
    head = struct.pack("<2sHI8xIH10x", b"\xb3\0", len(second), 0x58, 2, len(third))
    fixed = head + bytes(8) + short.ljust(16, b"\0") + bytes([192, 0, 2, 108])
    return fixed.ljust(120, b"\0") + second + third


def xm(number: int, body: object = None, version: int = 0) -> bytes:
    raw = b"" if body is None else json.dumps(body).encode() + b"\n\0"
    return struct.pack("<BB2xIIxxHI", 0xFF, version, 0, 0, number, len(raw)) + raw


def xm_answer(**fields: Any) -> bytes:
    given = {
        "HostName": "LocalHost", "HostIP": "0x0A0200C0", "MAC": "02:00:00:00:00:aa", "SN": "SERIAL",
        "Version": "V4.02.R11",
    } | fields  # fmt: skip
    return xm(1531, {"NetWork.NetCommon": given, "Ret": 100})


SADP, DHIP, OLD, XM = {"dport": 37020}, {"sport": 37810}, {"sport": 5050}, {"sport": 34569}


@pytest.mark.parametrize(
    ("parse", "ports", "wire", "expected"),
    [
        (sadp.parse, SADP, sadp_answer(), Item(
            "sadp", "DS-9999", "answer, firmware V5.6.5build 200316, address 192.0.2.64, activated",
            Device("DS-9999", "", "V5.6.5build 200316", MAC, "192.0.2.64", True))),
        (sadp.parse, SADP, sadp_answer(Activated="false", SoftwareVersion="", IPv4Address="0.0.0.0"), Item(
            "sadp", "DS-9999", "answer, not activated", Device("DS-9999", "", "", MAC, "", False))),
        (sadp.parse, SADP, b"<Probematch><MAC>0200000000aa</MAC></Probematch>", Item(
            "sadp", "device", "answer", Device(mac=MAC))),
        (dhdiscover.parse, DHIP, dh_answer(), Item(
            "dhdiscover", "IPC-9999",
            "answer, brand Cam Brand, firmware 2.800.0.R, address 192.0.2.108, activated",
            Device("IPC-9999", "Cam Brand", "2.800.0.R", MAC, "192.0.2.108", True))),
        (dhdiscover.parse, DHIP, dh_answer(Vendor="Private", Init=145, IPv4Address="x", Version=7), Item(
            "dhdiscover", "IPC-9999", "answer, not activated", Device("IPC-9999", mac=MAC, activated=False))),
        (dhdiscover.parse, DHIP, dh_answer(DeviceType=None, Vendor="", Init="", IPv4Address=[], Version=""),
         Item("dhdiscover", "IPC", "answer", Device("IPC", mac=MAC))),
        (dhdiscover.parse, OLD, old_answer(b"IPC-OLD-9\0"), Item(
            "dhdiscover", "IPC-OLD-9", "answer, address 192.0.2.108",
            Device("IPC-OLD-9", mac=MAC, ip="192.0.2.108"))),
        (dhdiscover.parse, OLD, old_answer(b""), Item(
            "dhdiscover", "IPC", "answer, address 192.0.2.108", Device("IPC", mac=MAC, ip="192.0.2.108"))),
        (xmdiscover.parse, XM, xm_answer(), Item(
            "xmdiscover", "LocalHost", "answer, firmware V4.02.R11, address 192.0.2.10",
            Device("LocalHost", "", "V4.02.R11", MAC, "192.0.2.10"))),
        (xmdiscover.parse, XM, xm_answer(HostIP="192.0.2.11", HostName="", Version=None), Item(
            "xmdiscover", "device", "answer, address 192.0.2.11", Device(mac=MAC, ip="192.0.2.11"))),
    ],
)  # fmt: skip
def test_answers_tell_the_device(
    datagram: Build, parse: Callable[[Message], Any], ports: dict[str, int], wire: bytes, expected: Item
) -> None:
    """Model, brand, firmware, address and state; the serial number nowhere."""
    items = parse(datagram(wire, **ports))
    assert items == (expected,)
    assert "SERIAL" not in repr(items)


@pytest.mark.parametrize(
    ("parse", "ports", "wire"),
    [
        (sadp.parse, SADP, b'<?xml version="1.0"?><Probe><Uuid>0</Uuid><Types>inquiry</Types></Probe>'),
        (dhdiscover.parse, DHIP, dhip({"method": "DHDiscover.search", "params": {"mac": "", "uni": 1}})),
        (dhdiscover.parse, OLD, b"\xa3\x01\0\x01" + bytes(12) + b"\x02" + bytes(15)),
        (xmdiscover.parse, XM, xm(1530)),
    ],
)
def test_a_search_says_nothing_of_its_sender(
    datagram: Build, parse: Callable[[Message], Any], ports: dict[str, int], wire: bytes
) -> None:
    """A tool asks; marked so that nobody takes it for a device."""
    (item,) = parse(datagram(wire, **ports))
    assert (item.value, item.detail, item.data) == ("search", "search", None)


@pytest.mark.parametrize(
    ("parse", "ports", "wire"),
    [
        (sadp.parse, SADP, sadp_answer(Types="activate", Password="pw")),
        (sadp.parse, SADP, b"<Probe><Types>update</Types><Password>pw</Password></Probe>"),
        (sadp.parse, SADP, sadp_answer(DeviceDescription="", MAC="")),
        (dhdiscover.parse, DHIP, dhip({"method": "DHDiscover.setConfig", "params": {"password": "pw"}})),
        (dhdiscover.parse, DHIP, dhip({"method": "client.notifyDevInfo", "params": []})),
        (xmdiscover.parse, XM, xm(1531)),
        (xmdiscover.parse, XM, xm(1531, {"Ret": 100})),
        (xmdiscover.parse, XM, xm(1531, [1])),
    ],
)
def test_orders_and_empty_answers_tell_nothing(
    datagram: Build, parse: Callable[[Message], Any], ports: dict[str, int], wire: bytes
) -> None:
    """The protocol is known, its secrets are left alone."""
    assert parse(datagram(wire, **ports)) == ()


@pytest.mark.parametrize(
    ("parse", "ports", "wire"),
    [
        (sadp.parse, {"dport": 3702}, sadp_answer()),
        (sadp.parse, SADP, b"<Envelope></Envelope>"),
        (sadp.parse, SADP, b"nothing"),
        (dhdiscover.parse, DHIP, b"\x20\0\0\0DHIP" + bytes(24) + b"no json"),
        (dhdiscover.parse, DHIP, b"\x20\0\0\0DHIP" + bytes(24) + b"[" * 100_000),
        (dhdiscover.parse, {}, old_answer(b"IPC-OLD-9")),
        (dhdiscover.parse, OLD, old_answer(b"IPC-OLD-9", mac=b"no mac at all....")),
        (dhdiscover.parse, OLD, old_answer(b"IPC-OLD-9")[:119]),
        (dhdiscover.parse, OLD, bytes(200)),
        (xmdiscover.parse, {}, xm_answer()),
        (xmdiscover.parse, XM, xm(1000)),
        (xmdiscover.parse, XM, xm(1530, version=2)),
        (xmdiscover.parse, XM, b"\xfe" + xm(1530)[1:]),
        (xmdiscover.parse, XM, xm(1530)[:19]),
    ],
)
def test_other_payloads_are_not_taken(
    datagram: Build, parse: Callable[[Message], Any], ports: dict[str, int], wire: bytes
) -> None:
    """Another port, another message, another shape."""
    assert parse(datagram(wire, **ports)) is None


@pytest.mark.parametrize(
    ("text", "mac", "address"),
    [
        ("02:00:00:00:00:AA", MAC, ""), ("0200000000aa", MAC, ""), ("02-00-00-00-00-aa", MAC, ""),
        ("02:00-00:00:00:aa", 0, ""), ("01:00:5e:00:00:01", 0, ""), (" 192.0.2.1 ", 0, "192.0.2.1"),
        ("192.000.002.001", 0, "192.0.2.1"), ("256.0.0.1", 0, ""), ("0.0.0.0", 0, ""), ("::1", 0, ""),
        (7, 0, ""), (None, 0, ""), ([], 0, ""),
    ],
)  # fmt: skip
def test_addresses_are_read_strictly(text: object, mac: int, address: str) -> None:
    """What is no address of one host is none."""
    assert (discovered.mac(text), discovered.address(text)) == (mac, address)


def test_texts_are_safe_and_short() -> None:
    """A device may call itself anything."""
    assert discovered.text("  DS\x1b[31m\n ") == "DS\\x1b[31m"
    assert len(discovered.text("x" * 9999)) == 255
    assert len(discovered.firmware("x" * 9999)) == 80


@given(st.binary(max_size=120), st.integers(0, 200))
def test_no_bytes_raise(datagram: Build, rest: bytes, at: int) -> None:
    """Any bytes, and any damage to an answer."""
    cases = (
        (sadp.parse, SADP, sadp_answer()), (dhdiscover.parse, DHIP, dh_answer()),
        (dhdiscover.parse, OLD, old_answer(b"IPC")), (xmdiscover.parse, XM, xm_answer()),
    )  # fmt: skip
    for parse, ports, wire in cases:
        for payload in (rest, wire[:at] + rest, wire[:at] + rest + wire[at + len(rest) :]):
            for item in parse(datagram(payload, **ports)) or ():
                assert item.value.isprintable()
                assert item.detail.isprintable()


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
)


FIELDS = ("DeviceType", "Vendor", "Init", "IPv4Address", "Version")


@given(st.dictionaries(st.sampled_from(FIELDS), json_values))
def test_no_json_raises(datagram: Build, info: dict[str, Any]) -> None:
    """Any value where a text or a number should be."""
    assert dhdiscover.parse(datagram(dh_answer(**info), **DHIP)) is not None
    assert xmdiscover.parse(datagram(xm_answer(HostIP=info, HostName=info, MAC=info), **XM)) is not None
