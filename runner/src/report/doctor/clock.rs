//! How far this machine's clock is from AWS's: signatures are of no use beyond five minutes.

use super::{Outcome, Patient};
use crate::cloud::aws;
use aws_sdk_sts::config::interceptors::BeforeDeserializationInterceptorContextRef;
use aws_sdk_sts::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_sts::error::BoxError;
use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

/// AWS refuses what was signed five minutes off (IAM User Guide, "Signature Version 4"); a clock that is kept does not come
/// near a minute.
const FAR: i64 = 60;

pub(super) async fn check(patient: &Patient<'_>) -> Vec<Outcome> {
    let date = Date::default();
    let asked = patient
        .session
        .cloud
        .sts
        .get_caller_identity()
        .customize()
        .interceptor(date.clone());
    if let Err(error) = asked.send().await.map_err(aws("sts:GetCallerIdentity")) {
        return vec![Outcome::error("clock", "this machine", &error)];
    }
    let seen = *date.0.lock().unwrap_or_else(PoisonError::into_inner);
    let fix = "timedatectl set-ntp true";
    vec![match seen {
        None => Outcome::unreadable("clock", "this machine", "AWS's answer has no date", fix),
        Some(ahead) if ahead.abs() > FAR => Outcome::finding(
            "clock",
            "this machine",
            format!("it is {ahead} s ahead of AWS"),
            fix,
        ),
        Some(ahead) => Outcome::pass(
            "clock",
            "this machine",
            format!("it is {ahead} s ahead of AWS"),
        ),
    }]
}

/// Seconds that this machine was ahead when the answer came.
#[derive(Clone, Debug, Default)]
struct Date(Arc<Mutex<Option<i64>>>);

impl Intercept for Date {
    fn name(&self) -> &'static str {
        "Date"
    }

    fn read_before_deserialization(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let now = DateTime::from(SystemTime::now()).secs();
        let date = context.response().headers().get("date");
        let date = date.and_then(|date| DateTime::from_str(date, Format::HttpDate).ok());
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = date.map(|date| now - date.secs());
        Ok(())
    }
}
