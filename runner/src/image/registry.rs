//! The registry of an environment: which repository, in whose account.

use aws_smithy_http_client::{Builder, tls};
use serde::Deserialize;

use super::{ImageError, push::describe};
use crate::cloud::Cloud;

/// The repository that an environment's foundation names.
#[derive(Clone, Debug)]
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
                source: describe(&error).into(),
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

    /// The environment's, with the clients that are open already.
    #[must_use]
    pub fn of(cloud: &Cloud) -> Self {
        let registry = &cloud.foundation.registry;
        Self {
            ecr: cloud.ecr.clone(),
            repository: registry.repository.clone(),
            uri: registry.uri.clone(),
        }
    }

    /// A login that docker, and every other client of registries, understands. ECR's are good for twelve hours.
    ///
    /// # Errors
    /// When AWS gives none.
    pub(super) async fn login(&self) -> Result<Login, ImageError> {
        let answer = self
            .ecr
            .get_authorization_token()
            .send()
            .await
            .map_err(self.failed("getting a login for"))?;
        answer
            .authorization_data()
            .first()
            .and_then(Login::of)
            .ok_or_else(|| {
                ImageError::Answer(
                    "ECR's login is not of the form that its documentation says".to_owned(),
                )
            })
    }

    /// For `map_err` after requests about this repository.
    pub(super) fn failed<E>(
        &self,
        action: &str,
    ) -> impl FnOnce(aws_sdk_ecr::error::SdkError<E>) -> ImageError
    where
        E: aws_sdk_ecr::error::ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    {
        let attempt = format!("{action} {}", self.repository);
        move |error| ImageError::Aws {
            attempt,
            source: describe(&error).into(),
        }
    }
}

/// What to say to a registry.
pub(super) struct Login {
    /// The host, with its port if it has one.
    pub(super) host: String,
    /// `AWS:<password>`. A secret.
    pub(super) token: String,
}

impl Login {
    /// The token is in Base64; the endpoint is a URL.
    fn of(data: &aws_sdk_ecr::types::AuthorizationData) -> Option<Self> {
        let token = aws_smithy_types::base64::decode(data.authorization_token()?).ok()?;
        let token = String::from_utf8(token)
            .ok()
            .filter(|token| token.contains(':'))?;
        let endpoint = data.proxy_endpoint()?.trim_end_matches('/');
        let (_scheme, host) = endpoint.split_once("://")?;
        Some(Self {
            host: host.to_owned(),
            token,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_sdk_ecr::types::AuthorizationData;

    impl Registry {
        /// A registry whose every answer comes from `endpoint`.
        pub(crate) fn at(endpoint: &str) -> Self {
            let config = aws_sdk_ecr::Config::builder()
                .behavior_version_latest()
                .region(aws_sdk_ecr::config::Region::new("af-south-1"))
                .credentials_provider(aws_sdk_ecr::config::Credentials::new(
                    "a", "b", None, None, "test",
                ))
                .endpoint_url(endpoint)
                .retry_config(aws_sdk_ecr::config::retry::RetryConfig::disabled())
                .http_client(Builder::new().build_http())
                .build();
            Self {
                ecr: aws_sdk_ecr::Client::from_conf(config),
                repository: "bbws/wordpress".to_owned(),
                uri: "111111111111.dkr.ecr.af-south-1.amazonaws.com/bbws/wordpress".to_owned(),
            }
        }
    }

    #[test]
    fn a_login_is_taken_apart_whatever_the_endpoints_scheme() {
        for (endpoint, host) in [
            (
                "https://111111111111.dkr.ecr.af-south-1.amazonaws.com",
                "111111111111.dkr.ecr.af-south-1.amazonaws.com",
            ),
            ("http://127.0.0.1:5000/", "127.0.0.1:5000"),
        ] {
            let data = AuthorizationData::builder()
                .authorization_token("QVdTOnA6dw==")
                .proxy_endpoint(endpoint)
                .build();
            let login = Login::of(&data).unwrap();
            assert_eq!(login.token, "AWS:p:w");
            assert_eq!(login.host, host);
        }
    }
}
