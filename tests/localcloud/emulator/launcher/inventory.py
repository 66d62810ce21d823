"""Two views that AWS has for nobody, straight from the emulator's memory: `GET /_ministack/inventory?account=<id>`, names of
everything that an account has, in every service and region, and `GET /_ministack/allowed?account=<id>`, what IAM allowed its
roles so far."""

import json
import sys

from ministack import app
from ministack.core.responses import AccountRegionScopedDict, AccountScopedDict

from . import authorization
from .patching import replace

_GONE = {"terminated", "deleted", "DELETED", "INACTIVE", "PendingDeletion", "PendingReplicaDeletion"}
"""States in which AWS, too, still shows for a while what nobody has any more."""

_RECORDS = {
    "ecs._task_defs": "AWS keeps a task definition's revisions when they are taken out of use",
    "ecs._task_def_latest": "the number of the last of them",
    "cloudwatch._alarm_history": "AWS keeps it for 30 days",
    "route53._changes": "the ids of changes that were made",
    "ecr._layer_blobs": "blobs of repositories, which are listed by themselves",
    "ecr._manifest_blobs": "the same",
    "iam._aws_managed_attachment_counts": "counters",
    "ecs._tasks": "AWS tells of stopped tasks for an hour",
    "cloudtrail._events": "AWS keeps what happened, for 90 days",
    "certificates._requested": "AWS keeps the idempotency tokens of requests for an hour",
}
"""What tells of the past, or of what is listed elsewhere. Tags are left out, too: MiniStack keeps those of what is gone."""


def _state(record):
    if not isinstance(record, dict):
        return None
    if record.get("DeletedDate"):
        return "deleted"  # a secret in its recovery window
    state = record.get("State") or record.get("KeyState") or record.get("status") or record.get("Status")
    return state.get("Name") if isinstance(state, dict) else state


def _default(key, record):
    """EC2's own gifts to each region of each account."""
    return key.endswith("-00000001") or (
        isinstance(record, dict) and (record.get("IsDefault") or record.get("VpcId") == "vpc-00000001"))


def _names(account):
    for module_name, module in sorted(sys.modules.items()):
        if not module_name.startswith(("ministack.services.", "launcher.")):
            continue
        for attribute, store in vars(module).items():
            if not isinstance(store, AccountScopedDict | AccountRegionScopedDict):
                continue
            kind = f"{module_name.rpartition('.')[2]}.{attribute}"
            if kind in _RECORDS or attribute == "_tags":
                continue
            for key, record in list(store._data.items()):
                if key[0] != account or record in ({}, [], None) or _state(record) in _GONE:
                    continue
                if not _default(str(key[-1]), record):
                    yield " ".join([kind, *(str(part) for part in key[1:])])


_VIEWS = {
    "/_ministack/inventory": lambda account: sorted(set(_names(account))),
    "/_ministack/allowed": authorization.allowed,
}


def _with_inventory(handle):
    async def handled(method, path, headers, query_params):
        if path not in _VIEWS:
            return await handle(method, path, headers, query_params)
        account = query_params["account"]
        account = account[0] if isinstance(account, list) else account
        return 200, {"Content-Type": "application/json"}, json.dumps(_VIEWS[path](account)).encode()

    return handled


def install():
    replace(app, "_handle_ses_messages_request", _with_inventory)
