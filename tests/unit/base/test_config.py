# SPDX-License-Identifier: Apache-2.0
"""Settings: defaults, files, overrides, and the exact message for every mistake."""

import dataclasses

import pytest

from egresswatch.config import NS, TUNNELS, Settings, load
from egresswatch.errors import ConfigError, UsageError


def test_the_defaults_need_no_file():
    """Every setting has one, and a sentence for docs/configuration.md."""
    assert load(None) == Settings()
    for section in dataclasses.fields(Settings):
        for setting in dataclasses.fields(getattr(Settings(), section.name)):
            assert setting.metadata["doc"]


def test_settings_cannot_be_changed():
    """They are handed to every stage: frozen."""
    with pytest.raises(dataclasses.FrozenInstanceError):
        Settings().decode.dedup = False  # type: ignore[misc]


FILE = """
[decode]
dedup = false
dedup_window = "20ms"
decapsulate = ["gre", "vxlan"]
vlan_in_key = true
[flow]
table_size = 4096
tcp_idle_timeout = "5m"
[sniff]
flow_bytes = "64KiB"
"""


def test_a_file_sets_what_it_names(tmp_path):
    """The rest keeps its default."""
    path = tmp_path / "settings.toml"
    path.write_text(FILE)
    got = load(path)
    assert (got.decode.dedup, got.decode.dedup_window) == (False, 20_000_000)
    assert got.decode.decapsulate == ("gre", "vxlan")
    assert got.decode.vlan_in_key == "true"
    assert (got.flow.table_size, got.flow.tcp_idle_timeout) == (4096, 300 * NS)
    assert got.sniff.flow_bytes == 65536
    assert got.flow.udp_idle_timeout == Settings().flow.udp_idle_timeout


@pytest.mark.parametrize(
    ("text", "section", "key", "value"),
    [
        ("decode.dedup=false", "decode", "dedup", False),
        ("decode.decapsulate=none", "decode", "decapsulate", ()),
        ("decode.decapsulate=all", "decode", "decapsulate", TUNNELS),
        ("decode.decapsulate=gre, gtpu", "decode", "decapsulate", ("gre", "gtpu")),
        ("decode.vlan_in_key=true", "decode", "vlan_in_key", "true"),
        ("decode.vlan_in_key=auto", "decode", "vlan_in_key", "auto"),
        ("decode.dedup_window=1.5ms", "decode", "dedup_window", 1_500_000),
        ("flow.end_linger=1d", "flow", "end_linger", 86400 * NS),
        ("flow.table_size=10", "flow", "table_size", 10),
        ("sniff.flow_bytes=16MiB", "sniff", "flow_bytes", 16 << 20),
        ("sniff.flow_bytes=100", "sniff", "flow_bytes", 100),
        ("enrich.cameras=a=b.csv", "enrich", "cameras", "a=b.csv"),
        ("rules.paths=one,two", "rules", "paths", ("one", "two")),
    ],
)
def test_an_override_sets_one_setting(text, section, key, value):
    """As --set takes it."""
    assert getattr(getattr(load(None, [text]), section), key) == value


def test_the_last_override_counts(tmp_path):
    """They go over the file, in order."""
    path = tmp_path / "settings.toml"
    path.write_text("[flow]\ntable_size = 5\n")
    assert load(path, ["flow.table_size=6", "flow.table_size=7"]).flow.table_size == 7


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("dedup=false", "write it as section.key=value, e.g. decode.dedup=false"),
        ("decode.dedup", "write it as section.key=value, e.g. decode.dedup=false"),
        ("decoder.dedup=false", "no section 'decoder' (did you mean 'decode'?)"),
        ("decode.dedupe=false", "no setting 'dedupe' in 'decode' (did you mean 'dedup'?)"),
        ("decode.dedup=no", "must be true or false"),
        ("flow.table_size=many", "must be a whole number"),
        ("flow.table_size=0", "must be a whole number from 1 to 2147483647"),
        ("flow.active_timeout=0s", "must be a duration of more than nothing and at most 3650d"),
        ("flow.active_timeout=9999d", "must be a duration of more than nothing and at most 3650d"),
        ("sniff.flow_bytes=2GiB", "must be a size of at most 1GiB"),
        ("flow.active_timeout=60", 'must be a duration such as "5ms", "60s" or "1h"'),
        ("sniff.flow_bytes=1.5MiB", 'must be a size such as "64KiB" or "16MiB"'),
        ("decode.vlan_in_key=maybe", "must be true, false or auto"),
        ("decode.decapsulate=l2tp", "'l2tp' is not one of none, all, " + ", ".join(TUNNELS)),
    ],
)
def test_a_wrong_override_is_a_usage_error(text, message):
    """One line that says what was expected."""
    with pytest.raises(UsageError) as caught:
        load(None, [text])
    assert str(caught.value) == f"--set {text}: {message}"


@pytest.mark.parametrize(
    ("text", "place", "message"),
    [
        ("[flow]\ntable_sise = 5\n", ":2", "unknown setting 'flow.table_sise' (did you mean 'table_size'?)"),
        ("[flows]\nx = 1\n", ":1", "unknown setting 'flows' (did you mean 'flow'?)"),
        ("\n[flow]\n\ntable_size = true\n", ":4",
         "flow.table_size: must be a whole number from 1 to 2147483647"),
        ("[flow]\ntcp_idle_timeout = 60\n", ":2",
         'flow.tcp_idle_timeout: must be a duration such as "5ms", "60s" or "1h"'),
        ("[decode]\ndedup = 1\n", ":2", "decode.dedup: must be true or false"),
        ("[decode]\ndecapsulate = [1]\n", ":2", "decode.decapsulate: must be a list of texts"),
        ("[enrich]\ncameras = 5\n", ":2", "enrich.cameras: must be a text"),
        ("flow = 5\n", "", "[flow] must be a table"),
        ("[flow\n", "", "is not TOML: Expected ']' at the end of a table declaration (at line 1, column 6)"),
    ],
)  # fmt: skip
def test_a_wrong_file_says_where(tmp_path, text, place, message):
    """path:line: what is wrong."""
    path = tmp_path / "settings.toml"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load(path)
    assert str(caught.value) == f"{path}{place}: {message}"


def test_a_file_that_is_not_there_is_one_line(tmp_path):
    """No traceback, the path, why."""
    with pytest.raises(ConfigError, match=r"gone\.toml: cannot be read: No such file or directory"):
        load(tmp_path / "gone.toml")


def test_bytes_that_are_no_text_are_not_toml(tmp_path):
    """A capture given as settings, for example."""
    path = tmp_path / "settings.toml"
    path.write_bytes(b"\xd4\xc3\xb2\xa1")
    with pytest.raises(ConfigError, match="is not TOML"):
        load(path)
