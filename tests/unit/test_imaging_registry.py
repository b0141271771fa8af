"""Which model reads a study, and how a model moves."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as some

from services.imaging.domain import registry
from services.imaging.domain.instance import Instance
from services.imaging.domain.model import NOBODY, Category, Concept, IntendedUse, Model, Task
from services.imaging.domain.reading import Reason, Refusal
from services.imaging.domain.registry import Entry, Pictures, Stage
from shared.errors import Conflict, InvalidResource

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
CHEST = IntendedUse(frozenset({"CR", "DX"}), frozenset({"CHEST"}), at_least=1, below=6)


def entry(
    name: str = "chest",
    version: str = "1.0.0",
    stage: Stage = Stage.LIVE,
    *,
    percent: int = 0,
    use: IntendedUse = CHEST,
) -> Entry:
    finding = Category(Concept("Pneumonia", ()), 0.5, flags=True)
    model = Model(name, version, f"{name}{version}", name, Task.CLASSIFICATION, (finding,), use)
    return Entry(model, stage, percent, NOON)


def everything(_: Model) -> Pictures:
    return []


def test_a_stopped_model_is_named_and_its_study_goes_on_to_the_human() -> None:
    model, refused = registry.choose([entry(stage=Stage.DISABLED)], "1.2", everything)
    assert (model.name, refused) == ("chest", registry.STOPPED)


def test_a_live_model_reads_though_an_older_version_was_stopped() -> None:
    model, pictures = registry.choose([entry(stage=Stage.DISABLED), entry(version="2.0.0")], "1.2", everything)
    assert (model.version, pictures) == ("2.0.0", [])


def test_without_any_model_nobody_answers() -> None:
    assert registry.choose([entry(stage=Stage.SHADOW)], "1.2", everything) == (
        NOBODY,
        Refusal(Reason.NO_MODEL, "no model for such a study"),
    )


def test_of_several_refusals_the_one_that_came_closest_to_a_reading_is_said() -> None:
    adult, other = Refusal(Reason.ADULT, "adult"), Refusal(Reason.MODALITY, "another kind of picture")
    entries = [entry("brain"), entry("chest")]
    model, said = registry.choose(entries, "1.2", lambda model: adult if model.name == "chest" else other)
    assert (model.name, said) == ("chest", adult)


@pytest.mark.parametrize("percent", [1, 10, 50])
def test_a_canary_reads_its_share_and_always_the_same_studies(percent: int) -> None:
    entries = [entry(), entry(version="2.0.0", stage=Stage.CANARY, percent=percent)]
    uids = [f"1.2.{number}" for number in range(2000)]
    versions = [registry.choose(entries, uid, everything)[0].version for uid in uids]
    assert versions == [registry.choose(entries, uid, everything)[0].version for uid in uids]
    assert abs(versions.count("2.0.0") / 20 - percent) < 4


def test_a_model_in_the_shadow_answers_nobody_and_is_asked_afterwards() -> None:
    entries = [entry(), entry("new", stage=Stage.SHADOW)]
    assert registry.choose(entries, "1.2", everything)[0].name == "chest"
    assert [model.name for model, _ in registry.shadows(entries, everything)] == ["new"]


def test_a_new_version_that_goes_live_replaces_the_old_one() -> None:
    entries = [entry(), entry(version="2.0.0", stage=Stage.SHADOW)]
    moves = registry.promote(entries, "chest", "2.0.0", Stage.LIVE, 0)
    assert [(move.model.version, move.to) for move in moves] == [("2.0.0", Stage.LIVE), ("1.0.0", Stage.DISABLED)]


def test_two_models_are_never_live_for_the_same_studies() -> None:
    with pytest.raises(Conflict, match=r"other 1\.0\.0 is live"):
        registry.promote([entry("other"), entry(stage=Stage.SHADOW)], "chest", "1.0.0", Stage.LIVE, 0)


@pytest.mark.parametrize(
    ("change", "same"),
    [
        ({"modalities": frozenset({"CT"})}, False),
        ({"body_parts": frozenset({"HAND"})}, False),
        ({"at_least": 6, "below": None}, False),
        ({"at_least": 5, "below": None}, True),
        ({"at_least": None, "below": None}, True),
        ({"at_least": None, "below": 1}, False),
        ({"modalities": frozenset({"DX", "MG"})}, True),
    ],
)
def test_uses_overlap_by_modality_body_part_and_age(change: dict[str, object], same: bool) -> None:  # noqa: FBT001
    other = replace(CHEST, **change)  # type: ignore[arg-type]
    assert CHEST.overlaps(other) is same
    assert other.overlaps(CHEST) is same


@pytest.mark.parametrize("percent", [0, 100, -5])
def test_a_canary_reads_some_and_not_all(percent: int) -> None:
    with pytest.raises(InvalidResource, match="1 to 99"):
        registry.promote([entry(stage=Stage.SHADOW)], "chest", "1.0.0", Stage.CANARY, percent)


def test_a_model_that_nobody_admitted_is_not_promoted() -> None:
    with pytest.raises(InvalidResource, match="no model"):
        registry.promote([], "chest", "1.0.0", Stage.LIVE, 0)


def test_stopping_a_name_stops_each_version_that_is_not_stopped_yet() -> None:
    entries = [
        entry(),
        entry(version="2.0.0", stage=Stage.CANARY, percent=5),
        entry(version="0.9.0", stage=Stage.DISABLED),
    ]
    moves = registry.disable(entries, "chest", None, "false alarms")
    assert [(move.model.version, move.why) for move in moves] == [("1.0.0", "false alarms"), ("2.0.0", "false alarms")]


def test_a_model_that_was_stopped_while_it_read_says_nothing() -> None:
    read = entry()
    assert not registry.is_stopped([read], read.model)
    assert registry.is_stopped([replace(read, stage=Stage.DISABLED)], read.model)
    assert registry.is_stopped([], read.model)


@given(stages=some.lists(some.sampled_from(list(Stage)), max_size=6), uid=some.text("0123456789.", min_size=1))
def test_whatever_stands_in_the_registry_one_model_answers_or_says_why_not(stages: list[Stage], uid: str) -> None:
    entries = [
        replace(entry(version=f"1.0.{n}", stage=stage, percent=30), since=NOON + timedelta(hours=n))
        for n, stage in enumerate(stages)
    ]
    picture: list[Instance] = []
    model, said = registry.choose(entries, uid, lambda _: picture)
    if said is picture:
        assert next(e.stage for e in entries if e.model == model) in {Stage.LIVE, Stage.CANARY}
    else:
        assert Stage.LIVE not in stages
