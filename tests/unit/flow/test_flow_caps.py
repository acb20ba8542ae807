# SPDX-License-Identifier: Apache-2.0
"""Every table filled to its cap: what gives way, what is counted, and that nothing else is lost."""

import numpy as np
import pytest
from drive import T0, Shot, batch_of, decode_batch
from flow_drive import check, networks, run, settings
from flow_twin import LACK, NS

from egresswatch.demo.frames import End, ethernet, ip, ipv4, udp
from egresswatch.flow.guards import host_place, is_duplicate, join_fragment, note_fragment, show_host
from egresswatch.flow.layout import (
    DUP,
    DUP_SETS,
    DUP_WAYS,
    FRAG,
    FRAG_LIFE,
    FRAG_SETS,
    FRAG_WAYS,
    HOST,
    HOSTS,
    NOTE,
    ROW,
    TALLIES,
    Tally,
)
from egresswatch.flow.slots import MAX_STACKS
from egresswatch.flow.table import Block, FlowTable
from egresswatch.jit import DISABLED
from egresswatch.packets import PACKET, SHARDS
from egresswatch.records import FLOW_RECORD
from egresswatch.sniff.probes import BUILTIN

LONG_AGO = np.iinfo(np.int64).min // 2
OUT = End("02:00:00:00:00:02", "203.0.113.9", 53)


def query(k, at=0, *, port=53, size=12):
    """A datagram of host ``k``, ``at`` nanoseconds after the start."""
    host = End(f"02:00:00:01:{k >> 8:02x}:{k & 255:02x}", f"10.{k >> 16}.{k >> 8 & 255}.{k & 255}", 40000)
    out = OUT._replace(port=port)
    packet = ip(host.addr, out.addr, 17, udp(host, out, b"q" * size))
    return Shot(ethernet(host.mac, out.mac, packet), T0 + at)


COUNT = 300 if DISABLED else 5000


@pytest.mark.parametrize("size", [1, 16, 64, 100])
def test_a_full_flow_table_gives_up_flows_with_a_reason_and_loses_nothing(size):
    """As many lack_of_resources records as evictions; every packet is in some record."""
    shots = [query(k, k * 1000) for k in range(COUNT)]
    got = run(shots, settings(flow={"table_size": size}))
    lack = [record for record in got.records if record["end"] == LACK]
    assert len(lack) == got.tally["evicted"] >= COUNT - got.capacity
    assert got.live <= got.capacity == SHARDS * -(-size // SHARDS)
    assert sum(record["orig_pkts"] for record in got.records) == COUNT
    assert got.tally["created"] == len(got.records)


def test_the_flow_that_gives_way_is_the_one_nearest_to_its_end():
    """Of a full shard, the flow that was idle longest; flows in use stay."""
    shots = [query(k, k * NS) for k in range(40)] + [query(k, (40 + k) * NS) for k in range(40)]
    got = check(shots, settings(flow={"table_size": 16, "udp_idle_timeout": 500, "active_timeout": 900}))
    assert got.tally["evicted"] > 0


def test_shards_are_independent_of_each_other():
    """A flood of one pair of addresses fills one shard; flows of the others stay."""
    still = [query(k, k) for k in range(64)]
    flood = []
    for k in range(200):
        one, two = End(OUT.mac, "10.200.0.1", k), End(OUT.mac, "10.200.0.2", 9)
        packet = ip(one.addr, two.addr, 17, udp(one, two, b""))
        flood.append(Shot(ethernet(one.mac, two.mac, packet), T0 + 1000 + k))
    got = run(still + flood, settings(flow={"table_size": 16 * 40}))
    lack = {record["orig_lo"] & 0xFFFFFFFF for record in got.records if record["end"] == LACK}
    assert len(lack) >= 1
    assert got.tally["evicted"] <= 200 - 40 + 64
    assert sum(record["orig_pkts"] for record in got.records) == 264


def test_small_output_arrays_make_the_kernel_come_back_not_forget():
    """Records and notes that do not fit are written by the next call: the same result with room for five."""
    shots = [query(k, k * 10**7) for k in range(80)] + [query(k, 400 * NS + k) for k in range(80)]
    shots += [query(k, 900 * NS + k, port=99) for k in range(40)]
    roomy = run(shots, settings(), patterns=BUILTIN)
    for small in (5, 6, 17):
        tight = run(shots, settings(), patterns=BUILTIN, small=small)
        assert tight.records == roomy.records
        assert tight.notes == roomy.notes
        assert tight.tally == roomy.tally


@pytest.mark.parametrize("workers", [1, 3])
def test_a_second_in_which_everything_expires_needs_several_calls(workers):
    """All flows end at one tick with room for few records: told completely, with the same tick."""
    shots = [query(k, 0) for k in range(60)] + [query(999, 3600 * NS)]
    got = run(shots, settings(), small=5, workers=workers)
    first = [record for record in got.records if record["ts"] == T0]
    assert len(first) == 60
    assert len({record["tick"] for record in first}) == 1


def test_a_forgotten_fingerprint_is_counted():
    """A set of the duplicate table that is full pushes out the oldest; still in its window: counted."""
    dups, tally = np.zeros(SHARDS * DUP_SETS * DUP_WAYS, DUP), np.zeros(TALLIES, np.uint64)
    dups["clock"] = LONG_AGO
    keys = [np.uint64(7 << 32 | k | 1) for k in range(0, 2 * DUP_WAYS + 2, 2)]
    ask = lambda key, clock: bool(is_duplicate(dups, np.int64(3), key, np.int64(clock), np.int64(100), tally))
    for clock, key in enumerate(keys[:DUP_WAYS]):
        assert not ask(key, clock)
    assert all(ask(key, 50) for key in keys[:DUP_WAYS])
    assert tally[Tally.dup_forgotten] == 0
    assert not ask(keys[DUP_WAYS], 60)
    assert tally[Tally.dup_forgotten] == 1
    assert not ask(keys[0], 61)
    assert all(ask(key, 62) for key in keys[2 : DUP_WAYS + 1])
    assert not ask(keys[2], 103)


def test_old_fingerprints_give_way_without_being_missed():
    """Outside the window nothing is forgotten that was still needed."""
    dups, tally = np.zeros(SHARDS * DUP_SETS * DUP_WAYS, DUP), np.zeros(TALLIES, np.uint64)
    dups["clock"] = LONG_AGO
    for k in range(3 * DUP_WAYS):
        key = np.uint64(7 << 32 | 2 * k | 1)
        assert not is_duplicate(dups, np.int64(0), key, np.int64(1000 * k), np.int64(100), tally)
    assert tally[Tally.dup_forgotten] == 0


def test_a_flood_of_first_fragments_is_bounded_and_counted():
    """More datagrams in flight than the fragment table holds: the oldest are forgotten and counted."""
    frags, tally = np.zeros((SHARDS, FRAG_SETS * FRAG_WAYS), FRAG), np.zeros(TALLIES, np.uint64)
    frags["clock"] = LONG_AGO
    packet = np.zeros(1, PACKET)
    count = 3 * FRAG_SETS * FRAG_WAYS
    for k in range(count):
        packet["frag_key"] = k << 8 | 17
        packet["meta"] = 1 << 48 | k
        note_fragment(frags, np.int64(0), packet[0], np.int64(0), np.int64(0), np.int64(k), tally)
    held = int((frags[0]["key"] != 0).sum())
    assert held <= FRAG_SETS * FRAG_WAYS
    assert tally[Tally.frag_forgotten] == count - held
    joined = 0
    for k in range(count):
        packet["frag_key"] = k << 8 | 17
        packet["meta"] = 0
        join_fragment(frags, np.int64(0), packet[0], np.int64(0), np.int64(0), np.int64(count), tally)
        joined += int(packet[0]["meta"]) == 1 << 48 | k
    assert joined == tally[Tally.frag_joined] == held
    assert tally[Tally.frag_orphans] == count - held


def test_fragments_expire():
    """After 30 seconds of packet time a first fragment is no longer waited for."""
    frags, tally = np.zeros((SHARDS, FRAG_SETS * FRAG_WAYS), FRAG), np.zeros(TALLIES, np.uint64)
    frags["clock"] = LONG_AGO
    for wait, joined in ((FRAG_LIFE, 1), (FRAG_LIFE + 1, 1)):
        packet = np.zeros(1, PACKET)
        packet["meta"] = 5
        note_fragment(frags, np.int64(0), packet[0], np.int64(0), np.int64(0), np.int64(0), tally)
        join_fragment(frags, np.int64(0), packet[0], np.int64(0), np.int64(0), np.int64(wait), tally)
        assert tally[Tally.frag_joined] == joined
    assert tally[Tally.frag_orphans] == 1


def test_the_host_cache_forgets_and_tells_again():
    """More hosts than it holds: never fewer than each once, and a host told before is told again."""
    hosts, row = np.zeros((SHARDS, HOSTS), HOST), np.zeros(1, ROW)
    zero, inside = np.int64(0), np.int64(1)
    ask = lambda k: bool(show_host(hosts, zero, row[0], zero, inside, np.uint64(k), zero))
    count = HOSTS if DISABLED else 3 * HOSTS
    assert all(ask(k) for k in range(1, count))
    again = sum(ask(k) for k in range(1, count))
    assert 0 < again < count
    assert int((hosts[0]["kind"] != 0).sum()) <= HOSTS


@pytest.mark.parametrize(("kind", "mac", "told"), [(1, 0, 1), (0, 0, 0), (0, 5, 1), (2, 5, 0), (3, 5, 0)])
def test_which_hosts_are_shown(kind, mac, told):
    """Inside hosts always, outside ones by their MAC (a router), groups never; each once."""
    hosts, row = np.zeros((SHARDS, HOSTS), HOST), np.zeros(1, ROW)
    asked = (hosts, np.int64(0), row[0], np.int64(1), np.int64(kind), np.uint64(mac), np.int64(9))
    assert [int(show_host(*asked)) for _ in range(2)] == [told, 0]


def test_a_sender_whose_place_is_that_of_another_hides_nobody():
    """Addresses can be chosen so that two fall together: what is compared is the sender itself."""
    hosts, row = np.zeros((SHARDS, HOSTS), HOST), np.zeros(1, ROW)
    place = lambda low: int(host_place(np.uint64(7), np.uint64(0), np.uint64(low), np.int64(9)))
    with np.errstate(over="ignore"):
        mine = next(low for low in range(1, 50 * HOSTS) if place(low) == place(0))
    for low in (0, mine, 0, mine):
        row["a_lo"] = low
        asked = (hosts, np.int64(0), row[0], np.int64(0), np.int64(1), np.uint64(7), np.int64(9))
        assert [bool(show_host(*asked)) for _ in range(2)] == [True, False]


def test_an_end_without_a_mac_address_is_known_by_its_address():
    """Raw IP captures: two hosts are two hosts."""
    shots = [query(k, k) for k in (1, 2, 1, 2)]
    raw = [Shot(shot.data[14:], shot.ts, 101) for shot in shots]
    assert len(run(raw, settings()).notes) == 2


@pytest.mark.jit_only  # each of thousands of look-ups walks past thousands of rows
def test_tag_stacks_of_one_pair_are_bounded():
    """Made-up tags cannot make a chain that every look-up must walk: the oldest flow makes room."""
    shots = []
    for k in range(MAX_STACKS + 300):
        tags = [(0x88A8, k >> 12), (0x8100, k & 0xFFF)]
        frame = ethernet(OUT.mac, OUT.mac, query(1).data[14:], vlan=tags)
        shots.append(Shot(frame, T0 + k))
    got = run(shots, settings(flow={"table_size": 1 << 17}))
    assert got.live == MAX_STACKS
    assert sum(record["end"] == LACK for record in got.records) == 300
    assert sum(record["orig_pkts"] for record in got.records) == len(shots)


def test_memory_is_what_the_table_size_says():
    """Bounded: rows for every flow alive, no more, whatever comes."""
    table = FlowTable(settings(flow={"table_size": 1000}), BUILTIN, networks())
    assert len(table._rows) == table.capacity == 1008
    assert len(table._slots) >= 2 * table.capacity
    assert table.live == 0


def test_many_fragments_in_a_capture_keep_their_count():
    """Joined and orphans add up to the later fragments seen."""
    shots = []
    for k in range(60):
        for offset in (0, 16) if k % 3 else (16,):
            host = End(OUT.mac, f"10.3.0.{k % 5 + 1}", 7)
            body = b"f" * 16 if offset else udp(host, OUT, b"f" * 8)
            packet = ipv4(host.addr, OUT.addr, 17, body, ident=k, offset=offset, more=True)
            shots.append(Shot(ethernet(host.mac, OUT.mac, packet), T0 + k * 1000))
    got = check(shots, settings())
    assert (got.tally["frag_joined"], got.tally["frag_orphans"]) == (40, 20)


def test_memory_is_written_again_only_when_nobody_holds_a_piece_of_it():
    """Pieces and pieces of pieces count, wherever they are held."""
    block = Block(NOTE, 8)
    held, written = [], []
    for number in range(40):
        block.refill(4)
        block.room[:3]["flow"] = number
        piece = block.take(3)
        written.append(piece.__array_interface__["data"][0])
        if number % 5 == 0:
            held.append((number, piece[1:]))
        del piece
        for kept, rows in held:
            assert rows["flow"].tolist() == [kept] * 2
    assert len(set(written)) < 40


def test_what_the_table_gave_out_stays_as_it_is():
    """While it goes on writing, and after it has ended and given its memory back."""
    shots = [query(k, k * 10_000_000) for k in range(300)]
    table = FlowTable(settings(flow={"table_size": 64, "udp_idle_timeout": 1}), BUILTIN, networks())
    for worker in table._workers:
        worker.records, worker.notes = Block(FLOW_RECORD, 24), Block(NOTE, 24)
    kept = []
    for low in range(0, len(shots), 7):
        batch = batch_of(shots[low : low + 7], first=low)
        out = decode_batch(batch)
        for piece in table.run(batch, out.rows, out.quotes, out.quoted):
            kept.append((piece, piece.records.copy(), piece.notes.copy()))
    kept += [(piece, piece.records.copy(), piece.notes.copy()) for piece in table.finish(T0 // NS + 9)]
    table.close()
    for piece, records, notes in kept:
        assert piece.records.tobytes() == records.tobytes()
        assert piece.notes.tobytes() == notes.tobytes()
    assert sum(len(records) for _, records, _ in kept) >= 300
