//! The cell's database server, asked with MySQL's own client inside its container.

use anyhow::{Context as _, Result};
use serde_json::Value;

use crate::docker::docker;

/// Who asks, and where.
#[derive(Debug, Clone)]
pub struct Database {
    container: String,
    host: String,
    port: String,
    user: String,
    password: String,
}

impl Database {
    /// A client with the credentials of a secret's JSON (`username`, `password`), talking to the server's own address as
    /// tasks do.
    ///
    /// # Errors
    /// The secret lacks a field.
    pub fn new(container: &str, host: &str, port: u64, secret: &str) -> Result<Self> {
        let secret: Value = serde_json::from_str(secret)?;
        let field = |name: &str| {
            let value = secret.get(name).and_then(Value::as_str);
            value
                .map(str::to_owned)
                .with_context(|| format!("the secret has no {name}"))
        };
        Ok(Self {
            container: container.to_owned(),
            host: host.to_owned(),
            port: port.to_string(),
            user: field("username")?,
            password: field("password")?,
        })
    }

    /// The answer to a query over TLS, tab-separated, without headings.
    ///
    /// # Errors
    /// MySQL's, in its words.
    pub async fn query(&self, sql: &str) -> Result<String> {
        self.run("REQUIRED", "", sql.as_bytes()).await
    }

    /// The same without TLS.
    ///
    /// # Errors
    /// MySQL's, in its words.
    pub async fn query_in_plain(&self, sql: &str) -> Result<String> {
        self.run("DISABLED", "", sql.as_bytes()).await
    }

    /// Feeds a script to the stock client, into a schema.
    ///
    /// # Errors
    /// MySQL's, in its words.
    pub async fn load(&self, schema: &str, script: &[u8]) -> Result<()> {
        self.run("REQUIRED", schema, script).await.map(drop)
    }

    async fn run(&self, tls: &str, schema: &str, input: &[u8]) -> Result<String> {
        let (password, tls) = (
            format!("MYSQL_PWD={}", self.password),
            format!("--ssl-mode={tls}"),
        );
        let (host, port, user) = (
            format!("-h{}", self.host),
            format!("-P{}", self.port),
            format!("-u{}", self.user),
        );
        let mut arguments = vec![
            "exec",
            "-i",
            "-e",
            &password,
            &self.container,
            "mysql",
            &host,
            &port,
            &user,
            &tls,
        ];
        arguments.extend([
            "--batch",
            "--skip-column-names",
            "--default-character-set=utf8mb4",
            "--protocol=TCP",
        ]);
        if tls.ends_with("DISABLED") {
            // Else the client itself refuses to send a password in plain, and nothing is learnt about the server.
            arguments.push("--get-server-public-key");
        }
        if !schema.is_empty() {
            arguments.push(schema);
        }
        docker(&arguments, input).await
    }
}
