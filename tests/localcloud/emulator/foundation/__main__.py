"""`python -m foundation`: seeds all accounts in parallel. Reads JSON on standard input:
{"endpoint", "secret_key", "viewer_port", "accounts": [{"environment", "id", "cells": ["a"]}]}."""

import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor

from botocore.exceptions import ClientError

from . import cell, edge, shared
from .account import HOME, RECOVERY, Account


def write(account, document):
    """Puts the document where the runner looks; says whether it changed."""
    ssm, name, text = account.client("ssm"), f"/bbws/{account.environment}/foundation", json.dumps(document, sort_keys=True)
    try:
        if ssm.get_parameter(Name=name)["Parameter"]["Value"] == text:
            return False
    except ClientError as error:
        if not shared.missing(error, "ParameterNotFound"):
            raise
    ssm.put_parameter(Name=name, Value=text, Type="String", Overwrite=True, Tier="Intelligent-Tiering")
    return True


def seed(account, letters):
    """The whole foundation of one account. What takes longest, the databases, starts first and is awaited last."""
    began = time.monotonic()
    network, (key, replica) = shared.network(account), shared.key(account)
    logs = shared.log_bucket(account)
    started = [cell.start(account, letter, network, key, logs) for letter in letters]
    bucket = shared.bucket(account, key)
    recovery = {"vault": shared.vaults(account, (key, replica)), "region": RECOVERY, "key_arn": replica,
                "bucket": shared.bucket(account, replica, RECOVERY, "artifacts-replica")}
    edges, zone, cluster, repository = edge.edge(account), edge.zone(account), shared.cluster(account), shared.repository(account)
    pool, topic = shared.user_pool(account), shared.topic(account, key)
    cells = [cell.finish(account, made) for made in started]
    document = {
        "version": 1, "environment": account.environment, "account": account.id, "region": HOME, "partition": "aws",
        "viewer": {"scheme": "http", "port": account.viewer_port},
        "edge": edges, "zone": zone,
        "cluster": {"name": account.name, "arn": cluster},
        "network": {"vpc_id": network["vpc"], "subnets": network["subnets"], "task_security_group": network["security"]["tasks"]},
        "registry": {"repository": "bbws/wordpress", "uri": repository},
        "users": {"pool_id": pool}, "artifacts": {"bucket": bucket},
        "alarms": {"topic_arn": topic}, "encryption": {"key_arn": key},
        "job": shared.job(account, key, bucket, [made["database"]["admin_secret_arn"] for made in cells]),
        "recovery": recovery, "cells": cells}
    changed = write(account, document)
    took = time.monotonic() - began
    print(f"{account.environment} ({account.id}): {'seeded' if changed else 'unchanged'} in {took:.1f} s", flush=True)


def main():
    request = json.load(sys.stdin)
    with ThreadPoolExecutor(max_workers=8) as pool:
        work = [pool.submit(seed, Account(a["environment"], a["id"], request["endpoint"], request["secret_key"],
                                          request["viewer_port"]), a["cells"]) for a in request["accounts"]]
        for future in work:
            future.result()


main()
