"""A WebSocket client over the library websockets: text, binary, fragments, a ping, and a long message."""
import sys

from websockets.sync.client import connect

with connect(sys.argv[1], origin="http://localhost:3000", subprotocols=["v2", "v1"], compression="deflate") as socket:
    print(socket.subprotocol, socket.response.headers.get("Sec-WebSocket-Extensions"))
    socket.send("straße 你好")
    print(socket.recv())
    socket.send(b"\x00\xff")
    print(socket.recv())
    socket.send(["one ", "two"])
    print(socket.recv())
    print(socket.ping().wait(10))
    socket.send("x" * 1_000_000)
    print(len(socket.recv()))
print(socket.close_code, socket.close_reason)
