"""One account and environment: its clients, names and tags."""

from dataclasses import dataclass
from functools import cache

import boto3
from botocore.config import Config

HOME, EDGE, RECOVERY = "af-south-1", "us-east-1", "eu-west-1"


@dataclass(frozen=True)
class Account:
    """`endpoint` is the local cloud's; `viewer_port` is where browsers reach the edge."""

    environment: str
    id: str
    endpoint: str
    secret_key: str
    viewer_port: int

    @cache
    def client(self, service, region=HOME):
        """A boto3 client acting as the account's root."""
        return boto3.client(
            service, region_name=region, endpoint_url=self.endpoint, aws_access_key_id=self.id,
            aws_secret_access_key=self.secret_key, config=Config(retries={"total_max_attempts": 5, "mode": "standard"}))

    @property
    def name(self):
        """Name of what tenants share, and prefix of its parts."""
        return f"bbws-{self.environment}"

    def tags(self, key="Key", value="Value", **more):
        """The tags of shared resources, in the spelling of the service."""
        pairs = {"bbws:environment": self.environment, "bbws:managed-by": "foundation",
                 **{f"bbws:{name}": text for name, text in more.items()}}
        return [{key: name, value: text} for name, text in pairs.items()]
