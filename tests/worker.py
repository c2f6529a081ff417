"""A process that does one thing after another for the tests of killed imports, each in a child.

Importing the libraries takes longer than the import of a few hundred parcels; a child forked from
here has them already, so that it can be killed at fifty moments within a minute. Orders come as
lines of JSON and are answered by lines of JSON: first the child's number, then how it ended.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from pathlib import Path

import pyogrio
from town import AT, DAY

from layers import catalog
from parcels.ingest.delivery import receive
from parcels.recording import Act
from parcels.register import Intake, Register

# Few layers, so that most of an import is the import and not the making of views.
LAYERS = [catalog.load()[key] for key in ("priority_plot", "farmland", "fuel_station")]


def bring_in(url: str, path: str, layer: str) -> None:
    """What `jingtu import` does, at a time that is always the same."""
    with Register(url, LAYERS) as register:
        came = receive(Path(path), register.layer(layer), register.territory)
        act = Act(by="示例经办人", at=AT, on=DAY, file=came.source)
        register.take_all(layer, [Intake(came.ready, act, came.ready_placement)])


def count(address: str, layer: str) -> None:
    """Let GDAL read the view of a layer to its end."""
    print(len(pyogrio.read_dataframe(address, layer=layer)), file=sys.stderr)


ORDERS = {"import": bring_in, "count": count}


def obey(order: str, *words: str) -> None:
    """Do one thing in this process and end it."""
    try:
        ORDERS[order](*words)
    except Exception:  # noqa: BLE001 - whatever it is, the test shows it
        traceback.print_exc()
        sys.stderr.flush()
        os._exit(1)
    os._exit(0)


def main() -> None:
    """Obey until there are no more orders."""
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            obey(*json.loads(line))
        print(json.dumps(child), flush=True)
        print(json.dumps(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])), flush=True)


if __name__ == "__main__":
    main()
