"""What a pod has below /mnt/models, made for one wrapper: its configuration and the model store.

``CONFIG_PATH`` and ``model_store`` name them where they are; a wrapper that reads the paths of the
pod finds the same there, on a machine that lets `matrix.probes.pod_paths` do so.
"""

from __future__ import annotations

import functools
import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePath

from fixtures.torchserve import Endpoints
from matrix.planning.subject import Subject
from matrix.probes import pod_paths

# What models' authors declare of their tensors, beside config.properties.
SIGNATURES = "signatures.json"

_PROBE = Path(pod_paths.__file__)
_TRY_WITHIN = 30.0


def write(
    folder: Path,
    endpoints: Endpoints,
    models: Sequence[str],
    archives: Mapping[str, Path],
    signatures: Path | None = None,
) -> Path:
    """Write config.properties, and link to archives in the model store.

    Args:
        folder: what /mnt/models is in the pod; made if it isn't there.
        models: those that the configuration names.
        archives: the archive (MAR) of each model that is in the store, by the model's name.
        signatures: the file that is linked to as signatures.json; None for none.

    Returns:
        The path of config.properties.
    """
    config = folder / "config" / "config.properties"
    store = folder / "model-store"
    for each in (config.parent, store):
        each.mkdir(parents=True, exist_ok=True)
    links = {store / stored(model): archive for model, archive in archives.items()}
    if signatures is not None:
        links[config.with_name(SIGNATURES)] = signatures
    for link, file in links.items():
        link.unlink(missing_ok=True)
        link.symlink_to(file.absolute())
    config.write_text(
        properties(endpoints, {model: {} for model in models}, store), encoding="utf-8"
    )
    return config


@functools.cache
def only_where_named() -> str | None:
    """Say why a wrapper can't have them at /mnt/models on this machine, None where it can."""
    with tempfile.TemporaryDirectory(prefix="pod-") as around:
        folder = Path(around, "models")
        folder.mkdir()
        # A namespace is the calling process's own, which this one must not leave.
        command = [sys.executable, "-I", "-S", str(_PROBE), str(folder)]
        try:
            tried = subprocess.run(command, capture_output=True, text=True, timeout=_TRY_WITHIN)
        except (OSError, subprocess.TimeoutExpired) as error:
            return str(error)
    said = tried.stderr.strip().rpartition("\n")[2] or f"exit code {tried.returncode}"
    return said if tried.returncode != 0 else None


def notice(subject: Subject) -> str | None:
    """Say, of a wrapper that isn't ours, where it finds its configuration if only there."""
    has_own = subject.image is not None
    why = None if has_own or subject.is_ours else only_where_named()
    if why is None:
        return None
    return (
        f"this machine gives a wrapper no {pod_paths.MODELS} ({why}): its configuration is only "
        "where CONFIG_PATH says"
    )


def hint(log: str) -> str:
    """Say, where it is so, that what a log looks for isn't to be had on this machine; else nothing.

    A wrapper that knows no CONFIG_PATH fails by the name of a file that each pod has.
    """
    why = only_where_named() if pod_paths.MODELS in log else None
    return f", and {pod_paths.MODELS} can't be had on this machine ({why})" if why else ""


def stored(model: str) -> str:
    """Name a model's archive in the model store."""
    return f"{model}.mar"


def properties(
    endpoints: Endpoints, models: Mapping[str, Mapping[str, object]], store: PurePath
) -> str:
    """Write config.properties as KServe's documentation has it for TorchServe.

    Args:
        models: by their names, what its snapshot tells of each beside its archive.
        store: the model store.
    """
    snapshot: Mapping[str, object] = {
        "name": "startup.cfg",
        "modelCount": len(models),
        "models": {
            model: {"1.0": {"defaultVersion": True, "marName": stored(model), **more}}
            for model, more in models.items()
        },
    }
    host = f"http://{endpoints.host}"
    return (
        f"inference_address={host}:{endpoints.inference}\n"
        f"management_address={host}:{endpoints.management}\n"
        f"metrics_address={host}:{endpoints.metrics}\n"
        f"grpc_inference_port={endpoints.grpc_inference}\n"
        f"grpc_management_port={endpoints.grpc_management}\n"
        "enable_envvars_config=true\n"
        f"model_store={store}\n"
        f"model_snapshot={json.dumps(snapshot)}\n"
    )
