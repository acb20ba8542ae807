# SPDX-License-Identifier: Apache-2.0
"""MUD files (RFC 8520) out and in: the standard's own example, the way there and back, hostile ones."""

import json
import tomllib

import pytest

from egresswatch.errors import EgresswatchError
from egresswatch.exchange import mud, mud_read
from egresswatch.exchange.allow import Allowed, AllowList, Group, Peer, from_site
from egresswatch.rules.site import load_site

LISTED = AllowList(
    "site.toml",
    (Group("cameras", ("10.20.0.0/24",), (
        Allowed(Peer("network", ("10.10.0.53/32", "2001:db8::53/128")), 17, ((53, 53),)),
        Allowed(Peer("name", (), "time.example.org", below=True), 17, ((123, 125),)),
        Allowed(Peer("outside"), 6, ((443, 443),)),
        Allowed(Peer("network", ("10.0.0.2/32",)), 6, ((554, 554),), inbound=True),
        Allowed(Peer("network", ("10.0.0.3/32",))),
        Allowed(Peer("network", ("10.0.0.4/32",)), None, ((80, 80),)),
    )),),
    (), date="2026-11-22T00:00:00Z",
)  # fmt: skip


def acl(*aces, side="from-device-policy"):
    """A MUD file with these entries."""
    return json.dumps(
        {
            "ietf-mud:mud": {
                "mud-url": "https://a.example/m",
                side: {"access-lists": {"access-list": [{"name": "x"}]}},
            },
            "ietf-access-control-list:acls": {"acl": [{"name": "x", "aces": {"ace": list(aces)}}]},
        }
    )


def ace(forwarding="accept", **matches):
    return {"name": "e", "matches": matches, "actions": {"forwarding": forwarding}}


def document():
    return json.loads(mud.export(LISTED, "https://a.example/m.json", "x" * 99).files[""])


def test_the_head_has_what_the_standard_requires():
    """Version, URL, date, validity, support and a short info; no clock."""
    head = document()["ietf-mud:mud"]
    assert {key: head[key] for key in ("mud-version", "mud-url", "last-update", "is-supported")} == {
        "mud-version": 1,
        "mud-url": "https://a.example/m.json",
        "last-update": "2026-11-22T00:00:00Z",
        "is-supported": True,
    }
    assert 1 <= head["cache-validity"] <= 168
    assert len(head["systeminfo"]) <= 60


def test_every_named_list_is_there_once_and_of_its_kind():
    """One for each direction and IP version, names of entries unique."""
    whole = document()
    lists = whole[mud.ACLS]["acl"]
    named = [
        item["name"]
        for side in ("from", "to")
        for item in whole["ietf-mud:mud"][f"{side}-device-policy"]["access-lists"]["access-list"]
    ]
    assert sorted(named) == sorted(item["name"] for item in lists)
    for item in lists:
        assert item["type"] == f"ipv{'6' if '-v6-' in item['name'] else '4'}-acl-type"
        names = [entry["name"] for entry in item["aces"]["ace"]]
        assert len(names) == len(set(names))
        assert {entry["actions"]["forwarding"] for entry in item["aces"]["ace"]} == {"accept"}


def test_both_directions_mirror_each_other():
    """What goes out may be answered; who begins a TCP connection is said."""
    lists = {item["name"][-7:]: item["aces"]["ace"] for item in document()[mud.ACLS]["acl"]}
    sent = next(e["matches"] for e in lists["v4-from"] if "source-port" in e["matches"].get("tcp", {}))
    assert sent == {
        "ipv4": {"destination-ipv4-network": "10.0.0.2/32", "protocol": 6},
        "tcp": {"ietf-mud:direction-initiated": "to-device", "source-port": {"operator": "eq", "port": 554}},
    }
    lists_to = [
        item["aces"]["ace"] for item in document()[mud.ACLS]["acl"] if item["name"].endswith("-v4-to")
    ]
    (back,) = [e["matches"] for e in lists_to[0] if "ietf-acldns:src-dnsname" in e["matches"]["ipv4"]]
    assert back["udp"] == {"source-port": {"lower-port": 123, "upper-port": 125}}


def test_what_mud_cannot_say_is_told():
    """Everything outside, names below a name, own networks, who begins beyond TCP."""
    notes = {note.why for note in mud.export(LISTED, "https://a.example", "x").notes}
    assert notes == {mud.OUTSIDE, mud.BELOW, mud.AMONG, mud.SCTP}


def test_a_policy_survives_the_way_there_and_back(tmp_path):
    """site.toml to MUD to site.toml: the same answers for networks and names."""
    (tmp_path / "site.toml").write_text("""
[[zone]]
name = "cameras"
networks = ["10.20.0.0/24"]
reach = [
  { to = "10.10.0.53/32", proto = "udp", ports = [53, 853] },
  { to = "time.example.org", proto = "udp", ports = ["123-125"] },
  { to = "2001:db8::/32" },
]
""")
    site = load_site(tmp_path / "site.toml")
    text = mud.export(from_site(site, "site.toml"), "https://a.example", "x").files[""]
    read = mud_read.read(text)
    (tmp_path / "again.toml").write_text(
        mud_read.site_text(read, "cameras", ["10.20.0.0/24"], [], "m.json", "0")
    )
    again = load_site(tmp_path / "again.toml")
    assert {(r.to, r.proto, r.ports) for r in again.zones[0].reach} == {
        (r.to, r.proto, r.ports) for r in site.zones[0].reach
    }


def test_the_example_of_the_standard_is_read():
    """RFC 8520 section 9: a name, TCP 443, begun by the device."""
    text = acl(
        ace(
            ipv6={"ietf-acldns:dst-dnsname": "test.example.com", "protocol": 6},
            tcp={
                "ietf-mud:direction-initiated": "from-device",
                "destination-port": {"operator": "eq", "port": 443},
            },
        )
    )
    read = mud_read.read(text)
    assert [(e.to, e.proto, e.ports) for e in read.entries] == [("test.example.com", 6, ((443, 443),))]
    assert [note.why for note in read.notes] == [mud_read.BELOW]


def test_both_names_of_the_access_lists_are_known():
    """RFC 8519's, and the one of the drafts."""
    text = acl(ace(ipv4={"destination-ipv4-network": "192.0.2.0/24"})).replace(":acls", ":access-lists")
    assert len(mud_read.read(text).entries) == 1


def test_a_controller_is_what_the_operator_says():
    """Without that it is told; with it, it is a network."""
    text = acl(ace(**{"ietf-mud:mud": {"my-controller": [None]}}))
    assert "my-controller" in mud_read.read(text).notes[0].why
    assert [e.to for e in mud_read.read(text, {"my-controller": ["10.1.0.5"]}).entries] == ["10.1.0.5/32"]


def test_local_networks_are_private_space_with_a_note():
    """The file does not know the site."""
    read = mud_read.read(acl(ace(**{"ietf-mud:mud": {"local-networks": [None]}})))
    assert [e.to for e in read.entries] == ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"]
    assert read.notes[0].taken


@pytest.mark.parametrize(
    "entry",
    [
        ace("drop", ipv4={"destination-ipv4-network": "192.0.2.0/24"}),
        ace(ipv4={}),
        ace(),
        ace(eth={}),
        ace(ipv4={"destination-ipv4-network": "0.0.0.0/0"}),
        ace(ipv4={"ietf-acldns:dst-dnsname": 'a" }\n[[zone]]'}),
        ace(ipv4={"dscp": 5, "destination-ipv4-network": "192.0.2.0/24"}),
        ace(
            ipv4={"destination-ipv4-network": "192.0.2.0/24"},
            tcp={"source-port": {"operator": "eq", "port": 80}},
        ),
        ace(
            ipv4={"destination-ipv4-network": "192.0.2.0/24"},
            tcp={"destination-port": {"operator": "neq", "port": 80}},
        ),
        ace(
            ipv4={"destination-ipv4-network": "192.0.2.0/24"},
            udp={"destination-port": {"lower-port": 9, "upper-port": 1}},
        ),
        ace(ipv4={"destination-ipv4-network": "192.0.2.0/24"}, udp={"destination-port": {"port": True}}),
        ace(ipv4={"destination-ipv4-network": "192.0.2.0/24", "protocol": "6"}),
        ace(
            ipv4={"destination-ipv4-network": "192.0.2.0/24"},
            tcp={"ietf-mud:direction-initiated": "to-device"},
        ),
        ace(**{"ietf-mud:mud": {"same-manufacturer": [None]}}),
        ace(**{"ietf-mud:mud": {"controller": ["x"]}}),
        {"name": 5, "matches": [], "actions": []},
        {},
    ],
)
def test_entries_that_policy_cannot_say_are_told(entry):
    """Left out with one note each, nothing raised."""
    read = mud_read.read(acl(entry))
    assert not read.entries
    assert len(read.notes) == 1


def test_what_only_answers_is_told():
    """The other direction, when the device did not begin."""
    read = mud_read.read(acl(ace(ipv4={"source-ipv4-network": "192.0.2.0/24"}), side="to-device-policy"))
    assert [note.why for note in read.notes] == [mud_read.REPLIES]


@pytest.mark.parametrize("text", ["", "[", "[]", "5", "{}", '{"ietf-mud:mud": 5}', "[" * 9000])
def test_what_is_no_mud_file_is_one_clear_line(text):
    """And no traceback."""
    with pytest.raises(EgresswatchError, match="is not"):
        mud_read.read(text)


def test_a_hostile_file_cannot_write_toml(tmp_path):
    """Names, info and URLs with quotes and line ends stay comments and strings."""
    text = json.loads(acl(ace(ipv4={"destination-ipv4-network": "192.0.2.0/24"})))
    evil = 'x"\n[[zone]]\nname = "evil"\nnetworks = ["0.0.0.0/0"]\n#'
    text["ietf-mud:mud"] |= {"mud-url": evil, "systeminfo": evil, "last-update": evil}
    text["ietf-access-control-list:acls"]["acl"][0]["aces"]["ace"][0]["name"] = evil
    made = mud_read.site_text(mud_read.read(json.dumps(text)), evil, ["10.0.0.0/8"], [7], evil, "0")
    (zone,) = tomllib.loads(made)["zone"]
    assert zone["name"] == evil
    assert zone["networks"] == ["10.0.0.0/8"]
