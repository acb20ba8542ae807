# SPDX-License-Identifier: Apache-2.0
"""A flow read by the installed tshark: right packets, useful facts, and never a secret or a picture."""

import dataclasses
import struct

import numpy as np
import pytest

from egresswatch.demo import payloads
from egresswatch.demo.frames import End, Talk, udp_frame
from egresswatch.dissect import tshark
from egresswatch.dissect.cut import cut
from egresswatch.dissect.lookup import Flow, Record
from egresswatch.dissect.timeline import display_filter, read
from egresswatch.records import FrameBatch

CAMERA = End("02:00:00:00:00:01", "10.20.0.13", 40000)
CLOUD = End("02:00:00:00:00:02", "203.0.113.9", 80)
NS = 1_000_000_000
SECRET = "S3cretPassw0rd"
FLOW = Flow(
    uid="C1", proto="tcp", orig_h=CAMERA.addr, orig_p=CAMERA.port, resp_h=CLOUD.addr, resp_p=CLOUD.port,
    vlan=None, orig_pkts=3, resp_pkts=2, orig_asset="cam-1", resp_asset="", service="http", server_name="",
    platform="", verdict="unknown", outcome="answered", end_reason="eof",
    records=(Record(0, 1000 * NS, 300, 200),),
)  # fmt: skip


@pytest.fixture
def reading(tmp_path):
    """A function: frames to what is read of them."""

    def make(frames, flow=FLOW, details=50):
        data = np.frombuffer(b"".join(frames), np.uint8)
        sizes = np.array([len(frame) for frame in frames], np.uint32)
        batch = FrameBatch(
            data, (np.cumsum(sizes) - sizes).astype(np.int64), sizes, sizes,
            np.arange(1, len(frames) + 1, dtype=np.int64) * NS,
            np.ones(len(frames), np.uint16), np.zeros(len(frames), np.uint16), 0,
        )  # fmt: skip
        window = (flow.ts, flow.ts_end)
        frames_cut = cut([batch], (flow.orig_h, flow.resp_h), window, 1000, tmp_path / "cut.pcapng")
        return read(flow, frames_cut, tshark.find(), details)

    return make


def http(request, answer, port=80):
    talk = Talk(CAMERA, CLOUD._replace(port=port))
    return [*talk.handshake(), *talk.send(0, request), *talk.send(1, answer)]


def everything(result):
    """All text that could reach a screen."""
    return repr(dataclasses.asdict(result))


def facts(result):
    return {(fact.name, fact.value) for fact in result.facts}


def test_steps_have_direction_time_and_frame_number(reading):
    """Frame numbers are the input's, times count from the flow's start."""
    talk = Talk(CAMERA, CLOUD)
    stranger = udp_frame(CAMERA, End(CLOUD.mac, "203.0.113.77", 9), b"x")
    result = reading([stranger, talk.syn(), talk.syn_ack(), talk.segment(0)])
    assert [step.frame for step in result.steps] == [2, 3, 4]
    assert [step.from_orig for step in result.steps] == [True, False, True]
    assert [step.after for step in result.steps] == [2 * NS, 3 * NS, 4 * NS]
    assert result.steps[0].protocol == "TCP"


def test_another_port_is_another_flow(reading):
    """The cut keeps by address; the display filter decides by port."""
    other = Talk(CAMERA._replace(port=40001), CLOUD)
    result = reading([Talk(CAMERA, CLOUD).syn(), other.syn()])
    assert [step.frame for step in result.steps] == [1]


def test_frames_whose_ports_tshark_does_not_see_are_shown_by_address(reading):
    """A jumbogram's ports are invisible to it; the packets are there all the same."""
    fragment = udp_frame(CAMERA, CLOUD, b"x" * 40)
    later = fragment[:20] + b"\x00\x05" + fragment[22:]  # a later fragment: no ports (RFC 791 §3.1)
    result = reading([later])
    assert [step.frame for step in result.steps] == [1]
    assert result.display_filter == "ip.addr == 10.20.0.13 && ip.addr == 203.0.113.9"


def test_layers_are_counted(reading):
    """How many of the packets read hold each layer."""
    result = reading(Talk(CAMERA, CLOUD).handshake())
    assert [(layer.name, layer.packets) for layer in result.layers] == [("eth", 3), ("ip", 3), ("tcp", 3)]


def test_facts_of_tls_and_dns(reading):
    """Server name and asked name, each told once."""
    talk = Talk(CAMERA, CLOUD._replace(port=443))
    hello = payloads.client_hello("eu.hik-connect.com")
    tls = dataclasses.replace(FLOW, resp_p=443)
    result = reading([*talk.handshake(), *talk.send(0, hello)], flow=tls)
    assert ("server name", "eu.hik-connect.com") in facts(result)
    dns = dataclasses.replace(FLOW, proto="udp", resp_p=53)
    query = udp_frame(CAMERA, CLOUD._replace(port=53), payloads.dns_query("litedev.hik-connect.com"))
    result = reading([query, query], flow=dns)
    assert [(fact.name, fact.value) for fact in result.facts] == [("asks for", "litedev.hik-connect.com")]


@pytest.mark.parametrize(
    "header",
    [
        {"Authorization": f"Basic YWRtaW46{SECRET}"},
        {"Authorization": f'Digest username="admin", realm="IP Camera", nonce="1", response="{SECRET}"'},
        {"Cookie": f"WebSession={SECRET}"},
        {"X-Token": SECRET},
        {"Referer": f"http://admin:{SECRET}@10.20.0.13/"},
        {"User-Agent": f"app token={SECRET}"},
    ],
    ids=["basic", "digest", "cookie", "token", "referer", "client"],
)
def test_http_credentials_are_never_in_the_reading(reading, header):
    """Whatever header carries them."""
    request = payloads.text_message("GET /doc/page.asp HTTP/1.1", {"Host": "cloud.example", **header})
    answer = payloads.text_message(
        "HTTP/1.1 200 OK", {"Server": "App-webs/", "Set-Cookie": f"s={SECRET}"}, b"ok"
    )
    result = reading(http(request, answer))
    assert SECRET not in everything(result)
    assert {("host", "cloud.example"), ("method", "GET"), ("server", "App-webs/")} <= facts(result)


@pytest.mark.parametrize(
    "path",
    [
        f"/cgi-bin/snapshot.cgi?user=admin&pwd={SECRET}",
        f"/x?{SECRET}",
        f"http://admin:{SECRET}@203.0.113.9/x",
    ],
)
def test_http_paths_lose_their_query_and_user(reading, path):
    """Cameras take user and password in the address."""
    request = payloads.text_message(f"GET {path} HTTP/1.1", {"Host": "cloud.example"})
    result = reading(http(request, payloads.text_message("HTTP/1.1 200 OK", {})))
    assert SECRET not in everything(result)


def test_a_login_form_and_a_picture_are_not_in_the_reading(reading):
    """No body is shown, neither what was posted nor the image that came back."""
    picture = b"\xff\xd8\xff\xe0JFIFPICTUREBYTES" + bytes(range(32, 127)) * 20
    form = f"username=admin&password={SECRET}".encode()
    request = payloads.text_message(
        "POST /login HTTP/1.1",
        {"Host": "c.example", "Content-Type": "application/x-www-form-urlencoded"},
        form,
    )
    answer = payloads.text_message("HTTP/1.1 200 OK", {"Content-Type": "image/jpeg"}, picture)
    text = everything(reading(http(request, answer)))
    assert SECRET not in text
    assert "PICTUREBYTES" not in text


def test_rtsp_credentials_are_not_in_the_reading(reading):
    """Neither in the address nor in the header."""
    flow = dataclasses.replace(FLOW, resp_p=554)
    request = payloads.text_message(
        f"DESCRIBE rtsp://admin:{SECRET}@203.0.113.9:554/ch1 RTSP/1.0",
        {"CSeq": "2", "Authorization": f'Digest username="a", response="{SECRET}"'},
    )
    answer = payloads.text_message("RTSP/1.0 200 OK", {"CSeq": "2"})
    result = reading(http(request, answer, port=554), flow=flow)
    assert SECRET not in everything(result)
    assert ("method", "DESCRIBE") in facts(result)


def test_an_mqtt_password_is_not_in_the_reading(reading):
    """The client id is; user name and password are not (MQTT 3.1.1 §3.1.3)."""
    flow = dataclasses.replace(FLOW, resp_p=1883)
    fields = b"".join(
        struct.pack(">H", len(text)) + text for text in (b"cam-77", b"secretuser", SECRET.encode())
    )
    body = b"\x00\x04MQTT\x04\xc2\x00\x3c" + fields
    connect = b"\x10" + bytes([len(body)]) + body
    result = reading(http(connect, b"\x20\x02\x00\x00", port=1883), flow=flow)
    text = everything(result)
    assert SECRET not in text and "secretuser" not in text
    assert ("client id", "cam-77") in facts(result)


@pytest.mark.parametrize(
    ("port", "line"),
    [(21, f"PASS {SECRET}"), (23, SECRET), (25, f"AUTH PLAIN {SECRET}"), (110, f"PASS {SECRET}"),
     (143, f"a1 LOGIN admin {SECRET}"), (9999, f"login {SECRET}")],
    ids=["ftp", "telnet", "smtp", "pop3", "imap", "unknown"],
)  # fmt: skip
def test_logins_of_text_protocols_are_not_in_the_reading(reading, port, line):
    """Their summaries are content, so they are not shown at all."""
    flow = dataclasses.replace(FLOW, resp_p=port)
    result = reading(http(f"{line}\r\n".encode(), b"200 ok\r\n", port=port), flow=flow)
    assert SECRET not in everything(result)
    assert len(result.steps) == 7


def test_the_filter_is_wireshark_s():
    """It can be pasted there."""
    tagged = dataclasses.replace(FLOW, vlan=20)
    assert display_filter(tagged) == (
        "ip.addr == 10.20.0.13 && ip.addr == 203.0.113.9 && tcp.port == 40000 && tcp.port == 80"
        " && (!vlan || vlan.id == 20)"
    )


def test_the_filter_of_a_protocol_without_ports():
    """ICMP over IPv6."""
    flow = dataclasses.replace(
        FLOW, proto="ipv6-icmp", orig_h="2001:db8::1", resp_h="2001:db8::2", orig_p=None, resp_p=None
    )
    assert display_filter(flow) == "ipv6.addr == 2001:db8::1 && ipv6.addr == 2001:db8::2 && icmpv6"
