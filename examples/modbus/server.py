"""A Modbus/TCP device at HOST PORT: ten holding registers, 100 to 109, and ten coils."""

import sys

from pymodbus.server import StartTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

registers = SimData(0, values=list(range(100, 110)), datatype=DataType.REGISTERS)
StartTcpServer(SimDevice(1, simdata=[registers]), address=(sys.argv[1], int(sys.argv[2])))
