# SPDX-License-Identifier: Apache-2.0
"""The index kernels: walk record headers, fill one row a frame, copy nothing.

Owns the byte layouts of pcap, pcapng packet blocks and snoop records. Each kernel gets the bytes
``data[pos:end]``, writes up to ``limit`` rows and stops by itself when the rows hold ``max_bytes``
of payload (at least one row is always written). It returns ``(rows, position, status, ...)``: the
position is that of the first record not taken, the status is one of the ``STOP_*`` numbers. No
kernel reads at or past ``end``, allocates, or raises. Their slow twins are in tests/unit/source.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from egresswatch.jit import inline, kernel

STOP_FULL = 0
"""The rows or their bytes are full: call again from the returned position."""
STOP_MORE = 1
"""The record at the returned position does not end before ``end``: bring more bytes."""
STOP_LENGTH = 2
"""The record at the returned position says a captured length that cannot be."""
STOP_CONTROL = 3
"""pcapng: a section, interface or statistics block for Python."""
STOP_TRAILER = 4
"""pcapng: the block's two lengths differ."""
STOP_INTERFACE = 5
"""pcapng: a packet of an interface that was not described."""

BLOCK_LIMIT = 16 << 20
"""pcapng: longest block without a frame, and room for options beside one (as Wireshark)."""

TS_CAP = (1 << 62) - 1
"""Latest time given (year 2116): leaves room to add timeouts without overflow."""

IFACE = np.dtype(
    [
        # one described pcapng interface: how its ticks become nanoseconds, and what it captures
        ("mul", "u8"),         # decimal resolution, 10**-9 or coarser: nanoseconds of a tick
        ("div", "u8"),         # decimal resolution finer than that: ticks of a nanosecond
        ("max_ticks", "u8"),   # larger tick values pass TS_CAP
        ("offset", "i8"),      # nanoseconds to add (if_tsoffset)
        ("lost", "u8"),        # sum of the drop counts that obsolete packet blocks told
        ("packets", "u8"),
        ("snaplen", "u4"),     # 0 = no limit
        ("shift", "u4"),       # binary resolution 2**-shift when binary == 1
        ("link", "u2"),
        ("index", "u2"),       # in SourceFacts.interfaces
        ("binary", "u1"),
        ("lost_told", "u1"),   # an obsolete packet block carried a drop count
        ("pad", "u1", (2,)),
    ]
)  # fmt: skip

_NS = np.int64(1_000_000_000)
_TS_CAP = np.int64(TS_CAP)
_U16_NONE = np.int64(0xFFFF)


@inline
def _u16(data: Any, i: Any, big: Any) -> Any:
    a = np.int64(data[i])
    b = np.int64(data[i + 1])
    if big:
        return (a << 8) | b
    return (b << 8) | a


@inline
def _u32(data: Any, i: Any, big: Any) -> Any:
    a = np.int64(data[i])
    b = np.int64(data[i + 1])
    c = np.int64(data[i + 2])
    d = np.int64(data[i + 3])
    if big:
        return (a << 24) | (b << 16) | (c << 8) | d
    return (d << 24) | (c << 16) | (b << 8) | a


@kernel
def index_pcap(
    data: Any, pos: Any, end: Any, big: Any, header: Any, tick: Any, order: Any, max_len: Any,
    limit: Any, max_bytes: Any, off: Any, cap: Any, wire: Any, ts: Any,
) -> Any:  # fmt: skip
    """Index classic pcap records.

    ``header``: bytes of a record header (16, or 24 in the modified form); ``tick``: nanoseconds of
    a fraction unit; ``order``: 0 captured length first, 1 wire length first, 2 whichever is smaller
    (pcap before 2.3, at 2.3, see pcap.py).
    """
    n = 0
    taken = 0
    while n < limit:
        if pos + header > end:
            return n, pos, STOP_MORE
        caplen = _u32(data, pos + 8, big)
        length = _u32(data, pos + 12, big)
        if order == 1 or (order == 2 and caplen > length):
            caplen, length = length, caplen
        if caplen > max_len:
            return n, pos, STOP_LENGTH
        following = pos + header + caplen
        if following > end:
            return n, pos, STOP_MORE
        off[n] = pos + header
        cap[n] = caplen
        wire[n] = max(length, caplen)
        ts[n] = _u32(data, pos, big) * _NS + _u32(data, pos + 4, big) * tick
        n += 1
        pos = following
        taken += caplen
        if taken >= max_bytes:
            break
    return n, pos, STOP_FULL


@inline
def nanoseconds(ticks: Any, row: Any) -> Any:
    """A pcapng tick count of an interface as nanoseconds since 1970, held in 0..TS_CAP."""
    if ticks > row["max_ticks"]:
        value = np.uint64(_TS_CAP)
    elif row["binary"] == 1:
        shift = np.uint64(row["shift"])
        if shift < np.uint64(64):
            seconds = ticks >> shift
            part = ticks & ((np.uint64(1) << shift) - np.uint64(1))
        else:
            seconds = np.uint64(0)
            part = ticks
        # part * 10**9 >> shift in two halves: the product has up to 94 bits
        high = (part >> np.uint64(32)) * np.uint64(1_000_000_000)
        low = (part & np.uint64(0xFFFFFFFF)) * np.uint64(1_000_000_000)
        if shift >= np.uint64(32):
            fine = shift - np.uint64(32)
            whole = high + (low >> np.uint64(32))
            fraction = np.uint64(0) if fine > np.uint64(63) else whole >> fine
        else:
            fraction = low >> shift
        value = seconds * np.uint64(1_000_000_000) + fraction
    elif row["div"] > np.uint64(1):
        value = ticks // row["div"]
    else:
        value = ticks * row["mul"]
    total = min(np.int64(value), _TS_CAP) + row["offset"]
    return min(max(total, np.int64(0)), _TS_CAP)


@kernel
def index_pcapng(
    data: Any, pos: Any, end: Any, big: Any, ifaces: Any, known: Any, now: Any, max_len: Any,
    limit: Any, max_bytes: Any, off: Any, cap: Any, wire: Any, ts: Any, link: Any, iface: Any,
) -> Any:  # fmt: skip
    """Index pcapng packet blocks (enhanced, simple, obsolete) of one section; skip foreign blocks.

    ``now``: time of the packet before, which a simple packet block (it has none) takes over; it is
    returned as fourth value. ``max_len`` bounds captured lengths.
    """
    n = 0
    taken = 0
    while n < limit:
        if pos + 12 > end:
            return n, pos, STOP_MORE, now
        kind = _u32(data, pos, big)
        total = _u32(data, pos + 4, big)
        if kind in (0x0A0D0D0A, 1, 5):
            return n, pos, STOP_CONTROL, now
        if total < 12 or (total & 3) != 0 or total > max_len + BLOCK_LIMIT:
            return n, pos, STOP_LENGTH, now
        if pos + total > end:
            return n, pos, STOP_MORE, now
        if _u32(data, pos + total - 4, big) != total:
            return n, pos, STOP_TRAILER, now
        if kind in (6, 2):
            if total < 32:
                return n, pos, STOP_LENGTH, now
            if kind == 6:
                which = _u32(data, pos + 8, big)
            else:
                which = _u16(data, pos + 8, big)
            if which >= known:
                return n, pos, STOP_INTERFACE, now
            row = ifaces[which]
            high = np.uint64(_u32(data, pos + 12, big))
            now = nanoseconds((high << np.uint64(32)) | np.uint64(_u32(data, pos + 16, big)), row)
            caplen = _u32(data, pos + 20, big)
            length = _u32(data, pos + 24, big)
            start = pos + 28
            if caplen > total - 32:
                return n, pos, STOP_LENGTH, now
            if kind == 2:
                lost = _u16(data, pos + 10, big)
                if lost != _U16_NONE:
                    row["lost"] += np.uint64(lost)
                    row["lost_told"] = 1
        elif kind == 3:
            if total < 16:
                return n, pos, STOP_LENGTH, now
            if known == 0:
                return n, pos, STOP_INTERFACE, now
            which = np.int64(0)
            row = ifaces[which]
            length = _u32(data, pos + 8, big)
            start = pos + 12
            caplen = min(length, total - 16)
            if row["snaplen"] != 0:
                caplen = min(caplen, np.int64(row["snaplen"]))
        else:
            pos += total
            continue
        if caplen > max_len:
            return n, pos, STOP_LENGTH, now
        off[n] = start
        cap[n] = caplen
        wire[n] = max(length, caplen)
        ts[n] = now
        link[n] = row["link"]
        iface[n] = row["index"]
        row["packets"] += np.uint64(1)
        n += 1
        pos += total
        taken += caplen
        if taken >= max_bytes:
            break
    return n, pos, STOP_FULL, now


@kernel
def index_snoop(
    data: Any, pos: Any, end: Any, max_len: Any, drops: Any,
    limit: Any, max_bytes: Any, off: Any, cap: Any, wire: Any, ts: Any,
) -> Any:  # fmt: skip
    """Index snoop records (RFC 1761). ``drops``: last cumulative drop count, returned as fourth."""
    n = 0
    taken = 0
    while n < limit:
        if pos + 24 > end:
            return n, pos, STOP_MORE, drops
        length = _u32(data, pos, True)
        caplen = _u32(data, pos + 4, True)
        total = _u32(data, pos + 8, True)
        if caplen > max_len or total < caplen + 24 or total > max_len + 65536:
            return n, pos, STOP_LENGTH, drops
        if pos + total > end:
            return n, pos, STOP_MORE, drops
        drops = _u32(data, pos + 12, True)
        off[n] = pos + 24
        cap[n] = caplen
        wire[n] = max(length, caplen)
        ts[n] = _u32(data, pos + 16, True) * _NS + _u32(data, pos + 20, True) * 1000
        n += 1
        pos += total
        taken += caplen
        if taken >= max_bytes:
            break
    return n, pos, STOP_FULL, drops


@kernel
def scatter(data: Any, off: Any, cap: Any, target: Any, place: Any) -> Any:
    """Copy frames ``data[off[i]:][:cap[i]]`` to ``target[place[i]:]`` (merging of files)."""
    for i in range(len(off)):
        at, to = np.int64(off[i]), np.int64(place[i])
        for k in range(np.int64(cap[i])):
            target[to + k] = data[at + k]
    return len(off)
