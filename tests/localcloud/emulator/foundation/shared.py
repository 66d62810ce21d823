"""What all cells of an environment share: network, cluster, keys, bucket, registry, users, alarms, roles."""

import json

from botocore.exceptions import ClientError

from .account import HOME, RECOVERY


def missing(error, *codes):
    """Whether a ClientError says that the thing asked for is not there."""
    return error.response["Error"]["Code"] in codes


def network(account):
    """A VPC with one private subnet in each of three zones, and the security groups of its tiers."""
    ec2 = account.client("ec2")
    named = [{"Name": "tag:Name", "Values": [account.name]}]

    def tagged(kind):
        return [{"ResourceType": kind, "Tags": [{"Key": "Name", "Value": account.name}, *account.tags()]}]

    found = ec2.describe_vpcs(Filters=named)["Vpcs"]
    vpc = (found or [ec2.create_vpc(CidrBlock="10.20.0.0/16", TagSpecifications=tagged("vpc"))["Vpc"]])[0]["VpcId"]
    subnets = {s["AvailabilityZone"]: s["SubnetId"] for s in ec2.describe_subnets(Filters=named)["Subnets"]}
    for index, letter in enumerate("abc"):
        zone = HOME + letter
        if zone not in subnets:
            subnets[zone] = ec2.create_subnet(
                VpcId=vpc, CidrBlock=f"10.20.{index}.0/24", AvailabilityZone=zone,
                TagSpecifications=tagged("subnet"))["Subnet"]["SubnetId"]
    groups = {g["GroupName"]: g["GroupId"] for g in ec2.describe_security_groups(
        Filters=[{"Name": "vpc-id", "Values": [vpc]}])["SecurityGroups"]}
    for tier in ("edge", "tasks", "data"):
        name = f"{account.name}-{tier}"
        if name not in groups:
            groups[name] = ec2.create_security_group(GroupName=name, Description=f"{tier} of {account.name}", VpcId=vpc)["GroupId"]
    security = {tier: groups[f"{account.name}-{tier}"] for tier in ("edge", "tasks", "data")}
    return {"vpc": vpc, "subnets": [subnets[zone] for zone in sorted(subnets)], "security": security}


def cluster(account):
    """The ECS cluster with both Fargate capacity providers; returns its ARN."""
    ecs = account.client("ecs")
    found = [c for c in ecs.describe_clusters(clusters=[account.name])["clusters"] if c["status"] == "ACTIVE"]
    if not found:
        found = [ecs.create_cluster(
            clusterName=account.name, capacityProviders=["FARGATE", "FARGATE_SPOT"],
            defaultCapacityProviderStrategy=[{"capacityProvider": "FARGATE", "weight": 1, "base": 1}],
            settings=[{"name": "containerInsights", "value": "enabled"}], tags=account.tags("key", "value"))["cluster"]]
    return found[0]["clusterArn"]


def key(account):
    """ARNs of the environment's KMS key and of its replica in the region to recover in, each behind the alias of the environment's
    name. The default policy lets IAM decide."""
    alias, arns = f"alias/{account.name}", []
    for region in (HOME, RECOVERY):
        kms = account.client("kms", region)
        try:
            arns.append(kms.describe_key(KeyId=alias)["KeyMetadata"]["Arn"])
            continue
        except ClientError as error:
            if not missing(error, "NotFoundException"):
                raise
        tags = account.tags("TagKey", "TagValue")
        if region == HOME:
            made = kms.create_key(Description=account.name, MultiRegion=True, Tags=tags)["KeyMetadata"]
        else:
            primary = account.client("kms")
            made = primary.replicate_key(KeyId=arns[0], ReplicaRegion=region, Description=account.name, Tags=tags)["ReplicaKeyMetadata"]
        kms.create_alias(AliasName=alias, TargetKeyId=made["KeyId"])
        arns.append(made["Arn"])
    return arns


def bucket(account, key_arn, region=HOME, purpose="artifacts"):
    """A bucket: versioned, encrypted with the environment's key, closed to the public and to whoever comes without TLS."""
    s3, name = account.client("s3", region), f"{account.name}-{purpose}-{account.id}"
    if name not in {b["Name"] for b in s3.list_buckets()["Buckets"]}:
        s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": region})
    s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    s3.put_bucket_encryption(Bucket=name, ServerSideEncryptionConfiguration={"Rules": [{
        "ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key_arn},
        "BucketKeyEnabled": True}]})
    s3.put_public_access_block(Bucket=name, PublicAccessBlockConfiguration={
        "BlockPublicAcls": True, "IgnorePublicAcls": True, "BlockPublicPolicy": True, "RestrictPublicBuckets": True})
    only_tls = {"Sid": "OnlyTls", "Effect": "Deny", "Principal": "*", "Action": "s3:*",
                "Resource": [f"arn:aws:s3:::{name}", f"arn:aws:s3:::{name}/*"],
                "Condition": {"Bool": {"aws:SecureTransport": "false"}}}
    s3.put_bucket_policy(Bucket=name, Policy=json.dumps({"Version": "2012-10-17", "Statement": [only_tls]}))
    return name


def log_bucket(account):
    """Name of the bucket that load balancers write their access logs to."""
    s3, name = account.client("s3"), f"{account.name}-logs-{account.id}"
    if name not in {b["Name"] for b in s3.list_buckets()["Buckets"]}:
        s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": HOME})
    return name


def repository(account):
    """URI of the image repository."""
    ecr, name = account.client("ecr"), "bbws/wordpress"
    try:
        return ecr.describe_repositories(repositoryNames=[name])["repositories"][0]["repositoryUri"]
    except ClientError as error:
        if not missing(error, "RepositoryNotFoundException"):
            raise
    return ecr.create_repository(repositoryName=name, tags=account.tags())["repository"]["repositoryUri"]


def user_pool(account):
    """Id of the Cognito pool of the environment's people."""
    cognito = account.client("cognito-idp")
    for pool in cognito.list_user_pools(MaxResults=60)["UserPools"]:
        if pool["Name"] == account.name:
            return pool["Id"]
    password = {"MinimumLength": 12, **{f"Require{what}": True for what in ("Lowercase", "Uppercase", "Numbers", "Symbols")}}
    made = cognito.create_user_pool(
        PoolName=account.name, Policies={"PasswordPolicy": password}, UsernameAttributes=["email"], AutoVerifiedAttributes=["email"],
        AdminCreateUserConfig={"AllowAdminCreateUserOnly": True},
        UserPoolTags={t["Key"]: t["Value"] for t in account.tags()})["UserPool"]["Id"]
    cognito.set_user_pool_mfa_config(UserPoolId=made, SoftwareTokenMfaConfiguration={"Enabled": True}, MfaConfiguration="ON")
    return made


def topic(account, key_arn):
    """ARN of the alarms' topic; creating an existing topic returns it."""
    return account.client("sns").create_topic(
        Name=f"{account.name}-alarms", Attributes={"KmsMasterKeyId": key_arn}, Tags=account.tags())["TopicArn"]


def vaults(account, key_arns):
    """Name of the backup vault, of the same name here and in the region to recover in, both locked."""
    for region, key_arn in zip((HOME, RECOVERY), key_arns, strict=True):
        backup = account.client("backup", region)
        if account.name not in {v["BackupVaultName"] for v in backup.list_backup_vaults()["BackupVaultList"]}:
            backup.create_backup_vault(BackupVaultName=account.name, EncryptionKeyArn=key_arn)
            backup.put_backup_vault_lock_configuration(BackupVaultName=account.name, MinRetentionDays=3, MaxRetentionDays=35)
    return account.name


def log_group(account, name):
    """A log group with 30 days of retention."""
    logs = account.client("logs")
    found = logs.describe_log_groups(logGroupNamePrefix=name)["logGroups"]
    if name not in {g["logGroupName"] for g in found}:
        logs.create_log_group(logGroupName=name)
        logs.put_retention_policy(logGroupName=name, retentionInDays=30)


def role(account, name, statements):
    """ARN of a role that ECS tasks assume, with one inline policy of exactly these statements."""
    iam, path = account.client("iam"), f"/bbws/{account.environment}/"
    trust = {"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": {"Service": "ecs-tasks.amazonaws.com"}, "Action": "sts:AssumeRole"}]}
    try:
        arn = iam.get_role(RoleName=name)["Role"]["Arn"]
    except ClientError as error:
        if not missing(error, "NoSuchEntity"):
            raise
        arn = iam.create_role(RoleName=name, Path=path, AssumeRolePolicyDocument=json.dumps(trust), Tags=account.tags())["Role"]["Arn"]
    policy = {"Version": "2012-10-17", "Statement": statements}
    iam.put_role_policy(RoleName=name, PolicyName="job", PolicyDocument=json.dumps(policy))
    return arn


def job(account, key_arn, bucket_name, admin_secrets):
    """Roles and log group of the cells' batched admin job."""
    group = f"/bbws/{account.environment}/jobs"
    log_group(account, group)
    scope = f"{HOME}:{account.id}"
    secrets = f"arn:aws:secretsmanager:{scope}:secret:bbws/{account.environment}"
    decrypt = {"Effect": "Allow", "Action": "kms:Decrypt", "Resource": key_arn}
    execution = role(account, f"{account.name}-job-execution", [
        {"Effect": "Allow", "Action": "ecr:GetAuthorizationToken", "Resource": "*"},
        {"Effect": "Allow", "Action": ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer", "ecr:BatchCheckLayerAvailability"],
         "Resource": f"arn:aws:ecr:{scope}:repository/bbws/wordpress"},
        {"Effect": "Allow", "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
         "Resource": f"arn:aws:logs:{scope}:log-group:{group}:*"},
        {"Effect": "Allow", "Action": "secretsmanager:GetSecretValue", "Resource": admin_secrets},
        decrypt])
    task = role(account, f"{account.name}-job-task", [
        {"Effect": "Allow", "Action": "secretsmanager:GetSecretValue", "Resource": f"{secrets}/*/database-??????"},
        {"Effect": "Allow", "Action": "s3:PutObject", "Resource": f"arn:aws:s3:::{bucket_name}/jobs/*"},
        {**decrypt, "Action": ["kms:Decrypt", "kms:GenerateDataKey"]}])
    return {"execution_role_arn": execution, "task_role_arn": task, "log_group": group}
