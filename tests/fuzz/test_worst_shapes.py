# SPDX-License-Identifier: Apache-2.0
"""The worst shapes of traffic: nothing grows with the square of the input, nothing depends on its cutting."""

import subprocess
import sys

import pytest
import shapes
from proof import replay

from egresswatch.demo.frames import End, ethernet, ip, pcap, tcp, udp_frame, write_pcap
from egresswatch.demo.payloads import A, dns_answer
from egresswatch.jit import DISABLED

FEW = 40 if DISABLED else 150
SOME = 1000
PEAK = (
    "import resource, sys; from egresswatch.cli import run; status = run(sys.argv[1:]);"
    "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr); sys.exit(status)"
)
"""Runs egresswatch and tells the most memory it had, in KiB."""
GREW = (
    shapes.tag_stacks, shapes.slow_answers, shapes.late_cameras, shapes.routers, shapes.arp_crowd,
    shapes.arp_a_second, shapes.crumbs,
)  # fmt: skip
"""What once took time with the square of the input."""
TINY = (
    "flow.table_size=1", "sniff.max_flows=1", "sniff.max_names=1", "enrich.max_hosts=1", "detect.max_cases=1",
    "detect.max_destinations=1", "output.max_held_rows=1",
    "sniff.max_neighbours=1",
)  # fmt: skip
WAYS = {
    "usual": (),
    "tiny tables": TINY,
    "all tunnels, no dedup": ("decode.decapsulate=all", "decode.dedup=false", "decode.vlan_in_key=false"),
}

name_of = pytest.mark.parametrize("shape", shapes.ALL, ids=lambda shape: shape.__name__)


@pytest.fixture
def capture(tmp_path):
    """A function: a capture of so many frames of a shape."""

    def made(shape, n):
        path = tmp_path / f"{shape.__name__}-{n}.pcap"
        with path.open("wb") as file:
            write_pcap(file, shape(n), nano=True)
        return path

    return made


@pytest.mark.parametrize("way", WAYS)
@name_of
def test_cutting_and_workers_change_nothing(shape, way, capture, tmp_path):
    """The invariants hold, and one frame at a time by two workers gives the same bytes."""
    path = capture(shape, FEW)
    told = replay(path, tmp_path / "a", *WAYS[way])
    again = replay(path, tmp_path / "b", *WAYS[way], "replay.batch=7", "replay.workers=2")
    assert told.files == again.files


@pytest.mark.jit_only
@name_of
def test_time_grows_with_the_input_only(shape, capture, tmp_path, budget):
    """Four times the frames take about four times as long, not sixteen times."""
    if not budget and shape not in GREW:
        pytest.skip("time of every shape is measured by make fuzz")
    some = 10 * SOME if budget else SOME
    few = replay(capture(shape, some), tmp_path / "few", "flow.table_size=65536").seconds
    many = replay(capture(shape, 4 * some), tmp_path / "many", "flow.table_size=65536").seconds
    assert many < 8 * few + 0.5


@pytest.mark.jit_only
@pytest.mark.parametrize("shape", [shapes.far_future, shapes.answers, shapes.hours_apart], ids=str)
def test_memory_does_not_follow_the_input(shape, capture, tmp_path, budget):
    """A clock that stands still, answers without end, years of an hour's packet: what is held has a limit."""
    if not budget:
        pytest.skip("memory is measured by make fuzz")
    small = ("--set", "output.max_held_rows=20000", "--set", "flow.table_size=4096")
    peaks = []
    for n in (5000, 20000):
        command = [sys.executable, "-c", PEAK, "replay", str(capture(shape, n)), "--json", *small]
        done = subprocess.run([*command, "--out", str(tmp_path / str(n))], check=True, capture_output=True)
        peaks.append(int(done.stderr.split()[-1]))
    assert peaks[1] < peaks[0] + 150_000


def test_a_mac_that_ends_as_the_address_does_hides_nobody(capture, tmp_path):
    """Hosts are told apart by MAC and address, not by what is left when one is taken from the other."""
    told = replay(capture(shapes.cameras, FEW), tmp_path / "out")
    assert told.files["cameras.json"].count(b'"asset_id"') == FEW


@pytest.mark.jit_only
def test_a_pair_of_ends_has_a_flow_in_every_vlan_but_no_more(capture, tmp_path):
    """The oldest gives way when more tag stacks than VLANs carry the same pair; its packets are told."""
    told = replay(capture(shapes.tag_stacks, 6000), tmp_path / "out", "flow.table_size=1000000")
    assert told.ledger["flows"]["lack_of_resources"] == 6000 - 4096


def test_what_a_silent_packet_shows_does_not_reach_as_far_as_its_batch(tmp_path):
    """A host is recognised by a SYN to its maker's cloud; its next SYN is treated alike in any batch."""
    host, router = End("02:00:00:00:00:01", "10.0.0.5", 40000), End("02:00:00:00:00:02", "203.0.113.1", 443)
    resolver = End("02:00:00:00:00:02", "10.0.0.1", 53)
    name = "litedev.hik-connect.com"
    told = udp_frame(resolver, host, dns_answer(name, [(name, A, router.addr)]))

    def syn(k, port):
        one, other = host._replace(port=port), router._replace(addr=f"203.0.113.{1 + k}")
        return ethernet(host.mac, other.mac, ip(host.addr, other.addr, 6, tcp(one, other, flags=shapes.SYN)))

    frames = [(shapes.T0, syn(k, 40000)) for k in range(4)]  # the host as such is known after this second
    frames += [(shapes.T0 + 2 * shapes.NS, data) for data in (told, *(syn(k, 40001) for k in range(4)))]
    path = tmp_path / "silent.pcap"
    path.write_bytes(pcap(frames))
    one = "detect.max_cases=1"
    files = [replay(path, tmp_path / str(n), one, f"replay.batch={n}").files for n in (1, 2, 3, 100)]
    assert files[1:] == files[:-1]
