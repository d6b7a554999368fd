"""A WebSocket server over the library websockets: raises what it is told, and can end with a code of its own."""
import sys

from websockets.sync.server import serve


def upper(socket):
    for message in socket:
        if message == "fail":
            socket.close(4001, "as you wish")
        elif message == "crash":
            raise RuntimeError("on purpose")
        else:
            socket.send(message.upper())


with serve(upper, "127.0.0.1", 0, subprotocols=["v1"], compression="deflate") as server:
    print(server.socket.getsockname()[1], flush=True)
    server.serve_forever()
