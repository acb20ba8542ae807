# SPDX-License-Identifier: Apache-2.0
"""The example day: the same bytes every time, sound for tshark, and the story its README tells."""

import hashlib
import ipaddress
import shutil
import subprocess
from collections import Counter

import dpkt
import pytest

from egresswatch.demo import camera_day, scenario
from egresswatch.demo.frames import ACK, SYN

DIGEST = "e501abfe18dd578f19f08849b79f40c1bd00346d9f2a02ea66b461e3722c5212"
DOCUMENTATION = [ipaddress.ip_network(net) for net in ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24")]


@pytest.fixture(scope="module")
def day(tmp_path_factory):
    """The written example: its folder."""
    folder = tmp_path_factory.mktemp("day")
    camera_day.write(folder)
    return folder


@pytest.fixture(scope="module")
def packets():
    """Every IP packet of the day as dpkt reads it."""
    out = []
    for frame in camera_day.frames():
        ethernet = dpkt.ethernet.Ethernet(frame.data)
        if isinstance(ethernet.data, dpkt.ip.IP):
            out.append((frame.ts, ethernet.data))
    return out


def tshark(capture, *arguments):
    if shutil.which("tshark") is None:
        pytest.skip("tshark is not installed: the example was not checked against it")
    done = subprocess.run(
        ["tshark", "-r", str(capture), *arguments], capture_output=True, text=True, check=True, timeout=300
    )
    return done.stdout.splitlines()


def outside(address: bytes) -> bool:
    return any(ipaddress.ip_address(address) in net for net in DOCUMENTATION)


def sent_outside(packets, camera):
    """Packets and bytes a camera sent to each outside address."""
    count: Counter = Counter()
    for _, packet in packets:
        if packet.src == ipaddress.ip_address(camera.addr).packed and outside(packet.dst):
            count[str(ipaddress.ip_address(packet.dst))] += packet.len
    return count


def test_the_capture_is_the_same_bytes_everywhere(day):
    """One digest pins it; a change of the story changes it on purpose."""
    assert hashlib.sha256((day / camera_day.CAPTURE).read_bytes()).hexdigest() == DIGEST


def test_the_capture_stays_small(day):
    """Less than 30 MB and 250 000 frames, so that a demonstration takes seconds."""
    assert (day / camera_day.CAPTURE).stat().st_size < 30_000_000
    assert len(camera_day.frames()) < 250_000


def test_the_capture_is_a_day_in_time_order():
    """From midnight to midnight, no frame before the one ahead of it."""
    times = [frame.ts for frame in camera_day.frames()]
    assert times == sorted(times)
    assert times[0] >= scenario.DAY
    assert 23 * scenario.HOUR < times[-1] - times[0] < 24 * scenario.HOUR


def test_every_address_is_private_or_for_documentation(packets):
    """Nobody's real address appears."""
    own = [ipaddress.ip_network(n) for n in ("10.0.0.0/8", "224.0.0.0/4", "0.0.0.0/32", "255.255.255.255/32")]
    for _, packet in packets:
        for address in (packet.src, packet.dst):
            assert outside(address) or any(ipaddress.ip_address(address) in net for net in own)


def test_the_cloud_camera_sends_to_its_cloud_alone(packets):
    """cam-gate-03 reaches one address outside, less than a video would need."""
    sent = sent_outside(packets, scenario.CLOUD)
    assert list(sent) == [scenario.HIK_CLOUD.addr]
    assert 200_000 < sent[scenario.HIK_CLOUD.addr] < 5_000_000


def test_the_watched_camera_uploads_like_video(packets):
    """cam-yard-07 sends about 640 kbit/s to each viewer while it is watched."""
    sent = sent_outside(packets, scenario.P2P)
    assert set(sent) == {scenario.DAHUA_CLOUD.addr, *(v.addr for v in scenario.VIEWERS)}
    assert 600_000 < sent[scenario.VIEWERS[0].addr] * 8 / 110 < 700_000


def test_the_blocked_camera_gets_no_answer(packets):
    """cam-hall-11 sends SYNs and nothing comes back from outside."""
    cloud = ipaddress.ip_address(scenario.UNIVIEW_CLOUD.addr).packed
    flags = Counter(packet.data.flags for _, packet in packets if packet.dst == cloud)
    assert set(flags) == {SYN}
    assert flags[SYN] > 1000
    assert not [packet for _, packet in packets if packet.src == cloud]


@pytest.mark.parametrize("name", ["cam-lobby-02", "cam-lobby-05", "cam-gate-04", "cam-hall-12"])
def test_the_clean_cameras_stay_inside(packets, name):
    """Four cameras send nothing outside."""
    [camera] = [c for c in scenario.CAMERAS if c.name == name]
    assert not sent_outside(packets, camera)


def test_every_connection_that_is_answered_is_opened_properly(packets):
    """Each TCP flow of the day begins with its SYN: no pieces of conversations."""
    begun = set()
    for _, packet in packets:
        if packet.p == 6:
            ends = frozenset([(packet.src, packet.data.sport), (packet.dst, packet.data.dport)])
            if packet.data.flags & (SYN | ACK) == SYN:
                begun.add(ends)
            assert ends in begun


def test_tshark_finds_no_wrong_checksum_and_nothing_malformed(day):
    """An independent reader agrees with every header."""
    check = [f"-o{p}.check_checksum:TRUE" for p in ("ip", "tcp", "udp")]
    sums = "||".join(f"{p}.checksum.status==0" for p in ("ip", "tcp", "udp"))
    wrong = f"{sums}||_ws.malformed||tcp.analysis.lost_segment"
    assert tshark(day / camera_day.CAPTURE, *check, "-Y", wrong) == []


def test_tshark_reads_the_names(day):
    """DNS names, TLS server names and DHCP host names are there to be found."""
    fields = ("dns.qry.name", "tls.handshake.extensions_server_name", "dhcp.option.hostname")
    shown = ["-Tfields", *(f"-e{field}" for field in fields)]
    lines = tshark(day / camera_day.CAPTURE, "-Y", "dns||tls.handshake||dhcp", *shown)
    found = {part for line in lines for part in line.split("\t") if part}
    assert {"dev.hik-connect.com", "www.easy4ipcloud.com", "global.star4live.com", "cam-lobby-02"} <= found


def test_the_inventory_lists_every_camera(day):
    """cameras.csv names the seven cameras and the recorder."""
    lines = (day / camera_day.INVENTORY).read_text().splitlines()
    assert lines[0] == "name,mac,ip,vlan,vendor,model,site,role"
    assert [line.split(",")[0] for line in lines[1:]] == [*(c.name for c in scenario.CAMERAS), "nvr-main"]


def test_an_excerpt_is_the_beginning_of_the_day():
    """Tests may take the first hours alone."""
    part = camera_day.excerpt(1)
    assert part == camera_day.frames()[: len(part)]
    assert part[-1].ts < scenario.DAY + scenario.HOUR
