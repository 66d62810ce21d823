"""One cell: a load balancer, a database instance and a file system, for a share of the tenants."""

import json
import secrets
import time

from botocore.exceptions import ClientError

from .shared import missing

WAIT = 180  # seconds for a database to start on a busy machine


def secret(account, name, value, key_arn):
    """ARN and value of a secret; an existing one keeps its value."""
    manager = account.client("secretsmanager")
    try:
        found = manager.get_secret_value(SecretId=name)
        return found["ARN"], found["SecretString"]
    except ClientError as error:
        if not missing(error, "ResourceNotFoundException"):
            raise
    made = manager.create_secret(Name=name, SecretString=value, KmsKeyId=key_arn, Tags=account.tags())
    return made["ARN"], value


def load_balancer(account, name, shared):
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
    # A load balancer drops the port from Host otherwise, and the local cloud's viewers use one.
    elb.modify_load_balancer_attributes(LoadBalancerArn=arn, Attributes=[
        {"Key": "routing.http.preserve_host_header.enabled", "Value": "true"}])
    listeners = elb.describe_listeners(LoadBalancerArn=arn)["Listeners"] or elb.create_listener(
        LoadBalancerArn=arn, Protocol="HTTP", Port=80, Tags=account.tags(), DefaultActions=[{
            "Type": "fixed-response",
            "FixedResponseConfig": {"StatusCode": "404", "ContentType": "text/plain", "MessageBody": "no such site"}}],
    )["Listeners"]
    return {"arn": arn, "dns_name": balancer["DNSName"], "listener_arn": listeners[0]["ListenerArn"],
            "full_name": arn.split(":loadbalancer/", 1)[1]}


def database(account, name, admin, shared, key_arn):
    """Asks for the instance; `await_database` returns its address."""
    rds = account.client("rds")
    try:
        rds.describe_db_instances(DBInstanceIdentifier=name)
    except ClientError as error:
        if not missing(error, "DBInstanceNotFound", "DBInstanceNotFoundFault"):
            raise
        rds.create_db_instance(
            DBInstanceIdentifier=name, Engine="mysql", EngineVersion="8.4", DBInstanceClass="db.t4g.small",
            AllocatedStorage=20, StorageEncrypted=True, KmsKeyId=key_arn, MasterUsername=admin["username"],
            MasterUserPassword=admin["password"], PubliclyAccessible=False, BackupRetentionPeriod=7,
            VpcSecurityGroupIds=[shared["security"]["data"]], Tags=account.tags())


def await_database(account, name):
    """Host and port, once the instance is available."""
    deadline = time.monotonic() + WAIT
    while True:
        instance = account.client("rds").describe_db_instances(DBInstanceIdentifier=name)["DBInstances"][0]
        if instance["DBInstanceStatus"] == "available":
            return {"instance": name, "host": instance["Endpoint"]["Address"], "port": instance["Endpoint"]["Port"]}
        if time.monotonic() > deadline or instance["DBInstanceStatus"] == "failed":
            raise TimeoutError(f"{name} is {instance['DBInstanceStatus']} after {WAIT} s: see its container's log with"
                               f" `docker logs`")
        time.sleep(0.25)


def file_system(account, name, shared, key_arn):
    """Id of the file system with a mount target in each subnet."""
    efs = account.client("efs")
    found = [f for f in efs.describe_file_systems(CreationToken=name)["FileSystems"]]
    if not found:
        found = [efs.create_file_system(CreationToken=name, Encrypted=True, KmsKeyId=key_arn,
                                        Tags=[*account.tags(), {"Key": "Name", "Value": name}])]
    identifier = found[0]["FileSystemId"]
    covered = {t["SubnetId"] for t in efs.describe_mount_targets(FileSystemId=identifier)["MountTargets"]}
    for subnet in set(shared["subnets"]) - covered:
        efs.create_mount_target(FileSystemId=identifier, SubnetId=subnet, SecurityGroups=[shared["security"]["data"]])
    return identifier


def start(account, letter, shared, key_arn):
    """Makes the cell; its database may still be starting. Returns what `finish` needs."""
    name = f"{account.name}-{letter}"
    prefix = f"bbws/{account.environment}/cells/{letter}"
    admin_arn, admin = secret(account, f"{prefix}/admin", json.dumps(
        {"username": "bbws_admin", "password": secrets.token_urlsafe(24)}), key_arn)
    database(account, name, json.loads(admin), shared, key_arn)
    origin_arn, _ = secret(account, f"{prefix}/origin", secrets.token_hex(32), key_arn)
    return {"name": letter, "load_balancer": load_balancer(account, name, shared), "origin_secret_arn": origin_arn,
            "database": {"instance": name, "admin_secret_arn": admin_arn},
            "file_system_id": file_system(account, name, shared, key_arn)}


def finish(account, cell):
    """The foundation document's cell, when its database answers."""
    instance = cell["database"]["instance"]
    return {**cell, "database": {**cell["database"], **await_database(account, instance)}}
