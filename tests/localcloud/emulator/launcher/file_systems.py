"""EFS: a task's volume is a directory of the host, an access point its root with owner and mode.

On AWS every operation through an access point with a PosixUser is done as that user, whatever the process's own user
is. Docker has no such mapping, so here the *process* runs as the access point's user and group: a tenant's container
writes its own files, and the mode of another tenant's directory keeps it out even where it is mounted. The image's own
group is added, for files that the image gives to its group.

A volume without a file system is scratch space of the task, writable by any user, gone with the task.
"""

import copy
import os
import shutil

from ministack.core.responses import get_account_id, get_region
from ministack.services import ecs, efs

from . import settings
from .patching import replace


class MountFailed(Exception):
    """The message follows ECS: it becomes the task's stopped reason."""


def _access_point(config):
    point_id = (config.get("authorizationConfig") or {}).get("accessPointId")
    if not point_id:
        return None
    point = efs._access_points.get(point_id)
    if point is None or point["FileSystemId"] != config["fileSystemId"]:
        raise MountFailed(f"failed to invoke EFS utils commands to set up EFS volumes: access point {point_id} not found")
    return point


def _root_of(config, point):
    """Path of the mounted directory below the file system, and how to create it (None: it must exist)."""
    if point is None:
        return config.get("rootDirectory") or "/", None
    root = point.get("RootDirectory") or {}
    return root.get("Path") or "/", root.get("CreationInfo")


def directory_of(config):
    """The host directory behind an `efsVolumeConfiguration`; made with the owner and mode of the access point's
    CreationInfo the first time, left as it is afterwards, as EFS does."""
    file_system = config.get("fileSystemId")
    if file_system not in efs._file_systems:
        raise MountFailed(f"failed to invoke EFS utils commands to set up EFS volumes: file system {file_system} not found")
    base = os.path.join(settings.STATE, "efs", get_account_id(), get_region(), file_system)
    os.makedirs(base, exist_ok=True)
    path, creation = _root_of(config, _access_point(config))
    directory = os.path.normpath(os.path.join(base, path.lstrip("/")))
    if directory != base and not directory.startswith(base + os.sep):
        raise MountFailed(f"{path} leaves the file system")
    if not os.path.isdir(directory):
        if creation is None and path != "/":
            raise MountFailed(f"failed to invoke EFS utils commands to set up EFS volumes: {path} does not exist")
        os.makedirs(directory, exist_ok=True)
        if creation:
            os.chown(directory, int(creation["OwnerUid"]), int(creation["OwnerGid"]))
            os.chmod(directory, int(str(creation["Permissions"]), 8))
    return directory


def _scratch_of(task_id, volume):
    directory = os.path.join(settings.STATE, "scratch", task_id, volume)
    os.makedirs(directory, exist_ok=True)
    os.chmod(directory, 0o1777)
    return directory


def posix_user(td, cdef):
    """(uid, gid) that the container's first mounted access point enforces, or None."""
    volumes = {v["name"]: v for v in td.get("volumes", [])}
    for mount in cdef.get("mountPoints", []):
        config = volumes.get(mount.get("sourceVolume"), {}).get("efsVolumeConfiguration")
        point = _access_point(config) if config else None
        if point and point.get("PosixUser"):
            return int(point["PosixUser"]["Uid"]), int(point["PosixUser"]["Gid"])
    return None


def binds(td, cdef, task_id):
    """Docker binds of a container, through MiniStack's own translation of host volumes."""
    td = copy.deepcopy(td)
    for volume in td.get("volumes", []):
        if volume.get("efsVolumeConfiguration"):
            volume["host"] = {"sourcePath": directory_of(volume["efsVolumeConfiguration"])}
        elif not (volume.get("host") or {}).get("sourcePath"):
            volume["host"] = {"sourcePath": _scratch_of(task_id, volume["name"])}
    return ecs._docker_binds_from_taskdef(td, cdef)


def _without_scratch(cleanup):
    def cleaned(task, *args, **kwargs):
        result = cleanup(task, *args, **kwargs)
        task_id = task.get("taskArn", "").rsplit("/", 1)[-1]
        if task_id:
            shutil.rmtree(os.path.join(settings.STATE, "scratch", task_id), ignore_errors=True)
        return result

    return cleaned


def install():
    replace(ecs, "_cleanup_task_resources", _without_scratch)
