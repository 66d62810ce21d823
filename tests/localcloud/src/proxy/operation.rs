//! Which service and operation a request is, for every protocol of AWS.

use std::collections::HashMap;
use std::sync::Mutex;

use hyper::http::HeaderMap;

use super::rest;

/// How a service frames requests and errors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// `x-amz-target` and JSON.
    Json,
    /// `Action=` and XML.
    Query,
    /// Paths and JSON.
    RestJson,
    /// Paths and XML.
    RestXml,
    /// `smithy-protocol: rpc-v2-cbor`.
    Cbor,
}

/// What a request asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operation {
    /// The name under which AWS signs: `ecs`, `elasticloadbalancing`, `s3`.
    pub service: String,
    /// As the API reference spells it; `GET /path` where it is not known.
    pub name: String,
    /// Twelve digits, or empty for an unknown key.
    pub account: String,
    /// Region of the signature.
    pub region: String,
    /// Framing, for errors.
    pub protocol: Protocol,
}

/// Accounts of temporary credentials, learnt from the answers that issued them.
#[derive(Debug, Default)]
pub struct Sessions(Mutex<HashMap<String, String>>);

impl Sessions {
    /// Remembers whose a key is. `answer` is what AssumeRole or the task credentials endpoint said.
    pub(crate) fn learn(&self, answer: &str) {
        let key = between(answer, "<AccessKeyId>", "</AccessKeyId>")
            .or_else(|| between(answer, "\"AccessKeyId\": \"", "\""));
        let account = ["arn:aws:sts::", "arn:aws:iam::"]
            .iter()
            .find_map(|prefix| between(answer, prefix, ":"));
        if let (Some(key), Some(account)) = (key, account) {
            lock(&self.0).insert(key.to_owned(), account.to_owned());
        }
    }

    fn account(&self, key: &str) -> String {
        if key.len() == 12 && key.bytes().all(|b| b.is_ascii_digit()) {
            return key.to_owned();
        }
        lock(&self.0).get(key).cloned().unwrap_or_default()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}

fn between<'a>(text: &'a str, start: &str, end: &str) -> Option<&'a str> {
    let rest = text.split_once(start)?.1;
    Some(rest.split_once(end)?.0)
}

/// (key, region, service) of the signature in the header or, for presigned requests, in the query.
fn credential(headers: &HeaderMap, query: &str) -> Option<(String, String, String)> {
    let header = headers
        .get("authorization")
        .and_then(|value| value.to_str().ok());
    let scope = match header.and_then(|value| value.split_once("Credential=")) {
        Some((_, rest)) => rest.split(',').next()?.replace("%2F", "/"),
        None => query
            .split('&')
            .find_map(|pair| pair.strip_prefix("X-Amz-Credential="))?
            .replace("%2F", "/"),
    };
    let mut parts = scope.split('/');
    let (key, _date, region, service) =
        (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    Some((key.to_owned(), region.to_owned(), service.to_owned()))
}

/// Whether the operation cannot be told without the body.
#[must_use]
pub fn needs_body(headers: &HeaderMap) -> bool {
    let form = headers.get("content-type").is_some_and(|v| {
        v.as_bytes()
            .starts_with(b"application/x-www-form-urlencoded")
    });
    form && !headers.contains_key("x-amz-target")
}

/// Works out the operation; None for what is not an AWS request (unsigned, such as the container metadata).
#[must_use]
pub fn identify(
    method: &str,
    path: &str,
    query: &str,
    headers: &HeaderMap,
    body: &[u8],
    sessions: &Sessions,
) -> Option<Operation> {
    let action = || action(query, body);
    let (key, region, service) = match credential(headers, query) {
        Some(found) => found,
        // STS's web identity calls are the only unsigned ones.
        None if action().is_some_and(|name| name.starts_with("AssumeRoleWith")) => {
            (String::new(), String::new(), "sts".to_owned())
        }
        None => return None,
    };
    let account = sessions.account(&key);
    let (name, protocol) = if let Some(name) = cbor(path, headers) {
        (name, Protocol::Cbor)
    } else if let Some(target) = headers
        .get("x-amz-target")
        .and_then(|value| value.to_str().ok())
    {
        (
            target.rsplit('.').next().unwrap_or(target).to_owned(),
            Protocol::Json,
        )
    } else if let Some(name) = action() {
        (name, Protocol::Query)
    } else {
        rest::identify(&service, method, path, query, headers)
    };
    Some(Operation {
        service,
        name,
        account,
        region,
        protocol,
    })
}

fn cbor(path: &str, headers: &HeaderMap) -> Option<String> {
    headers
        .get("smithy-protocol")
        .filter(|value| value.as_bytes() == b"rpc-v2-cbor")?;
    Some(path.rsplit_once("/operation/")?.1.to_owned())
}

fn action(query: &str, body: &[u8]) -> Option<String> {
    let body = std::str::from_utf8(&body[..body.len().min(4096)]).unwrap_or_default();
    let found = query
        .split('&')
        .chain(body.split('&'))
        .find_map(|pair| pair.strip_prefix("Action="));
    found.filter(|name| !name.is_empty()).map(str::to_owned)
}

/// Whether an operation only reads, judged by its name.
#[must_use]
pub fn reads(name: &str) -> bool {
    const VERBS: [&str; 10] = [
        "Describe",
        "List",
        "Get",
        "Head",
        "BatchGet",
        "Lookup",
        "Search",
        "Select",
        "Filter",
        "AssumeRole",
    ];
    VERBS.iter().any(|verb| name.starts_with(verb))
}

#[cfg(test)]
mod tests {
    use super::{Operation, Protocol, Sessions, identify, reads};
    use hyper::http::HeaderMap;

    fn signed(service: &str, more: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        let value = format!(
            "AWS4-HMAC-SHA256 Credential=111111111111/20261124/af-south-1/{service}/aws4_request, SignedHeaders=host, Signature=0"
        );
        headers.insert("authorization", value.parse().unwrap());
        for (name, value) in more {
            headers.insert(*name, value.parse().unwrap());
        }
        headers
    }

    fn name(method: &str, uri: &str, headers: &HeaderMap, body: &str) -> String {
        let (path, query) = uri.split_once('?').unwrap_or((uri, ""));
        identify(
            method,
            path,
            query,
            headers,
            body.as_bytes(),
            &Sessions::default(),
        )
        .unwrap()
        .name
    }

    #[test]
    fn json_targets_name_the_operation() {
        let headers = signed(
            "ecs",
            &[("x-amz-target", "AmazonEC2ContainerServiceV20141113.RunTask")],
        );
        let found = identify("POST", "/", "", &headers, b"{}", &Sessions::default()).unwrap();
        let expected = Operation {
            service: "ecs".into(),
            name: "RunTask".into(),
            account: "111111111111".into(),
            region: "af-south-1".into(),
            protocol: Protocol::Json,
        };
        assert_eq!(found, expected);
    }

    #[test]
    fn query_actions_are_read_from_the_form() {
        let headers = signed(
            "elasticloadbalancing",
            &[("content-type", "application/x-www-form-urlencoded")],
        );
        assert_eq!(
            name(
                "POST",
                "/",
                &headers,
                "Action=DescribeRules&Version=2015-12-01"
            ),
            "DescribeRules"
        );
    }

    #[test]
    fn rest_paths_name_the_operation() {
        let s3 = signed("s3", &[]);
        assert_eq!(
            name("GET", "/bucket?list-type=2&prefix=a", &s3, ""),
            "ListObjectsV2"
        );
        assert_eq!(
            name("PUT", "/bucket/key/of/object?x-id=PutObject", &s3, ""),
            "PutObject"
        );
        assert_eq!(
            name("PUT", "/bucket/key?partNumber=1&uploadId=u", &s3, ""),
            "UploadPart"
        );
        assert_eq!(
            name("POST", "/bucket/key?uploads", &s3, ""),
            "CreateMultipartUpload"
        );
        assert_eq!(
            name("GET", "/bucket?versioning", &s3, ""),
            "GetBucketVersioning"
        );
        let efs = signed("elasticfilesystem", &[]);
        assert_eq!(
            name("POST", "/2015-02-01/access-points", &efs, ""),
            "CreateAccessPoint"
        );
        assert_eq!(
            name("DELETE", "/2015-02-01/access-points/fsap-1", &efs, ""),
            "DeleteAccessPoint"
        );
        let cloudfront = signed("cloudfront", &[]);
        assert_eq!(
            name("PUT", "/2020-05-31/distribution/E1/config", &cloudfront, ""),
            "UpdateDistribution"
        );
        assert_eq!(
            name("POST", "/2020-05-31/distribution?WithTags", &cloudfront, ""),
            "CreateDistributionWithTags"
        );
        let route53 = signed("route53", &[]);
        assert_eq!(
            name("POST", "/2013-04-01/hostedzone/Z1/rrset", &route53, ""),
            "ChangeResourceRecordSets"
        );
    }

    #[test]
    fn cbor_names_the_operation_in_its_path() {
        let headers = signed("monitoring", &[("smithy-protocol", "rpc-v2-cbor")]);
        assert_eq!(
            name(
                "POST",
                "/service/GraniteServiceVersion20100801/operation/PutMetricAlarm",
                &headers,
                ""
            ),
            "PutMetricAlarm"
        );
    }

    #[test]
    fn presigned_requests_carry_their_scope_in_the_query() {
        let query = "X-Amz-Credential=222222222222%2F20261124%2Feu-west-1%2Fs3%2Faws4_request";
        let found = identify(
            "GET",
            "/b/k",
            query,
            &HeaderMap::new(),
            b"",
            &Sessions::default(),
        )
        .unwrap();
        assert_eq!(
            (
                found.account.as_str(),
                found.region.as_str(),
                found.name.as_str()
            ),
            ("222222222222", "eu-west-1", "GetObject")
        );
    }

    #[test]
    fn a_session_key_belongs_to_the_account_of_its_role() {
        let sessions = Sessions::default();
        sessions.learn("<AccessKeyId>ASIAX</AccessKeyId>…<Arn>arn:aws:sts::333333333333:assumed-role/r/s</Arn>");
        assert_eq!(sessions.account("ASIAX"), "333333333333");
        assert_eq!(sessions.account("ASIAY"), "");
    }

    #[test]
    fn unsigned_requests_are_not_aws_requests() {
        assert!(
            identify(
                "GET",
                "/v4/token",
                "",
                &HeaderMap::new(),
                b"",
                &Sessions::default()
            )
            .is_none()
        );
    }

    #[test]
    fn reading_is_told_by_the_verb() {
        assert!(
            reads("DescribeServices")
                && reads("HeadObject")
                && !reads("PutObject")
                && !reads("RunTask")
        );
    }
}
