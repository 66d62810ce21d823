//! The IAM documents of a site's two roles, and the one form in which they are compared with what IAM returns.

use crate::resource::{Context, Kind};
use serde_json::{Map, Value, json};

/// Who may assume the roles: ECS tasks of this account. Without the account, a service of another customer could be
/// talked into it ("confused deputy", ECS Developer Guide, task IAM role).
pub(super) fn trust(context: &Context<'_>) -> Value {
    json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Effect": "Allow",
            "Principal": { "Service": "ecs-tasks.amazonaws.com" },
            "Action": "sts:AssumeRole",
            "Condition": { "StringEquals": { "aws:SourceAccount": context.foundation.account } },
        }],
    })
}

/// What the site's containers may do: write dumps and outcomes below the tenant's own prefix, read its own plugins and themes,
/// mount its own access point, and become a role that lends it a content snapshot, which exists while one is loaded. Nothing that they
/// write can be read back otherwise, not even their own dumps.
pub(super) fn task(context: &Context<'_>) -> Value {
    let foundation = context.foundation;
    let bucket = &foundation.artifacts.bucket;
    json!({
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "WriteOwnArtifacts",
                "Effect": "Allow",
                "Action": ["s3:PutObject", "s3:AbortMultipartUpload"],
                "Resource": format!("arn:{}:s3:::{bucket}/tenants/{}/*", foundation.partition, context.who.tenant),
            },
            {
                "Sid": "ReadOwnCode",
                "Effect": "Allow",
                "Action": "s3:GetObject",
                "Resource": format!("arn:{}:s3:::{bucket}/code/{}/*", foundation.partition, context.who.tenant),
            },
            {
                // The role may be another account's; it names this one as the only one that may become it.
                "Sid": "ReadLentSnapshots",
                "Effect": "Allow",
                "Action": "sts:AssumeRole",
                "Resource": format!("arn:{}:iam::*:role/bbws/*/snapshots/{}.*", foundation.partition, context.who.tenant),
            },
            {
                // A multipart upload decrypts the parts that it joins (S3 User Guide, "Uploading an object using
                // multipart upload": kms:Decrypt and kms:GenerateDataKey).
                "Sid": "EncryptOwnArtifacts",
                "Effect": "Allow",
                "Action": ["kms:GenerateDataKey", "kms:Decrypt"],
                "Resource": foundation.encryption.key_arn,
                "Condition": { "StringEquals": { "kms:ViaService": format!("s3.{}.amazonaws.com", foundation.region) } },
            },
            {
                "Sid": "MountOwnUploads",
                "Effect": "Allow",
                "Action": ["elasticfilesystem:ClientMount", "elasticfilesystem:ClientWrite"],
                "Resource": context.foundation.file_system_arn(&context.cell.file_system_id),
                "Condition": {
                    "StringEquals": { "elasticfilesystem:AccessPointArn": context.known(Kind::AccessPoint, "arn") },
                },
            },
        ],
    })
}

/// What ECS may do to start the containers: pull the image, write the log, and hand over this tenant's two secrets.
pub(super) fn execution(context: &Context<'_>) -> Value {
    let foundation = context.foundation;
    let (partition, region, account) = (
        &foundation.partition,
        &foundation.region,
        &foundation.account,
    );
    json!({
        "Version": "2012-10-17",
        "Statement": [
            // The token itself opens nothing; IAM knows no resource for it.
            { "Sid": "SignInToRegistry", "Effect": "Allow", "Action": "ecr:GetAuthorizationToken", "Resource": "*" },
            {
                "Sid": "PullImage",
                "Effect": "Allow",
                "Action": ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"],
                "Resource": repository_arn(context),
            },
            {
                "Sid": "WriteLog",
                "Effect": "Allow",
                "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
                "Resource": format!("arn:{partition}:logs:{region}:{account}:log-group:{}:*", context.who.log_group()),
            },
            {
                "Sid": "ReadOwnSecrets",
                "Effect": "Allow",
                "Action": "secretsmanager:GetSecretValue",
                "Resource": [
                    context.known(Kind::DatabaseSecret, "arn"),
                    context.known(Kind::WordpressSecret, "arn"),
                ],
            },
            {
                "Sid": "DecryptOwnSecrets",
                "Effect": "Allow",
                "Action": "kms:Decrypt",
                "Resource": foundation.encryption.key_arn,
                "Condition": {
                    "StringEquals": { "kms:ViaService": format!("secretsmanager.{region}.amazonaws.com") },
                },
            },
        ],
    })
}

/// The registry may be another account's: its URI (`<account>.dkr.ecr.<region>.…`) tells.
fn repository_arn(context: &Context<'_>) -> String {
    let foundation = context.foundation;
    let host: Vec<_> = foundation
        .registry
        .uri
        .split('/')
        .next()
        .unwrap_or_default()
        .split('.')
        .collect();
    let (account, region) = match host.as_slice() {
        [account, "dkr", "ecr", region, ..] => (*account, *region),
        _ => (foundation.account.as_str(), foundation.region.as_str()),
    };
    let repository = &foundation.registry.repository;
    format!(
        "arn:{}:ecr:{region}:{account}:repository/{repository}",
        foundation.partition
    )
}

/// A document in the form that two equal ones share. IAM lets a list of one be written bare, and orders nothing.
pub(super) fn normalise(document: &Value) -> Value {
    let Some(document) = document.as_object() else {
        return document.clone();
    };
    let mut statements: Vec<_> = listed(document.get("Statement"))
        .iter()
        .map(normalise_statement)
        .collect();
    statements.sort_by_key(Value::to_string);
    let mut normalised = document.clone();
    normalised.insert("Statement".to_owned(), Value::Array(statements));
    Value::Object(normalised)
}

fn normalise_statement(statement: &Value) -> Value {
    let Some(statement) = statement.as_object() else {
        return statement.clone();
    };
    let fields = statement.iter().map(|(field, value)| {
        let value = match field.as_str() {
            "Sid" | "Effect" => value.clone(),
            "Condition" => each(value, |operands| each(operands, set)),
            "Principal" | "NotPrincipal" if value.is_object() => each(value, set),
            _ => set(value),
        };
        (field.clone(), value)
    });
    Value::Object(fields.collect::<Map<_, _>>())
}

fn each(object: &Value, change: impl Fn(&Value) -> Value) -> Value {
    let fields = object.as_object().into_iter().flatten();
    Value::Object(
        fields
            .map(|(name, value)| (name.clone(), change(value)))
            .collect(),
    )
}

fn listed(value: Option<&Value>) -> Vec<Value> {
    match value {
        Some(Value::Array(values)) => values.clone(),
        Some(value) => vec![value.clone()],
        None => Vec::new(),
    }
}

fn set(value: &Value) -> Value {
    let mut values = listed(Some(value));
    values.sort_by_key(Value::to_string);
    values.dedup();
    Value::Array(values)
}

/// The document that IAM returns percent-encoded (RFC 3986: `+` stands for itself), normalised. What is no JSON is
/// returned as text: it differs from every document, so it is replaced.
pub(super) fn decode(encoded: &str) -> Value {
    let text = percent_decoded(encoded);
    serde_json::from_str(&text).map_or(Value::String(text), |document| normalise(&document))
}

fn percent_decoded(encoded: &str) -> String {
    let mut bytes = Vec::with_capacity(encoded.len());
    let mut rest = encoded.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let code = (first == b'%').then(|| after.get(..2)).flatten();
        let decoded = code
            .and_then(|code| std::str::from_utf8(code).ok())
            .and_then(|c| u8::from_str_radix(c, 16).ok());
        bytes.push(decoded.unwrap_or(first));
        rest = if decoded.is_some() {
            &after[2..]
        } else {
            after
        };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resource::sample::Sample;

    #[test]
    fn one_meaning_has_one_form() {
        let bare = json!({"Version": "2012-10-17", "Statement": {
            "Effect": "Allow", "Action": "s3:PutObject", "Resource": ["b", "a"],
            "Principal": {"Service": "x"}, "Condition": {"StringEquals": {"k": "v"}},
        }});
        let listed = json!({"Version": "2012-10-17", "Statement": [{
            "Effect": "Allow", "Action": ["s3:PutObject"], "Resource": ["a", "b"],
            "Principal": {"Service": ["x"]}, "Condition": {"StringEquals": {"k": ["v"]}},
        }]});
        assert_eq!(normalise(&bare), normalise(&listed));
    }

    #[test]
    fn another_action_resource_or_condition_is_another_document() {
        let sample = Sample::new();
        let policy = task(&sample.context());
        for pointer in [
            "/Statement/0/Action/0",
            "/Statement/1/Resource",
            "/Statement/4/Condition/StringEquals/elasticfilesystem:AccessPointArn",
        ] {
            let mut other = policy.clone();
            *other.pointer_mut(pointer).expect(pointer) = "*".into();
            assert_ne!(normalise(&other), normalise(&policy), "{pointer}");
        }
    }

    #[test]
    fn a_document_survives_the_encoding_of_iam() {
        let document =
            json!({"Version": "2012-10-17", "Statement": [{"Sid": "Räd+%", "Action": ["a", "b"]}]});
        let encoded: String = document
            .to_string()
            .bytes()
            .map(|byte| format!("%{byte:02X}"))
            .collect();
        assert_eq!(decode(&encoded), normalise(&document));
        assert_eq!(decode("50%"), Value::from("50%"));
    }

    #[test]
    fn nothing_of_another_tenant_is_named() {
        let sample = Sample::new();
        let context = sample.context();
        for policy in [task(&context), execution(&context)] {
            let statements = policy["Statement"].as_array().cloned().unwrap_or_default();
            for statement in statements {
                let shared = [
                    "SignInToRegistry",
                    "PullImage",
                    "EncryptOwnArtifacts",
                    "DecryptOwnSecrets",
                ];
                if shared.iter().any(|sid| statement["Sid"] == *sid) {
                    continue;
                }
                let own = statement.to_string();
                assert!(
                    own.contains("acme") || own.contains("access-point/fsap-1"),
                    "{own}"
                );
                assert!(!own.contains("\"*\""), "{own}");
            }
        }
    }
}
