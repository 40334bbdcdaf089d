"""Write the locks of the image's TorchServe anew: ``python deploy/image/lock.py [FIND_LINKS]``.

They are what fixtures/torchserve/releases.toml names, so that people run what is tested, and what
that needs, as of today. Needs ``pip install uv``; FIND_LINKS is where builds of torch without
CUDA are, PyTorch's own index if it isn't given.
"""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

HERE = Path(__file__).parent
RELEASE = "0.12.0"
_INDEX = ("--extra-index-url", "https://download.pytorch.org/whl/cpu")
_COMPILE = (
    *("uv", "pip", "compile", "-", "--quiet", "--no-header", "--no-annotate", "--generate-hashes"),
    # Debian 12's.
    *("--python-version", "3.11", "--python-platform", "x86_64-manylinux_2_28"),
    *("--index-strategy", "unsafe-best-match"),
)


def main() -> None:
    """Resolve both builds of torch."""
    releases = tomllib.loads((HERE.parents[1] / "fixtures/torchserve/releases.toml").read_text())
    also = releases["releases"][RELEASE]["also"]
    named = [f"torchserve=={RELEASE}", *releases["common"], *also]
    where = ("--find-links", sys.argv[1]) if sys.argv[1:] else _INDEX
    for torch, more in (("cpu", where), ("cuda", ())):
        asked = [
            f"{each}+cpu" if each.startswith("torch==") and torch == "cpu" else each
            for each in named
        ]
        made = subprocess.run(
            [*_COMPILE, *more], input="\n".join(asked), capture_output=True, text=True, check=False
        )
        if made.returncode:
            sys.exit(f"error: uv can't resolve {asked}: {made.stderr.strip()}")
        (HERE / "locks" / f"torchserve-{RELEASE}-{torch}.txt").write_text(
            f"# TorchServe {RELEASE} and torch ({torch}), resolved by python deploy/image/lock.py\n"
            f"# for CPython 3.11 on Linux, x86_64, glibc 2.28 or later\n\n{made.stdout}"
        )


if __name__ == "__main__":
    main()
