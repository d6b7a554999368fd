"""A WebSocket client that waits for nothing: twenty messages at once, text and binary in turn, and as many back."""
import sys

from websockets.sync.client import connect

sent = [f"message {number}" if number % 2 else bytes([number, 255]) for number in range(20)]
with connect(sys.argv[1]) as socket:
    for message in sent:
        socket.send(message)
    received = [socket.recv(20) for _ in sent]
print("same" if received == sent else received)
