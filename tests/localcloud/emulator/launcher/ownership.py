"""Containers and volumes carry the name of their cloud, and publish ports on the bridge and loopback only.

MiniStack names a database's container and volume after its account and region, so two clouds on one Docker daemon would
share them, and it publishes databases on every interface of the machine.
"""

import logging

import docker
from ministack.core import container_reaper
from ministack.services import rds

from . import settings
from .patching import replace


def _labelled(own_labels):
    return lambda service, **extra: {**own_labels(service, **extra), settings.LABEL: settings.CLOUD}


def _named(_original):
    def name(db_id, account_id=None, region=None):
        account_id, region = account_id or rds.get_account_id(), region or rds.get_region()
        return f"bbws-{settings.CLOUD}-rds-{account_id}-{region}-{db_id}"

    return name


def _published(run):
    def started(docker_client, engine, container_kwargs, *args, **kwargs):
        container_kwargs["ports"] = {
            inside: [("127.0.0.1", outside), (settings.BRIDGE, outside)]
            for inside, outside in container_kwargs.get("ports", {}).items()
        }
        # Docker makes a named volume without labels when a container asks for one; then nobody could tell whose it is.
        for volume in container_kwargs.get("volumes", {}):
            docker_client.volumes.create(volume, labels={settings.LABEL: settings.CLOUD})
        return run(docker_client, engine, container_kwargs, *args, **kwargs)

    return started


def remove_all():
    """Removes this cloud's containers and volumes, for when its owner died and nobody else does. The owner's own clean-up
    may be at it too: what is gone already is as good."""
    try:
        client = docker.from_env()
        ours = {"label": f"{settings.LABEL}={settings.CLOUD}"}
        for thing in [*client.containers.list(all=True, filters=ours), *client.volumes.list(filters=ours)]:
            try:
                thing.remove(force=True)
            except docker.errors.APIError as error:
                logging.info("not removed: %s", error)
    except docker.errors.DockerException as error:
        logging.warning("containers stay until the next start: %s", error)


def install():
    replace(container_reaper, "own_labels", _labelled)
    replace(rds, "_rds_docker_name", _named)
    replace(rds, "_run_rds_container", _published)
