# SPDX-License-Identifier: Apache-2.0
"""Frames to packet rows: link layers, tunnels, IP, ports, lengths. Keeps no state between frames."""
