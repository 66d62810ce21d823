"""What AWS Backup's vaults hold: the recovery points that jobs made, their copies in other regions, and the vaults' locks. MiniStack
tells of jobs alone. A recovery point is here what AWS lists of it; nothing can be restored from it."""

import json

from ministack.core.arn import parse_arn
from ministack.core.responses import AccountRegionScopedDict, get_account_id, get_region, new_uuid
from ministack.services import backup

from .patching import replace

_points = AccountRegionScopedDict()  # ARN -> as AWS lists it
_TYPES = {"rds": "RDS", "elasticfilesystem": "EFS"}


def _keep(region, vault, arn, resource, role, source=None):
    now = backup._epoch()
    point = {
        "RecoveryPointArn": arn, "BackupVaultName": vault,
        "BackupVaultArn": f"arn:aws:backup:{region}:{get_account_id()}:backup-vault:{vault}",
        "ResourceArn": resource, "ResourceType": _TYPES.get(parse_arn(resource).service, ""), "IamRoleArn": role,
        "Status": "COMPLETED", "CreationDate": now, "CompletionDate": now}
    if source:
        point["SourceBackupVaultArn"] = source
    _points.set_scoped(get_account_id(), region, arn, point)


def _kept(start):
    def started(body):
        answer = start(body)
        if answer[0] == 200:
            arn = json.loads(answer[2])["RecoveryPointArn"]
            _keep(get_region(), body["BackupVaultName"], arn, body["ResourceArn"], body["IamRoleArn"])
        return answer

    return started


def _listed(vault, query):
    if vault not in backup._vaults:
        return backup._not_found(f"Vault '{vault}' not found.")
    of = query.get("resourceArn")
    points = [p for p in _points.values() if p["BackupVaultName"] == vault and of in (None, p["ResourceArn"])]
    return backup._paginate(points, query, "RecoveryPoints")


def _copy(body):
    point = _points.get(body["RecoveryPointArn"])
    if point is None or point["BackupVaultName"] != body["SourceBackupVaultName"]:
        return backup._not_found(f"Recovery point '{body['RecoveryPointArn']}' not found.")
    destination = parse_arn(body["DestinationBackupVaultArn"])
    vault = destination.resource.rpartition(":")[2]
    if not any(key == (get_account_id(), destination.region, vault) for key, _ in backup._vaults.all_items()):
        return backup._not_found(f"Vault '{vault}' not found.")
    arn = f"arn:aws:backup:{destination.region}:{get_account_id()}:recovery-point:{new_uuid()}"
    _keep(destination.region, vault, arn, point["ResourceArn"], body["IamRoleArn"], point["BackupVaultArn"])
    return backup._ok({"CopyJobId": new_uuid(), "CreationDate": backup._epoch(), "IsParent": False})


def _lock(vault, method, body):
    """In governance mode, which has no `ChangeableForDays`: whoever may change the lock takes it off again."""
    found = backup._vaults.get(vault)
    if found is None:
        return backup._not_found(f"Vault '{vault}' not found.")
    for name in ("MinRetentionDays", "MaxRetentionDays"):
        found.pop(name, None)
        if method == "PUT" and name in body:
            found[name] = body[name]
    found["Locked"] = method == "PUT"
    return backup._no_content()


def _with_more(handle):
    async def handled(method, path, headers, body, query_params):
        match method, path.strip("/").split("/"):
            case "PUT", ["copy-jobs"]:
                return _copy(json.loads(body))
            case "PUT" | "DELETE", ["backup-vaults", vault, "vault-lock"]:
                return _lock(vault, method, json.loads(body or b"{}"))
        return await handle(method, path, headers, body, query_params)

    return handled


def install():
    replace(backup, "_start_job", _kept)
    replace(backup, "_list_recovery_points_by_vault", lambda _: _listed)
    replace(backup, "handle_request", _with_more)
