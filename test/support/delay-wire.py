"""A long cable: carries Ethernet frames between two TAP devices, each of them later by a fixed time.

delay-wire.py MILLISECONDS DEVICE DEVICE makes both devices in the network namespace that it runs in and
prints a line. It ends, and the devices with it, when its standard input does.
"""

import collections
import fcntl
import os
import select
import struct
import sys
import time

TUNSETIFF = 0x400454CA
IFF_TAP = 0x0002
IFF_NO_PI = 0x1000
MAX_FRAME_BYTES = 65_536


def open_tap(name):
    tap = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(tap, TUNSETIFF, struct.pack("16sH", name.encode(), IFF_TAP | IFF_NO_PI))
    return tap


def main():
    delay_s = int(sys.argv[1]) / 1000
    near, far = (open_tap(name) for name in sys.argv[2:4])
    other_end = {near: far, far: near}
    under_way = collections.deque()
    print("ready", flush=True)
    while True:
        wait_s = max(0, under_way[0][0] - time.monotonic()) if under_way else None
        readable, _, _ = select.select([near, far, sys.stdin], [], [], wait_s)
        if sys.stdin in readable:
            return
        for end in readable:
            try:
                frame = os.read(end, MAX_FRAME_BYTES)
            except OSError:
                continue
            under_way.append((time.monotonic() + delay_s, other_end[end], frame))
        while under_way and under_way[0][0] <= time.monotonic():
            _, end, frame = under_way.popleft()
            try:
                os.write(end, frame)
            except OSError:
                # A device that is down, or full, loses frames as a cable does.
                pass


main()
