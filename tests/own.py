"""What a hub of one's own is started with: nothing that other tests set for theirs, which they empty."""

import os


def environment(**more: str) -> dict[str, str]:
    """This process's environment without settings of a hub, and `more`; what is downloaded once stays where it is."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("HUB_") or name == "HUB_CACHE_DIR"}
    return kept | more
