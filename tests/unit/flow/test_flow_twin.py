# SPDX-License-Identifier: Apache-2.0
"""The flow table against its slow twin on random packets: every field of every record, every counter."""

import random

import pytest
from drive import T0, Shot
from flow_drive import check, settings
from hypothesis import given
from hypothesis import strategies as st
from scale import examples, scaled
from traffic import NS, packets

from egresswatch.demo.frames import ACK, FIN, PSH, RST, SYN, End, ethernet, ip, tcp, udp

TIMES = st.fixed_dictionaries(
    {
        "tcp_idle_timeout": st.sampled_from([1, 5, 60, 300, 2000]),
        "udp_idle_timeout": st.sampled_from([0.5, 2, 120]),
        "other_idle_timeout": st.sampled_from([1, 60]),
        "active_timeout": st.sampled_from([1, 3, 120, 5000]),
        "end_linger": st.sampled_from([0.001, 1, 5]),
        "table_size": st.sampled_from([16, 32, 48, 1024]),
    }
)
KEYS = st.sampled_from(["auto", "auto", "true", "false"])


@examples(1000)
@given(packets(), TIMES, KEYS, st.booleans())
def test_random_packets(shots, times, vlan, dedup):
    """Keys, counts, orientation, times, ends, outcomes, joins, evictions: as the twin has them."""
    check(shots, settings(flow=times, vlan=vlan, dedup=dedup))


@examples(500)
@given(packets(longest=80, stacks=(None,), hosts=("10.0.0.1", "203.0.113.9")), TIMES)
def test_random_packets_of_two_hosts(shots, times):
    """Few keys: long histories of the same connections."""
    check(shots, settings(flow=times))


@examples(500)
@given(packets(stacks=(None, 20, 21), hosts=("10.0.0.1", "203.0.113.9")), KEYS)
def test_random_tag_stacks(shots, vlan):
    """Joins and contradictions of vlan_in_key."""
    check(shots, settings(vlan=vlan))


def conversation(chance, one, two, start):
    """A TCP connection whose packets are lost, repeated, swapped and cut by the mirror."""
    ends, number = (one, two), [chance.choice([0, 5000, 2**32 - 3000]), chance.randrange(2**32)]
    plan = [(0, SYN, 0), (1, SYN | ACK, 0), (0, ACK, 0)]
    for _ in range(chance.randrange(60)):
        plan.append((chance.randrange(2), PSH | ACK, chance.choice([1, 100, 1460])))
    plan += chance.choice([[(0, FIN | ACK, 0), (1, FIN | ACK, 0), (0, ACK, 0)], [(1, RST | ACK, 0)], []])
    out, now = [], start
    for side, flags, size in plan:
        src, dst = ends[side], ends[1 - side]
        ack = number[1 - side] if flags & ACK else 0
        body = tcp(src, dst, b"d" * size, seq=number[side], ack=ack, flags=flags)
        number[side] += size + bool(flags & SYN) + bool(flags & FIN)
        now += chance.choice([1000, 10**6, 10**8, NS, 20 * NS])
        out.append((now, ethernet(src.mac, dst.mac, ip(src.addr, dst.addr, 6, body))))
        if chance.random() < 0.1:
            out.append((now + 2000, out[-1][1]))
    swapped = [(ts + chance.choice([0] * 8 + [3 * 10**6, NS]), frame) for ts, frame in out]
    return [(ts, frame) for ts, frame in swapped if chance.random() > 0.08]


@pytest.mark.parametrize("seed", range(6))
def test_lossy_connections(seed):
    """Hundreds of connections with loss, repetition and disorder: missing bytes as the twin counts them."""
    chance, frames = random.Random(seed), []
    for k in range(scaled(120, 10)):
        one = End("02:00:00:00:00:01", f"10.0.{k % 7}.{k % 11 + 1}", 1024 + k)
        two = End("02:00:00:00:00:02", f"203.0.113.{k % 5 + 1}", chance.choice([443, 80]))
        frames += conversation(chance, one, two, T0 + chance.randrange(200) * NS)
    shots = [Shot(frame, ts) for ts, frame in sorted(frames)]
    table = {"table_size": chance.choice([64, 4096]), "tcp_idle_timeout": chance.choice([15, 300])}
    got = check(shots, settings(flow=table, dedup=seed % 2 == 1))
    assert sum(record["orig_missed"] + record["resp_missed"] for record in got.records) > 0


@pytest.mark.parametrize("seed", range(4))
def test_a_flood_of_keys(seed):
    """Many more flows than places: who gives way, and what is told of it, is the twin's choice."""
    chance = random.Random(seed)
    shots, now = [], T0
    for _ in range(scaled(1500, 200)):
        now += chance.choice([0, 10**6, NS, 3 * NS])
        host = f"10.1.{chance.randrange(9)}.{chance.randrange(40)}"
        one = End("02:00:00:00:00:01", host, chance.randrange(3))
        two = End("02:00:00:00:00:02", "203.0.113.9", 53)
        proto, body = 17, udp(one, two, b"")
        if chance.random() < 0.4:
            proto, body = 6, tcp(one, two, flags=chance.choice([SYN, ACK, RST]))
        shots.append(Shot(ethernet(one.mac, two.mac, ip(one.addr, two.addr, proto, body)), now))
    times = {"table_size": 16 * (seed + 1), "udp_idle_timeout": 20, "tcp_idle_timeout": 40}
    got = check(shots, settings(flow=times))
    assert got.tally["evicted"] > 0
    assert got.live <= got.capacity
