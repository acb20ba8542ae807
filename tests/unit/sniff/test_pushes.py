# SPDX-License-Identifier: Apache-2.0
"""Events over HTTP: their kind; never plates, names, times or pictures."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from egresswatch.records import Item
from egresswatch.sniff import pushes

ALERT = (
    b'<?xml version="1.0" encoding="UTF-8"?><EventNotificationAlert version="2.0" xmlns="http://www.isapi.org/ver20/'
    b'XMLSchema"><ipAddress>192.0.2.64</ipAddress><dateTime>2026-01-01T10:00:00+08:00</dateTime><eventType>%b'
    b"</eventType><eventState>active</eventState><eventDescription>%b</eventDescription>%b</EventNotificationAlert>"
)
NOTIFY = (
    b"<s:Envelope><s:Body><wsnt:Notify><wsnt:NotificationMessage><wsnt:Topic Dialect='x'>%b</wsnt:Topic>"
    b"<tt:Data><tt:SimpleItem Name='IsMotion' Value='true'/></tt:Data></wsnt:NotificationMessage>"
    b"</wsnt:Notify></s:Body></s:Envelope>"
)
PULLED = NOTIFY.replace(b"wsnt:Notify>", b"tev:PullMessagesResponse>")


def one(items: tuple[Item, ...]) -> tuple[str, str]:
    (item,) = items
    assert item.kind == "http_push"
    return item.value, item.detail


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (ALERT % (b"VMD", b"Motion", b""), ("isapi-event", "POST /a; VMD active")),
        (
            ALERT % (b"ANPR", b"x", b"<ANPR><licensePlate>AB123CD</licensePlate></ANPR>"),
            ("plate", "POST /a; isapi-event; ANPR active"),
        ),
        (
            ALERT % (b"alarmResult", b"x", b"<FaceInfo><name>Somebody</name></FaceInfo>"),
            ("face", "POST /a; isapi-event; alarmResult active"),
        ),
        (ALERT % (b"faceSnap", b"x", b""), ("face", "POST /a; isapi-event; faceSnap active")),
        (
            NOTIFY % b"tns1:RuleEngine/CellMotionDetector/Motion",
            ("onvif-event", "POST /a; tns1:RuleEngine/CellMotionDetector/Motion"),
        ),
        (NOTIFY % b"", ("onvif-event", "POST /a")),
        (b"<AlarmEvent><When>now</When></AlarmEvent>", ("xml-event", "POST /a; AlarmEvent")),
    ],
)
def test_events_in_xml(data: bytes, told: tuple[str, str]) -> None:
    """What kind of event, and what it is about."""
    assert one(pushes.in_xml(data, "POST /a", request=True)) == told
    assert "AB123CD" not in told[1]


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b'{"eventType": "VMD", "dateTime": "2026"}', ("json-event", "POST /a; VMD")),
        (b'{"event_type":"lineCrossing","id":5}', ("json-event", "POST /a; lineCrossing")),
        (b'{"Code":"TrafficJunction","action":"Pulse","Plate":{"PlateNumber":"AB123CD"}}',
         ("plate", "POST /a; json-event; TrafficJunction")),
        (b'{"method":"OnEventNotify","params":{"ability":"event_face","events":[{"data":{}}]}}',
         ("face", "POST /a; json-event; event_face")),
        (b'{"alarm":{"when":"now"}}', ("json-event", "POST /a")),
        (b'[{"eventType":131329},{"eventType":131330}]', ("json-event", "POST /a; 131329, 131330")),
    ],
)  # fmt: skip
def test_events_in_json(data: bytes, told: tuple[str, str]) -> None:
    """By names of fields; the values are words or are not told."""
    assert one(pushes.in_json(data, "POST /a", request=True)) == told


def test_events_in_lines() -> None:
    """As some devices stream them."""
    data = b"Code=VideoMotion;action=Start;index=0;data={}\r\nCode=CrossLineDetection;action=Stop;index=0"
    assert one(pushes.in_text(data, "status 200", request=False)) == (
        "text-event", "status 200; VideoMotion Start, CrossLineDetection Stop"
    )  # fmt: skip


def test_a_type_that_is_no_word_is_not_told() -> None:
    """It could be what was seen."""
    data = ALERT % (b"Car AB 123 CD at the gate", b"x", b"")
    assert one(pushes.in_xml(data, "POST /a", request=True)) == ("isapi-event", "POST /a")
    assert one(pushes.in_json(b'{"eventType":"Mr. X & Co"}', "POST /a", request=True)) == (
        "json-event",
        "POST /a",
    )


@pytest.mark.parametrize(
    ("value", "about"),
    [
        ("interfaceDown", "isapi-event"),
        ("templateChanged", "isapi-event"),
        ("surfaceX", "isapi-event"),
        ("LPR", "plate"),
    ],
)
def test_words_within_words_mean_nothing(value: str, about: str) -> None:
    """Interface is no face, template no plate."""
    assert one(pushes.in_xml(ALERT % (value.encode(), b"", b""), "POST /", request=True))[0] == about


@pytest.mark.parametrize(
    "data",
    [b"<html><body/></html>", b"<Envelope><Body><GetProfiles/></Body></Envelope>", b"<config/>", b"", b"<"],
)
def test_other_xml_is_no_event(data: bytes) -> None:
    """Neither pages nor calls."""
    assert pushes.in_xml(data, "POST /", request=True) == ()


@pytest.mark.parametrize(
    "data", [b'{"user":"a","code":5}', b"{}", b"[1,2]", b'{"interface":"x"}', b'{"a":"event"}']
)
def test_other_json_is_no_event(data: bytes) -> None:
    """A field's name says it, not a value."""
    assert pushes.in_json(data, "POST /", request=True) == ()


def test_an_answer_is_an_event_only_with_its_type() -> None:
    """A poll without news, and a list of what could happen, are none."""
    assert (
        one(pushes.in_xml(PULLED % b"tns1:Device/Trigger", "status 200", request=False))[0] == "onvif-event"
    )
    assert pushes.in_xml(PULLED.replace(b"wsnt:Topic", b"x"), "status 200", request=False) == ()
    assert pushes.in_xml(b"<EventCapabilities/>", "status 200", request=False) == ()
    assert pushes.in_json(b'{"events":[]}', "status 200", request=False) == ()


@pytest.mark.parametrize(
    ("kind", "data", "name"),
    [
        (b"application/xml", b"", "in_xml"), (b"application/json", b"", "in_json"),
        (b"", b"\r\n<a>", "in_xml"),
        (b"application/octet-stream", b" {", "in_json"), (b"text/plain", b"Code=", "in_text"),
    ],
)  # fmt: skip
def test_who_reads_what(kind: bytes, data: bytes, name: str) -> None:
    """By the media type, or by the beginning where it says nothing."""
    found = pushes.finder(kind, data)
    assert found is not None
    assert found.__name__ == name


@pytest.mark.parametrize(
    ("kind", "data"), [(b"image/jpeg", b"<"), (b"", b"\xff\xd8"), (b"application/octet-stream", b"")]
)
def test_pictures_are_read_by_nobody(kind: bytes, data: bytes) -> None:
    """Whatever they begin with."""
    assert pushes.finder(kind, data) is None


@given(st.binary(max_size=200))
def test_no_bytes_raise(data: bytes) -> None:
    """Any document; what is told stays short."""
    for find in (pushes.in_xml, pushes.in_json, pushes.in_text):
        for wire in (
            data,
            ALERT % (data, b"", b""),
            NOTIFY % data,
            b'{"eventType":"' + data,
            b"Code=" + data,
        ):
            for item in find(wire, "POST /", request=True):
                assert len(item.detail) < 700


@pytest.mark.parametrize("step", [b"verify", b"login", b""])
def test_the_code_of_a_log_in_is_no_event(step: bytes) -> None:
    """Only beside the steps of an event it is one's."""
    data = b'{"action":"%b","code":"Xy12pq","password":"z"}' % step
    assert pushes.in_json(data, "POST /", request=True) == ()


def test_a_code_beside_a_step_is_an_event() -> None:
    """Whatever the case of the names."""
    data = b'{"Action":"Start","Code":"VideoMotion"}'
    assert one(pushes.in_json(data, "POST /", request=True)) == ("json-event", "POST /; VideoMotion")


@pytest.mark.parametrize("value", [b"KA01AB1234", b"AB-123-CD", b"cam:20260101/7"])
def test_a_word_of_many_digits_is_not_told(value: bytes) -> None:
    """It is what was seen, or which device saw it; a number alone is a type."""
    assert one(pushes.in_json(b'{"eventType":"%b"}' % value, "POST /", request=True)) == (
        "json-event", "POST /"
    )  # fmt: skip
