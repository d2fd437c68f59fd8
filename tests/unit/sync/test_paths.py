"""No key leaves the snapshot; what is refused is named; the rest is kept as it is."""

from __future__ import annotations

import os
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sync.paths import find_fault, plan_paths

REFUSED = {
    "../up.py": "'..'",
    "a/../../etc/passwd": "'..'",
    "a/..": "'..'",
    "./a.py": "'.'",
    "a/./b.py": "'.'",
    "/etc/passwd": "begins with '/'",
    "//host/share": "begins with '/'",
    "a//b.py": "empty part",
    "back\\slash.py": "backslash",
    "..\\up.py": "backslash",
    "nul\0.py": "control",
    "line\nfeed.py": "control",
    "escape\x1b[31m.py": "control",
    "del\x7f.py": "control",
    "c1\x9b.py": "control",
    "x" * 256: "255 bytes",
    "한" * 86: "255 bytes",
    "x" * 1024: "255 bytes",
    "d/" * 512 + "xx": "1024 bytes",
    "lone\ud800.py": "Unicode",
    "replaced\ufffd.py": "Unicode",
}
ACCEPTED = [
    "dag.py",
    "a/b/c/d.py",
    "...",
    "..a/a../..b..",
    ".airflowignore",
    "sp ace/t+%2e%2e%2f.py",
    "\uff0e\uff0e/full-width.py",
    "\u2024\u2024/leaders.py",
    "한글.py",
    unicodedata.normalize("NFC", "é.py"),
    unicodedata.normalize("NFD", "é.py"),
    "con",
    "~/home.py",
    "$(touch x).py",
    "-rf",
    "x" * 255,
    "d/" * 511 + "x",
]


@pytest.mark.parametrize("path", REFUSED)
def test_a_hostile_key_is_refused_with_its_reason(path: str) -> None:
    paths = plan_paths([f"dags/{path}", "dags/good.py"], "dags/")
    assert list(paths.accepted) == ["good.py"]
    ((key, reason),) = paths.refused
    assert key == f"dags/{path}"
    assert REFUSED[path] in reason


@pytest.mark.parametrize("path", ACCEPTED)
def test_an_ordinary_key_is_kept_as_it_is(path: str) -> None:
    assert plan_paths([f"p/{path}"], "p/").accepted == {path: f"p/{path}"}


def test_directory_markers_make_no_file_and_no_noise() -> None:
    paths = plan_paths(["p/", "p/a/", "p/a/b.py", "p/../", "p//"], "p/")
    assert paths.accepted == {"a/b.py": "p/a/b.py"}
    assert paths.refused == ()


def test_a_file_in_the_place_of_a_folder_gives_way() -> None:
    paths = plan_paths(["a", "a/b", "a/b/c", "a/d", "ab"])
    assert sorted(paths.accepted) == ["a/b/c", "a/d", "ab"]
    assert [key for key, _ in paths.refused] == ["a", "a/b"]


def test_case_twins_and_both_unicode_forms_are_different_files() -> None:
    twins = ["A.py", "a.py", "\u00e9.py", "e\u0301.py"]
    assert sorted(plan_paths(twins).accepted) == sorted(twins)


pieces = st.sampled_from(["..", ".", "/", "//", "a", "\\", "\0", "\n", "é", "~", " ", "x" * 300, "\ud800"])
hostile = st.one_of(st.text(max_size=40), st.lists(pieces, max_size=12).map("".join))


@given(st.lists(hostile, max_size=8))
@example(["a/../b", "a/.", "a"])
def test_no_accepted_key_leaves_the_root_or_meets_another(keys: list[str]) -> None:
    root = "/srv/root"
    accepted = plan_paths(keys).accepted
    for path in accepted:
        whole = os.path.normpath(os.path.join(root, path))
        assert whole == f"{root}/{path}", "the path is not its own normal form"
        assert len(os.fsencode(path)) <= 1024
        assert not any(other.startswith(f"{path}/") for other in accepted)
    judged = set(accepted.values()) | {key for key, _ in plan_paths(keys).refused}
    assert {key for key in keys if key and not key.endswith("/")} == judged


@given(st.text(alphabet=st.characters(categories=("L", "N")), min_size=1, max_size=30))
def test_letters_and_digits_of_any_script_are_always_welcome(name: str) -> None:
    assert find_fault(f"dags/{name}.py") is None
