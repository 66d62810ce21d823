"""SimulatePrincipalPolicy as whoever asks about narrow permissions needs it: MiniStack's knows no roles with a path, looks at one
resource, and passes over the context."""

from xml.sax.saxutils import escape

from ministack.services import iam

from . import credentials
from .patching import replace


def _members(params, name):
    found = []
    while value := iam._p(params, f"{name}.member.{len(found) + 1}"):
        found.append(value)
    return found


def _context(params):
    entries, number = {}, 1
    while key := iam._p(params, f"ContextEntries.member.{number}.ContextKeyName"):
        entries[key.lower()] = iam._p(params, f"ContextEntries.member.{number}.ContextKeyValues.member.1")
        number += 1
    return entries


def _of_roles(simulate):
    def simulated(params):
        arn = iam._p(params, "PolicySourceArn") or ""
        if ":role/" not in arn:
            return simulate(params)
        if arn.rsplit("/", 1)[-1] not in iam._roles:
            return iam._error(404, "NoSuchEntity", f"The role {arn} cannot be found.", ns="iam")
        results, context = "", _context(params)
        for action in _members(params, "ActionNames"):
            for resource in _members(params, "ResourceArns") or ["*"]:
                refused = credentials.denial(arn, action, action.partition(":")[0], resource, context)
                results += (
                    f"<member><EvalActionName>{action}</EvalActionName><EvalResourceName>{escape(resource)}</EvalResourceName>"
                    f"<EvalDecision>{'implicitDeny' if refused else 'allowed'}</EvalDecision></member>")
        return iam._xml(
            200, "SimulatePrincipalPolicyResponse",
            f"<SimulatePrincipalPolicyResult><EvaluationResults>{results}</EvaluationResults><IsTruncated>false</IsTruncated>"
            "</SimulatePrincipalPolicyResult>", ns="iam")

    return simulated


def install():
    replace(iam, "_simulate_principal_policy", _of_roles)
