"""Sends one message to HOST PORT, and fails unless it is taken."""

import smtplib
import sys
from email.message import EmailMessage

message = EmailMessage()
message["From"] = "alice@client.example"
message["To"] = "bob@mail.example"
message["Subject"] = "你好"
# A date of its own, and no Message-ID: the same bytes every time.
message["Date"] = "Sat, 21 Nov 2026 12:00:00 +0000"
message.set_content("Hello, Bob.\n\n.and a line that begins with a dot\n")

with smtplib.SMTP(sys.argv[1], int(sys.argv[2]), local_hostname="client.example", timeout=10) as server:
    refused = server.send_message(message)
    assert not refused, refused
    code, words = server.verify("nobody@mail.example")
    assert code in (250, 252), (code, words)
