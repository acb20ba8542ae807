# SPDX-License-Identifier: Apache-2.0
"""What the contract says of flows, case by case: who began, when a record ends and why, what came of it."""

import struct

import pytest
from drive import T0, Shot
from flow_drive import check, settings
from flow_twin import ACTIVE, ANSWERED, END, EOF, IDLE, NS, ONE_SIDED, REFUSED, UNANSWERED

from egresswatch.config import FlowSettings
from egresswatch.demo.frames import ACK, FIN, PSH, RST, SYN, End, ethernet, icmp, ip, ipv4, ipv6, tcp, udp

CAM = End("02:00:00:00:00:01", "10.0.0.5", 40000)
OUT = End("02:00:00:00:00:02", "203.0.113.9", 443)
ROUTER = End("02:00:00:00:00:03", "10.0.0.1")


def seg(src, dst, flags, at=0, size=0, seq=0, ack=0, vlan=None):
    """A TCP segment ``at`` seconds after the start."""
    data = tcp(src, dst, b"d" * size, seq=seq, ack=ack, flags=flags)
    return Shot(ethernet(src.mac, dst.mac, ip(src.addr, dst.addr, 6, data), vlan=vlan), T0 + round(at * NS))


def dgram(src, dst, at=0, size=10, vlan=None, ttl=64, ident=0):
    data = udp(src, dst, b"u" * size)
    packet = ip(src.addr, dst.addr, 17, data, ttl=ttl, ident=ident)
    return Shot(ethernet(src.mac, dst.mac, packet, vlan=vlan), T0 + round(at * NS))


def there(flags=ACK, at=0, **more):
    return seg(CAM, OUT, flags, at, **more)


def back(flags=ACK, at=0, **more):
    return seg(OUT, CAM, flags, at, **more)


def records(shots, **given):
    """Records in order of flow and number (checked against the twin)."""
    got = check(sorted(shots, key=lambda shot: shot.ts), settings(**given))
    return sorted(got.records, key=lambda r: (r["ts_flow"], r["flow"], r["seq"]))


def originator(record):
    return "camera" if record["orig_lo"] & 0xFFFFFFFF == 0x0A000005 else "outside"


@pytest.mark.parametrize(
    ("shots", "who", "oriented"),
    [
        ([there(SYN), back(SYN | ACK, 0.1)], "camera", 1),
        ([back(SYN | ACK), there(SYN, 0.1)], "camera", 1),
        ([back(SYN | ACK)], "camera", 1),
        ([there(ACK), back(SYN, 0.1)], "outside", 1),
        ([back(ACK), there(ACK, 0.1)], "outside", 0),
        ([there(SYN), back(SYN, 0.1)], "camera", 1),
    ],
)
def test_the_originator_sends_the_first_packet_unless_a_syn_says_otherwise(shots, who, oriented):
    """A SYN comes from the originator, a SYN-ACK from the responder; the first of them decides."""
    (record,) = records(shots)
    assert (originator(record), record["oriented"]) == (who, oriented)
    first = "camera" if shots[0].data[26:30] == bytes([10, 0, 0, 5]) else "outside"
    assert record["flipped"] == (who != first)


@pytest.mark.parametrize(
    ("shots", "outcome"),
    [
        ([there(SYN), back(SYN | ACK, 0.1)], ANSWERED),
        ([there(SYN), there(SYN, 1)], UNANSWERED),
        ([there(SYN), back(RST | ACK, 0.1)], REFUSED),
        ([there(SYN), there(ACK, 0.1)], ONE_SIDED),
        ([dgram(CAM, OUT)], UNANSWERED),
        ([dgram(CAM, OUT), dgram(OUT, CAM, 0.1)], ANSWERED),
        ([back(SYN | ACK)], ONE_SIDED),
        ([there(SYN), back(SYN | ACK, 0.1), back(RST, 0.2)], ANSWERED),
    ],
)
def test_the_outcome_of_a_flow(shots, outcome):
    """Answered, unanswered, refused by RST, or only one side seen."""
    assert records(shots)[-1]["outcome"] == outcome


@pytest.mark.parametrize("kind", [3, 11])
def test_only_an_unreachable_refuses(kind):
    """An ICMP error marks the flow it quotes and is a flow of its own."""
    sent = dgram(CAM, OUT)
    error = icmp(kind, 3, payload=sent.data[14:])
    told = Shot(ethernet(ROUTER.mac, CAM.mac, ipv4(ROUTER.addr, CAM.addr, 1, error)), T0 + NS)
    flow, _ = records([sent, told])
    assert flow["outcome"] == (REFUSED if kind == 3 else UNANSWERED)


def test_an_error_creates_no_flow_that_it_quotes():
    """The quoted packet was never seen: one flow, that of the ICMP packet."""
    error = icmp(3, 3, payload=dgram(CAM, OUT).data[14:])
    told = Shot(ethernet(ROUTER.mac, CAM.mac, ipv4(ROUTER.addr, CAM.addr, 1, error)), T0)
    (record,) = records([told])
    assert (record["proto"], record["icmp"]) == (1, 0x0303)


@pytest.mark.parametrize(
    ("shot", "name"),
    [(there(), "tcp"), (dgram(CAM, OUT), "udp"),
     (Shot(ethernet(CAM.mac, OUT.mac, ipv4(CAM.addr, OUT.addr, 47, b"x" * 20)), T0), "other")],
)  # fmt: skip
@pytest.mark.parametrize("wait", [-1, 0, 1])
def test_idle_flows_end_at_the_tick_of_their_timeout(shot, name, wait):
    """Each protocol has its own; a packet just before the tick goes on, one at it begins anew."""
    timeout = getattr(FlowSettings(), f"{name}_idle_timeout") // NS
    given = {"flow": {"active_timeout": 1000}}
    got = records([shot, shot._replace(ts=T0 + (timeout + wait) * NS)], **given)
    assert [(r["end"], r["seq"]) for r in got] == ([(EOF, 0)] if wait < 0 else [(IDLE, 0), (EOF, 0)])
    if wait >= 0:
        assert got[0]["tick"] == T0 + timeout * NS


def test_a_closed_connection_lingers_for_stragglers():
    """Both FINs, a straggler within 5 s belongs to it, then the record ends with end."""
    shots = [there(SYN), back(SYN | ACK, 0.1), there(FIN | ACK, 1), back(FIN | ACK, 1.5), there(ACK, 3)]
    first, second = records([*shots, there(ACK, 60)])
    assert (first["end"], first["orig_pkts"], first["resp_pkts"]) == (END, 3, 2)
    assert first["tick"] == T0 + 8 * NS
    assert (second["seq"], second["orig_pkts"]) == (0, 1)


def test_one_fin_does_not_close():
    """Half-closed connections go on as long as the other side sends."""
    (record,) = records([there(SYN), there(FIN | ACK, 1), back(ACK, 30), back(ACK, 60)])
    assert record["end"] == EOF


@pytest.mark.parametrize("how", [[there(FIN | ACK, 1), back(FIN | ACK, 1)], [back(RST, 1)]])
def test_a_syn_on_a_closed_connection_begins_a_new_flow(how):
    """The port is used again at once: two flows."""
    first, second = records([there(SYN), *how, there(SYN, 1.2)])
    assert (first["end"], first["tick"]) == (END, T0 + round(1.2 * NS))
    assert second["orig_pkts"] == 1
    assert first["uid"] != second["uid"]


def test_a_syn_ack_on_a_closed_connection_is_a_straggler():
    """Only a SYN of its own opens another one."""
    (record,) = records([there(SYN), back(RST, 1), back(SYN | ACK, 1.2)])
    assert (record["orig_pkts"], record["resp_pkts"]) == (1, 2)


def test_a_key_that_ends_and_begins_within_a_nanosecond_has_two_uids():
    """The same SYN before and after a reset, all with one time stamp: (uid, seq) stays a key."""
    got = records([there(SYN), back(RST), there(SYN), back(RST), there(SYN)])
    assert len({r["uid"] for r in got}) == len(got) == 3


def test_long_flows_give_interim_records_whose_counts_are_deltas():
    """Every active timeout, at a tick; sums over the records are the flow's totals."""
    shots = [dgram(CAM, OUT, at, size=100) for at in range(0, 500, 7)]
    got = records(shots)
    assert [r["end"] for r in got] == [ACTIVE] * 4 + [EOF]
    assert [r["seq"] for r in got] == list(range(5))
    assert [r["tick"] - T0 for r in got[:-1]] == [120 * NS, 240 * NS, 360 * NS, 480 * NS]
    assert sum(r["orig_pkts"] for r in got) == len(shots) == got[-1]["orig_sum_pkts"]
    assert sum(r["orig_ip_bytes"] for r in got) == 128 * len(shots) == got[-1]["orig_sum_bytes"]
    assert len({r["uid"] for r in got}) == 1
    assert all(r["ts"] <= r["ts_end"] <= r["tick"] for r in got)


def test_a_flow_without_packets_since_its_interim_record_tells_only_its_end():
    """No interim record of nothing; the last one says how the flow ended."""
    got = records([there(ACK), there(ACK, 1), dgram(CAM, OUT, 1000)], flow={"active_timeout": 60})
    assert [(r["end"], r["orig_pkts"]) for r in got] == [(ACTIVE, 2), (IDLE, 0), (EOF, 1)]
    assert got[1]["ts"] == got[1]["ts_end"] == T0 + NS


def test_late_packets_move_the_start_not_the_clock():
    """Captured earlier than the packets before it: ts goes back, the timeout does not."""
    shots = [dgram(CAM, OUT, 10), dgram(CAM, OUT, 4), dgram(CAM, OUT, 69)]
    got = check(shots, settings()).records
    assert [r["ts"] for r in got] == [T0 + 4 * NS]
    assert got[0]["ts_end"] == T0 + 69 * NS


@pytest.mark.parametrize(
    ("mode", "stacks", "flows"),
    [
        ("auto", [None, 20], [(1, 1)]),
        ("auto", [20, [(0x88A8, 5), 20]], [(1, 1)]),
        ("true", [None, 20], [(1, 0), (1, 0)]),
        ("false", [None, 20], [(1, 1)]),
        ("auto", [20, 20], [(1, 1)]),
    ],
)
def test_a_mirror_that_tags_one_direction_only(mode, stacks, flows):
    """decode.vlan_in_key=auto joins both halves of the conversation, the row shows the tagged stack."""
    got = records([dgram(CAM, OUT, 0, vlan=stacks[0]), dgram(OUT, CAM, 1, vlan=stacks[1])], vlan=mode)
    assert [(r["orig_pkts"], r["resp_pkts"]) for r in got] == flows
    if len(got) == 1 and mode == "auto":
        deepest = max(stacks, key=lambda s: 0 if s is None else 1 if isinstance(s, int) else 2)
        assert got[0]["vlan_tags"] == (1 if isinstance(deepest, int) else 2)


def test_tags_on_both_directions_of_two_vlans_are_two_flows():
    """The same addresses on two networks, each with both directions: no join."""
    shots = [dgram(CAM, OUT, 0, vlan=20), dgram(OUT, CAM, 1, vlan=20)]
    shots += [dgram(CAM, OUT, 2, vlan=21), dgram(OUT, CAM, 3, vlan=21)]
    assert [(r["vlan"], r["orig_pkts"], r["resp_pkts"]) for r in records(shots)] == [(20, 1, 1), (21, 1, 1)]


def test_a_join_that_is_contradicted_is_counted_and_starts_a_flow_of_its_own():
    """Joined, then a direction shows the other one's stack as well."""
    shots = [dgram(CAM, OUT, 0), dgram(OUT, CAM, 1, vlan=20), dgram(CAM, OUT, 2, vlan=20)]
    got = check(shots, settings())
    assert (got.tally["vlan_joined"], got.tally["vlan_contradicted"]) == (1, 1)
    assert len(got.records) == 2


def test_a_new_connection_after_a_closed_one_joins_nothing():
    """The other side's SYN on another VLAN, when the flow it could have joined had ended."""
    shots = [there(SYN), there(RST, 0.1), back(SYN, 0.2, vlan=20), there(ACK, 0.3, vlan=20)]
    got = check(shots, settings())
    assert got.tally["vlan_joined"] == 0


def fragment(offset, *, at=0, more=True, ident=7, src=CAM, dst=OUT, size=16, vlan=None):
    body = b"f" * size if offset else udp(src, dst, b"f" * (size - 8))
    packet = ipv4(src.addr, dst.addr, 17, body, ident=ident, offset=offset, more=more)
    return Shot(ethernet(src.mac, dst.mac, packet, vlan=vlan), T0 + round(at * NS))


def test_later_fragments_belong_to_the_flow_of_their_first():
    """RFC 791: only the first one has ports."""
    (record,) = records([fragment(0), fragment(16, at=0.1), fragment(32, at=0.2, more=False)])
    assert (record["orig_p"], record["orig_pkts"], record["fragment"]) == (40000, 3, 0)


@pytest.mark.parametrize(
    "shots",
    [[fragment(16), fragment(0, at=0.1)], [fragment(0), fragment(16, at=31)],
     [fragment(0), fragment(16, ident=8)], [fragment(0), fragment(16, src=OUT, dst=CAM)]],
)  # fmt: skip
def test_later_fragments_without_their_first_are_a_flow_without_ports(shots):
    """First not seen yet, too long ago, of another datagram or another direction."""
    got = records(shots)
    assert sorted((r["fragment"], r["has_ports"]) for r in got) == [(0, 1), (1, 0)]


def test_fragments_of_ipv6_are_known_by_their_identification():
    """RFC 8200 §4.5: the first one leads to UDP behind destination options, later ones tell only those."""
    def piece(offset, ident, body):
        header = (44, struct.pack(">BHI", 0, offset | 1, ident))
        packet = ipv6("fd00::5", "2001:db8::9", 60, body, extensions=[header])
        return Shot(ethernet(CAM.mac, OUT.mac, packet), T0)

    options = b"\x11\0\1\4\0\0\0\0"
    head = udp(CAM._replace(addr="fd00::5"), OUT._replace(addr="2001:db8::9"), b"f" * 8)
    joined, orphan = records([piece(0, 5, options + head), piece(24, 5, b"f" * 16), piece(24, 6, b"f" * 16)])
    assert (joined["proto"], joined["orig_p"], joined["orig_pkts"]) == (17, 40000, 2)
    assert (orphan["proto"], orphan["fragment"], orphan["orig_pkts"]) == (60, 1, 1)


def test_copies_within_the_window_are_counted_and_taken_out():
    """A mirror's second copy (TTL and tag may differ) goes to its own bucket; later ones stay."""
    shots = [dgram(CAM, OUT), dgram(CAM, OUT, 0.004, vlan=20, ttl=63)]
    shots += [dgram(CAM, OUT, 0.005), dgram(CAM, OUT, 0.006)]
    got = check(shots, settings(dedup=True))
    assert got.buckets == ["accounted", "duplicate", "duplicate", "accounted"]
    assert (got.tally["duplicates"], got.tally["duplicate_bytes"]) == (2, 2 * 38)
    assert sum(r["orig_pkts"] for r in got.records) == 2


def test_dedup_off_keeps_every_copy():
    """Comparisons with other tools run with it off."""
    assert records([dgram(CAM, OUT)] * 5)[0]["orig_pkts"] == 5


@pytest.mark.parametrize(
    ("shots", "missed"),
    [
        ([there(PSH | ACK, 0, seq=0, size=100), there(PSH | ACK, 1, seq=100, size=100)], (0, 0)),
        ([there(PSH | ACK, 0, seq=0, size=100), there(PSH | ACK, 1, seq=400, size=100)], (300, 0)),
        ([there(PSH | ACK, 0, seq=0, size=100), there(PSH | ACK, 1, seq=200, size=100),
          there(PSH | ACK, 2, seq=100, size=100)], (0, 0)),
        ([there(PSH | ACK, 0, seq=0, size=100), there(PSH | ACK, 1, seq=300, size=100),
          there(PSH | ACK, 2, seq=150, size=50)], (150, 0)),
        ([there(ACK, 0, ack=1000), there(ACK, 1, ack=5000)], (0, 4000)),
        ([there(PSH | ACK, 0, seq=2**32 - 50, size=100), there(PSH | ACK, 1, seq=60, size=1)], (10, 0)),
        ([there(PSH | ACK, 0, seq=0, size=100), there(PSH | ACK, 1, seq=2**27, size=100)], (0, 0)),
    ],
)  # fmt: skip
def test_bytes_that_were_never_seen(shots, missed):
    """Holes that nobody filled, and what was acknowledged without being seen (RFC 9293 §3.4)."""
    record = records(shots)[-1]
    assert (record["orig_missed"], record["resp_missed"]) == missed


@pytest.mark.parametrize(
    ("address", "kind"),
    [("10.1.2.3", 1), ("192.168.255.255", 1), ("203.0.113.1", 0), ("224.0.0.1", 2), ("239.255.255.250", 2),
     ("255.255.255.255", 3), ("fd00::1", 1), ("2001:db8::1", 0), ("ff02::fb", 2), ("9.255.255.255", 0)],
)  # fmt: skip
def test_the_class_of_an_address(address, kind):
    """Inside by the networks given, multicast and broadcast by the address itself."""
    src = CAM._replace(addr="10.9.9.9" if "." in address else "fd00::99")
    (record,) = records([dgram(src, OUT._replace(addr=address))])
    assert (record["orig_class"], record["resp_class"]) == (1, kind)


def test_nothing_in_nothing_out():
    """An empty capture has no flows."""
    assert records([]) == []
