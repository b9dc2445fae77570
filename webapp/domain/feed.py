"""The feed: what a member's connections are up to. Asked for when it is read: nothing is copied to anybody when it is written.

Who may see a post is said once, in `_seen_by`; comments and congratulations go with it, less those across a block.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Literal

from limits import RateLimitItemPerDay, RateLimitItemPerHour
from sqlalchemy import BigInteger, Integer, bindparam, case, delete, func, or_, select
from sqlalchemy.orm import aliased

from webapp import addresses, clock, config, tokens
from webapp.domain import connections, relationships, telling, throttles
from webapp.domain.errors import N_, Invalid, NotFound, Refused, TooMany
from webapp.domain.names import EVERY_MEMBER
from webapp.extensions import db
from webapp.models.base import NOW, Moment
from webapp.models.batch import insert_ignoring
from webapp.models.built import built_once, rows, values_given
from webapp.models.connection import Connection
from webapp.models.member import IN_LISTS, AnyViewer, Member, visible
from webapp.models.post import AUDIENCES, Comment, FeedAddress, Mute, Post, Reaction
from webapp.models.profile import ProfileField

DAYS = 90
"""How far back a feed goes; without an end, it would cost more with every year."""
SIZE = 20
IN_ATOM = 50
DEGREE_WALKED = 2000
"""From so many connections on, the newest posts are looked through for theirs; with fewer, theirs are gathered and sorted."""
NEWEST = 2**62
"""Greater than the number of any post."""
LATELY = 3
BODY_CHARACTERS = 3000
COMMENT_CHARACTERS = 1000
EDIT_TIME = timedelta(minutes=15)
MUTE_DAYS = 30
FORM_CHARACTERS = 40
ATOM_READS = RateLimitItemPerHour(60, 1, namespace="atom-reads")
ANSWERED = ("post", "position")
"""What can be commented on and congratulated; the others are one line about two members."""
IN_A_POSITION = ("title", "organisation")
"""The fields of a profile that a post about a new position repeats."""


# What a viewer sees


def _connected(viewer: Member | type[AnyViewer], member_id: Any) -> Any:
    row = aliased(Connection)
    return select(row.since).where(row.member_id == viewer.id, row.other_id == member_id).exists()


def _running() -> Any:
    """The condition that a mute has not ended."""
    return Mute.until.is_(None) | (Mute.until > NOW)


def _muted(viewer: Member | type[AnyViewer], member_id: Any) -> Any:
    return select(Mute.until).where(Mute.member_id == viewer.id, Mute.other_id == member_id, _running()).exists()


def _tellable(viewer: Member | type[AnyViewer]) -> Any:
    """The condition that the kind of a post allows it to be told to the viewer, who is connected with its author.

    A position is a copy of two fields, and is told only while every member may see them. "X connected with Y" needs the word of both as it
    is now, neither hiding from lists of connections, and Y to exist for the viewer, who is neither of them.
    """
    other = aliased(Member)
    allowing = (
        select(other.id)
        .where(other.id == Post.other_id, visible(other), other.announces_connections, ~other.unlisted)
        .exists()
    )
    pair = (
        (Post.kind == "connected")
        & (Post.other_id != viewer.id)
        & Member.announces_connections
        & ~Member.unlisted
        & allowing
        & ~relationships.blocked_between(viewer, Post.other_id)
    )
    position = (Post.kind == "position") & ~_hides_position(Post.author_id)
    return or_(Post.kind == "post", position, (Post.kind == "joined") & (Post.other_id == viewer.id), pair)


def _hides_position(member_id: Any) -> Any:
    field = ProfileField
    hides = field.name.in_(IN_A_POSITION) & field.audience.not_in(EVERY_MEMBER)
    return select(field.name).where(field.member_id == member_id, hides).exists()


def _seen_by(viewer: Member | type[AnyViewer]) -> Any:
    """The condition under which a post, joined with its author, exists for the viewer. Own ones do whatever they are."""
    near = or_(Post.audience == "members", _connected(viewer, Post.author_id))
    others = visible() & ~relationships.blocked_between(viewer, Post.author_id) & near & _tellable(viewer)
    return or_(Post.author_id == viewer.id, others)


def _counted(viewer: Member | type[AnyViewer], member_id: Any, what: Any) -> Any:
    """Count rows about a post by those who exist for the viewer: a number tells no more than the list would."""
    who = aliased(Member)
    seen = select(func.count()).select_from(what).join(who, who.id == member_id)
    return seen.where(
        what.post_id == Post.id, visible(who), ~relationships.blocked_between(viewer, member_id)
    ).scalar_subquery()


def _shown(viewer: Member | type[AnyViewer], picked: Any) -> Any:
    """Ask for the picked posts as they are shown, the newest first: with authors, counts, and whether the viewer congratulated.

    One statement. Picked inside, counted outside: else every post that could be meant would be counted before the cut.
    """
    inside = picked.subquery("picked")
    other = aliased(Member)
    mine = select(Reaction.post_id).where(Reaction.post_id == Post.id, Reaction.member_id == viewer.id).exists()
    found = (
        select(
            Post.id,
            Post.key,
            Post.kind,
            Post.audience,
            Post.body,
            Post.created_at,
            Post.edited_at,
            Post.author_id,
            Member.handle,
            Member.name,
            Member.photo,
            other.handle.label("other_handle"),
            other.name.label("other_name"),
            _counted(viewer, Comment.author_id, Comment).label("comments"),
            _counted(viewer, Reaction.member_id, Reaction).label("congratulations"),
            mine.label("mine"),
        )
        .join(inside, inside.c.id == Post.id)
        .join(Member, Member.id == Post.author_id)
        .outerjoin(other, other.id == Post.other_id)
    )
    return found.order_by(Post.id.desc())


def items(viewer: Member, *, before: int | None = None, most: int = SIZE) -> list[Any]:
    """Return what the viewer's connections are up to: the newest first, strictly as written, the last 90 days. One statement.

    Not who is muted, nobody but connections, and "X connected with Y" once, also where the viewer knows both.
    """
    asked = {
        "viewer": viewer.id,
        "ended": clock.now() - timedelta(days=DAYS),
        "before": NEWEST if before is None else before,
        "most": most,
    }
    return list(rows(_items(viewer.degree < DEGREE_WALKED), asked))


@built_once
def _items(gathered: bool) -> Any:
    """Return what `items` asks, built once for each of its two ways: it is the page that members come home to."""
    old = aliased(Post)
    watermark = (
        select(old.id)
        .where(old.created_at <= bindparam("ended", type_=Moment))
        .order_by(old.created_at.desc(), old.id.desc())
        .limit(1)
        .scalar_subquery()
    )
    me = AnyViewer
    twice = (Post.kind == "connected") & (
        ((Post.author_id > Post.other_id) & _connected(me, Post.other_id)) | _muted(me, Post.other_id)
    )
    picked: Any = select(Post.id).join(Member, Member.id == Post.author_id)
    if gathered:
        # Gathered and sorted. The sum keeps both engines from reading the newest of everybody until enough are found.
        picked = picked.join(Connection, Connection.other_id == Post.author_id)
        picked = picked.where(Connection.member_id == me.id).order_by((Post.id + 0).desc())
    else:
        # Walked through, the newest first. A value for each post and not EXISTS, which PostgreSQL turns into a join with all posts.
        author = select(Connection.other_id).where(Connection.member_id == me.id, Connection.other_id == Post.author_id)
        picked = picked.where(author.scalar_subquery().is_not(None)).order_by(Post.id.desc())
    picked = picked.where(
        Post.id > func.coalesce(watermark, 0),
        Post.id < bindparam("before", type_=BigInteger),
        visible(),
        _tellable(me),
        ~_muted(me, Post.author_id),
        ~twice,
    )
    return _shown(me, picked.limit(bindparam("most", type_=Integer)))


def by(viewer: Member, other: Member, *, before: int | None = None, most: int = LATELY) -> list[Any]:
    """Return what somebody shared, as far as the viewer may see it, the newest first; muted or not, however old. One statement."""
    asked = {"viewer": viewer.id, "author": other.id, "before": NEWEST if before is None else before, "most": most}
    return list(db.session.execute(_by(), asked).all())


@built_once
def _by() -> Any:
    picked = select(Post.id).join(Member, Member.id == Post.author_id)
    picked = picked.where(
        Post.author_id == bindparam("author"),
        Post.id < bindparam("before", type_=BigInteger),
        Post.kind.in_(ANSWERED),
        _seen_by(AnyViewer),
    )
    return _shown(AnyViewer, picked.order_by(Post.id.desc()).limit(bindparam("most", type_=Integer)))


def shown_to(relation: Literal["connection", "member"], author: Member, *, most: int = LATELY) -> list[Any]:
    """Return what an author shared, as any connection or any other member of theirs sees it on the profile. One statement."""
    audiences = AUDIENCES if relation == "connection" else ("members",)
    told = (Post.kind == "post") | ~_hides_position(Post.author_id)
    picked = select(Post.id).where(
        Post.author_id == author.id, Post.kind.in_(ANSWERED), Post.audience.in_(audiences), told
    )
    return list(db.session.execute(_shown(author, picked.order_by(Post.id.desc()).limit(most))).all())


def one_of(viewer: Member, key: str) -> Any:
    """Return one post as it is shown, else NotFound: a link stops working the moment the connection ends."""
    picked = select(Post.id).join(Member, Member.id == Post.author_id).where(Post.key == key, _seen_by(viewer))
    found = db.session.execute(_shown(viewer, picked)).one_or_none()
    if found is None:
        raise NotFound
    return found


def comments(viewer: Member, post: Any, *, before: int | None = None) -> Any:
    """Return the comments on a post that the viewer sees, the newest first: by nobody who cannot be seen, nobody across a block."""
    found = (
        select(
            Comment.id,
            Comment.key,
            Comment.body,
            Comment.created_at,
            Comment.author_id,
            Member.handle,
            Member.name,
            Member.photo,
        )
        .join(Member, Member.id == Comment.author_id)
        .where(
            Comment.post_id == post.id,
            visible(),
            ~relationships.blocked_between(viewer, Comment.author_id),
        )
        .order_by(Comment.id.desc())
    )
    return found if before is None else found.where(Comment.id < before)


def comment_of(viewer: Member, key: str) -> Any:
    """Return one comment with its author and its post, else NotFound: an own one always, another's while the viewer sees it."""
    found = db.session.execute(
        select(
            Comment.id,
            Comment.body,
            Comment.key,
            Comment.author_id,
            Comment.post_id,
            Member.handle,
            Post.key.label("post_key"),
            Post.author_id.label("post_author_id"),
        )
        .join(Member, Member.id == Comment.author_id)
        .join(Post, Post.id == Comment.post_id)
        .where(Comment.key == key)
    ).one_or_none()
    if found is None:
        raise NotFound
    if found.author_id != viewer.id:
        seen = comments(viewer, one_of(viewer, found.post_key)).where(Comment.id == found.id)
        if db.session.execute(seen).first() is None:
            raise NotFound
    return found


# What a viewer shares


def _text(text: str, most: int) -> str:
    kept = addresses.written(text)
    if not kept:
        raise Invalid(body=N_("Write something first"))
    if len(kept) > most:
        raise Invalid(body=N_("Use at most %(most)s characters").replace("%(most)s", str(most)))
    return kept


def _count(viewer: Member, what: str) -> None:
    limit = RateLimitItemPerDay(config.setting(what), namespace=what.lower())
    if not throttles.count(limit, str(viewer.id)):
        raise TooMany(N_("That is as much as you can share in a day. Go on tomorrow."), retry_after=86400)


def share(viewer: Member, body: str, audience: str = "connections", form: str = "") -> str:
    """Share a text with one's connections or with all members; return its key. The same form sent twice is one post.

    Nobody is told: it stands in their feed. Invalid for no text or too much, TooMany beyond POSTS_PER_DAY.
    """
    kept = _text(body, BODY_CHARACTERS)
    if audience not in AUDIENCES:
        raise Invalid(audience=N_("Choose who sees it"))
    return _post(viewer, "post", kept, audience, form)


def announce_position(viewer: Member) -> str | None:
    """Tell one's connections of the position and organisation as the profile has them now, because the viewer said so.

    Said again within 15 minutes, it is the same news: the two are saved one by one. What not every member may see is not told.
    Return the key of the post; None where nothing is left to tell.
    """
    if not viewer.title and not viewer.organisation:
        return None
    recent = select(Post).where(
        Post.author_id == viewer.id, Post.kind == "position", Post.created_at > clock.now() - EDIT_TIME
    )
    row = db.session.scalars(recent.order_by(Post.id.desc())).first()
    if row is not None:
        row.body = f"{viewer.title}\n{viewer.organisation}"
        return row.key
    return _post(viewer, "position", f"{viewer.title}\n{viewer.organisation}", "connections", "")


def _post(viewer: Member, kind: str, body: str, audience: str, form: str) -> str:
    form = form[:FORM_CHARACTERS] or tokens.new()
    written = select(Post.key).where(Post.author_id == viewer.id, Post.form == form)
    if (key := db.session.scalar(written)) is not None:
        return key
    _count(viewer, "POSTS_PER_DAY")
    values = {"key": tokens.new(), "author_id": viewer.id, "kind": kind, "audience": audience, "body": body}
    db.session.execute(insert_ignoring(Post, form=form, created_at=clock.now(), **values))
    return db.session.scalars(written).one()  # another process may have been first


def may_edit(viewer: Member, post: Any) -> bool:
    """Whether the viewer can still change this post."""
    mine = post.author_id == viewer.id and post.kind == "post"
    return bool(mine and clock.now() - post.created_at <= EDIT_TIME)


def editable(viewer: Member, key: str) -> Post:
    """Return an own post that can still be changed. Refused later: what others answered to stays as it was."""
    row = own(viewer, key)
    if not may_edit(viewer, row):
        raise Refused(N_("A post can be changed for 15 minutes. You can delete it and share it anew."))
    return row


def edit(viewer: Member, key: str, body: str) -> None:
    """Change an own post within 15 minutes; it says so from then on."""
    row = editable(viewer, key)
    kept = _text(body, BODY_CHARACTERS)
    if kept != row.body:
        row.body, row.edited_at = kept, clock.now()


def delete_post(viewer: Member, key: str) -> None:
    """Delete an own post at any time, with its comments, its congratulations and what was told of them."""
    row = own(viewer, key)
    for kind in ("comment", "congratulation"):
        telling.forget(kind, row.key)
    db.session.delete(row)


def own(viewer: Member, key: str) -> Post:
    """Return a post of the viewer's own, else NotFound."""
    row = db.session.scalar(select(Post).where(Post.key == key, Post.author_id == viewer.id))
    if row is None:
        raise NotFound
    return row


# What others say to it


def _answerable(viewer: Member, key: str) -> Any:
    post = one_of(viewer, key)
    if post.kind not in ANSWERED:
        raise NotFound
    return post


def comment(viewer: Member, key: str, body: str, form: str = "") -> None:
    """Comment on a post the viewer sees; its author is told. The same form sent twice is one comment."""
    post = _answerable(viewer, key)
    kept = _text(body, COMMENT_CHARACTERS)
    form = form[:FORM_CHARACTERS] or tokens.new()
    if db.session.scalar(select(Comment.id).where(Comment.author_id == viewer.id, Comment.form == form)):
        return
    _count(viewer, "COMMENTS_PER_DAY")
    values = {"key": tokens.new(), "post_id": post.id, "author_id": viewer.id, "body": kept}
    db.session.execute(insert_ignoring(Comment, form=form, created_at=clock.now(), **values))
    author = _to_author(viewer, post)
    telling.retract("comment", author, about=post.key)  # once for each who comments, however often they do
    telling.tell("comment", author, about=post.key)


def deletable_comment(viewer: Member, key: str) -> Any:
    """Return a comment that the viewer can delete, an own one or one on an own post, else NotFound."""
    found = comment_of(viewer, key)
    if viewer.id not in {found.author_id, found.post_author_id}:
        raise NotFound
    return found


def delete_comment(viewer: Member, key: str) -> None:
    """Delete such a comment at any time; with the last of somebody's on a post goes what was told of them."""
    found = deletable_comment(viewer, key)
    db.session.execute(delete(Comment).where(Comment.id == found.id))
    more = select(Comment.id).where(Comment.post_id == found.post_id, Comment.author_id == found.author_id).limit(1)
    if db.session.scalar(more) is None:
        telling.retract("comment", [(found.post_author_id, found.author_id)], about=found.post_key)


def congratulate(viewer: Member, key: str, *, on: bool) -> Any:
    """Congratulate on a post the viewer sees, or take it back; return the post as it is then. Doing either twice is once."""
    post = _answerable(viewer, key)
    if on == bool(post.mine):
        return post
    if on:
        db.session.execute(insert_ignoring(Reaction, post_id=post.id, member_id=viewer.id, created_at=clock.now()))
        telling.tell("congratulation", _to_author(viewer, post), about=post.key)
    else:
        db.session.execute(delete(Reaction).where(Reaction.post_id == post.id, Reaction.member_id == viewer.id))
        telling.retract("congratulation", [(post.author_id, viewer.id)], about=post.key)
    return one_of(viewer, key)


def _to_author(viewer: Member, post: Any) -> telling.Pairs:
    """Return who is told of an answer: the author, but of no own one."""
    return [] if post.author_id == viewer.id else [(post.author_id, viewer.id)]


# Whom a viewer does not want to hear


def mute(viewer: Member, handle: str, days: int | None) -> Member:
    """Leave a connection out of the viewer's feed for so many days, None for good; return them. They are not told."""
    other = connections.one_of(viewer, handle)
    until = None if days is None else clock.now() + timedelta(days=days)
    _hear(viewer, other)
    db.session.execute(insert_ignoring(Mute, member_id=viewer.id, other_id=other.id, until=until))
    return other


def unmute(viewer: Member, handle: str) -> Member:
    """Hear from somebody again and return them; NotFound where they are not muted."""
    other: Member | None = db.session.scalar(muted(viewer).where(Member.handle == handle).with_only_columns(Member))
    if other is None:
        raise NotFound
    _hear(viewer, other)
    return other


def _hear(viewer: Member, other: Member) -> None:
    db.session.execute(delete(Mute).where(Mute.member_id == viewer.id, Mute.other_id == other.id))


def mute_of(viewer: Member, handle: str) -> Any:
    """Return who has this handle and until when the viewer has muted them; None where they are not muted."""
    return db.session.execute(muted(viewer).where(Member.handle == handle)).one_or_none()


def muted_among(viewer: Member, ids: Sequence[int]) -> set[int]:
    """Return whom of these the viewer has muted now. One statement."""
    if not ids:
        return set()
    return set(db.session.scalars(_muted_among(), {"viewer": viewer.id, "given": list(ids)}))


@built_once
def _muted_among() -> Any:
    given = values_given()
    mine = select(Mute.other_id).join(given, given.c.value == Mute.other_id)
    return mine.where(Mute.member_id == AnyViewer.id, _running())


def muted(viewer: Member) -> Any:
    """Return whom the viewer has muted and until when, by name; nobody who does not exist for the viewer."""
    return (
        select(*IN_LISTS, Mute.until)
        .join(Mute, Mute.other_id == Member.id)
        .where(
            Mute.member_id == viewer.id,
            _running(),
            visible(),
            ~relationships.blocked_between(viewer, Member.id),
        )
        .order_by(Member.name_key, Member.id)
    )


# One's own words


def _of_whom(viewer: Member) -> Any:
    """Return the name of a post's author while the viewer sees the post; the post is outer joined."""
    return case((_seen_by(viewer), Member.name), else_=None).label("name")


def own_comments(viewer: Member) -> Any:
    """Return the viewer's comments, each with whose post it stands under while the viewer sees that; `id` to read on by."""
    return (
        select(Comment.id, Comment.body, Comment.created_at, _of_whom(viewer))
        .join(Post, Post.id == Comment.post_id)
        .join(Member, Member.id == Post.author_id)
        .where(Comment.author_id == viewer.id)
    )


def own_congratulations(viewer: Member) -> Any:
    """Return what the viewer congratulated on, likewise."""
    return (
        select(Post.id, Reaction.created_at, _of_whom(viewer))
        .join(Reaction, Reaction.post_id == Post.id)
        .join(Member, Member.id == Post.author_id)
        .where(Reaction.member_id == viewer.id)
    )


# The feed for a program


def new_address(viewer: Member) -> str:
    """Return the token of a new address at which a program may read the viewer's feed. The one before ends; only a digest is kept."""
    end_address(viewer)
    token = tokens.new()
    db.session.add(FeedAddress(member_id=viewer.id, digest=tokens.digest(token), created_at=clock.now()))
    db.session.flush()
    return token


def end_address(viewer: Member) -> None:
    """End the viewer's address; whoever has it reads nothing more."""
    db.session.execute(delete(FeedAddress).where(FeedAddress.member_id == viewer.id))


def address_since(viewer: Member) -> datetime | None:
    """Return since when the viewer has an address for programs; None without one."""
    return db.session.scalar(select(FeedAddress.created_at).where(FeedAddress.member_id == viewer.id))


def owner_of(token: str) -> Member:
    """Return whose feed is read at an address, else NotFound; also for who is suspended or leaving."""
    found = db.session.scalar(
        select(Member)
        .join(FeedAddress, FeedAddress.member_id == Member.id)
        .where(FeedAddress.digest == tokens.digest(token), visible())
    )
    if found is None:
        raise NotFound
    return found


def count_read(owner_id: int) -> None:
    """Count one reading by a program; TooMany beyond 60 in an hour."""
    if not throttles.count_reading(ATOM_READS, str(owner_id)):
        raise TooMany(N_("That is too often. Read the feed once in a few minutes at most."), retry_after=3600)


def sweep(now: datetime) -> int:
    """Delete what was written by itself and is too old for any feed, and mutes that have ended; return how many."""
    old = delete(Post).where(Post.kind.not_in(ANSWERED), Post.created_at <= now - timedelta(days=DAYS))
    gone: Sequence[Any] = [old, delete(Mute).where(Mute.until <= now)]
    return sum(
        db.session.execute(each.execution_options(synchronize_session=False)).rowcount  # type: ignore[attr-defined]
        for each in gone
    )
