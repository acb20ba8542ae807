# SPDX-License-Identifier: Apache-2.0
"""MQTT: the client identifier of a CONNECT, in three versions."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from egresswatch.records import Item, Message, Verdict
from egresswatch.sniff import mqtt

Build = Callable[..., Message]
Read = Callable[..., list[Item]]


def text(value: bytes) -> bytes:
    return len(value).to_bytes(2, "big") + value


def connect(
    name: bytes, level: int, client: bytes, flags: int = 2, *, properties: bytes = b"", tail: bytes = b""
) -> bytes:
    body = text(name) + bytes([level, flags, 0, 60]) + properties + text(client) + tail
    length = bytes([len(body) & 0x7F | 0x80, len(body) >> 7]) if len(body) > 127 else bytes([len(body)])
    return b"\x10" + length + body


@pytest.mark.parametrize(
    ("wire", "value", "detail"),
    [
        (connect(b"MQIsdp", 3, b"cam-1"), "cam-1", "MQTT 3.1"),
        (connect(b"MQTT", 4, b"cam-1"), "cam-1", "MQTT 3.1.1"),
        (connect(b"MQTT", 5, b"cam-1", properties=b"\x03abc"), "cam-1", "MQTT 5.0"),
        (connect(b"MQTT", 0x84, b"bridge"), "bridge", "MQTT 3.1.1"),
        (connect(b"MQTT", 4, b""), "", "MQTT 3.1.1"),
        (connect(b"MQTT", 4, b"x" * 300), "x" * 255, "MQTT 3.1.1"),
    ],
)
def test_the_client_identifier_is_told(segment: Build, wire: bytes, value: str, detail: str) -> None:
    """With the version; the whole packet is consumed."""
    expected = (Verdict.MATCH, (Item("mqtt_client_id", value, detail),), len(wire))
    assert mqtt.parse(wire + b"\x82\x05", segment(wire)) == expected


def test_user_name_and_password_are_not_told(segment: Build) -> None:
    """Only that there was a user name."""
    wire = connect(b"MQTT", 4, b"cam-1", 0xC2, tail=text(b"admin") + text(b"secret"))
    _, items, _ = mqtt.parse(wire, segment(wire))
    assert items == (Item("mqtt_client_id", "cam-1", "MQTT 3.1.1, username given, password given"),)


def packet(first: int, body: bytes) -> bytes:
    size, length = len(body), b""
    while True:
        length += bytes([size & 0x7F | (0x80 if size > 127 else 0)])
        size >>= 7
        if not size:
            return bytes([first]) + length + body


HELLO = connect(b"MQTT", 4, b"cam-1", 0xC2, tail=text(b"admin") + text(b"secret"))


def topics(items: list[Item]) -> list[tuple[str, str]]:
    return [(item.value, item.detail) for item in items if item.kind == "mqtt_topic"]


def test_topics_are_told_by_their_beginning(whole_or_not: Read) -> None:
    """Three levels, once each; what looks like an identifier is a star; messages are not read."""
    wire = HELLO + packet(0x82, b"\0\1" + text(b"cmd/+/#") + b"\1" + text(b"/ota/DS2CD2143G0I/x/y") + b"\0")
    wire += packet(0x32, text(b"smart/device/out/bf3ac61cd0e5/z") + b"\0\2geheim" * 300) * 2 + b"\xc0\0"
    wire += packet(0x30, text(b"4020123/event") + b"geheim")
    told = whole_or_not(mqtt.Reader, wire)
    assert topics(told) == [
        ("cmd/+/#", "subscribe"), ("/ota/*/x", "subscribe"), ("smart/device/out", "publish"),
        ("*/event", "publish"),
    ]  # fmt: skip
    assert "geheim" not in repr(told)


def test_topics_of_version_5(whole_or_not: Read) -> None:
    """Its subscriptions have properties."""
    wire = connect(b"MQTT", 5, b"c", properties=b"\0") + packet(
        0x82, b"\0\1\x02\x0b\x05" + text(b"a/b") + b"\1"
    )
    assert topics(whole_or_not(mqtt.Reader, wire)) == [("a/b", "subscribe")]


def test_without_a_connect_nothing_is_read(segment: Build) -> None:
    """A PUBLISH could be anything."""
    wire = packet(0x30, text(b"a/b"))
    assert mqtt.Reader()(wire, segment(wire))[0] is Verdict.NOT_MINE


def test_topics_are_bounded(read: Read) -> None:
    """New ones without end; a topic as long as a message."""
    wire = HELLO + b"".join(packet(0x30, text(b"t%d" % number)) for number in range(200))
    assert len(topics(read(mqtt.Reader(), wire))) == mqtt._MAX_TOPICS
    long = topics(read(mqtt.Reader(), HELLO + packet(0x30, text(b"x" * 3000))))
    assert len(long[0][0]) == 255


@given(st.binary(max_size=200), st.booleans())
def test_no_packets_raise(read: Read, tail: bytes, cut: bool) -> None:
    """Any packets behind a CONNECT."""
    for wire in (tail, b"\x82" + tail, b"\x30\x20" + tail, b"\x30\xff\xff\xff\x7f" + tail):
        read(mqtt.Reader(), HELLO, wire, cut=cut)
        read(mqtt.Reader(), connect(b"MQTT", 5, b"c", properties=b"\0"), wire, cut=cut)


def test_a_connect_waits_for_its_identifier(segment: Build) -> None:
    """Not for what comes after it."""
    wire = connect(b"MQTT", 4, b"cam-1", 0xC2, tail=text(b"admin"))
    for size in range(len(wire)):
        verdict, items, used = mqtt.parse(wire[:size], segment(wire[:size]))
        whole = size >= wire.index(b"cam-1") + 5
        assert (verdict, used) == ((Verdict.MATCH, size) if whole else (Verdict.NEED_MORE, 0))
        assert len(items) == whole


def test_a_cut_capture_does_not_wait(segment: Build) -> None:
    """What the capture does not hold will not come."""
    wire = connect(b"MQTT", 4, b"cam-1")
    assert mqtt.parse(wire[:-2], segment(wire[:-2], length=len(wire)))[0] is Verdict.NOT_MINE


@pytest.mark.parametrize(
    "wire",
    [
        b"\x20\x02\x00\x00", b"GET / HTTP/1.1", b"\x10\x0c\x00\x05MQTTx\x04\x02\x00\x3c",
        connect(b"MQTT", 3, b"x"), connect(b"MQTT", 6, b"x"), connect(b"HTTP", 4, b"x"),
        b"\x10\x05\x00\x04MQTT\x04\x02\x00\x3c\x00\x01x",
    ],
)  # fmt: skip
def test_other_traffic_is_not_mqtt(segment: Build, wire: bytes) -> None:
    """Another packet type, name, version, or an identifier beyond the packet's end."""
    assert mqtt.parse(wire, segment(wire))[0] is Verdict.NOT_MINE


@given(st.binary(max_size=200), st.booleans())
def test_no_bytes_raise(segment: Build, tail: bytes, cut: bool) -> None:
    """Any bytes, bare and behind a sound beginning."""
    long = b"\x10\xff\xff\xff\x7f\x00\x04MQTT\x05\x00\x00\x00"
    for buf in (tail, b"\x10" + tail, b"\x10\x20\x00\x04MQTT" + tail, long + tail):
        verdict, _, used = mqtt.parse(buf, segment(buf, length=len(buf) + cut))
        assert (0 < used <= len(buf)) == (verdict is Verdict.MATCH)


@pytest.mark.parametrize("wire", [b"\x30\x02\x40\x00", b"\x82\x05\0\1\x40\x00\0", b"\x30\x00"])
def test_a_topic_that_its_packet_has_no_room_for_is_none(segment: Build, wire: bytes) -> None:
    """Else each of many short packets would be read to the end of all of them."""
    reader = mqtt.Reader()
    data = HELLO + wire + bytes(0x5000)
    used = reader(data, segment(data))[2]
    assert reader(data[used:], segment(data)) == (Verdict.NOT_MINE, (), 0)
