//! The environment of a site: which variables reach which process, and the values that the web server's configuration
//! is made of.
//!
//! PHP must not see more than it needs. The administrator's password is in the task definition for the install job, and
//! the task role's credentials are a request away for whoever knows their URI; both stay out of every process here.

use std::{collections::BTreeMap, fmt::Write as _, net::IpAddr};

/// Variables that WordPress's configuration and the readiness check read, and what any program may have.
pub const FOR_PHP: &[&str] = &[
    "BBWS_TENANT",
    "BBWS_ENVIRONMENT",
    "DB_HOST",
    "DB_PORT",
    "DB_NAME",
    "DB_USER",
    "DB_PASSWORD",
    "DB_CA_FILE",
    "WP_HOME",
    "WP_DOMAINS",
    "WP_AUTH_KEY",
    "WP_SECURE_AUTH_KEY",
    "WP_LOGGED_IN_KEY",
    "WP_NONCE_KEY",
    "WP_AUTH_SALT",
    "WP_SECURE_AUTH_SALT",
    "WP_LOGGED_IN_SALT",
    "WP_NONCE_SALT",
    "PATH",
    "TZ",
];

/// What only the init itself reads.
pub const FOR_INIT: &[&str] = &["BBWS_MEMORY_MIB", "BBWS_PREFIX", "BBWS_TRUSTED_PROXIES"];

/// Whose word on a visitor's address is taken when nobody names others: addresses that only the task's own network has.
const PRIVATE_NETWORKS: &str = "10.0.0.0/8,172.16.0.0/12,192.168.0.0/16,100.64.0.0/10,fd00::/8";

/// Whether a variable may be in this container's processes at all.
pub fn allowed(name: &str) -> bool {
    FOR_PHP.contains(&name) || FOR_INIT.contains(&name)
}

/// Why the environment cannot be used; names the variable, never its value.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum EnvironmentError {
    /// A variable that must be there is not.
    #[error("the environment has no {0}")]
    Missing(&'static str),
    /// A value is not of its form.
    #[error("{name} is not {expected}")]
    Invalid {
        /// The variable.
        name: &'static str,
        /// What it should be.
        expected: &'static str,
    },
}

/// Where the site lives for its visitors, and the prefix by which the load balancer finds it.
#[derive(Debug, PartialEq, Eq)]
pub struct Site {
    scheme: String,
    authority: String,
    aliases: Vec<String>,
    prefix: String,
    proxies: Vec<String>,
}

impl Site {
    /// Reads and checks `WP_HOME`, `WP_DOMAINS`, `BBWS_PREFIX` and `BBWS_TRUSTED_PROXIES`: they become part of a configuration file.
    ///
    /// # Errors
    /// When one is missing or is not what it should be.
    pub fn from_environment(
        variables: &BTreeMap<String, String>,
    ) -> Result<Self, EnvironmentError> {
        let home = variables
            .get("WP_HOME")
            .ok_or(EnvironmentError::Missing("WP_HOME"))?;
        let invalid = |name, expected| EnvironmentError::Invalid { name, expected };
        let bad_home = || {
            invalid(
                "WP_HOME",
                "http:// or https:// with a host, perhaps a port, and no path",
            )
        };
        let (scheme, rest) = home.split_once("://").ok_or_else(bad_home)?;
        let authority = rest.trim_end_matches('/').to_ascii_lowercase();
        let (host, port) = authority.split_once(':').unwrap_or((&authority, "80"));
        if !matches!(scheme, "http" | "https") || !is_host(host) || port.parse::<u16>().is_err() {
            return Err(bad_home());
        }
        let domains = variables.get("WP_DOMAINS").map_or("", String::as_str);
        let aliases: Vec<String> = domains
            .split(',')
            .map(|d| d.trim().to_ascii_lowercase())
            .filter(|d| !d.is_empty() && d != host)
            .collect();
        if !aliases.iter().all(|alias| is_host(alias)) {
            return Err(invalid(
                "WP_DOMAINS",
                "a comma-separated list of host names",
            ));
        }
        let prefix = variables.get("BBWS_PREFIX").cloned().unwrap_or_default();
        let is_prefix = |p: &str| {
            p.strip_prefix('/').is_some_and(|p| {
                !p.is_empty()
                    && p.bytes()
                        .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
            })
        };
        if !prefix.is_empty() && !is_prefix(&prefix) {
            return Err(invalid(
                "BBWS_PREFIX",
                "a slash and one path segment of a-z, 0-9 and -",
            ));
        }
        let proxies = variables
            .get("BBWS_TRUSTED_PROXIES")
            .map_or(PRIVATE_NETWORKS, String::as_str);
        let proxies: Vec<String> = proxies.split(',').map(|p| p.trim().to_owned()).collect();
        if !proxies.iter().all(|proxy| is_network(proxy)) {
            return Err(invalid(
                "BBWS_TRUSTED_PROXIES",
                "a comma-separated list of networks like 10.0.0.0/16",
            ));
        }
        Ok(Self {
            scheme: scheme.to_owned(),
            authority,
            aliases,
            prefix,
            proxies,
        })
    }

    /// The part of nginx's configuration for its `http` block: the URI as visitors know it, and where other domains lead.
    pub fn http_block(&self) -> String {
        let prefix = &self.prefix;
        let mut text = String::from("map $request_uri $bbws_uri {\n    default $request_uri;\n");
        if !prefix.is_empty() {
            let _ = writeln!(text, "    \"~^{prefix}(?<bbws_rest>/.*)$\" $bbws_rest;");
            let _ = writeln!(
                text,
                "    \"~^{prefix}(?<bbws_query>\\?.*)?$\" /$bbws_query;"
            );
        }
        text.push_str("}\nmap $host $bbws_redirect {\n    default \"\";\n");
        for alias in &self.aliases {
            let _ = writeln!(text, "    {alias} {}://{};", self.scheme, self.authority);
        }
        text.push_str("}\ngeo $bbws_trusted {\n    default 0;\n");
        for proxy in &self.proxies {
            let _ = writeln!(text, "    {proxy} 1;");
        }
        // A year, as browsers' preload lists ask for; for this host alone.
        let hsts = match self.scheme.as_str() {
            "https" => "max-age=31536000",
            _ => "",
        };
        let _ = writeln!(
            text,
            "}}\nmap $host $bbws_hsts {{\n    default \"{hsts}\";\n}}"
        );
        text
    }

    /// The part for its `server` block. PHP always hears the site's own authority, port included: a `Host` that lacks the
    /// port, or that somebody made up, then neither makes WordPress redirect in a circle nor gets into its pages.
    pub fn server_block(&self) -> String {
        let mut text = format!("set $bbws_host \"{}\";\n", self.authority);
        if !self.prefix.is_empty() {
            let _ = writeln!(text, "rewrite ^{}(?:/(.*))?$ /$1;", self.prefix);
        }
        if !self.aliases.is_empty() {
            text.push_str("if ($bbws_redirect) {\n    return 301 $bbws_redirect$bbws_uri;\n}\n");
        }
        text
    }
}

fn is_network(network: &str) -> bool {
    let Some((address, bits)) = network.split_once('/') else {
        return false;
    };
    match (address.parse::<IpAddr>(), bits.parse::<u8>()) {
        (Ok(IpAddr::V4(_)), Ok(bits)) => bits <= 32,
        (Ok(IpAddr::V6(_)), Ok(bits)) => bits <= 128,
        _ => false,
    }
}

fn is_host(host: &str) -> bool {
    !host.is_empty()
        && host
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn site(home: &str, domains: &str, prefix: &str) -> Result<Site, EnvironmentError> {
        let pairs = [
            ("WP_HOME", home),
            ("WP_DOMAINS", domains),
            ("BBWS_PREFIX", prefix),
        ];
        Site::from_environment(&pairs.map(|(k, v)| (k.to_owned(), v.to_owned())).into())
    }

    #[test]
    fn a_port_in_the_home_address_is_kept() {
        let site = site(
            "http://acme.dev.localhost:8080",
            "acme.dev.localhost",
            "/tenant-acme",
        )
        .unwrap();
        assert!(
            site.server_block()
                .contains("set $bbws_host \"acme.dev.localhost:8080\";")
        );
        assert!(
            !site.server_block().contains("return 301"),
            "the home domain itself must not redirect"
        );
    }

    #[test]
    fn other_domains_lead_to_the_home_address() {
        let site = site(
            "https://www.acme.com/",
            "www.acme.com, acme.com",
            "/tenant-acme",
        )
        .unwrap();
        assert!(
            site.http_block()
                .contains("    acme.com https://www.acme.com;\n"),
            "{}",
            site.http_block()
        );
        assert!(!site.http_block().contains("    www.acme.com "));
        assert!(site.server_block().contains("return 301"));
    }

    #[test]
    fn values_that_would_become_configuration_are_refused() {
        for home in [
            "ftp://a",
            "acme.com",
            "http://a;b",
            "http://a/blog",
            "http://",
            "http://a:b",
            "http://a\" x",
        ] {
            assert!(site(home, "", "").is_err(), "{home}");
        }
        for prefix in ["tenant", "/", "/a/b", "/a b", "/a;", "/a$"] {
            assert!(site("http://a", "", prefix).is_err(), "{prefix}");
        }
        assert!(site("http://a", "b;c", "").is_err());
        assert_eq!(
            Site::from_environment(&BTreeMap::new()),
            Err(EnvironmentError::Missing("WP_HOME"))
        );
    }

    #[test]
    fn only_named_networks_are_trusted() {
        let with = |proxies: &str| {
            let pairs = [("WP_HOME", "https://a"), ("BBWS_TRUSTED_PROXIES", proxies)];
            Site::from_environment(&pairs.map(|(k, v)| (k.to_owned(), v.to_owned())).into())
        };
        let block = with("10.1.0.0/16, fd00:1::/64").unwrap().http_block();
        assert!(
            block.contains("    10.1.0.0/16 1;\n    fd00:1::/64 1;\n}"),
            "{block}"
        );
        assert!(!block.contains("192.168.0.0"));
        for bad in ["", "10.0.0.0", "10.0.0.0/33", "10.0.0.0/8;", "all"] {
            assert!(with(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn browsers_stay_with_https_where_the_site_has_it() {
        let block = |home| site(home, "", "").unwrap().http_block();
        assert!(block("https://a").contains("max-age=31536000"));
        assert!(!block("http://a").contains("max-age"));
    }

    #[test]
    fn neither_the_administrators_password_nor_the_task_role_reaches_a_process() {
        for name in [
            "WP_ADMIN_PASSWORD",
            "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
            "AWS_ACCESS_KEY_ID",
            "BBWS_JOB",
        ] {
            assert!(!allowed(name), "{name}");
        }
        assert!(allowed("DB_PASSWORD"));
    }
}
