# SPDX-License-Identifier: Apache-2.0
"""Writers of what a run found: files, the terminal, ECS. One writer a file; they decide nothing."""
