"""The emulator ends with its owner: standard input is a pipe that the owner holds open and never writes to."""

import os
import signal
import sys
import threading


def _wait():
    while sys.stdin.buffer.read(4096):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


def install():
    threading.Thread(target=_wait, daemon=True, name="localcloud-watchdog").start()
