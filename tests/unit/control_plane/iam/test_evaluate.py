"""Properties that hold for all policies, and the corners the table of expected values does not reach."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from control_plane.iam.evaluate import (
    Decision,
    Layer,
    Outcome,
    Policies,
    Question,
    Source,
    evaluate,
    make_context,
)
from control_plane.iam.grammar import parse, read
from control_plane.iam.policy import Kind, MalformedPolicy, Policy
from control_plane.iam.principals import Identity
from tests.vectors import iam_policies

ME = "arn:aws:iam::123456789012:user/alice"
ARN = "arn:aws:airflow:us-east-1:123456789012:environment/"

actions = st.sampled_from(["airflow:Get", "airflow:Put", "iam:Get", "airflow:*", "*", "airflow:?et"])
resources = st.sampled_from(
    [f"{ARN}a", f"{ARN}b", f"{ARN}*", "*", "arn:aws:airflow:*", f"{ARN}${{aws:username}}"]
)
conditions = st.sampled_from(
    [
        {},
        {"StringEquals": {"aws:username": "a"}},
        {"StringNotLike": {"aws:username": "b*"}},
        {"Null": {"aws:username": "true"}},
        {"ForAllValues:StringLike": {"aws:TagKeys": ["t*"]}},
    ]
)


@st.composite
def statements(draw: st.DrawFn, effect: str | None = None) -> dict[str, Any]:
    return {
        "Effect": effect or draw(st.sampled_from(["Allow", "Deny"])),
        draw(st.sampled_from(["Action", "NotAction"])): draw(actions),
        draw(st.sampled_from(["Resource", "NotResource"])): draw(resources),
        "Condition": draw(conditions),
    }


questions = st.builds(
    lambda action, name, context: Question(action, f"{ARN}{name}", Identity(ME, ME), make_context(context)),
    st.sampled_from(["airflow:Get", "airflow:Put", "iam:Get"]),
    st.sampled_from(["a", "b", "*"]),
    st.sampled_from([{}, {"aws:username": "a"}, {"AWS:UserName": "*", "aws:TagKeys": ["t", "x"]}]),
)


def a_policy(*given_statements: dict[str, Any]) -> Policy:
    return read({"Version": "2012-10-17", "Statement": list(given_statements)})


def sources(given_statements: list[dict[str, Any]]) -> tuple[Source, ...]:
    return tuple(Source(str(number), a_policy(one)) for number, one in enumerate(given_statements))


def ask(question: Question, given_statements: list[dict[str, Any]], **more: Any) -> Decision:
    return evaluate(question, Policies(identity=sources(given_statements), **more))


@given(questions, st.lists(statements(), max_size=4))
def test_deny_that_applies_always_wins(question: Question, others: list[dict[str, Any]]) -> None:
    deny = {"Effect": "Deny", "Action": question.action, "Resource": "*"}
    assert ask(question, [*others, deny]).outcome is Outcome.EXPLICIT_DENY


@given(questions, st.lists(statements(), max_size=4), statements(effect="Allow"))
def test_another_allow_never_takes_away(
    question: Question, others: list[dict[str, Any]], allow: dict[str, Any]
) -> None:
    if ask(question, others).allowed:
        assert ask(question, [*others, allow]).allowed


@given(questions, st.lists(statements(), max_size=4), statements(effect="Deny"))
def test_another_deny_never_gives(
    question: Question, others: list[dict[str, Any]], deny: dict[str, Any]
) -> None:
    if ask(question, [*others, deny]).allowed:
        assert ask(question, others).allowed


@given(questions, st.lists(statements(), max_size=3), st.lists(statements(), max_size=2))
def test_a_limit_never_gives(
    question: Question, own: list[dict[str, Any]], limit: list[dict[str, Any]]
) -> None:
    for layer in ("boundary", "session"):
        if ask(question, own, **{layer: sources(limit)}).allowed:
            assert ask(question, own).allowed
            assert ask(question, limit).allowed


@given(questions, st.permutations([0, 1, 2]), st.lists(statements(), min_size=3, max_size=3))
def test_order_does_not_matter(
    question: Question, order: list[int], given_statements: list[dict[str, Any]]
) -> None:
    shuffled = [given_statements[at] for at in order]
    assert ask(question, shuffled).outcome is ask(question, given_statements).outcome


@given(st.text(alphabet="a*?:/", max_size=12), st.text(alphabet="a*?:/", max_size=12))
def test_an_action_matches_as_a_slow_matcher_says(pattern: str, value: str) -> None:
    from control_plane.iam.patterns import matches

    def slow(left: str, right: str) -> bool:
        if not left:
            return not right
        if left[0] == "*":
            return any(slow(left[1:], right[at:]) for at in range(len(right) + 1))
        return bool(right) and left[0] in ("?", right[0]) and slow(left[1:], right[1:])

    assert matches(pattern, value, {}, False) is slow(pattern, value)


def test_a_hostile_pattern_costs_little() -> None:
    from control_plane.iam.patterns import matches

    assert not matches("*a" * 1000 + "b", "a" * 2000, {}, True)


def test_table_of_expected_values_holds() -> None:
    path = Path(iam_policies.__file__).parent / "data" / "iam_policies.json"
    report = iam_policies.run(json.loads(path.read_text()))
    assert report.failed == ()
    assert report.passed >= 87


@pytest.mark.parametrize(
    ("condition", "context", "holds"),
    [
        ({"StringEqualsIfExists": {"aws:username": "a"}}, {}, True),
        ({"StringEqualsIfExists": {"aws:username": "a"}}, {"aws:username": "b"}, False),
        ({"StringNotEquals": {"aws:username": ["a", "b"]}}, {"aws:username": "b"}, False),
        ({"ForAllValues:StringEquals": {"aws:TagKeys": "a"}}, {}, True),
        ({"ForAllValues:StringEquals": {"aws:TagKeys": "a"}}, {"aws:TagKeys": ["a", "b"]}, False),
        ({"ForAnyValue:StringNotEquals": {"aws:TagKeys": "a"}}, {"aws:TagKeys": ["a", "b"]}, True),
        ({"ForAllValues:StringNotEquals": {"aws:TagKeys": "a"}}, {"aws:TagKeys": ["a", "b"]}, False),
        ({"ForAllValues:StringLike": {"aws:TagKeys": ["te*", "a"]}}, {"aws:TagKeys": ["team", "A"]}, False),
        ({"ForAnyValue:StringNotEquals": {"aws:TagKeys": "a"}}, {}, False),
        ({"ForAnyValue:StringEqualsIgnoreCase": {"aws:TagKeys": "A"}}, {"aws:TagKeys": ["b", "a"]}, True),
        ({"StringEquals": {"aws:TagKeys": "a"}}, {"aws:TagKeys": ["a", "b"]}, False),
        ({"StringNotEquals": {"aws:TagKeys": "a"}}, {"aws:TagKeys": ["c", "b"]}, False),
        ({"Null": {"aws:TagKeys": "false"}}, {"aws:TagKeys": []}, False),
        ({"Null": {"aws:username": ["true", "false"]}}, {}, True),
        ({"Bool": {"aws:SecureTransport": [True, "false"]}}, {"aws:SecureTransport": False}, True),
        ({"BoolIfExists": {"aws:MultiFactorAuthPresent": "true"}}, {}, True),
        ({"NumericLessThan": {"x:n": ["1", "-5.5"]}}, {"x:n": "-6"}, True),
        ({"NumericGreaterThanEqualsIfExists": {"x:n": "10"}}, {"x:n": "9.99"}, False),
        ({"DateLessThan": {"aws:CurrentTime": "2026-06"}}, {"aws:CurrentTime": "2026-05-31T23:59:59Z"}, True),
        ({"DateNotEquals": {"aws:CurrentTime": "2026-06-01"}}, {}, True),
        ({"IpAddress": {"aws:SourceIp": "203.0.113.77/24"}}, {"aws:SourceIp": "203.0.113.9"}, True),
        ({"IpAddress": {"aws:SourceIp": "2001:DB8::/32"}}, {"aws:SourceIp": "2001:db9::1"}, False),
        (
            {"ArnLike": {"aws:SourceArn": "arn:aws:sns:*:1:t*"}},
            {"aws:SourceArn": "arn:aws:sns:x:1:t:s"},
            True,
        ),
        (
            {"ArnLike": {"aws:SourceArn": "arn:aws:sns:x:1:t"}},
            {"aws:SourceArn": "arn:aws:sns:x:1:t:s"},
            False,
        ),
        ({"ArnNotEquals": {"aws:SourceArn": "arn:aws:sns:x:1:t"}}, {}, True),
        ({"StringNotEquals": {"aws:username": "${aws:PrincipalTag/t}"}}, {"aws:username": "a"}, True),
        ({"StringLike": {"aws:username": "${aws:PrincipalTag/t}*"}}, {"aws:username": "a"}, False),
        ({"StringEquals": {"aws:username": "${AWS:USERNAME}"}}, {"aws:username": "a"}, True),
        ({"StringLike": {"aws:username": "a?c*"}}, {"aws:username": "abc"}, True),
        ({"StringLike": {"aws:username": "A*"}}, {"aws:username": "abc"}, False),
        ({"Null": {"aws:username": True}}, {}, True),
        ({"NumericLessThanEquals": {"x:n": 5}}, {"x:n": "5.0"}, True),
        ({"NumericNotEquals": {"x:n": 5}}, {"x:n": "word"}, True),
        ({"DateGreaterThan": {"aws:CurrentTime": "2026"}}, {"aws:CurrentTime": "2026-01-01T00:00:01Z"}, True),
        (
            {"DateEquals": {"aws:CurrentTime": "2026-01-01T02:00:00+02:00"}},
            {"aws:CurrentTime": "2026-01-01T00:00:00Z"},
            True,
        ),
        ({"DateLessThan": {"aws:EpochTime": "1767225601"}}, {"aws:EpochTime": "1767225600"}, True),
        ({"BinaryEquals": {"x:k": "AQI="}}, {"x:k": "AQI="}, True),
        ({"NotIpAddress": {"aws:SourceIp": ["10.0.0.0/8", "::1/128"]}}, {"aws:SourceIp": "10.1.2.3"}, False),
        ({"IpAddress": {"aws:SourceIp": "0.0.0.0/0"}}, {"aws:SourceIp": "::1"}, False),
        ({"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:user/a"}}, {"aws:PrincipalArn": ME}, False),
        ({"StringEquals": {"aws:username": "${*}"}}, {"aws:username": "*"}, True),
        ({"StringLike": {"aws:username": "${aws:PrincipalTag/t, 'a*'}"}}, {"aws:username": "ab"}, False),
        ({"StringLike": {"aws:username": "${aws:PrincipalTag/t, 'a*'}"}}, {"aws:username": "a*"}, True),
        ({"StringEquals": {"aws:username": "${aws:PrincipalTag/t}"}}, {"aws:username": ""}, False),
    ],
)
def test_condition_is_as_documented(condition: Any, context: Any, holds: bool) -> None:
    question = Question("a:b", "*", Identity(ME, ME), make_context(context))
    allow = {"Effect": "Allow", "Action": "a:b", "Resource": "*", "Condition": condition}
    assert ask(question, [allow]).allowed is holds


def test_a_deny_without_a_set_word_is_not_escaped_with_another_value() -> None:
    deny = {
        "Effect": "Deny",
        "Action": "*",
        "Resource": "*",
        "Condition": {"StringLike": {"aws:TagKeys": "own*"}},
    }
    context = make_context({"aws:TagKeys": ["team", "owner"]})
    assert ask(Question("a:b", "*", Identity(ME, ME), context), [deny]).outcome is Outcome.EXPLICIT_DENY


@pytest.mark.parametrize(
    ("principal", "allowed"),
    [
        ("*", True),
        ({"AWS": ME}, True),
        ({"AWS": "arn:aws:iam::123456789012:root"}, False),
        ({"AWS": ["arn:aws:iam::123456789012:user/bob"]}, False),
        ({"Service": "airflow.amazonaws.com"}, False),
    ],
)
def test_resource_policy_gives_to_whom_it_names(principal: Any, allowed: bool) -> None:
    trust = read(
        {"Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": principal}]}, Kind.TRUST
    )
    question = Question("sts:AssumeRole", "arn:aws:iam::123456789012:role/r", Identity(ME, ME))
    assert ask(question, [], resource=(Source("trust", trust),)).allowed is allowed


def test_decision_says_which_layer_is_missing_and_what_denied() -> None:
    question = Question("a:b", "*", Identity(ME, ME))
    allow = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    deny = {"Sid": "No", "Effect": "Deny", "Action": "a:*", "Resource": "*"}
    assert ask(question, []).explain("a:b") == "because no identity-based policy allows the a:b action"
    assert ask(question, [allow], boundary=()).missing is Layer.BOUNDARY
    assert ask(question, [allow], session=()).explain("a:b") == (
        "because no session policy allows the a:b action"
    )
    denied = ask(question, [allow, deny])
    assert denied.explain("a:b") == "with an explicit deny in an identity-based policy"
    assert str(denied.matches[0]) == "identity-based policy 1, statement 1 (No)"


OK = {"Effect": "Allow", "Action": "a:b", "Resource": "*"}


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ({**OK, "Effect": "allow"}, "Syntax errors in policy."),
        ({**OK, "Extra": 1}, "Syntax errors in policy."),
        ({**OK, "NotResource": "*"}, "Syntax errors in policy."),
        ({**OK, "Action": 5}, "Syntax errors in policy."),
        (
            {**OK, "Action": "get"},
            "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.",
        ),
        ({**OK, "Action": []}, "Policy statement must contain actions."),
        ({"Effect": "Allow", "Action": "a:b"}, "Policy statement must contain resources."),
        ({"Effect": "Allow", "Resource": "*"}, "Policy statement must contain actions."),
        ({**OK, "Resource": "bucket"}, 'Resource bucket must be in ARN format or "*".'),
        ({**OK, "Principal": "*"}, "Policy document should not specify a principal."),
        ({**OK, "Condition": {"StringIs": {"a:b": "c"}}}, "Invalid Condition type : StringIs."),
        ({**OK, "Condition": {"NullIfExists": {"a:b": "true"}}}, "Invalid Condition type : NullIfExists."),
        ({**OK, "Condition": {"StringLike": {"a:b": {"c": 1}}}}, "Syntax errors in policy."),
    ],
)
def test_document_is_refused_with_awss_sentence(statement: Any, message: str) -> None:
    with pytest.raises(MalformedPolicy) as caught:
        a_policy(statement)
    assert str(caught.value) == message


@pytest.mark.parametrize("text", ["", "{", "[]", '"x"', '{"Statement": [], "Statement": []}', "[" * 5000])
def test_text_that_is_no_document_is_a_syntax_error(text: str) -> None:
    with pytest.raises(MalformedPolicy, match="Syntax errors in policy"):
        parse(text)
