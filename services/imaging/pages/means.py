"""How to read each figure, and what it cannot tell: the sentences under the plots."""

from typing import Final

DRIFT: Final = (
    "The population stability index compares how a statistic is distributed in the last answers with a reference. "
    "The bands at 0.1 and 0.25 are a convention of credit scoring, not a test; the small upright mark is what "
    "chance alone exceeds, in any of the eight statistics, at most once in a hundred windows of this size; below it "
    "nothing is called a shift. With a reference of few pictures it lies beyond the axis: the table gives it. Hollow: "
    "too few answers to judge. A drift says that the pictures or the patients changed, not that the model is wrong."
)
SHAPES: Final = (
    "Filled: the share of the last answers in each bin. Outlined: the share in the reference, whose bins are its "
    "own tenths. Where filled columns stand higher on the right than their outlines, values have risen."
)
VOLUME: Final = (
    "A column a week: filled what it answered, pale on top what it did not analyse. A gap says that no study "
    "came, or that another model got them."
)
REFUSALS: Final = (
    "Of the last answers, the share refused for each reason, with its 95 % interval (Wilson). Studies of another "
    "modality, part of the body or age than it was made for are not counted: they are no failure of it. A rising "
    "share of one reason says that other studies come, that pictures come otherwise, or that the model breaks."
)
AGREEMENT: Final = (
    "The reader's word at the signature, at the model's own threshold, with 95 % intervals (Wilson). Readers gave "
    "a first impression before they saw the answer, yet decided knowing it: this is agreement at this site, not "
    "accuracy, and flatters any model that readers tend to follow. Sensitivity counts only studies that were "
    "read; what was not analysed is in the figure of refusals."
)
GROUPS: Final = (
    "Overlapping intervals do not show that groups are treated alike, only that the counts cannot tell. Age in "
    "completed years at the study, sex as the hospital sent it."
)
CALIBRATION: Final = (
    "Across: the mean score of the answers of a bin. Upwards: how often readers found the finding there, with its "
    "95 % interval. On the dashed line both are equal. Below it the model says too much at this site, above it "
    "too little; where the finding is rarer than in training, dots below the line are expected."
)
SHADOW: Final = (
    "A dot a study: across what readers got, upwards what this model would have said; the dashed lines are their "
    "thresholds. Dots right of one and below the other are decisions that would change. Two models that agree can "
    "both be wrong: only the readers' word tells."
)
