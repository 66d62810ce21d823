//! What is said of an image and signed, in the formats of in-toto and cosign. Pure: values in, bytes out, and back.
//!
//! - The signature: a "simple signing" payload,
//!   <https://github.com/sigstore/cosign/blob/main/specs/SIGNATURE_SPEC.md>.
//! - Attestations: in-toto statements (<https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md>) in DSSE
//!   envelopes (<https://github.com/secure-systems-lab/dsse/blob/master/envelope.md>): where the image comes from
//!   (<https://slsa.dev/spec/v1.0/provenance>) and what is in it (CycloneDX).

use aws_smithy_types::base64;
use serde::Deserialize;
use serde_json::{Value, json};

use super::origin::Origin;

/// The predicate that says where an image comes from.
pub(super) const PROVENANCE: &str = "https://slsa.dev/provenance/v1";
/// The predicate that says what is in it.
pub(super) const BILL: &str = "https://cyclonedx.org/bom";

const PAYLOAD: &str = "application/vnd.in-toto+json";

/// What the signature of an image is made over.
pub(super) fn signed_payload(repository: &str, digest: &str) -> Vec<u8> {
    json!({
        "critical": {
            "identity": {"docker-reference": repository},
            "image": {"docker-manifest-digest": digest},
            "type": "cosign container image signature",
        },
        "optional": null,
    })
    .to_string()
    .into_bytes()
}

/// The digest that a signature's payload is about.
pub(super) fn subject_of_payload(payload: &[u8]) -> Option<String> {
    let payload: Value = serde_json::from_slice(payload).ok()?;
    let digest = payload.pointer("/critical/image/docker-manifest-digest")?;
    digest.as_str().map(str::to_owned)
}

/// `predicate` about the image with this digest.
pub(super) fn statement(
    repository: &str,
    digest: &str,
    predicate_type: &str,
    predicate: &Value,
) -> Vec<u8> {
    let sha256 = digest.trim_start_matches("sha256:");
    json!({
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": repository, "digest": {"sha256": sha256}}],
        "predicateType": predicate_type,
        "predicate": predicate,
    })
    .to_string()
    .into_bytes()
}

/// Where an image comes from, as its build recorded it.
pub(super) fn provenance(origin: &Origin, base: &str, finished: &str) -> Value {
    let mut dependencies = vec![json!({
        "name": "image.lock.yaml",
        "digest": {"sha256": origin.lock},
    })];
    if let Some(revision) = &origin.revision {
        let commit = revision.trim_end_matches(super::origin::DIRTY);
        let mut source = json!({"name": "source", "digest": {"gitCommit": commit}});
        if let Some(repository) = &origin.source {
            source["uri"] = format!("git+{repository}@{commit}").into();
        }
        dependencies.push(source);
    }
    json!({
        "buildDefinition": {
            "buildType": "urn:bbws:image-build:v1",
            "externalParameters": {
                "lock": "image.lock.yaml",
                "revision": origin.revision,
                "base": base,
            },
            "internalParameters": {},
            "resolvedDependencies": dependencies,
        },
        "runDetails": {
            "builder": {"id": origin.builder, "version": {"bbws": env!("CARGO_PKG_VERSION")}},
            "metadata": {"finishedOn": finished},
        },
    })
}

/// What a DSSE signature is made over: the pre-authentication encoding, which keeps type and payload apart.
pub(super) fn encoding(kind: &str, payload: &[u8]) -> Vec<u8> {
    let head = format!("DSSEv1 {} {kind} {} ", kind.len(), payload.len());
    [head.as_bytes(), payload].concat()
}

/// What is to be signed for an envelope around a statement.
pub(super) fn to_sign(statement: &[u8]) -> Vec<u8> {
    encoding(PAYLOAD, statement)
}

/// A statement with its signature.
pub(super) fn envelope(statement: &[u8], signature: &[u8]) -> Vec<u8> {
    json!({
        "payloadType": PAYLOAD,
        "payload": base64::encode(statement),
        "signatures": [{"keyid": "", "sig": base64::encode(signature)}],
    })
    .to_string()
    .into_bytes()
}

/// An envelope taken apart; whether its signatures hold is not known yet.
pub(super) struct Opened {
    /// What the signatures are made over.
    pub(super) signed: Vec<u8>,
    /// In ASN.1 DER.
    pub(super) signatures: Vec<Vec<u8>>,
    /// About what.
    pub(super) subjects: Vec<String>,
    /// [`PROVENANCE`], [`BILL`], or another.
    pub(super) predicate_type: String,
    /// What is said.
    pub(super) predicate: Value,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Envelope {
    payload_type: String,
    payload: String,
    signatures: Vec<Signature>,
}

#[derive(Deserialize)]
struct Signature {
    sig: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Statement {
    subject: Vec<Subject>,
    predicate_type: String,
    predicate: Value,
}

#[derive(Deserialize)]
struct Subject {
    digest: std::collections::BTreeMap<String, String>,
}

/// Takes an envelope apart; none when it is no in-toto statement in a DSSE envelope.
pub(super) fn open(envelope: &[u8]) -> Option<Opened> {
    let Envelope {
        payload_type,
        payload,
        signatures,
    } = serde_json::from_slice(envelope).ok()?;
    if payload_type != PAYLOAD {
        return None;
    }
    let payload = base64::decode(payload).ok()?;
    let statement: Statement = serde_json::from_slice(&payload).ok()?;
    let subjects = statement.subject.into_iter();
    Some(Opened {
        signed: encoding(&payload_type, &payload),
        signatures: signatures
            .into_iter()
            .filter_map(|signature| base64::decode(signature.sig).ok())
            .collect(),
        subjects: subjects
            .filter_map(|subject| Some(format!("sha256:{}", subject.digest.get("sha256")?)))
            .collect(),
        predicate_type: statement.predicate_type,
        predicate: statement.predicate,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_encoding_is_the_specifications() {
        // The example of DSSE's protocol.md.
        assert_eq!(
            encoding("http://example.com/HelloWorld", b"hello world"),
            b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
        );
    }

    #[test]
    fn an_envelope_opens_to_what_was_put_in() {
        let digest = format!("sha256:{}", "a".repeat(64));
        let statement = statement("registry/repository", &digest, BILL, &json!({"a": 1}));
        let opened = open(&envelope(&statement, b"signature")).unwrap();
        assert_eq!(opened.signed, to_sign(&statement));
        assert_eq!(opened.signatures, [b"signature"]);
        assert_eq!(opened.subjects, [digest]);
        assert_eq!(opened.predicate_type, BILL);
        assert_eq!(opened.predicate, json!({"a": 1}));
    }

    #[test]
    fn a_payload_names_its_image() {
        let payload = signed_payload("registry/repository", "sha256:00");
        assert_eq!(subject_of_payload(&payload).as_deref(), Some("sha256:00"));
        assert_eq!(subject_of_payload(b"{}"), None);
    }
}
