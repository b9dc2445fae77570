"""One's own profile: its fields and photo, contact information, experience and skills, and how others see it.

Everything is saved on its own: a row of a list becomes a small form in its place, or on a page of its own without JavaScript.
"""

from webapp.blueprints.profiles import background, details, fields, photos, skills, views
from webapp.blueprints.profiles.forms import bp

__all__ = ["background", "bp", "details", "fields", "photos", "skills", "views"]
