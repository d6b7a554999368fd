"""Reads and writes registers of a device at HOST PORT, and fails unless they hold what is wanted."""

import sys

from pymodbus.client import ModbusTcpClient

client = ModbusTcpClient(sys.argv[1], port=int(sys.argv[2]), timeout=10, retries=0)
assert client.connect()
read = client.read_holding_registers(0, count=3)
assert read.registers == [100, 101, 102], read
written = client.write_registers(5, [7, 65535])
assert not written.isError(), written
read = client.read_holding_registers(5, count=2)
assert read.registers == [7, 65535], read
missing = client.read_holding_registers(500, count=1)
assert missing.isError() and missing.exception_code == 2, missing
client.close()
