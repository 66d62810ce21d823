"""`python -m launcher.moto_server <port> <MiniStack's URL>`: moto on loopback, for services that MiniStack does not have.

Moto looks for scalable services in its own ECS, which is empty here: it asks MiniStack's instead. As on AWS, a scalable
target takes its policies with it. The secret key of every account's root is `AWS_SECRET_ACCESS_KEY`.
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


def _with_policies(deregister):
    def deregistered(backend, namespace, resource, dimension):
        deregister(backend, namespace, resource, dimension)
        for policy in list(backend.policies.values()):
            if (policy.service_namespace, policy.resource_id, policy.scalable_dimension) == (namespace, resource, dimension):
                backend.delete_scaling_policy(policy.policy_name, namespace, resource, dimension)

    return deregistered


def _replace(name, replacement):
    if not hasattr(ApplicationAutoscalingBackend, name):
        raise RuntimeError(f"moto has no {name}: this launcher was written for another moto")
    setattr(ApplicationAutoscalingBackend, name, replacement)


_replace("_ecs_service_exists_for_target", _service_exists)
_replace("deregister_scalable_target", _with_policies(ApplicationAutoscalingBackend.deregister_scalable_target))

watchdog.install()
main(["-H", "127.0.0.1", "-p", PORT])
