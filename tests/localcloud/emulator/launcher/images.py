"""ECS pulls `<account>.dkr.ecr.<region>.amazonaws.com/<repository>` from this cloud's own ECR.

Docker would ask the real AWS. The proxy keeps a loopback registry port for each account and region; Docker talks plain
HTTP to loopback. An image that is there by digest, or that no registry of ours serves, is not pulled again.
"""

import copy
import json
import re
import threading
import urllib.request

from docker.errors import DockerException, ImageNotFound
from ministack.services import ecs

from . import credentials, settings
from .containers import current_task
from .patching import replace

_ECR = re.compile(r"^(\d{12})\.dkr\.ecr\.([a-z0-9-]+)\.amazonaws\.com/(.+)$")
_registries: dict[tuple[str, str], str] = {}
_lock = threading.Lock()


def _registry(account, region):
    """Address of the loopback registry of an account and region."""
    with _lock:
        if (account, region) not in _registries:
            url = f"{settings.CONTROL}/_bbws/registry?account={account}&region={region}"
            with urllib.request.urlopen(url, timeout=10) as answer:
                _registries[account, region] = json.load(answer)["address"]
        return _registries[account, region]


def local_name(image):
    """The name under which Docker finds the image: an ECR name becomes this cloud's loopback registry."""
    match = _ECR.match(image or "")
    return f"{_registry(match[1], match[2])}/{match[3]}" if match else image


def _repository_arn(image):
    match = _ECR.match(image)
    if not match:
        return None
    repository = re.split(r"[:@]", match[3])[0]
    return f"arn:aws:ecr:{match[2]}:{match[1]}:repository/{repository}"


def _present(client, image):
    try:
        client.images.get(image)
    except (ImageNotFound, DockerException):
        return False
    return True


def _pull(client, image):
    """Pulls unless the content cannot have changed."""
    from_ecr = image.startswith("127.0.0.1:")
    if _present(client, image) and ("@sha256:" in image or not from_ecr):
        return
    try:
        client.images.pull(image)
    except DockerException as error:
        raise ecs._ImagePullError(f"pull image manifest has been retried 1 time(s): {error}") from error


def _run_local(run):
    def started(docker_client, cdef, run_kwargs, **options):
        local = {**cdef, "image": local_name(cdef["image"])}
        options.update(refresh_image=False, cache_image=None, fallback_image=None, auth_config=None)
        return run(docker_client, local, run_kwargs, **options)

    return started


def _pulled_first(build):
    """The image is pulled before Docker's arguments are built, because they depend on the image's own user."""

    def built(cdef, td, *args, **kwargs):
        task, _ = current_task()
        credentials.check_start(task, td, cdef, _repository_arn(cdef["image"]))
        local = {**cdef, "image": local_name(cdef["image"])}
        _pull(ecs._get_docker(), local["image"])
        return build(local, td, *args, **kwargs)

    return built


def _prepared(prepare):
    def prepared(task, td, docker_client):
        td = copy.deepcopy(td)
        for cdef in td.get("containerDefinitions", []):
            cdef["image"] = local_name(cdef["image"])
        return prepare(task, td, docker_client)

    return prepared


def install():
    replace(ecs, "_run_docker_container", _run_local)
    replace(ecs, "_build_run_kwargs", _pulled_first)
    replace(ecs, "_prepare_service_images", _prepared)
