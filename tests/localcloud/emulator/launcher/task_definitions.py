"""Deregistered task definitions are of no use for what is new, as on AWS.

MiniStack takes a family's last revision for its latest whatever its status, and runs inactive ones.
"""

from ministack.core.responses import error_response_json
from ministack.services import ecs

from .patching import replace


def _latest_active(resolve):
    def resolved(reference):
        key = resolve(reference)
        family = (reference or "").rsplit("/", 1)[-1]
        if ":" in family or not key or ecs._task_defs.get(key, {}).get("status") != "INACTIVE":
            return key
        active = [definition for definition in ecs._task_defs.values()
                  if definition["family"] == family and definition["status"] == "ACTIVE"]
        newest = max(active, key=lambda definition: definition["revision"], default=None)
        return f"{family}:{newest['revision']}" if newest else family

    return resolved


def _refusing_inactive(handle):
    def handled(data):
        definition = ecs._task_defs.get(ecs._resolve_td_key(data.get("taskDefinition")), {})
        if definition.get("status") == "INACTIVE":
            return error_response_json("ClientException", "TaskDefinition is inactive", 400)
        return handle(data)

    return handled


def install():
    """After whatever else replaces these handlers. The scheduler's own calls are let through: a service goes on with a
    definition that was deregistered."""
    replace(ecs, "_resolve_td_key", _latest_active)
    for action in ("RunTask", "CreateService", "UpdateService"):
        ecs._ACTION_MAP[action] = _refusing_inactive(ecs._ACTION_MAP[action])
