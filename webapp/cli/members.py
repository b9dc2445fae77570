"""The commands about one member, or all of them: for what only somebody at the machine may do."""

import click

from webapp import config
from webapp.cli.base import application, kith, plainly


@kith.command("make-admin")
@click.argument("email")
@plainly
def make_admin(email: str) -> None:
    """Make a member an operator. Without an account, print a link (60 minutes, used once) that makes one."""
    from webapp.domain import joining
    from webapp.domain.errors import DomainError
    from webapp.transaction import transaction

    with application(is_begun=True).app_context():
        try:
            with transaction():
                link = joining.make_operator(email)
        except DomainError as error:
            raise click.ClickException(f"{error}.") from None
        if link is None:
            click.echo(f"{email} runs this instance now.")
        else:
            click.echo(
                f"There is no account with {email}. Whoever opens this link within 60 minutes joins with it and runs this instance:"
            )
            click.echo(f"{config.setting('BASE_URL')}/operator/{link}")


@kith.command("drop-admin")
@click.argument("email")
@plainly
def drop_admin(email: str) -> None:
    """Make an operator a member like any other. The last one stays: somebody has to run the community."""
    from webapp.domain import accounts
    from webapp.domain.errors import DomainError
    from webapp.transaction import transaction

    with application(is_begun=True).app_context():
        try:
            with transaction():
                accounts.drop_operator(email)
        except DomainError as error:
            raise click.ClickException(f"{error}.") from None
    click.echo(f"{email} is a member like any other now.")


@kith.command("sign-out")
@click.argument("email", default="")
@click.option("--everybody", is_flag=True, help="Every member, not one.")
@plainly
def sign_out(email: str, *, everybody: bool) -> None:
    """Sign a member out everywhere, or all members. App passwords of devices go on."""
    from webapp.domain import accounts
    from webapp.transaction import transaction

    if bool(email) == everybody:
        raise click.ClickException("Name one member by their address, or say --everybody.")
    with application(is_begun=True).app_context(), transaction():
        member = None if everybody else accounts.by_address(email)
        if member is None and not everybody:
            raise click.ClickException(f"Nobody here has confirmed the address {email}.")
        ended = accounts.end_sign_ins(member)
    click.echo(f"{ended} sign-ins ended." if ended != 1 else "1 sign-in ended.")


@kith.command("lift-second-step", short_help="Remove the second steps of who has lost them all.")
@click.argument("email")
@plainly
def lift_second_step(email: str) -> None:
    """Remove every second step of a member who has lost them all. Make sure first that it is they who ask."""
    from webapp.domain import accounts, second_steps
    from webapp.transaction import transaction

    with application(is_begun=True).app_context(), transaction():
        member = accounts.by_address(email)
        if member is None:
            raise click.ClickException(f"There is no account with {email}. Nothing was changed.")
        removed = second_steps.lift(member)
    if not any(removed.values()):
        click.echo(f"{email} has no second step. Nothing was changed.")
        return
    counted = ", ".join(f"{name.replace('_', ' ')}s: {number}" for name, number in removed.items())
    click.echo(f"Removed ({counted}). {email} signs in with the password alone now; a mail tells them.")
