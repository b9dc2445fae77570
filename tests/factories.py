"""What tests are made of: members with an address, with defaults that can be overridden by name."""

import functools
import itertools

from webapp import clock, passwords, tokens
from webapp.domain import accounts, names
from webapp.extensions import db
from webapp.models.member import EmailAddress, Member

PASSWORD = "a quiet walk by the sea"
_numbers = itertools.count(1)


@functools.cache
def password_hash():
    """The hash of PASSWORD; made once, because hashing is slow on purpose."""
    return passwords.hash_password(PASSWORD)


def member(name="Ada Lovelace", email=None, *, verified=True, **fields):
    """A committed member with one address; `verified=False` for one who has not confirmed it."""
    number = next(_numbers)
    now = clock.now()
    hashed = password_hash()
    row = Member(
        name=name,
        handle=f"{names.new_handle(name)}{number}",  # never one that another has
        password_hash=hashed,
        created_at=now,
        verified_at=now if verified else None,
        **fields,
    )
    names.refresh(row)
    db.session.add(row)
    db.session.flush()
    address(row, email or f"person{number}@example.org", verified=verified, primary=True)
    db.session.commit()
    return row


def address(owner, email, *, verified=True, primary=False):
    """One more address of a member."""
    now = clock.now()
    row = EmailAddress(
        member_id=owner.id,
        address=email,
        lookup=accounts.lookup_of(email),
        verified_at=now if verified else None,
        is_primary=primary,
        created_at=now,
    )
    db.session.add(row)
    db.session.commit()
    return row


def connect(one, other):
    """Make two members connections, with all that follows from it."""
    from webapp.domain import relationships

    relationships.join(one, [other])
    db.session.commit()


def known(owner, name, **fields):
    """A member who is a connection of another."""
    row = member(name, **fields)
    connect(owner, row)
    return row


def sign_in(owner):
    """A fresh sign-in of a member; returns its token."""
    token = accounts.start_sign_in(owner, "Firefox on Linux")
    db.session.commit()
    return token


def lookup(email):
    """The keyed hash under which an address is matched."""
    return tokens.keyed_hash(email.lower())
