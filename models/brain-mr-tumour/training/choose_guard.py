"""Choose what the guard compares and how far a picture may be, without the test part.

The validation part is of the training part's own sources and says too little of others: version 1.0.0 took its limit
from there and refused 9.5 % of the test part instead of 3 %. Here the training pictures are put into clusters that look
alike, the guard is fitted without each cluster in turn, and 95 % of the pictures left out so must be known. Of the
candidates the one wins for which the foreign sets that may choose are furthest beyond that distance; the limit lies
halfway between the two.
"""

import json
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from learning import foreign, guard, measures
from learning.network import LAYOUT, EvidenceNet
from learning.pictures import standardise, stretched

RECORD = Path(__file__).parent / "guard.json"
CLUSTERS = 5
FAMILIAR = 0.95
"""Share of the pictures of clusters left out that the guard must accept."""
RULE = (
    f"halfway, in ratio, from the {FAMILIAR} quantile of the training pictures' distance from the pictures of the "
    f"other clusters ({CLUSTERS} clusters of pictures that look alike) to the {guard.NEAREST} quantile of the nearest "
    "foreign set; of two sets of features the one further from foreign pictures"
)


def features(network: EvidenceNet, standardised: Tensor) -> Tensor:
    """What the guard may compare, of pictures (n, 1, size, size)."""
    with torch.inference_mode():
        return torch.cat([network.read(batch).features for batch in torch.split(standardised, 64)])


def candidates(width: int) -> dict[str, Tensor]:
    """Which features are compared: masks (width,)."""
    channels = torch.arange(width) >= LAYOUT**2
    return {"layout and channel means": torch.ones(width, dtype=torch.bool), "channel means": channels}


def choose(
    network: EvidenceNet, trains: Tensor, labels: Tensor, checks: Tensor, data: Path, size: int
) -> tuple[float, dict[str, Any]]:
    """Set the network's guard; return the limit and what was compared.

    Args:
        trains: training pictures (n, 1, size, size) of 0..1.
        labels: their classes, (n,).
        checks: features of the validation part, for the record only.
        data: the folder with the archives of the foreign sets.
        size: of the network's input.
    """
    seen, cluster = features(network, standardise(trains)), guard.clusters(trains, CLUSTERS)
    strange = {
        name: torch.cat(
            [features(network, standardise(stretched(p[None], size))) for p in foreign.pictures(data, name, "L")]
        )
        for name in foreign.choosing(data, "brain MR")
    }
    compared: dict[str, Any] = {}
    away: dict[str, dict[str, Tensor]] = {}
    for name, kept in candidates(seen.shape[1]).items():
        means, precision = guard.fit(seen[:, kept], labels)
        out = guard.held_out(seen[:, kept], labels, cluster)
        edge = round(float(out.quantile(FAMILIAR)), 3)
        away[name] = {n: guard.nearest(f[:, kept], means, precision) for n, f in strange.items()}
        beyond = guard.nearest(checks[:, kept], means, precision) > edge
        compared[name] = {
            "known within": edge,
            "beyond it": {
                "validation part": measures.proportion(int(beyond.sum()), len(beyond)),
                "each cluster, left out": [
                    round(float((out[cluster == c] > edge).float().mean()), 3) for c in range(CLUSTERS)
                ],
                **{n: measures.proportion(int((d > edge).sum()), len(d)) for n, d in away[name].items()},
            },
            "nearest foreign pictures, as parts of it": {
                n: round(float(d.quantile(guard.NEAREST)) / edge, 3) for n, d in away[name].items()
            },
        }
    chosen = max(compared, key=lambda n: min(compared[n]["nearest foreign pictures, as parts of it"].values()))
    limit = guard.halfway(compared[chosen]["known within"], away[chosen])
    kept = candidates(seen.shape[1])[chosen]
    network.guard_means.copy_(guard.fit(seen, labels)[0])
    network.guard_precision.copy_(guard.without(guard.fit(seen[:, kept], labels)[1], kept))
    record = {"rule": RULE, "chosen": chosen, "limit": limit, "compared": compared}
    RECORD.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    return limit, record
