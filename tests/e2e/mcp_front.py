"""A front that adds a key to each request: for clients that can send no header of their own (the conformance suite).

What always holds: of a request, everything else passes byte for byte; of an answer, everything.
"""

import asyncio
import threading


class Front:
    """`http://127.0.0.1:PORT` in front of another address, with `Authorization: Bearer KEY` in each request."""

    def __init__(self, host, port, key):
        self.target, self.key = (host, port), key.encode()
        self.loop = asyncio.new_event_loop()
        self.port = None
        ready = threading.Event()
        self.thread = threading.Thread(target=self._run, args=(ready,), daemon=True)
        self.thread.start()
        ready.wait(30)

    def _run(self, ready):
        asyncio.set_event_loop(self.loop)

        async def start():
            server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
            self.port = server.sockets[0].getsockname()[1]
            ready.set()

        self.loop.create_task(start())
        self.loop.run_forever()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(10)

    async def _serve(self, reader, writer):
        try:
            up_reader, up_writer = await asyncio.open_connection(*self.target)
        except OSError:
            writer.close()
            return
        back = asyncio.create_task(self._pump(up_reader, writer))
        try:
            await self._requests(reader, up_writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            up_writer.close()
            back.cancel()
            writer.close()

    async def _requests(self, reader, writer):
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            line, rest = head.split(b"\r\n", 1)
            writer.write(line + b"\r\nAuthorization: Bearer " + self.key + b"\r\n" + rest)
            fields = {}
            for field in rest.split(b"\r\n"):
                name, _, value = field.partition(b":")
                fields[name.strip().lower()] = value.strip()
            if fields.get(b"transfer-encoding", b"").lower() == b"chunked":
                await self._chunks(reader, writer)
            else:
                writer.write(await reader.readexactly(int(fields.get(b"content-length", b"0"))))
            await writer.drain()

    async def _chunks(self, reader, writer):
        while True:
            line = await reader.readuntil(b"\r\n")
            size = int(line.split(b";")[0], 16)
            writer.write(line + await reader.readexactly(size + 2))
            if size == 0:
                return

    async def _pump(self, reader, writer):
        try:
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        except ConnectionError:
            pass
        finally:
            writer.close()
