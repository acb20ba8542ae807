# SPDX-License-Identifier: Apache-2.0
"""Captures: packets of a scene as a classic pcap (Ethernet, one VLAN tag, microseconds), checksums right.

A chunk at a time: the templates of its packets are joined, which lays constant bytes down at the speed of
memory; headers and what differs in payloads are then written over them, all packets of one shape at once.
A second file can get the same frames cut at a snaplen.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import BinaryIO

import numpy as np

from bench.draw import Array
from bench.payload import places, template, values
from bench.traffic import SECOND, TCP, UDP, Flows, Kind, Packets

EPOCH = 1_760_000_000
"""Second of the first packet."""
LEAST = 60
"""Bytes of the shortest frame, without check sequence."""
CHUNK = 32768
_RECORD, _LINK = 16, 18
_MAGIC = 0xA1B2C3D4

_START = [("second", "<u4"), ("micro", "<u4"), ("cap", "<u4"), ("wire", "<u4"), ("to", "u1", 6),
          ("from", "u1", 6), ("tpid", ">u2"), ("vlan", ">u2"), ("type", ">u2")]  # fmt: skip
_NETWORK = {
    False: [("version", ">u2"), ("length", ">u2"), ("id", ">u2"), ("fragment", ">u2"), ("ttl", "u1"),
            ("proto", "u1"), ("check", ">u2"), ("src", "u1", 4), ("dst", "u1", 4)],
    True: [("version", ">u4"), ("length", ">u2"), ("proto", "u1"), ("ttl", "u1"), ("src", "u1", 16),
           ("dst", "u1", 16)],
}  # fmt: skip
_TRANSPORT = {
    TCP: [("sport", ">u2"), ("dport", ">u2"), ("seq", ">u4"), ("ack", ">u4"), ("offset", "u1"),
          ("flags", "u1"), ("window", ">u2"), ("sum", ">u2"), ("urgent", ">u2")],
    UDP: [("sport", ">u2"), ("dport", ">u2"), ("size", ">u2"), ("sum", ">u2")],
}  # fmt: skip


def header_type(v6: bool, proto: int) -> np.dtype[np.void]:
    """Record header to transport header, packed."""
    return np.dtype([*_START, *_NETWORK[v6], *_TRANSPORT[proto]])


class Writer:
    """Turns packets (by time) into bytes, chunk by chunk."""

    def __init__(self, flows: Flows, packets: Packets) -> None:
        self.flows, self.packets = flows, packets
        v6, tcp = flows.v6[packets.flow].astype(np.int64), flows.tcp[packets.flow].astype(np.int64)
        shape = v6 << 40 | tcp << 32 | packets.size.astype(np.int64) << 8 | packets.kind
        shapes, self.code = np.unique(shape, return_inverse=True)
        self.shapes = [
            (bool(s >> 40), TCP if s >> 32 & 1 else UDP, int(s >> 8 & 0xFFFF), Kind(s & 255))
            for s in shapes.tolist()
        ]
        heads = [header_type(v6, proto).itemsize for v6, proto, _, _ in self.shapes]
        bodies = [template(kind, size) for *_, size, kind in self.shapes]
        self.templates = [
            (bytes(head) + body).ljust(_RECORD + LEAST, b"\0")
            for head, body in zip(heads, bodies, strict=True)
        ]
        self.lengths = np.array([len(whole) for whole in self.templates])[self.code]
        self.sums = np.array(
            [_words(np.frombuffer(b + bytes(len(b) & 1), np.uint8)[None])[0] for b in bodies], np.int64
        )
        self.mac = {end: _mac(getattr(flows, end)) for end in ("client", "server")}

    def write(self, out: BinaryIO, cut: BinaryIO | None = None, snaplen: int = 0) -> None:
        """The whole capture; ``cut`` gets the frames up to ``snaplen``."""
        out.write(_file_header(65535))
        if cut is not None:
            cut.write(_file_header(snaplen))
        for low in range(0, len(self.packets), CHUNK):
            data, at, length = self._chunk(low, min(len(self.packets), low + CHUNK))
            out.write(data.data)
            if cut is not None:
                cut.write(_shortened(data, at, length, snaplen).data)

    def _chunk(self, low: int, high: int) -> tuple[Array, Array, Array]:
        """Bytes of packets low .. high - 1, and where each record begins and how long it is."""
        code, length = self.code[low:high], self.lengths[low:high]
        at = np.cumsum(length) - length
        joined = b"".join(map(self.templates.__getitem__, code.tolist()))
        data = np.frombuffer(bytearray(joined), np.uint8)
        check = self.sums[code]
        for number in np.unique(code).tolist():
            v6, proto, size, kind = self.shapes[number]
            here = np.flatnonzero(code == number)
            if spots := places(kind, size):
                body = at[here] + header_type(v6, proto).itemsize
                for (place, _), rows in zip(spots, self._values(kind, size, low + here), strict=True):
                    _put(data, body + place, rows)
                    check[here] += _words(rows)
        families = np.array([v6 * 2 + (proto == TCP) for v6, proto, *_ in self.shapes])[code]
        for family in np.unique(families).tolist():
            here = np.flatnonzero(families == family)
            head = self._headers(
                bool(family & 2), TCP if family & 1 else UDP, low + here, length[here], check[here]
            )
            _put(data, at[here], head)
        return data, at, length

    def _values(self, kind: Kind, size: int, which: Array) -> list[Array]:
        p = self.packets
        flow = p.flow[which].astype(np.int64)
        return values(
            kind, size, which, p.seq[which].astype(np.int64), p.time[which], flow, self.flows.name[flow]
        )

    def _headers(self, v6: bool, proto: int, which: Array, length: Array, check: Array) -> Array:
        """Headers of packets of one family as bytes[packets, width]; ``check``: sums of their payloads."""
        f, p = self.flows, self.packets
        flow, back, size = p.flow[which], p.back[which], p.size[which].astype(np.int64)
        wide = back[:, None]
        head = np.zeros(len(which), header_type(v6, proto))
        head["second"], head["micro"] = EPOCH + p.time[which] // SECOND, p.time[which] % SECOND
        head["cap"] = head["wire"] = length - _RECORD
        macs, ends = self.mac, {"client": f.client[flow], "server": f.server[flow]}
        head["from"] = np.where(wide, macs["server"][flow], macs["client"][flow])
        head["to"] = np.where(wide, macs["client"][flow], macs["server"][flow])
        head["tpid"], head["vlan"], head["type"] = 0x8100, f.vlan[flow], 0x86DD if v6 else 0x0800
        octets = 16 if v6 else 4
        head["src"] = np.where(wide, ends["server"], ends["client"])[:, :octets]
        head["dst"] = np.where(wide, ends["client"], ends["server"])[:, :octets]
        inner = size + (20 if proto == TCP else 8)
        head["ttl"], head["proto"] = 64, proto
        if v6:
            head["version"], head["length"] = 6 << 28, inner
        else:
            head["version"], head["length"], head["id"], head["fragment"] = (
                0x4500,
                20 + inner,
                which & 0xFFFF,
                0x4000,
            )
        head["sport"] = np.where(back, f.sport[flow], f.cport[flow])
        head["dport"] = np.where(back, f.cport[flow], f.sport[flow])
        if proto == TCP:
            head["seq"], head["ack"], head["flags"] = p.seq[which], p.ack[which], p.flags[which]
            head["offset"] = 0x50
            head["window"] = 1024 + (which & 0x7FFF)  # no two bare acknowledgements are copies of one another
        else:
            head["size"] = inner
        raw = head.view(np.uint8).reshape(len(which), -1)
        network = _RECORD + _LINK
        transport = network + (40 if v6 else 20)
        if not v6:
            head["check"] = _fold(_words(raw[:, network:transport]))
        addresses = raw[:, transport - 2 * octets : transport]
        total = check + _words(addresses) + _words(raw[:, transport:]) + inner + proto
        folded = _fold(total)
        head["sum"] = np.where((folded == 0) & (proto == UDP), 0xFFFF, folded)  # RFC 768
        return raw


def write_capture(
    flows: Flows, packets: Packets, path: Path, cut: Path | None = None, snaplen: int = 128
) -> None:
    """Write the capture, and the cut one beside it where asked for."""
    writer = Writer(flows, packets)
    with path.open("wb") as out:
        if cut is None:
            writer.write(out)
        else:
            with cut.open("wb") as short:
                writer.write(out, short, snaplen)


def _file_header(snaplen: int) -> bytes:
    return struct.pack("<IHHiIII", _MAGIC, 2, 4, 0, 0, snaplen, 1)


def _mac(addresses: Array) -> Array:
    """A locally administered address for each host, made of its IP address."""
    out = np.zeros((len(addresses), 6), np.uint8)
    out[:, 0] = 2
    out[:, 2:] = addresses[:, :4] ^ addresses[:, 12:]
    return out


def _words(rows: Array) -> Array:
    """Sum of the big-endian 16-bit words of each row."""
    high, low = (rows[:, k::2].sum(axis=1, dtype=np.int64) for k in (0, 1))
    return np.asarray(high * 256 + low)


def _fold(total: Array) -> Array:
    """Ones' complement checksum of sums of words (RFC 1071)."""
    for _ in range(3):
        total = (total & 0xFFFF) + (total >> 16)
    return np.asarray(~total & 0xFFFF)


def _put(data: Array, at: Array, rows: Array) -> None:
    """Lay rows of bytes down at these places."""
    data[at[:, None] + np.arange(rows.shape[1])] = rows


def _shortened(data: Array, at: Array, length: Array, snaplen: int) -> Array:
    """The same records, each with at most ``snaplen`` bytes of frame."""
    kept = np.minimum(length, _RECORD + snaplen)
    view = memoryview(data.data)
    joined = b"".join(view[start:end] for start, end in zip(at.tolist(), (at + kept).tolist(), strict=True))
    out = np.frombuffer(bytearray(joined), np.uint8)
    starts = np.cumsum(kept) - kept
    _put(out, starts + 8, (kept - _RECORD).astype("<u4").view(np.uint8).reshape(-1, 4))
    return out
