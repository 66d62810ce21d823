"""Whether a zone is signed, for which MiniStack has no call: none is."""

import re
from xml.etree.ElementTree import SubElement

from ministack.services import route53

from .patching import replace

_DNSSEC = re.compile(r"/2013-04-01/hostedzone/([^/]+)/dnssec")


def _unsigned(root):
    SubElement(SubElement(root, "Status"), "ServeSignature").text = "NOT_SIGNING"
    SubElement(root, "KeySigningKeys")


def _with_dnssec(handle):
    async def handled(method, path, headers, body, query_params):
        asked = _DNSSEC.fullmatch(path)
        if method != "GET" or not asked:
            return await handle(method, path, headers, body, query_params)
        if asked[1] not in route53._zones:
            return route53._error_response("NoSuchHostedZone", f"No hosted zone found with ID: {asked[1]}", 404)
        return route53._xml_response("GetDNSSECResponse", _unsigned)

    return handled


def install():
    replace(route53, "handle_request", _with_dnssec)
