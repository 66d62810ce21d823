//! The registry of an environment: which repository, in whose account.

use aws_smithy_http_client::{Builder, tls};
use serde::Deserialize;

use super::ImageError;

/// The repository that an environment's foundation names.
pub struct Registry {
    /// The registry's client.
    pub ecr: aws_sdk_ecr::Client,
    /// The repository's name.
    pub repository: String,
    /// What task definitions write before the digest.
    pub uri: String,
}

#[derive(Deserialize)]
struct Foundation {
    registry: Repository,
}

#[derive(Deserialize)]
struct Repository {
    repository: String,
    uri: String,
}

impl Registry {
    /// Reads the environment's foundation document with the credentials and region of the process's environment.
    ///
    /// # Errors
    /// When the document cannot be read or is not of its form.
    pub async fn of_environment(environment: &str) -> Result<Self, ImageError> {
        let provider = tls::Provider::Rustls(tls::rustls_provider::CryptoMode::Ring);
        let config = aws_config::from_env()
            .http_client(Builder::new().tls_provider(provider).build_https())
            .load()
            .await;
        let name = format!("/bbws/{environment}/foundation");
        let answer = aws_sdk_ssm::Client::new(&config)
            .get_parameter()
            .name(&name)
            .send()
            .await
            .map_err(|error| ImageError::Aws {
                attempt: format!("reading the parameter {name}"),
                source: super::push::describe(&error).into(),
            })?;
        let text = answer
            .parameter()
            .and_then(|parameter| parameter.value())
            .unwrap_or_default();
        let foundation: Foundation = serde_json::from_str(text)
            .map_err(|error| ImageError::Answer(format!("the parameter {name}: {error}")))?;
        let Repository { repository, uri } = foundation.registry;
        Ok(Self {
            ecr: aws_sdk_ecr::Client::new(&config),
            repository,
            uri,
        })
    }
}
