# SPDX-License-Identifier: Apache-2.0
"""``python -m egresswatch`` is the command ``egresswatch``."""

from egresswatch.cli import main

if __name__ == "__main__":
    main()
