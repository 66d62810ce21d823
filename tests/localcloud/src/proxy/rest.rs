//! Operations of services that are told apart by method and path.

use hyper::http::HeaderMap;

use super::operation::Protocol;

/// Method, path below the version with `*` for a segment, a query parameter that must be there (or empty), operation.
type Route = (&'static str, &'static str, &'static str, &'static str);

const EFS: &[Route] = &[
    ("POST", "access-points", "", "CreateAccessPoint"),
    ("GET", "access-points", "", "DescribeAccessPoints"),
    ("DELETE", "access-points/*", "", "DeleteAccessPoint"),
    ("POST", "file-systems", "", "CreateFileSystem"),
    ("GET", "file-systems", "", "DescribeFileSystems"),
    (
        "GET",
        "file-systems/*/policy",
        "",
        "DescribeFileSystemPolicy",
    ),
    ("PUT", "file-systems/*/policy", "", "PutFileSystemPolicy"),
    ("POST", "mount-targets", "", "CreateMountTarget"),
    ("GET", "mount-targets", "", "DescribeMountTargets"),
    ("GET", "resource-tags/*", "", "ListTagsForResource"),
    ("POST", "resource-tags/*", "", "TagResource"),
    ("DELETE", "resource-tags/*", "", "UntagResource"),
];

const CLOUDFRONT: &[Route] = &[
    (
        "POST",
        "distribution",
        "WithTags",
        "CreateDistributionWithTags",
    ),
    ("POST", "distribution", "", "CreateDistribution"),
    ("GET", "distribution", "", "ListDistributions"),
    ("GET", "distribution/*", "", "GetDistribution"),
    ("DELETE", "distribution/*", "", "DeleteDistribution"),
    ("GET", "distribution/*/config", "", "GetDistributionConfig"),
    ("PUT", "distribution/*/config", "", "UpdateDistribution"),
    (
        "POST",
        "distribution/*/invalidation",
        "",
        "CreateInvalidation",
    ),
    (
        "GET",
        "distribution/*/invalidation",
        "",
        "ListInvalidations",
    ),
    (
        "GET",
        "distribution/*/invalidation/*",
        "",
        "GetInvalidation",
    ),
    ("GET", "tagging", "", "ListTagsForResource"),
    ("POST", "tagging", "Operation=Tag", "TagResource"),
    ("POST", "tagging", "Operation=Untag", "UntagResource"),
    ("POST", "function", "", "CreateFunction"),
    ("GET", "function", "", "ListFunctions"),
    ("GET", "function/*/describe", "", "DescribeFunction"),
    ("POST", "function/*/publish", "", "PublishFunction"),
];

const ROUTE53: &[Route] = &[
    ("POST", "hostedzone/*/rrset", "", "ChangeResourceRecordSets"),
    ("GET", "hostedzone/*/rrset", "", "ListResourceRecordSets"),
    ("POST", "hostedzone", "", "CreateHostedZone"),
    ("GET", "hostedzone", "", "ListHostedZones"),
    ("GET", "hostedzone/*", "", "GetHostedZone"),
    ("GET", "hostedzonesbyname", "", "ListHostedZonesByName"),
    ("GET", "change/*", "", "GetChange"),
    ("POST", "healthcheck", "", "CreateHealthCheck"),
    ("GET", "healthcheck", "", "ListHealthChecks"),
    ("GET", "healthcheck/*", "", "GetHealthCheck"),
    ("POST", "healthcheck/*", "", "UpdateHealthCheck"),
    ("DELETE", "healthcheck/*", "", "DeleteHealthCheck"),
    ("GET", "healthcheck/*/status", "", "GetHealthCheckStatus"),
    ("POST", "tags/*/*", "", "ChangeTagsForResource"),
    ("GET", "tags/*/*", "", "ListTagsForResource"),
    ("POST", "tags/*", "", "ListTagsForResources"),
];

const BACKUP: &[Route] = &[
    ("GET", "backup-vaults", "", "ListBackupVaults"),
    ("PUT", "backup-vaults/*", "", "CreateBackupVault"),
    ("GET", "backup-vaults/*", "", "DescribeBackupVault"),
    (
        "GET",
        "backup-vaults/*/recovery-points",
        "",
        "ListRecoveryPointsByBackupVault",
    ),
    (
        "PUT",
        "backup-vaults/*/vault-lock",
        "",
        "PutBackupVaultLockConfiguration",
    ),
    (
        "DELETE",
        "backup-vaults/*/vault-lock",
        "",
        "DeleteBackupVaultLockConfiguration",
    ),
    ("PUT", "backup-jobs", "", "StartBackupJob"),
    ("GET", "backup-jobs/*", "", "DescribeBackupJob"),
    ("PUT", "restore-jobs", "", "StartRestoreJob"),
    (
        "GET",
        "resources/*/restore-jobs",
        "",
        "ListRestoreJobsByProtectedResource",
    ),
    ("PUT", "copy-jobs", "", "StartCopyJob"),
];

/// Bucket subresources: query parameter, noun of the operation.
const BUCKET: &[(&str, &str)] = &[
    ("versioning", "BucketVersioning"),
    ("encryption", "BucketEncryption"),
    ("publicAccessBlock", "PublicAccessBlock"),
    ("policy", "BucketPolicy"),
    ("tagging", "BucketTagging"),
    ("lifecycle", "BucketLifecycleConfiguration"),
    ("location", "BucketLocation"),
    ("acl", "BucketAcl"),
    ("cors", "BucketCors"),
    ("replication", "BucketReplication"),
    ("notification", "BucketNotificationConfiguration"),
    ("logging", "BucketLogging"),
    ("ownershipControls", "BucketOwnershipControls"),
    ("object-lock", "ObjectLockConfiguration"),
];

/// The operation's name and the service's framing. Unknown ones are called by method and path, so that nothing is hidden.
pub(crate) fn identify(
    service: &str,
    method: &str,
    path: &str,
    query: &str,
    headers: &HeaderMap,
) -> (String, Protocol) {
    let (routes, protocol) = match service {
        "s3" => return (s3(method, path, query, headers), Protocol::RestXml),
        "cloudfront" => (CLOUDFRONT, Protocol::RestXml),
        "route53" => (ROUTE53, Protocol::RestXml),
        "elasticfilesystem" => (EFS, Protocol::RestJson),
        "backup" => (BACKUP, Protocol::RestJson),
        _ => (&[] as &[Route], Protocol::RestJson),
    };
    let below = match service {
        "backup" => path,
        // The first segment is the API's version.
        _ => path
            .trim_start_matches('/')
            .split_once('/')
            .map_or("", |(_, rest)| rest),
    };
    let found = routes.iter().find(|(verb, template, parameter, _)| {
        *verb == method
            && matches(template, below)
            && (parameter.is_empty() || has(query, parameter))
    });
    (
        found.map_or_else(|| format!("{method} {path}"), |route| route.3.to_owned()),
        protocol,
    )
}

fn matches(template: &str, path: &str) -> bool {
    let mut wanted = template.split('/');
    let mut given = path.trim_matches('/').split('/');
    loop {
        match (wanted.next(), given.next()) {
            (None, None) => return true,
            (Some(w), Some(g)) if w == "*" || w == g => {}
            _ => return false,
        }
    }
}

fn has(query: &str, parameter: &str) -> bool {
    query
        .split('&')
        .any(|pair| pair == parameter || pair.split('=').next() == Some(parameter))
}

fn s3(method: &str, path: &str, query: &str, headers: &HeaderMap) -> String {
    let (bucket, key) = path
        .trim_start_matches('/')
        .split_once('/')
        .unwrap_or((path.trim_start_matches('/'), ""));
    if bucket.is_empty() {
        return "ListBuckets".into();
    }
    if key.is_empty() {
        bucket_operation(method, query)
    } else {
        object_operation(method, query, headers)
    }
}

fn bucket_operation(method: &str, query: &str) -> String {
    if let Some((_, noun)) = BUCKET.iter().find(|(parameter, _)| has(query, parameter)) {
        let verb = match method {
            "PUT" => "Put",
            "DELETE" => "Delete",
            _ => "Get",
        };
        return format!("{verb}{noun}");
    }
    let name = match method {
        "GET" if has(query, "list-type") => "ListObjectsV2",
        "GET" if has(query, "versions") => "ListObjectVersions",
        "GET" if has(query, "uploads") => "ListMultipartUploads",
        "GET" => "ListObjects",
        "PUT" => "CreateBucket",
        "HEAD" => "HeadBucket",
        "POST" if has(query, "delete") => "DeleteObjects",
        "DELETE" => "DeleteBucket",
        _ => return format!("{method} bucket"),
    };
    name.into()
}

fn object_operation(method: &str, query: &str, headers: &HeaderMap) -> String {
    let copies = headers.contains_key("x-amz-copy-source");
    let tags = has(query, "tagging");
    let name = match method {
        "GET" if tags => "GetObjectTagging",
        "PUT" if tags => "PutObjectTagging",
        "DELETE" if tags => "DeleteObjectTagging",
        "GET" if has(query, "uploadId") => "ListParts",
        "GET" => "GetObject",
        "HEAD" => "HeadObject",
        "PUT" if has(query, "partNumber") => "UploadPart",
        "PUT" if copies => "CopyObject",
        "PUT" => "PutObject",
        "POST" if has(query, "uploads") => "CreateMultipartUpload",
        "POST" if has(query, "uploadId") => "CompleteMultipartUpload",
        "DELETE" if has(query, "uploadId") => "AbortMultipartUpload",
        "DELETE" => "DeleteObject",
        _ => return format!("{method} object"),
    };
    name.into()
}
