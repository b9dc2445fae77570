"""What the sample members say about themselves beyond a line: where they worked and studied, what they can do, how to reach them."""

import random
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import insert, select

from webapp import tokens
from webapp.demo.bulk import Newcomer
from webapp.demo.people import PLACES, WORK
from webapp.domain import names, profiles
from webapp.domain.names import fold
from webapp.extensions import db
from webapp.models.member import Member
from webapp.models.profile import ContactInfo, Endorsement, ProfileEntry, Skill

SCHOOLS = (
    "Northgate College",
    "University of Northgate",
    "Harbour Polytechnic",
    "Lakeview Academy",
    "Academy of Sciences",
)
SKILLS: Mapping[str, Sequence[str]] = {
    "Engineering": ("Timber structures", "Finite elements", "Site supervision", "Load testing"),
    "Research": ("Statistics", "Field work", "Grant writing", "Peer review"),
    "Software": ("Python", "Accessibility", "Code review", "Databases"),
    "Health": ("Triage", "Patient safety", "Public health", "Teaching on the ward"),
}
SKILLS_OF_ALL = (
    "Mentoring",
    "Public speaking",
    "Project planning",
    "Writing",
    "Negotiation",
    "Budgeting",
    "Facilitation",
)
ABOUTS = (
    "I like field work, slow data and well-kept notebooks.",
    "Happy to talk to anyone thinking about a change of career.",
    "Twenty years in, still curious. Ask me about the early days.",
    "",
    "",
)
AUDIENCES = ("connections", "connections", "members", "members", "public", "me")


def write(
    ids: Sequence[int], people: Sequence[Newcomer], pairs: set[tuple[int, int]], now: datetime, choose: random.Random
) -> None:
    """Give everybody entries, skills with endorsements from connections, and contact information with varied audiences."""
    entries: list[dict[str, Any]] = []
    skills: list[dict[str, Any]] = []
    details: list[dict[str, Any]] = []
    for member_id, person in zip(ids, people, strict=True):
        entries += [{"member_id": member_id, "key": tokens.new()} | row for row in _entries(person, now.year, choose)]
        skills += [
            {"member_id": member_id, "key": tokens.new(), "name": name, "name_key": fold(name), "rank": rank}
            for rank, name in enumerate(_skills(person, choose), 1)
        ]
        changed = now - timedelta(days=choose.randint(3, 300))
        details += [
            {"member_id": member_id, "key": tokens.new(), "changed_at": changed} | row
            for row in _details(person, choose)
        ]
    for model, rows in ((ProfileEntry, entries), (Skill, skills), (ContactInfo, details)):
        db.session.execute(insert(model), rows)
    _endorse(pairs, now, choose)
    for number, member_id in enumerate(ids):
        member = db.session.get_one(Member, member_id)
        member.mentors = number % 6 == 3  # noqa: PLR2004 - some, everywhere
        names.refresh(member)
        if number and number % 4 == 0:
            profiles.edit(member, {"about": choose.choice(AUDIENCES)}, about=choose.choice(ABOUTS))
        if number % 9 == 1:
            profiles.edit(member, {"cohort": "connections", "tags": "connections"}, tags="sailing, choir")
    profiles.edit(
        db.session.get_one(Member, ids[0]), {"headline": "public", "organisation": "public"}, tags="timber, teaching"
    )


def _entries(person: Newcomer, year: int, choose: random.Random) -> list[dict[str, Any]]:
    left = int(person.cohort or year - 8)
    moved = min(year, left + choose.randint(2, 9))
    titles, organisations = WORK[person.field]
    jobs: list[tuple[Any, ...]] = [(person.title, person.organisation, moved, None)]
    if moved > left:
        jobs.append((choose.choice(titles), choose.choice(organisations), left, moved))
    studied = (person.field, choose.choice(SCHOOLS), left - choose.randint(3, 5), left)
    rows = [("experience", *job) for job in jobs] + [("education", *studied)]
    return [dict(zip(("section", "what", "at", "from_year", "to_year"), row, strict=True)) for row in rows]


def _skills(person: Newcomer, choose: random.Random) -> list[str]:
    own = list(SKILLS.get(person.field, ()))
    return choose.sample(own, min(len(own), 3)) + choose.sample(SKILLS_OF_ALL, choose.randint(1, 3))


def _details(person: Newcomer, choose: random.Random) -> list[dict[str, Any]]:
    first = fold(person.name).split()[0]
    number = choose.randint(1000, 9999)
    found = [
        ("email", "Work", person.address.replace("@", "+work@"), choose.choice(AUDIENCES)),
        ("phone", "Mobile", f"+44 20 7946 {number}", choose.choice(("me", "connections"))),
        ("site", "", f"https://{first}.example", choose.choice(AUDIENCES)),
        ("messenger", "Signal", f"@{first}.{number}", "connections"),
        ("birthday", "", f"--{choose.randint(1, 12):02}-{choose.randint(1, 28):02}", "connections"),
        ("address", "Home", f"{number % 200 + 1} Quay Street\n{choose.choice(PLACES)}", "connections"),
    ]
    chosen = found if number % 10 == 0 else choose.sample(found, choose.randint(1, 4))
    return [dict(zip(("kind", "label", "value", "audience"), row, strict=True)) for row in chosen]


def _endorse(pairs: set[tuple[int, int]], now: datetime, choose: random.Random) -> None:
    """Let about every third connection endorse a skill of the other."""
    listed: dict[int, list[int]] = {}
    for skill_id, member_id in db.session.execute(select(Skill.id, Skill.member_id).order_by(Skill.id)):
        listed.setdefault(member_id, []).append(skill_id)
    given = [
        {"skill_id": choose.choice(listed[owner]), "by_id": by, "created_at": now}
        for pair in sorted(pairs)
        for owner, by in (pair, pair[::-1])
        if choose.random() < 1 / 3
    ]
    db.session.execute(insert(Endorsement), given)
