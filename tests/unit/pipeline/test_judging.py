# SPDX-License-Identifier: Apache-2.0
"""Judging many records at once: the same as asking about each of them alone, which the twin here does."""

from ipaddress import ip_address

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from egresswatch.detect.families import OUTER
from egresswatch.detect.verdict import is_service, judge
from egresswatch.enrich.inventory import Inventory
from egresswatch.enrich.names import PassiveNames
from egresswatch.enrich.register import Register
from egresswatch.flow.rows import is_named
from egresswatch.pipeline.blind import BlindFlows, services
from egresswatch.pipeline.classify import Classifier
from egresswatch.pipeline.judging import Infos, Judge, Judged, outward_of
from egresswatch.pipeline.notes import Addresses
from egresswatch.pipeline.owned import owned
from egresswatch.pipeline.perimeter import directions, opener
from egresswatch.pipeline.sums import Sums
from egresswatch.pipeline.watched import Networks
from egresswatch.records import FLOW_RECORD, Direction, FlowInfo
from egresswatch.rules import load_tables
from egresswatch.rules.site import load_site

HIKVISION, PLAIN = 0x4419B60A3F13, 0x020000000001
CAMERAS, OTHERS = ("10.20.0.13", "10.20.0.14", "fd00::13"), ("10.20.0.50", "10.30.0.9", "fd00::50")
OUTSIDE = ("203.0.113.9", "47.91.0.5", "8.8.8.8", "2001:4860:4860::8888", "2001:db8::9")
MULTICAST, NOW = ("239.255.255.250",), 10**18
HIK, FRONT, OWN = "dev.hik-connect.com", "front.example", "own.example"
SITE = """[site]
name = "s"
[[zone]]
name = "cameras"
networks = ["10.20.0.8/29"]
vlans = [20]
role = "camera"
reach = ["others", { to = "*.hik-connect.com", proto = "tcp", ports = [443] }, { to = "8.8.8.8/32" }]
[[zone]]
name = "others"
networks = ["10.30.0.0/24"]
role = "other"
"""
INFOS = (
    FlowInfo(service="tls", server_name=HIK, server_name_source="sni", ja4="t13d"),
    FlowInfo(service="tls", server_name=FRONT, server_name_source="sni", outer_name=True),
    FlowInfo(service="tls", cert_names=(HIK, OWN), cert_from="203.0.113.9"),
    FlowInfo(service="http", server_name=OWN, server_name_source="http"),
    FlowInfo(service="stun"),
    FlowInfo(service="", protocols=("0", "1")),
)


class World:
    """What judging asks, filled with a few hosts, names and infos."""

    def __init__(self, tables, site):
        self.site, self.names = site, PassiveNames(100)
        self.register = Register(tables, site, Inventory.load(""), 100)
        for k, addr in enumerate(CAMERAS):
            self.register.observe(HIKVISION + k, addr, 20 if k else None, 1)
        for k, addr in enumerate(OTHERS[:2]):
            self.register.observe(PLAIN + k, addr, None, 1)
        self.names.add(CAMERAS[0], OUTSIDE[:2], [FRONT, "alias.example"], 60, NOW)
        self.names.add(CAMERAS[0], OUTSIDE[:1], [HIK], 60, NOW + 5 * 10**9)
        self.names.add(OTHERS[0], [OUTSIDE[3]], [OWN], 60, NOW)
        self.classifier = Classifier(tables, self.names)
        self.networks = Networks(tables)
        self.infos = dict(enumerate(INFOS, 1))

    def near(self, row):
        """What the flow kernel says of a record."""
        if row["ver"] == 6:
            return self.networks.v6
        return any(is_named(self.networks.spans, row[name]) for name in ("orig_lo", "resp_lo"))


@pytest.fixture(scope="module")
def worlds(tmp_path_factory):
    tables = load_tables([], True)
    path = tmp_path_factory.mktemp("site") / "site.toml"
    path.write_text(SITE)
    return World(tables, load_site(None)), World(tables, load_site(path))


def words(addr):
    number = int(ip_address(addr))
    return (number >> 64, number & (1 << 64) - 1) if ":" in addr else (0, 0xFFFF << 32 | number)


def record(orig, resp, macs, **fields):
    out = np.zeros((), FLOW_RECORD)
    for end, addr, mac in zip(("orig", "resp"), (orig, resp), macs, strict=True):
        out[f"{end}_hi"], out[f"{end}_lo"] = words(addr)
        out[f"{end}_class"] = 2 if addr in MULTICAST else int(addr in CAMERAS + OTHERS)
        out[f"{end}_mac"] = mac
    out["ver"], out["has_ports"] = 6 if ":" in orig else 4, 1
    for name, value in fields.items():
        out[name] = value
    return out


FOUR = [addr for addr in CAMERAS + OTHERS + OUTSIDE + MULTICAST if ":" not in addr]
SIX = [addr for addr in CAMERAS + OTHERS + OUTSIDE if ":" in addr]
PORTS, MACS = st.sampled_from((53, 80, 123, 443, 8000, 40000)), st.integers(0, 2).map(lambda k: HIKVISION + k)
RECORDS = st.one_of(*(st.tuples(ends, ends) for ends in map(st.sampled_from, (FOUR, SIX)))).flatmap(
    lambda ends: st.builds(
        record, st.just(ends[0]), st.just(ends[1]), st.tuples(MACS, MACS | st.just(PLAIN)),
        flow=st.integers(0, len(INFOS) + 1), proto=st.sampled_from((1, 6, 17, 132)), orig_p=PORTS,
        resp_p=PORTS, seq=st.integers(0, 1), oriented=st.integers(0, 1), orig_pkts=st.integers(0, 2),
        resp_pkts=st.integers(0, 2), vlan_tags=st.integers(0, 1), vlan=st.sampled_from((0, 20, 30)),
        ts_flow=st.sampled_from((NOW - 3 * 10**9, NOW, NOW + 9 * 10**9, NOW + 10**15)),
        orig_missed=st.integers(0, 9), resp_ip_bytes=st.integers(0, 99),
    )
)  # fmt: skip


def twin(world, row):
    """One record judged by itself, and the (address, MAC) it counts for as a flow to the outside, or None."""
    ends, v6 = ("orig", "resp"), row["ver"] == 6
    addr = {end: Addresses().text(int(row[f"{end}_hi"]), int(row[f"{end}_lo"]), v6) for end in ends}
    asset = {
        end: world.register.asset(addr[end], int(row[f"{end}_mac"])) if row[f"{end}_class"] == 1 else None
        for end in ends
    }
    a, b, proto = int(row["orig_class"]), int(row["resp_class"]), int(row["proto"])
    ports = {"orig": int(row["orig_p"]), "resp": int(row["resp_p"])}
    outward = a == 1 or b != 1
    if a == b == 1:
        outward = opener(0, bool(row["oriented"]), proto, (ports["orig"], ports["resp"])) == 0
    near, far = ends if outward else ends[::-1]
    info, crossing = world.infos.get(int(row["flow"])), a + b == 1
    monitored = any(one is not None and one.monitored for one in asset.values())
    host, remote, port = addr[near], addr[far], ports[far]
    if not crossing and info is None and not monitored:
        return Judged("", "", "none", "", "", "none", "not_monitored", (), False), None
    what = world.classifier.classify(host, remote, proto, port, crossing, int(row["ts_flow"]), info)
    answer = "silent"
    if monitored and world.site.given:
        vlan = int(row["vlan"]) if row["vlan_tags"] else None
        own, peer = (asset[end].vlan if asset[end] is not None else None for end in (near, far))
        zone = world.site.zone_of(host, vlan if own is None else own)
        answer = world.site.policy(zone, remote, peer, proto, port, what.all_names).answer
    told = [pair for pair in what.names if pair[1] != "cert"]
    name, source = told[0] if told else ("", "none")
    if source == OUTER:
        source = info.server_name_source
    judged = Judged(
        info.service if info else "", name, source, info.ja4 if info else "", what.platform, what.dest_class,
        judge(monitored, answer, what.dest_class), tuple(rule.id for rule in what.rules),
        any(source != OUTER for _, source in what.names),
    )  # fmt: skip
    opened = directions(row.reshape(1))[0] == Direction.outbound and row["seq"] == 0 and proto != 1
    mine = asset[near] is not None and asset[near].monitored and row[f"{near}_pkts"] > 0
    if not (opened and mine) or is_service(proto, port):
        return judged, None
    mac = int(row[f"{near}_mac"])
    return judged, (host, mac if mac == asset[near].mac else 0)


@pytest.mark.parametrize("with_site", [False, True], ids=["no site file", "a site file"])
@given(records=st.lists(RECORDS, min_size=1, max_size=12))
def test_judging_all_at_once_is_judging_each(worlds, with_site, records):
    """Judgements, counts by verdict, missed bytes and flows nobody can name are those of the twin."""
    world, rows = worlds[with_site], np.array(records, FLOW_RECORD)
    owners = owned(rows, world.register)
    rows["near"] = [world.near(row) for row in rows]
    judge_ = Judge(world.site, world.classifier, Addresses())
    judged, codes = judge_.judge(rows, owners, Infos(world.infos))
    expected = [twin(world, row) for row in rows]
    assert [judged[code] for code in codes] == [one for one, _ in expected]
    assert len(judged) == len(set(judged))
    sums, blind = Sums(), BlindFlows(Addresses())
    sums.count(rows, [one.verdict for one in judged], codes, owners)
    verdicts = [one.verdict for one, _ in expected]
    assert sums.verdicts == {verdict: verdicts.count(verdict) for verdict in verdicts}
    blind.count(rows, directions(rows), [one.named for one in judged], codes, owners)
    flows = [(host, one.named) for one, host in expected if host is not None]
    hosts = [host for host, _ in flows]
    assert list(blind.of_hosts()) == [
        (*host, hosts.count(host), flows.count((host, False))) for host in sorted(set(hosts))
    ]


def test_the_pools_above_reach_every_verdict_and_class(worlds):
    """So that the comparison means something: each answer is given somewhere."""
    seen = set()
    for world in worlds:
        for host, mac in zip(CAMERAS[:2], (HIKVISION, HIKVISION + 1), strict=True):
            for remote in (*OUTSIDE[:3], OTHERS[1], CAMERAS[0]):
                for flow in range(len(INFOS) + 1):
                    row = record(host, remote, (mac, 0), flow=flow, proto=6, resp_p=443, ts_flow=NOW)
                    one, _ = twin(world, row)
                    seen |= {one.verdict, one.dest_class, one.source}
    assert seen >= {"allowed", "violation", "vendor_cloud", "unknown", "p2p"}
    assert seen >= {"infrastructure", "none", "other"}
    assert seen >= {"sni", "http", "dns"}


@given(st.lists(RECORDS, max_size=12))
def test_the_inside_end_of_columns_is_that_of_one_record(records):
    """Of two inside hosts the one that opened the flow."""
    for row in records:
        a, b = int(row["orig_class"]), int(row["resp_class"])
        one = a == 1 or b != 1
        if a == b == 1:
            ports = int(row["orig_p"]), int(row["resp_p"])
            one = opener(0, bool(row["oriented"]), int(row["proto"]), ports) == 0
        assert outward_of(row.reshape(1)).tolist() == [one]


def test_flows_on_which_the_same_was_read_have_one_number():
    """Ten thousand flows to one server are asked about once."""
    infos = Infos({9: FlowInfo(service="tls"), 5: FlowInfo(service="dns"), 7: FlowInfo(service="tls")})
    assert infos.of(np.array([5, 6, 7, 9, 10], np.uint64)).tolist() == [2, 0, 1, 1, 0]
    assert [info and info.service for info in infos.distinct] == [None, "tls", "dns"]
    assert Infos({}).of(np.array([5], np.uint64)).tolist() == [0]


def test_services_of_columns_are_those_of_one_flow():
    """DNS and NTP, by every transport and port that could be taken for one."""
    pairs = [(proto, port) for proto in range(256) for port in (0, 52, 53, 54, 122, 123, 124, 443)]
    proto, port = (np.array(column) for column in zip(*pairs, strict=True))
    assert services(proto, port).tolist() == [is_service(*pair) for pair in pairs]
