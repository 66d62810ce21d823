"""ACM as bulk readers and interrupted callers need it, and as careless ones must not find it.

MiniStack issues certificates at once: here the validation records have to be in Route 53 first. It lists them without
their alternative names and dates, its tagging API does not know them, and a repeated request makes a second certificate,
where AWS answers with the first for an hour.
"""

import json
import time

from ministack.core.responses import AccountRegionScopedDict, now_iso
from ministack.services import acm, route53, tagging

from .patching import replace

# https://docs.aws.amazon.com/acm/latest/APIReference/API_RequestCertificate.html
TOKEN_LASTS = 3600
_requested = AccountRegionScopedDict()  # token -> (time, request, answer)


def _once(request):
    def requested(data):
        token = data.get("IdempotencyToken")
        before = _requested.get(token)
        if before and time.time() - before[0] < TOKEN_LASTS and before[1] == data:
            arn = json.loads(before[2][2])["CertificateArn"]
            if arn in acm._certificates:
                return before[2]
        answer = request(data)
        if answer[0] == 200:
            certificate = acm._certificates[json.loads(answer[2])["CertificateArn"]]
            certificate["Status"] = "PENDING_VALIDATION"
            for option in certificate["DomainValidationOptions"]:
                option["ValidationStatus"] = "PENDING_VALIDATION"
        if token and answer[0] == 200:
            _requested[token] = (time.time(), data, answer)
        return answer

    return requested


def _published(record):
    def same(name, other):
        return name.rstrip(".").lower() == other.rstrip(".").lower()

    return any(
        same(found["Name"], record["Name"]) and found["Type"] == record["Type"]
        and any(same(value, record["Value"]) for value in found.get("ResourceRecords") or [])
        for records in route53._records.values() for found in records)


def _look_for_records():
    for certificate in acm._certificates.values():
        if certificate["Status"] != "PENDING_VALIDATION":
            continue
        for option in certificate["DomainValidationOptions"]:
            if _published(option["ResourceRecord"]):
                option["ValidationStatus"] = "SUCCESS"
        if all(option["ValidationStatus"] == "SUCCESS" for option in certificate["DomainValidationOptions"]):
            certificate["Status"], certificate["IssuedAt"] = "ISSUED", now_iso()


def _validated(answer):
    def answered(data):
        _look_for_records()
        return answer(data)

    return answered


def _whole(list_certificates):
    def listed(data):
        status, headers, body = list_certificates(data)
        answer = json.loads(body)
        for summary in answer.get("CertificateSummaryList", []):
            certificate = acm._cert_shape(acm._certificates[summary["CertificateArn"]])
            summary["SubjectAlternativeNameSummaries"] = certificate["SubjectAlternativeNames"]
            for field in ("CreatedAt", "IssuedAt", "NotBefore", "NotAfter", "Type", "KeyAlgorithm"):
                summary[field] = certificate[field]
        return status, headers, json.dumps(answer).encode()

    return listed


def _tagged():
    return [(arn, certificate.get("Tags") or []) for arn, certificate in acm._certificates.items()]


def install():
    replace(acm, "_request_certificate", _once)
    replace(acm, "_list_certificates", lambda listing: _validated(_whole(listing)))
    replace(acm, "_describe_certificate", _validated)
    tagging._COLLECTORS["acm"] = _tagged
