# SPDX-License-Identifier: Apache-2.0
"""Settings: what is taken, what is refused in which words, and that nothing taken can break a run."""

import pytest

from egresswatch.config import NS, TUNNELS, Duration, Settings, Size, load
from egresswatch.errors import ConfigError, UsageError


def test_without_a_file_the_defaults_hold():
    """A bare replay runs on them."""
    assert load(None) == Settings()


@pytest.mark.parametrize(
    ("override", "value"),
    [
        ("decode.dedup=false", False),
        ("decode.vlan_in_key=true", "true"),
        ("decode.decapsulate=none", ()),
        ("decode.decapsulate=all", TUNNELS),
        ("decode.decapsulate=gre, vxlan", ("gre", "vxlan")),
        ("flow.active_timeout=90s", Duration(90 * NS)),
        ("decode.dedup_window=1.5ms", Duration(1_500_000)),
        ("sniff.flow_bytes=64KiB", Size(65536)),
        ("output.observer=annex", "annex"),
    ],
)
def test_an_override_is_taken(override, value):
    """Every kind of value, as the contract writes them."""
    section, key = override.partition("=")[0].split(".")
    assert getattr(getattr(load(None, [override]), section), key) == value


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("x", "write it as section.key=value"),
        ("decoder.dedup=true", "no section 'decoder' (did you mean 'decode'?)"),
        ("decode.dedub=true", "no setting 'dedub' in 'decode' (did you mean 'dedup'?)"),
        ("decode.dedup=maybe", "must be true or false"),
        ("decode.decapsulate=foo", "'foo' is not one of none, all, gre"),
        ("decode.vlan_in_key=2", "must be true, false or auto"),
        ("flow.table_size=0", "must be a whole number from 1 to 2147483647"),
        ("flow.table_size=1000000000000", "must be a whole number from 1 to 2147483647"),
        ("flow.table_size=many", "must be a whole number"),
        ("flow.active_timeout=5", 'must be a duration such as "5ms", "60s" or "1h"'),
        ("output.row_hold=0s", "must be a duration of more than nothing and at most 3650d"),
        ("decode.dedup_window=9999999d", "must be a duration of more than nothing and at most 3650d"),
        ("sniff.flow_bytes=99GiB", "must be a size of at most 1GiB"),
        ("sniff.flow_bytes=9 kB", 'must be a size such as "64KiB" or "16MiB"'),
    ],
)
def test_a_wrong_override_is_wrong_usage_and_says_what_to_write(override, words):
    """Exit status 2, one line."""
    with pytest.raises(UsageError) as caught:
        load(None, [override])
    assert str(caught.value).startswith(f"--set {override}: ")
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[decode]\ndedub = true\n", ":2: unknown setting 'decode.dedub' (did you mean 'dedup'?)"),
        ('[output]\n\nrow_hold = "0s"\n', ":3: output.row_hold: must be a duration of more than nothing"),
        ("[flow]\ntable_size = true\n", ":2: flow.table_size: must be a whole number"),
        ("decode = 1\n", "[decode] must be a table"),
        ("[decode\n", "is not TOML"),
    ],
)
def test_a_mistake_in_the_file_has_its_line(tmp_path, text, words):
    """Path, line, what was expected."""
    path = tmp_path / "egresswatch.toml"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load(path)
    assert words in str(caught.value)
    assert str(path) in str(caught.value)
