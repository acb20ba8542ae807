# SPDX-License-Identifier: Apache-2.0
"""The short way of the common shape says what the long way says.

A frame behind an mPacket preamble (link type 274) goes the long way, whatever it is.
"""

import numpy as np
import pytest
from drive import Shot, batch_of, decode_batch
from hypothesis import given
from hypothesis import strategies as st
from scale import examples

from egresswatch.demo.frames import ACK, PSH, End, ethernet, ip, tcp, udp
from egresswatch.packets import TUNNEL_BITS

ONE = End("02:00:00:00:00:01", "10.0.0.5", 40000)
OTHER = End("02:00:00:00:00:02", "203.0.113.9", 443)
PREAMBLE = bytes(8)


def both(frame, wire, wanted, dup):
    """Rows and counters of the frame by the short way (where it may) and by the long one."""
    told = []
    for link, data, more in ((1, frame, 0), (274, PREAMBLE + frame, 8)):
        batch = batch_of([Shot(data, 10**18, link, wire + more)], between=b"\xa5\x5a")
        out = decode_batch(batch, wanted, dup=dup, fill=0xEE)
        row = {name: int(out.rows[0][name]) for name in out.rows.dtype.names if name != "pad"}
        if not out.buckets.get("accounted"):
            row = {"bucket": row["bucket"], "clock": row["clock"]}
        else:
            for name, shift in (("pay", 2 + more), ("mac", more), ("mac_src", more)):
                row[name] -= shift if row[name] >= 0 else 0
        told.append((row, out.counts, out.buckets, out.quoted, len(out.asides)))
    return told


def frame_of(proto, tags, payload, back):
    src, dst = (OTHER, ONE) if back else (ONE, OTHER)
    inner = tcp(src, dst, payload, seq=7, ack=9, flags=ACK | PSH) if proto == 6 else udp(src, dst, payload)
    frame = ethernet(src.mac, dst.mac, ip(src.addr, dst.addr, proto, inner))
    return frame[:12] + b"".join(b"\x81\x00\x00" + bytes([tag]) for tag in tags) + frame[12:]


FRAMES = st.builds(
    frame_of, st.sampled_from([6, 17]), st.lists(st.integers(0, 255), max_size=2),
    st.binary(max_size=90), st.booleans(),
)  # fmt: skip
CHANGES = st.lists(st.tuples(st.integers(12, 70), st.integers(0, 255)), max_size=3)


@examples(600)
@given(FRAMES, CHANGES, st.integers(0, 120), st.integers(0, 60), st.sampled_from([(), tuple(TUNNEL_BITS)]),
       st.booleans())  # fmt: skip
def test_the_short_way_says_what_the_long_way_says(frame, changes, cut, more, wanted, dup):
    data = bytearray(frame)
    for place, value in changes:
        if place < len(data):
            data[place] = value
    frame = bytes(data[: len(data) - min(cut, len(data)) * (cut < 80)])
    short, long = both(frame, len(data) + more, wanted, dup)
    assert short == long


@pytest.mark.parametrize("port", [4789, 6081, 2152, 37008, 3544])
@pytest.mark.parametrize("back", [False, True])
def test_a_port_of_a_tunnel_leaves_the_short_way(port, back):
    there = OTHER._replace(port=port)
    src, dst = (there, ONE) if back else (ONE, there)
    inside = ethernet(ONE.mac, OTHER.mac, ip("10.9.9.9", "10.8.8.8", 17, udp(ONE, OTHER, b"inside")))
    payload = b"\x08" + bytes(7) + inside if port == 4789 else b"\x01\x00\x00\x01\x01" + inside
    frame = ethernet(src.mac, dst.mac, ip(src.addr, dst.addr, 17, udp(src, dst, payload)))
    short, long = both(frame, len(frame), tuple(TUNNEL_BITS), dup=True)
    assert short == long
    assert np.bool_(short[1].get("opened_tunnels", 0)) == (port in (4789, 37008) and not back)
