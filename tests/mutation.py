"""Changes what judges and sums up results, and tells what no test notices: ``tox run -e mutation``.

mutmut does it: it makes mutants of functions, each with one thing changed, and for each runs those
of the fast tests that call the function (``[tool.mutmut]`` in pyproject.toml says which tests). It
looks for packages in ``src`` and writes beside them, so it works in a copy of the checkout.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
PACKAGES = ("matrix/gate", "matrix/results", "conformance/kserve_conformance/results")
# As the copy has it.
_MOVED = ("conformance/kserve_conformance", "src/kserve_conformance")
_CAUGHT = {"killed", "timeout", "segfault"}


def main(arguments: Sequence[str] | None = None) -> int:
    """Give 0 where at least the wanted share of mutants is killed, 1 where not, else 2."""
    options = _parser().parse_args(arguments)
    try:
        modules = [_module(each) for each in options.modules] or changed_since(options.since)
    except ValueError as error:
        print(f"mutation: {error}", file=sys.stderr)
        return 2
    if not modules:
        print(f"nothing of {', '.join(PACKAGES)} or its tests changed since {options.since}")
        return 0
    folder: Path = options.folder
    copy_to(folder)
    every = mutants_of(folder, modules)
    if not every:
        print(f"nothing in {', '.join(modules)} can be changed: there is no function")
        return 0
    drawn = every
    if 0 < options.sample < len(every):
        drawn = sorted(random.Random(options.seed).sample(every, options.sample))
        print(f"a sample of {len(drawn)}, drawn with seed {options.seed} from", end=" ")
    print(f"{len(every)} mutants of {len(modules)} modules", flush=True)
    mutmut = str(Path(sys.executable).with_name("mutmut"))
    jobs = ("--max-children", str(options.jobs))
    if subprocess.run([mutmut, "run", *jobs, *drawn], cwd=folder).returncode:
        print(
            f"mutation: mutmut gave up in {folder}, as it says above; a test that fails before any "
            "mutation is shown there by `mutmut run` with `debug = true` in pyproject.toml",
            file=sys.stderr,
        )
        return 2
    told = [mutmut, "results", "--all", "true"]
    results = subprocess.run(told, cwd=folder, check=True, stdout=subprocess.PIPE, text=True)
    lines = (line.strip().rpartition(": ") for line in results.stdout.splitlines())
    states = {name: state for name, _, state in lines}
    code = judge({name: states[name] for name in drawn}, options.least)
    print(f"what a mutant changes: cd {folder} && {mutmut} show NAME")
    return code


def changed_since(ref: str) -> list[str]:
    """List the modules that a branch changed since it left ``ref``: all, if it changed their tests.

    Raises:
        ValueError: when git doesn't know the ref.
    """
    asked = _git("diff", "--name-only", "--merge-base", ref, "--")
    changed = {*asked, *_git("ls-files", "--others", "--exclude-standard")}
    every = sorted(each for package in PACKAGES for each in (REPOSITORY / package).glob("*.py"))
    modules = [str(each.relative_to(REPOSITORY)) for each in every]
    settings = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["tool"]["mutmut"]
    # A test of one package may be what notices a change in another.
    tests = tuple(settings["pytest_add_cli_args_test_selection"])
    if any(path.startswith(tests) for path in changed):
        return modules
    return [module for module in modules if module in changed]


def copy_to(folder: Path) -> None:
    """Copy what git knows or would take of the checkout, with all packages where mutmut looks."""
    shutil.rmtree(folder, ignore_errors=True)
    for path in _git("ls-files", "--cached", "--others", "--exclude-standard"):
        # A file that was removed is still among those.
        if (REPOSITORY / path).is_file():
            copy = folder / _as_copied(path)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(REPOSITORY / path, copy)


def mutants_of(folder: Path, modules: Iterable[str]) -> list[str]:
    """List the names of all mutants of modules, in a copy of the checkout."""
    # Only the environment of mutations has it.
    from mutmut.mutation.file_mutation import mutate_file_contents
    from mutmut.utils.format_utils import get_mutant_name

    names = []
    # mutmut takes its settings from where it is.
    with contextlib.chdir(folder):
        for module in map(Path, map(_as_copied, modules)):
            mutated = mutate_file_contents(str(module), module.read_text())
            names += [get_mutant_name(module, each) for each in mutated.mutant_names]
    return names


def judge(states: Mapping[str, str], least: float) -> int:
    """Tell the share of mutants that were killed, in percent, and those that were not.

    Args:
        states: what mutmut says became of each mutant.
        least: the share in percent below which 1 is given; at or above it, 0 is.
    """
    for name in sorted(states):
        if states[name] not in _CAUGHT:
            print(f"{states[name]}: {name}")
    for package in PACKAGES:
        inside = _as_copied(package).removeprefix("src/").replace("/", ".") + "."
        _tell(package, [state for name, state in states.items() if name.startswith(inside)])
    share = _tell("all of them", list(states.values()))
    if share < least:
        print(f"at least {least:g}% have to be: write tests that kill some of those above")
    return int(share < least)


def _tell(what: str, states: Sequence[str]) -> float:
    if not states:
        return 100
    killed = sum(state in _CAUGHT for state in states)
    share = 100 * killed / len(states)
    print(f"{what}: {killed} of {len(states)} mutants killed, {share:.1f}%")
    return share


def _module(path: str) -> str:
    if not (REPOSITORY / path).is_file() or str(Path(path).parent) not in PACKAGES:
        raise ValueError(f"{path}: name a module of {', '.join(PACKAGES)}")
    return str(Path(path))


def _as_copied(path: str) -> str:
    return _MOVED[1] + path.removeprefix(_MOVED[0]) if path.startswith(_MOVED[0]) else path


def _git(*words: str) -> list[str]:
    asked = subprocess.run(["git", *words], cwd=REPOSITORY, capture_output=True, text=True)
    if asked.returncode:
        raise ValueError(f"git {' '.join(words)}: {asked.stderr.strip()}")
    return asked.stdout.splitlines()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="mutation", description=__doc__)
    parser.add_argument("modules", nargs="*", help="modules to mutate, instead of changed ones")
    parser.add_argument("--since", default="origin/main", help="the git ref (%(default)s)")
    parser.add_argument("--sample", type=int, default=300, help="at most (%(default)s); 0 is all")
    parser.add_argument("--seed", type=int, default=0, help="which sample (%(default)s)")
    parser.add_argument(
        "--jobs", type=int, default=os.cpu_count(), help="mutants side by side (%(default)s)"
    )
    parser.add_argument("--least", type=float, required=True, help="share to be killed, in percent")
    parser.add_argument("--folder", type=Path, required=True, help="for the copy; emptied first")
    return parser


if __name__ == "__main__":
    sys.exit(main())
