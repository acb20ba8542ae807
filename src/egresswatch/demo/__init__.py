# SPDX-License-Identifier: Apache-2.0
"""The example capture: a day of a camera network, made from nothing, the same bytes every time.

Owns builders of frames and payloads (also used by the tests to make captures of their own) and the
story that `make demo` replays. Knows nothing of the pipeline that reads what it writes.
"""
