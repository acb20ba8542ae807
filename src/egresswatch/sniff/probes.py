# SPDX-License-Identifier: Apache-2.0
"""The payload patterns of the protocols that egresswatch reads itself, and their slow matcher.

``BUILTIN`` is what the packet path looks for in the first payloads of a flow; the rule pack adds its
own rows behind it. ``match`` is the plain twin of the packet path's kernel, also used where a payload
comes into being later (a reassembled IP datagram). The tables say only "worth a look": the parser
decides. Reads no state, keeps none.

How a row is read: the comparison ``k`` wants ``n_k`` captured bytes at ``off_k`` (``n_k`` = 0: unused);
bytes after them do not take part (their mask is zero). Lengths and the length relation are those of the
declared payload; the field of the relation must have been captured. ``every`` asks, on UDP, for all
datagrams of the flow from then on; on TCP, that all its payloads are tried (a later request is a start).
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np

from egresswatch.patterns import Parser
from egresswatch.records import Array
from egresswatch.sniff.filepatterns import files
from egresswatch.sniff.pattern import TCP, UDP, row, texts

__all__ = ["BUILTIN", "match", "row"]

_BE16, _BE32, _LE32 = 1, 3, 4
_REL_WIDTH = (0, 2, 2, 4, 4)


def _tls() -> list[Array]:
    """RFC 8446 §5.1: handshake record 3.x, under 32 KiB, then ClientHello or ServerHello under 64 KiB."""
    head, mask = b"\x16\x03\x00\x00\x00", b"\xff\xff\xf8\x80\x00"
    hello = [
        row(Parser.TLS, TCP, head + kind, mask1=mask + b"\xff", second=b"\0", off2=6, min_len=7)
        for kind in (b"\x01", b"\x02")
    ]
    # the second ClientHello (after a HelloRetryRequest) stands behind a ChangeCipherSpec record
    again = row(
        Parser.TLS, TCP, b"\x14\x03\x00\x00\x01\x01\x16\x03", b"\x01\x00",
        mask1=b"\xff\xff\xf8\xff\xff\xff\xff\xff", off2=11, min_len=13,
    )  # fmt: skip
    return [*hello, again]


def _dtls() -> list[Array]:
    """RFC 6347 §4.1: an epoch 0 handshake record with ClientHello, ServerHello or Certificate."""
    head, mask = b"\x16\xfe\xf8\x00\x00\x00", b"\xff\xff\xf8\xff\xff\xff"
    return [
        row(Parser.DTLS, UDP, head, kind + b"\0", mask1=mask, off2=13, min_len=25)
        for kind in (b"\x01", b"\x02", b"\x0b")
    ]


def _quic() -> list[Array]:
    """Long headers of an Initial: RFC 9000 §17.2.2, RFC 9369 §3.2, and the last drafts still seen."""
    bits = b"\xf0\xff\xff\xff\xff"
    some = b"\xf0\xff\xff\xff\xc0"
    drafts = row(Parser.QUIC, UDP, b"\xc0\xff\x00\x00\x00", mask1=some, min_len=64)
    v1 = row(Parser.QUIC, UDP, b"\xc0\x00\x00\x00\x01", mask1=bits, min_len=64)
    v2 = row(Parser.QUIC, UDP, b"\xd0\x6b\x33\x43\xcf", mask1=bits, min_len=64)
    return [v1, v2, drafts]


def _http() -> list[Array]:
    methods = (
        b"GET ", b"POST ", b"HEAD ", b"PUT ", b"DELETE ", b"PATCH ", b"CONNECT ", b"TRACE /", b"PROPFIND /",
        b"OPTIONS /", b"OPTIONS http", b"OPTIONS * HTTP", b"SUBSCRIBE /", b"SUBSCRIBE http",
        b"UNSUBSCRIBE /", b"NOTIFY /", b"NOTIFY http", b"HTTP/1.",
    )  # fmt: skip
    return texts(Parser.HTTP, TCP, *methods)


def _rtsp() -> list[Array]:
    """RFC 2326 §6.1: a method with an rtsp URL; OPTIONS may carry ``*``."""
    methods = (
        b"OPTIONS rtsp", b"OPTIONS * RTSP", b"DESCRIBE rtsp", b"SETUP rtsp", b"PLAY rtsp", b"PAUSE rtsp",
        b"RECORD rtsp", b"ANNOUNCE rtsp", b"TEARDOWN rtsp", b"REDIRECT rtsp", b"GET_PARAMETER rt",
        b"SET_PARAMETER rt", b"RTSP/1.", b"RTSP/2.",
    )  # fmt: skip
    return texts(Parser.RTSP, TCP, *methods)


def _sip() -> list[Array]:
    methods = (
        b"REGISTER", b"INVITE", b"ACK", b"BYE", b"CANCEL", b"OPTIONS", b"MESSAGE", b"SUBSCRIBE", b"NOTIFY",
        b"INFO", b"PUBLISH", b"PRACK", b"REFER", b"UPDATE",
    )  # fmt: skip
    starts = [method + b" sip" for method in methods] + [b"INVITE tel:", b"SIP/2.0 "]
    return [row for proto in (UDP, TCP) for row in texts(Parser.SIP, proto, *starts)]


def _stun() -> list[Array]:
    """RFC 8489 §5: the magic cookie; RFC 3489 §11.1 has none, so type and exact length must fit.

    The length field counts what follows the 20 bytes of the header and is a multiple of 4.
    """
    cookie, mask = b"\0\0\0\0\x21\x12\xa4\x42", b"\xc0\0\0\x03\xff\xff\xff\xff"
    exact = (_BE16, 2, 20)
    classic = [
        row(Parser.STUN, UDP, kind + b"\0\0", mask1=b"\xff\xff\xfc\x03", rel=exact, min_len=20, max_len=576)
        for kind in (b"\x00\x01", b"\x01\x01", b"\x01\x11")
    ]
    return [
        row(Parser.STUN, UDP, cookie, mask1=mask, rel=exact, min_len=20),
        row(Parser.STUN, TCP, cookie, mask1=mask, min_len=20),
        *classic,
    ]


def _mqtt() -> list[Array]:
    """CONNECT: fixed header of 2 or 3 bytes, then the protocol name (MQTT 3.1, 3.1.1 and 5)."""
    names = (b"\x00\x04MQTT", b"\x00\x06MQIsdp")
    return [
        row(Parser.MQTT, TCP, b"\x10", name, off2=offset, min_len=12) for name in names for offset in (2, 3)
    ]


def _by_port() -> list[Array]:
    """Protocols that are known by their port; of most of them every datagram is wanted."""
    xml = (b"<?xml", b"\xef\xbb\xbf<", b"<")
    cookie = b"\x63\x82\x53\x63"  # RFC 2131 §3
    return [
        row(Parser.DNS, UDP, port=53, min_len=12, every=True),
        row(Parser.DNS_TCP, TCP, port=53, min_len=1, every=True),
        row(Parser.MDNS, UDP, port=5353, min_len=12, every=True),
        row(Parser.MDNS, UDP, port=5355, min_len=12, every=True),
        row(Parser.DHCP, UDP, cookie, off1=236, port=67, min_len=240, every=True),
        row(Parser.DHCP, UDP, cookie, off1=236, port=68, min_len=240, every=True),
        *texts(Parser.SSDP, UDP, b"M-SEARCH * HTTP", b"NOTIFY * HTTP", b"HTTP/1."),
        row(Parser.SSDP, UDP, b"M-SEARCH", port=1900, min_len=16, every=True),
        *(row(Parser.WSD, UDP, start, port=3702, min_len=32, every=True) for start in xml),
    ]


def _discovery() -> list[Array]:
    """How tools find cameras, hosts call themselves and devices ask a router to open a port."""
    xml = (b"<?xml", b"\xef\xbb\xbf<", b"<")
    return [
        *(row(Parser.SADP, UDP, start, port=37020, min_len=16) for start in xml),
        row(Parser.DHDISCOVER, UDP, b"\x20\0\0\0DHIP", min_len=33),
        row(Parser.DHDISCOVER, UDP, b"\xa3\x01", port=5050, min_len=32),
        row(Parser.DHDISCOVER, UDP, b"\xb3\x00", port=5050, min_len=120),
        # DVRIP messages 1530 and 1531
        row(
            Parser.XMDISCOVER, UDP, b"\xff\0\0\0", b"\xfa\x05", mask1=b"\xff\xfe\xff\xff", off2=14,
            mask2=b"\xfe\xff", rel=(_LE32, 16, 20), port=34569, min_len=20,
        ),
        row(Parser.NBNS, UDP, b"\x20", off1=12, port=137, min_len=50),
        *(row(Parser.SNMP, UDP, b"\x30", port=port, min_len=20) for port in (161, 162)),
        *(
            row(Parser.NATPMP, UDP, version, port=port, min_len=2, max_len=1100)
            for port in (5350, 5351)
            for version in (b"\0", b"\x02")
        ),
    ]  # fmt: skip


def _media() -> list[Array]:
    """SRT and UDT handshakes; RTP and RTCP (RFC 3550), of which a single packet says little; relayed data
    (RFC 8656 §12.4), which counts only where its channel was bound."""
    handshake = row(
        Parser.SRT, UDP, b"\x80\0\0\0", b"\0\0\0\x04", off2=16, mask2=b"\xff\xff\xff\xfe", min_len=64
    )
    reports = row(Parser.RTP, UDP, b"\x80\xc8", mask1=b"\xe0\xfe", min_len=8)
    media = row(Parser.RTP, UDP, b"\x80", mask1=b"\xee", min_len=13)  # no padding, one other source at most
    channel = row(Parser.STUN, UDP, b"\x40", mask1=b"\xf0", rel=(_BE16, 2, 4), min_len=5)
    return [handshake, reports, media, channel]


def _builtin() -> Array:
    # the packet path takes the first row that fits: the surest first, TLS on port 53 is TLS
    groups = (
        _tls(), _dtls(), _quic(), _by_port(), _discovery(), _stun(), _rtsp(), _sip(), _http(), _mqtt(),
        files(), _media(),
    )  # fmt: skip
    table: Array = np.concatenate([row for group in groups for row in group])
    table.flags.writeable = False
    return table


BUILTIN: Array = _builtin()
"""PATTERN rows of every built-in parser, read-only."""


class Row(NamedTuple):
    """A row of the table as plain numbers, in its order."""

    mask1: int
    value1: int
    mask2: int
    value2: int
    off1: int
    off2: int
    n1: int
    n2: int
    min_len: int
    max_len: int
    port: int
    proto: int
    every: int
    rel: int
    sender: int
    rel_off: int
    rel_add: int
    parser: int
    first: int
    last: int


Rows = dict[int, list[Row]]
"""By protocol, in the order of the table."""


def rows(patterns: Array) -> Rows:
    """A table made ready for ``fitting``."""
    made: Rows = {}
    for values in patterns.tolist():
        one = Row._make(values[:-1])
        made.setdefault(one.proto, []).append(one)
    return made


def match(
    patterns: Array, proto: int, sport: int, dport: int, payload: bytes, length: int,
    sender: int = 0, number: int = 0,
) -> list[int]:  # fmt: skip
    """``fitting`` in a table that is looked into once."""
    return fitting(rows(patterns), proto, sport, dport, payload, length, sender, number)


def fitting(
    rows: Rows, proto: int, sport: int, dport: int, payload: bytes, length: int,
    sender: int = 0, number: int = 0,
) -> list[int]:  # fmt: skip
    """Parsers whose pattern fits, in the order of the rows, each once.

    ``sender`` (1 originator, 2 responder), ``number`` of the payload: 0, not known, suits no row that asks.
    """
    found: list[int] = []
    ports = (0, sport, dport)
    for one in rows.get(proto, ()):
        if (
            one.port in ports
            and one.min_len <= length
            and (not one.n1 or _holds(payload, one.off1, one.n1, one.mask1, one.value1))
            and (not one.n2 or _holds(payload, one.off2, one.n2, one.mask2, one.value2))
            and (not one.max_len or length <= one.max_len)
            and one.sender in (0, sender)
            and (not one.last or one.first <= number <= one.last)
            and (not one.rel or _related(one, payload, length))
            and one.parser not in found
        ):
            found.append(one.parser)
    return found


def _holds(payload: bytes, offset: int, size: int, mask: int, value: int) -> bool:
    piece = payload[offset : offset + size]
    return len(piece) == size and int.from_bytes(piece.ljust(8, b"\0"), "big") & mask == value


def _related(row: Row, payload: bytes, length: int) -> bool:
    width = _REL_WIDTH[row.rel]
    piece = payload[row.rel_off : row.rel_off + width]
    order: Literal["big", "little"] = "big" if row.rel in (_BE16, _BE32) else "little"
    return len(piece) == width and int.from_bytes(piece, order) + row.rel_add == length
