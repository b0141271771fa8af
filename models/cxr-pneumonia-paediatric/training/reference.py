"""Add to the released package how its validation pictures look and score: what drift is measured from at a site.

    PYTHONPATH=.:models python models/cxr-pneumonia-paediatric/training/reference.py --data FOLDER

Run after `export.py`, with the hub installed: the package reads each picture as the hub will. The pictures of the data
set are resized copies, so their size and shape say nothing; a site's own first answers stand in for those.
"""

import argparse
from pathlib import Path

import dataset

from learning import reference

OF = "the {n} pictures of the validation part (Kermany et al. 2018, children of one hospital)"


def main() -> None:
    """Read the validation part and write `hub.reference`."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--data", type=Path)
    _, validation = dataset.split(dataset.read(dataset.folder(options.parse_args().data), "train"))
    reference.write(Path(__file__).parents[1], validation.pixels, OF, without=reference.RESIZED, indent=1)


if __name__ == "__main__":
    main()
