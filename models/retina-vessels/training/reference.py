"""Add to the released package how its photographs look: what drift is measured from at a site.

    PYTHONPATH=.:models python models/retina-vessels/training/reference.py --data FOLDER

Run after `package.py`, with the hub installed. Twenty photographs make four bins, and only a great shift stands out.
Most of them trained the network, so what it says of them, and its guard's distance, are left to a site's own first
answers; so are size and aspect, which are those of one camera.
"""

import argparse
from pathlib import Path

import dataset
import torch

from learning import reference

OF = "the {n} photographs of the training and validation parts (CHASE_DB1, ten children, one camera)"
LEARNT = {"distance", "score"}


def main() -> None:
    """Read the photographs and write `hub.reference`."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--data", type=Path)
    torch.set_num_threads(1)
    data = dataset.folder(options.parse_args().data)
    pictures = [each.pixels for part in ("training", "validation") for each in dataset.read(data, part)]
    reference.write(Path(__file__).parents[1], pictures, OF, without=reference.RESIZED | LEARNT)


if __name__ == "__main__":
    main()
