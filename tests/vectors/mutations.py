"""Every way to get a signature wrong that we know: ids on the left, how it is built on the right.

A row has one name for each set of words a file may use for it (see `known`).
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import replace

from control_plane.iam.canonical import Request
from tests.vectors.forge import (
    ACCESS_KEY,
    REVOKED,
    SECRET,
    TEMPORARY,
    WITH_BODY,
    WITH_TOKEN,
    Draft,
    add_header,
    edit_header,
    edit_signature,
    edit_target,
    set_header,
    with_headers,
)
from tests.vectors.mutation import Mutation

D = Draft()
AUTH = "authorization"
SCOPE = D.scope
NORMAL_SIGNED = ("host", "x-amz-date")


def flip(signature: str) -> str:
    """Another first digit."""
    return ("0" if signature[0] != "0" else "1") + signature[1:]


def reorder_components(request: Request) -> Request:
    """Credential, SignedHeaders and Signature the other way round: their order means nothing."""
    scheme, _, rest = request.values(AUTH)[0].partition(b" ")
    return set_header(AUTH, scheme + b" " + b", ".join(reversed(rest.split(b", "))))(request)


SIGNATURE: Mapping[str, Mutation] = {
    "unmodified none baseline valid control header_name_case replay replay_same_request "
    "replayed_within_window replay_inside_window": Mutation(),
    "signature_bit_flip wrong_signature "
    "signature_flip_first_hex signature_flip_last_hex signature_first_byte": Mutation(
        edit=edit_signature(flip)
    ),
    "signature_last_bit_flip signature_last_byte": Mutation(
        edit=edit_signature(lambda s: flip(s[::-1])[::-1])
    ),
    "signature_empty": Mutation(edit=edit_signature(lambda s: "")),
    "signature_truncated signature_too_short short_signature signature_wrong_length": Mutation(
        edit=edit_signature(lambda s: s[:-1])
    ),
    "signature_too_long signature_extended long_signature": Mutation(edit=edit_signature(lambda s: s + "0")),
    "signature_uppercase signature_upper_case signature_uppercase_hex": Mutation(
        edit=edit_signature(str.upper)
    ),
    "signature_all_zero zero_signature signature_zeros": Mutation(edit=edit_signature(lambda s: "0" * 64)),
    "signature_in_base64": Mutation(
        edit=edit_signature(lambda s: base64.b64encode(bytes.fromhex(s)).decode().rstrip("="))
    ),
    "signature_not_hex signature_non_hex": Mutation(edit=edit_signature(lambda s: "z" * 64)),
    "wrong_secret wrong_secret_key signed_with_wrong_secret": Mutation(replace(D, secret=SECRET + "x")),
    "empty_secret": Mutation(replace(D, secret="")),
    "unknown_access_key unknown_key unknown_akid deleted_access_key deleted_key": Mutation(
        replace(D, access_key="AKIDUNKNOWN")
    ),
    "access_key_case_changed access_key_lowercase": Mutation(replace(D, access_key=ACCESS_KEY.lower())),
    "inactive_key inactive_access_key": Mutation(replace(D, access_key=REVOKED)),
    "other_key_same_signature access_key_swapped": Mutation(edit=edit_header(AUTH, ACCESS_KEY, TEMPORARY)),
}

SCOPES: Mapping[str, Mutation] = {
    "wrong_region_in_scope wrong_region": Mutation(replace(D, scope=replace(SCOPE, region="eu-west-1"))),
    "region_case_changed region_uppercase scope_region_uppercase": Mutation(
        replace(D, scope=replace(SCOPE, region="US-EAST-1"))
    ),
    "wrong_service_in_scope wrong_service": Mutation(replace(D, scope=replace(SCOPE, service="s3"))),
    "wrong_date_in_scope credential_date_mismatch date_mismatch "
    "scope_date_not_request_date scope_yesterday": Mutation(
        replace(D, scope=replace(SCOPE, date="20260307"))
    ),
    "region_missing region_empty": Mutation(edit=edit_header(AUTH, "/us-east-1/", "//")),
    "scope_date_differs_from_timestamp": Mutation(replace(D, scope=replace(SCOPE, date="20260306"))),
    "service_case_changed scope_service_uppercase": Mutation(
        replace(D, scope=replace(SCOPE, service="AIRFLOW"))
    ),
    "scope_tomorrow scope_date_tomorrow": Mutation(replace(D, scope=replace(SCOPE, date="20260309"))),
    "wrong_terminator wrong_terminator_in_scope terminator_aws5 scope_terminator": Mutation(
        replace(D, scope=replace(SCOPE, terminator="aws5_request"))
    ),
    "scope_changed_not_resigned scope_tampered region_tampered": Mutation(
        edit=edit_header(AUTH, "us-east-1", "us-west-2")
    ),
    "date_tampered timestamp_changed": Mutation(edit=set_header("x-amz-date", b"20260308T073001Z")),
    "credential_with_wrong_part_count credential_four_parts credential_too_few_parts": Mutation(
        edit=edit_header(AUTH, "/aws4_request", "")
    ),
    "credential_too_many_parts credential_six_parts": Mutation(edit=edit_header(AUTH, "/aws4", "/x/aws4")),
    "credential_empty": Mutation(edit=edit_header(AUTH, f"{ACCESS_KEY}/{SCOPE}", "")),
    "empty_access_key credential_empty_access_key": Mutation(edit=edit_header(AUTH, ACCESS_KEY, "")),
}

SIGNED_HEADERS: Mapping[str, Mutation] = {
    "host_not_signed": Mutation(replace(D, signed=("x-amz-date",))),
    "date_not_signed": Mutation(replace(D, signed=("host",))),
    "content_type_not_signed": Mutation(replace(WITH_BODY, signed=NORMAL_SIGNED)),
    "token_not_signed security_token_not_signed": Mutation(replace(WITH_TOKEN, signed=NORMAL_SIGNED)),
    "x_amz_header_present_but_unsigned unsigned_x_amz_header x_amz_header_added": Mutation(
        edit=add_header("x-amz-target", b"Other.Operation")
    ),
    "signed_header_missing_from_request signed_header_missing": Mutation(
        with_headers(D, ("x-custom", b"1")), set_header("x-custom", None)
    ),
    "signed_headers_unsorted": Mutation(replace(D, signed=("x-amz-date", "host"))),
    "signed_headers_uppercase signed_headers_upper_case signed_headers_mixed_case "
    "signed_header_case signed_headers_case": Mutation(replace(D, signed=("Host", "X-Amz-Date"))),
    "signed_headers_duplicate duplicate_signed_header": Mutation(
        replace(D, signed=("host", "host", "x-amz-date"))
    ),
    "signed_headers_empty": Mutation(edit=edit_header(AUTH, "host;x-amz-date", "")),
    "signed_headers_shortened signed_headers_tampered": Mutation(
        edit=edit_header(AUTH, "host;x-amz", "x-amz")
    ),
    "signed_header_value_changed header_value_changed signed_header_changed header_changed": Mutation(
        with_headers(D, ("x-custom", b"1")), set_header("x-custom", b"2")
    ),
    "signed_header_second_value_repeated duplicate_signed_header_value second_signed_value": Mutation(
        with_headers(D, ("x-custom", b"1")), add_header("x-custom", b"2")
    ),
    "host_changed wrong_host": Mutation(edit=set_header("host", b"evil.example.org")),
    "host_port_changed host_port_removed": Mutation(edit=set_header("host", b"127.0.0.1")),
    "host_prefix_removed host_prefix_added": Mutation(edit=set_header("host", b"api.127.0.0.1:8080")),
    "host_case_changed host_uppercase": Mutation(
        replace(D, headers=(("host", b"localhost:8080"),)), set_header("host", b"LOCALHOST:8080")
    ),
    "host_other_port_number": Mutation(edit=set_header("host", b"127.0.0.1:8081")),
    "host_trailing_dot": Mutation(
        replace(D, headers=(("host", b"localhost:8080"),)), set_header("host", b"localhost.:8080")
    ),
    "content_type_charset_added content_type_parameter_added": Mutation(
        WITH_BODY, set_header("content-type", b"application/json; charset=utf-8")
    ),
    "signed_headers_spaces signed_headers_with_spaces": Mutation(
        edit=edit_header(AUTH, "host;x-amz-date", "host; x-amz-date")
    ),
    "signed_headers_trailing_semicolon": Mutation(
        edit=edit_header(AUTH, "host;x-amz-date", "host;x-amz-date;")
    ),
    "signed_headers_comma_separated signed_headers_commas": Mutation(
        edit=edit_header(AUTH, "host;x-amz-date", "host,x-amz-date")
    ),
    "duplicate_host two_host_headers": Mutation(edit=add_header("host", b"evil.example.org")),
    "missing_host": Mutation(edit=set_header("host", None)),
    "content_type_changed": Mutation(WITH_BODY, set_header("content-type", b"text/plain")),
    "unsigned_header_added unsigned_plain_header unsigned_header_changed user_agent_added "
    "user_agent_changed unsigned_non_amz_header": Mutation(edit=add_header("user-agent", b"proxy/1.0")),
    "x_forwarded_for_added forwarded_header_added x_forwarded_host_added x_forwarded_host": Mutation(
        edit=add_header("x-forwarded-for", b"10.0.0.1")
    ),
    "method_override_header x_http_method_override": Mutation(
        edit=add_header("x-http-method-override", b"DELETE")
    ),
    "header_whitespace header_extra_spaces header_value_whitespace_collapsed "
    "header_spaces_collapsed header_extra_whitespace header_multiple_spaces header_value_spaces": Mutation(
        with_headers(D, ("x-custom", b"a b")), set_header("x-custom", b"  a   b ")
    ),
    "header_order_changed headers_reordered header_order": Mutation(
        edit=lambda request: replace(request, headers=tuple(reversed(request.headers)))
    ),
}

FORM: Mapping[str, Mutation] = {
    "no_authorization unsigned_request no_auth": Mutation(edit=set_header(AUTH, None)),
    "empty_authorization": Mutation(edit=set_header(AUTH, b"")),
    "basic_authorization basic_auth": Mutation(edit=set_header(AUTH, b"Basic YTpi")),
    "bearer_authorization bearer_token": Mutation(edit=set_header(AUTH, b"Bearer abc")),
    "authorization_garbage": Mutation(edit=set_header(AUTH, b"AWS4-HMAC-SHA256 nonsense")),
    "duplicate_authorization_header two_authorization_headers": Mutation(
        edit=add_header(AUTH, b"AWS4-HMAC-SHA256 x")
    ),
    "auth_in_header_and_query": Mutation(edit=edit_target(b"MyEnv", b"MyEnv?X-Amz-Signature=" + b"0" * 64)),
    "missing_credential": Mutation(edit=edit_header(AUTH, f"Credential={ACCESS_KEY}/{SCOPE}, ", "")),
    "missing_signed_headers": Mutation(edit=edit_header(AUTH, "SignedHeaders=host;x-amz-date, ", "")),
    "missing_signature authorization_without_signature": Mutation(
        edit=edit_header(AUTH, "Signature=", "Sig=")
    ),
    "duplicate_credential": Mutation(
        edit=edit_header(AUTH, ", SignedHeaders", f", Credential={ACCESS_KEY}/{SCOPE}, SignedHeaders")
    ),
    "duplicate_signature": Mutation(edit=edit_header(AUTH, ", Signature=", ", Signature=00, Signature=")),
    "wrong_algorithm unknown_algorithm algorithm_changed algorithm_name "
    "unsupported_algorithm algorithm_sha1 wrong_algorithm_name algorithm_downgrade": Mutation(
        replace(D, algorithm="AWS4-HMAC-SHA1")
    ),
    "algorithm_lowercase algorithm_case": Mutation(replace(D, algorithm="aws4-hmac-sha256")),
    "algorithm_sigv2 algorithm_aws3 sigv2_request sigv2": Mutation(
        edit=set_header(AUTH, b"AWS AKIDEXAMPLE:abcdef=")
    ),
    "algorithm_sigv4a sigv4a": Mutation(replace(D, algorithm="AWS4-ECDSA-P256-SHA256")),
    "no_spaces_after_commas comma_without_space commas_without_spaces "
    "authorization_no_spaces compact_authorization": Mutation(edit=edit_header(AUTH, ", ", ",")),
    "no_spaces_at_all authorization_tabs tabs_between_components": Mutation(
        edit=edit_header(AUTH, ", ", ",\t")
    ),
    "authorization_reordered_components components_reordered authorization_components_reordered": Mutation(
        edit=reorder_components
    ),
    "authorization_extra_component unknown_component_in_authorization unknown_component": Mutation(
        edit=edit_header(AUTH, ", Signature=", ", Other=1, Signature=")
    ),
    "authorization_trailing_comma": Mutation(
        edit=lambda request: set_header(AUTH, request.values(AUTH)[0] + b",")(request)
    ),
    "date_header_instead_of_x_amz_date date_header_only": Mutation(
        with_headers(D, ("date", b"Sun, 08 Mar 2026 07:30:00 GMT")), set_header("x-amz-date", None)
    ),
    "date_rfc1123 malformed_date_rfc1123 date_http": Mutation(
        replace(D, date="Sun, 08 Mar 2026 07:30:00 GMT")
    ),
    "malformed_date_short date_without_seconds": Mutation(replace(D, date="20260308T0730Z")),
    "date_epoch malformed_date_epoch": Mutation(replace(D, date="1772955000")),
    "missing_date": Mutation(edit=set_header("x-amz-date", None)),
    "duplicate_date two_dates": Mutation(edit=add_header("x-amz-date", b"20260308T073000Z")),
    "malformed_date date_iso_extended": Mutation(replace(D, date="2026-03-08T07:30:00Z")),
    "impossible_date": Mutation(replace(D, date="20261308T073000Z")),
    "empty_date": Mutation(replace(D, date="")),
    "date_with_offset date_without_z": Mutation(replace(D, date="20260308T073000+0000")),
}
