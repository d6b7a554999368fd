"""An SMTP server at HOST PORT that takes every message and forgets it."""

import asyncio
import sys

from aiosmtpd.handlers import Sink
from aiosmtpd.smtp import SMTP


async def main():
    loop = asyncio.get_running_loop()
    make = lambda: SMTP(Sink(), hostname="mail.example", enable_SMTPUTF8=True)
    server = await loop.create_server(make, sys.argv[1], int(sys.argv[2]))
    await server.serve_forever()


asyncio.run(main())
