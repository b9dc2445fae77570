"""Passkeys (WebAuthn): a device proves that it holds a key by signing a challenge of ours, which counts once and for one browser.

The challenge is the token of a ticket, so it ends by itself and only its digest is kept. `webauthn` is a large library: whoever needs it
imports it then.
"""

import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from sqlalchemy import delete, func, select, update
from sqlalchemy.exc import IntegrityError

from webapp import clock, config, logs
from webapp.domain import accounts, app_passwords, tickets
from webapp.domain.errors import N_, NotFound, Refused
from webapp.domain.second_steps import recovery, telling
from webapp.extensions import db
from webapp.models.member import Member
from webapp.models.second_step import Passkey

if TYPE_CHECKING:
    from webauthn.helpers.structs import PublicKeyCredentialDescriptor

ADD, SECOND, ALONE = "passkey_add", "passkey_second", "passkey_alone"
"""What a challenge is for. One that was given for the one is none for the other."""
MINUTES = 10
MOST = 20
NAME_CHARACTERS = app_passwords.NAME_CHARACTERS
CREDENTIAL_BYTES = 1023
"""The longest name of a key that the standard allows."""
HANDLE_BYTES = 32
TRANSPORTS = ("ble", "hybrid", "internal", "nfc", "usb")
NOT_HERE = N_("That passkey can't be used here. Try another one, or sign in another way")
OVER = N_("That took too long, so we stopped for safety. Try again")


def host() -> str | None:
    """Return the name that passkeys of this site are bound to; None where browsers have none: an IP address, or plain http elsewhere."""
    base = urlsplit(config.setting("BASE_URL"))
    name = base.hostname or ""
    try:
        ip_address(name)
    except ValueError:
        local = name == "localhost" or name.endswith(".localhost")
        return name if base.scheme == "https" or local else None
    return None


def _host() -> str:
    name = host()
    if name is None:
        raise NotFound
    return name


def of(member: Member) -> Sequence[Passkey]:
    """Return a member's passkeys, the newest first."""
    return db.session.scalars(select(Passkey).where(Passkey.member_id == member.id).order_by(Passkey.id.desc())).all()


def one_of(member: Member, passkey_id: int) -> Passkey:
    """Return one of the member's passkeys, else NotFound."""
    row = db.session.scalar(select(Passkey).where(Passkey.member_id == member.id, Passkey.id == passkey_id))
    if row is None:
        raise NotFound
    return row


# Adding one


def begin(member: Member, name: str) -> str:
    """Return the challenge for a new passkey of this name; Invalid for no name, Refused beyond twenty."""
    _host()
    kept = app_passwords.check_name(name)
    there = of(member)
    _check_room(len(there))
    handle = there[0].user_handle if there else secrets.token_bytes(HANDLE_BYTES)
    return tickets.issue(ADD, minutes=MINUTES, member=member, only=True, name=kept, handle=handle.hex())


def _check_room(there: int) -> None:
    if there >= MOST:
        raise Refused(N_("You have twenty passkeys. Remove one first"))


def waiting(member: Member, challenge: str) -> tuple[str, str] | None:
    """Return the name of the passkey to be, and what the browser is told; None for a challenge that is over. Uses nothing up."""
    ticket = tickets.peek(ADD, challenge)
    if ticket is None or ticket.member_id != member.id:
        return None
    import webauthn
    from webauthn.helpers.structs import (
        AuthenticatorSelectionCriteria,
        ResidentKeyRequirement,
        UserVerificationRequirement,
    )

    address = accounts.primary_address(member)
    options = webauthn.generate_registration_options(
        rp_id=_host(),
        rp_name=config.setting("SITE_NAME"),
        user_name=address,
        user_id=bytes.fromhex(ticket.payload["handle"]),
        user_display_name=member.name,
        challenge=challenge.encode(),
        timeout=MINUTES * 60 * 1000,
        # Found by the device without our naming it, and used by who unlocks the device: so it signs in alone.
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.REQUIRED, user_verification=UserVerificationRequirement.REQUIRED
        ),
        exclude_credentials=_named(of(member)),
    )
    return str(ticket.payload["name"]), webauthn.options_to_json(options)


@dataclass(frozen=True)
class New:
    """A key that a device has made and proven to hold."""

    credential_id: bytes
    public_key: bytes
    sign_count: int
    transports: list[str]


def read(answer: str, challenge: str) -> New:
    """Return the key that a browser's answer to a challenge holds; Refused for anything else. Not for use inside a transaction."""
    import webauthn

    name = _host()
    try:
        found = webauthn.verify_registration_response(
            credential=answer,
            expected_challenge=challenge.encode(),
            expected_rp_id=name,
            expected_origin=config.setting("BASE_URL"),
            require_user_verification=True,
        )
        said = json.loads(answer)["response"].get("transports") or []
    except Exception as error:  # noqa: BLE001 - whatever a forged answer does to a reader, it proves nothing
        logs.security("passkey refused", reason=type(error).__name__)
        raise Refused(NOT_HERE) from None
    if len(found.credential_id) > CREDENTIAL_BYTES:
        raise Refused(NOT_HERE)
    transports = [each for each in TRANSPORTS if isinstance(said, list) and each in said]
    return New(found.credential_id, found.credential_public_key, found.sign_count, transports)


def add(member: Member, challenge: str, new: New) -> tuple[str, Sequence[str]]:
    """Add a passkey and use its challenge up; a mail tells so. Return its name, and recovery codes to show, for who had none.

    Refused for a challenge that is over, and for a key that is somebody's already.
    """
    recovery.lock(member)
    ticket = tickets.take(ADD, challenge)
    if ticket is None or ticket.member_id != member.id:
        raise Refused(OVER)
    _check_room(db.session.scalar(select(func.count()).where(Passkey.member_id == member.id)) or 0)
    row = Passkey(
        member_id=member.id,
        name=ticket.payload["name"],
        credential_id=new.credential_id,
        public_key=new.public_key,
        user_handle=bytes.fromhex(ticket.payload["handle"]),
        transports=new.transports,
        sign_count=new.sign_count,
        created_at=clock.now(),
    )
    try:
        with db.session.begin_nested():
            db.session.add(row)
    except IntegrityError:
        raise Refused(NOT_HERE) from None
    telling.tell(member, "passkey_added")
    return row.name, recovery.ensure(member)


def remove(member: Member, passkey_id: int) -> str:
    """Remove one of the member's passkeys, and with the last second step the recovery codes; a mail tells so. Return its name."""
    recovery.lock(member)
    gone = delete(Passkey).where(Passkey.member_id == member.id, Passkey.id == passkey_id).returning(Passkey.name)
    name: str | None = db.session.scalar(gone)
    if name is None:
        raise NotFound
    recovery.forget_alone(member)
    telling.tell(member, "passkey_removed")
    return name


# Signing in


def ask(member: Member | None = None) -> tuple[str, str]:
    """Return a challenge, and what the browser is told: of a member any of their passkeys, of nobody whichever the device offers."""
    import webauthn
    from webauthn.helpers.structs import UserVerificationRequirement

    name = _host()
    purpose = SECOND if member else ALONE
    challenge = tickets.issue(purpose, minutes=MINUTES, member=member)
    wanted = UserVerificationRequirement.PREFERRED if member else UserVerificationRequirement.REQUIRED
    options = webauthn.generate_authentication_options(
        rp_id=name,
        challenge=challenge.encode(),
        timeout=MINUTES * 60 * 1000,
        allow_credentials=_named(of(member)) if member else None,
        user_verification=wanted,
    )
    return challenge, webauthn.options_to_json(options)


@dataclass(frozen=True)
class Proof:
    """A passkey that was proven to be there, and what its device counts now."""

    id: int
    member_id: int
    before: int
    after: int


def prove(answer: str, challenge: str, member: Member | None = None) -> Proof:
    """Return what a browser's answer to a challenge proves; Refused for anything else. Not for use inside a transaction.

    As a second step it has to be one of this member's; alone, its user must have unlocked the device. The challenge has been taken before.
    """
    import webauthn
    from webauthn.helpers import parse_authentication_credential_json

    name = _host()
    try:
        said = parse_authentication_credential_json(answer)
        row = _known(said.raw_id, member)
        handle = said.response.user_handle
        if row is None or (handle != row.user_handle if member is None else handle not in {None, row.user_handle}):
            raise NotFound  # noqa: TRY301 - told like everything else that is no proof
        found = webauthn.verify_authentication_response(
            credential=said,
            expected_challenge=challenge.encode(),
            expected_rp_id=name,
            expected_origin=config.setting("BASE_URL"),
            credential_public_key=row.public_key,
            credential_current_sign_count=row.sign_count,
            require_user_verification=member is None,
        )
    except Exception as error:  # noqa: BLE001 - as in `read`
        logs.security("passkey refused", member.id if member else None, reason=type(error).__name__)
        raise Refused(NOT_HERE) from None
    return Proof(row.id, row.member_id, row.sign_count, found.new_sign_count)


def _known(credential_id: bytes, member: Member | None) -> Passkey | None:
    found = select(Passkey).where(Passkey.credential_id == credential_id)
    return db.session.scalar(found.where(Passkey.member_id == member.id) if member else found)


def use(proof: Proof) -> Member:
    """Note that a passkey was used and return whose it is.

    Refused where it is gone, was used at the same time, or its member may not sign in.
    """
    today = clock.now().replace(hour=0, minute=0, second=0, microsecond=0)
    same = (Passkey.id == proof.id) & (Passkey.sign_count == proof.before)
    noted = update(Passkey).where(same).values(sign_count=proof.after, used_at=today)
    done: Any = db.session.execute(noted.execution_options(synchronize_session=False))
    if done.rowcount != 1:
        raise Refused(NOT_HERE)
    member = db.session.get_one(Member, proof.member_id)
    if not member.is_active or member.verified_at is None:
        raise Refused(NOT_HERE)
    return member


def _named(rows: Sequence[Passkey]) -> "list[PublicKeyCredentialDescriptor]":
    from webauthn.helpers.structs import AuthenticatorTransport, PublicKeyCredentialDescriptor

    return [
        PublicKeyCredentialDescriptor(
            id=row.credential_id, transports=[AuthenticatorTransport(each) for each in row.transports] or None
        )
        for row in rows
    ]
