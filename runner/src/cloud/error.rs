//! What can go wrong between the runner and an account, told by AWS's error codes and never by their text.

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_s3::error::SdkError;
use aws_sdk_s3::operation::RequestId;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use std::error::Error;
use std::time::Duration;

/// How a failed call is to be treated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// The credentials may not do this. A retry cannot help.
    Denied,
    /// The thing named does not exist.
    NotFound,
    /// It exists already, or is in a state that forbids the call now.
    Conflict,
    /// Rate limits, after all retries.
    Throttled,
    /// The account has as many of something as it may.
    Quota,
    /// No credentials were found, or they are of no use any more: the call was not made, or not understood as anybody's.
    Credentials,
    /// The service failed or its answer did not arrive, after all retries: what was asked for may be done nevertheless.
    Unavailable,
    /// Everything else, such as bad input.
    Other,
}

/// An operation in an account that did not succeed.
#[derive(Clone, Debug, thiserror::Error)]
pub enum CloudError {
    /// AWS answered with an error, or not at all.
    #[error("{operation} failed: {code}: {message}{}", request_id.as_deref().map(|id| format!(" (request {id})")).unwrap_or_default())]
    Aws {
        /// The API operation, such as `ecs:CreateService`.
        operation: &'static str,
        /// AWS's error code. Ours: `Unreachable` when no answer came, `NotUnderstood` when it could not be read,
        /// `NoCredentials`.
        code: String,
        /// AWS's message.
        message: String,
        /// The id that AWS support asks for.
        request_id: Option<String>,
        /// How to treat it.
        class: Class,
    },
    /// Something did not become true in time.
    #[error("gave up after {} s waiting for {what}; last seen: {last}", after.as_secs())]
    TimedOut {
        /// What was waited for.
        what: String,
        /// How long.
        after: Duration,
        /// The last state seen.
        last: String,
    },
    /// A job in the VPC did not do its work.
    #[error("job {job} failed: {reason}{}", if log.is_empty() { String::new() } else { format!("\nlast log lines:\n  {}", log.join("\n  ")) })]
    Job {
        /// Its id.
        job: String,
        /// The stopped reason, exit code or the job's own words.
        reason: String,
        /// Its last log lines.
        log: Vec<String>,
    },
    /// A deployment came to rest on another version than the one asked for.
    #[error("rolled back: {reason}")]
    RolledBack {
        /// ECS's words.
        reason: String,
    },
    /// New tasks run, but their site does not serve well.
    #[error("not healthy: {reason}")]
    Unhealthy {
        /// What was seen last.
        reason: String,
    },
    /// What AWS holds cannot be worked with.
    #[error("{0}")]
    Unusable(String),
}

impl CloudError {
    /// How to treat it; errors that are not AWS's own are [`Class::Other`].
    #[must_use]
    pub fn class(&self) -> Class {
        match self {
            Self::Aws { class, .. } => *class,
            Self::TimedOut { .. }
            | Self::Job { .. }
            | Self::RolledBack { .. }
            | Self::Unhealthy { .. }
            | Self::Unusable(_) => Class::Other,
        }
    }

    /// What a person should try next.
    #[must_use]
    pub fn next_step(&self) -> String {
        match self {
            Self::Aws {
                operation,
                class: Class::Denied,
                ..
            } => {
                format!(
                    "allow {operation} for the role that runs bbws, then run the same command again"
                )
            }
            Self::Aws {
                class: Class::Throttled,
                ..
            } => "run the same command again; it goes on where this run stopped".to_owned(),
            Self::Aws {
                class: Class::Quota,
                ..
            } => "ask for a higher quota in Service Quotas, then run the same command again".to_owned(),
            Self::Aws {
                class: Class::Credentials,
                ..
            } => "give bbws current credentials of the environment's account (AWS_PROFILE, `aws sso login`, or a role), \
                  then run the same command again"
                .to_owned(),
            Self::Job { .. } => {
                "read the job's log lines above, mend the cause, then run the same command again"
                    .to_owned()
            }
            Self::RolledBack { .. } => {
                "the site goes on with the release before; mend the new one, then apply again".to_owned()
            }
            Self::Unhealthy { .. } => {
                "`bbws rollout undo` takes the site back to its last good release; `bbws rollout status` shows which"
                    .to_owned()
            }
            Self::Aws { code, .. } if code == UNREACHABLE => {
                "look at this machine's network and AWS's health, then run the same command again".to_owned()
            }
            _ => "run `bbws plan` to see what stands, then the same command again".to_owned(),
        }
    }
}

/// Turns an SDK error of `operation` into a [`CloudError`]. Use as `.map_err(aws("ecs:CreateService"))`.
pub fn aws<E>(operation: &'static str) -> impl FnOnce(SdkError<E>) -> CloudError
where
    E: ProvideErrorMetadata + Error + Send + Sync + 'static,
    SdkError<E>: RequestId,
{
    move |error| {
        let request_id = error.request_id().map(str::to_owned);
        let service = error.as_service_error();
        let (code, message) = match service
            .and_then(|service| Some((service.code()?, service.message())))
        {
            Some((code, message)) => (code.to_owned(), message.unwrap_or("no message").to_owned()),
            // Display of an SDK error says next to nothing; what happened is in its sources.
            None => {
                let causes = sources(&error);
                let missing = causes.iter().any(|cause| cause.is::<CredentialsError>());
                let code = match &error {
                    _ if missing => NO_CREDENTIALS,
                    SdkError::TimeoutError(_) | SdkError::DispatchFailure(_) => UNREACHABLE,
                    _ => "NotUnderstood",
                };
                let causes: Vec<_> = causes.iter().map(ToString::to_string).collect();
                (code.to_owned(), causes.join(": "))
            }
        };
        let unavailable = match &error {
            SdkError::TimeoutError(_) | SdkError::ResponseError(_) => true,
            SdkError::DispatchFailure(_) => code != NO_CREDENTIALS,
            SdkError::ServiceError(answer) => answer.raw().status().is_server_error(),
            _ => false,
        };
        let class = match classify(&code) {
            Class::Other if unavailable => Class::Unavailable,
            class => class,
        };
        CloudError::Aws {
            operation,
            code,
            message,
            request_id,
            class,
        }
    }
}

/// An error and all that it comes from.
fn sources<'a>(error: &'a (dyn Error + 'static)) -> Vec<&'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| error.source()).collect()
}

/// Our own code, beside AWS's, for a call that nobody answered.
const UNREACHABLE: &str = "Unreachable";
/// The same for a call that could not be signed.
const NO_CREDENTIALS: &str = "NoCredentials";

/// Codes differ from service to service; these are the ones that the services used here document.
fn classify(code: &str) -> Class {
    match code {
        "AccessDenied"
        | "AccessDeniedException"
        | "UnauthorizedOperation"
        | "AuthorizationError"
        | "NotAuthorized"
        | "NotAuthorizedException" => Class::Denied,
        NO_CREDENTIALS
        | "UnrecognizedClientException"
        | "InvalidClientTokenId"
        | "SignatureDoesNotMatch"
        | "ExpiredToken"
        | "ExpiredTokenException" => Class::Credentials,
        "Throttling"
        | "ThrottlingException"
        | "ThrottledException"
        | "TooManyRequestsException"
        | "RequestLimitExceeded"
        | "SlowDown"
        | "PriorRequestNotComplete" => Class::Throttled,
        "LimitExceeded"
        | "LimitExceededException"
        | "LimitExceededFault"
        | "CreationLimitExceededException"
        | "ServiceQuotaExceededException"
        | "AccessPointLimitExceeded"
        | "TooManyTargetGroups"
        | "TooManyRules"
        | "TooManyDistributions"
        | "TooManyHealthChecks" => Class::Quota,
        "NoSuchEntity"
        | "NoSuchResourceException"
        | "NoSuchHostedZone"
        | "NoSuchKey"
        | "NoSuchBucket"
        | "NoSuchDistribution"
        | "NoSuchHealthCheck"
        | "NotFound"
        | "ResourceNotFoundException"
        | "ParameterNotFound"
        | "AccessPointNotFound"
        | "TargetGroupNotFound"
        | "RuleNotFound"
        | "ListenerNotFound"
        | "ServiceNotFoundException"
        | "ServiceNotActiveException"
        | "ObjectNotFoundException"
        | "NotFoundException"
        | "ImageNotFoundException"
        | "RepositoryNotFoundException" => Class::NotFound,
        "EntityAlreadyExists"
        | "ResourceAlreadyExistsException"
        | "ResourceExistsException"
        | "DuplicateTargetGroupName"
        | "PriorityInUse"
        | "DistributionAlreadyExists"
        | "HealthCheckAlreadyExists"
        | "AccessPointAlreadyExists"
        | "GroupExistsException"
        | "DuplicateRecordException"
        | "PreconditionFailed"
        | "ConditionalRequestConflict"
        | "ResourceInUse"
        | "ResourceInUseException"
        | "DeleteConflict"
        | "OperationAbortedException"
        | "ConcurrentModification"
        | "ConcurrentModificationException" => Class::Conflict,
        _ => Class::Other,
    }
}
