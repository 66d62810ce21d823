"""ECR's own way to blobs, its scans, and tags that stay: MiniStack answers these calls without doing anything.

Blobs land where Docker's pushes put theirs, so either way in leads to either way out. Scan findings are what a test put
beside the image with PutImageScanFindings, an operation that AWS does not have.
"""

import base64
import fnmatch
import hashlib
import json
import time

from ministack.core.responses import error_response_json, json_response, new_uuid
from ministack.services import ecr

from .patching import add_operations, replace

_parts: dict[str, bytearray] = {}
_exclusions: dict[tuple[str, str], list[str]] = {}
_findings: dict[tuple[str, str, str], dict] = {}
_replication: dict[tuple[str, str, str], dict] = {}


def _scope(name):
    return ecr.get_account_id(), ecr.get_region(), name


def _missing(name):
    if name in ecr._repositories:
        return None
    return error_response_json("RepositoryNotFoundException", f"The repository with name '{name}' does not exist", 400)


def _blobs(name):
    if name not in ecr._layer_blobs:
        ecr._layer_blobs[name] = {}
    return ecr._layer_blobs[name]


def _availability(data):
    name = data["repositoryName"]
    held = _blobs(name)
    layers = [{
        "layerDigest": digest, "layerSize": len(held.get(digest, b"")),
        "layerAvailability": "AVAILABLE" if digest in held else "UNAVAILABLE",
    } for digest in data.get("layerDigests", [])]
    return json_response({"layers": layers, "failures": []})


def _initiate(data):
    upload = new_uuid()
    _parts[upload] = bytearray()
    return json_response({"uploadId": upload, "partSize": 10 << 20})


def _part(data):
    held = _parts.get(data.get("uploadId"))
    if held is None:
        return error_response_json("UploadNotFoundException", "The upload could not be found", 400)
    content = base64.b64decode(data.get("layerPartBlob", ""))
    if data["partFirstByte"] != len(held) or data["partLastByte"] != len(held) + len(content) - 1:
        return error_response_json("InvalidLayerPartException", f"the next byte is {len(held)}", 400)
    held += content
    return json_response({"uploadId": data["uploadId"], "lastByteReceived": len(held) - 1})


def _complete(data):
    name, wanted = data["repositoryName"], data["layerDigests"][0]
    held = _parts.pop(data.get("uploadId"), None)
    if held is None:
        return error_response_json("UploadNotFoundException", "The upload could not be found", 400)
    found = "sha256:" + hashlib.sha256(held).hexdigest()
    if found != wanted:
        return error_response_json("InvalidLayerException", f"the layer is {found}, not {wanted}", 400)
    if wanted in _blobs(name):
        return error_response_json("LayerAlreadyExistsException", f"Layer with digest {wanted} already exists", 400)
    _blobs(name)[wanted] = bytes(held)
    return json_response({"repositoryName": name, "uploadId": data["uploadId"], "layerDigest": wanted})


def _download(data):
    name, digest = data["repositoryName"], data["layerDigest"]
    if digest not in _blobs(name):
        return error_response_json("LayersNotFoundException", f"The layer with digest {digest} does not exist", 400)
    # The proxy puts its loopback registry in the place of this host.
    return json_response({"downloadUrl": f"https://registry/v2/{name}/blobs/{digest}", "layerDigest": digest})


def _with_blob(put):
    """PutImage refuses what AWS refuses, and keeps the manifest where pulls by digest look for it."""

    def stored(data):
        name, manifest, tag = data.get("repositoryName", ""), data.get("imageManifest", ""), data.get("imageTag")
        if refusal := _missing(name):
            return refusal
        digest = "sha256:" + hashlib.sha256(manifest.encode()).hexdigest()
        if data.get("imageDigest", digest) != digest:
            return error_response_json("ImageDigestDoesNotMatchException", "The image digest does not match", 400)
        there = ecr._find_image(name, {"imageTag": tag} if tag else {"imageDigest": digest})
        if there and there["imageDigest"] == digest:
            return error_response_json("ImageAlreadyExistsException", f"Image with digest {digest} already exists", 400)
        if there and tag and not _mutable(name, tag):
            return error_response_json("ImageTagAlreadyExistsException", f"The image tag '{tag}' already exists", 400)
        parts = json.loads(manifest)
        layers = [layer["digest"] for layer in [parts.get("config"), *parts.get("layers", [])] if layer]
        absent = [layer for layer in layers if layer not in _blobs(name)]
        if absent:
            return error_response_json("LayersNotFoundException", f"The layers {absent} do not exist", 400)
        if name not in ecr._manifest_blobs:
            ecr._manifest_blobs[name] = {}
        ecr._manifest_blobs[name][digest] = manifest.encode()
        setting = ecr._repositories[name].get("imageTagMutability")
        ecr._repositories[name]["imageTagMutability"] = "MUTABLE"
        try:
            return put({**data, "imageDigest": digest})
        finally:
            ecr._repositories[name]["imageTagMutability"] = setting

    return stored


def _mutable(name, tag):
    setting = ecr._repositories[name].get("imageTagMutability") or "MUTABLE"
    excluded = any(fnmatch.fnmatch(tag, pattern) for pattern in _exclusions.get(_scope(name), []))
    return setting.startswith("MUTABLE") != (setting.endswith("_WITH_EXCLUSION") and excluded)


def _with_exclusions(put):
    def changed(data):
        filters = data.get("imageTagMutabilityExclusionFilters", [])
        _exclusions[_scope(data.get("repositoryName", ""))] = [each["filter"] for each in filters]
        return put(data)

    return changed


def _with_sizes(describe):
    """The size is that of the layers, an image that was asked for and is not there an error, as on AWS."""

    def described(data):
        name, asked = data.get("repositoryName", ""), data.get("imageIds", [])
        if name in ecr._repositories and not all(ecr._find_image(name, image) for image in asked):
            return error_response_json("ImageNotFoundException", "The image requested does not exist", 400)
        status, headers, body = describe(data)
        answer = json.loads(body)
        for image in answer.get("imageDetails", []):
            found = ecr._find_image(name, {"imageDigest": image["imageDigest"]})
            layers = json.loads(found["imageManifest"]).get("layers", [])
            image["imageSizeInBytes"] = sum(layer.get("size", 0) for layer in layers)
        return json_response(answer) if "imageDetails" in answer else (status, headers, body)

    return described


def _with_tags(delete):
    """Deleting by a tag takes the tag alone where the image has others; by digest it takes the image."""

    def deleted(data):
        name, by_digest, gone = data.get("repositoryName", ""), [], []
        for image in data.get("imageIds", []):
            found = name in ecr._repositories and ecr._find_image(name, image)
            if found and not image.get("imageDigest") and len(found["imageTags"]) > 1:
                found["imageTags"].remove(image["imageTag"])
                gone.append({"imageDigest": found["imageDigest"], "imageTag": image["imageTag"]})
            else:
                by_digest.append(image)
        status, headers, body = delete({**data, "imageIds": by_digest})
        answer = json.loads(body)
        if "imageIds" not in answer:
            return status, headers, body
        answer["imageIds"] += gone
        return json_response(answer)

    return deleted


def _put_findings(data):
    key = (*_scope(data["repositoryName"]), data["imageId"]["imageDigest"])
    _findings[key] = {"at": time.time(), **data["imageScanFindings"]}
    return json_response({})


def _describe_findings(data):
    name, image = data.get("repositoryName", ""), data.get("imageId", {})
    if refusal := _missing(name):
        return refusal
    found = ecr._find_image(name, image)
    if not found:
        return error_response_json("ImageNotFoundException", "The image requested does not exist", 400)
    held = _findings.get((*_scope(name), found["imageDigest"]))
    if held is None:
        return error_response_json("ScanNotFoundException", f"Image scan does not exist for {found['imageDigest']}", 400)
    kind = "enhancedFindings" if "enhancedFindings" in held else "findings"
    start, most = int(data.get("nextToken") or 0), data.get("maxResults", 100)
    page = held.get(kind, [])[start:start + most]
    answer = {
        "repositoryName": name, "imageId": {"imageDigest": found["imageDigest"]},
        "imageScanStatus": {"status": "ACTIVE" if kind == "enhancedFindings" else "COMPLETE"},
        "imageScanFindings": {
            "imageScanCompletedAt": held["at"], "vulnerabilitySourceUpdatedAt": held["at"], kind: page},
    }
    if start + most < len(held.get(kind, [])):
        answer["nextToken"] = str(start + most)
    return json_response(answer)


def _start_scan(data):
    """A basic scan that finds nothing."""
    name = data.get("repositoryName", "")
    if refusal := _missing(name):
        return refusal
    found = ecr._find_image(name, data.get("imageId", {}))
    if not found:
        return error_response_json("ImageNotFoundException", "The image requested does not exist", 400)
    _findings.setdefault((*_scope(name), found["imageDigest"]), {"at": time.time(), "findings": []})
    return json_response({"imageId": {"imageDigest": found["imageDigest"]}, "imageScanStatus": {"status": "IN_PROGRESS"}})


def _put_replication(data):
    """Kept and told, not done: the regions of this cloud have no copies of images."""
    _replication[_scope("")] = data["replicationConfiguration"]
    return json_response({"replicationConfiguration": data["replicationConfiguration"]})


def _describe_registry(_):
    rules = _replication.get(_scope(""), {"rules": []})
    return json_response({"registryId": ecr.get_account_id(), "replicationConfiguration": rules})


_MORE = {
    "PutReplicationConfiguration": _put_replication,
    "DescribeRegistry": _describe_registry,
    "PutImageScanFindings": _put_findings,
    "DescribeImageScanFindings": _describe_findings,
    "StartImageScan": _start_scan,
}


def install():
    for name, answer in (
        ("_batch_check_layer_availability", _availability), ("_initiate_layer_upload", _initiate), ("_upload_layer_part", _part),
        ("_complete_layer_upload", _complete), ("_get_download_url_for_layer", _download),
    ):
        replace(ecr, name, lambda _, answer=answer: lambda data: _missing(data.get("repositoryName", "")) or answer(data))
    replace(ecr, "_put_image", _with_blob)
    replace(ecr, "_put_image_tag_mutability", _with_exclusions)
    replace(ecr, "_describe_images", _with_sizes)
    replace(ecr, "_batch_delete_image", _with_tags)
    add_operations(ecr, _MORE)
