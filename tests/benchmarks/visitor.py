"""A visitor without a browser: a session of Streamlit over its websocket, as the browser's own code opens it."""

import asyncio
import contextlib
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self
from urllib.parse import urlencode

import streamlit  # noqa: F401  (its messages cannot be imported before it)
from streamlit.proto.Alert_pb2 import Alert
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.Element_pb2 import Element
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.NewSession_pb2 import NewSession
from websockets.asyncio.client import ClientConnection, connect

FIGURES = ("plotly_chart", "bidi_component", "imgs")
PATIENCE = 60.0  # seconds


def key_of(identifier: str) -> str:
    """The key in an identifier of Streamlit's, which is "$$ID-" and a hash before it."""
    return identifier.split("-", 2)[-1] if identifier.startswith("$$ID-") else ""


class Visitor:
    """A session. errors: what went wrong in it. received: bytes so far. blocks, elements: of the present run of the page's
    script, by their places. finished: whether the run is over."""

    def __init__(self, url: str) -> None:
        self._url = url.replace("http", "ws", 1) + "/_stcore/stream"
        self._socket: ClientConnection
        self._pages: dict[str, str] = {}
        self._known: dict[str, tuple[int, ForwardMsg]] = {}  # messages that need not be sent again, as in the browser
        self._run, self._awaited = 0, ""
        self.errors: list[str] = []
        self.received = 0
        self.finished = False
        self.page = ""
        self.blocks: dict[tuple[int, ...], str] = {}
        self.elements: dict[tuple[int, ...], Element] = {}

    async def __aenter__(self) -> Self:
        self._socket = await connect(self._url, subprotocols=["streamlit"], max_size=None, compression=None)  # type: ignore
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._socket.close()

    async def open(self, path: str = "", settings: dict[str, str] | None = None) -> None:
        """Opens the page at an address: the first one of the visit, or another one."""
        message = BackMsg()
        request = message.rerun_script
        request.query_string = urlencode(settings or {})
        if self._pages:
            request.page_script_hash = self._pages[path]
        else:
            request.page_name = path
        await self._send(message)
        self.page = path

    async def press(self, key: str) -> None:
        """Presses the button on the present page that has this label."""
        message = BackMsg()
        request = message.rerun_script
        request.page_script_hash = self._pages[self.page]
        button = next(
            e.button for e in self.elements.values() if e.WhichOneof("type") == "button" and e.button.label == key
        )
        request.widget_states.widgets.add(id=button.id, trigger_value=True)
        await self._send(message)

    async def _send(self, message: BackMsg) -> None:
        # Runs that are still under way refer to what was told them earlier.
        self._known = {name: known for name, known in self._known.items() if known[0] > self._run - 20}
        request = message.rerun_script
        request.cached_message_hashes.extend(name for name, known in self._known.items() if known[0] > self._run - 3)
        self._awaited, self.finished = request.page_script_hash or "any", False
        self.elements.clear()
        self.blocks.clear()
        await self._socket.send(message.SerializeToString())

    async def until(self, done: Callable[[], bool], patience: float = PATIENCE) -> float:
        """Takes messages until what is waited for is there; the seconds that it took. Raises `TimeoutError`."""
        begin = time.monotonic()
        async with asyncio.timeout(patience):
            while not done():
                self._take(await self._socket.recv(decode=False))
        return time.monotonic() - begin

    async def stay(self, seconds: float) -> None:
        """Takes messages for a while."""
        with contextlib.suppress(TimeoutError):
            await self.until(lambda: False, seconds)

    def shows(self, keys: tuple[str, ...]) -> bool:
        """Whether a figure of one of these keys, or in a container of one, is there; without keys, whether the page is."""
        if not keys:
            return self.finished
        for place, element in self.elements.items():
            kind = element.WhichOneof("type")
            if kind in FIGURES:
                own = key_of(getattr(getattr(element, kind), "id", ""))
                around = [self.blocks.get(place[:length], "") for length in range(len(place))]
                if any(key_of(name).startswith(keys) for name in around) or own.startswith(keys):
                    return True
        return False

    def _take(self, data: bytes) -> None:
        self.received += len(data)
        message = ForwardMsg.FromString(data)
        kind = message.WhichOneof("type")
        if kind == "ref_hash":
            place = tuple(message.metadata.delta_path)
            known = self._known[message.ref_hash][1]
            self._known[message.ref_hash] = self._run, known
            self._delta(place, known)
        elif kind == "navigation":
            self._pages = {page.url_pathname: page.page_script_hash for page in message.navigation.app_pages}
        elif kind == "new_session":
            self._begin(message.new_session)
        elif kind == "page_not_found":
            self.errors.append(f"page not found: {message.page_not_found.page_name}")
        elif kind == "script_finished" and not self._awaited:
            early = ForwardMsg.FINISHED_EARLY_FOR_RERUN
            self.finished = message.script_finished != early
        elif kind == "delta":
            if message.metadata.cacheable:
                self._known[message.hash] = self._run, message
            self._delta(tuple(message.metadata.delta_path), message)

    def _begin(self, new: NewSession) -> None:
        """Another run of the script."""
        if self._awaited in ("any", new.page_script_hash):
            self._awaited = ""
        self._run += 1
        self.finished = False

    def _delta(self, place: tuple[int, ...], message: ForwardMsg) -> None:
        if self._awaited:  # left over from the page before
            return
        delta = message.delta
        for old in [old for old in self.elements if old[: len(place)] == place]:
            del self.elements[old]
        if delta.WhichOneof("type") == "add_block":
            self.blocks[place] = delta.add_block.id
        elif delta.WhichOneof("type") == "new_element":
            element = delta.new_element
            self.elements[place] = element
            kind = element.WhichOneof("type")
            if kind == "exception":
                self.errors.append(f"{self.page}: exception {element.exception.type} {element.exception.message}")
            elif kind == "alert" and element.alert.format == Alert.ERROR:
                self.errors.append(f"{self.page}: {element.alert.body}")
