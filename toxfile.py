"""Adds one tox environment for each KServe release that matrix/axes.toml names."""

from __future__ import annotations

import tomllib
from pathlib import Path

from tox.config.loader.memory import MemoryLoader
from tox.config.sets import ConfigSet
from tox.config.types import Command
from tox.plugin import impl
from tox.session.state import State

_AXES = Path(__file__).parent / "matrix" / "axes.toml"
_RUN = ("python", "-m", "matrix", "run")


@impl
def tox_extend_envs() -> tuple[str, ...]:
    """Name the environments: matrix-kserve0.8.0 to the newest."""
    return tuple(f"matrix-kserve{release}" for release in _releases())


@impl
def tox_add_core_config(core_conf: ConfigSet, state: State) -> None:  # noqa: ARG001
    """Say what each of them runs."""
    arguments = state.conf.pos_args(None) or ()
    for release in _releases():
        loader = MemoryLoader(
            base=["testenv"],
            description=f"KServe {release}, every PROTOCOL_VERSION",
            commands=[Command([*_RUN, "--kserve", release, *arguments])],
        )
        state.conf.memory_seed_loaders[f"matrix-kserve{release}"].append(loader)


def _releases() -> list[str]:
    axes = tomllib.loads(_AXES.read_text())
    return [kserve["release"] for kserve in axes["kserve"]]
