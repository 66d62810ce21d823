"""What IAM is asked about a request, as AWS's Service Authorization Reference has it: MiniStack takes an operation's name for the
action's, one cluster for all that is in it, roles for pathless, and lets requests in CBOR pass.

Where AWS knows no resource for an action, it asks about `*`. Passing a role is an action of its own.
"""

import json
import re
from urllib.parse import unquote

import cbor2
from ministack import app
from ministack.core import iam_actions, iam_evaluator
from ministack.core.responses import error_response_json, get_account_id, get_region
from ministack.services import ecs, iam, tagging

from . import credentials, settings
from .patching import replace

_ACTIONS = {
    "budgets:DescribeBudgets": "budgets:ViewBudget",
    "cloudfront:CreateDistributionWithTags": "cloudfront:CreateDistribution",
    **{f"budgets:{verb}": "budgets:ModifyBudget" for verb in (
        "CreateBudget", "UpdateBudget", "DeleteBudget", "CreateNotification", "CreateSubscriber")},
}
"""Actions that are not called like the operation."""

_EVERYTHING = {
    "cloudwatch:DescribeAlarms", "ecs:DescribeTaskDefinition", "ecs:DeregisterTaskDefinition", "ecs:ListServices", "ecs:ListTasks",
    "ecs:ListTaskDefinitions", "ecs:ListTaskDefinitionFamilies", "elasticloadbalancing:DescribeRules",
    "elasticloadbalancing:DescribeTargetGroups", "elasticloadbalancing:DescribeTargetHealth", "logs:DescribeLogGroups",
    "budgets:ViewBudget", "acm:RequestCertificate", "cloudfront:CreateDistribution",
}
"""Actions for which IAM knows no resource."""


def _content(headers, body):
    try:
        if headers.get("smithy-protocol") == "rpc-v2-cbor":
            return cbor2.loads(body)
        return json.loads(body or b"{}")
    except (ValueError, cbor2.CBORDecodeError):
        return {}


def _cluster_name(content):
    return (content.get("cluster") or "default").rsplit("/", 1)[-1]


def _task_definition(name):
    """ARN of a revision, which a request may leave out."""
    if name.startswith("arn:"):
        return name
    family, _, revision = name.partition(":")
    return f"arn:aws:ecs:{get_region()}:{get_account_id()}:task-definition/{family}:{revision or '*'}"


def _of_ecs(action, content):
    prefix = f"arn:aws:ecs:{get_region()}:{get_account_id()}"
    within = f"{prefix}:%s/{_cluster_name(content)}"
    named = lambda kind, text: f"{within % kind}/{text.rsplit('/', 1)[-1]}"  # noqa: E731
    match action:
        case "RunTask":
            return _task_definition(content.get("taskDefinition", ""))
        case "RegisterTaskDefinition":
            return f"{prefix}:task-definition/{content.get('family')}:*"
        case "DeleteTaskDefinitions":
            return _task_definition(content["taskDefinitions"][0])
        case "CreateService":
            return named("service", content.get("serviceName", ""))
        case "UpdateService" | "DeleteService":
            return named("service", content.get("service", ""))
        case "DescribeServices":
            return named("service", content["services"][0])
        case "DescribeTasks" | "StopTask":
            return named("task", (content.get("tasks") or [content.get("task", "")])[0])
        case "TagResource" | "UntagResource":
            return content.get("resourceArn")
    return None


def _of_elb(action, params):
    prefix = f"arn:aws:elasticloadbalancing:{get_region()}:{get_account_id()}"
    if action == "CreateTargetGroup":
        return f"{prefix}:targetgroup/{iam_actions._query_param(params, 'Name')}/*"
    for name in ("RuleArn", "ListenerArn", "TargetGroupArn", "ResourceArns.member.1"):
        if arn := iam_actions._query_param(params, name):
            return arn
    return None


def _of_efs(path, content, params):
    prefix = f"arn:aws:elasticfilesystem:{get_region()}:{get_account_id()}"
    parts = path.split("/")
    file_system = content.get("FileSystemId") or iam_actions._query_param(params, "FileSystemId")
    if file_system:
        return f"{prefix}:file-system/{file_system}"
    identifier = iam_actions._query_param(params, "AccessPointId")
    if parts[-2:-1] == ["resource-tags"]:
        identifier = unquote(parts[-1]).rsplit("/", 1)[-1]
    if identifier:
        return f"{prefix}:{'access-point' if identifier.startswith('fsap-') else 'file-system'}/{identifier}"
    return None


def _of_iam(action, params):
    if source := iam_actions._query_param(params, "PolicySourceArn"):
        return source
    name, path = (iam_actions._query_param(params, key) for key in ("RoleName", "Path"))
    if not name:
        return None
    role = iam._roles.get(name)
    return role["Arn"] if role and action != "CreateRole" else f"arn:aws:iam::{get_account_id()}:role{path or '/'}{name}"


def _of_route53(path):
    found = re.search(r"/(healthcheck|change)/([^/]+)", path)
    if found or path.endswith("/healthcheck"):
        return f"arn:aws:route53:::{found[1]}/{found[2]}" if found else "arn:aws:route53:::healthcheck/*"
    return None


def _of_backup(path):
    found = re.match(r"/backup-vaults/([^/]+)", path)
    return f"arn:aws:backup:{get_region()}:{get_account_id()}:backup-vault:{found[1]}" if found else None


def _resource(extract):
    def extracted(service, method, path, headers, body, query_params, region, account_id):
        action = iam_actions.extract_iam_action(service, method, path, headers, body, query_params) or ""
        if action in _EVERYTHING:
            return "*"
        name = action.partition(":")[2]
        content = _content(headers, body) if service in ("ecs", "elasticfilesystem", "monitoring", "budgets") else {}
        found = None
        if service == "ecs":
            found = _of_ecs(name, content)
        elif service == "elasticloadbalancing":
            found = _of_elb(name, query_params)
        elif service == "elasticfilesystem":
            found = _of_efs(path, content, query_params)
        elif service == "iam":
            found = _of_iam(name, query_params)
        elif service == "route53":
            found = _of_route53(path)
        elif service == "backup":
            found = _of_backup(path)
        elif service == "rds" and (group := iam_actions._query_param(query_params, "DBParameterGroupName")):
            found = f"arn:aws:rds:{region}:{account_id}:pg:{group}"
        elif service == "monitoring" and (alarm := content.get("AlarmName") or (content.get("AlarmNames") or [None])[0]):
            found = f"arn:aws:cloudwatch:{region}:{account_id}:alarm:{alarm}"
        elif service == "budgets":
            budget = content.get("BudgetName") or (content.get("Budget") or content.get("NewBudget") or {}).get("BudgetName")
            found = f"arn:aws:budgets::{account_id}:budget/{budget}"
        return found or extract(service, method, path, headers, body, query_params, region, account_id)

    return extracted


_asked: set[tuple[str, str]] = set()
"""(role, action) that IAM allowed so far."""


def allowed(account):
    """What roles of an account were allowed to do so far: `role action`."""
    return sorted({f"{arn.split('/')[1]} {action}" for arn, action in _asked if f"::{account}:assumed-role/" in arn})


def _remembered(enforce):
    def enforced(access_key_id, iam_action, *args, **kwargs):
        refused = enforce(access_key_id, iam_action, *args, **kwargs)
        if refused is None:
            _asked.add((iam_evaluator.caller_arn(), iam_action))
        return refused

    return enforced


def _action(extract):
    def extracted(service, method, path, headers, *args, **kwargs):
        if headers.get("smithy-protocol") == "rpc-v2-cbor":
            return f"{iam_actions.SERVICE_TO_IAM_NAMESPACE[service]}:{path.rpartition('/operation/')[2]}"
        action = extract(service, method, path, headers, *args, **kwargs)
        return _ACTIONS.get(action, action)

    return extracted


def _with_context(collect):
    """Tags in CloudFront's XML, and the cluster that a call of ECS is about."""

    def collected(service, action, body, params):
        context = collect(service, action, body, params)
        if service == "cloudfront":
            for key, value in re.findall(r"<Key>([^<]*)</Key>\s*<Value>([^<]*)</Value>", body.decode(errors="replace")):
                context[f"aws:requesttag/{key}".lower()] = value
        if service == "ecs":
            name = _cluster_name(_content({}, body))
            context["ecs:cluster"] = f"arn:aws:ecs:{get_region()}:{get_account_id()}:cluster/{name}"
        return context

    return collected


def _passed(definition):
    """The refusal, unless the caller may pass the roles of a task definition."""
    caller = iam_evaluator.caller_arn()
    if not settings.AUTH or ":assumed-role/" not in caller:
        return None
    name = caller.split("/")[1]
    for kind in ("taskRoleArn", "executionRoleArn"):
        if not definition.get(kind):
            continue
        refused = credentials.denial(
            f"arn:aws:iam::{get_account_id()}:role/{name}", "iam:PassRole", "iam", definition[kind],
            {"iam:passedtoservice": "ecs-tasks.amazonaws.com"})
        if refused:
            return error_response_json("AccessDeniedException", refused, 400)
        _asked.add((caller, "iam:PassRole"))
    return None


def _passing(register):
    """Whoever registers a task definition passes its roles."""
    return lambda data: _passed(data) or register(data)


def _passing_on(run):
    """And whoever runs a task of it; a service's own tasks are the service's."""

    def started(data):
        definition = ecs._task_defs.get(ecs._resolve_td_key(data.get("taskDefinition", ""))) or {}
        return _passed({**definition, **(data.get("overrides") or {})}) or run(data)

    return started


def _as_by_tls(pin):
    """The way to this cloud's API is the machine's own: policies that want TLS (`aws:SecureTransport`) mean AWS's endpoints."""

    def pinned(source_ip, _):
        return pin(source_ip, True)

    return pinned


def install():
    replace(app, "pin_request_origin", _as_by_tls)
    replace(iam_actions, "extract_iam_action", _action)
    replace(iam_actions, "extract_resource_arn", _resource)
    replace(iam_actions, "request_tag_context", _with_context)
    replace(iam_evaluator, "enforce", _remembered)
    replace(ecs, "_register_task_definition", _passing)
    ecs._ACTION_MAP["RunTask"] = _passing_on(ecs._ACTION_MAP["RunTask"])
    for name in ("acm", "cloudfront", "elasticfilesystem"):
        tagging._RESOURCE_TAG_COLLECTORS[name] = tagging._COLLECTORS[name]
