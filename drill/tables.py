"""What a drill came to, as Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from drill import gateway, markdown
from drill.judging import shown
from drill.results import AS_WANTED, ERROR, NOT_AS_WANTED, REFUSED, Drill, Result
from drill.rows import Row

_PHASES = ("before", "during", "after")
# Of the columns behind the phases: the figure and its heading.
_SECONDS = {
    "seconds_until_not_ready": "not ready after",
    "seconds_until_ready": "ready again",
    "seconds_until_all_answered": "100% again",
}


def outcome(drill: Drill, rows: Mapping[str, Row]) -> str:
    """Write for each row what was wanted, and what it came to on each release."""
    releases = _releases(drill)
    headings = ["fault", "wanted", *(f"KServe {release}" for release in releases)]
    found = {(each.row, each.kserve): each for each in drill.results}
    lines = []
    for name in dict.fromkeys(each.row for each in drill.results):
        told = [_cell(found.get((name, release))) for release in releases]
        lines.append([*_of_row(name, rows), *told])
    return markdown.table(headings, lines)


def counts(drill: Drill) -> str:
    """Write the requests of each row by phase and result, and what a gateway would have made of it.

    Of a gateway it is told how many users would have seen an error where this pod is the only
    one, and where another is well.
    """
    gateways = gateway.load()
    headings = [
        *("fault", "KServe", *_PHASES, "wrong"),
        *(f"{heading}, s" for heading in _SECONDS.values()),
        *(f"{each.title}: errors alone / beside another" for each in gateways),
    ]
    lines = []
    for each in drill.results:
        if each.state in (REFUSED, ERROR):
            continue
        phases = [markdown.counted(each.counts.get(phase, {})) for phase in _PHASES]
        seconds = [shown(each.figures[figure]) for figure in _SECONDS]
        wrong = shown(each.figures["wrong_answers"])
        seen = [each.gateways[one.name] for one in gateways]
        told = [f"{one['alone']:,} / {one['beside']:,}" for one in seen]
        lines.append([each.row, each.kserve, *phases, wrong, *seconds, *told])
    return markdown.table(headings, lines)


def sides(before: Drill, after: Drill | None, rows: Mapping[str, Row]) -> str:
    """Write for each row what was wanted, and what two runs came to: before a change and after."""
    told = {"before": before, **({} if after is None else {"after": after})}
    ran = [each.row for drill in told.values() for each in drill.results]
    names = dict.fromkeys([*rows, *ran])
    lines = [
        [*_of_row(name, rows), *("<br>".join(_by_release(drill, name)) for drill in told.values())]
        for name in names
    ]
    return markdown.table(["fault", "wanted", *told], lines)


def line(result: Result) -> str:
    """Say in one line what a row came to."""
    head = f"KServe {result.kserve}, {result.row}: {result.state} ({result.seconds:.0f} s)"
    why = "; ".join(result.unmet) or result.said
    return f"{head}: {why}" if why else head


def summed_up(drill: Drill) -> str:
    """Say in one line how many rows came to what."""
    states = [each.state for each in drill.results]
    kinds = (AS_WANTED, NOT_AS_WANTED, REFUSED, ERROR)
    told = [f"{states.count(kind)} {kind}" for kind in kinds if kind in states]
    return f"{len(states)} rows: {', '.join(told)}"


def _by_release(drill: Drill, name: str) -> Iterator[str]:
    """Tell what a row came to, once for releases on which that is the same."""
    by_words: dict[str, list[str]] = {}
    found = {each.kserve: each for each in drill.results if each.row == name}
    for release in _releases(drill):
        by_words.setdefault(_cell(found.get(release)), []).append(release)
    for words, releases in by_words.items():
        everywhere = len(releases) == len(_releases(drill))
        yield words if everywhere else f"{', '.join(releases)}: {words}"


def _of_row(name: str, rows: Mapping[str, Row]) -> list[str]:
    # A row may have gone since.
    return [rows[name].title, rows[name].wanted_in_words] if name in rows else [name, ""]


def _cell(result: Result | None) -> str:
    if result is None:
        return "not run"
    if result.state == NOT_AS_WANTED:
        return f"**not**: {'; '.join(result.unmet)}"
    return f"{result.state}: {result.said}" if result.said else result.state


def _releases(drill: Drill) -> list[str]:
    return list(dict.fromkeys(each.kserve for each in drill.results))
