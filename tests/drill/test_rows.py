"""The rows are data that a typo in is told of, and each is judged by figures that it has."""

from __future__ import annotations

import pytest

from drill import rows
from drill.faults import FAULTS
from drill.rows import RowsError


def test_each_fault_is_done_by_a_row() -> None:
    assert {row.fault for row in rows.load().values()} == FAULTS.keys()


def test_each_row_wants_no_wrong_answer_of_its_load() -> None:
    for row in rows.load().values():
        judged = {each.figure for each in row.wanted}
        assert "wrong_answers" in judged or not row.clients, row.name


def test_each_fault_says_what_it_does() -> None:
    assert all(strike.__doc__ for strike in FAULTS.values())


def test_rows_are_chosen_by_name_and_form_in_their_order() -> None:
    known = rows.load()
    names = [row.name for row in rows.chosen(known, ["idle", "worker-killed"], short=False)]
    assert names == ["worker-killed", "idle"]
    assert rows.chosen(known, [], short=False) == list(known.values())
    short = rows.chosen(known, [], short=True)
    assert [row.name for row in short] == [
        each.name for each in known.values() if each.short is not None
    ]


def test_a_short_form_has_its_own_options_beside_those_it_leaves() -> None:
    known = rows.load()
    (row,) = rows.chosen(known, ["idle"], short=True)
    assert row.options == {**known["idle"].options, **(known["idle"].short or {})}
    assert row.wanted == known["idle"].wanted


def test_a_name_that_no_row_has_is_told() -> None:
    with pytest.raises(RowsError, match="no row has this name: did you mean 'worker-killed'"):
        rows.chosen(rows.load(), ["worker-kiled"], short=False)
    with pytest.raises(RowsError, match="--row slow-clients --short: this row has no short form"):
        rows.chosen(rows.load(), ["slow-clients"], short=True)
