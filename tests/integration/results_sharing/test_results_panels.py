"""What the operator sees of results: reports on their way, reports given up, studies that wait too long."""

from typing import Any

import pytest
from hospital import Hospital
from story import Story, reader
from telling import hear

from services.results_sharing.panels import panels
from shared.errors import InvalidResource, Unavailable
from shared.fhir.message import Message
from shared.ops import Level, Panel

ROSA = reader("rosa")


def panel(title: str) -> Panel:
    (found,) = [one for one in panels() if one.title == title]
    return found


def test_a_report_is_due_until_the_hospital_has_it(report: Message, hospital: Hospital) -> None:
    hospital.behaviours = [lambda: 503]
    with pytest.raises(Unavailable):
        hear(report)
    on_its_way = panel("Deliveries to the hospital")
    rows = dict(on_its_way.rows)
    assert (rows["due"], rows["given up"]) == (1, 0)
    assert rows["last problem"] == "The hospital's server answered 503"
    assert on_its_way.problems == []
    hear(report)
    assert dict(panel("Deliveries to the hospital").rows) == {
        "due": 0, "oldest due": None, "given up": 0, "last problem": None,
    }  # fmt: skip


def test_a_report_that_was_given_up_is_wrong(report: Message, hospital: Hospital) -> None:
    hospital.behaviours = [lambda: 422]
    with pytest.raises(InvalidResource):
        hear(report)
    given_up = panel("Deliveries to the hospital")
    assert (dict(given_up.rows)["due"], dict(given_up.rows)["given up"]) == (0, 1)
    assert [problem.level for problem in given_up.problems] == [Level.WRONG]
    assert dict(panel("Cases").rows)["dead-lettered"] == 1


def test_a_study_that_waits_too_long_for_a_result_is_wrong(story: Story, sql: Any) -> None:
    hear(story.order_placed(), story.study_available())
    sql("update cases set received_at = now() - interval '14 minutes'")
    assert panel("Studies that wait for a result").problems == []
    sql("update cases set received_at = now() - interval '16 minutes'")
    [problem] = panel("Studies that wait for a result").problems
    assert problem.level is Level.WRONG
    assert "has waited 16 min for a result" in problem.text
