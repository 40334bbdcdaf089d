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
    return tuple(_environments())


@impl
def tox_add_core_config(core_conf: ConfigSet, state: State) -> None:  # noqa: ARG001
    """Say what each of them runs."""
    arguments = state.conf.pos_args(None) or ()
    for name, release in _environments().items():
        # A folder for each: environments may run in parallel.
        command = [*_RUN, "--kserve", release, "--out", f"results/{name}", *arguments]
        loader = MemoryLoader(
            base=["testenv"],
            description=f"KServe {release}, every PROTOCOL_VERSION",
            commands=[Command(command)],
        )
        state.conf.memory_seed_loaders[name].append(loader)


def _environments() -> dict[str, str]:
    axes = tomllib.loads(_AXES.read_text())
    releases = [kserve["release"] for kserve in axes["kserve"]]
    return {f"matrix-kserve{release}": release for release in releases}
