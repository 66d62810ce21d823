"""`python -m launcher.moto_server <port>`: moto on loopback, for services that MiniStack does not have."""

import sys

from moto.server import main

from . import watchdog

watchdog.install()
main(["-H", "127.0.0.1", "-p", sys.argv[1]])
