"""Throttles: how often something may be tried, counted in the database, so that a restart or a second process forgets nothing.

Where there is a Redis, it counts what ends within the hour: every guess, and every page of results. Without an answer from it nothing that
has to be counted is done (503), but to read on; what is promised for longer is counted in the database, with what it is promised about.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from limits import RateLimitItem, RateLimitItemPerDay, RateLimitItemPerHour, RateLimitItemPerMinute, parse
from limits.storage import Storage
from limits.strategies import FixedWindowRateLimiter
from sqlalchemy import ColumnElement, and_, case, delete, literal, not_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from webapp import clock, shared
from webapp.domain.errors import N_, TooMany, Unavailable
from webapp.extensions import db
from webapp.models.base import to_ms
from webapp.models.batch import is_sqlite
from webapp.models.member import Throttle
from webapp.transaction import transaction

SIGN_IN_PER_ACCOUNT = RateLimitItemPerMinute(10, 5, namespace="sign-in-account")
SIGN_IN_PER_NETWORK = RateLimitItemPerMinute(50, 5, namespace="sign-in-network")
SIGN_IN_PER_INSTANCE = RateLimitItemPerMinute(1000, 5, namespace="sign-in-instance")
SIGN_IN_WHERE_KNOWN = RateLimitItemPerMinute(10, 5, namespace="sign-in-known")
"""For a sign-in, or a browser, that is known to be the member's: counted by itself, so that nobody elsewhere can use it up."""

APP_PASSWORD_PER_ACCOUNT = RateLimitItemPerMinute(10, 5, namespace="app-password-account")
APP_PASSWORD_PER_NETWORK = RateLimitItemPerMinute(50, 5, namespace="app-password-network")
APP_PASSWORD_PER_INSTANCE = RateLimitItemPerMinute(1000, 5, namespace="app-password-instance")
CODE_PER_ACCOUNT = RateLimitItemPerMinute(5, 15, namespace="code-account")
CODE_PER_ACCOUNT_DAY = RateLimitItemPerDay(10, 1, namespace="code-account-day")
"""Of an authenticator app, wherever they are tried from: three of a million are right, so a year of guessing is in vain 98 times of 100."""

CODE_MAILS = RateLimitItemPerDay(1, 1, namespace="code-mail")
RECOVERY_CODE_PER_ACCOUNT = RateLimitItemPerMinute(10, 15, namespace="recovery-code-account")
CONFIRMATION_MAILS = RateLimitItemPerHour(3, 6, namespace="confirmation-mail")
RESET_MAILS = RateLimitItemPerHour(5, 24, namespace="reset-mail")
MAILS_OPTED_OUT = RateLimitItemPerDay(1, 30, namespace="mail-opted-out")
MAILS_PER_NETWORK = RateLimitItemPerHour(60, 1, namespace="mail-network")
SIGN_UPS_PER_NETWORK = RateLimitItemPerHour(30, 1, namespace="sign-up-network")
ABOUT_MAILS = RateLimitItemPerDay(3, 1, namespace="about-mail")
ABOUT_PER_NETWORK = RateLimitItemPerHour(20, 1, namespace="about-network")
MAIL_REPORTS_PER_ADDRESS = RateLimitItemPerDay(5, 1, namespace="mail-report-address")
MAIL_REPORTS_PER_NETWORK = RateLimitItemPerHour(20, 1, namespace="mail-report-network")
ADDRESS_BOOKS_PER_MEMBER = RateLimitItemPerHour(20, 1, namespace="address-books")
"""Each try may be a guess at somebody's password, or a knock at somebody's server."""

RESULT_PAGES = RateLimitItemPerHour(600, 1, namespace="result-pages")
TOGETHER = 20
"""So many pages of results are counted in this process before the table hears of them."""


APART = timedelta(seconds=30)
"""So far moments may be apart that are read at once: by hosts, and by who then waited for another to count."""


def _runs(now: datetime, seconds: float) -> ColumnElement[bool]:
    """Whether a window of that length runs: one that ends much later than one that began now was begun by a clock that was wrong."""
    kept, latest = Throttle.expires_at.type, now + timedelta(seconds=seconds) + APART
    return and_(Throttle.expires_at > literal(now, kept), Throttle.expires_at <= literal(latest, kept))


def _seconds(key: str) -> float:
    """Return the length of the window that a key of the library counts in; the key ends with its limit."""
    _name, amount, multiple, unit = key.rsplit("/", 3)
    return parse(f"{amount} per {multiple} {unit}").get_expiry()


class DatabaseStorage(Storage):
    """The storage of the `limits` library in our own table, with our own clock."""

    def __init__(self) -> None:
        super().__init__("kith", wrap_exceptions=False)

    @property
    def base_exceptions(self) -> type[Exception]:
        """Which errors are the storage's own."""
        return Exception

    def incr(self, key: str, expiry: float, amount: int = 1) -> int:
        """Count `amount` more in the window that began with the first one, `expiry` seconds long; return the count."""
        now = clock.now()
        insert = sqlite.insert if is_sqlite() else postgresql.insert
        fresh = insert(Throttle).values(key=key, count=amount, expires_at=now + timedelta(seconds=expiry))
        ended = not_(_runs(now, expiry))
        statement = fresh.on_conflict_do_update(
            index_elements=[Throttle.key],
            set_={
                "count": case((ended, fresh.excluded["count"]), else_=Throttle.count + fresh.excluded["count"]),
                "expires_at": case((ended, fresh.excluded.expires_at), else_=Throttle.expires_at),
            },
        ).returning(Throttle.count)
        return db.session.execute(statement).scalar_one()

    def uncount(self, key: str) -> None:
        """Count one less in the running window."""
        db.session.execute(
            update(Throttle)
            .where(Throttle.key == key, Throttle.count > 0, _runs(clock.now(), _seconds(key)))
            .values(count=Throttle.count - 1)
        )

    def get(self, key: str) -> int:
        """Return the count of the running window."""
        running = _runs(clock.now(), _seconds(key))
        return db.session.scalar(select(Throttle.count).where(Throttle.key == key, running)) or 0

    def get_expiry(self, key: str) -> float:
        """Return when the running window ends, in seconds since 1970."""
        return (self.end(key) or clock.now()).timestamp()

    def end(self, key: str) -> datetime | None:
        """Return when the window ends that was counted in last; None where there is none."""
        return db.session.scalar(select(Throttle.expires_at).where(Throttle.key == key))

    def check(self) -> bool:
        """Whether the storage answers."""
        return True

    def reset(self) -> int | None:
        """Forget every count."""
        return db.session.execute(delete(Throttle)).rowcount  # type: ignore[attr-defined,no-any-return]

    def clear(self, key: str) -> None:
        """Forget one count."""
        db.session.execute(delete(Throttle).where(Throttle.key == key))


class SharedStorage(Storage):
    """The same in Redis, with our own clock: the end of a window stands beside its count, and Redis forgets both after it."""

    PREFIX = "kith:limit:"
    _COUNT = """
    local ends = tonumber(redis.call('HGET', KEYS[1], 'ends') or '0')
    if ends <= tonumber(ARGV[1]) then
      redis.call('DEL', KEYS[1])
      redis.call('HSET', KEYS[1], 'ends', ARGV[2])
      redis.call('PEXPIRE', KEYS[1], ARGV[3])
    end
    return redis.call('HINCRBY', KEYS[1], 'count', ARGV[4])
    """
    _UNCOUNT = """
    local kept = redis.call('HMGET', KEYS[1], 'ends', 'count')
    if tonumber(kept[1] or '0') > tonumber(ARGV[1]) and tonumber(kept[2] or '0') > 0 then
      redis.call('HINCRBY', KEYS[1], 'count', -1)
    end
    """

    def __init__(self) -> None:
        super().__init__("kith", wrap_exceptions=False)

    @property
    def base_exceptions(self) -> type[Exception]:
        """Which errors are the storage's own."""
        return shared.Gone

    def incr(self, key: str, expiry: float, amount: int = 1) -> int:
        """Count `amount` more in the window that began with the first one, `expiry` seconds long; return the count."""
        now, lasts = to_ms(clock.now()), round(expiry * 1000)
        keys, args = [self.PREFIX + key], [now, now + lasts, lasts, amount]
        return int(shared.ask(lambda redis: redis.register_script(self._COUNT)(keys=keys, args=args)))

    def uncount(self, key: str) -> None:
        """Count one less in the running window."""
        keys, args = [self.PREFIX + key], [to_ms(clock.now())]
        shared.ask(lambda redis: redis.register_script(self._UNCOUNT)(keys=keys, args=args))

    def get(self, key: str) -> int:
        """Return the count of the running window."""
        ends, many = self._kept(key)
        return many if ends > to_ms(clock.now()) else 0

    def get_expiry(self, key: str) -> float:
        """Return when the running window ends, in seconds since 1970."""
        return (self._kept(key)[0] or to_ms(clock.now())) / 1000

    def _kept(self, key: str) -> tuple[int, int]:
        ends, many = shared.ask(lambda redis: redis.hmget(self.PREFIX + key, "ends", "count"))
        return int(ends or 0), int(many or 0)

    def check(self) -> bool:
        """Whether the storage answers."""
        return bool(shared.ask(lambda redis: redis.ping()))

    def reset(self) -> int | None:
        """Forget every count."""
        return int(shared.ask(lambda redis: redis.delete(*(redis.keys(f"{self.PREFIX}*") or ["none"]))))

    def clear(self, key: str) -> None:
        """Forget one count."""
        shared.ask(lambda redis: redis.delete(self.PREFIX + key))


HOUR_SECONDS = 3600
RETRY_SECONDS = 5
_table, _redis = DatabaseStorage(), SharedStorage()
_LIMITERS = {storage: FixedWindowRateLimiter(storage) for storage in (_table, _redis)}


def storage_of(limit: RateLimitItem) -> DatabaseStorage | SharedStorage:
    """Return where a limit is counted."""
    return _redis if shared.is_shared() and limit.get_expiry() <= HOUR_SECONDS else _table


def _limiter(limit: RateLimitItem) -> FixedWindowRateLimiter:
    return _LIMITERS[storage_of(limit)]


def counting() -> AbstractContextManager[None]:
    """Return what stands around counting what ends within the hour: a transaction of its own, or nothing where Redis counts."""
    return nullcontext() if shared.is_shared() else transaction()


@contextmanager
def _answered() -> Iterator[None]:
    try:
        yield
    except shared.Gone:
        raise Unavailable(
            N_("That can't be done at this moment, and nothing was changed. Try again in a moment."),
            retry_after=RETRY_SECONDS,
        ) from None


PAGES = N_("You looked at very many pages of people within an hour. Go on in %(minutes)s minutes.")
WAIT = N_("Too many tries. Wait %(minutes)s minutes, or reset your password.")


def check(limit: RateLimitItem, *key: str, words: str = WAIT) -> None:
    """Raise TooMany where the limit is reached; counts nothing."""
    if is_full(limit, *key):
        raise _too_many(limit, *key, words=words)


def count(limit: RateLimitItem, *key: str) -> bool:
    """Count one more; whether it was within the limit."""
    with _answered():
        return _limiter(limit).hit(limit, *key)


def count_reading(limit: RateLimitItem, *key: str) -> bool:
    """Count one more of what only reads; whether it was within the limit. Where nobody can say, it was."""
    try:
        return _limiter(limit).hit(limit, *key)
    except shared.Gone:
        return True


def uncount(limit: RateLimitItem, *key: str) -> None:
    """Take back one that was counted, before anybody else could see it."""
    with suppress(shared.Gone):  # then it counts, for as long as its window
        storage_of(limit).uncount(limit.key_for(*key))


def is_full(limit: RateLimitItem, *key: str) -> bool:
    """Whether the limit is reached."""
    with _answered():
        return not _limiter(limit).test(limit, *key)


def take(limit: RateLimitItem, *key: str, words: str = WAIT) -> None:
    """Count one more before it is tried, or raise TooMany. However many processes do this at once, no more than the limit get through."""
    if not count(limit, *key):
        raise _too_many(limit, *key, words=words)


def _too_many(limit: RateLimitItem, *key: str, words: str) -> TooMany:
    with _answered():
        ends = _limiter(limit).get_window_stats(limit, *key).reset_time
    wait = max(1, int(ends - clock.now().timestamp()))
    return TooMany(words, retry_after=wait, minutes=-(-wait // 60))


@dataclass
class _Tally:
    """How many pages somebody looked at until `ends`: `known` to the table, and `here` since the table was asked."""

    ends: datetime
    known: int = 0
    here: int = 0


_tallies: dict[str, _Tally] = {}
TALLIES = 10_000


def turn_page(handle: str) -> bool:
    """Count a page of results, here; whether it is time to `note_pages`. TooMany when there were too many within the hour.

    So that a page that only shows something writes nothing and asks nothing for the count, but once in `TOGETHER` times. The price:
    what another process counted, or one that was ended, is known only then. Redis is asked each time.
    """
    if shared.is_shared():
        if not count_reading(RESULT_PAGES, handle):
            raise _too_many(RESULT_PAGES, handle, words=PAGES)
        return False
    now = clock.now()
    tally = _tallies.get(handle)
    if tally is None or tally.ends <= now:
        if len(_tallies) >= TALLIES:
            for gone in [each for each, old in list(_tallies.items()) if old.ends <= now]:
                _tallies.pop(gone, None)
        tally = _tallies[handle] = _Tally(now + timedelta(seconds=RESULT_PAGES.get_expiry()))
    if tally.known + tally.here >= RESULT_PAGES.amount:
        wait = int((tally.ends - now).total_seconds()) + 1
        raise TooMany(PAGES, retry_after=wait, minutes=-(-wait // 60))
    tally.here += 1
    return tally.here >= TOGETHER


def note_pages(handle: str) -> None:
    """Tell the table how many pages were counted here, and learn from it how many there were, and until when they count."""
    tally, key = _tallies[handle], RESULT_PAGES.key_for(handle)
    told = tally.here
    tally.known = _table.incr(key, RESULT_PAGES.get_expiry(), told)
    tally.here -= told  # other threads have counted meanwhile
    tally.ends = min(tally.ends, _table.end(key) or tally.ends)


def sweep() -> int:
    """Delete windows that have ended; return how many."""
    return db.session.execute(delete(Throttle).where(Throttle.expires_at <= clock.now())).rowcount  # type: ignore[attr-defined,no-any-return]
