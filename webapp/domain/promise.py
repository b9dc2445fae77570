"""The contacts promise, sentence by sentence: as it stands on the page and in docs/privacy.md, and as `kith verify-promise` tests it."""

from dataclasses import dataclass

from webapp.domain.errors import N_


@dataclass(frozen=True)
class Sentence:
    """One sentence of the promise, and the name it is tested under."""

    name: str
    words: str


SENTENCES = (
    Sentence(
        "read",
        N_(
            "We read names and e-mail addresses, nothing else, once, when you ask; of LinkedIn's file, which leaves most "
            "addresses out, also the profile's address and the organisation."
        ),
    ),
    Sentence("key", N_("Your provider's key or password is thrown away at the end.")),
    Sentence(
        "forget",
        N_(
            "We compare, show you the result, and forget: an hour after your last click at the latest (four hours in all), "
            "no readable trace of anyone you did not invite remains here, in our logs or in our backups."
        ),
    ),
    Sentence("ticks", N_("People who are not members start un-ticked, and we e-mail only those you tick.")),
    Sentence(
        "mail",
        N_(
            "Each gets at most one e-mail from this site a year, whoever invites them, worded as you saw it, and never a reminder."
        ),
    ),
    Sentence("stop", N_("One click stops all invitations from this site for good.")),
    Sentence("purpose", N_("We never use contacts for suggestions, profiles or advertising.")),
    Sentence("hidden", N_("If someone hides, you cannot tell.")),
)


def made(*, preselected: bool) -> tuple[Sentence, ...]:
    """Return the sentences that an instance promises: an operator who pre-ticks contacts takes one of them back."""
    return tuple(each for each in SENTENCES if each.name != "ticks" or not preselected)
