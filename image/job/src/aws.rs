//! The clients of AWS, and words for their errors.

use std::{error::Error, fmt};

use aws_config::{Region, SdkConfig, sts::AssumeRoleProvider};
use aws_sdk_s3::{
    Client,
    config::SharedCredentialsProvider,
    error::{ProvideErrorMetadata, SdkError},
};

/// The clients: endpoint, region and credentials as the standard environment variables and the task role say.
pub struct Aws {
    /// Storage.
    pub s3: Client,
    /// Secrets.
    pub secrets: aws_sdk_secretsmanager::Client,
    config: SdkConfig,
}

impl Aws {
    /// Makes the clients; asks nothing of AWS yet.
    pub async fn from_environment() -> Self {
        use aws_smithy_http_client::{Builder, tls};
        let provider = tls::Provider::Rustls(tls::rustls_provider::CryptoMode::Ring);
        let config = aws_config::from_env()
            .http_client(Builder::new().tls_provider(provider).build_https())
            .load()
            .await;
        Self {
            s3: storage(&config),
            secrets: aws_sdk_secretsmanager::Client::new(&config),
            config,
        }
    }

    /// Storage in `region`, with a role's credentials where one is named. Asks nothing of AWS yet.
    pub(crate) async fn storage(&self, region: &str, role_arn: Option<&str>) -> Client {
        let region = Region::new(region.to_owned());
        let mut config = self.config.to_builder().region(region.clone());
        if let Some(role) = role_arn {
            let provider = AssumeRoleProvider::builder(role)
                .session_name("site-job")
                .region(region)
                .configure(&self.config)
                .build()
                .await;
            config = config.credentials_provider(SharedCredentialsProvider::new(provider));
        }
        storage(&config.build())
    }
}

fn storage(config: &SdkConfig) -> Client {
    // A bucket's name in the host name needs DNS for every bucket, which an endpoint of one's own may lack.
    let config = aws_sdk_s3::config::Builder::from(config)
        .force_path_style(true)
        .build();
    Client::from_conf(config)
}

/// What AWS answered: code, message and request id; or why there was no answer. Never the response itself, which
/// `DisplayErrorContext` would print with headers and body.
pub(crate) fn describe<E, R>(error: &SdkError<E, R>) -> String
where
    E: ProvideErrorMetadata + Error + 'static,
    R: fmt::Debug,
{
    match error {
        SdkError::ServiceError(service) => {
            let metadata = service.err().meta();
            let id = metadata
                .extra("aws_request_id")
                .map_or(String::new(), |id| format!(" (request {id})"));
            let code = metadata.code().unwrap_or("an error without a code");
            format!("{code}: {}{id}", metadata.message().unwrap_or("no message"))
        }
        SdkError::DispatchFailure(failure) => {
            let mut words = "no answer".to_owned();
            let mut cause: Option<&(dyn Error + 'static)> =
                failure.as_connector_error().map(|e| e as _);
            while let Some(error) = cause {
                words = format!("{words}: {error}");
                cause = error.source();
            }
            words
        }
        SdkError::TimeoutError(_) => "no answer in time".to_owned(),
        SdkError::ResponseError(_) => "the answer could not be read".to_owned(),
        SdkError::ConstructionFailure(_) | _ => error.to_string(),
    }
}
