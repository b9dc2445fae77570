"""The operators' desk: what they look at and do to keep a community going, beside reports and suspensions (`acts`, `moderation`).

It knows members and numbers. No address book, no private card, no message and no address of a guest is read here; of a member's
addresses one is, on the page of that member (`members.address_of`).
"""
