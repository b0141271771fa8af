"""The operator's door: `/ops/<service>`, which every service's api makes from its own database and the broker.

`/ops` itself is a page of the gateway that loads one of these for each service; no service asks another.
"""

from shared.ops.door import door
from shared.ops.panel import Cell, Panel
from shared.ops.verdict import Level, Problem

__all__ = ["Cell", "Level", "Panel", "Problem", "door"]
