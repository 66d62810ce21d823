"""`python -m foundation`: seeds all accounts in parallel. Reads JSON on standard input:
{"endpoint", "secret_key", "viewer_port", "accounts": [{"environment", "id", "cells": ["a"]}]}."""

import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor

from botocore.exceptions import ClientError

from . import cell, edge, shared
from .account import HOME, Account


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
    network, key = shared.network(account), shared.key(account)
    cells = [cell.start(account, letter, network, key) for letter in letters]
    bucket = shared.bucket(account, key)
    shared.vault(account, key)
    document = {
        "version": 1, "environment": account.environment, "account": account.id, "region": HOME, "partition": "aws",
        "viewer": {"scheme": "http", "port": account.viewer_port},
        "edge": edge.edge(account), "zone": edge.zone(account),
        "cluster": {"name": account.name, "arn": shared.cluster(account)},
        "network": {"vpc_id": network["vpc"], "subnets": network["subnets"], "task_security_group": network["security"]["tasks"]},
        "registry": {"repository": "bbws/wordpress", "uri": shared.repository(account)},
        "users": {"pool_id": shared.user_pool(account)}, "artifacts": {"bucket": bucket},
        "alarms": {"topic_arn": shared.topic(account, key)}, "encryption": {"key_arn": key},
        "job": shared.job(account, key, bucket), "cells": [cell.finish(account, made) for made in cells]}
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
