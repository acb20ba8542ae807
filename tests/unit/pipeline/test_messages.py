# SPDX-License-Identifier: Apache-2.0
"""Items of messages: which of them speak of their sender, of another host, of a flow; all are sightings."""

from types import SimpleNamespace

import numpy as np
import pytest

from egresswatch.patterns import RECOGNISER_BASE
from egresswatch.pipeline import messages
from egresswatch.pipeline.messages import LEARNT, TELLING, Messages
from egresswatch.pipeline.notes import Sent
from egresswatch.pipeline.watched import Watched, low_word
from egresswatch.records import FlowInfo, Item, Message
from egresswatch.rules import load_tables
from egresswatch.sniff.engine import MAX_PROTOCOLS

CAMERA, MAC, OTHER, REMOTE = "10.0.0.5", 5, "10.0.0.9", "203.0.113.9"
FLOW, UID = 77, 99


@pytest.fixture(scope="module")
def tables():
    return load_tables([], True)


class World:
    """Everybody that a message is told to; what they were told is in ``log``."""

    def __init__(self, tables):
        self.log, self.sights, self.items, self.fed, self.ended = [], [], {}, [], []
        self.infos = {FLOW: FlowInfo()}
        self.watched = Watched()
        self.proxied = set()
        self.messages = Messages(
            tables, self, self, self, self, self, self, self.watched, lambda asset: self.log.append("watch")
        )

    # the engine
    def feed(self, m):
        self.fed.append(m.parser)
        return list(self.items.get(m.parser, ()))

    def info(self, flow):
        return self.infos.get(flow)

    def end(self, *flows):
        self.ended += flows

    # the register
    def evidence(self, addr, mac, kind, value, ts, detail=""):
        self.log.append(("evidence", addr, mac, kind, value))

    def spoke(self, addr, mac, vendor, protocol, rule_id, ts, *, shared=False):
        self.log.append(("spoke", addr, mac, protocol, rule_id))

    def monitored_at(self, addr, mac):
        return SimpleNamespace() if mac == MAC else None

    # names, classifier, rows, events
    def add(self, host, addresses, names, ttl, ts):
        self.log.append(("names", host, addresses, names, ttl))

    def alerts(self, name):
        return name.endswith("hik-connect.com")

    def learn(self, flow, info):
        self.log.append(("learn", flow))

    def sight(self, *sighting):
        self.sights.append(sighting)

    def proxy(self, flow):
        self.proxied.add(flow)


@pytest.fixture
def world(tables):
    return World(tables)


def message(**fields):
    plain = Message(
        ts=3, frame=4, flow=FLOW, side=0, proto=17, src=CAMERA, dst=REMOTE, sport=40000, dport=443, parser=1,
        start=True, seq=0, tcp_flags=0, payload=b"", length=0, src_mac=MAC, dst_mac=9, vlan=None,
    )  # fmt: skip
    return plain._replace(**fields)


def read(world, *items, src=True, dst=False, answered=False, recogniser=0, **fields):
    m = message(**fields)
    world.items = {m.parser: items}
    return world.messages.read(Sent(m, recogniser, UID, src, dst, answered, 1, 2))


def test_a_plain_item_is_a_sighting_of_its_inside_end(world):
    """The sender's where that is inside, else the receiver's, else nobody's."""
    for src, dst, host, mac in ((True, True, CAMERA, MAC), (False, True, REMOTE, 9), (False, False, "", 0)):
        assert read(world, Item("ja4", "t13d", "x"), src=src, dst=dst) == LEARNT
        assert world.sights.pop() == (3, 4, UID, "ja4", "t13d", "x", host, mac)
    assert world.log == [("learn", FLOW)], "once a flow"


def test_nothing_read_is_nothing_learnt(world):
    """No sighting either."""
    assert read(world) == 0
    assert world.sights == []


def test_names_that_a_rule_knows_are_telling(world):
    """Others are only learnt."""
    assert read(world, Item("tls_sni", "www.example.com")) == LEARNT
    both = Item("tls_sni", "www.example.com"), Item("http_host", "dev.hik-connect.com")
    assert read(world, *both) == TELLING
    assert len(world.sights) == 3


def test_an_answer_names_addresses_for_the_host_that_got_it(world):
    """They are looked at from then on when a rule knows the name."""
    data = SimpleNamespace(addresses=(REMOTE,), names=("www.example.com",), ttl=60)
    assert read(world, Item("dns_answer", "x", "", data)) == LEARNT
    assert ("names", REMOTE, (REMOTE,), ("www.example.com",), 60) in world.log
    assert not world.watched.holds(low_word(REMOTE), 0)
    data.names = ("www.example.com", "dev.hik-connect.com")
    read(world, Item("dns_answer", "x", "", data))
    assert world.watched.holds(low_word(REMOTE), 0)
    assert read(world, Item("dns_answer", "x")) == LEARNT, "without addresses"


def test_only_inside_senders_show_what_they_are(world):
    """And who has shown something is looked at."""
    read(world, Item("http_server", "App-webs/"), src=False, dst=True)
    assert ("learn", FLOW) == world.log.pop()
    read(world, Item("http_server", "App-webs/"))
    assert world.log == [("evidence", CAMERA, MAC, "http_server", "App-webs/"), "watch"]


def test_dhcp_shows_the_client_that_it_names(world):
    """Its MAC is in the message; a relay has sent the frame."""
    read(world, Item("dhcp_hostname", "cam", "", SimpleNamespace(mac=0xABC)), sport=68)
    assert ("evidence", CAMERA, 0xABC, "dhcp_hostname", "cam") in world.log


@pytest.mark.parametrize(("answered", "dst", "told"), [(True, True, 1), (False, True, 0), (True, False, 0)])
def test_what_is_asked_of_a_host_shows_it_once_it_answers(world, answered, dst, told):
    """An inside host that answers; a scan makes no cameras."""
    read(world, Item("http_path", "/ISAPI/x"), src=False, dst=dst, answered=answered)
    assert world.log.count(("evidence", REMOTE, 9, "http_served", "/ISAPI/x")) == told


def test_a_recognised_payload_is_told_by_its_protocol(world, tables):
    """The sighting has protocol and rule; an inside sender that speaks it may be a device."""
    number = next(k for k, rule in enumerate(tables.recognisers) if rule.id == "EW-DAH-0009")
    rule = tables.recogniser(number)
    assert read(world, Item("p2p", str(number), "", number), parser=RECOGNISER_BASE, recogniser=0) == 0
    world.items = {RECOGNISER_BASE + 5: [Item("p2p", str(number), "", number)]}
    m = message(parser=RECOGNISER_BASE + 5)
    assert world.messages.read(Sent(m, m.parser, UID, True, False, False, 1, 2)) == TELLING
    assert world.sights[-1][3:6] == ("p2p", rule.protocol, rule.id)
    assert ("spoke", CAMERA, MAC, rule.protocol, rule.id) in world.log
    assert world.fed == [RECOGNISER_BASE + 5], "by the recogniser alone"


def test_a_parser_and_a_recogniser_both_read(world):
    """The parser's items first."""
    m = message()
    world.items = {1: [Item("ja4", "a")], RECOGNISER_BASE: [Item("ja4", "b")]}
    world.messages.read(Sent(m, RECOGNISER_BASE, UID, True, False, False, 1, 2))
    assert [sight[4] for sight in world.sights] == ["a", "b"]


def test_a_request_to_connect_makes_a_flow_of_two_inside_hosts_leave(world):
    """Not one that leaves anyway; telling in both cases."""
    assert read(world, Item("http_connect", "a.example:443")) == TELLING
    assert not world.proxied
    assert read(world, Item("http_connect", "a.example:443"), dst=True) == TELLING
    assert world.proxied == {FLOW}


def test_what_rules_look_for_counts_for_the_flow(world, tables):
    """Once, up to a bound, and only on a flow of which something is known."""
    kind, wanted = next((kind, one) for kind, one in tables.sightings.items() if one.equals)
    value, numbers = next(iter(wanted.equals.items()))
    assert read(world, Item(kind, value)) == TELLING
    assert set(map(str, numbers)) <= set(world.infos[FLOW].protocols)
    world.infos[FLOW].protocols = tuple(map(str, range(10_000, 10_000 + MAX_PROTOCOLS)))
    sights = len(world.sights)
    read(world, Item(kind, value))
    assert len(world.infos[FLOW].protocols) == MAX_PROTOCOLS
    assert len(world.sights) == sights + 1


def test_flows_that_are_over_are_forgotten_and_no_others_asked_for(world):
    """A million flows of which nothing was read end for nothing."""
    read(world, Item("ja4", "a"))
    world.messages.end(np.array([1, 2, 3], np.uint64))
    assert (world.ended, world.messages.reading) == ([], {FLOW})
    world.messages.end(np.array([1, FLOW], np.uint64))
    assert (world.ended, world.messages.reading) == ([FLOW], set())
    world.messages.end(np.array([FLOW], np.uint64))
    assert world.ended == [FLOW], "once"


def test_each_value_is_looked_up_once_and_kinds_without_rules_never(world, monkeypatch):
    """What is remembered of values is bounded: full, it starts anew."""
    monkeypatch.setattr(messages, "_CACHE", 2)
    asked = []
    world.messages._classifier = SimpleNamespace(alerts=lambda name: asked.append(name) or name == "b")
    for name, answer in (
        ("a", LEARNT),
        ("a", LEARNT),
        ("b", TELLING),
        ("b", TELLING),
        ("c", LEARNT),
        ("a", LEARNT),
    ):
        assert read(world, Item("tls_sni", name), Item("ja4", name)) == answer
    assert asked == ["a", "b", "c", "a"]
