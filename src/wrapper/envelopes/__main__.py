"""``python -m wrapper.envelopes install``: puts the envelopes where TorchServe looks for them.

Needs the standard library only, and has to be run by the Python that TorchServe runs in.
"""

from __future__ import annotations

import argparse
import importlib.util
import shutil
import sys
from pathlib import Path
from typing import NoReturn

from wrapper.envelopes import MODULES, NAMES

_FOLDER = Path("torch_handler", "request_envelope")


def main() -> None:
    """Install the envelopes, or say in one line why that can't be done."""
    parser = argparse.ArgumentParser(prog="python -m wrapper.envelopes")
    parser.add_argument("action", choices=["install"], help="copy the envelopes into TorchServe")
    parser.parse_args()
    folder = _envelope_folder()
    if folder is None:
        _refuse(f"TorchServe is not installed for {sys.executable}: run this by its own Python")
    for name in MODULES:
        try:
            shutil.copyfile(Path(__file__).with_name(name + ".py"), folder / (name + ".py"))
        except OSError as error:
            _refuse(f"{folder} can't be written ({error.strerror}): run this as its owner")
    for name in NAMES:
        sys.stdout.write(f"service_envelope={name} is installed in {folder}\n")


def _envelope_folder() -> Path | None:
    # Looked for, not imported: TorchServe imports torch.
    found = importlib.util.find_spec("ts")
    if found is None or found.origin is None:
        return None
    folder = Path(found.origin).parent / _FOLDER
    return folder if folder.is_dir() else None


def _refuse(line: str) -> NoReturn:
    sys.stderr.write(line + "\n")
    sys.exit(1)


if __name__ == "__main__":
    main()
