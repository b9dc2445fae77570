"""A device that holds passkeys, as a browser would ask it (WebAuthn): real keys and signatures, and every lie a test wants told."""

import base64
import hashlib
import json
import secrets

import cbor2
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

ORIGIN = "http://localhost:8000"
PRESENT, VERIFIED, ATTESTED = 1, 4, 64


def packed(plain):
    return base64.urlsafe_b64encode(plain).decode().rstrip("=")


def unpacked(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


class Device:
    """One passkey. `origin`, `host`, `flags`, `count`: what it claims."""

    def __init__(self, origin=ORIGIN, host="localhost"):
        self.origin, self.host = origin, host
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.credential_id = secrets.token_bytes(32)
        self.handle = b""
        self.count = 0
        self.flags = PRESENT | VERIFIED

    def _client_data(self, kind, challenge):
        said = {"type": kind, "challenge": challenge, "origin": self.origin, "crossOrigin": False}
        return json.dumps(said).encode()

    def _data(self, flags, rest=b""):
        return hashlib.sha256(self.host.encode()).digest() + bytes([flags]) + self.count.to_bytes(4, "big") + rest

    def create(self, wanted):
        """The answer to `navigator.credentials.create`, for the options as the page holds them."""
        self.handle = unpacked(wanted["user"]["id"])
        numbers = self.key.public_key().public_numbers()
        public = cbor2.dumps({1: 2, 3: -7, -1: 1, -2: numbers.x.to_bytes(32, "big"), -3: numbers.y.to_bytes(32, "big")})
        attested = bytes(16) + len(self.credential_id).to_bytes(2, "big") + self.credential_id + public
        made = {"fmt": "none", "attStmt": {}, "authData": self._data(self.flags | ATTESTED, attested)}
        return self._answer(
            clientDataJSON=packed(self._client_data("webauthn.create", wanted["challenge"])),
            attestationObject=packed(cbor2.dumps(made)),
            transports=["internal", "carrier-pigeon"],
        )

    def get(self, wanted):
        """The answer to `navigator.credentials.get`."""
        self.count += 1 if self.count else 0
        client_data, data = self._client_data("webauthn.get", wanted["challenge"]), self._data(self.flags)
        signature = self.key.sign(data + hashlib.sha256(client_data).digest(), ec.ECDSA(hashes.SHA256()))
        return self._answer(
            clientDataJSON=packed(client_data),
            authenticatorData=packed(data),
            signature=packed(signature),
            userHandle=packed(self.handle),
        )

    def _answer(self, **response):
        name = packed(self.credential_id)
        return json.dumps({"id": name, "rawId": name, "type": "public-key", "response": response})
