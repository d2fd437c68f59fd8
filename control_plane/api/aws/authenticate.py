"""From a signed request to its caller."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from control_plane.iam import sigv4
from control_plane.iam.authorize import Caller
from control_plane.iam.canonical import Request
from control_plane.iam.claim import Claim, parse
from control_plane.operations.access import PolicyReader, make_caller
from control_plane.store.database import ServiceDatabase
from control_plane.store.keys import Key, find_key
from control_plane.store.vault import Vault

GLOBAL_REGION = "us-east-1"


@dataclass(frozen=True, slots=True)
class Authenticator:
    """Knows the keys; believes no one else."""

    db: ServiceDatabase
    vault: Vault
    rules: sigv4.Rules
    decoy: bytes
    """A sealed secret that is opened for unknown keys, so that they take as long as known ones."""
    keys: sigv4.SigningKeys = field(default_factory=sigv4.SigningKeys)
    reader: PolicyReader = field(default_factory=PolicyReader)

    def identify(self, request: Request, now: float, service: str = "airflow") -> Caller:
        """Who signed the request. Raises ServiceError with one of the six codes of `sigv4` and `claim`."""
        claim = parse(request)
        found = self._find(claim.access_key_id)
        secret = None if found is None else _to_secret(found)
        sigv4.verify(request, claim, secret, self._rules_for(claim, service), now, self.keys)
        assert found is not None  # noqa: S101 - verify never returns for an unknown key
        with self.db.read() as conn:
            return make_caller(conn, self.reader, found)

    def _rules_for(self, claim: Claim, service: str) -> sigv4.Rules:
        """IAM and STS are one for all regions: clients sign for their own or for the first."""
        if service == self.rules.service:
            return self.rules
        everywhere = claim.scope.region if claim.scope.region == GLOBAL_REGION else self.rules.region
        return replace(self.rules, service=service, region=everywhere)

    def _find(self, access_key_id: str) -> Key | None:
        with self.db.read() as conn:
            found = find_key(conn, self.vault, access_key_id)
        if found is None:
            self.vault.open(self.decoy)
        return found


def make_authenticator(db: ServiceDatabase, vault: Vault, rules: sigv4.Rules) -> Authenticator:
    """An authenticator for one endpoint."""
    return Authenticator(db, vault, rules, vault.seal("0" * 40))


def _to_secret(key: Key) -> sigv4.Secret:
    return sigv4.Secret(key.secret, key.active, key.token_hash, key.expires_at)
