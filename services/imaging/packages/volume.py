"""What a package of a model that takes volumes declares: which series, steps in space, and patches as MONAI says them.

Axes are those of the graph's input (n, channel, first, second, third), named by `orient` as MONAI and NIfTI do: RAS
runs to the patient's right, front and head. Sources: https://docs.monai.io/en/stable/mb_specification.html; MONAI's
Orientationd, Spacingd, ScaleIntensityRanged, ResizeWithPadOrCropd, SlidingWindowInferer.
"""

from collections.abc import Sequence
from typing import Annotated, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from services.imaging.packages.declared import Declared, Millimetres, SpacingDeclared

Edge = Annotated[int, Field(ge=4, le=1024)]
Size = tuple[Edge, Edge, Edge]
_AXES: Final = (frozenset("LR"), frozenset("AP"), frozenset("IS"))

VOLUME_ONLY: Final = frozenset({"orient", "spacing", "window", "percentiles", "crop-or-pad", "resize-volume"})
VOLUME_STEPS: Final = VOLUME_ONLY | {"rescale", "standardise"}


class VolumeDeclared(Declared):
    """One series is one input."""

    slices_at_least: Annotated[int, Field(ge=2, le=4096)]
    slice_spacing_mm: SpacingDeclared | None = None


class Orient(Declared):
    """The axes of the array are those closest to these directions; nothing is resampled."""

    step: Literal["orient"]
    axes: Annotated[str, Field(pattern=r"^[LRAPIS]{3}$")]

    @field_validator("axes")
    @classmethod
    def _name_each_axis_once(cls, axes: str) -> str:
        if any(len(pair & set(axes)) != 1 for pair in _AXES):
            raise ValueError("name each of left or right, front (A) or back (P), head (S) or feet (I) once")
        return axes


class Respace(Declared):
    """Voxels become so large, trilinear; the first one stays where it is."""

    step: Literal["spacing"]
    mm: tuple[Millimetres, Millimetres, Millimetres]


class Window(Declared):
    """Lowest..highest (HU in CT) becomes low..high; what is outside is cut."""

    step: Literal["window"]
    lowest: float
    highest: float
    low: float = 0.0
    high: float = 1.0

    @model_validator(mode="after")
    def _rises(self) -> Self:
        if self.highest <= self.lowest:
            raise ValueError("highest must be above lowest")
        return self


class Percentiles(Declared):
    """The values between two percentiles become low..high; what is outside is cut."""

    step: Literal["percentiles"]
    lower: Annotated[float, Field(ge=0, lt=50)] = 0.5
    upper: Annotated[float, Field(gt=50, le=100)] = 99.5
    low: float = 0.0
    high: float = 1.0


class CropOrPad(Declared):
    """The middle of the volume, of this size; where it is smaller, zeros around it."""

    step: Literal["crop-or-pad"]
    size: Size


class ResizeVolume(Declared):
    """The whole volume in this many voxels, trilinear; shapes are not kept."""

    step: Literal["resize-volume"]
    size: Size


class Patches(Declared):
    """The graph is asked patch by patch; where patches overlap the answers are averaged, evenly or by a Gaussian."""

    overlap: Annotated[float, Field(ge=0, le=0.75)] = 0.25
    blend: Literal["constant", "gaussian"] = "gaussian"


class NetworkImage(BaseModel):
    """MONAI's description of the graph's input."""

    model_config = ConfigDict(extra="allow", frozen=True)

    num_channels: int = 1
    spatial_shape: tuple[int | str, ...] = ()
    dtype: str = "float32"
    is_patch_data: bool = False

    @property
    def size(self) -> tuple[int, int, int] | None:
        """Of the input, where it is said in numbers."""
        match self.spatial_shape:
            case (int(first), int(second), int(third)):
                return first, second, third
            case _:
                return None

    def require(self, *, patches: bool) -> None:
        """Whether a model of volumes can be asked so.

        Raises:
            ValueError: names the key.
        """
        if self.num_channels != 1 or self.dtype != "float32":
            raise ValueError("network_data_format: one channel of float32 is what the hub gives a model of volumes")
        if self.is_patch_data != patches:
            raise ValueError("network_data_format: is_patch_data must be true with hub.patches, false without")
        if patches and self.size is None:
            raise ValueError("network_data_format: a patch needs spatial_shape of three numbers")


class NetworkData(BaseModel):
    """MONAI's `network_data_format`, as far as it says how a graph is asked."""

    model_config = ConfigDict(extra="allow", frozen=True)

    inputs: dict[str, NetworkImage] = {}

    def only(self) -> NetworkImage:
        """The one input.

        Raises:
            ValueError: there is another number.
        """
        if len(self.inputs) != 1:
            raise ValueError("network_data_format.inputs must hold the one image that a model of volumes takes")
        return next(iter(self.inputs.values()))


def require_volume_steps(names: Sequence[str]) -> None:
    """Whether a volume knows these steps.

    Raises:
        ValueError: names those that it does not.
    """
    if strange := sorted(set(names) - VOLUME_STEPS):
        raise ValueError(f"a volume knows no step {', '.join(strange)}")
    if names[0] != "orient" or names.count("orient") != 1:
        raise ValueError("the first step of a volume is orient, once")
