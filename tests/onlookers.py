"""Four profiles that show themselves to one audience each, six viewers, and what passes between them: here it is asked who sees what."""

from email import message_from_bytes, policy

from sqlalchemy import delete, select

from tests import dav, factories
from tests.wizard import Wizard
from webapp import clock, jobs
from webapp.domain import (
    cards,
    events,
    feed,
    introductions,
    links,
    messages,
    moderation,
    profiles,
    relationships,
    saved_searches,
    search,
)
from webapp.extensions import db
from webapp.mail import outbox
from webapp.models.base import to_ms
from webapp.models.mail import MailboxMessage, OutgoingMail
from webapp.models.message import Conversation
from webapp.models.notification import Notification

VIEWERS = ("not signed in", "member", "asked, no answer yet", "connection", "was a connection", "blocked")
AUDIENCES = ("me", "connections", "members", "public")
NAMES = dict(zip(AUDIENCES, ("alpha", "beta", "gamma", "delta"), strict=True))
OF_WORK = dict(
    zip(
        AUDIENCES, ("Arts and culture", "Climate and energy", "Food and farming", "Hospitality and travel"), strict=True
    )
)
"""Of a list, so that they only share "and", which nobody here says otherwise."""
CANARIES = {
    "headline": "Canaryheadline-{}",
    "organisation": "Canaryorganisation-{}",
    "title": "Canarytitle-{}",
    "place": "Canaryplace-{}",
    "cohort": "Canarycohort-{}",
    "tags": "Canarytag-{}",
    "about": "Canaryabout-{}",
    "links": "https://canary-{}.example",
    "experience": "Canaryposition-{}",
    "education": "Canarystudy-{}",
    "skills": "Canaryskill-{}",
    "contact": "Canarycontact-{}",
}
"""What stands nowhere else, however it is written into an address or a file. A word of it is shared by all who say it."""
MAILS = {
    "member": ("saved_search",),
    "asked, no answer yet": ("invitation", "guest_card"),
    "connection": ("connected", "message"),
    "was a connection": ("saved_search",),
}
"""Who gets which mails that the owner of a profile can cause; all of them a digest, too."""
DAY = 24 * 60 * 60 * 1000


class World:
    """Four who show their whole profile to one audience each, a viewer of each kind with their browser, and somebody all of them know.

    One set-up for everything that is asked, and one list shows all four.
    """

    def __init__(self, as_member):
        self.members = {name: factories.member(f"Viewer {number}") for number, name in enumerate(VIEWERS) if number}
        self.browsers = {name: as_member(self.members.get(name)) for name in VIEWERS}
        hub = factories.member("Hugo Hub", connections_shown="members")
        for member in self.members.values():
            factories.connect(hub, member)
            for q in ("olga", "delta"):  # a line of notifications shows three faces
                saved_searches.save(member, q, search.Query(q=q))
        owners = {
            audience: factories.member(f"Olga {name}", f"{name}@friends.example") for audience, name in NAMES.items()
        }
        self.asked = set()
        self.own, self.views = [as_member(owner) for owner in owners.values()], {}
        self.owners = {audience: owner.handle for audience, owner in owners.items()}
        self.hub, self.hub_id = hub.handle, hub.id
        self.post = feed.share(hub, "Good evening")
        self.link = links.make(self.members["connection"], "Reunion", 30, 200, connects=True)
        self.values, self.mailed = {}, {name: {} for name in VIEWERS}
        self.talks = {name: [] for name in VIEWERS}
        for audience, owner in owners.items():
            factories.connect(owner, hub)
            self.values[audience] = self._say(audience, owner)
            self._meet(owner)
            db.session.commit()
        self._keep(owners.values())
        self._part(owners.values(), hub)
        for audience, owner in owners.items():
            profiles.edit(owner, dict.fromkeys([*profiles.FIELD_NAMES, *profiles.PARTS], audience))
            [detail] = profiles.own_details(owner)
            profiles.change_detail(owner, detail.key, detail.value, "", audience)
        self.link = self.link.key
        db.session.commit()
        self._mail(owners.values())

    def _say(self, audience, owner):
        """Let a profile say everything, and tell of a new position while every member may see it."""
        said = {field: canary.format(NAMES[audience]) for field, canary in CANARIES.items()}
        said["field"] = OF_WORK[audience]
        profiles.edit(owner, **{name: said[name] for name in profiles.FIELD_NAMES if name != "photo"})
        profiles.set_photo(owner, {64: b"small", 256: b"large"})
        profiles.add_entry(owner, "experience", what=said["experience"], at="", from_year="2020")
        profiles.add_entry(owner, "education", what=said["education"], at="", from_year="2010")
        profiles.add_skill(owner, said["skills"])
        profiles.add_detail(owner, "messenger", said["contact"])
        feed.announce_position(owner)
        feed.comment(owner, self.post, "Sleep well")
        feed.share(owner, "Good morning", "members")
        return said | {"photo": owner.photo}

    def _meet(self, owner):
        """Let an owner come by a link, be a connection, and write to everybody."""
        links.use(owner, links.token_of(self.link))
        for name in ("was a connection", "blocked"):
            factories.connect(owner, self.members[name])
        for name, member in self.members.items():
            member.writable, member.mails_message_text = "members", True
            message = messages.write_to(owner, member, "Hello")
            talk = select(Conversation.key).where(Conversation.id == message.conversation_id)
            self.talks[name].append((db.session.scalars(talk).one(), message.key))

    def _keep(self, owners):
        """Let the viewers keep cards with a tag, an address of their feed, a device; who is parted later has muted the owners."""
        self.tags, self.atoms, self.devices = {}, {}, {}
        for name, member in self.members.items():
            for owner in owners:
                cards.set_tags(member, owner, "Choir")
                cards.set_every(member, owner, 1)
                if name in {"was a connection", "blocked"}:
                    feed.mute(member, owner.handle, None)
            self.tags[name] = cards.tags(member)[0].key
            self.atoms[name] = feed.new_address(member)
            self.devices[name] = dav.Device(self.browsers["not signed in"].client, member, member.handle)
        db.session.commit()

    def _part(self, owners, hub):
        """Let connections end, block, invite, be introduced, be found by the saved searches, and be in an address book."""
        asked = []
        for owner in owners:
            relationships.end(self.members["was a connection"], owner)
            moderation.block(owner, self.members["blocked"])
            relationships.invite(owner, [self.members["asked, no answer yet"]])
            asked.append(introductions.ask(owner, self.members["member"], hub.handle, "Both sing").key)
        db.session.commit()
        clock.move(seconds=61)
        jobs.release()
        for key in asked:
            introductions.pass_on(hub, key, "You would like each other")
        for name in ("member", "was a connection"):
            wanted = {("saved_search", channel) for channel in ("app", "email")}
            events.choose(self.members[name], ["saved_search"], wanted, "each")
        saved_searches.look(clock.now() + saved_searches.EVERY)
        db.session.commit()
        for name in self.members:
            book = [f"{each} <{each}@friends.example>" for each in NAMES.values()]
            Wizard(self.browsers[name]).paste(*book, "Ada <ada@out.example>")
        self.lines = {
            name: {
                f"/notifications/people?kind={told.kind}&about={told.about}&day={to_ms(told.visible_from) // DAY}"
                for told in db.session.scalars(select(Notification).where(Notification.member_id == member.id))
                if told.actor_id != hub.id
            }
            for name, member in self.members.items()
        }

    def _mail(self, owners):
        """Let every mail leave that an owner can cause, and then a digest."""
        db.session.execute(delete(OutgoingMail))
        for name, kinds in MAILS.items():
            for kind in kinds:
                for owner, (talk, message) in zip(owners, self.talks[name], strict=True):
                    facts = {"conversation": talk, "message": message} if kind == "message" else {"about": kind}
                    outbox.put(kind, to=self.members[name], by=owner, facts=facts)
        self._deliver("each")
        for name in MAILS:
            outbox.put("digest", to=self.members[name], facts={"since": 0, "until": to_ms(clock.now())})
        self._deliver("daily")
        mails = select(OutgoingMail.to_member_id, OutgoingMail.kind, MailboxMessage.raw)
        of = {member.id: name for name, member in self.members.items()}
        for row in db.session.execute(mails.join(MailboxMessage, MailboxMessage.mail_id == OutgoingMail.id)):
            self.mailed[of[row.to_member_id]].setdefault(row.kind, []).append(words(row.raw))
        for name, kinds in MAILS.items():
            sent = {kind: len(texts) for kind, texts in self.mailed[name].items()}
            assert sent == dict.fromkeys(kinds, len(self.owners)) | {"digest": 1}, name

    def _deliver(self, digest):
        for name in MAILS:
            self.members[name].digest = digest
        db.session.commit()
        jobs.run_due()

    def said(self, *texts):
        """Whose fields stand in these texts, in whatever case: (audience, field)."""
        texts = [text.lower() for text in texts]
        return {
            (audience, field)
            for audience, values in self.values.items()
            for field, value in values.items()
            if any(value.lower() in text for text in texts)
        }


def words(raw):
    """What a mail says, in its headers and its texts."""
    mail = message_from_bytes(raw, policy=policy.default)
    texts = [part.get_content() for part in mail.walk() if part.get_content_maintype() == "text"]
    return " ".join([*map(str, mail.values()), *texts])
