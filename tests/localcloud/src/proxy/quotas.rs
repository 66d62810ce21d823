//! Service Quotas, which neither emulator has for the services that matter: AWS's defaults, and what a test raises or lowers.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use http_body_util::BodyExt as _;
use hyper::{Request, Response};
use serde_json::{Value, json};

use super::operation::Operation;
use super::serve::{Body, Error, full};

/// Service, code, name, default and whether AWS raises it, from the services' pages of endpoints and quotas.
const QUOTAS: [(&str, &str, &str, f64, bool); 5] = [
    (
        "fargate",
        "L-3032A538",
        "Fargate On-Demand vCPU resource count",
        6.0,
        true,
    ),
    (
        "elasticloadbalancing",
        "L-822D1B1B",
        "Target Groups per Application Load Balancer",
        100.0,
        false,
    ),
    (
        "elasticloadbalancing",
        "L-7EED9B64",
        "Rules per Application Load Balancer",
        100.0,
        true,
    ),
    ("acm", "L-F141DD1D", "ACM certificates", 2_500.0, true),
    (
        "cloudfront",
        "L-24B04930",
        "Web distributions per AWS account",
        500.0,
        true,
    ),
];

/// The quotas of all accounts.
#[derive(Debug, Default)]
pub struct Quotas(Mutex<HashMap<String, f64>>);

impl Quotas {
    /// Applies another value than AWS's default to the quota of this code.
    pub fn apply(&self, code: &str, value: f64) {
        self.lock().insert(code.to_owned(), value);
    }

    /// Takes it back.
    pub fn reset(&self, code: &str) {
        self.lock().remove(code);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, f64>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// `GetServiceQuota` knows quotas with an applied value alone, `GetAWSDefaultServiceQuota` all: AWS does not promise more.
    pub(crate) async fn answer(
        &self,
        operation: &Operation,
        request: Request<Body>,
    ) -> Result<Response<Body>, Error> {
        let body = request.into_body().collect().await?.to_bytes();
        let asked: Value = serde_json::from_slice(&body)?;
        let quota = QUOTAS.iter().find(|(service, code, ..)| {
            asked["ServiceCode"] == *service && asked["QuotaCode"] == *code
        });
        let applied = quota.and_then(|(_, code, ..)| self.lock().get(*code).copied());
        let value = match operation.name.as_str() {
            "GetServiceQuota" => applied,
            "GetAWSDefaultServiceQuota" => quota.map(|(.., default, _)| *default),
            name => {
                return answer(
                    400,
                    &json!({"__type": "UnknownOperationException", "message": name}),
                );
            }
        };
        match (quota, value) {
            (Some((service, code, name, _, adjustable)), Some(value)) => {
                let quota = json!({"ServiceCode": service, "QuotaCode": code, "QuotaName": name,
                    "Value": value, "Adjustable": adjustable});
                answer(200, &json!({ "Quota": quota }))
            }
            _ => answer(
                400,
                &json!({"__type": "NoSuchResourceException",
                    "message": "The request failed because the specified service quota does not exist."}),
            ),
        }
    }
}

fn answer(status: u16, content: &Value) -> Result<Response<Body>, Error> {
    Ok(Response::builder()
        .status(status)
        .header("content-type", "application/x-amz-json-1.1")
        .body(full(content.to_string()))?)
}
