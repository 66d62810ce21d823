//! The shared cloud, its clients and its foundation.

use std::sync::LazyLock;
use std::time::{Duration, Instant};

use aws_config::{BehaviorVersion, Region, SdkConfig, retry::RetryConfig};
use aws_sdk_ecs::config::{Credentials, SharedCredentialsProvider};
use localcloud::shared::Shared;
use localcloud::{LocalCloud, Options};
use serde_json::Value;

pub(crate) const ACCOUNT: &str = "111111111111";
static CLOUD: LazyLock<Shared> = LazyLock::new(|| {
    Shared::start(Options::for_test(&["dev"]).with_auth()).expect("the local cloud starts")
});

pub(crate) fn cloud() -> &'static LocalCloud {
    CLOUD.cloud()
}

/// Runs a story within a minute.
pub(crate) fn story(story: impl Future<Output = ()>) {
    let limited = CLOUD.run(async { tokio::time::timeout(Duration::from_secs(60), story).await });
    limited.expect("the story ends within a minute");
}

/// Clients acting as the account's root, without retries, marked with the name of the story.
pub(crate) fn root(story: &'static str) -> SdkConfig {
    with(
        story,
        Credentials::new(ACCOUNT, Options::SECRET_KEY, None, None, "root"),
    )
}

/// Clients with other credentials.
pub(crate) fn with(story: &'static str, credentials: Credentials) -> SdkConfig {
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .endpoint_url(cloud().endpoint())
        .region(Region::new("af-south-1"))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .retry_config(RetryConfig::disabled())
        .app_name(aws_config::AppName::new(story).expect("a valid name"))
        .build()
}

/// The foundation document of `dev`.
pub(crate) async fn foundation() -> Value {
    let ssm = aws_sdk_ssm::Client::new(&root("foundation"));
    let answer = ssm
        .get_parameter()
        .name("/bbws/dev/foundation")
        .send()
        .await
        .expect("the foundation is there");
    let text = answer
        .parameter
        .and_then(|parameter| parameter.value)
        .expect("it has a value");
    serde_json::from_str(&text).expect("it is JSON")
}

/// Text at a path of a document.
pub(crate) fn text<'a>(document: &'a Value, pointer: &str) -> &'a str {
    document
        .pointer(pointer)
        .and_then(Value::as_str)
        .unwrap_or_else(|| panic!("{pointer} is text"))
}

/// Asks until there is an answer; panics after `seconds` with what was seen last.
pub(crate) async fn until<T, A: std::fmt::Debug>(
    seconds: u64,
    mut ask: impl AsyncFnMut() -> Result<T, A>,
) -> T {
    let deadline = Instant::now() + Duration::from_secs(seconds);
    loop {
        match ask().await {
            Ok(found) => return found,
            Err(seen) => assert!(
                Instant::now() < deadline,
                "still {seen:?} after {seconds} s"
            ),
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// A role of tasks with these permissions, which may be none; returns its ARN.
pub(crate) async fn role(name: &str, statements: Value) -> String {
    let iam = aws_sdk_iam::Client::new(&root("role"));
    let trust = serde_json::json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow",
        "Principal": {"Service": "ecs-tasks.amazonaws.com"}, "Action": "sts:AssumeRole"}]});
    let made = iam
        .create_role()
        .role_name(name)
        .path("/bbws/dev/")
        .assume_role_policy_document(trust.to_string());
    let arn = made
        .send()
        .await
        .expect("the role is made")
        .role
        .expect("it is told")
        .arn;
    if statements.as_array().is_some_and(Vec::is_empty) {
        return arn;
    }
    let policy = serde_json::json!({"Version": "2012-10-17", "Statement": statements});
    iam.put_role_policy()
        .role_name(name)
        .policy_name("all")
        .policy_document(policy.to_string())
        .send()
        .await
        .expect("the policy is taken");
    arn
}
