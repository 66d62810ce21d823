"""One cell: a load balancer, a database instance and a file system, for a share of the tenants."""

import json
import secrets
import time

from botocore.exceptions import ClientError

from .shared import missing

WAIT = 180  # seconds for a database to start on a busy machine


def secret(account, name, value, key_arn):
    """ARN of a secret; an existing one keeps its value."""
    manager = account.client("secretsmanager")
    try:
        return manager.describe_secret(SecretId=name)["ARN"]
    except ClientError as error:
        if not missing(error, "ResourceNotFoundException"):
            raise
    return manager.create_secret(Name=name, SecretString=value, KmsKeyId=key_arn, Tags=account.tags())["ARN"]


def load_balancer(account, letter, name, shared, log_bucket):
    """The load balancer and its listener, which answers 404 to whatever no tenant's rule matches."""
    elb = account.client("elbv2")
    try:
        balancer = elb.describe_load_balancers(Names=[name])["LoadBalancers"][0]
    except ClientError as error:
        if not missing(error, "LoadBalancerNotFound"):
            raise
        balancer = elb.create_load_balancer(
            Name=name, Subnets=shared["subnets"], SecurityGroups=[shared["security"]["edge"]],
            Tags=account.tags())["LoadBalancers"][0]
    arn = balancer["LoadBalancerArn"]
    attributes = {
        # A load balancer drops the port from Host otherwise, and the local cloud's viewers use one.
        "routing.http.preserve_host_header.enabled": "true", "routing.http.drop_invalid_header_fields.enabled": "true",
        "deletion_protection.enabled": "true", "access_logs.s3.enabled": "true", "access_logs.s3.bucket": log_bucket,
        "access_logs.s3.prefix": f"alb/{letter}"}
    elb.modify_load_balancer_attributes(
        LoadBalancerArn=arn, Attributes=[{"Key": key, "Value": value} for key, value in attributes.items()])
    listeners = elb.describe_listeners(LoadBalancerArn=arn)["Listeners"] or elb.create_listener(
        LoadBalancerArn=arn, Protocol="HTTP", Port=80, Tags=account.tags(), DefaultActions=[{
            "Type": "fixed-response",
            "FixedResponseConfig": {"StatusCode": "404", "ContentType": "text/plain", "MessageBody": "no such site"}}],
    )["Listeners"]
    return {"arn": arn, "dns_name": balancer["DNSName"], "listener_arn": listeners[0]["ListenerArn"],
            "full_name": arn.split(":loadbalancer/", 1)[1]}


def parameters(rds, name):
    """Name of the parameter group: nobody speaks to the database in the clear."""
    group = f"{name}-mysql84"
    rds.create_db_parameter_group(DBParameterGroupName=group, DBParameterGroupFamily="mysql8.4", Description=f"WordPress on {name}")
    rds.modify_db_parameter_group(DBParameterGroupName=group, Parameters=[
        {"ParameterName": "require_secure_transport", "ParameterValue": "1", "ApplyMethod": "immediate"}])
    return group


def database(account, letter, name, shared, key_arn):
    """Asks for the instance, whose administrator's password RDS makes and keeps; `await_database` returns its address."""
    rds = account.client("rds")
    try:
        rds.describe_db_instances(DBInstanceIdentifier=name)
    except ClientError as error:
        if not missing(error, "DBInstanceNotFound", "DBInstanceNotFoundFault"):
            raise
        rds.create_db_instance(
            DBInstanceIdentifier=name, Engine="mysql", EngineVersion="8.4", DBInstanceClass="db.t4g.small",
            AllocatedStorage=20, StorageEncrypted=True, KmsKeyId=key_arn, MasterUsername="bbws_admin",
            ManageMasterUserPassword=True, MasterUserSecretKmsKeyId=key_arn, PubliclyAccessible=False, BackupRetentionPeriod=7,
            DeletionProtection=True, DBParameterGroupName=parameters(rds, name),
            VpcSecurityGroupIds=[shared["security"]["data"]], Tags=account.tags(cell=letter, backup="daily"))


def await_database(account, name):
    """Host, port and the administrator's secret, once the instance is available."""
    deadline = time.monotonic() + WAIT
    while True:
        instance = account.client("rds").describe_db_instances(DBInstanceIdentifier=name)["DBInstances"][0]
        if instance["DBInstanceStatus"] == "available":
            return {"instance": name, "host": instance["Endpoint"]["Address"], "port": instance["Endpoint"]["Port"],
                    "admin_secret_arn": instance["MasterUserSecret"]["SecretArn"]}
        if time.monotonic() > deadline or instance["DBInstanceStatus"] == "failed":
            raise TimeoutError(f"{name} is {instance['DBInstanceStatus']} after {WAIT} s: see its container's log with"
                               f" `docker logs`")
        time.sleep(0.25)


def file_system(account, letter, name, shared, key_arn):
    """Id of the file system with a mount target in each subnet: mounted with TLS and through access points only, never as root."""
    efs = account.client("efs")
    found = [f for f in efs.describe_file_systems(CreationToken=name)["FileSystems"]]
    if not found:
        found = [efs.create_file_system(
            CreationToken=name, Encrypted=True, KmsKeyId=key_arn,
            Tags=[*account.tags(cell=letter, backup="daily"), {"Key": "Name", "Value": name}])]
    identifier = found[0]["FileSystemId"]
    covered = {t["SubnetId"] for t in efs.describe_mount_targets(FileSystemId=identifier)["MountTargets"]}
    for subnet in set(shared["subnets"]) - covered:
        efs.create_mount_target(FileSystemId=identifier, SubnetId=subnet, SecurityGroups=[shared["security"]["data"]])
    mount = ["elasticfilesystem:ClientMount", "elasticfilesystem:ClientWrite"]
    statement = {"Resource": found[0]["FileSystemArn"], "Principal": "*", "Effect": "Deny"}
    efs.put_file_system_policy(FileSystemId=identifier, Policy=json.dumps({"Version": "2012-10-17", "Id": "uploads", "Statement": [
        {**statement, "Sid": "MountThroughAccessPoints", "Effect": "Allow", "Action": mount,
         "Principal": {"AWS": f"arn:aws:iam::{account.id}:root"},
         "Condition": {"Bool": {"elasticfilesystem:AccessedViaMountTarget": "true"},
                       "Null": {"elasticfilesystem:AccessPointArn": "false"}}},
        {**statement, "Sid": "OnlyAccessPoints", "Action": mount, "Condition": {"Null": {"elasticfilesystem:AccessPointArn": "true"}}},
        {**statement, "Sid": "NeverRoot", "Action": "elasticfilesystem:ClientRootAccess"},
        {**statement, "Sid": "OnlyTls", "Action": "*", "Condition": {"Bool": {"aws:SecureTransport": "false"}}}]}))
    return identifier


def start(account, letter, shared, key_arn, log_bucket):
    """Makes the cell; its database may still be starting. Returns what `finish` needs."""
    name = f"{account.name}-{letter}"
    database(account, letter, name, shared, key_arn)
    origin_arn = secret(account, f"bbws/{account.environment}/cells/{letter}/origin", secrets.token_hex(32), key_arn)
    return {"name": letter, "load_balancer": load_balancer(account, letter, name, shared, log_bucket),
            "origin_secret_arn": origin_arn, "database": name,
            "file_system_id": file_system(account, letter, name, shared, key_arn)}


def finish(account, cell):
    """The foundation document's cell, when its database answers."""
    return {**cell, "database": await_database(account, cell["database"])}
