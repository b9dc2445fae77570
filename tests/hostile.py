"""Names and texts that would like to be something else: markup, script, a template, a direction, an empty space."""

from sqlalchemy import JSON, String, Text, bindparam, select, update

from webapp.domain import names
from webapp.extensions import db
from webapp.models.member import Member

TEXTS = (
    "<script>window.hit=1</script>",
    "<img src=x onerror=window.hit=2>",
    '"><svg/onload=window.hit=3>',
    "' onfocus=window.hit=4 autofocus x='",
    '" autofocus onfocus=window.hit=5 x="',
    "javascript:window.hit=6",
    "</title><script>window.hit=7</script>",
    "</textarea><script>window.hit=8</script>",
    "<iframe src=//evil.example/frame></iframe>",
    "<link rel=stylesheet href=//evil.example/a.css>",
    "<base href=//evil.example/>",
    "<meta http-equiv=refresh content=0;url=//evil.example/>",
    "<form action=//evil.example/><button>Accept</button></form>",
    "<div hx-get=//evil.example/ hx-trigger=load>x</div>",
    "<b hx-on:load=window.hit=9 hx-trigger=load>x</b>",
    "<button popovertarget=me-menu>Menu</button>",
    "<dialog open>Trust me</dialog>",
    "<template id=trouble>Nothing wrong</template>",
    "<div id=toasts hx-swap-oob=true>Nothing wrong</div>",
    "<style>*{display:none}</style>",
    "<object data=//evil.example/x></object>",
    "<math><mtext></mtext><mglyph><style><!--</style><img src=x onerror=window.hit=10>",
    "{{ 7*7 }}{% include 'errors/500.html' %}",
    "{{ config.SECRET_KEY }}",
    "${7*7} #{7*7} <%= 7*7 %>",
    "%(name)s %s %n %d 100% {0} {name}",
    "&lt;b&gt;&amp;amp;&quot;&#39;&#x3c;",
    "'; DROP TABLE member; --",
    '=HYPERLINK("http://evil.example","Click")',
    "Ana\\u202e\\x00\\r\\nBcc: all@evil.example",
    "http://evil.example/ Bank support",
    "//evil.example/%2e%2e/%00",
    "../../../../etc/passwd",
    "Ольга Мельник",
    "田中太郎",
    "علي أحمد (مهندس)",
    "🏳️‍🌈 Zoë O’Brien-Ñuñez 👩🏽‍🚀",
    "Z͑ͫ̓ͪ̂ͫ̽͏̴̙̤̞͉͚̯̞̠͍A̴̵̜̰͔ͫ͗͢L̠ͨͧͩ͘G̴̻͈͍͔̹̑͗̎̅͛́Ǫ̵̹̻̝̳͂̌̌͘",
    "Wolfeschlegelsteinhausenbergerdorffwelchevoralternwarengewissenhaft",
    "x" * 60 + " <u>" + "y" * 30,
)

WRITTEN = {
    "app_password": {"name"},
    "applicant": {"why"},
    "comment": {"body"},
    "contact_info": {"label", "value"},
    "conversation": {"name"},
    "invite_link": {"comment"},
    "introduction": {"why", "words"},
    "member": {"name", "headline", "organisation", "title", "tags", "place", "cohort", "about"},
    "passkey": {"name"},
    "post": {"body"},
    "profile_entry": {"what", "at"},
    "profile_field": {"value"},
    "message": {"body"},
    "relationship": {"low_note", "high_note"},
    "report": {"text", "note", "decided"},
    "saved_search": {"name"},
    "sign_in": {"agent"},
    "skill": {"name"},
}
"""What people write: table -> columns. A list of texts, where the column is JSON."""

FREE = {"contact_info": ("kind", {"address", "messenger"}), "profile_field": ("name", {"tags"})}
"""In these tables only some rows hold what people write freely: the column that tells, and its values."""

OURS = {
    "act": {"digest", "kind", "member_salt", "member_seal", "operator_salt", "operator_seal", "reason"},  # no line is changed
    "app_password": {"hashed"},
    "applicant": {"accepts", "decision"},
    "archive": {"name", "state"},
    "address_book_import": {"door", "state", "failure"},
    "batch": {"key"},
    "contact_info": {"key", "kind", "audience"},
    "comment": {"key", "form"},
    "contacts_ledger": {"digest"},
    "contacts_ledger_line": {"digest", "facts", "what"},
    "conversation": {"key", "kind"},
    "departure": {"stage", "counts"},
    "door_tally": {"door", "what"},
    "profile_link": {"lookup"},
    "email_address": {"address", "lookup"},
    "event_choice": {"channel", "event"},
    "feed_address": {"digest"},
    "guest_address": {"lookup", "link_digest"},
    "guest_invitation": {"key", "lookup", "state", "quiet_reason"},
    "import_part": {"kind"},
    "inquiry": {"lookup"},
    "invite_link": {"key"},
    "introduction": {"key", "state"},
    "lease": {"name", "holder"},
    "log_in": {"key", "door", "issuer", "subject"},
    "mailbox_message": {"recipient", "subject"},
    "member": {
        "handle", "sort_as", "name_key", "sort_key", "search_text", "password_hash", "field", "links", "photo", "findable",
        "likeness", "writable", "askable", "connections_shown", "digest", "roster_cohort",
    },
    "message": {"key", "client_id", "folded"},
    "notice": {"address", "change", "primary", "told"},
    "notification": {"kind", "about"},
    "outgoing_mail": {"kind", "facts", "state", "reason"},
    "participant": {"state"},
    "photo": {"name"},
    "post": {"form", "audience", "key", "kind"},
    "private_card": {"key"},
    "profile_entry": {"key", "section"},
    "profile_field": {"name", "audience"},
    "relationship": {"state", "undo_state"},
    "passkey": {"transports"},
    "recovery_code": {"hashed"},
    "report": {"reason", "what", "decision"},
    "roster_entry": {"lookup", "cohort"},
    "saved_search": {"key", "query"},
    "sign_in": {"digest"},
    "skill": {"key", "name_key"},
    "tag": {"key"},
    "throttle": {"key"},
    "ticket": {"digest", "purpose", "payload"},
}  # fmt: skip
"""What we write, or check so closely that nothing of this kind can stand in it."""


def text_columns():
    """Every column that could hold a text, as table -> names."""
    return {
        table.name: {
            column.name
            for column in table.columns
            if isinstance(column.type, String | Text | JSON) and not column.foreign_keys
        }
        for table in db.metadata.sorted_tables
    }


def write_everywhere(give=lambda _table, _row, _column, number: TEXTS[number % len(TEXTS)]):
    """Let everything that people wrote be one of these texts, each row the next one; or what `give` says."""
    for name, columns in WRITTEN.items():
        table = db.metadata.tables[name]
        keys = list(table.primary_key.columns)
        tells, free = FREE.get(name, ("", set()))
        which = [table.columns[tells].in_(free)] if tells else []
        rows = db.session.execute(select(*keys).where(*which).order_by(*keys)).all()
        if not rows:
            continue
        changes = []
        for number, row in enumerate(rows):
            change = {f"key_{key.name}": value for key, value in zip(keys, row, strict=True)}
            for place, column in enumerate(sorted(columns)):
                text = give(name, tuple(row), column, number + place)
                change[f"new_{column}"] = (
                    [text]
                    if isinstance(table.columns[column].type, JSON)
                    else text[: table.columns[column].type.length]
                )
            changes.append(change)
        statement = update(table).values({column: bindparam(f"new_{column}") for column in columns})
        for key in keys:
            statement = statement.where(key == bindparam(f"key_{key.name}"))
        db.session.connection().execute(statement, changes)
    db.session.expire_all()
    for member in db.session.scalars(select(Member)):
        names.refresh(member)
    db.session.commit()
