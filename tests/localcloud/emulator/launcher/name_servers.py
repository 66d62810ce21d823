"""A resolver for the accounts' public zones: it answers which name servers a zone has, by the NS record at the zone's apex, as
one that follows a delegation does. It knows nothing else, and asks nobody (RFC 1035, section 4, has the messages)."""

import socket
import struct
import threading

from ministack.services import route53

from . import settings

_NS, _INTERNET, _NO_SUCH_NAME = 2, 1, 3


def _servers(name):
    for key, zone in list(route53._zones._data.items()):
        if zone["name"].rstrip(".").lower() == name and not zone.get("private"):
            records = route53._records._data.get(key) or []
            found = [r for r in records if r["Type"] == "NS" and r["Name"].rstrip(".").lower() == name]
            return [server for record in found for server in record["ResourceRecords"]]
    return []


def _encoded(name):
    return b"".join(bytes([len(label)]) + label.encode() for label in name.rstrip(".").split(".")) + b"\0"


def _answer(packet):
    labels, at = [], 12
    while length := packet[at]:
        labels.append(packet[at + 1:at + 1 + length].decode().lower())
        at += 1 + length
    kind, = struct.unpack(">H", packet[at + 1:at + 3])
    servers = _servers(".".join(labels)) if kind == _NS else []
    # A recursive answer to a recursive question.
    flags = 0x8180 | (0 if servers else _NO_SUCH_NAME)
    message = packet[:2] + struct.pack(">HHHHH", flags, 1, len(servers), 0, 0) + packet[12:at + 5]
    for server in map(_encoded, servers):
        # The name is the question's, which begins at byte 12.
        message += b"\xc0\x0c" + struct.pack(">HHIH", _NS, _INTERNET, 60, len(server)) + server
    return message


def _serve(listener):
    while True:
        packet, peer = listener.recvfrom(4096)
        try:
            listener.sendto(_answer(packet), peer)
        except (IndexError, struct.error, UnicodeDecodeError):
            pass  # no question of DNS: whoever asked it gives up


def install():
    address, port = settings.RESOLVER.split(":")
    listener = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    listener.bind((address, int(port)))
    threading.Thread(target=_serve, args=(listener,), daemon=True, name="localcloud-resolver").start()
