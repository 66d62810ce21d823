"""RDS instances as they were asked for: the administrator's password is made and kept by RDS where that is wanted, and
what MiniStack drops (windows, exported logs) is told again."""

import json

from ministack.core.responses import new_uuid
from ministack.services import rds, secretsmanager

from .patching import replace


def _made_password(params):
    """ARN of the secret that holds the password, which goes into the request."""
    user, password = rds._p(params, "MasterUsername"), rds._generate_master_user_password()
    arn = secretsmanager.create_secret_in_process(
        f"rds!db-{new_uuid()}", json.dumps({"username": user, "password": password}),
        description=f"The secret associated with the primary RDS DB instance: {rds._p(params, 'DBInstanceIdentifier')}")
    key = rds._p(params, "MasterUserSecretKmsKeyId")
    _, secret = secretsmanager._resolve(arn, use_arn_scope=True)
    if key:
        secret["KmsKeyId"] = key
    params["MasterUserPassword"] = [password]
    return {"SecretArn": arn, "SecretStatus": "active", "KmsKeyId": key}


def _whole(create):
    def created(params):
        name = rds._p(params, "DBInstanceIdentifier")
        if name in rds._instances:
            return create(params)
        secret = _made_password(params) if rds._p(params, "ManageMasterUserPassword") == "true" else None
        answer = create(params)
        instance = rds._instances.get(name)
        if instance is None:
            if secret:
                secretsmanager.delete_secret_in_process(secret["SecretArn"])
            return answer
        instance["_Logs"] = rds._parse_member_list(params, "EnableCloudwatchLogsExports")
        for field in ("PreferredBackupWindow", "PreferredMaintenanceWindow", "CACertificateIdentifier"):
            if wanted := rds._p(params, field):
                instance[field] = wanted
        if secret:
            instance["_MasterUserSecret"] = secret
        return rds._single_instance_response("CreateDBInstanceResponse", "CreateDBInstanceResult", instance)

    return created


def _told(render):
    def rendered(instance):
        xml = render(instance)
        logs = "".join(f"<member>{name}</member>" for name in instance.get("_Logs", []))
        xml = xml.replace("<EnabledCloudwatchLogsExports/>", f"<EnabledCloudwatchLogsExports>{logs}</EnabledCloudwatchLogsExports>")
        if secret := instance.get("_MasterUserSecret"):
            xml += "<MasterUserSecret>" + "".join(f"<{name}>{value}</{name}>" for name, value in secret.items()) + "</MasterUserSecret>"
        return xml

    return rendered


def _with_secret(delete):
    def deleted(params):
        instance = rds._resolve_instance(rds._p(params, "DBInstanceIdentifier"))
        answer = delete(params)
        if answer[0] == 200 and instance and (secret := instance.get("_MasterUserSecret")):
            secretsmanager.delete_secret_in_process(secret["SecretArn"])
        return answer

    return deleted


def install():
    replace(rds, "_create_db_instance", _whole)
    replace(rds, "_instance_xml", _told)
    replace(rds, "_delete_db_instance", _with_secret)
