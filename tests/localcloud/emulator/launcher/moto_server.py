"""`python -m launcher.moto_server <port> <MiniStack's URL>`: moto on loopback, for services that MiniStack does not have.

Moto looks for scalable services in its own ECS, which is empty here: it asks MiniStack's instead. The secret key of every
account's root is `AWS_SECRET_ACCESS_KEY`.
"""

import os
import sys
from functools import cache

import boto3
from moto.applicationautoscaling.exceptions import AWSValidationException
from moto.applicationautoscaling.models import ApplicationAutoscalingBackend
from moto.server import main

from . import watchdog

PORT, MINISTACK = sys.argv[1:]


@cache
def _ecs(account, region):
    return boto3.client(
        "ecs", region_name=region, endpoint_url=MINISTACK, aws_access_key_id=account,
        aws_secret_access_key=os.environ["AWS_SECRET_ACCESS_KEY"])


def _service_exists(backend, resource):
    _, cluster, service = resource.split("/")
    services = _ecs(backend.account_id, backend.region_name).describe_services(cluster=cluster, services=[service])["services"]
    if not any(service["status"] == "ACTIVE" for service in services):
        raise AWSValidationException(f"ECS service doesn't exist: {resource}")
    return True


if not hasattr(ApplicationAutoscalingBackend, "_ecs_service_exists_for_target"):
    raise RuntimeError("this launcher was written for another moto")
ApplicationAutoscalingBackend._ecs_service_exists_for_target = _service_exists

watchdog.install()
main(["-H", "127.0.0.1", "-p", PORT])
