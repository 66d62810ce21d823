//! The manifests of a new site, from a few answers: given one by one, or in an issue form.

use std::path::Path;

use super::{Domain, Email, EnvironmentName, InvalidName, Line, Login, TenantId};

/// What a new site needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    /// Whose.
    pub tenant: TenantId,
    /// Where.
    pub environment: EnvironmentName,
    /// The organization, for a tenant that is new.
    pub organization: Line,
    /// The site's title.
    pub title: Line,
    /// Its primary domain.
    pub domain: Domain,
    /// The first administrator's login.
    pub user: Login,
    /// And mail.
    pub email: Email,
}

/// Why an issue form is no draft.
#[derive(Debug, thiserror::Error)]
#[error("under \"{heading}\": {value:?} {problem}")]
pub struct InvalidForm {
    heading: &'static str,
    value: String,
    problem: InvalidName,
}

impl Draft {
    /// From the text that GitHub makes of `.github/ISSUE_TEMPLATE/tenant.yml`: each answer below its heading.
    ///
    /// # Errors
    /// All answers that are missing or invalid.
    pub fn of_form(text: &str) -> Result<Self, Vec<InvalidForm>> {
        let mut problems = Vec::new();
        let draft = (
            answer(text, "Tenant", &mut problems),
            answer(text, "Environment", &mut problems),
            answer(text, "Organization", &mut problems),
            answer(text, "Site title", &mut problems),
            answer(text, "Domain", &mut problems),
            answer(text, "Administrator", &mut problems),
            answer(text, "Mail", &mut problems),
        );
        match draft {
            (
                Some(tenant),
                Some(environment),
                Some(organization),
                Some(title),
                Some(domain),
                Some(user),
                Some(email),
            ) => Ok(Self {
                tenant,
                environment,
                organization,
                title,
                domain,
                user,
                email,
            }),
            _ => Err(problems),
        }
    }

    /// The manifests, by path in the fleet at `root`: the site's, and the tenant's where it has none.
    #[must_use]
    pub fn files(&self, root: &Path) -> Vec<(String, String)> {
        let tenant = format!("tenants/{}/tenant.yaml", self.tenant);
        let mut files = Vec::new();
        if !root.join(&tenant).exists() {
            let schema = "# yaml-language-server: $schema=../../docs/schema/tenant.json";
            let name = quoted(self.organization.as_str());
            files.push((tenant, format!("{schema}\nversion: 1\nname: {name}\n")));
        }
        let site = format!(
            "# yaml-language-server: $schema=../../docs/schema/site.json\nversion: 1\ntitle: {}\ndomains:\n  - {}\nadmin:\n  user: {}\n  \
             email: {}\n",
            quoted(self.title.as_str()),
            self.domain,
            quoted(self.user.as_str()),
            quoted(self.email.as_str()),
        );
        let file = format!("tenants/{}/{}.yaml", self.tenant, self.environment);
        files.push((file, site));
        files
    }
}

/// JSON's strings are YAML's, in double quotes.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn answer<T: std::str::FromStr<Err = InvalidName>>(
    text: &str,
    heading: &'static str,
    problems: &mut Vec<InvalidForm>,
) -> Option<T> {
    let marker = format!("### {heading}");
    let mut lines = text.lines().map(str::trim);
    lines.by_ref().find(|line| *line == marker);
    let value = lines.find(|line| !line.is_empty());
    let value = value.filter(|value| !value.starts_with("### ") && *value != "_No response_");
    let value = value.unwrap_or_default().to_owned();
    match value.parse() {
        Ok(parsed) => Some(parsed),
        Err(problem) => {
            problems.push(InvalidForm {
                heading,
                value,
                problem,
            });
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FORM: &str = "### Tenant\r\n\r\nacme\r\n\r\n### Environment\n\ndev\n\n### Organization\n\nAcme \"& Sons\": #1\n\n### \
        Site title\n\n@all `$(id)`\n\n### Domain\n\nacme.dev.localhost\n\n### Administrator\n\nada\n\n### Mail\n\nada@acme.example\n";

    #[test]
    fn a_form_is_read_and_written_as_manifests() {
        let draft = Draft::of_form(FORM).unwrap();
        let files = draft.files(Path::new("/nowhere"));
        assert_eq!(files[0].0, "tenants/acme/tenant.yaml");
        assert!(
            files[0].1.ends_with("name: \"Acme \\\"& Sons\\\": #1\"\n"),
            "{}",
            files[0].1
        );
        assert_eq!(files[1].0, "tenants/acme/dev.yaml");
        assert!(
            files[1].1.contains("title: \"@all `$(id)`\"\n"),
            "{}",
            files[1].1
        );
    }

    #[test]
    fn every_answer_that_is_missing_or_invalid_is_told() {
        let form = FORM
            .replace("\nacme\r", "\n../acme\r")
            .replace("acme.dev.localhost", "_No response_");
        let problems = Draft::of_form(&form).unwrap_err();
        let headings: Vec<_> = problems.iter().map(|problem| problem.heading).collect();
        assert_eq!(headings, ["Tenant", "Domain"]);
    }
}
