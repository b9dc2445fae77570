"""What goes wrong, as the log says it: with the text of the error."""

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from webapp.extensions import db


def test_the_text_of_a_databases_error_has_no_value_that_was_given_to_it(context):
    with pytest.raises(DBAPIError, match="nowhere") as raised:
        db.session.execute(text("SELECT 1 FROM nowhere WHERE address = :address"), {"address": "ada@secret.example"})
    assert "ada@secret.example" not in str(raised.value)
