# SPDX-License-Identifier: Apache-2.0
"""Capture files made by hand, and the slow twins: plain Python readers of the three formats."""

import io
import struct
import types
from fractions import Fraction

import pytest

from egresswatch.source import open_replay

NS = 10**9
TS_CAP = (1 << 62) - 1


# --- builders ------------------------------------------------------------------------------------
def pcap(frames, *, order="<", magic=0xA1B2C3D4, network=1, snaplen=262144, version=(2, 4), tick=None):
    """A pcap file of (nanoseconds, payload, wire length) rows."""
    tick = tick or (1 if magic == 0xA1B23C4D else 1000)
    out = [struct.pack(order + "IHHiIII", magic, *version, 0, 0, snaplen, network)]
    for ts, payload, wire in frames:
        lengths = (wire, len(payload)) if version < (2, 3) else (len(payload), wire)
        out.append(struct.pack(order + "IIII", ts // NS, ts % NS // tick, *lengths))
        if magic == 0xA1B2CD34:
            out.append(struct.pack(order + "IHBB", 3, 0x800, 4, 0))
        out.append(payload)
    return b"".join(out)


def block(kind, body, order="<"):
    """A pcapng block around a body, padded."""
    body += bytes(-len(body) % 4)
    total = len(body) + 12
    return struct.pack(order + "II", kind, total) + body + struct.pack(order + "I", total)


def options(pairs, order="<"):
    """pcapng options, closed."""
    out = b"".join(
        struct.pack(order + "HH", code, len(value)) + value + bytes(-len(value) % 4) for code, value in pairs
    )
    return out + bytes(4) if pairs else b""


def section(order="<", version=(1, 0)):
    return block(0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, *version, -1), order)


def interface(link=1, snaplen=0, opts=(), order="<"):
    return block(1, struct.pack(order + "HHI", link, 0, snaplen) + options(opts, order), order)


def enhanced(which, ticks, payload, wire=None, order="<", opts=()):
    wire = len(payload) if wire is None else wire
    head = struct.pack(order + "IIIII", which, ticks >> 32, ticks & 0xFFFFFFFF, len(payload), wire)
    return block(6, head + payload + bytes(-len(payload) % 4) + options(opts, order), order)


def obsolete(which, ticks, payload, wire=None, drops=0xFFFF, order="<"):
    wire = len(payload) if wire is None else wire
    head = struct.pack(order + "HHIIII", which, drops, ticks >> 32, ticks & 0xFFFFFFFF, len(payload), wire)
    return block(2, head + payload, order)


def simple(payload, wire=None, order="<"):
    return block(3, struct.pack(order + "I", len(payload) if wire is None else wire) + payload, order)


def statistics(which, opts, order="<"):
    return block(5, struct.pack(order + "III", which, 0, 0) + options(opts, order), order)


def snoop(frames, *, datalink=4, version=2, drops=0):
    """A snoop file of (nanoseconds, payload, wire length) rows."""
    out = [b"snoop\0\0\0" + struct.pack(">II", version, datalink)]
    for ts, payload, wire in frames:
        pad = -len(payload) % 4
        head = (wire, len(payload), 24 + len(payload) + pad, drops, ts // NS, ts % NS // 1000)
        out.append(struct.pack(">IIIIII", *head) + payload + bytes(pad))
    return b"".join(out)


# --- slow twins: (ts, cap, wire, link, payload) rows and where reading stopped -----------------------
def slow_pcap(data):
    order = "<" if data[0] in (0xD4, 0x4D, 0x34) else ">"
    magic, major, minor, _, _, _, network = struct.unpack(order + "IHHiIII", data[:24])
    header, tick = (24 if magic == 0xA1B2CD34 else 16), (1 if magic == 0xA1B23C4D else 1000)
    rows, at, limit = [], 24, 1 << 27 if network & 0xFFFF in (189, 220, 231, 249) else 262144
    while at + header <= len(data):
        sec, part, cap, wire = struct.unpack(order + "IIII", data[at : at + 16])
        if (major == 2 and minor < 3) or major == 543 or (minor == 3 and cap > wire):
            cap, wire = wire, cap
        payload = data[at + header : at + header + cap]
        if cap > limit or len(payload) < cap:
            break
        rows.append((sec * NS + part * tick, cap, max(cap, wire), network & 0xFFFF, payload))
        at += header + cap
    return rows, at


def slow_time(ticks, resolution, offset):
    """pcapng ticks as nanoseconds, by exact fractions."""
    base = 2 if resolution & 0x80 else 10
    exact = Fraction(ticks * NS, base ** (resolution & 0x7F))
    offset = max(-4_600_000_000, min(4_600_000_000, offset))
    return max(0, min(min(exact.numerator // exact.denominator, TS_CAP) + offset * NS, TS_CAP))


def slow_options(raw, order):
    at = 0
    while at + 4 <= len(raw):
        code, length = struct.unpack(order + "HH", raw[at : at + 4])
        if code == 0 or at + 4 + length > len(raw):
            return
        yield code, raw[at + 4 : at + 4 + length]
        at += 4 + (length + 3) // 4 * 4


def slow_pcapng(data):
    rows, at, order, faces, now = [], 0, "<", [], 0
    while at + 12 <= len(data):
        kind, total = struct.unpack(order + "II", data[at : at + 8])
        if kind == 0x0A0D0D0A:
            order_here = {b"\x1a\x2b\x3c\x4d": ">", b"\x4d\x3c\x2b\x1a": "<"}.get(data[at + 8 : at + 12])
            if order_here is None or at + 28 > len(data):
                break
            total, major = struct.unpack(order_here + "4xI4xH", data[at : at + 14])
            if total < 28 or major != 1:
                break
        else:
            order_here = order
        if total < 12 or total % 4 or at + total > len(data):
            break
        if data[at + total - 4 : at + total] != struct.pack(order_here + "I", total):
            break
        body = data[at + 8 : at + total - 4]
        if kind == 0x0A0D0D0A:
            order, faces = order_here, []
        elif kind == 1:
            if total < 20:
                break
            link, _, snaplen = struct.unpack(order + "HHI", body[:8])
            opts = dict(slow_options(body[8:], order))
            resolution = (opts.get(9, b"\x06")[:1] or b"\x06")[0]
            offset = struct.unpack(order + "q", opts[14][:8])[0] if len(opts.get(14, b"")) >= 8 else 0
            faces.append((link, snaplen, resolution, offset))
        elif kind == 5 and total < 20:
            break
        elif kind in (2, 6):
            if total < 32:
                break
            which = struct.unpack(order + ("I" if kind == 6 else "H2x"), body[:4])[0]
            high, low, cap, wire = struct.unpack(order + "IIII", body[4:20])
            if which >= len(faces) or cap > total - 32 or cap > 262144:
                break
            link, _, resolution, offset = faces[which]
            now = slow_time(high << 32 | low, resolution, offset)
            rows.append((now, cap, max(cap, wire), link, body[20 : 20 + cap]))
        elif kind == 3:
            if total < 16 or not faces:
                break
            wire = struct.unpack(order + "I", body[:4])[0]
            cap = min(wire, total - 16, faces[0][1] or 1 << 32)
            if cap > 262144:
                break
            rows.append((now, cap, wire, faces[0][0], body[4 : 4 + cap]))
        at += total
    return rows, at


def slow_snoop(data):
    link = {0: 1, 2: 6, 4: 1, 5: 104, 8: 10, 18: 123, 26: 226}.get(struct.unpack(">I", data[12:16])[0], 65535)
    rows, at = [], 16
    while at + 24 <= len(data):
        wire, cap, total, _, sec, part = struct.unpack(">IIIIII", data[at : at + 24])
        if total < cap + 24 or at + total > len(data) or cap > 262144:
            break
        rows.append((sec * NS + part * 1000, cap, max(cap, wire), link, data[at + 24 : at + 24 + cap]))
        at += total
    return rows, at


# --- reading with the real thing ---------------------------------------------------------------------
def rows_of(source):
    """Everything a source gives, as rows like the slow twins', with the batch rules checked."""
    rows = []
    for batch in source.batches():
        assert batch.first == len(rows)
        assert len(batch) > 0
        assert not batch.data.flags.writeable
        columns = (batch.off, batch.cap, batch.wire, batch.ts, batch.link, batch.iface)
        for off, cap, wire, ts, link, iface in zip(*(column.tolist() for column in columns)):
            assert off >= 0
            assert off + cap <= len(batch.data)
            assert iface < len(source.facts.interfaces)
            rows.append((ts, cap, wire, link, batch.data[off : off + cap].tobytes()))
    return rows


def read(data, **kwargs):
    """Bytes through the source's standard input: (rows, facts)."""
    source = open_replay(["-"], stdin=io.BytesIO(data), **kwargs)
    rows = rows_of(source)
    source.close()
    return rows, source.facts


@pytest.fixture(scope="session")
def make():
    """The builders, twins and readers of this file."""
    return types.SimpleNamespace(**{name: value for name, value in globals().items() if callable(value)})
