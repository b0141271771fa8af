"""Add to the released package how its validation pictures look and score: what drift is measured from at a site.

    PYTHONPATH=.:models python models/cxr-pneumonia-paediatric/training/reference.py --data FOLDER

Run after `export.py`, with the hub installed: the package reads each picture as the hub will. The pictures of the data
set are resized copies, so their size and shape say nothing; a site's own first answers stand in for those.
"""

import argparse
import json
from dataclasses import asdict
from pathlib import Path

import dataset

from services.imaging.domain import drift
from services.imaging.domain.admission import METADATA
from services.imaging.inference import package
from services.imaging.packages.folder import digest_of
from services.imaging.packages.metadata import Metadata, parse

PACKAGE = Path(__file__).parents[1]
RESIZED = {"megapixels", "aspect"}
OF = "the {n} pictures of the validation part (Kermany et al. 2018, children of one hospital)"


def main() -> None:
    """Read the validation part and write `hub.reference`."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--data", type=Path)
    _, validation = dataset.split(dataset.read(dataset.folder(options.parse_args().data), "train"))
    file = PACKAGE / METADATA
    declared = parse(file.read_text(encoding="utf-8"))
    if not isinstance(declared, Metadata):
        raise SystemExit("\n".join(f"{problem.where}: {problem.what}" for problem in declared))
    opened = package.load(PACKAGE, declared, digest_of(file))
    said = [opened.read(picture) for picture in validation.pixels]
    values = {name: [one.looks[name] for one in said] for name in said[0].looks if name not in RESIZED}
    values["score"] = [round(one.scores[0], 5) for one in said if one.familiar]
    made = {name: asdict(drift.reference(each, "")) for name, each in values.items()}
    statistics = {
        name: {
            "edges": [round(edge, 5) for edge in one["edges"]],
            "shares": [round(share, 5) for share in one["shares"]],
        }
        for name, one in made.items()
    }
    metadata = json.loads(file.read_text(encoding="utf-8"))
    metadata["hub"]["reference"] = {"of": OF.format(n=len(said)), "n": len(said), "statistics": statistics}
    file.write_text(json.dumps(metadata, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print(json.dumps(metadata["hub"]["reference"]))


if __name__ == "__main__":
    main()
