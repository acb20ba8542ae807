# SPDX-License-Identifier: Apache-2.0
"""Allow-lists for real firewalls: their own programs take them, and no name becomes syntax."""

import csv
import io
import os
import re
import shutil
import subprocess

import pytest

from egresswatch.exchange import iptables, nftables
from egresswatch.exchange.allow import Allowed, AllowList, Group, Peer

EVIL = 'a" accept; } flush ruleset; # \\ \n-A INPUT -j ACCEPT =1+1'
LISTED = AllowList(
    EVIL,
    (
        Group(
            EVIL,
            ("10.20.0.0/24", "2001:db8:20::/64"),
            (
                Allowed(Peer("network", ("10.10.0.53/32",)), 17, ((53, 53), (123, 125)), place=EVIL),
                Allowed(
                    Peer("name", ("203.0.113.1/32", "203.0.113.0/32"), "time.example.org", below=True),
                    17,
                    ((123, 123),),
                ),
                Allowed(
                    Peer("name", (), "empty.example.org"), 6, tuple((n, n + 1) for n in range(1000, 1100, 5))
                ),
                Allowed(Peer("outside"), None, ((443, 443),), place="x"),
                Allowed(Peer("outside"), 47),
                Allowed(Peer("network", ("192.0.2.0/24", "2001:db8::/32")), None),
                Allowed(Peer("network", ("192.0.2.0/24",)), 1),
            ),
            "camera",
        ),
        Group(
            "seen",
            ("10.20.1.5/32",),
            (
                Allowed(
                    Peer("network", ("10.0.0.2/32",)), 6, ((554, 554),), inbound=True, place="=HYPERLINK(1)"
                ),
            ),
            "camera",
            among=False,
            closed=True,
        ),
        Group("empty", ("10.20.2.0/24",), ()),
    ),
    ("10.0.0.0/8", "fe80::/10"),
)


def tool(name):
    """A firewall's own program that can also ask this kernel; skips loudly without it."""
    path = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    if path is None:
        pytest.skip(f"NOT VALIDATED: {name} is not installed")
    return path


def checked(command, text, tmp_path):
    file = tmp_path / "list"
    file.write_text(text)
    done = subprocess.run([*command, str(file)], capture_output=True, text=True, timeout=60)
    if re.search(
        "Operation not permitted|Permission denied|must be root|Protocol not supported", done.stderr
    ):
        pytest.skip(f"NOT VALIDATED: {command[0]} may not ask this kernel: {done.stderr.strip()}")
    return done


def test_nft_takes_the_list(tmp_path):
    """`nft -c` checks syntax, sets and types."""
    done = checked([tool("nft"), "-c", "-f"], nftables.export(LISTED).files[""], tmp_path)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("version", [4, 6])
def test_iptables_restore_takes_the_list(version, tmp_path):
    """`--test` builds the table without setting it."""
    command = [tool(iptables.TOOLS[version]), "--test", "--noflush"]
    done = checked(command, iptables.export(LISTED, version).files[""], tmp_path)
    assert (done.returncode, done.stderr) == (0, "")


TEXTS = [
    exported.files[""]
    for exported in (nftables.export(LISTED), *(iptables.export(LISTED, v) for v in (4, 6)))
]


@pytest.mark.parametrize("text", TEXTS)
def test_hostile_names_end_no_comment_and_no_string(text):
    """Every quote has its pair on its line, and nothing of the names stands outside of comments."""
    for line in text.splitlines():
        code = "" if line.startswith("#") else re.sub(r'"[^"]*"', '""', line).split(" # ")[0]
        assert code.count('"') % 2 == 0
        assert "flush" not in code
        assert not code.startswith("-A INPUT")
        assert "\\" not in line


def test_everything_else_is_dropped_for_the_named_hosts_only():
    """The last word of each chain, and the policy of the hook."""
    text = nftables.export(LISTED).files[""]
    assert text.count("counter drop") == 4  # three groups, one of them in both directions
    assert "hook forward priority filter; policy accept;" in text
    assert "ip saddr { 10.20.1.5/32 } jump from_2" in text
    assert "ip daddr { 10.20.1.5/32 } jump to_2" in text


def test_a_name_is_a_set_with_the_addresses_seen():
    """The operator fills it; an empty one is told."""
    exported = nftables.export(LISTED)
    assert "set name_1_4 { # time.example.org and everything below" in exported.files[""]
    assert "elements = { 203.0.113.0/32, 203.0.113.1/32 };" in exported.files[""]
    assert [note.what for note in exported.notes] == ["empty.example.org"]


def test_iptables_leaves_out_a_name_without_an_address():
    """It can match addresses only."""
    exported = iptables.export(LISTED, 4)
    assert [(note.what, note.why) for note in exported.notes] == [("empty.example.org", iptables.NO_ADDRESS)]


def test_multiport_matches_stay_within_fifteen_ports():
    """A range counts twice."""
    many = AllowList("x", (Group("g", ("10.0.0.0/8",), (
        Allowed(Peer("network", ("192.0.2.0/24",)), 6, tuple((n, n + 1) for n in range(0, 200, 5))),
    )),), ())  # fmt: skip
    chunks = re.findall(r"--dports (\S+)", iptables.export(many, 4).files[""])
    assert all(sum(2 if ":" in port else 1 for port in chunk.split(",")) <= 15 for chunk in chunks)
    assert sum(len(chunk.split(",")) for chunk in chunks) == 40


def test_csv_has_a_line_for_each_source_and_no_formula():
    """Spreadsheets run what begins with an equals sign."""
    rows = list(csv.DictReader(io.StringIO(nftables.table(LISTED).files[""])))
    assert len(rows) == 2 * 7 + 1
    assert tuple(rows[0]) == nftables.COLUMNS
    assert rows[-1]["place"] == "HYPERLINK(1)"
    assert {row["direction"] for row in rows} == {"to peer", "from peer"}
    assert not [cell for row in rows for cell in row.values() if cell.startswith(("=", "+", "@", "-"))]
