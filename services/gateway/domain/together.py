"""Which bundles may be stored in one transaction as if each came alone: those that have nothing to tell each other."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from services.gateway.domain.draft import Draft, Key, identifiers_of
from services.gateway.domain.references import pointers

Name = tuple[str, str]
"""System and value of an identifier."""

_OWN: Final = frozenset({"id"})
"""What a sender may choose anew each time it sends the same resource."""


@dataclass(frozen=True)
class Names:
    """What a bundle shares with the world.

    Attributes:
        brought: each identifier that it brings, with the content that carries it; None where that content refers to
            other resources, since these may differ from bundle to bundle.
        wanted: the identifiers that it refers to besides.
    """

    brought: dict[Name, dict[str, Any] | None]
    wanted: set[Name]


@dataclass(frozen=True)
class _Group(Names):
    members: list[int] = field(default_factory=list)


def names_of(drafts: Sequence[Draft], own: Iterable[Name] = ()) -> Names:
    """The names of a bundle.

    Args:
        own: more that no other bundle of its group may have.
    """
    brought: dict[Name, dict[str, Any] | None] = dict.fromkeys(own)
    wanted: set[Name] = set()
    for draft in drafts:
        found = pointers([draft])
        wanted |= {key[1:] for pointer in found if (key := pointer.key)}
        content = None if found else {name: value for name, value in draft.resource.items() if name not in _OWN}
        for key in identifiers_of(draft.resource):
            brought[key[1:]] = None if key[1:] in brought else content
    return Names(brought, wanted - brought.keys())


def groups(bundles: Sequence[Names]) -> list[list[int]]:
    """Places of bundles that go together; a resource that two of them bring is the very same in both.

    A bundle that brings another version of a resource, or what another refers to, waits for a later group.
    """
    made: list[_Group] = []
    for place, names in enumerate(bundles):
        group = next((one for one in made if _fits(one, names)), None)
        if group is None:
            made.append(group := _Group({}, set()))
        group.members.append(place)
        group.brought.update(names.brought)
        group.wanted.update(names.wanted)
    return [group.members for group in made]


def leaders(bundles: Sequence[Sequence[Draft]]) -> list[list[Draft]]:
    """For each draft of a group the first that is the same, which may be itself; within a bundle none is the same."""
    first: dict[Key, Draft] = {}
    found: list[list[Draft]] = []
    for drafts in bundles:
        found.append([first.get(draft.keys[0], draft) if draft.keys else draft for draft in drafts])
        first |= {key: draft for draft in drafts for key in draft.keys if key not in first}
    return found


def _fits(group: Names, names: Names) -> bool:
    if not (group.wanted.isdisjoint(names.brought) and names.wanted.isdisjoint(group.brought)):
        return False
    both = names.brought.keys() & group.brought.keys()
    return all(names.brought[name] and names.brought[name] == group.brought[name] for name in both)
