"""Looking names up in the data files. A file is read once, when the first old path is used, and searched as text."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import NamedTuple

_HERE = Path(__file__).parent


class Public(NamedTuple):
    """A name some generation offers. `kind`: c(lass), f(unction), v(alue), m(odule); `generations`: "13"."""

    kind: str
    generations: str


class Words(NamedTuple):
    """What is said about a name by hand. `verdict`: use, gone, write or is; see `by_hand.txt`."""

    place: str
    verdict: str
    text: str


def is_module(path: str) -> bool:
    """Whether some generation has this module, or one below it."""
    return path in _lines("public.txt") or f"\n{path}." in _text("public.txt") or has_lost_names(path)


def has_lost_names(path: str) -> bool:
    """Whether something is said by hand about names of this module, or of one below it."""
    text = _text("by_hand.txt")
    return f"\n{path}:" in text or f"\n{path}." in text


def names_of(module: str) -> dict[str, Public]:
    """The public names of a module in any generation; empty for one that never was."""
    pairs = (entry.partition("=") for entry in _lines("public.txt").get(module, "").split())
    return {name: Public(mark[0], mark[1:]) for name, _, mark in pairs}


def moves_of(module: str, name: str) -> list[tuple[int, str, str]]:
    """What the name became: (generation, module, name), the newest first. The name is empty for a whole module.

    What is said by hand holds for every generation (0) and comes first.
    """
    found = []
    words = words_about(module, name)
    if words is not None and words.verdict == "is":
        target, _, new = words.text.partition(":")
        found.append((0, target, new or name))
    for generation in (3, 2):
        line = _lines("moves.txt").get(f"{module} {generation}", "")
        entries = dict(entry.split("=", 1) for entry in line.split())
        if name in entries:
            target, _, new = entries[name].partition(":")
            found.append((generation, target, "" if new == "." else new or name))
    return found


def words_about(module: str, name: str) -> Words | None:
    """What is said by hand: of the name, else of its module, else of a package above it."""
    places = [f"{module}:{name}", module]
    parts = module.split(".")
    places += [".".join(parts[:end]) + ".*" for end in range(len(parts), 1, -1)]
    lines = _lines("by_hand.txt")
    for place in places:
        if place in lines:
            verdict, _, text = lines[place].partition("\t")
            return Words(place, verdict, text)
    return None


@cache
def _lines(file: str) -> dict[str, str]:
    """The lines of a file by what stands before their first tab."""
    pairs = (line.partition("\t") for line in _text(file).split("\n"))
    return {place: rest for place, _, rest in pairs if place}


@cache
def _text(file: str) -> str:
    return "\n" + (_HERE / file).read_text(encoding="utf-8")
