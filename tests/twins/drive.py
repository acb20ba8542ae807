# SPDX-License-Identifier: Apache-2.0
"""Runs the decode kernel over frames that a test made, and compares its rows with the twin's."""

from typing import NamedTuple

import numpy as np
from decode_twin import decode as twin_decode

from egresswatch.decode.kernels import decode
from egresswatch.packets import (
    ASIDE,
    COUNTS,
    KEY_FRAGMENT,
    KEY_PORTS,
    KEY_V6,
    PACKET,
    PF_FRAG_LATER,
    PF_MORE,
    PF_PAYLOAD,
    QUOTE,
    TUNNEL_BITS,
    Bucket,
    Count,
)
from egresswatch.records import FrameBatch

START = -(1 << 62)
T0 = 1_700_000_000_000_000_000
NOTHING = b"\0\0\xff\xff"


class Shot(NamedTuple):
    """A frame as a capture holds it."""

    data: bytes
    ts: int = T0
    link: int = 1
    wire: int | None = None


class Decoded(NamedTuple):
    """What the kernel wrote for a batch."""

    rows: np.ndarray
    quotes: np.ndarray
    quoted: int
    clock: int
    buckets: dict
    counts: dict
    unsupported: np.ndarray
    asides: np.ndarray


def batch_of(shots, *, between: bytes = b"", first: int = 0) -> FrameBatch:
    """A batch of these frames, with ``between`` before, between and behind them in the buffer."""
    data, off = bytearray(between), []
    for shot in shots:
        off.append(len(data))
        data += shot.data + between
    cap = [len(shot.data) for shot in shots]
    wire = [max(len(shot.data), shot.wire or 0) for shot in shots]
    return FrameBatch(
        np.frombuffer(bytes(data), np.uint8), np.array(off, np.int64), np.array(cap, np.uint32),
        np.array(wire, np.uint32), np.array([shot.ts for shot in shots], np.int64),
        np.array([shot.link for shot in shots], np.uint16), np.zeros(len(shots), np.uint16), first,
    )  # fmt: skip


def decode_batch(
    batch: FrameBatch, wanted=(), *, clock: int = START, dup: bool = True, fill: int = 0
) -> Decoded:
    """Decode a batch into rows whose memory held ``fill`` before."""
    n = len(batch)
    rows, quotes = np.full(n * PACKET.itemsize, fill, np.uint8).view(PACKET), np.zeros(n, QUOTE)
    rows["shard"] = 0
    buckets, counts = np.zeros(len(Bucket), np.uint64), np.zeros(COUNTS, np.uint64)
    unsupported, asides = np.zeros(65536, np.uint64), np.zeros(n, ASIDE)
    clock, quoted, aside = decode(
        batch.data, batch.off, batch.cap, batch.wire, batch.ts, batch.link, np.int64(clock),
        np.int64(sum(TUNNEL_BITS[name] for name in wanted)), dup, rows, quotes, asides,
        np.zeros(1, PACKET), buckets, counts, np.zeros(COUNTS, np.uint64), unsupported,
    )  # fmt: skip
    return Decoded(
        rows, quotes, int(quoted), int(clock), {b.name: int(buckets[b]) for b in Bucket if buckets[b]},
        {c.name: int(counts[c]) for c in Count if counts[c]}, unsupported, asides[:aside],
    )  # fmt: skip


def ends(row) -> tuple[bytes, bytes, int, int]:
    """(source, destination, source port, destination port) of a PACKET or QUOTE row."""
    v6 = int(row["meta"]) & KEY_V6
    a, b = (int(row[e + "_hi"]).to_bytes(8, "big") + int(row[e + "_lo"]).to_bytes(8, "big") for e in "ab")
    if not v6:
        assert a[:12] == b[:12] == b"\0" * 10 + b"\xff\xff"
        a, b = a[12:], b[12:]
    meta = int(row["meta"])
    port_a, port_b = meta >> 48, meta >> 32 & 0xFFFF
    assert (a, port_a) <= (b, port_b)
    return (b, a, port_b, port_a) if row["side"] else (a, b, port_a, port_b)


def told(packet) -> dict:
    """A twin's packet in comparable form."""
    ports = packet.ports or (0, 0)
    return {
        "v6": packet.v6, "src": packet.src, "dst": packet.dst, "proto": packet.proto, "ports": ports,
        "has_ports": packet.ports is not None, "fragment": packet.frag_off > 0,
    }  # fmt: skip


def told_row(row) -> dict:
    """The same of a PACKET or QUOTE row."""
    meta = int(row["meta"])
    src, dst, sport, dport = ends(row)
    return {
        "v6": bool(meta & KEY_V6), "src": src, "dst": dst, "proto": meta >> 8 & 0xFF, "ports": (sport, dport),
        "has_ports": bool(meta & KEY_PORTS), "fragment": bool(meta & KEY_FRAGMENT),
    }  # fmt: skip


def details(packet) -> dict:
    """What a PACKET row says beyond the key, from the twin's packet (places relative to the frame)."""
    tags = packet.tags[:2]
    return {
        "ip_bytes": packet.ip_bytes, "tcp": (packet.seq, packet.ack, packet.tcp_flags), "icmp": packet.icmp,
        "pay": (packet.pay, packet.pay_len, packet.pay_cap), "frag_off": packet.frag_off, "more": packet.more,
        "ident": packet.ident, "tags": tags, "macs": (packet.dst_mac, packet.src_mac),
    }  # fmt: skip


def details_row(row, frame: bytes, off: int) -> dict:
    """The same of a PACKET row."""
    vlan, flags, has = int(row["vlan"]), int(row["flags"]), int(row["flags"]) & PF_PAYLOAD
    tags = (vlan >> 12 & 0xFFF, vlan & 0xFFF)[: vlan >> 28]
    macs = tuple(frame[int(p) : int(p) + 6] if p >= 0 else None for p in (row["mac"], row["mac_src"]))
    assert bool(flags & PF_FRAG_LATER) == bool(row["frag_off"])
    return {
        "ip_bytes": int(row["ip_bytes"]), "icmp": int(row["icmp"]),
        "tcp": (int(row["seq"]), int(row["ack"]), int(row["tcp_flags"])),
        "pay": (int(row["pay"]) - off if has else -1, int(row["pay_len"]), int(row["pay_cap"])),
        "frag_off": int(row["frag_off"]), "more": bool(flags & PF_MORE), "ident": int(row["frag_key"]) >> 8,
        "tags": tags, "macs": macs,
    }  # fmt: skip


def check(shots, wanted=(), *, between: bytes = b"", fill: int = 0) -> Decoded:
    """Decode these frames with the kernel and the twin; every row, quote and counter must be the same."""
    batch = batch_of(shots, between=between)
    out = decode_batch(batch, wanted, fill=fill)
    counts: dict = {}
    quotes = {int(q["index"]): told_row(q) for q in out.quotes[: out.quoted]}
    clock = START
    for i, shot in enumerate(shots):
        twin, row = twin_decode(shot.data, shot.wire, shot.link, wanted), out.rows[i]
        place = f"frame {i}: link {shot.link}, {shot.data.hex()}"
        assert Bucket(int(row["bucket"])).name == twin.bucket, place
        counts = {k: counts.get(k, 0) + twin.counts[k] for k in {*counts, *twin.counts}}
        counts["late_frames"] = counts.get("late_frames", 0) + (shot.ts < clock)
        clock = max(clock, shot.ts)
        assert int(row["clock"]) == clock, place
        if twin.packet is not None:
            assert told_row(row) == told(twin.packet), place
            assert details_row(row, shot.data, int(batch.off[i])) == details(twin.packet), place
        assert quotes.get(i) == (told(twin.quote) if twin.quote else None), place
    assert out.counts == {k: v for k, v in counts.items() if v}
    assert out.clock == clock
    assert sum(out.buckets.values()) == len(shots)
    return out
