"""Pictures that come with Python packages: exams and photographs on which no guard was ever chosen.

Source: pydicom-data and pydicom (MIT), https://github.com/pydicom/pydicom-data; scikit-image, the pictures of its wheel
(free licences), https://scikit-image.org/docs/stable/api/skimage.data.html.
"""

import importlib.util
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

EXAMS = (
    *("693_UNCI.dcm", "CT_small.dcm", "J2K_pixelrep_mismatch.dcm", "bad_sequence.dcm", "explicit_VR-UN.dcm"),
    *("MR-SIEMENS-DICOM-WithOverlays.dcm", "MR2_UNCI.dcm", "JPEG-LL.dcm", "RG1_UNCR.dcm", "RG3_UNCR.dcm"),
    *("OBXXXX1A.dcm", "US1_UNCR.dcm", "JPGLosslessP14SV1_1s_1f_8b.dcm", "color-pl.dcm", "gdcm-US-ALOKA-16.dcm"),
    *("examples_palette.dcm", "examples_rgb_color.dcm"),
)
"""CT, MR of liver and shoulder, bone scan, an adult's chest and shin, ultrasound: one of each picture."""
PHOTOGRAPHS = (
    *("astronaut.png", "brick.png", "camera.png", "cell.png", "chelsea.png", "chessboard_GRAY.png", "clock_motion.png"),
    *(
        "coffee.png",
        "coins.png",
        "grass.png",
        "gravel.png",
        "horse.png",
        "hubble_deep_field.jpg",
        "ihc.png",
        "logo.png",
    ),
    *("moon.png", "motorcycle_left.png", "page.png", "phantom.png", "rocket.jpg", "text.png"),
)
"""Without the retinas among them."""


def pictures(mode: str) -> Iterator[NDArray[np.uint8]]:
    """All of them in Pillow's mode `L` or `RGB`, exams stretched to 0..255."""
    from pydicom import dcmread  # noqa: PLC0415 - only the measurement needs it
    from pydicom.data import get_testdata_file  # noqa: PLC0415
    from pydicom.pixels.processing import apply_color_lut, convert_color_space  # noqa: PLC0415

    for name in EXAMS:
        exam = dcmread(str(get_testdata_file(name)))
        pixels = exam.pixel_array
        if exam.PhotometricInterpretation == "PALETTE COLOR":
            pixels = apply_color_lut(pixels, exam)
        elif exam.PhotometricInterpretation.startswith("YBR_FULL"):
            pixels = convert_color_space(pixels, exam.PhotometricInterpretation, "RGB")
        values = pixels.astype(np.float64)
        grey = (values - values.min()) / max(float(np.ptp(values)), 1) * 255
        if exam.PhotometricInterpretation == "MONOCHROME1":
            grey = 255 - grey
        yield np.asarray(Image.fromarray(grey.astype(np.uint8)).convert(mode))
    found = importlib.util.find_spec("skimage")
    if found is None or not found.submodule_search_locations:
        raise RuntimeError("scikit-image is not installed: the extra `test` brings it")
    for name in PHOTOGRAPHS:
        with Image.open(Path(found.submodule_search_locations[0]) / "data" / name) as picture:
            yield np.asarray(picture.convert(mode))
