"""Container settings that MiniStack leaves out, and the environment that AWS's SDKs find in a task."""

import contextvars

from ministack.services import ecs

from . import file_systems, settings
from .patching import replace

# The worker that starts a task calls its helpers with one container definition only; they need the task too.
_task = contextvars.ContextVar("localcloud_task", default=None)


def current_task():
    """(task, task definition) being started by this thread."""
    return _task.get()


def _remembering(start):
    def started(task, td, *args, **kwargs):
        token = _task.set((task, td))
        try:
            return start(task, td, *args, **kwargs)
        except file_systems.MountFailed as error:
            ecs._fail_task_start(task, ecs._get_docker(), f"ResourceInitializationError: {error}")
        finally:
            _task.reset(token)

    return started


def _image_groups(image):
    """Groups of the image's own user, added to a container that runs as an access point's user."""
    client = ecs._get_docker()
    user = client.images.get(image).attrs.get("Config", {}).get("User") or ""
    _, _, group = user.partition(":")
    return [group] if group else []


def _tmpfs(cdef):
    entries = (cdef.get("linuxParameters") or {}).get("tmpfs") or []
    return {
        entry["containerPath"]: ",".join([f"size={entry['size']}m", *(entry.get("mountOptions") or [])])
        for entry in entries
    }


def apply_settings(kwargs, cdef, td, task_id):
    """Adds to docker-py's `kwargs` what the container definition asks for. `memory` is MiB, a hard limit, as on ECS;
    without one the task's memory is the limit."""
    simple = {"entryPoint": "entrypoint", "user": "user", "workingDirectory": "working_dir"}
    kwargs.update({ours: cdef[theirs] for theirs, ours in simple.items() if cdef.get(theirs)})
    kwargs["read_only"] = bool(cdef.get("readonlyRootFilesystem"))
    memory = cdef.get("memory") or td.get("memory")
    if memory:
        kwargs["mem_limit"] = f"{int(memory)}m"
    if tmpfs := _tmpfs(cdef):
        kwargs["tmpfs"] = tmpfs
    parameters = cdef.get("linuxParameters") or {}
    kwargs["init"] = bool(parameters.get("initProcessEnabled"))
    if drop := (parameters.get("capabilities") or {}).get("drop"):
        kwargs["cap_drop"] = drop
    if mounted := file_systems.binds(td, cdef, task_id):
        kwargs["volumes"] = mounted
    if owner := file_systems.posix_user(td, cdef):
        kwargs["user"] = f"{owner[0]}:{owner[1]}"
        kwargs["group_add"] = _image_groups(cdef["image"])
    kwargs["name"] = f"bbws-{settings.CLOUD}-ecs-{task_id[:13]}-{cdef['name']}"


def _complete(build):
    def built(cdef, td, env, port_bindings, ecs_network, host_mode, task_id, *args, **kwargs):
        # Volumes are ours: MiniStack's translation would be given file systems it cannot mount.
        bare = {**td, "volumes": []}
        result = build(cdef, bare, env, port_bindings, ecs_network, host_mode, task_id, *args, **kwargs)
        apply_settings(result, cdef, td, task_id)
        return result

    return built


def install():
    replace(ecs, "_start_task_worker", _remembering)
    replace(ecs, "_build_run_kwargs", _complete)
