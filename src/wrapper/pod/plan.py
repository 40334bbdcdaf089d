"""What will be started, judged before anything is.

What TorchServe and the wrapper would refuse is refused here, in one line, before a JVM and an
SDK are started for nothing.
"""

from __future__ import annotations

import dataclasses
import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

from wrapper.configuration import TorchServeConfiguration
from wrapper.pod.arguments import Arguments
from wrapper.protocol import PredictorProtocol
from wrapper.settings import Settings

_PYTHON = "WRAPPER_PYTHON"
_GRACE = "SHUTDOWN_GRACE_PERIOD"
# Of the 30 s that Kubernetes grants by default, 7 are left to end TorchServe in its own way.
_GRACE_IN_A_POD = "23"


class PlanError(ValueError):
    """What can't be started. Its text is one line: what, where, what to do."""


@dataclasses.dataclass(frozen=True)
class Plan:
    """The two commands, and what they are started with.

    Attributes:
        torchserve: TorchServe's command line.
        wrapper: the wrapper's command line.
        environment: that of both.
        grace_period: seconds that the wrapper's requests in flight have to end after SIGTERM.
        warnings: one line each for what will run, but not as it should.
    """

    torchserve: tuple[str, ...]
    wrapper: tuple[str, ...]
    environment: Mapping[str, str]
    grace_period: float
    warnings: tuple[str, ...]

    @classmethod
    def make(
        cls, arguments: Arguments, environment: Mapping[str, str], protocol: PredictorProtocol
    ) -> Plan:
        """Make the plan, out of the container's command line and its environment.

        Raises:
            PlanError: when one of the two can't be started.
            SettingsError: when the wrapper would refuse its settings.
        """
        config = _config(arguments, environment)
        told = _told(environment, config)
        settings = Settings.from_environment(told, protocol)
        configuration = TorchServeConfiguration.read(config, told)
        _check_model_store(arguments, configuration)
        _check_java(environment)
        return cls(
            torchserve=(
                _command(arguments.torchserve[0], "TorchServe", environment, "put it on the PATH"),
                *arguments.torchserve[1:],
            ),
            wrapper=(_python(environment), "-m", "wrapper", *arguments.wrapper),
            environment=told,
            grace_period=settings.grace_period,
            warnings=tuple(_warnings(config, told, configuration)),
        )


def _config(arguments: Arguments, environment: Mapping[str, str]) -> Path:
    # In TorchServe's own order; its launcher and its server agree on that.
    variable = environment.get("TS_CONFIG_FILE")
    named = variable or arguments.config or "config.properties"
    # TorchServe works where this process does; the wrapper may be told of a path from elsewhere.
    path = Path(named).absolute()
    if not path.is_file():
        by = "TS_CONFIG_FILE" if variable else "--ts-config"
        raise PlanError(
            f"{by}={named} is no file: TorchServe's config.properties has to be there before the "
            "container starts"
        )
    return path


def _told(environment: Mapping[str, str], config: Path) -> dict[str, str]:
    defaults = {
        "CONFIG_PATH": str(config),
        _GRACE: _GRACE_IN_A_POD,
        # TorchServe writes it to its working directory.
        "TORCHSERVE_KEY_FILE": str(Path.cwd() / "key_file.json"),
    }
    missing = {name: value for name, value in defaults.items() if not environment.get(name)}
    return {**environment, **missing}


def _check_model_store(arguments: Arguments, configuration: TorchServeConfiguration) -> None:
    named = arguments.model_store or configuration.get("model_store")
    if not named:
        raise PlanError("TorchServe needs a model store: give it --model-store=FOLDER")
    if not Path(named).is_dir():
        by = "--model-store" if arguments.model_store else "model_store of config.properties"
        raise PlanError(
            f"{by}={named} is no folder: the models' archives have to be there before the "
            "container starts"
        )


def _check_java(environment: Mapping[str, str]) -> None:
    home = environment.get("JAVA_HOME")
    java = f"{home}/bin/java" if home else "java"
    where = f"JAVA_HOME={home} has none" if home else "there is none on the PATH"
    _command(java, f"Java, which TorchServe runs on ({where}),", environment, "set JAVA_HOME")


def _python(environment: Mapping[str, str]) -> str:
    named = environment.get(_PYTHON)
    if not named:
        return sys.executable
    return _command(
        named, f"{_PYTHON}={named}", environment, "name the interpreter that has the KServe SDK"
    )


def _command(name: str, what: str, environment: Mapping[str, str], advice: str) -> str:
    found = shutil.which(name, path=environment.get("PATH", os.defpath))
    if found is None:
        raise PlanError(f"{what} can't be run, since it is no program here: {advice}")
    return found


def _warnings(
    config: Path, told: Mapping[str, str], configuration: TorchServeConfiguration
) -> list[str]:
    said = []
    if Path(told["CONFIG_PATH"]).resolve() != config.resolve():
        said.append(
            f"TorchServe reads {config}, and the wrapper reads CONFIG_PATH={told['CONFIG_PATH']}: "
            "where they differ, the wrapper looks for a TorchServe that isn't there"
        )
    servers = configuration.open_servers()
    if servers:
        named = ", ".join(f"{key}={value}" for key, value in servers.items())
        said.append(
            f"TorchServe itself can be reached from outside the pod ({named}), past the wrapper: "
            f"unless that is meant, write 127.0.0.1 there in {config}"
        )
    return said
