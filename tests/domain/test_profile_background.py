"""Experience, education, skills and endorsements."""

import pytest

from tests import factories
from webapp import clock
from webapp.domain import moderation, profiles, relationships
from webapp.domain.errors import Invalid, NotFound, Refused
from webapp.extensions import db
from webapp.models.notification import Notification
from webapp.models.profile import Endorsement


@pytest.fixture
def cleo(context):
    return factories.member("Cleo Braun")


def entry(member, what, begun, ended="", section="experience"):
    return profiles.add_entry(member, section, what=what, at="Somewhere", from_year=str(begun), to_year=str(ended))


def test_entries_stand_with_what_goes_on_first_and_then_the_latest(ana):
    for what, begun, ended in (("Third", 2010, 2014), ("First", 2020, ""), ("Second", 2014, 2020)):
        entry(ana, what, begun, ended)
    entry(ana, "Studies", 2005, 2010, section="education")
    seen = profiles.seen_by(ana, ana)
    assert [each.what for each in seen.experience] == ["First", "Second", "Third"]
    assert [each.what for each in seen.education] == ["Studies"]


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"what": " "}, "what"),
        ({"what": "x" * 121}, "what"),
        ({"at": "x" * 121}, "at"),
        ({"from_year": ""}, "from_year"),
        ({"from_year": "1899"}, "from_year"),
        ({"from_year": "²⁰²¹"}, "from_year"),
        ({"to_year": "soon"}, "to_year"),
        ({"from_year": "2020", "to_year": "2019"}, "to_year"),
    ],
)
def test_an_entry_that_does_not_hold_is_refused(ana, changed, problem):
    with pytest.raises(Invalid) as refused:
        profiles.add_entry(
            ana, "experience", **{"what": "Diver", "at": "Sea", "from_year": "2020", "to_year": ""} | changed
        )
    assert list(refused.value.fields) == [problem]


def test_an_entry_is_changed_and_deleted_by_its_owner_alone(ana, ben):
    row = entry(ana, "Diver", 2020)
    for attempt in (
        lambda: profiles.change_entry(ben, row.key, what="x", at="", from_year="2020"),
        lambda: profiles.remove_entry(ben, row.key),
        lambda: profiles.add_entry(ben, "hobbies", what="x", at="", from_year="2020"),
    ):
        with pytest.raises(NotFound):
            attempt()
    profiles.change_entry(ana, row.key, what="Chief diver", at="", from_year="2020", to_year="2024")
    assert profiles.seen_by(ana, ana).experience[0].to_year == 2024
    profiles.remove_entry(ana, row.key)
    assert profiles.seen_by(ana, ana).experience == ()


def test_there_is_an_end_to_entries(ana):
    for number in range(30):
        entry(ana, f"Position {number}", 2000)
    with pytest.raises(Refused):
        entry(ana, "One more", 2000)


# Skills


def listed(owner, viewer=None):
    return [each.name for each in profiles.seen_by(viewer or owner, owner).skills]


def test_skills_keep_their_order_and_can_be_moved(ana, ben):
    for name in ("Kelp", "Tides", "Grants"):
        last = profiles.add_skill(ana, name)
    assert listed(ana) == ["Kelp", "Tides", "Grants"]
    for _twice in range(2):
        profiles.move_skill(ana, last.key, 2)
        assert listed(ana, ben) == ["Kelp", "Grants", "Tides"]
    profiles.move_skill(ana, last.key, 0)
    assert listed(ana) == ["Grants", "Kelp", "Tides"]
    profiles.move_skill(ana, last.key, 2)
    assert listed(ana) == ["Kelp", "Grants", "Tides"]
    profiles.move_skill(ana, last.key, 2**31 - 1)
    assert listed(ana) == ["Kelp", "Tides", "Grants"]
    with pytest.raises(NotFound):
        profiles.move_skill(ben, last.key, 1)


def test_a_skill_is_listed_once_and_fifty_are_the_most(ana):
    profiles.add_skill(ana, "Café keeping")
    for name in ("cafe  KEEPING", "", "x" * 41):
        with pytest.raises(Invalid):
            profiles.add_skill(ana, name)
    for number in range(49):
        profiles.add_skill(ana, f"Skill {number}")
    with pytest.raises(Refused):
        profiles.add_skill(ana, "One more")


# Endorsements


@pytest.fixture
def kelp(ana, ben):
    """A skill of Ana's, whom Ben is connected to."""
    factories.connect(ana, ben)
    skill = profiles.add_skill(ana, "Kelp")
    db.session.commit()
    return skill


def count(viewer, owner):
    [skill] = profiles.seen_by(viewer, owner).skills
    return skill.endorsed, skill.by_viewer


def told(owner):
    return [row.kind for row in db.session.query(Notification).filter_by(member_id=owner.id)]


def test_a_connection_endorses_and_takes_it_back_and_twice_is_once(ana, ben, cleo, kelp):
    for _time in range(2):
        profiles.endorse(ben, ana, kelp.key, on=True)
        db.session.commit()
    assert (count(ben, ana), count(cleo, ana)) == ((1, True), (1, False))
    assert told(ana) == ["endorsement"]
    for _time in range(2):
        profiles.endorse(ben, ana, kelp.key, on=False)
        db.session.commit()
    assert count(ben, ana) == (0, False)
    assert told(ana) == []


def test_only_a_connection_who_sees_the_skill_endorses_it(ana, ben, cleo, kelp):
    for viewer in (cleo, ana):
        with pytest.raises(NotFound):
            profiles.endorse(viewer, ana, kelp.key, on=True)
    profiles.edit(ana, {"skills": "me"})
    with pytest.raises(NotFound):
        profiles.endorse(ben, ana, kelp.key, on=True)


def test_removing_ends_the_endorsements_of_both_and_its_undo_brings_them_back(ana, ben, kelp):
    other = profiles.add_skill(ben, "Tides")
    profiles.endorse(ben, ana, kelp.key, on=True)
    profiles.endorse(ana, ben, other.key, on=True)
    relationships.end(ana, ben)
    db.session.commit()
    assert (count(ana, ana), count(ben, ben)) == ((0, False), (0, False))
    relationships.undo_end(ana, ben)
    db.session.commit()
    assert (count(ben, ana), count(ana, ben)) == ((1, True), (1, True))


def test_a_new_connection_begins_without_the_endorsements_of_the_old_one(ana, ben, kelp):
    profiles.endorse(ben, ana, kelp.key, on=True)
    relationships.end(ana, ben)
    db.session.commit()
    clock.move(days=400)
    factories.connect(ana, ben)
    assert count(ben, ana) == (0, False)
    profiles.endorse(ben, ana, kelp.key, on=True)
    db.session.commit()
    assert count(ben, ana) == (1, True)
    assert db.session.query(Endorsement).count() == 1


def test_a_block_takes_endorsements_from_what_either_counts(ana, ben, cleo, kelp):
    factories.connect(ana, cleo)
    profiles.endorse(ben, ana, kelp.key, on=True)
    profiles.endorse(cleo, ana, kelp.key, on=True)
    moderation.block(cleo, ben)
    db.session.commit()
    assert count(cleo, ana) == (1, True)
    assert count(ana, ana) == (2, False)
    moderation.block(ana, ben)
    db.session.commit()
    assert count(ana, ana) == (1, False)


def test_the_owner_hides_an_endorsement_and_whoever_gave_it_cannot_tell(ana, ben, cleo, kelp):
    profiles.endorse(ben, ana, kelp.key, on=True)
    db.session.commit()
    before = count(ben, ana)
    profiles.hide_endorsement(ana, kelp.key, ben.handle, hide=True)
    db.session.commit()
    assert (count(cleo, ana), count(ana, ana), count(ben, ana)) == ((0, False), (0, False), before)
    assert [(row.name, row.hidden_at is not None) for row in profiles.endorsers(ana, kelp.key)] == [
        ("Ben Okafor", True)
    ]
    profiles.hide_endorsement(ana, kelp.key, ben.handle, hide=False)
    db.session.commit()
    assert count(cleo, ana) == (1, False)
    for viewer, handle in ((ben, ben.handle), (ana, cleo.handle)):
        with pytest.raises(NotFound):
            profiles.hide_endorsement(viewer, kelp.key, handle, hide=True)
    with pytest.raises(NotFound):
        profiles.endorsers(ben, kelp.key)


def test_a_skill_goes_with_its_endorsements_and_what_was_told(ana, ben, kelp):
    profiles.endorse(ben, ana, kelp.key, on=True)
    profiles.remove_skill(ana, kelp.key)
    db.session.commit()
    assert (listed(ana), told(ana), db.session.query(Endorsement).count()) == ([], [], 0)


def test_a_profile_costs_four_statements_however_much_it_says(ana, ben, kelp, statements):
    counts = []
    for number in range(2):
        for each in range(5):
            profiles.add_skill(ana, f"Skill {number} {each}")
            entry(ana, f"Position {number} {each}", 2000)
            profiles.add_detail(ana, "messenger", f"@ana{each}")
        db.session.commit()
        db.session.refresh(ana)
        db.session.refresh(ben)
        with statements() as seen:
            profiles.seen_by(ben, ana)
        counts.append(len([each for each in seen if each.startswith("SELECT")]))
    assert counts == [4, 4]
