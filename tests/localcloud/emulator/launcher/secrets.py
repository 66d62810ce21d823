"""ListSecrets tells with which key a secret is encrypted, as AWS's does."""

import json

from ministack.services import secretsmanager

from .patching import replace


def _with_keys(list_secrets):
    def listed(data):
        status, headers, body = list_secrets(data)
        answer = json.loads(body)
        for entry in answer.get("SecretList", []):
            if key := secretsmanager._secrets[entry["Name"]].get("KmsKeyId"):
                entry["KmsKeyId"] = key
        return status, headers, json.dumps(answer).encode()

    return listed


def install():
    replace(secretsmanager, "_list_secrets", _with_keys)
