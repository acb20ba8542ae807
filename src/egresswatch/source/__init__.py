# SPDX-License-Identifier: Apache-2.0
"""Where frames come from: ``open_replay`` gives the frames of capture files in time order."""

from egresswatch.source.replay import Replay, open_replay

__all__ = ["Replay", "open_replay"]
