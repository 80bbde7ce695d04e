"""A plain PyTorch server of the same model: what a team writes that has a network and no serving library.

    python -m bench.serve.torch_server --items 40000 --hidden 128 --port 8000

aiohttp, one process and one thread. A session's hidden state is kept in a dict of the process; an event is one step of
the GRU, a product with all items in float32, and the 20 best. There is no store, no deduplication, no filter and no
metric, and a restart forgets all sessions. Weights are random: the time does not depend on them.
"""

import argparse
from typing import cast

import msgspec
import torch
from aiohttp import web

from bench.common.random_model import item_ids

TOP = 20
MAX_SESSIONS = 100_000
"""Sessions kept; the oldest is dropped."""


class _Event(msgspec.Struct):
    item_id: str


class _Body(msgspec.Struct):
    events: list[_Event]


class _Item(msgspec.Struct):
    item_id: str
    score: float


class _Answer(msgspec.Struct):
    session_id: str
    served_by: str
    recommendations: list[_Item]


class Server:
    """The model and the sessions of one process.

    Args:
        items: number of items.
        hidden: size of the hidden state and of an item's row.
    """

    def __init__(self, items: int, hidden: int) -> None:
        torch.manual_seed(1)
        self._table = torch.randn(items, hidden) / hidden**0.5
        self._gru = torch.nn.GRUCell(hidden, hidden).eval()
        self._ids = item_ids(items)
        self._index = {item_id: index for index, item_id in enumerate(self._ids)}
        self._start = torch.zeros(hidden)
        self._sessions: dict[str, torch.Tensor] = {}
        self._decoder, self._encoder = msgspec.json.Decoder(_Body), msgspec.json.Encoder()

    async def append(self, request: web.Request) -> web.Response:
        """Step a session by its events and rank all items."""
        session_id = request.match_info["session_id"]
        body = self._decoder.decode(await request.read())
        with torch.inference_mode():
            hidden = self._sessions.pop(session_id, self._start)
            for event in body.events:
                hidden = self._gru(self._table[self._index[event.item_id]], hidden)
            scores, best = torch.topk(self._table @ hidden, TOP)
        self._sessions[session_id] = hidden
        if len(self._sessions) > MAX_SESSIONS:
            del self._sessions[next(iter(self._sessions))]
        pairs = zip(cast(list[int], best.tolist()), cast(list[float], scores.tolist()), strict=True)
        answer = _Answer(session_id, "session", [_Item(self._ids[index], score) for index, score in pairs])
        return web.Response(body=self._encoder.encode(answer), content_type="application/json")


def main() -> None:
    """Serve until a signal."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", type=int, required=True, help="items of the catalogue")
    parser.add_argument("--hidden", type=int, required=True, help="size of the hidden state")
    parser.add_argument("--port", type=int, required=True, help="port on loopback")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    server = Server(arguments.items, arguments.hidden)
    app = web.Application()
    app.router.add_post("/v1/sessions/{session_id}/events", server.append)
    web.run_app(app, host="127.0.0.1", port=arguments.port, access_log=None, print=None)


if __name__ == "__main__":
    main()
