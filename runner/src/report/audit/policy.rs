//! Reads resource policies for what they deny to everybody.

use serde_json::Value;

/// A request that a policy must deny.
pub(super) struct Denial<'a> {
    pub(super) action: &'a str,
    /// Any, if there is none.
    pub(super) resource: Option<&'a str>,
    /// Operator, key and value: the one condition under which it is denied.
    pub(super) condition: [&'a str; 3],
}

/// Whether a statement of `policy` denies it to everybody. A statement with further conditions denies less, so it does
/// not count; nor do `NotAction`, `NotResource` and `NotPrincipal`.
pub(super) fn denies(policy: &Value, denial: &Denial<'_>) -> bool {
    let statements = many(&policy["Statement"]);
    statements.into_iter().any(|statement| {
        let principal = &statement["Principal"];
        let everybody = is(principal, "*") || is(&principal["AWS"], "*");
        let action = many(&statement["Action"]);
        let resource = many(&statement["Resource"]);
        statement["Effect"] == "Deny"
            && everybody
            && action.into_iter().any(|p| matches(p, denial.action))
            && denial
                .resource
                .is_none_or(|wanted| resource.into_iter().any(|p| matches(p, wanted)))
            && only(&statement["Condition"], denial.condition)
    })
}

/// One value, or a list of them.
pub(super) fn many(value: &Value) -> Vec<&Value> {
    match value {
        Value::Array(values) => values.iter().collect(),
        Value::Null => Vec::new(),
        value => vec![value],
    }
}

fn is(value: &Value, wanted: &str) -> bool {
    many(value).into_iter().any(|value| value == wanted)
}

/// Actions ignore case; an ARN that differs in case alone does not occur beside its twin.
fn matches(pattern: &Value, wanted: &str) -> bool {
    let Some(pattern) = pattern.as_str() else {
        return false;
    };
    match pattern.strip_suffix('*') {
        Some(start) => wanted
            .get(..start.len())
            .is_some_and(|head| head.eq_ignore_ascii_case(start)),
        None => pattern.eq_ignore_ascii_case(wanted),
    }
}

fn only(condition: &Value, [operator, key, wanted]: [&str; 3]) -> bool {
    let sole = |value: &Value| value.as_object().is_some_and(|fields| fields.len() == 1);
    let value = &condition[operator][key];
    let text = match value {
        Value::Bool(value) => value.to_string(),
        value => value.as_str().unwrap_or_default().to_owned(),
    };
    sole(condition) && sole(&condition[operator]) && text == wanted
}
