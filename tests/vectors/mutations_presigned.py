"""Ways to get a presigned request or a clock wrong: ids on the left, how it is built on the right."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from tests.vectors.forge import AT, OTHER_TOKEN, WITH_TOKEN, Draft, add_header, edit_target, set_header
from tests.vectors.mutation import Clock, Mutation

D = Draft()


def after(seconds: float) -> Clock:
    """The server's clock is ahead by so much (behind, when negative)."""
    return lambda _window: AT + seconds


def around(correction: float, side: int) -> Clock:
    """The server's clock is away by the window and a correction."""
    return lambda window: AT + side * (window + correction)


CLOCKS: Mapping[str, Mutation] = {
    "skew_none skew_zero": Mutation(),
    "skew_past_inside": Mutation(clock=around(-1, 1)),
    "skew_future_inside": Mutation(clock=around(-1, -1)),
    "skew_past_edge skew_past_exact skew_past_at_window skew_exactly_window skew_at_window": Mutation(
        clock=around(0, 1)
    ),
    "skew_future_edge skew_future_exact skew_future_at_window": Mutation(clock=around(0, -1)),
    "skew_past_outside skew_past_over": Mutation(clock=around(1, 1)),
    "skew_future_outside skew_future_over": Mutation(clock=around(1, -1)),
    "skew_past_901s": Mutation(clock=after(901)),
    "skew_future_901s": Mutation(clock=after(-901)),
    "skew_past_day skew_past_1d skew_one_day date_yesterday replay_next_day": Mutation(clock=after(86400)),
    "skew_future_day skew_future_1d date_tomorrow": Mutation(clock=after(-86400)),
    "skew_past_year skew_past_1y": Mutation(clock=after(365 * 86400)),
}


def presigned(draft: Draft = D, old: bytes = b"", new: bytes = b"", clock: Clock | None = None) -> Mutation:
    """A presigned request whose target is changed afterwards."""
    edit = edit_target(old, new) if old else edit_target(b"\0", b"")
    return Mutation(draft, edit, presigned=True, clock=clock or after(0))


PRESIGNED: Mapping[str, Mutation] = {
    "presign_valid presign_unmodified presign_baseline": presigned(),
    "presign_before_expiry presign_inside presign_just_before_expiry": presigned(clock=after(299)),
    "presign_at_expiry": presigned(clock=after(300)),
    "presign_after_expiry presign_expired": presigned(clock=after(301)),
    "presign_not_yet_valid presign_before_date presign_from_future presign_future_date": presigned(
        clock=after(-901)
    ),
    "presign_expires_zero expires_zero presign_expires_0": presigned(replace(D, expires="0")),
    "presign_expires_negative expires_negative presign_expires_minus_1": presigned(replace(D, expires="-1")),
    "presign_expires_too_long presign_expires_over_week expires_too_long "
    "presign_expires_604801 expires_604801 presign_expires_over_7_days "
    "presign_expires_over_7d presign_over_a_week presign_expires_above_max": presigned(
        replace(D, expires="604801")
    ),
    "presign_expires_max presign_expires_604800 expires_604800": presigned(replace(D, expires="604800")),
    "presign_expires_not_a_number presign_expires_non_numeric expires_not_a_number "
    "presign_expires_nan presign_expires_text": presigned(replace(D, expires="soon")),
    "presign_expires_empty": presigned(replace(D, expires="")),
    "presign_expires_fraction presign_expires_float": presigned(replace(D, expires="1.5")),
    "presign_expires_missing": presigned(D, b"&X-Amz-Expires=300"),
    "presign_expires_changed presign_expires_extended presign_expires_raised": presigned(
        D, b"Expires=300", b"Expires=3600"
    ),
    "presign_duplicate_expires duplicate_expires": presigned(
        D, b"X-Amz-Expires=300", b"X-Amz-Expires=300&X-Amz-Expires=604800"
    ),
    "presign_duplicate_signature": presigned(
        D, b"&X-Amz-Signature=", b"&X-Amz-Signature=00&X-Amz-Signature="
    ),
    "presign_duplicate_date duplicate_x_amz_param duplicate_x_amz_parameter "
    "presign_duplicate_parameter presign_duplicate_x_amz": presigned(
        D, b"X-Amz-Date=20260308T073000Z", b"X-Amz-Date=20260308T073000Z&X-Amz-Date=20260308T073000Z"
    ),
    "presign_duplicate_credential": presigned(
        D, b"?X-Amz-Alg", b"?X-Amz-Credential=a%2Fb%2Fc%2Fd%2Fe&X-Amz-Alg"
    ),
    "presign_date_changed presign_date_moved": presigned(
        D, b"Date=20260308T073000Z", b"Date=20260308T073001Z"
    ),
    "presign_scope_changed presign_region_changed": presigned(D, b"%2Fus-east-1%2F", b"%2Feu-west-1%2F"),
    "presign_date_beyond_scope presign_scope_date_changed": presigned(
        D, b"%2F20260308%2F", b"%2F20260309%2F"
    ),
    "presign_signed_headers_changed presign_signed_headers_extended": presigned(
        D, b"SignedHeaders=host", b"SignedHeaders=host%3Bx-amz-date"
    ),
    "presign_credential_not_encoded presign_slashes_decoded": presigned(D, b"%2F", b"/"),
    "presign_parameter_case_changed presign_lowercase_parameters": presigned(D, b"X-Amz-Date", b"x-amz-date"),
    "presign_pair_added presign_query_pair_added presign_param_added "
    "presign_extra_parameter presign_query_added": presigned(D, b"&X-Amz-Signature", b"&x=1&X-Amz-Signature"),
    "presign_pair_after_signature": Mutation(
        D, lambda request: replace(request, target=request.target + b"&x=1"), presigned=True
    ),
    "presign_signature_missing": presigned(D, b"X-Amz-Signature=", b"X-Other="),
    "presign_signature_empty": Mutation(
        D, lambda request: replace(request, target=request.target[:-64]), presigned=True
    ),
    "presign_signature_changed": Mutation(
        D,
        lambda request: replace(
            request, target=request.target[:-1] + (b"1" if request.target[-1:] == b"0" else b"0")
        ),
        presigned=True,
    ),
    "presign_algorithm_missing": presigned(D, b"X-Amz-Algorithm=AWS4-HMAC-SHA256&"),
    "presign_wrong_algorithm presign_algorithm_changed": presigned(replace(D, algorithm="AWS4-HMAC-SHA1")),
    "presign_credential_missing": presigned(D, b"X-Amz-Credential=", b"X-Other="),
    "presign_date_missing": presigned(D, b"X-Amz-Date=", b"X-Other="),
    "presign_malformed_date": presigned(replace(D, date="2026-03-08T07:30:00Z")),
    "presign_signed_headers_missing": presigned(D, b"X-Amz-SignedHeaders=", b"X-Other="),
    "presign_host_not_signed": presigned(
        replace(D, headers=(*D.headers, ("x-custom", b"1")), signed=("x-custom",))
    ),
    "presign_host_changed presign_wrong_host": Mutation(
        D, set_header("host", b"evil.example.org"), presigned=True
    ),
    "presign_method_changed presign_other_method": Mutation(
        D, lambda request: replace(request, method="DELETE"), presigned=True
    ),
    "presign_of_delete presign_post presign_put presign_mutating presign_for_write": presigned(
        replace(D, method="DELETE")
    ),
    "presign_path_changed": presigned(D, b"MyEnv", b"Other"),
    "presign_query_reordered presign_query_order_changed presign_reordered": presigned(
        D, b"X-Amz-Date=20260308T073000Z&X-Amz-Expires=300", b"X-Amz-Expires=300&X-Amz-Date=20260308T073000Z"
    ),
    "presign_wrong_region": presigned(replace(D, scope=replace(D.scope, region="eu-west-1"))),
    "presign_wrong_service": presigned(replace(D, scope=replace(D.scope, service="s3"))),
    "presign_scope_date_mismatch": presigned(replace(D, scope=replace(D.scope, date="20260307"))),
    "presign_unknown_key presign_unknown_access_key": presigned(replace(D, access_key="AKIDUNKNOWN")),
    "presign_wrong_secret": presigned(replace(D, secret="other")),
    "presign_with_token presign_token_valid": presigned(WITH_TOKEN),
    "presign_token_missing": presigned(replace(WITH_TOKEN, token=None)),
    "presign_token_of_another_key presign_wrong_token": presigned(replace(WITH_TOKEN, token=OTHER_TOKEN)),
    "presign_lowercase_hex presign_lower_case_hex presign_hex_case": presigned(D, b"%2F", b"%2f"),
    "presign_x_amz_header_unsigned": Mutation(D, add_header("x-amz-target", b"x"), presigned=True),
    "presign_body_added presign_with_body": Mutation(
        D, lambda request: replace(request, body=b"{}"), presigned=True
    ),
}
