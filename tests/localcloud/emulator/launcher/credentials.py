"""Tasks act as their task role; secrets, images and logs are fetched with the execution role's permissions.

MiniStack hands every task credentials of an account that exists for nobody, and resolves secrets without asking whether
the execution role may read them. With AUTH on, a site whose execution role is wrong fails here as it would on AWS:
ResourceInitializationError before the container starts.
"""

import hmac
import json
import secrets
import time
from datetime import datetime, timezone

from ministack.core import iam_evaluator
from ministack.core.responses import get_account_id, get_region
from ministack.services import ecs, iam, imds, kms, secretsmanager, sts

from . import settings
from .containers import current_task
from .patching import replace

LIFETIME = 6 * 3600  # seconds; what ECS gives task credentials

# Credential id in the path -> (role ARN, session name, authorization token).
_issued: dict[str, tuple[str, str, str]] = {}


def role_arn(task, td, kind):
    """`kind` is taskRoleArn or executionRoleArn: an override of RunTask wins."""
    arn = (task.get("overrides") or {}).get(kind) or td.get(kind)
    if arn and not arn.startswith("arn:"):
        arn = f"arn:aws:iam::{get_account_id()}:role/{arn}"
    return arn


def _role_name(arn):
    return arn.rsplit("/", 1)[-1]


def _session(arn, session_name):
    """Credentials of a session of the role, as sts:AssumeRole would register them."""
    account = arn.split(":")[4]
    access_key, secret, token = sts._gen_session_access_key(), sts._gen_secret(), sts._gen_session_token()
    expiration = time.time() + LIFETIME
    sts.register_session(access_key, {
        "Arn": f"arn:aws:sts::{account}:assumed-role/{_role_name(arn)}/{session_name}",
        "UserId": f"AROA{_role_name(arn)}:{session_name}",
        "SecretAccessKey": secret,
        "SessionToken": token,
        "Expiration": expiration,
        "AccountId": account,
        "PrincipalType": "AssumedRole",
    })
    return {
        "RoleArn": arn,
        "AccessKeyId": access_key,
        "SecretAccessKey": secret,
        "Token": token,
        "Expiration": datetime.fromtimestamp(expiration, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
    }


def _with_task_credentials(register):
    def registered(task_arn, cluster_arn, td, cdef, launch_type, env, *args, **kwargs):
        token = register(task_arn, cluster_arn, td, cdef, launch_type, env, *args, **kwargs)
        task, _ = current_task()
        env["ECS_CONTAINER_METADATA_URI_V4"] = f"{settings.CREDENTIALS}/v4/{token}"
        env["AWS_ENDPOINT_URL"] = settings.ENDPOINT
        env["AWS_REGION"] = env["AWS_DEFAULT_REGION"] = get_region()
        for name in ("AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_CONTAINER_AUTHORIZATION_TOKEN"):
            env.pop(name, None)
        if arn := role_arn(task, td, "taskRoleArn"):
            credential, authorization = secrets.token_urlsafe(24), secrets.token_urlsafe(24)
            _issued[credential] = (arn, task_arn.rsplit("/", 1)[-1], authorization)
            env["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = f"{settings.CREDENTIALS}/v2/credentials/{credential}"
            env["AWS_CONTAINER_AUTHORIZATION_TOKEN"] = authorization
        return token

    return registered


def _serving(handle):
    async def handled(method, path, headers, body, query_params):
        if not path.startswith("/v2/credentials/"):
            return await handle(method, path, headers, body, query_params)
        arn, session_name, authorization = _issued.get(path.rsplit("/", 1)[-1], ("", "", ""))
        if not arn or not hmac.compare_digest(headers.get("authorization", ""), authorization):
            return 403, {"Content-Type": "application/json"}, b'{"message":"unknown task credentials"}'
        return 200, {"Content-Type": "application/json"}, json.dumps(_session(arn, session_name)).encode()

    return handled


def denial(arn, action, service, resource, context=None):
    """Why the role may not do `action` on `resource`, as AWS words it, or None."""
    account = arn.split(":")[4]
    if iam._roles.get_scoped(account, None, _role_name(arn)) is None:
        return f"the role {arn} does not exist"
    principal = f"arn:aws:sts::{account}:assumed-role/{_role_name(arn)}/ecs"
    evaluation = iam_evaluator.EvalContext(
        principal_arn=principal, principal_type="AssumedRole", principal_account=account, action=action,
        resource_arn=resource, region=get_region(), service_context=context or {})
    result = iam_evaluator.evaluate(evaluation, iam_evaluator._gather_role_policies(_role_name(arn), account))
    policy = iam_evaluator._resource_policy(service, resource)
    if policy is not None:
        required = service in iam_evaluator._POLICY_REQUIRED
        result = iam_evaluator.combine_resource_policy(result, evaluation, *policy, required=required)
    if result.decision == "Allow":
        return None
    return f"AccessDeniedException: User: {principal} is not authorized to perform: {action} on resource: {resource}"


def _secret_denial(arn, value_from):
    if ":secretsmanager:" not in value_from:
        resource = value_from if value_from.startswith("arn:") else (
            f"arn:aws:ssm:{get_region()}:{get_account_id()}:parameter/{value_from.lstrip('/')}")
        return denial(arn, "ssm:GetParameters", "ssm", resource)
    _, secret = secretsmanager._resolve(":".join(value_from.split(":")[:7]), use_arn_scope=True)
    if secret is None:
        return None  # MiniStack's own resolution reports it
    key = secret.get("KmsKeyId")
    refused = denial(arn, "secretsmanager:GetSecretValue", "secretsmanager", secret["ARN"])
    if refused or not key or key.startswith(("alias/aws/", "aws/")):
        return refused
    record = kms._resolve_key(key)
    resource = record["Arn"] if record else key
    context = {"kms:viaservice": f"secretsmanager.{get_region()}.amazonaws.com",
               "kms:encryptioncontext:secretarn": secret["ARN"]}
    return denial(arn, "kms:Decrypt", "kms", resource, context)


def _with_permission(resolve):
    def resolved(cdef):
        task, td = current_task()
        arn = role_arn(task, td, "executionRoleArn")
        if settings.AUTH and cdef.get("secrets"):
            for secret in cdef["secrets"]:
                refused = _secret_denial(arn, secret["valueFrom"]) if arn else "the task has no execution role"
                if refused:
                    raise ecs._SecretResolutionError(f"unable to retrieve secret from asm: {refused}")
        return resolve(cdef)

    return resolved


def _check_logs(arn, cdef):
    options = (cdef.get("logConfiguration") or {}).get("options") or {}
    if group := options.get("awslogs-group"):
        stream = f"arn:aws:logs:{get_region()}:{get_account_id()}:log-group:{group}:log-stream:ecs"
        for action in ("logs:CreateLogStream", "logs:PutLogEvents"):
            if refused := denial(arn, action, "logs", stream):
                return f"failed to validate logger args: {refused}"
    return None


def check_start(task, td, cdef, repository_arn):
    """With AUTH on, raises what AWS would report when the execution role may not pull from ECR or write logs."""
    if not settings.AUTH:
        return
    arn = role_arn(task, td, "executionRoleArn")
    refused = None
    if repository_arn:
        wanted = [("ecr:GetAuthorizationToken", "*"), ("ecr:BatchGetImage", repository_arn),
                  ("ecr:GetDownloadUrlForLayer", repository_arn)]
        refused = next((r for action, on in wanted if (r := denial(arn, action, "ecr", on))), None) if arn else (
            "the task has no execution role")
    if refused is None and arn:
        refused = _check_logs(arn, cdef)
    if refused:
        raise ecs._SecretResolutionError(refused)


def install():
    replace(ecs, "_register_metadata", _with_task_credentials)
    replace(ecs, "_resolve_container_secrets", _with_permission)
    replace(imds, "handle_request", _serving)
