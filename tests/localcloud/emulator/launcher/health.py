"""Load balancer targets have the health that probing them shows.

MiniStack reports every target as healthy. Here each is probed as its target group says (path, port, matcher,
thresholds, intervals times `settings.TIME_SCALE`), DescribeTargetHealth tells the result, and requests go to healthy
targets, or to all of them where none is, as a load balancer does.
"""

import http.client
import logging
import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from ministack.core.responses import StreamingResponse
from ministack.services import alb

from . import settings
from .patching import replace

TICK = 0.1  # seconds between looks at who is due
log = logging.getLogger("localcloud.health")

_REASONS = {
    "initial": ("Elb.InitialHealthChecking", "Initial health checks in progress"),
    "unhealthy": ("Target.FailedHealthChecks", "Health checks failed"),
}


@dataclass
class Health:
    """What is known of one target. `state` is AWS's word."""

    state: str = "initial"
    passed: int = 0
    failed: int = 0
    next_probe: float = 0.0
    probing: bool = False

    def record(self, ok, healthy_threshold, unhealthy_threshold):
        """A new target is healthy after one success; a known one changes after as many in a row as the group says."""
        self.passed, self.failed = (self.passed + 1, 0) if ok else (0, self.failed + 1)
        if ok and (self.state == "initial" or self.passed >= healthy_threshold):
            self.state = "healthy"
        elif not ok and self.failed >= unhealthy_threshold:
            self.state = "unhealthy"


_targets: dict[tuple[str, str, int], Health] = {}
_listeners = []


def on_change(listener):
    """Calls `listener(target group ARN, target id)` after a target's state changed, on a probing thread."""
    _listeners.append(listener)


def _port(group, target):
    return int(target.get("Port") or group.get("Port") or 80)


def state_of(group_arn, target_id, port):
    """initial, healthy or unhealthy; healthy where the group checks nothing."""
    group = alb._tgs.get_scoped(group_arn.split(":")[4], group_arn.split(":")[3], group_arn) or {}
    if not group.get("HealthCheckEnabled", True) or group.get("TargetType") == "lambda":
        return "healthy"
    return _targets.get((group_arn, target_id, int(port)), Health()).state


def _matches(matcher, status):
    for part in str((matcher or {}).get("HttpCode") or "200").split(","):
        low, _, high = part.partition("-")
        if int(low) <= status <= int(high or low):
            return True
    return False


def _probe(group, target):
    port = group.get("HealthCheckPort") or "traffic-port"
    port = _port(group, target) if port == "traffic-port" else int(port)
    connection = http.client.HTTPConnection(target["Id"], port, timeout=float(group.get("HealthCheckTimeoutSeconds") or 5))
    try:
        connection.request("GET", group.get("HealthCheckPath") or "/", headers={"User-Agent": "ELB-HealthChecker/2.0"})
        return _matches(group.get("Matcher"), connection.getresponse().status)
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _check(group, target, health):
    before = health.state
    ok = _probe(group, target)
    health.record(ok, int(group.get("HealthyThresholdCount") or 5), int(group.get("UnhealthyThresholdCount") or 2))
    interval = float(group.get("HealthCheckIntervalSeconds") or 30) * settings.TIME_SCALE
    # A new target is looked at often: on AWS it also becomes healthy with its first success.
    health.next_probe = time.monotonic() + (min(interval, 0.3) if health.state == "initial" else interval)
    health.probing = False
    if health.state != before:
        log.info("%s in %s: %s -> %s", target["Id"], group["TargetGroupName"], before, health.state)
    if health.state != before or health.state == "unhealthy":
        for listener in _listeners:
            listener(group["TargetGroupArn"], target["Id"])


def _due():
    """Targets to probe now; forgets those that are registered no more."""
    seen, due = set(), []
    for (account, arn), targets in list(alb._targets._data.items()):
        group = alb._tgs.get_scoped(account, arn.split(":")[3], arn)
        if not group or not group.get("HealthCheckEnabled", True) or group.get("TargetType") == "lambda":
            continue
        for target in list(targets):
            key = (arn, target["Id"], _port(group, target))
            seen.add(key)
            health = _targets.setdefault(key, Health())
            if not health.probing and time.monotonic() >= health.next_probe:
                health.probing = True
                due.append((group, target, health))
    for key in [key for key in _targets if key not in seen]:
        _targets.pop(key, None)
    return due


def _run():
    with ThreadPoolExecutor(max_workers=16, thread_name_prefix="localcloud-probe") as pool:
        while True:
            try:
                for group, target, health in _due():
                    pool.submit(_check, dict(group), dict(target), health)
            except Exception:
                log.exception("health checks")
            time.sleep(TICK)


def _describe(_original):
    def described(params):
        arn = alb._p(params, "TargetGroupArn")
        group = alb._tgs.get(arn)
        if group is None:
            return alb._error("TargetGroupNotFound", f"Target groups '{arn}' not found")
        wanted = {t["Id"] for t in alb._parse_targets_param(params)}
        members = ""
        for target in alb._targets.get(arn, []):
            if wanted and target["Id"] not in wanted:
                continue
            port = _port(group, target)
            state = state_of(arn, target["Id"], port)
            reason, description = _REASONS.get(state, ("", ""))
            detail = f"<Reason>{reason}</Reason><Description>{description}</Description>" if reason else ""
            members += (f"<member><Target><Id>{target['Id']}</Id><Port>{port}</Port></Target>"
                        f"<HealthCheckPort>{port}</HealthCheckPort>"
                        f"<TargetHealth><State>{state}</State>{detail}</TargetHealth></member>")
        return alb._xml(200, "DescribeTargetHealth",
                        f"<TargetHealthDescriptions>{members}</TargetHealthDescriptions>")

    return described


_in_flight: dict[str, int] = {}
_in_flight_lock = threading.Lock()


def wait_until_drained(address, seconds):
    """Waits until no request is on its way to the address, at most `seconds`: the deregistration delay."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and _in_flight.get(address):
        time.sleep(0.02)


def _count(address, change):
    with _in_flight_lock:
        _in_flight[address] = _in_flight.get(address, 0) + change
        if not _in_flight[address]:
            _in_flight.pop(address)


def _forward(forward):
    async def forwarded(group_arn, method, path, headers, body, query_params, raw_query_string=None, raw_path=None):
        group, targets = alb._tgs.get(group_arn), alb._targets.get(group_arn, [])
        if not group or not targets or group.get("TargetType") not in ("ip", "instance"):
            return await forward(group_arn, method, path, headers, body, query_params, raw_query_string, raw_path)
        healthy = [t for t in targets if state_of(group_arn, t["Id"], _port(group, t)) == "healthy"]
        target = random.choice(healthy or targets)
        _count(target["Id"], +1)
        try:
            status, answer, content = await alb._proxy_http_target(
                target, group, method, raw_path or path, headers, body, query_params, raw_query_string)
        except BaseException:
            _count(target["Id"], -1)
            raise
        return status, answer, _counted_until_sent(target["Id"], content)

    return forwarded


def _counted_until_sent(address, content):
    """The body, whose end ends the request."""
    if not isinstance(content, StreamingResponse):
        _count(address, -1)
        return content
    runner = content.runner

    async def run(send, receive):
        try:
            await runner(send, receive)
        finally:
            _count(address, -1)

    return StreamingResponse(run)


def install():
    replace(alb, "_describe_target_health", _describe)
    replace(alb, "_forward_to_tg", _forward)
    threading.Thread(target=_run, daemon=True, name="localcloud-health").start()
