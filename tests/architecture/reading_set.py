"""Print the reading set of each door: the first-party modules that a reader of it may have to open."""

import sys
from pathlib import Path

import grimp

ABOUT = 25
"""What a person can hold; above it the door is marked."""
DOORS = ("api", "pages", "tasks")


def main() -> int:
    """Print one line a door, the largest first."""
    sys.path.insert(0, str(Path(__file__).parents[2]))
    graph = grimp.build_graph("services", "shared")
    doors = [
        module
        for module in graph.modules
        if module.startswith("services.")
        and module.split(".")[2:3]
        and module.split(".")[2] in DOORS
        and module.count(".") == 2
    ]
    sizes = {door: len(graph.find_upstream_modules(door)) for door in doors}
    for door, size in sorted(sizes.items(), key=lambda item: (-item[1], item[0])):
        sys.stdout.write(f"{size:4d} {'more than ' + str(ABOUT) if size > ABOUT else '':13s} {door}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
