"""Service deployments complete when their tasks are healthy behind the load balancer.

MiniStack calls a deployment completed at creation and one second after a replacement's tasks run. Here it is IN_PROGRESS
until every task's target is healthy; a task whose target stays unhealthy after the grace period is stopped, which counts
for the circuit breaker and, in a steady service, brings a replacement, as does one that somebody stops. Old tasks finish
their requests before they stop.
"""

import json
import logging
import threading
import time

from ministack.core.responses import get_account_id, get_region, request_scope
from ministack.services import ecs

from . import health, settings
from .patching import replace

log = logging.getLogger("localcloud.rollouts")
STEADY_DELAY = 0.3  # seconds that a task without a load balancer must survive
SHORTEST_GRACE = 10.0  # seconds; a scaled grace period is not shorter, for busy machines
LONGEST_DRAIN = 5.0  # seconds


def _in_progress(make):
    def made(task_definition, desired_count, status="PRIMARY"):
        deployment = make(task_definition, desired_count, status)
        deployment["rolloutState"] = "IN_PROGRESS"
        deployment["rolloutStateReason"] = f"ECS deployment {deployment['id']} in progress."
        return deployment

    return made


def _grace(service):
    seconds = float(service.get("healthCheckGracePeriodSeconds") or 0)
    return max(seconds * settings.TIME_SCALE, min(seconds, SHORTEST_GRACE))


def _states(service, task):
    """(target group, state) for each load balancer of the service."""
    address = ecs._task_ip(task)
    return [(lb["targetGroupArn"], health.state_of(lb["targetGroupArn"], address, lb.get("containerPort", 80)))
            for lb in service.get("loadBalancers") or [] if lb.get("targetGroupArn")]


def _gated(record):
    def recorded(service_key, task):
        service = ecs._services.get(service_key) or {}
        # Not healthy yet: `_on_health` comes back when that changes.
        if all(state == "healthy" for _, state in _states(service, task)):
            record(service_key, task)

    return recorded


def _running_tasks(group_arn, address):
    for (account, region, _), service in ecs._services.all_items():
        if service.get("status") != "ACTIVE":
            continue
        if not any(lb.get("targetGroupArn") == group_arn for lb in service.get("loadBalancers") or []):
            continue
        for task in ecs._tasks.values_scoped(account, region):
            if (task.get("group") == f"service:{service['serviceName']}" and task.get("lastStatus") == "RUNNING"
                    and task.get("clusterArn") == service["clusterArn"] and ecs._task_ip(task) == address):
                yield account, region, service, task


def _replace_unhealthy(service, task, group_arn):
    cluster = ecs._cluster_name_from_arn(task["clusterArn"])
    group_name = group_arn.split("targetgroup/", 1)[1].split("/")[0]
    reason = f"Task failed ELB health checks in (target-group {group_name})"
    log.info("%s: stopping %s: %s", service["serviceName"], task["taskArn"].rsplit("/", 1)[-1], reason)
    ecs._stop_task({"task": task["taskArn"], "cluster": cluster, "reason": reason})
    task["stopCode"] = "ServiceSchedulerInitiated"
    ecs._record_service_task_failure(task)


def _on_health(group_arn, address):
    for account, region, service, task in _running_tasks(group_arn, address):
        with request_scope(account, region):
            states = _states(service, task)
            cluster = ecs._cluster_name_from_arn(task["clusterArn"])
            key = f"{cluster}/{service['serviceName']}"
            if all(state == "healthy" for _, state in states):
                ecs._schedule_service_deployment_completion(cluster, key, account, region, healthy_task=task)
                continue
            started = task.setdefault("_localcloud_running_since", time.monotonic())
            past_grace = time.monotonic() - started >= _grace(service)
            if past_grace and not task.get("_localcloud_failed") and any(s == "unhealthy" for _, s in states):
                task["_localcloud_failed"] = True
                bad = next(arn for arn, state in states if state == "unhealthy")
                threading.Thread(target=_in_scope, daemon=True,
                                 args=(account, region, _replace_unhealthy, service, task, bad)).start()


def _in_scope(account, region, function, *args):
    with request_scope(account, region):
        function(*args)


def _timed(mark):
    def marked(task_arn, task):
        task["_localcloud_running_since"] = time.monotonic()
        return mark(task_arn, task)

    return marked


def _drained(cleanup):
    def cleaned(task, *args, **kwargs):
        if not task.get("group", "").startswith("service:"):
            return cleanup(task, *args, **kwargs)
        # The targets are deregistered by now; what they are answering may end, and nobody waits for it.
        scope = get_account_id(), get_region()
        threading.Thread(target=_in_scope, args=(*scope, _drain_and_clean, cleanup, task, args, kwargs)).start()

    return cleaned


def _drain_and_clean(cleanup, task, args, kwargs):
    if address := ecs._task_ip(task):
        health.wait_until_drained(address, LONGEST_DRAIN)
    cleanup(task, *args, **kwargs)


def _forgetting_failures(complete):
    """A FAILED deployment is listed until the service is steady again, then it is gone, as on AWS."""

    def completed(cluster, key, expected_deployment_id=None):
        complete(cluster, key, expected_deployment_id)
        service = ecs._services.get(key)
        primary = ecs._primary_deployment(service) if service else None
        if primary and primary.get("rolloutState") == "COMPLETED":
            service["deployments"] = [d for d in service["deployments"] if d.get("rolloutState") != "FAILED"]

    return completed


def _stop_task_of_service(data):
    """StopTask by somebody; the scheduler's own stops don't come here. The service gets another task for it."""
    answer = ecs._stop_task(data)
    if answer[0] == 200:
        task = json.loads(answer[2])["task"]
        group = task.get("group", "")
        if group.startswith("service:"):
            cluster = ecs._cluster_name_from_arn(task["clusterArn"])
            ecs._reconcile_service_tasks(cluster, f"{cluster}/{group.removeprefix('service:')}")
    return answer


def _started_by_deployment(run):
    """Tasks of a service say which deployment started them; MiniStack says the service's name."""

    def started(data):
        if deployment := data.get("_deploymentId"):
            data = {**data, "startedBy": deployment}
        return run(data)

    return started


def install():
    ecs._ACTION_MAP["StopTask"] = _stop_task_of_service
    ecs._ECS_DEPLOYMENT_STEADY_DELAY = STEADY_DELAY
    replace(ecs, "_make_deployment", _in_progress)
    replace(ecs, "_record_service_task_healthy", _gated)
    replace(ecs, "_mark_task_running", _timed)
    replace(ecs, "_run_task", _started_by_deployment)
    replace(ecs, "_cleanup_task_resources", _drained)
    replace(ecs, "_complete_service_deployment", _forgetting_failures)
    health.on_change(_on_health)
