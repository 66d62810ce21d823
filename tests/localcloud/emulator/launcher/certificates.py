"""ACM as bulk readers and interrupted callers need it.

MiniStack lists certificates without their alternative names and dates, its tagging API does not know them, and a repeated
request makes a second certificate, where AWS answers with the first for an hour.
"""

import json
import time

from ministack.core.responses import AccountRegionScopedDict
from ministack.services import acm, tagging

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
        if token and answer[0] == 200:
            _requested[token] = (time.time(), data, answer)
        return answer

    return requested


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
    replace(acm, "_list_certificates", _whole)
    tagging._COLLECTORS["acm"] = _tagged
