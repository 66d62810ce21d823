//! Errors in the shape that each service gives them.

use hyper::Response;

use super::operation::{Operation, Protocol};
use super::serve::{Body, Error, full};

/// What is refused, before it has a service's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// Too many requests.
    Throttled,
    /// Not permitted.
    Denied,
    /// The service failed, with this status.
    Failed(u16),
}

/// (status, code, message) of a refusal by a service. Codes as the services' API references list them under common errors.
#[must_use]
pub fn words(
    refusal: Refusal,
    service: &str,
    protocol: Protocol,
) -> (u16, &'static str, &'static str) {
    match refusal {
        Refusal::Throttled => match (service, protocol) {
            ("s3", _) => (503, "SlowDown", "Please reduce your request rate."),
            ("cognito-idp", _) => (400, "TooManyRequestsException", "Rate exceeded"),
            (_, Protocol::Query | Protocol::RestXml) => (400, "Throttling", "Rate exceeded"),
            _ => (400, "ThrottlingException", "Rate exceeded"),
        },
        Refusal::Denied => match protocol {
            Protocol::Query | Protocol::RestXml => (
                403,
                "AccessDenied",
                "Access denied by the local cloud's fault rule",
            ),
            Protocol::RestJson => (
                403,
                "AccessDeniedException",
                "Access denied by the local cloud's fault rule",
            ),
            Protocol::Json | Protocol::Cbor => (
                400,
                "AccessDeniedException",
                "Access denied by the local cloud's fault rule",
            ),
        },
        Refusal::Failed(503) => (
            503,
            "ServiceUnavailable",
            "The service is temporarily unavailable.",
        ),
        Refusal::Failed(status) => match protocol {
            Protocol::Query | Protocol::RestXml => (
                status,
                "InternalFailure",
                "The request processing has failed.",
            ),
            _ => (
                status,
                "InternalServerError",
                "The request processing has failed.",
            ),
        },
    }
}

/// The answer that a client of the service understands.
pub(crate) fn answer(refusal: Refusal, operation: &Operation) -> Result<Response<Body>, Error> {
    let (status, code, message) = words(refusal, &operation.service, operation.protocol);
    let id = "00000000-0000-4000-8000-00000000fa17";
    let builder = Response::builder()
        .status(status)
        .header("x-amzn-requestid", id);
    let (kind, body) = match operation.protocol {
        Protocol::Json | Protocol::RestJson => {
            let body = serde_json::json!({"__type": code, "code": code, "message": message}).to_string();
            ("application/x-amz-json-1.1", body.into_bytes())
        }
        Protocol::Cbor => ("application/cbor", cbor(code, message)),
        Protocol::Query => ("text/xml", format!(
            "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error>\
             <RequestId>{id}</RequestId></ErrorResponse>").into_bytes()),
        Protocol::RestXml if operation.service == "s3" => ("application/xml", format!(
            "<Error><Code>{code}</Code><Message>{message}</Message><RequestId>{id}</RequestId></Error>").into_bytes()),
        Protocol::RestXml => ("text/xml", format!(
            "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error>\
             <RequestId>{id}</RequestId></ErrorResponse>").into_bytes()),
    };
    let builder = if operation.protocol == Protocol::Cbor {
        builder.header("smithy-protocol", "rpc-v2-cbor")
    } else {
        builder.header("x-amzn-errortype", code)
    };
    Ok(builder.header("content-type", kind).body(full(body))?)
}

/// The map {"__type": code, "message": message}. RFC 8949: major types 5 (map) and 3 (text).
fn cbor(code: &str, message: &str) -> Vec<u8> {
    let mut out = vec![0xa2];
    for text in ["__type", code, "message", message] {
        let length = u8::try_from(text.len()).unwrap_or(u8::MAX);
        if length < 24 {
            out.push(0x60 | length)
        } else {
            out.extend([0x78, length])
        }
        out.extend(&text.as_bytes()[..usize::from(length)]);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::{Refusal, cbor, words};
    use crate::proxy::operation::Protocol;

    #[test]
    fn throttling_has_the_services_own_code() {
        let code = |service, protocol| words(Refusal::Throttled, service, protocol).1;
        assert_eq!(code("ecs", Protocol::Json), "ThrottlingException");
        assert_eq!(code("elasticloadbalancing", Protocol::Query), "Throttling");
        assert_eq!(code("s3", Protocol::RestXml), "SlowDown");
        assert_eq!(
            code("cognito-idp", Protocol::Json),
            "TooManyRequestsException"
        );
    }

    #[test]
    fn cbor_is_a_map_of_two_texts() {
        let bytes = cbor("Throttling", "Rate exceeded");
        assert_eq!(bytes[0], 0xa2);
        assert_eq!(&bytes[1..8], b"\x66__type");
        assert_eq!(&bytes[8..19], b"\x6aThrottling");
    }
}
