"""Origins under names of the environment's own zone, over TLS: CloudFront follows their records to the load balancer and
checks its certificate. MiniStack knows a load balancer by AWS's name alone, and without TLS."""

import fnmatch
import http.client
from urllib.parse import parse_qs

from ministack.core.responses import StreamingResponse
from ministack.services import acm, alb, cloudfront, route53

from .patching import replace


def resolved(domain):
    """The name that an alias record of this account's zones leads to, else the name itself."""
    name = domain.rstrip(".").lower()
    for records in route53._records.values():
        for record in records:
            if record["Name"].rstrip(".").lower() == name and record["Type"] == "A" and record.get("AliasTarget"):
                return record["AliasTarget"]["DNSName"].rstrip(".").lower()
    return name


def _by_alias(find):
    def found(origin):
        return find({**origin, "domain_name": resolved(origin["domain_name"])})

    return found


def _certified(listener, name):
    """Whether the listener shows a certificate of this name: CloudFront answers 502 otherwise (CloudFront Developer Guide,
    "HTTP 502 status code")."""
    certificates = [acm._certificates.get(arn) for arn in listener.get("Certificates", [])]
    return any(
        certificate and certificate["Status"] == "ISSUED"
        and any(fnmatch.fnmatch(name, pattern) for pattern in [certificate["DomainName"], *certificate["SubjectAlternativeNames"]])
        for certificate in certificates)


def _by_tls(fetch):
    async def fetched(lb, origin, method, uri, query_string, headers, body, viewer_is_https, client_ip, viewer_xff):
        _, port, tls = cloudfront._origin_connect_target(origin, viewer_is_https)
        if not tls:
            return await fetch(lb, origin, method, uri, query_string, headers, body, viewer_is_https, client_ip, viewer_xff)
        if not any(
            found["LoadBalancerArn"] == lb["LoadBalancerArn"] and found.get("Port") == port and found.get("Protocol") == "HTTPS"
            and _certified(found, origin["domain_name"]) for found in alb._listeners.values()
        ):
            raise cloudfront.OriginUnreachable(f"no HTTPS listener with a certificate of {origin['domain_name']} on port {port}")
        sent = {
            name.lower(): value
            for name, value in cloudfront._origin_request_headers(origin, headers, client_ip, viewer_xff).items()}
        status, response_headers, data = await alb.dispatch_request(
            lb, method, uri, sent, body or b"", parse_qs(query_string, keep_blank_values=True), port, client_ip="127.0.0.1",
            raw_query_string=query_string)
        if isinstance(data, StreamingResponse):
            data = await cloudfront._collect_streaming_body(data, origin.get("read_timeout", 30))
        pairs = [(name, value) for name, values in response_headers.items()
                 for value in (values if isinstance(values, list) else [values])]
        return status, http.client.responses.get(status, ""), pairs, data

    return fetched


def install():
    replace(cloudfront, "_registered_alb", _by_alias)
    replace(cloudfront, "_fetch_from_alb_origin", _by_tls)
