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
    text = _text("public.txt")
    return f"\n{path}\t" in text or f"\n{path}." in text or has_lost_names(path)


def has_lost_names(path: str) -> bool:
    """Whether something is said by hand about names of this module, or of one below it."""
    text = _text("by_hand.txt")
    return f"\n{path}:" in text or f"\n{path}." in text


def names_of(module: str) -> dict[str, Public]:
    """The public names of a module in any generation; empty for one that never was."""
    line = _line("public.txt", f"{module}\t")
    pairs = (entry.partition("=") for entry in line.split()) if line else ()
    return {name: Public(mark[0], mark[1:]) for name, _, mark in pairs}


def moves_of(module: str, name: str) -> list[tuple[int, str, str]]:
    """What the name became: (generation, module, name), the newest first. The name is empty for a whole module."""
    found = []
    for generation in (3, 2):
        line = _line("moves.txt", f"{module}\t{generation}\t")
        entries = dict(entry.split("=", 1) for entry in line.split()) if line else {}
        if name in entries:
            target, _, new = entries[name].partition(":")
            found.append((generation, target, "" if new == "." else new or name))
    words = words_about(module, name)
    if words is not None and words.verdict == "is":
        target, _, new = words.text.partition(":")
        found.insert(0, (3, target, new or name))
    return found


def words_about(module: str, name: str) -> Words | None:
    """What is said by hand: of the name, else of its module, else of a package above it."""
    places = [f"{module}:{name}", module]
    parts = module.split(".")
    places += [".".join(parts[:end]) + ".*" for end in range(len(parts), 1, -1)]
    for place in places:
        line = _line("by_hand.txt", f"{place}\t")
        if line:
            verdict, _, text = line.partition("\t")
            return Words(place, verdict, text)
    return None


def all_modules() -> list[str]:
    """Every module of every generation."""
    return [line.partition("\t")[0] for line in _text("public.txt").split("\n") if line]


def lost_names() -> list[tuple[str, str]]:
    """The (module, name) pairs that by_hand.txt gives a successor."""
    lines = (line.split("\t") for line in _text("by_hand.txt").split("\n") if "\tis\t" in line)
    return [(place.partition(":")[0], place.partition(":")[2]) for place, *_ in lines]


def _line(file: str, start: str) -> str:
    text = _text(file)
    at = text.find(f"\n{start}")
    return text[at + 1 + len(start) : text.index("\n", at + 1)] if at >= 0 else ""


@cache
def _text(file: str) -> str:
    return "\n" + (_HERE / file).read_text(encoding="utf-8")
