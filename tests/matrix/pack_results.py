"""Packs the results of a real run beside the tests: ``python -m tests.matrix.pack_results``.

What is packed is read with the schema and written anew, so that it holds no more of the machine
than results may.
"""

from __future__ import annotations

import argparse
import lzma
import tempfile
from pathlib import Path

from kserve_conformance.results.results_file import Writer, read

_PACKED = Path(__file__).with_name("results")


def pack(name: str, source: Path) -> Path:
    """Pack a results file under a name; see `tests.matrix.real_results`."""
    run = read(source)
    if run.footer is None:
        raise SystemExit(f"{source}: {run.sentence()}")
    with tempfile.TemporaryDirectory() as folder:
        written = Path(folder, "results.jsonl")
        writer = Writer(written, run.header)
        for record in run.records:
            writer.record(record)
        writer.finish(run.footer.ended, run.footer.seconds)
        packed = _PACKED / f"{name}.jsonl.xz"
        packed.write_bytes(lzma.compress(written.read_bytes(), preset=9 | lzma.PRESET_EXTREME))
    return packed


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name")
    parser.add_argument("results", type=Path)
    arguments = parser.parse_args()
    print(pack(arguments.name, arguments.results))  # noqa: T201 - where it is
