"""`jingtu serve`: the pages that inspectors and staff open every day."""

from __future__ import annotations

from typing import Annotated

import typer

from maps import settings
from maps.cli.desk import desk_of


def serve(
    context: typer.Context,
    host: Annotated[str, typer.Option(help="web.serve.host")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="web.serve.port")] = 8080,
    behind_tls: Annotated[bool, typer.Option("--behind-tls", help="web.serve.behind_tls")] = False,
) -> None:
    """Serve the pages until Ctrl-C."""
    # Loaded where it is needed: every other command starts sooner without.
    from maps.web import serving  # noqa: PLC0415 - see above

    desk = desk_of(context)

    def started(address: str, link: str | None) -> None:
        desk.print(desk.say("web.serve.listening", address=address))
        if link is not None:
            desk.print(desk.say("web.serve.link", link=link))

    layers = desk.catalog()
    secret, declared = settings.read().secret, desk.indicators(layers)
    wish = serving.Wish(host, port, secret, behind_tls, desk.lang, desk.user, declared)
    with desk.open(layers, create=True) as register:
        serving.serve(register, layers, wish, started=started)
