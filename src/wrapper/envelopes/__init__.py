"""Request envelopes that lose nothing, to be installed into TorchServe's Python environment.

They run inside TorchServe's workers, never in the wrapper. TorchServe loads an envelope from
its own package only, so that `python -m wrapper.envelopes install` puts them there.
"""

from __future__ import annotations

NAMES = ("kserve_faithful", "kservev2_faithful")
# What they share is installed beside them.
MODULES = (*NAMES, "faithful_batch", "faithful_frame")
