"""A vault as a process, for ``test_serving.py``: says where it listens and gives two signed requests to send there.

Its writer waits for a line on standard input at the group that follows, so that a request is under way for as long as
the test wants.
"""

from __future__ import annotations

import json
import socket
import sys
from pathlib import Path

from tests.vault_stage import VaultStage, dumps_json
from vault_api import logs
from vault_api.serving import serve


class Waits:
    def __init__(self) -> None:
        self.armed = False

    def __call__(self, step: str) -> None:
        if self.armed and step == "begun":
            self.armed = False
            print("begun", flush=True)
            sys.stdin.readline()


def main() -> None:
    logs.set_up()
    waits = Waits()
    stage = VaultStage(Path(sys.argv[1]), on_step=waits)
    alice = stage.holder()
    said = dumps_json({"statement": alice.statement("notice", text="a word")})
    feed, post = "/v1/me/notices?wait=25", "/v1/me/statements"
    told = {
        "poll": stage.signed(alice, "GET", feed, b"", {}),
        "post": stage.signed(alice, "POST", post, said, {"content-type": "application/json"}),
        "body": said.decode(),
    }
    waits.armed = True
    listener = socket.create_server(("127.0.0.1", 0))
    print(json.dumps({**told, "port": listener.getsockname()[1]}), flush=True)
    serve(stage.client.app, stage.settings, stage.vault.load, stage.vault.waiters.close, listener)
    stage.close()


if __name__ == "__main__":
    main()
