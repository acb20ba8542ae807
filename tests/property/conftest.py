# SPDX-License-Identifier: Apache-2.0
"""Makes the slow twins importable for the property tests."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "twins"))
