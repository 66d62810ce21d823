"""Viewers' requests carry no signature: their Host decides the account and region.

`<load balancer>.elb.amazonaws.com` belongs to the load balancer's, a distribution's domain or alias to the distribution's
account and its origin's region. A disabled distribution serves nothing.
"""

import re

from ministack import app
from ministack.core.responses import request_scope
from ministack.services import alb, cloudfront

from . import origins, settings
from .patching import replace

VIEWER_HEADER = "x-bbws-viewer"
"""Set by the viewer port on every request, so that an unknown Host is answered as CloudFront would, not as S3."""

_LOAD_BALANCER = re.compile(r"^[^.]+\.([a-z0-9-]+)\.elb\.amazonaws\.com$")
_OWN_HOSTS = {"127.0.0.1", "localhost", settings.BRIDGE, settings.ENDPOINT.split("//")[1].split(":")[0]}


def _hostname(host):
    return (host or "").rsplit(":", 1)[0].lower()


def _enabled(distribution):
    return bool(distribution.get("enabled", True))


def _distribution(host):
    """(account, distribution) of a domain or alias."""
    for (account, _), distribution in list(cloudfront._distributions._data.items()):
        if distribution["DomainName"].lower() == host:
            return account, distribution
    for (account, _), distribution in list(cloudfront._distributions._data.items()):
        if host in (alias.lower() for alias in cloudfront._get_distribution_aliases(distribution)):
            return account, distribution
    return None


def _origin_region(account, distribution):
    with request_scope(account, "us-east-1"):
        for origin in cloudfront.parse_distribution_dataplane_config(distribution)["origins"].values():
            if match := _LOAD_BALANCER.match(origins.resolved(origin["domain_name"])):
                return match[1]
    return "us-east-1"


def _scope(host):
    """(account, region) that a viewer's Host stands for, or None for the API."""
    name = _hostname(host)
    if not name or name in _OWN_HOSTS:
        return None
    if match := _LOAD_BALANCER.match(name):
        for (account, region, _), balancer in alb._lbs.all_items():
            if balancer["DNSName"].lower() == name and region == match[1]:
                return account, region
        return None
    if found := _distribution(name):
        return found[0], _origin_region(*found)
    return None


def _account(extract):
    def extracted(headers, query_params=None):
        scope = _scope(headers.get("host", ""))
        return scope[0] if scope else extract(headers, query_params)

    return extracted


def _region(extract):
    def extracted(headers, query_params=None):
        scope = _scope(headers.get("host", ""))
        return scope[1] if scope else extract(headers, query_params)

    return extracted


def _label(parse):
    def parsed(host):
        name = _hostname(host)
        found = None if not name or name in _OWN_HOSTS else _distribution(name)
        return found[1]["DomainName"].split(".")[0].lower() if found else parse(host)

    return parsed


def _refused(host, from_viewer):
    """Whether the edge has nothing to serve for the Host. A load balancer's own name is not the edge's business."""
    if found := _distribution(host):
        return not _enabled(found[1])
    return from_viewer and not _LOAD_BALANCER.match(host)


def _edge(handle):
    async def handled(host, path, raw_path, raw_query_string, method, headers, body, query_params, client_ip):
        from_viewer = headers.pop(VIEWER_HEADER, None) is not None
        if _refused(_hostname(host), from_viewer):
            return cloudfront._cf_error_response(403, "The request could not be satisfied.", cloudfront._ERROR_X_CACHE)
        return await handle(host, path, raw_path, raw_query_string, method, headers, body, query_params, client_ip)

    return handled


def install():
    replace(app, "extract_access_key_id", _account)
    replace(app, "extract_region", _region)
    replace(app, "_parse_cloudfront_dataplane_host", _label)
    replace(app, "_handle_cloudfront_dataplane_request", _edge)
