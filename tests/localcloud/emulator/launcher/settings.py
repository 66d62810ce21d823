"""What the local cloud tells the launcher, from the environment. Read once."""

import os

CLOUD = os.environ["LOCALCLOUD_ID"]
"""Identity of this cloud: the value of its containers' and volumes' `bbws.localcloud` label."""

STATE = os.environ["LOCALCLOUD_STATE"]
"""Directory of this cloud alone; file systems live below it."""

BRIDGE = os.environ["LOCALCLOUD_BRIDGE"]
"""Address of Docker's bridge on the host, which containers can reach."""

ENDPOINT = os.environ["LOCALCLOUD_ENDPOINT"]
"""The proxy as containers see it: their AWS_ENDPOINT_URL."""

CREDENTIALS = os.environ["LOCALCLOUD_CREDENTIALS"]
"""The proxy on the link-local address from which the AWS SDKs accept task credentials over plain HTTP."""

CONTROL = os.environ["LOCALCLOUD_CONTROL"]
"""The proxy's control interface, on loopback."""

RESOLVER = os.environ["LOCALCLOUD_RESOLVER"]
"""Address and port where name servers are asked for."""

AUTH = os.environ.get("AUTH", "false").lower() == "true"
"""Whether IAM policies are evaluated."""

TIME_SCALE = float(os.environ.get("LOCALCLOUD_TIME_SCALE", "0.1"))
"""Health check intervals are multiplied by this, so that a rollout takes seconds."""

LABEL = "bbws.localcloud"
