"""The page does what it is for in a real Chromium: driven as a person drives it."""

from __future__ import annotations

import math
import statistics
from pathlib import Path

import pytest
from kserve_conformance.results.record import Run
from playwright.sync_api import Browser, expect

from matrix.reports import page, timings
from tests.matrix import variants
from tests.matrix.reports.opened_page import AT, CELL, VIEWS, Opened, Write

pytestmark = pytest.mark.integration

# The promise, with 50,000 checks: from what is done until it is painted.
MOST_MILLISECONDS = 100


@pytest.fixture
def every(unfixed_run: Run) -> str:
    """Give the number of all checks of the page, as it shows it."""
    return f"{len(unfixed_run.records):,}"


def _number(shown: str) -> int:
    return int(shown.replace(",", ""))


def _pages(shown: str) -> int:
    return math.ceil(_number(shown) / 100)


def test_it_opens_from_disk_without_a_complaint_or_a_request(opened: Opened) -> None:
    for view in VIEWS:
        opened.page.locator(f".views a[href='#{view}']").click()
        expect(opened.page.locator(f"#{view}")).to_be_visible()
    opened.go(AT)
    assert opened.complaints == []
    asked = {url for url in opened.requests if not url.startswith("about:")}
    assert {url.partition("#")[0] for url in asked} == {f"file://{opened.file}"}


def test_the_grid_shows_letters_and_how_many_checks(opened: Opened) -> None:
    rows = [row.split() for row in opened.page.locator("#overview .grid tr").all_inner_texts()]
    assert rows[0] == ["KServe", "unset", "v1", "v3", "checks"]
    assert [row[0] for row in rows[1:]] == ["0.10.2", "0.11.2", "0.13.1", "0.14.1"]
    assert {row[1] for row in rows[1:]} == {"F"}


def test_a_point_of_the_grid_opens_its_worst_cell(opened: Opened) -> None:
    opened.page.get_by_role("link", name="KServe 0.13.1, unset: not as expected").click()
    expect(opened.dialog.locator("h2")).to_have_text("KServe 0.13.1, PROTOCOL_VERSION unset")
    expect(opened.dialog.locator(".checks a").first).to_contain_text("F ")
    opened.dialog.locator(".siblings a", has_text="kservev2").click()
    expect(opened.dialog.locator("header code")).to_have_text(
        CELL.replace("-kserve-", "-kservev2-")
    )


def test_boxes_filter_and_say_what_ticking_them_would_show(opened: Opened, every: str) -> None:
    opened.go("#results")
    assert opened.count == f"{every} of {every} checks, in 25 cells"
    opened.tick("outcome", "not as expected")
    opened.tick("kserve", "0.13.1")
    box = opened.page.locator(".facet-protocol label", has_text="unset")
    promised = box.locator("small").inner_text()
    opened.tick("protocol", "unset")
    assert opened.count.startswith(f"{promised} of {every} checks")
    assert opened.column("kserve") == {"0.13.1"}
    assert opened.column("protocol") == {"unset"}
    opened.page.select_option("#sort", "check")
    opened.tick("kserve", "0.14.1")
    assert opened.column("kserve") == {"0.13.1", "0.14.1"}


def test_verdicts_and_lists_of_the_policy_filter(opened: Opened) -> None:
    opened.go("#results")
    opened.tick("verdict", "failed")
    assert opened.column("outcome") == {"F failed"}
    opened.page.click("#clear")
    opened.tick("outcome", "listed as known failing")
    assert opened.column("check") == {"malformed-json"}
    opened.tick("outcome", "listed as known flaky")
    assert opened.column("check") == {"malformed-json", "v1-predict"}


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("starts", {"starts"}),
        ("v1-digits-*", {"v1-digits-tensor", "v1-digits-image"}),
        ("starts drains", {"starts", "drains"}),
        ("says that its models are ready", {"starts"}),
        ("nosuchcheck", set()),
    ],
)
def test_checks_are_found_by_id_pattern_and_words(
    opened: Opened, search: str, found: set[str]
) -> None:
    opened.go("#results")
    opened.page.fill("#check", search)
    assert opened.column("check") == found
    if not found:
        assert opened.count == "No check meets these filters"


def test_words_are_found_in_evidence(opened: Opened) -> None:
    opened.go("#results")
    opened.page.fill("#words", "is not a VALID PredictorProtocol")
    assert opened.column("kserve") <= {"0.11.2", "0.13.1"}
    assert opened.column("protocol") == {"unset"}
    opened.page.locator("#list a").first.click()
    expect(opened.dialog.locator(".detail")).to_contain_text("is not a valid PredictorProtocol")


def test_filters_are_in_the_address_and_come_back_from_it(opened: Opened, every: str) -> None:
    opened.go("#results")
    opened.tick("kserve", "0.11.2")
    opened.tick("verdict", "failed")
    opened.page.fill("#check", "V1-*")
    opened.page.select_option("#sort", "seconds")
    link, count = opened.hash, opened.count
    first = opened.page.inner_text("#list tbody tr:first-child")
    opened.go(link)
    assert (opened.count, opened.hash) == (count, link)
    assert opened.page.inner_text("#list tbody tr:first-child") == first
    assert opened.page.input_value("#check") == "V1-*"
    assert opened.page.is_checked(".facet-kserve input[name=kserve] >> nth=1")
    opened.page.click("#clear")
    assert opened.count == f"{every} of {every} checks, in 25 cells"
    assert opened.hash == "#results?sort=seconds"


def test_clearing_the_filters_starts_at_the_first_page(opened: Opened, every: str) -> None:
    opened.go("#results?outcome=unexpected&sort=check&page=5")
    opened.page.click("#clear")
    assert opened.hash == "#results?sort=check"
    assert opened.page.input_value("#sort") == "check"
    expect(opened.page.locator("#pages")).to_contain_text(f"page 1 of {_pages(every)}")
    expect(opened.page.locator("#check")).to_be_focused()


def test_pages_lead_through_all_results(opened: Opened, every: str) -> None:
    opened.go("#results")
    last = _pages(every)
    rows = opened.page.locator("#list tbody tr")
    expect(rows).to_have_count(100)
    opened.page.locator("#pages").get_by_role("link", name="Last").click()
    expect(rows).to_have_count(_number(every) % 100 or 100)
    assert f"page={last}" in opened.hash


def test_many_findings_are_shown_when_asked_for(opened: Opened) -> None:
    assert opened.page.evaluate("document.documentElement.scrollHeight") < 4000
    expect(opened.page.locator("#overview .findings").first.locator("li")).to_have_count(10)
    more = opened.page.locator("#overview .more").first
    expect(more.locator("li:visible")).to_have_count(0)
    number = more.locator("li").count() + 10
    expect(more.locator("summary")).to_have_text(f"all {number}")
    more.locator("summary").focus()
    opened.page.keyboard.press("Enter")
    expect(more.locator("li:visible")).to_have_count(number - 10)


def test_all_of_a_finding_are_opened_and_nothing_else(opened: Opened, every: str) -> None:
    links = opened.page.locator("#overview .links a:last-child")
    promised = links.evaluate_all(
        "(links) => links.map((a) => [a.getAttribute('href'), a.textContent.replace('all ', '')])"
    )
    assert len(promised) > 100
    for href, count in promised[::12]:
        opened.follow(href)
        assert opened.count.startswith(f"{count} of {every} checks, in "), href


def test_the_filter_of_a_finding_is_told_and_taken_away(opened: Opened) -> None:
    opened.page.locator("#overview .findings li").first.get_by_text("all ").click()
    assert opened.hash == "#results?finding=1"
    part = opened.page.locator("#part")
    expect(part).to_contain_text("Only finding 1: v1-predict and 1 more failed: status: expected")
    opened.tick("kserve", "0.11.2")
    assert opened.hash == "#results?kserve=0.11.2&finding=1"
    assert opened.column("kserve") == {"0.11.2"}
    part.get_by_role("link", name="show all").press("Enter")
    assert opened.hash == "#results?kserve=0.11.2"
    expect(part).to_be_hidden()
    opened.go("#results?finding=999")
    expect(part).to_contain_text("Only finding 999: these results have none of this number")
    assert opened.count == "No check meets these filters"
    opened.page.click("#clear")
    assert opened.hash == "#results"


def test_the_link_of_a_policys_entry_opens_what_it_is_about(opened: Opened, every: str) -> None:
    opened.go("#known")
    link = opened.page.locator("#known table a").first
    seen = link.inner_text().split()[2]
    link.click()
    assert opened.count.startswith(f"{seen} of {every} checks, in ")
    assert (opened.column("check"), opened.column("protocol")) == ({"malformed-json"}, {"unset"})
    expect(opened.page.locator("#part")).to_contain_text("entry of the policy 1: known failing: a")


def test_the_script_tells_durations_as_the_page_does(opened: Opened) -> None:
    seconds = [
        *(ticks / 10_000 for ticks in range(1500)),
        *(0.125 * eighth for eighth in range(600)),
        *(59.5, 61.0, 3599.5, 3600.0, 7384.2),
    ]
    source = (Path(page.__file__).parent / "scripts" / "text.js").read_text()
    told = opened.page.evaluate(
        f"(seconds) => {{ {source}\nreturn seconds.map(duration); }}", seconds
    )
    assert told == [timings.duration(each) for each in seconds]


def test_an_open_check_shows_all_that_is_known_of_it(opened: Opened) -> None:
    opened.go(AT)
    detail = opened.dialog.locator(".detail")
    for words in (
        "A V1 prediction is what TorchServe itself answers",
        "matrix/expectations.toml",
        "failed, where passed was expected, listed as known flaky",
        "status: expected 200, got 500",
        "None is not a valid PredictorProtocol",
        "The wrapper's log of that moment",
        f"python -m matrix replay {CELL} --results FILE --check v1-predict",
        "FILE is the results.jsonl of run",
    ):
        expect(detail).to_contain_text(words)


def test_a_request_is_copied_as_it_was_sent(opened: Opened, unfixed_run: Run) -> None:
    opened.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    opened.go(AT)
    opened.dialog.locator(".exchanges .copy").first.click()
    expect(opened.dialog.locator(".exchanges .copy").first).to_have_text("Copied")
    record = next(
        each for each in unfixed_run.records if (each.cell, each.check) == (CELL, "v1-predict")
    )
    sent = record.evidence["exchanges"][0]["request"]
    assert opened.page.evaluate("navigator.clipboard.readText()") == sent


def test_a_deep_link_opens_the_very_check_and_closing_leaves_the_view(opened: Opened) -> None:
    opened.go(f"#results?kserve=0.13.1&cell={CELL}%40container&at=starts")
    expect(opened.page.locator("#detail-title")).to_have_text("ok starts")
    opened.page.keyboard.press("Escape")
    expect(opened.dialog).to_have_count(0)
    assert opened.hash == "#results?kserve=0.13.1"


def test_a_link_to_a_cell_that_is_not_there_shows_the_view(opened: Opened) -> None:
    opened.go("#timings?cell=nosuch%40container")
    expect(opened.page.locator("#timings")).to_be_visible()
    expect(opened.dialog).to_have_count(0)


def test_the_footprint_leads_to_what_was_said(opened: Opened) -> None:
    opened.go("#footprint")
    rows = [row.split() for row in opened.page.locator("#footprint tbody tr").all_inner_texts()]
    assert [(row[0], row[1]) for row in rows] == [
        ("0.10.2", "not"),
        ("0.11.2", "N"),
        ("0.13.1", "N"),
        ("0.14.1", "U"),
    ]
    opened.page.locator("#footprint td a").last.click()
    assert opened.column("kserve") == {"0.14.1"}
    assert opened.page.input_value("#words") == "Unsupported protocol None."


def test_a_control_plane_leads_to_the_cell_that_its_pod_is_at(opened: Opened) -> None:
    opened.go("#control-planes")
    table = opened.page.locator("#control-planes table")
    rows = {
        row.locator("th").inner_text(): row.locator("td").all_inner_texts()
        for row in table.locator("tbody tr").all()
    }
    assert rows["KServe 0.11.1, 0.11.2"][2:] == [
        "not run\nv2, kservev2",
        "not run\ngrpc-v1, kserve",
        "refused",
    ]
    opened.page.get_by_role("link", name="KServe 0.9.0, protocolVersion v2").press("Enter")
    expect(opened.dialog.locator("h2")).to_contain_text("PROTOCOL_VERSION unset")
    expect(opened.dialog.locator("header code")).to_contain_text("-unset-kservev2-")
    expect(opened.dialog.locator(".checks a").first).to_contain_text("F ")
    opened.page.keyboard.press("Escape")
    assert opened.hash == "#control-planes"
    link = opened.page.get_by_role("link", name="KServe 0.9.0, protocolVersion v2")
    expect(link).to_be_focused()


def test_the_address_of_a_view_that_is_not_there_shows_the_overview(
    browser: Browser, write: Write, unfixed_run: Run
) -> None:
    run = variants.with_one_protocol(unfixed_run, "v3")
    opened = Opened.of(browser, write(run), "#control-planes")
    expect(opened.page.locator("#overview")).to_be_visible()
    expect(opened.page.locator(".views a", has_text="Control planes")).to_have_count(0)


def test_hostile_words_do_nothing(browser: Browser, write: Write, unfixed_run: Run) -> None:
    run = variants.hostile(unfixed_run)
    first = run.records[0]
    address = f"?cell={first.cell}%40container&at={first.check}"
    opened = Opened.of(browser, write(run), f"#results{address}")
    message = opened.dialog.locator(".message")
    expect(message).to_contain_text("</script><script>window.broken = 1</script><img src=x")
    expect(message).to_contain_text("\\u202egnirts\\u2066")
    expect(message).to_contain_text("\N{RAT} \\ud800 \\udfff")
    assert opened.page.evaluate("window.broken") is None
    assert opened.page.locator("img").count() == 0
    assert opened.complaints == []


def test_both_backends_are_told_apart(browser: Browser, both: Path) -> None:
    opened = Opened.of(browser, both, "#results?runtime=process")
    assert opened.column("runtime") == {"process"}
    opened.go(f"#overview?cell={CELL}%40process")
    expect(opened.dialog.locator(".siblings a[aria-current]")).to_contain_text("process")


def test_each_of_60000_checks_is_an_instant_away(
    browser: Browser, write: Write, default_run: Run
) -> None:
    opened = Opened.of(browser, write(variants.of_all_releases(default_run)), "#results")
    assert _number(opened.count.split()[0]) > 60_000
    actions = {
        "tick a release": "document.querySelectorAll('.facet-kserve input')[3].click()",
        "tick a verdict": "document.querySelectorAll('.facet-verdict input')[0].click()",
        "search a check": _typing("check", "V2-*"),
        "search words": _typing("words", "application/json"),
        "clear": "document.getElementById('clear').click()",
        "sort": _typing("sort", "seconds"),
        "turn the page": "document.querySelector('#pages a').click()",
        "open a cell": "document.querySelector('#list a').click()",
        "show another check": "document.querySelectorAll('#cell .checks a')[7].click()",
        "close the cell": "document.getElementById('cell').close()",
        "clear again": "document.getElementById('clear').click()",
    }
    rounds = [
        {name: opened.milliseconds(action) for name, action in actions.items()} for _ in range(5)
    ]
    medians = {name: statistics.median(each[name] for each in rounds) for name in actions}
    print({name: round(milliseconds) for name, milliseconds in medians.items()})  # noqa: T201
    slow = {name: took for name, took in medians.items() if took >= MOST_MILLISECONDS}
    assert slow == {}
    assert opened.complaints == []


def test_colours_follow_the_system(browser: Browser, unfixed: Path) -> None:
    grounds = [
        Opened.of(browser, unfixed, scheme=scheme).page.evaluate(
            "getComputedStyle(document.body).backgroundColor"
        )
        for scheme in ("light", "dark")
    ]
    assert grounds == ["rgb(255, 255, 255)", "rgb(20, 23, 27)"]


def test_without_scripts_the_grid_and_the_findings_can_be_read(
    browser: Browser, unfixed: Path
) -> None:
    context = browser.new_context(java_script_enabled=False)
    blank = context.new_page()
    blank.goto(f"file://{unfixed}")
    for view in VIEWS:
        expect(blank.locator(f"#{view}")).to_be_visible()
    expect(blank.locator("#results noscript")).to_be_visible()
    expect(blank.locator(".masthead noscript p")).to_contain_text("The overview is complete")
    expect(blank.locator("#loading")).to_be_hidden()
    context.close()


def _typing(field: str, value: str) -> str:
    return (
        f"const field = document.getElementById('{field}'); field.value = '{value}';"
        "field.dispatchEvent(new Event('input', { bubbles: true }))"
    )
