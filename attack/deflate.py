#!/usr/bin/env python3
"""Row 22: permessage-deflate is declined, and a frame that claims it all the same ends the session.

    attack/deflate.py [target/debug/sockeye]

Passes if the answer to an offer names no extension, a frame with RSV1 (RFC 7692, 6) gets Close 1002 (RFC 6455, 5.2) and
not its inflated bytes, and the server lives on.
"""
import zlib

from slow_handshakes import UPGRADE, echo_by_websocket
from victim import connect, row, server

OFFER = UPGRADE.replace(b"\r\n\r\n", b"\r\nSec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\r\n")
INFLATED = 64 << 20


def main():
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    bomb = packer.compress(bytes(INFLATED)) + packer.flush()
    with server("ws://127.0.0.1:0", "echo") as (_, address):
        with connect(address) as caller:
            caller.sendall(OFFER)
            head = b""
            while b"\r\n\r\n" not in head:
                head += caller.recv(4096)
            caller.sendall(b"\xc2\xff" + len(bomb).to_bytes(8, "big") + bytes(4) + bomb)
            answer = b""
            try:
                while more := caller.recv(4096):
                    answer += more
            except ConnectionResetError:
                pass
        fresh = echo_by_websocket(address, None)
    declined = head.startswith(b"HTTP/1.1 101 ") and b"extensions" not in head.lower()
    closed = answer[:1] == b"\x88" and answer[2:4] == (1002).to_bytes(2, "big") and len(answer) < 128
    row(22, declined and closed and fresh < 1,
        f"offer {'declined' if declined else 'ACCEPTED'}; {len(bomb)} bytes that inflate to {INFLATED >> 20} MiB got "
        f"{len(answer)} bytes, {'Close 1002' if closed else answer[:20]!r}; fresh echo {fresh * 1000:.0f} ms",
        "declined, Close 1002, echo 1,000 ms")


if __name__ == "__main__":
    main()
