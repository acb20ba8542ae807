# SPDX-License-Identifier: Apache-2.0
"""Countries and operators from databases that the tests write themselves."""

from __future__ import annotations

import pytest
from mmdb_writer import MMDBWriter
from netaddr import IPSet

from egresswatch.enrich.geo import NOTHING, Geo, GeoHit
from egresswatch.errors import ConfigError


def write(path, kind, records):
    writer = MMDBWriter(6, kind, languages=["en"], ipv4_compatible=True)
    for network, record in records.items():
        writer.insert_network(IPSet([network]), record)
    writer.to_db_file(str(path))
    return str(path)


@pytest.fixture
def country(tmp_path):
    records = {
        "203.0.113.0/24": {"country": {"iso_code": "CN"}},
        "2001:db8::/32": {"country": {"iso_code": "nl"}},
    }
    return write(tmp_path / "country.mmdb", "GeoLite2-Country", records)


@pytest.fixture
def asn(tmp_path):
    record = {"autonomous_system_number": 64500, "autonomous_system_organization": "Example\x07 Cloud"}
    return write(tmp_path / "asn.mmdb", "GeoLite2-ASN", {"203.0.113.0/24": record})


def test_without_databases_every_answer_is_empty():
    """All runs without them."""
    geo = Geo()
    assert geo.lookup("203.0.113.7") is NOTHING
    assert geo.builds == {}


def test_both_databases_answer(country, asn):
    """Country, number and operator; control characters never come through."""
    geo = Geo(country, asn)
    assert geo.lookup("203.0.113.7") == GeoHit("CN", 64500, "Example Cloud")
    assert geo.lookup("2001:db8::1") == GeoHit("NL", None, "")
    assert geo.lookup("198.51.100.1") == NOTHING
    geo.close()


def test_the_build_times_are_told(country, asn):
    """By edition, so that an old database shows."""
    geo = Geo(country, asn)
    assert sorted(geo.builds) == ["GeoLite2-ASN", "GeoLite2-Country"]
    assert all(isinstance(built, int) and built > 0 for built in geo.builds.values())


def test_flat_field_names_are_taken(tmp_path):
    """IPtoASN files have country_code at the top, others write the number as text."""
    flat = write(tmp_path / "c.mmdb", "ipv4-country", {"203.0.113.0/24": {"country_code": "de"}})
    text = write(tmp_path / "a.mmdb", "ip-asn", {"203.0.113.0/24": {"asn": "AS64501", "org": "Other"}})
    assert Geo(flat, text).lookup("203.0.113.7") == GeoHit("DE", 64501, "Other")


@pytest.mark.parametrize("record", [{"country": "Netherlands"}, {"country": {"iso_code": 5}}, {"x": "y"}])
def test_odd_records_are_empty(tmp_path, record):
    """A country is two letters or nothing."""
    path = write(tmp_path / "c.mmdb", "x-country", {"203.0.113.0/24": record})
    assert Geo(path).lookup("203.0.113.7") == NOTHING


def test_an_address_that_is_none_is_counted(country):
    """What cannot be looked up is empty, never an exception."""
    geo = Geo(country)
    assert geo.lookup("not an address") == NOTHING
    assert geo.errors == 1


def test_the_wrong_kind_of_database_is_refused(country, asn):
    """A country file given as the ASN file would be silently empty for ever."""
    with pytest.raises(ConfigError, match='of type "GeoLite2-Country", but the ASN database is wanted'):
        Geo("", country)
    with pytest.raises(ConfigError, match='of type "GeoLite2-ASN", but the country database is wanted'):
        Geo(asn, "")


def test_a_missing_database_is_one_clear_line(tmp_path):
    """Path and reason."""
    with pytest.raises(ConfigError, match=r"none\.mmdb: country database cannot be read: No such file"):
        Geo(str(tmp_path / "none.mmdb"))


@pytest.mark.parametrize(
    "content", [b"", b"PK\x03\x04 not a database", b"\xab\xcd\xefMaxMind.com" + b"\xff" * 9]
)
def test_a_file_that_is_no_database_is_refused(tmp_path, content):
    """Whatever the reader raises inside, the message is the same."""
    path = tmp_path / "x.mmdb"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match="is not a MaxMind-format database"):
        Geo(str(path))


def test_a_damaged_tree_never_raises(country, tmp_path):
    """Every byte of the file broken in turn: refused at the door, or answered."""
    whole = open(country, "rb").read()
    path = tmp_path / "broken.mmdb"
    for at in range(0, len(whole), 37):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0xFF]) + whole[at + 1 :])
        try:
            geo = Geo(str(path))
        except ConfigError:
            continue
        assert isinstance(geo.lookup("203.0.113.7"), GeoHit)
        geo.close()


def test_the_cache_never_changes_an_answer(country, monkeypatch):
    """Full, it starts anew."""
    monkeypatch.setattr("egresswatch.enrich.geo._CACHE", 2)
    geo = Geo(country)
    for _ in range(2):
        for last in range(6):
            assert geo.lookup(f"203.0.113.{last}").cc == "CN"
