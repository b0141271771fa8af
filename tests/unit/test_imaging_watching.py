"""Drift, intervals and agreement, against numbers worked out by hand or published."""

import json
import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from services.imaging.domain import drift, intervals
from services.imaging.domain.drift import Reference, Verdict
from services.imaging.domain.watching import (
    Decision,
    Judged,
    ReaderWord,
    Watched,
    agreement,
    band,
    groups,
    performance,
    present,
)
from services.imaging.fhir import reader_word
from services.imaging.inference.looks import looks
from services.imaging.packages.metadata import Bins
from shared.fhir.message import Message

CHI2 = 29.09
"""Of nine degrees of freedom, passed once in 1600 times: scipy.stats.chi2.isf(1 / 1600, 9)."""
TENTHS = Reference("a test", 1000, tuple(range(1, 10)), (0.1,) * 10)


def test_the_index_is_the_sum_of_differences_times_logarithms() -> None:
    by_hand = 0.25 * math.log(2) - 0.25 * math.log(2 / 3)
    assert drift.index((0.25, 0.75), (0.5, 0.5)) == pytest.approx(by_hand) == pytest.approx(0.274653, abs=1e-6)


def test_the_index_of_what_did_not_change_is_0() -> None:
    assert drift.index((0.2, 0.8), (0.2, 0.8)) == 0


def test_chance_grows_as_samples_shrink_and_is_the_quantile_of_chi_squared() -> None:
    assert drift.chance(10, 100, 100) * 50 == pytest.approx(CHI2, rel=0.01)
    assert drift.chance(10, 50, 100) > drift.chance(10, 500, 100)


@pytest.mark.parametrize(
    ("values", "verdict"),
    [
        ([i / 10 for i in range(100)], Verdict.STEADY),
        ([i / 20 for i in range(200)], Verdict.STEADY),
        ([i / 20 for i in range(200)] + [9.5] * 40, Verdict.SHIFTED),
        ([5 + i / 40 for i in range(200)], Verdict.DRIFTED),
        ([9.5] * 99, Verdict.TOO_FEW),
    ],
)
def test_a_window_is_judged_by_the_bands_and_by_its_size(values: list[float], verdict: Verdict) -> None:
    assert drift.judge("brightness", TENTHS, values, 100).verdict is verdict


@pytest.mark.parametrize(("known", "window"), [(20, 100), (100, 100), (655, 200)])
def test_a_steady_model_is_called_shifted_in_at_most_one_window_of_a_hundred(known: int, window: int) -> None:
    """At 99 % for each of the eight statistics by itself, it was called so in about one window of thirteen."""
    random, windows = np.random.default_rng(7), 600
    called = 0
    for _ in range(windows):
        told = [
            drift.judge(name, drift.reference(random.normal(size=known).tolist(), "a test"), seen.tolist(), 100)
            for name, seen in zip(drift.STATISTICS, random.normal(size=(8, window)), strict=True)
        ]
        called += any(each.verdict is not Verdict.STEADY for each in told)
    assert called / windows <= drift.LEVEL


def patients(seed: int, number: int, gamma: float = 1.0) -> list[dict[str, float]]:
    """Looks of soft pictures that differ from each other; a gamma above 1 is a scanner that shows all darker."""
    random = np.random.default_rng(seed)
    down, across = np.indices((96, 96)) / 96
    found = []
    for _ in range(number):
        size, tilt, own = random.uniform(0.3, 0.4), random.uniform(-0.3, 0.3), random.normal(1, 0.12)
        soft = np.exp(-((down - 0.5) ** 2 + (across - 0.5 + tilt * down) ** 2) / size**2)
        found.append(looks((soft + random.normal(0, 0.02, soft.shape)).clip(0, 1) ** (gamma * own)))
    return found


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Many small pictures: threads would only wait for each other."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("one_thread")
def test_another_scanner_s_curve_is_found_within_a_hundred_studies() -> None:
    before, same, darker = patients(1, 150), patients(2, 100), patients(3, 100, 1.4)
    for name in ("brightness", "contrast"):
        known = drift.reference([one[name] for one in before], "a test")
        assert drift.judge(name, known, [one[name] for one in same], 100).verdict is Verdict.STEADY
        assert drift.judge(name, known, [one[name] for one in darker], 100).verdict is Verdict.DRIFTED


def test_few_values_make_fewer_bins() -> None:
    assert len(drift.reference([float(i) for i in range(20)], "a test").shares) == 4


def test_a_statistic_that_never_varied_still_shows_a_change_either_way() -> None:
    known = drift.reference([4.19] * 300, "a test")
    assert drift.judge("megapixels", known, [4.19] * 200, 100).verdict is Verdict.STEADY
    for other in (1.0, 9.0):
        assert drift.judge("megapixels", known, [other] * 200, 100).verdict is Verdict.DRIFTED


def test_a_reference_has_ten_bins_of_equal_weight() -> None:
    known = drift.reference([float(i) for i in range(1000)], "a test")
    assert len(known.shares) == 10
    assert known.shares == pytest.approx((0.1,) * 10, abs=0.002)


def test_wilson_s_interval_is_the_published_one() -> None:
    """Newcombe 1998, table I: 81 of 263 is 0.2553 to 0.3662, and 0 of 20 is 0 to 0.1611."""
    known = intervals.wilson(81, 263)
    assert known is not None
    assert (known.low, known.high) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    none = intervals.wilson(0, 20)
    assert none is not None
    assert (none.low, none.high) == pytest.approx((0, 0.1611), abs=5e-5)
    assert intervals.wilson(0, 0) is None


def test_kappa_is_cohen_s() -> None:
    """20, 5, 10, 15: agreement 0.7, by chance 0.5, so 0.4; standard error sqrt(0.21 / 50) / 0.5."""
    found = intervals.kappa([[20, 5], [10, 15]])
    assert found is not None
    assert found.value == pytest.approx(0.4)
    assert found.high - found.value == pytest.approx(intervals.Z * math.sqrt(0.7 * 0.3 / 50) / 0.5)
    assert intervals.kappa([[9, 0], [0, 0]]) is None


def test_the_difference_of_two_models_has_an_interval_and_limits() -> None:
    found = intervals.difference([(0.1, 0.2), (0.2, 0.4), (0.3, 0.6)])
    assert found is not None
    assert found.mean.value == pytest.approx(0.2)
    assert found.mean.high - 0.2 == pytest.approx(intervals.Z * 0.1 / math.sqrt(3))
    assert found.limits.high - 0.2 == pytest.approx(intervals.Z * 0.1)


def word(flagged: bool, decision: Decision, **more: object) -> Judged:  # noqa: FBT001 (what the model said)
    answer = Watched("1.2", "chest", "1.0.0", "live", "flagged" if flagged else "not-flagged", flagged, 0.5)
    return Judged(Watched(**{**vars(answer), **more}), present(flagged, decision), own=True)


def test_what_readers_made_of_answers_makes_the_four_shares() -> None:
    accept, reject = Decision.ACCEPT, Decision.REJECT
    told = [word(True, accept)] * 9 + [word(True, reject)] * 1 + [word(False, accept)] * 8 + [word(False, reject)] * 2
    found = {name: (share.part, share.whole) for name, share in performance(told).items() if share}
    assert found == {"sensitivity": (9, 11), "specificity": (8, 9), "PPV": (9, 10), "NPV": (8, 10)}
    agreed = agreement(told)
    assert agreed is not None
    assert (agreed.part, agreed.whole) == (17, 20)


def test_right_in_part_says_nothing_of_whether_the_finding_is_there() -> None:
    told = [word(True, Decision.CORRECT)]
    assert agreement(told) is None
    assert set(performance(told).values()) == {None}


def test_groups_are_by_age_band_and_sex_and_the_unknown_is_named() -> None:
    told = [word(True, Decision.ACCEPT, age=0, sex="female"), word(True, Decision.ACCEPT, age=70, sex="male")]
    told.append(word(True, Decision.ACCEPT))
    names = {"age under 1", "age 65 and over", "age unknown", "sex female", "sex male", "sex unknown"}
    assert set(groups(told)) == names
    assert [band(age) for age in (0, 1, 5, 6, 17, 18, 65, 101)] == [
        *("under 1", "1 to 5", "1 to 5", "6 to 17", "6 to 17", "18 to 39", "65 and over", "65 and over"),
    ]


def test_the_promised_message_of_a_signature_is_understood() -> None:
    said = Path(__file__).parents[2] / "contracts" / "events" / "results_sharing.report-signed.example.json"
    word = reader_word(Message.from_fhir(json.loads(said.read_text())))
    study = "2.25.329800735698586629295641978511506172918"
    assert word == ReaderWord(study, "chest", "1", Decision.ACCEPT)


def picture(rows: int, columns: int) -> np.ndarray:
    across, down = np.meshgrid(np.linspace(0, 12, columns), np.linspace(0, 9, rows))
    return (2000 + 900 * np.sin(across) * np.cos(down)).astype(np.uint16)


def test_the_same_picture_looks_the_same_at_another_resolution_and_depth() -> None:
    large, small = looks(picture(1536, 2048)), looks(picture(384, 512) // 16)
    for name in ("brightness", "contrast", "entropy", "sharpness"):
        assert small[name] == pytest.approx(large[name], rel=0.05), name
    assert large["megapixels"] == pytest.approx(3.14573)
    assert large["aspect"] == pytest.approx(4 / 3, abs=1e-4)


def test_a_darker_and_a_blurred_picture_look_different() -> None:
    one = picture(300, 300)
    assert looks(one**2)["brightness"] != pytest.approx(looks(one)["brightness"], rel=0.02)
    noise = np.random.default_rng(0).normal(0, 300, one.shape)
    assert looks(one + noise)["sharpness"] > 1.2 * looks(one)["sharpness"]
    assert looks(np.stack([one] * 3, axis=2)).keys() == looks(one).keys()


def test_a_flat_picture_has_finite_looks() -> None:
    assert looks(np.zeros((40, 50), np.uint8))["contrast"] == 0


@pytest.mark.parametrize(
    ("edges", "shares"), [((1.0, 1.0), (0.3, 0.3, 0.4)), ((1.0,), (0.5, 0.4)), ((1.0, 2.0), (0.5, 0.5))]
)
def test_a_reference_that_is_not_whole_is_refused(edges: tuple[float, ...], shares: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="rising edges"):
        Bins(edges=edges, shares=shares)
