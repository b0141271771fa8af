"""What a package declares, in MONAI's `configs/metadata.json` under the key `hub`; a fixed vocabulary, never code.

Source: https://docs.monai.io/en/stable/mb_specification.html
"""

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator, model_validator

from services.imaging.domain.admission import METADATA, Problem
from services.imaging.domain.drift import rises
from services.imaging.domain.model import Category, Code, Concept, IntendedUse, Measure, Model, Spacing, Task, VolumeUse
from services.imaging.packages.declared import Declared, Millimetres, SpacingDeclared
from services.imaging.packages.volume import (
    VOLUME_ONLY,
    CropOrPad,
    NetworkData,
    NetworkImage,
    Orient,
    Patches,
    Percentiles,
    ResizeVolume,
    Respace,
    VolumeDeclared,
    Window,
    require_volume_steps,
)

Share = Annotated[float, Field(ge=0, le=1)]
Edge = Annotated[int, Field(ge=8, le=4096)]
Sentence = Annotated[str, Field(min_length=1, max_length=500)]
Words = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[A-Z0-9_ ]+$")]
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Path = Annotated[str, Field(max_length=200, pattern=r"^[A-Za-z0-9_][A-Za-z0-9._-]*(/[A-Za-z0-9_][A-Za-z0-9._-]*)*$")]
"""Inside the folder: no part of it begins with a dot."""


class Coding(Declared):
    """A code of what is meant."""

    system: Sentence
    code: Sentence
    display: str = ""


class ClassDeclared(Declared):
    """One channel of the logits."""

    text: Sentence
    codes: tuple[Coding, ...] = ()
    threshold: float
    flags: bool
    marks: bool = True


class MeasureDeclared(Declared):
    """What a segmentation measures."""

    text: Sentence
    unit: Literal["%", "mL"]
    of: Literal["picture", "field of view"] | None = None
    codes: tuple[Coding, ...] = ()


class RegionDeclared(Declared):
    """The part of the body."""

    text: Sentence
    codes: tuple[Coding, ...] = ()


class Ages(Declared):
    """Completed years."""

    at_least: Annotated[int, Field(ge=0, le=150)] | None = None
    below: Annotated[int, Field(ge=1, le=151)] | None = None


class UseDeclared(Declared):
    """For which pictures it was made."""

    sentence: Sentence
    modalities: tuple[Words, ...]
    body_parts: tuple[Words, ...]
    views: tuple[Words, ...] = ()
    age_years: Ages | None = None
    age_reason: str | None = None
    pixel_spacing_mm: SpacingDeclared | None = None
    photometric: tuple[Words, ...] = ()
    frames_at_most: int = 1
    volume: VolumeDeclared | None = None


class Calibration(Declared):
    """Platt scaling for a sigmoid, a temperature for a softmax."""

    slope: float = 1.0
    intercept: float = 0.0
    temperature: Annotated[float, Field(gt=0)] = 1.0


class Plain(Declared):
    """A step without a parameter."""

    step: Literal["grey", "rgb", "green", "pad-square", "standardise"]


class Rescale(Declared):
    """The picture's own range becomes low..high."""

    step: Literal["rescale"]
    low: float = 0.0
    high: float = 1.0


class Divide(Declared):
    """Every value is divided."""

    step: Literal["divide"]
    by: Annotated[float, Field(gt=0)]


class Resize(Declared):
    """Rows and columns become these; the aspect ratio is not kept."""

    step: Literal["resize"]
    size: tuple[Edge, Edge]
    mode: Literal["bilinear", "bicubic", "nearest"] = "bilinear"
    antialias: bool = True


class Normalise(Declared):
    """Each channel minus its mean, divided by its deviation."""

    step: Literal["normalise"]
    mean: Annotated[tuple[float, ...], Field(min_length=1, max_length=3)]
    deviation: Annotated[tuple[Annotated[float, Field(gt=0)], ...], Field(min_length=1, max_length=3)]


Step = Annotated[
    Plain | Rescale | Divide | Resize | Normalise | Orient | Respace | Window | Percentiles | CropOrPad | ResizeVolume,
    Field(discriminator="step"),
]


class Guard(Declared):
    """The distance beyond which a picture is unlike those that the model learnt from."""

    limit: float
    rule: str = ""


class Explanation(Declared):
    """How evidence becomes a heat map; `full` is shown as 1."""

    method: Sentence
    full: Annotated[float, Field(gt=0)]


class Licence(Declared):
    """Under which terms."""

    weights: Sentence
    data: Sentence


class TrialDeclared(Declared):
    """A picture drawn by a formula, and what the graph answers; of a volume the spacing of slices, rows and columns."""

    input: Path = "test/input.npy"
    output: Path = "test/output.json"
    tolerance: Annotated[float, Field(gt=0, le=0.01)] = 1e-3
    spacing_mm: tuple[Millimetres, Millimetres, Millimetres] = (1.0, 1.0, 1.0)


class Bins(Declared):
    """How a statistic was distributed: shares of the bins between the edges."""

    edges: Annotated[tuple[float, ...], Field(min_length=1, max_length=50)]
    shares: tuple[Share, ...]

    @model_validator(mode="after")
    def _are_whole(self) -> Self:
        if len(self.shares) != len(self.edges) + 1 or abs(sum(self.shares) - 1) > 1e-3 or not rises(self.edges):  # noqa: PLR2004
            raise ValueError("give rising edges, one share more than edges, and shares that make 1")
        return self


Statistic = Literal["brightness", "contrast", "entropy", "sharpness", "megapixels", "aspect", "distance", "score"]


class ReferenceDeclared(Declared):
    """What the pictures of the evaluation, and the model's scores of them, looked like; drift is measured from it."""

    of: Sentence
    n: Annotated[int, Field(ge=20)]
    statistics: dict[Statistic, Bins]


class Hub(Declared):
    """The key `hub`."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{1,62}$")]
    title: Sentence
    task: Literal["classification", "segmentation"]
    activation: Literal["sigmoid", "softmax"]
    calibration: Calibration = Calibration()
    classes: tuple[ClassDeclared, ...]
    measure: MeasureDeclared | None = None
    use: UseDeclared
    region: RegionDeclared | None = None
    preprocessing: Annotated[tuple[Step, ...], Field(min_length=1, max_length=20)]
    patches: Patches | None = None
    outputs: tuple[Literal["logits", "evidence", "distance"], ...]
    guard: Guard | None = None
    explanation: Explanation | None = None
    reference: ReferenceDeclared | None = None
    does_not_check: Annotated[tuple[Sentence, ...], Field(min_length=1)]
    licence: Licence
    files: dict[Path, Digest]
    test: TrialDeclared = TrialDeclared()

    @field_validator("preprocessing")
    @classmethod
    def _can_be_undone(cls, steps: tuple[Step, ...], given: ValidationInfo) -> tuple[Step, ...]:
        """A map has to find its way back onto the picture."""
        use: UseDeclared | None = given.data.get("use")
        names = [step.step for step in steps]
        if use is not None and use.volume:
            require_volume_steps(names)
            return steps
        if strange := VOLUME_ONLY & set(names):
            raise ValueError(f"{', '.join(sorted(strange))} needs hub.use.volume")
        if names.count("resize") != 1 or names.count("pad-square") > 1:
            raise ValueError("name resize once, and pad-square at most once")
        if "pad-square" in names and names.index("pad-square") > names.index("resize"):
            raise ValueError("pad before the resize")
        return steps

    @model_validator(mode="after")
    def _is_of_one_kind(self) -> Self:
        """Pictures and volumes have measures and outputs of their own."""
        if self.patches and (self.use.volume is None or set(self.outputs) != {"logits"}):
            raise ValueError("patches are of volumes, and a graph that is asked by patches answers logits alone")
        if self.measure and (self.measure.unit == "mL") != (self.use.volume is not None):
            raise ValueError("a volume is measured in mL, a picture in %")
        if self.measure and (self.measure.unit == "%") != (self.measure.of is not None):
            raise ValueError("say what % is a share of (hub.measure.of), and nothing of mL")
        return self


class Metadata(BaseModel):
    """MONAI's metadata; its own keys are kept as they are."""

    model_config = ConfigDict(extra="allow", frozen=True)

    version: Annotated[str, Field(pattern=r"^\d{1,5}\.\d{1,5}\.\d{1,5}$")]
    description: Sentence
    network_data_format: dict[str, Any] = {}
    hub: Hub

    @model_validator(mode="after")
    def _asks_as_it_says(self) -> Self:
        """One declaration for MONAI and for the hub: whether the input is a patch, and of which size."""
        if self.hub.use.volume:
            self.image.require(patches=self.hub.patches is not None)
        return self

    @property
    def image(self) -> NetworkImage:
        """How a graph of volumes is asked, in MONAI's words.

        Raises:
            ValueError: it is not said, or of several inputs.
        """
        return NetworkData.model_validate(self.network_data_format).only()

    @property
    def patch(self) -> tuple[int, int, int] | None:
        """Size of a patch, in the order of the graph's axes; None where the graph takes the whole volume."""
        return self.image.size if self.hub.patches else None


def parse(text: str) -> Metadata | list[Problem]:
    """The metadata, or everything that is wrong with it."""
    try:
        return Metadata.model_validate_json(text)
    except ValidationError as error:
        return [
            Problem(
                problem["msg"].lower(),
                f"{METADATA}: {'.'.join(str(part) for part in problem['loc'])}",
                "See docs/models.md for what is expected there.",
            )
            for problem in error.errors(include_input=False, include_context=False, include_url=False)
        ]


def model_of(declared: Metadata, digest: str) -> Model:
    """The model in imaging's own words."""
    hub, use = declared.hub, declared.hub.use
    ages = use.age_years or Ages()
    return Model(
        name=hub.name,
        version=declared.version,
        digest=digest,
        title=hub.title,
        task=Task(hub.task),
        categories=tuple(Category(_concept(c.text, c.codes), c.threshold, c.flags, c.marks) for c in hub.classes),
        measure=Measure(_concept(hub.measure.text, hub.measure.codes), hub.measure.unit, hub.measure.of or "")
        if hub.measure
        else None,
        region=_concept(hub.region.text, hub.region.codes) if hub.region else None,
        limits=hub.does_not_check,
        use=IntendedUse(
            modalities=frozenset(use.modalities),
            body_parts=frozenset(use.body_parts),
            views=frozenset(use.views),
            at_least=ages.at_least,
            below=ages.below,
            photometric=frozenset(use.photometric),
            spacing=_spacing(use.pixel_spacing_mm),
            frames=use.frames_at_most,
            volume=VolumeUse(use.volume.slices_at_least, _spacing(use.volume.slice_spacing_mm)) if use.volume else None,
        ),
    )


def _spacing(declared: SpacingDeclared | None) -> Spacing | None:
    return Spacing(declared.at_least, declared.at_most) if declared else None


def _concept(text: str, codes: tuple[Coding, ...]) -> Concept:
    return Concept(text, tuple(Code(coding.system, coding.code, coding.display) for coding in codes))


def raw(text: str) -> dict[str, Any]:
    """The metadata as JSON, for the record; checked before by `parse`."""
    return Metadata.model_validate_json(text).model_dump(mode="json")
