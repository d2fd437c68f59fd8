"""Ways to change the body, the target or the session token of a signed request."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from control_plane.iam.sigv4 import Secret, hash_token
from tests.vectors.forge import (
    AT,
    HASH_OF_NOTHING,
    KEYS,
    OTHER_TOKEN,
    TEMPORARY,
    TEMPORARY_SECRET,
    TOKEN,
    WITH_ARN,
    WITH_BODY,
    WITH_QUERY,
    WITH_TOKEN,
    Draft,
    add_header,
    edit_target,
    set_header,
    with_headers,
)
from tests.vectors.mutation import Mutation

D = Draft()

BODY: Mapping[str, Mutation] = {
    "body_changed one_byte_of_body": Mutation(
        WITH_BODY, lambda request: replace(request, body=b"[" + request.body[1:])
    ),
    "body_appended body_extended trailing_newline_in_body": Mutation(
        WITH_BODY, lambda request: replace(request, body=request.body + b"\n")
    ),
    "body_truncated": Mutation(WITH_BODY, lambda request: replace(request, body=request.body[:-1])),
    "body_removed body_emptied empty_body": Mutation(WITH_BODY, lambda request: replace(request, body=b"")),
    "body_on_get body_added_to_get": Mutation(edit=lambda request: replace(request, body=b"{}")),
    "content_sha256_lies": Mutation(with_headers(WITH_BODY, ("x-amz-content-sha256", HASH_OF_NOTHING))),
    "unsigned_payload content_sha256_unsigned_payload unsigned_payload_claimed": Mutation(
        with_headers(WITH_BODY, ("x-amz-content-sha256", b"UNSIGNED-PAYLOAD"))
    ),
    "streaming_payload content_sha256_streaming": Mutation(
        with_headers(WITH_BODY, ("x-amz-content-sha256", b"STREAMING-AWS4-HMAC-SHA256-PAYLOAD"))
    ),
    "content_sha256_missing content_sha256_absent": Mutation(WITH_BODY),
    "content_sha256_added_unsigned": Mutation(edit=add_header("x-amz-content-sha256", HASH_OF_NOTHING)),
    "content_sha256_uppercase": Mutation(with_headers(D, ("x-amz-content-sha256", HASH_OF_NOTHING.upper()))),
    "content_sha256_correct content_sha256_true content_sha256_present_and_true": Mutation(
        with_headers(D, ("x-amz-content-sha256", HASH_OF_NOTHING))
    ),
}

TARGET: Mapping[str, Mutation] = {
    "method_changed get_to_delete": Mutation(edit=lambda request: replace(request, method="DELETE")),
    "method_lowercase method_case_changed": Mutation(edit=lambda request: replace(request, method="get")),
    "path_case_changed": Mutation(edit=edit_target(b"/environments", b"/Environments")),
    "path_changed other_environment path_name_changed": Mutation(edit=edit_target(b"MyEnv", b"Other")),
    "path_trailing_slash trailing_slash_added": Mutation(edit=edit_target(b"MyEnv", b"MyEnv/")),
    "path_double_slash double_slash": Mutation(edit=edit_target(b"/environments/", b"/environments//")),
    "path_dot_segment path_dot_segments dot_segment dot_segments": Mutation(
        edit=edit_target(b"/environments/", b"/x/../environments/")
    ),
    "dot_segments_resigned path_dot_segments_resigned": Mutation(
        replace(D, target=b"/x/../environments/MyEnv")
    ),
    "path_single_dot path_dot": Mutation(edit=edit_target(b"/environments/", b"/./environments/")),
    "encoded_dot_segment path_encoded_dot_segment encoded_dot_segments": Mutation(
        replace(D, target=b"/x/%2e%2e/environments/MyEnv")
    ),
    "path_encoded_char path_percent_encoded path_encoding_changed path_letter_encoded": Mutation(
        edit=edit_target(b"MyEnv", b"%4dyEnv")
    ),
    "path_slash_decoded encoded_slash_decoded arn_slash_decoded "
    "path_encoded_slash encoded_slash path_encoded_slash_decoded": Mutation(
        WITH_ARN, edit_target(b"%2F", b"/")
    ),
    "path_decoded arn_decoded path_arn_decoded path_percent_decoded arn_path_decoded_once": Mutation(
        WITH_ARN, edit_target(b"%3A", b":")
    ),
    "path_lowercase_hex lowercase_hex lower_case_hex path_percent_case percent_case_changed": Mutation(
        WITH_ARN, edit_target(b"%3A", b"%3a")
    ),
    "path_double_encoded arn_double_encoded": Mutation(WITH_ARN, edit_target(b"%", b"%25")),
    "null_byte_in_path path_null_byte": Mutation(edit=edit_target(b"MyEnv", b"MyEnv%00")),
    "path_raw_space raw_space": Mutation(replace(D, target=b"/environments/My Env")),
    "absolute_form absolute_target absolute_form_target": Mutation(
        edit=edit_target(b"/environments", b"http://127.0.0.1:8080/environments")
    ),
    "query_pair_added query_added query_parameter_added": Mutation(WITH_QUERY, edit_target(b"?", b"?x=1&")),
    "query_added_to_bare_path query_bare_path": Mutation(edit=edit_target(b"MyEnv", b"MyEnv?x=1")),
    "query_pair_removed query_removed query_parameter_removed": Mutation(
        WITH_QUERY, edit_target(b"&NextToken=a%20b", b"")
    ),
    "query_value_changed query_changed query_pair_changed": Mutation(WITH_QUERY, edit_target(b"=5", b"=6")),
    "query_key_case_changed query_case_changed": Mutation(WITH_QUERY, edit_target(b"MaxR", b"maxR")),
    "query_order_changed query_reordered query_pairs_reordered query_pair_order_changed": Mutation(
        WITH_QUERY, edit_target(b"MaxResults=5&NextToken=a%20b", b"NextToken=a%20b&MaxResults=5")
    ),
    "query_pair_duplicated query_duplicated": Mutation(WITH_QUERY, edit_target(b"?", b"?x=1&x=1&")),
    "query_empty_value query_key_without_value query_equals_sign_dropped": Mutation(
        replace(D, target=b"/environments?NextToken="), edit_target(b"NextToken=", b"NextToken")
    ),
    "query_empty_pair query_ampersands_added": Mutation(WITH_QUERY, edit_target(b"?", b"?&")),
    "query_duplicate_key query_same_key_twice": Mutation(
        replace(D, target=b"/environments?x=2&x=1"), edit_target(b"x=2&x=1", b"x=1&x=2")
    ),
    "query_plus_encoded": Mutation(
        replace(D, target=b"/environments?NextToken=a%2Bb"), edit_target(b"%2B", b"+")
    ),
    "query_plus_for_space plus_for_space "
    "query_space_as_plus query_plus query_plus_instead_of_space": Mutation(
        WITH_QUERY, edit_target(b"%20", b"+")
    ),
    "query_lowercase_hex query_percent_case query_hex_case": Mutation(
        replace(WITH_QUERY, target=b"/environments?NextToken=a%2Fb"), edit_target(b"%2F", b"%2f")
    ),
    "query_unreserved_encoded query_needlessly_encoded": Mutation(WITH_QUERY, edit_target(b"=a", b"=%61")),
}

TOKENS: Mapping[str, Mutation] = {
    "temporary_credentials token_valid": Mutation(WITH_TOKEN),
    "token_missing": Mutation(replace(WITH_TOKEN, token=None)),
    "token_stripped_unresigned": Mutation(WITH_TOKEN, set_header("x-amz-security-token", None)),
    "token_of_another_key wrong_token": Mutation(replace(WITH_TOKEN, token=OTHER_TOKEN)),
    "token_tampered token_truncated": Mutation(
        WITH_TOKEN, set_header("x-amz-security-token", b"X" + TOKEN[1:].encode())
    ),
    "token_empty": Mutation(replace(WITH_TOKEN, token="")),
    "token_duplicated two_tokens": Mutation(WITH_TOKEN, add_header("x-amz-security-token", TOKEN.encode())),
    "token_expired": Mutation(
        WITH_TOKEN,
        keys={**KEYS, TEMPORARY: Secret(TEMPORARY_SECRET, token_hash=hash_token(TOKEN), expires_at=AT - 1)},
    ),
    "token_revoked": Mutation(
        WITH_TOKEN,
        keys={**KEYS, TEMPORARY: Secret(TEMPORARY_SECRET, False, hash_token(TOKEN), AT + 60)},
    ),
    "token_added": Mutation(edit=add_header("x-amz-security-token", TOKEN.encode())),
    "token_on_long_term_key token_with_permanent_key": Mutation(replace(D, token=TOKEN)),
}
