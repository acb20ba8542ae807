# SPDX-License-Identifier: Apache-2.0
"""Names and fingerprints of every real capture are those that tshark read."""

import pytest
from tests.oracle import known
from tests.oracle.compare import (
    SIGHTINGS_OF,
    Tally,
    ja4_of_oracle,
    ja4_of_replay,
    ja4_places_of_oracle,
    ja4_places_of_replay,
    names_of_oracle,
    names_of_replay,
)

pytestmark = [pytest.mark.slow, pytest.mark.jit_only]  # replays 200 captures
SHARE = 0.995


@pytest.fixture(scope="module")
def tallies(replays, oracle):
    """Kind of name to its tally over all captures."""
    out = {kind: Tally() for kind in SIGHTINGS_OF}
    for name, run in replays("opened").items():
        for kind, tally in out.items():
            tally.add(name, names_of_oracle(oracle(name), kind), names_of_replay(run.sightings, kind))
    return out


@pytest.mark.parametrize("kind", SIGHTINGS_OF)
def test_recall_and_precision(tallies, kind):
    """Nearly every name is read, and nearly nothing that is not there."""
    tally = tallies[kind]
    assert tally.wanted
    assert tally.recall >= SHARE
    assert tally.precision >= SHARE


@pytest.mark.parametrize("kind", SIGHTINGS_OF)
def test_every_difference_of_names_is_known(tallies, kind):
    """And every known one is still there."""
    listed = {
        name: (one.missed, one.extra) for (of, name), one in known.NAMES.items() if of == kind
    }  # fmt: skip
    assert tallies[kind].differences == listed


@pytest.fixture(scope="module")
def hellos(replays, oracle):
    """Capture to (tshark's, our) count of every fingerprint."""
    return {
        name: (ja4_of_oracle(oracle(name)), ja4_of_replay(run.sightings))
        for name, run in replays("opened").items()
    }


def test_there_are_hellos_to_compare(hellos):
    """TLS and QUIC."""
    values = set().union(*(wanted for wanted, _ in hellos.values()))
    assert {value[0] for value in values} >= {"t", "q"}
    assert len(values) > 50


def test_ja4_of_every_client_hello(hellos):
    """As many of each fingerprint in each capture as tshark has, or the difference is known."""
    differing = {
        name: (dict(wanted - given), dict(given - wanted))
        for name, (wanted, given) in hellos.items() if wanted != given
    }  # fmt: skip
    assert differing == {name: (one.missed, one.extra) for name, one in known.JA4.items()}


def test_ja4_in_its_conversation(replays, oracle):
    """Each fingerprint was seen in the same conversation (where no tunnel makes the flows differ)."""
    for name, run in replays("opened").items():
        if not oracle(name)["inner_flows"] and name not in known.JA4:
            places = ja4_places_of_replay(run.sightings, run.flows)
            assert places == ja4_places_of_oracle(oracle(name)), name
