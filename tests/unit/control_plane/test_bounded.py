from control_plane.bounded import Bounded


def test_of_too_many_the_one_used_longest_ago_goes() -> None:
    kept: Bounded[str, int] = Bounded(2)
    kept.put("a", 1)
    kept.put("b", 2)
    assert kept.find("a") == 1
    kept.put("c", 3)
    assert [kept.find(key) for key in "abc"] == [1, None, 3]


def test_an_entry_put_again_takes_no_room_from_others() -> None:
    kept: Bounded[str, int] = Bounded(2)
    for key, value in (("a", 1), ("b", 2), ("b", 3)):
        kept.put(key, value)
    assert [kept.find(key) for key in "ab"] == [1, 3]
    kept.drop("a")
    kept.drop("a")
    assert kept.find("a") is None
