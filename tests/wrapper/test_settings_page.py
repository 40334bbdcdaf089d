"""docs/settings.md has every variable and property that is read, and nothing else."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from wrapper import termination, tls
from wrapper.protocol import VARIABLE, PredictorProtocol
from wrapper.settings import Settings

PAGE = Path(__file__).resolve().parents[2] / "docs" / "settings.md"


class _Noticing(Mapping[str, str]):
    """Remembers what it was asked for."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = values
        self.asked: set[str] = set()

    def __getitem__(self, key: str) -> str:
        self.asked.add(key)
        return self._values[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)


def _names_of(heading: str) -> set[str]:
    section = PAGE.read_text().partition(f"## {heading}\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (`.*?) \|", section, re.MULTILINE)
    return {name for row in rows for name in re.findall(r"`([^`]+)`", row)}


def test_the_page_names_what_is_read(tmp_path: Path, monkeypatch: Any) -> None:
    asked_properties: set[str] = set()

    def load(file: Any) -> _Noticing:
        noticing = _Noticing({"enable_envvars_config": "true", "load_models": "all"})
        noticing.asked = asked_properties
        return noticing

    monkeypatch.setattr("javaproperties.load", load)
    for config_path in (_write(tmp_path), ""):
        environment = _Noticing(
            {
                "CONFIG_PATH": config_path,
                "TS_CONFIG_FILE": _write(tmp_path),
                "TORCHSERVE_METRICS": "true",
            }
        )
        Settings.from_environment(environment, PredictorProtocol.REST_V1)
        overrides = {name for name in environment.asked if name.startswith("TS_")}
        asked = environment.asked - overrides | {"TS_CONFIG_FILE"}
    # These are not read with the settings.
    assert VARIABLE in asked
    assert "TERMINATION_LOG_PATH" in Path(termination.__file__).read_text()
    elsewhere = {"TERMINATION_LOG_PATH", tls.CERTIFICATE, tls.KEY}
    assert asked | elsewhere == _names_of("Environment")
    read = asked_properties | {name[3:].lower() for name in overrides - {"TS_CONFIG_FILE"}}
    assert read == _names_of("config.properties")


def _write(folder: Path) -> str:
    file = folder / "config.properties"
    file.touch()
    return str(file)
