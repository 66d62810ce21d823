//! What a cloud is started with.

use serde::{Deserialize, Serialize};

/// One account of the organization, with the environment it holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// `dev`, `sit` or `prod`.
    pub environment: String,
    /// Twelve digits; also the access key id of the account's root.
    pub id: String,
    /// Names of its cells: each has a load balancer, a database server and a file system.
    pub cells: Vec<String>,
    /// Whether its foundation is made at the start; else Terraform is to make it.
    pub seeded: bool,
}

/// What a cloud is started with. The default is the whole organization with one cell an environment.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Options {
    /// Letters and digits; two clouds of one user that run at once have different names.
    pub name: String,
    /// Whether signatures and IAM policies are evaluated (the secret key is then [`Options::secret_key`]).
    pub auth: bool,
    /// The accounts to seed.
    pub accounts: Vec<Account>,
    /// Port of the edge on loopback; any free one without.
    pub viewer_port: Option<u16>,
    /// Whether the edge speaks TLS, with a certificate that [`crate::State::edge_authority`] vouches for.
    pub viewer_tls: bool,
    /// Health check intervals and grace periods are multiplied by this.
    pub time_scale: f64,
    /// Seed of the faults' probabilities.
    pub fault_seed: u64,
}

impl Options {
    /// The secret access key of every account's root.
    pub const SECRET_KEY: &str = "local-cloud-secret";

    /// The whole organization, called `demo`, with the edge on port 8080 where that is free.
    #[must_use]
    pub fn demo() -> Self {
        Self {
            viewer_port: Self::usual_viewer_port(),
            ..Self::default()
        }
    }

    /// 8080, unless somebody listens there.
    pub(crate) fn usual_viewer_port() -> Option<u16> {
        std::net::TcpListener::bind(("127.0.0.1", 8080))
            .ok()
            .map(|_| 8080)
    }

    /// A cloud for one test binary: a name of its own, only the given environments.
    #[must_use]
    pub fn for_test(environments: &[&str]) -> Self {
        let mut options = Self {
            name: format!("t{:x}{:04x}", std::process::id(), rand::random::<u16>()),
            ..Self::default()
        };
        options
            .accounts
            .retain(|account| environments.contains(&account.environment.as_str()));
        options
    }

    /// The same with IAM evaluated.
    #[must_use]
    pub fn with_auth(mut self) -> Self {
        self.auth = true;
        self
    }

    /// The same with an empty account for an environment, and the edge where visitors look for it on AWS: HTTPS on port
    /// 443. Terraform makes the foundation.
    #[must_use]
    pub fn without_foundation(mut self, environment: &str) -> Self {
        for account in &mut self.accounts {
            account.seeded &= account.environment != environment;
        }
        self.viewer_port = Some(443);
        self.viewer_tls = true;
        self
    }

    /// The same with these cells in every account.
    #[must_use]
    pub fn with_cells(mut self, cells: &[&str]) -> Self {
        for account in &mut self.accounts {
            account.cells = cells.iter().map(ToString::to_string).collect();
        }
        self
    }
}

impl Default for Options {
    fn default() -> Self {
        let account = |environment: &str, id: &str| Account {
            environment: environment.into(),
            id: id.into(),
            cells: vec!["a".into()],
            seeded: true,
        };
        Self {
            name: "demo".into(),
            auth: false,
            accounts: vec![
                account("dev", "111111111111"),
                account("sit", "222222222222"),
                account("prod", "333333333333"),
            ],
            viewer_port: None,
            viewer_tls: false,
            time_scale: 0.1,
            fault_seed: 0,
        }
    }
}
