"""`.airflowignore`: which files of a snapshot are no DAG files. Regular expressions in 1.10 and 2.x, globs in 3.x.

A pattern that cannot be read is left out and reported; it never hides the other files.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

NAME = ".airflowignore"


@dataclass(frozen=True, slots=True)
class Rule:
    """One line. A glob counts from the directory of its file (`base`), a regular expression from the top."""

    pattern: re.Pattern[str]
    base: str = ""
    is_negated: bool = False
    directories_only: bool = False


def read_rules(texts: Mapping[str, str], syntax: str) -> tuple[list[Rule], list[str]]:
    """The rules in these files (path -> text), shallowest first, and what could not be read."""
    rules: list[Rule] = []
    problems: list[str] = []
    for path in sorted(texts, key=lambda path: (path.count("/"), path)):
        base = path.removesuffix(NAME).rstrip("/")
        for line in texts[path].splitlines():
            try:
                rule = _read_glob(line, base) if syntax == "glob" else _read_regexp(line, base)
            except re.error as error:
                problems.append(f"cannot use line {line!r} of {path}: {error}")
                continue
            if rule is not None:
                rules.append(rule)
    return rules, problems


def is_ignored(path: str, rules: list[Rule], syntax: str) -> bool:
    """Whether a rule hides the file or a directory above it. The last glob that matches decides."""
    if not rules:
        return False
    parents = [str(parent) for parent in reversed(PurePosixPath(path).parents) if str(parent) != "."]
    return any(_is_hidden(part, part != path, rules, syntax) for part in [*parents, path])


def _is_hidden(path: str, is_directory: bool, rules: list[Rule], syntax: str) -> bool:
    if syntax != "glob":
        return any(_within(path, rule.base) is not None and rule.pattern.search(path) for rule in rules)
    hidden = False
    for rule in rules:
        inner = _within(path, rule.base)
        if inner is not None and (is_directory or not rule.directories_only) and rule.pattern.match(inner):
            hidden = not rule.is_negated
    return hidden


def _within(path: str, base: str) -> str | None:
    """`path` from `base` on; None when it is elsewhere."""
    if not base:
        return path
    return path.removeprefix(base + "/") if path.startswith(base + "/") else None


def _read_regexp(line: str, base: str) -> Rule | None:
    text = re.sub(r"\s*#.*", "", line).strip()
    return Rule(re.compile(text), base) if text else None


def _read_glob(line: str, base: str) -> Rule | None:
    """A line in the language of gitignore."""
    text = line.rstrip()
    if not text or text.startswith("#"):
        return None
    negated = text.startswith("!")
    text = text[1:] if negated else text.removeprefix("\\")
    only_directories, text = text.endswith("/"), text.rstrip("/")
    anchored, text = "/" in text, text.lstrip("/")
    if not text:
        return None
    head = "" if anchored else "(?:.*/)?"
    return Rule(re.compile(f"{head}{_translate(text)}\\Z"), base, negated, only_directories)


def _translate(glob: str) -> str:
    """A glob as a regular expression: ** spans directories, * and ? do not."""
    found, rest = "", glob
    while rest:
        if rest.startswith("**/"):
            found, rest = found + "(?:.*/)?", rest[3:]
        elif rest.startswith("**"):
            found, rest = found + ".*", rest[2:]
        elif rest[0] in "*?":
            found, rest = found + ("[^/]*" if rest[0] == "*" else "[^/]"), rest[1:]
        elif (close := rest.find("]", 2)) > 0 and rest[0] == "[":
            inner = rest[1:close].replace("\\", "\\\\")
            found, rest = found + "[" + re.sub("^!", "^", inner) + "]", rest[close + 1 :]
        else:
            found, rest = found + re.escape(rest[0]), rest[1:]
    return found
