"""Add to the released package how its validation pictures look and score: what drift is measured from at a site.

    PYTHONPATH=.:models python models/brain-mr-tumour/training/reference.py --data FOLDER

Run after `package.py`, with the hub installed. The pictures are resized copies: their size and shape say nothing.
"""

import argparse
from pathlib import Path

import dataset
import torch

from learning import reference

OF = "the {n} pictures of the validation part (Nickparvar 2021, single slices, a mixture of three collections)"


def main() -> None:
    """Read the validation part and write `hub.reference`."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--data", type=Path)
    torch.set_num_threads(1)
    parts = dataset.divide(dataset.read(dataset.folder(options.parse_args().data)))
    reference.write(Path(__file__).parents[1], parts.validation.pixels, OF, without=reference.RESIZED)


if __name__ == "__main__":
    main()
