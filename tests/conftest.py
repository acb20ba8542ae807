# SPDX-License-Identifier: Apache-2.0
"""What all tests share: where the real captures are, reproducible property tests, the package's files."""

import os
from pathlib import Path

import hypothesis
import pytest

ROOT = Path(__file__).parents[1]

# The same examples every time (nothing depends on chance), and no deadline on a busy machine;
# EGRESSWATCH_EXAMPLES=5000 looks further.
hypothesis.settings.register_profile(
    "egresswatch",
    derandomize=True,
    deadline=None,
    max_examples=int(os.environ.get("EGRESSWATCH_EXAMPLES", "100")),
    suppress_health_check=[hypothesis.HealthCheck.too_slow, hypothesis.HealthCheck.function_scoped_fixture],
)
hypothesis.settings.load_profile("egresswatch")


@pytest.fixture(scope="session")
def root() -> Path:
    """The root of the checkout."""
    return ROOT


@pytest.fixture(scope="session")
def captures() -> Path:
    """Folder of real captures with known answers; they are not part of the repository."""
    folder = Path(os.environ.get("EGRESSWATCH_CAPTURES", ROOT.parent / "shared" / "captures"))
    if not folder.is_dir():
        pytest.skip(
            f"REAL CAPTURES NOT CHECKED: {folder} is not there (EGRESSWATCH_CAPTURES names another folder)"
        )
    return folder
