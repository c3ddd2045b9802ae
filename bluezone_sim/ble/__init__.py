"""Real adapters: scan, read, advertise, record, and the measurements of a test bench.

The central role goes through bleak, advertising through BlueZ's ``LEAdvertisingManager1`` (dbus-fast)
or, where the address has to rotate with the identifier, through bumble on a raw dongle. What is heard
becomes the same tables that the simulator makes.
"""
