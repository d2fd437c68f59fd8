"""Values that users pass about come back as they were; nothing a text names is ever imported."""

from __future__ import annotations

import datetime as dt
import decimal
import enum
import uuid
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from airflow._wire import encoding
from hypothesis import given
from hypothesis import strategies as st

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False),
    st.text(),
    st.binary(),
    st.dates(),
    st.datetimes(timezones=st.just(dt.UTC)),
    st.timedeltas(max_value=dt.timedelta(days=1000), min_value=dt.timedelta(days=-1000)),
    st.uuids(),
    st.decimals(allow_nan=False),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.tuples(inner, inner),
        st.dictionaries(st.one_of(st.text(), st.integers()), inner, max_size=4),
    ),
    max_leaves=12,
)


@given(VALUES)
def test_loads_returns_what_dumps_was_given(value: Any) -> None:
    back = encoding.loads(encoding.dumps(value))
    assert back == value
    assert type(back) is type(value)


def test_a_datetime_keeps_its_zone_over_a_clock_change() -> None:
    before = dt.datetime(2026, 3, 28, 12, tzinfo=ZoneInfo("Europe/Berlin"))
    back = encoding.loads(encoding.dumps(before))
    assert (back + dt.timedelta(days=1)).utcoffset() == dt.timedelta(hours=2)


def test_a_dictionary_that_looks_like_a_tag_is_not_mistaken_for_one() -> None:
    tricky = {"__type": "datetime", "__var": ["2026-01-01", None]}
    assert encoding.loads(encoding.dumps(tricky)) == tricky


def test_an_unknown_tag_stays_plain_data() -> None:
    assert encoding.from_plain({"__type": "os.system", "__var": "true"}) == {
        "__type": "os.system",
        "__var": "true",
    }


class Colour(str, enum.Enum):
    RED = "red"


def test_a_string_enum_is_written_as_its_value() -> None:
    assert encoding.to_plain(Colour.RED) == "red"


@pytest.mark.parametrize("value", [float("inf"), float("-inf")])
def test_infinities_survive(value: float) -> None:
    assert encoding.loads(encoding.dumps(value)) == value


def test_what_has_no_json_form_is_refused_by_name_and_place() -> None:
    with pytest.raises(encoding.NotEncodable, match=r"value\.a\[1\].*object"):
        encoding.to_plain({"a": [1, object()]})


def test_equal_values_have_equal_text() -> None:
    one = uuid.UUID(int=7)
    assert encoding.dumps({"s": {3, 1, 2}, "u": one, "d": decimal.Decimal("1.50")}) == encoding.dumps(
        {"s": {2, 3, 1}, "u": one, "d": decimal.Decimal("1.50")}
    )
