# SPDX-License-Identifier: Apache-2.0
"""rules export and import, policy export and import: files, exit status, remarks on standard error."""

import json

import pytest

from egresswatch import cli
from egresswatch.rules.loader import load_pack

RULE = """
rules:
- {id: EW-ABC-0001, rev: 1, title: Abc cloud, status: stable, severity: medium, confidence: high, vendor: abc,
   platform: abc/cloud, dest_class: vendor_cloud, purpose: cloud-api, side: device,
   match: {domains: [abc.example], ports: [udp/9]},
   examples: {match: [x.abc.example], no_match: [nabc.example]},
   references: [x], first_published: 2026-11-22}
vendors: [{id: abc, name: Abc, references: [x]}]
"""
SITE = """
[[zone]]
name = "cameras"
networks = ["10.20.0.0/24"]
reach = [{ to = "10.10.0.53", proto = "udp", ports = [53] }]
"""


@pytest.fixture
def own(tmp_path):
    """A folder with one rule."""
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "abc.yaml").write_text(RULE)
    return tmp_path / "own"


@pytest.fixture
def site(tmp_path):
    """A site file with policy."""
    (tmp_path / "site.toml").write_text(SITE)
    return tmp_path / "site.toml"


def run(*arguments):
    return cli.run([str(argument) for argument in arguments])


@pytest.mark.parametrize(("kind", "name"), [("suricata", "x.rules"), ("sigma", "x"), ("stix", "x.json")])
def test_rules_go_out_and_come_back(kind, name, own, tmp_path, capsys):
    """Export to a file or folder, import from it by its name, and the new folder loads."""
    assert (
        run("rules", "export", "--format", kind, "--rules", own, "--no-builtin", "--out", tmp_path / name)
        == 0
    )
    assert "a port alone" in capsys.readouterr().err
    assert run("rules", "import", tmp_path / name, "--into", tmp_path / "in") == 0
    assert "1 rules in" in capsys.readouterr().err
    (rule,) = load_pack([tmp_path / "in"], builtin=False).rules
    assert rule.match.domains == ("abc.example",)
    assert rule.references[0] == f"{name}: EW-ABC-0001"


def test_without_out_the_result_goes_to_standard_output(own, capsys):
    """And nothing else does."""
    assert run("rules", "export", "--format", "stix", "--rules", own, "--no-builtin") == 0
    assert json.loads(capsys.readouterr().out)["type"] == "bundle"


def test_what_is_there_is_replaced_only_with_force(own, site, tmp_path, capsys):
    """Files, and folders that hold something."""
    out = tmp_path / "x.nft"
    words = ("policy", "export", "--format", "nftables", "--site", site, "--out", out)
    assert run(*words) == 0
    assert run(*words) == 1
    assert "--force" in capsys.readouterr().err
    assert run(*words, "--force") == 0
    feed = tmp_path / "f.rules"
    feed.write_text('alert dns any any -> any any (msg:"m"; dns.query; content:"a.example"; bsize:9; sid:1;)')
    assert run("rules", "import", feed, "--into", own) == 1
    assert (own / "abc.yaml").read_text() == RULE


def test_an_import_without_any_indicator_fails_and_says_why(tmp_path, capsys):
    """Exit status 1, the reasons first, nothing written."""
    feed = tmp_path / "f.rules"
    feed.write_text('alert tcp any any -> any any (msg:"m"; content:"x"; sid:1;)')
    assert run("rules", "import", feed, "--into", tmp_path / "in") == 1
    told = capsys.readouterr().err
    assert "several places" in told
    assert "no indicator" in told
    assert not (tmp_path / "in").exists()


@pytest.mark.parametrize(
    ("words", "status"),
    [
        (("rules", "import", "missing.rules", "--into", "x"), 1),
        (("rules", "import", "{tmp}/own/abc.yaml", "--into", "x", "--family", "POL"), 2),
        (("rules", "import", "{tmp}/site.toml", "--into", "x"), 2),
        (("rules", "export", "--format", "word"), 2),
        (("policy", "export", "--format", "csv"), 2),
        (("policy", "export", "--format", "csv", "--site", "{tmp}/site.toml", "--only", "nobody"), 2),
        (("policy", "export", "--format", "mud", "--site", "{tmp}/site.toml", "--mud-url", "http://x"), 2),
        (("policy", "export", "--format", "mud", "--site", "{tmp}/site.toml", "--date", "today"), 2),
        (("policy", "export", "--format", "csv", "--observed", "{tmp}"), 1),
        (("policy", "export", "--format", "csv", "--site", "{tmp}/missing"), 1),
        (("policy", "import", "{tmp}/site.toml"), 2),
        (("policy", "import", "{tmp}/site.toml", "--network", "10.0.0.0/8"), 1),
        (("policy", "import", "{tmp}/site.toml", "--network", "x"), 1),
    ],
)  # fmt: skip
def test_mistakes_are_one_line_and_a_status(words, status, own, site, tmp_path, capsys, monkeypatch):
    """2 for the command line, 1 for what cannot be done; no traceback."""
    monkeypatch.chdir(tmp_path)
    assert run(*(word.replace("{tmp}", str(tmp_path)) for word in words)) == status
    assert capsys.readouterr().err.startswith("egresswatch: ")
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize("kind", ["nftables", "iptables", "ip6tables", "csv", "mud"])
def test_every_format_of_a_list_is_written(kind, site, tmp_path, capsys):
    """And says how many permissions it holds."""
    assert run("policy", "export", "--format", kind, "--site", site, "--out", tmp_path / "x") == 0
    assert (tmp_path / "x").read_text()
    assert "permissions of 1 groups" in capsys.readouterr().err


def test_a_mud_file_becomes_a_site_file_that_replay_takes(site, tmp_path, capsys):
    """There and back over the command line."""
    assert run("policy", "export", "--format", "mud", "--site", site, "--out", tmp_path / "m.json") == 0
    words = ("--zone", "cams", "--network", "10.20.0.0/24", "--vlan", 20, "--out", tmp_path / "new.toml")
    assert run("policy", "import", tmp_path / "m.json", *words) == 0
    from egresswatch.rules.site import load_site

    (zone,) = load_site(tmp_path / "new.toml").zones
    assert [entry.text() for entry in zone.reach] == ["10.10.0.53/32 (udp 53)"]


def test_a_zone_name_that_makes_no_site_is_refused(site, tmp_path, capsys):
    """What is handed out loads, or nothing is."""
    assert run("policy", "export", "--format", "mud", "--site", site, "--out", tmp_path / "m.json") == 0
    assert run("policy", "import", tmp_path / "m.json", "--zone", "outside", "--vlan", 20) == 1
    assert capsys.readouterr().out == ""
