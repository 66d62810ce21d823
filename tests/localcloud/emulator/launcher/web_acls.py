"""Where a web ACL writes its log: MiniStack has no such calls."""

from ministack.core.responses import AccountRegionScopedDict, error_response_json, json_response
from ministack.services import waf

from .patching import add_operations

_logging = AccountRegionScopedDict()  # ARN of the web ACL -> its configuration


def _put(data):
    wanted = data["LoggingConfiguration"]
    _, refusal = waf._resolve_local_web_acl(wanted["ResourceArn"])
    if refusal:
        return refusal
    _logging[wanted["ResourceArn"]] = wanted
    return json_response({"LoggingConfiguration": wanted})


def _get(data):
    found = _logging.get(data["ResourceArn"])
    if found is None:
        return error_response_json("WAFNonexistentItemException", "AWS WAF couldn't perform the operation because your"
                                   " resource doesn't exist.", 400)
    return json_response({"LoggingConfiguration": found})


def _delete(data):
    _logging.pop(data["ResourceArn"], None)
    return json_response({})


def install():
    add_operations(waf, {
        "PutLoggingConfiguration": _put, "GetLoggingConfiguration": _get, "DeleteLoggingConfiguration": _delete})
