"""Cognito's UpdateGroup, which MiniStack does not have."""

from ministack.core.responses import error_response_json, json_response
from ministack.services import cognito

from .patching import replace


def _update_group(data):
    pool, error = cognito._resolve_pool(data.get("UserPoolId"))
    if error:
        return error
    group = pool["_groups"].get(data.get("GroupName"))
    if not group:
        return error_response_json("ResourceNotFoundException", "Group not found.", 400)
    group.update({field: data[field] for field in ("Description", "RoleArn", "Precedence") if field in data})
    group["LastModifiedDate"] = cognito._now_epoch()
    return json_response({"Group": cognito._group_out(group)})


def _with_update(dispatch):
    async def dispatched(action, data):
        return _update_group(data) if action == "UpdateGroup" else await dispatch(action, data)

    return dispatched


def install():
    replace(cognito, "_dispatch_idp", _with_update)
