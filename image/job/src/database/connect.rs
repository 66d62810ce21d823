//! Connections to MySQL, always with TLS.

use std::{env, path::PathBuf, time::Duration};

use mysql_async::{Conn, OptsBuilder, SslOpts};

use crate::protocol::{Failure, FailureCode};

/// The time for connecting: a security group that drops packets would otherwise hold the job until its own deadline.
const CONNECT: Duration = Duration::from_secs(15);

/// The cell's administrator, from `DB_HOST`, `DB_PORT`, `DB_ADMIN_USER`, `DB_ADMIN_PASSWORD`.
///
/// # Errors
/// When a variable is missing or there is no connection.
pub async fn connect_admin() -> Result<Conn, Failure> {
    let (user, password) = (required("DB_ADMIN_USER")?, required("DB_ADMIN_PASSWORD")?);
    connect(&user, &password, None).await
}

/// The site's own user on its own schema, from `DB_HOST`, `DB_PORT`, `DB_NAME`, `DB_USER`, `DB_PASSWORD`.
///
/// # Errors
/// When a variable is missing or there is no connection.
pub async fn connect_site() -> Result<Conn, Failure> {
    let (user, password, schema) = (
        required("DB_USER")?,
        required("DB_PASSWORD")?,
        required("DB_NAME")?,
    );
    connect(&user, &password, Some(schema)).await
}

/// A connection as any user of the same server.
///
/// # Errors
/// `DatabaseUnreachable` without an answer; `DatabaseFailed` when the server refuses the user.
pub(super) async fn connect(
    user: &str,
    password: &str,
    schema: Option<String>,
) -> Result<Conn, Failure> {
    let host = required("DB_HOST")?;
    let port = match env::var("DB_PORT") {
        Ok(port) => port
            .parse()
            .map_err(|_| Failure::new(FailureCode::BadRequest, "DB_PORT is not a port"))?,
        Err(_) => 3306,
    };
    let options = OptsBuilder::default()
        .ip_or_hostname(host.clone())
        .tcp_port(port)
        .user(Some(user))
        .pass(Some(password))
        .db_name(schema)
        // A socket of the same machine would be without TLS and is never what is meant here.
        .prefer_socket(false)
        .ssl_opts(tls());
    let attempt = format!("connecting to MySQL at {host}:{port} as {user}");
    match tokio::time::timeout(CONNECT, Conn::new(options)).await {
        Ok(Ok(connection)) => Ok(connection),
        // MySQL asks a user that it does not know for a plugin at random, perhaps one that the driver does not speak.
        Ok(Err(error @ (mysql_async::Error::Server(_) | mysql_async::Error::Driver(_)))) => Err(
            Failure::new(FailureCode::DatabaseFailed, format!("{attempt}: {error}")),
        ),
        Ok(Err(error)) => Err(Failure::new(
            FailureCode::DatabaseUnreachable,
            format!("{attempt}: {error}"),
        )),
        Err(_) => {
            let message = format!("{attempt}: no answer in {} s", CONNECT.as_secs());
            Err(Failure::new(FailureCode::DatabaseUnreachable, message))
        }
    }
}

/// The certificate is verified when `DB_CA_FILE` names the authority. Without it the traffic is encrypted, but whoever
/// can redirect it inside the VPC is not noticed: RDS's certificates come from Amazon's own authority, which no system
/// bundle holds, and the image does not carry it yet.
fn tls() -> SslOpts {
    match env::var_os("DB_CA_FILE").filter(|file| !file.is_empty()) {
        Some(file) => SslOpts::default()
            .with_root_certs(vec![PathBuf::from(file).into()])
            .with_disable_built_in_roots(true),
        None => SslOpts::default()
            .with_danger_accept_invalid_certs(true)
            .with_danger_skip_domain_validation(true),
    }
}

pub(super) fn required(name: &str) -> Result<String, Failure> {
    env::var(name)
        .ok()
        .filter(|value| !value.is_empty())
        .ok_or_else(|| {
            Failure::new(
                FailureCode::BadRequest,
                format!("the environment has no {name}"),
            )
        })
}
