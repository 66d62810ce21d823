//! Keys that sign images: ECDSA on P-256, in AWS KMS, or in a file for a laptop.
//!
//! A private key never leaves KMS; one from a file is wiped from memory when it is dropped, and no text of ours holds it.

use std::{
    fmt, fs,
    io::{self, Write},
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

use aws_sdk_kms::{
    config::Region,
    primitives::Blob,
    types::{MessageType, SigningAlgorithmSpec},
};
use p256::{
    ecdsa::{
        DerSignature, Signature, SigningKey, VerifyingKey,
        signature::{Signer as _, Verifier as _},
    },
    elliptic_curve::Generate as _,
    pkcs8::{
        DecodePrivateKey as _, DecodePublicKey as _, EncodePrivateKey as _, EncodePublicKey as _,
        LineEnding,
    },
};
use sha2::{Digest, Sha256};

use super::{ImageError, push::describe};

/// Where a key is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyReference {
    /// A key of KMS: its id, alias or ARN.
    Kms(String),
    /// A PEM file.
    File(PathBuf),
}

impl KeyReference {
    /// As manifests and arguments write it: `awskms:///<id, alias or ARN>`, an ARN, or a path, which lies below `folder`
    /// when it is relative.
    #[must_use]
    pub fn new(text: &str, folder: &Path) -> Self {
        match text.strip_prefix("awskms:///") {
            Some(id) => Self::Kms(id.to_owned()),
            None if text.starts_with("arn:") => Self::Kms(text.to_owned()),
            None => Self::File(folder.join(text)),
        }
    }

    fn unusable(&self, reason: impl fmt::Display) -> ImageError {
        ImageError::Key {
            key: self.to_string(),
            reason: reason.to_string(),
        }
    }
}

impl fmt::Display for KeyReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kms(id) => write!(f, "awskms:///{id}"),
            Self::File(path) => write!(f, "{}", path.display()),
        }
    }
}

/// A key that signs.
pub struct Signer {
    private: Private,
    /// What others verify with.
    pub public: PublicKey,
}

enum Private {
    Kms(aws_sdk_kms::Client, String),
    File(SigningKey),
}

impl Signer {
    /// Opens a key. Of a KMS key the public half is read; the key itself is only used by [`Self::sign`].
    ///
    /// # Errors
    /// It is not there, of another kind, or a file that others may read.
    pub async fn open(
        kms: &aws_sdk_kms::Client,
        reference: &KeyReference,
    ) -> Result<Self, ImageError> {
        match reference {
            KeyReference::Kms(id) => Ok(Self {
                private: Private::Kms(kms.clone(), id.clone()),
                public: PublicKey::open(kms, reference).await?,
            }),
            KeyReference::File(path) => {
                let metadata = fs::metadata(path).map_err(|error| reference.unusable(error))?;
                let mode = metadata.permissions().mode() & 0o777;
                if mode & 0o077 != 0 {
                    return Err(reference.unusable(format_args!(
                        "others may read this private key (mode {mode:04o}): chmod 600 it"
                    )));
                }
                let pem = fs::read_to_string(path).map_err(|error| reference.unusable(error))?;
                let key = SigningKey::from_pkcs8_pem(&pem).map_err(|_| {
                    reference.unusable("it is no P-256 private key in PKCS #8 PEM without password")
                })?;
                let public = PublicKey {
                    name: reference.to_string(),
                    key: *key.verifying_key(),
                };
                Ok(Self {
                    private: Private::File(key),
                    public,
                })
            }
        }
    }

    /// The signature of SHA-256 of `message`, in ASN.1 DER.
    ///
    /// # Errors
    /// KMS's.
    pub(super) async fn sign(&self, message: &[u8]) -> Result<Vec<u8>, ImageError> {
        match &self.private {
            Private::File(key) => {
                let signature: DerSignature = key.sign(message);
                Ok(signature.as_bytes().to_vec())
            }
            Private::Kms(kms, id) => {
                let answer = kms
                    .sign()
                    .key_id(id)
                    .message(Blob::new(Sha256::digest(message).to_vec()))
                    .message_type(MessageType::Digest)
                    .signing_algorithm(SigningAlgorithmSpec::EcdsaSha256)
                    .customize()
                    .config_override(config(id))
                    .send()
                    .await
                    .map_err(|error| ImageError::Aws {
                        attempt: format!("signing with awskms:///{id}"),
                        source: describe(&error).into(),
                    })?;
                Ok(answer
                    .signature()
                    .map_or_else(Vec::new, |signature| signature.as_ref().to_vec()))
            }
        }
    }
}

/// A key that verifies.
#[derive(Clone, Debug)]
pub struct PublicKey {
    /// As it was asked for.
    pub name: String,
    key: VerifyingKey,
}

impl PublicKey {
    /// Reads a key: KMS's public half, or a file with the public or the private one.
    ///
    /// # Errors
    /// It is not there, or of another kind.
    pub async fn open(
        kms: &aws_sdk_kms::Client,
        reference: &KeyReference,
    ) -> Result<Self, ImageError> {
        let key = match reference {
            KeyReference::Kms(id) => {
                let answer = kms
                    .get_public_key()
                    .key_id(id)
                    .customize()
                    .config_override(config(id))
                    .send()
                    .await
                    .map_err(|error| ImageError::Aws {
                        attempt: format!("reading the public key of awskms:///{id}"),
                        source: describe(&error).into(),
                    })?;
                let der = answer.public_key().map_or(&[][..], AsRef::as_ref);
                VerifyingKey::from_public_key_der(der).map_err(|_| {
                    reference.unusable("it is no key of the kind ECC_NIST_P256 for SIGN_VERIFY")
                })?
            }
            KeyReference::File(path) => {
                read_public(path).map_err(|reason| reference.unusable(reason))?
            }
        };
        Ok(Self {
            name: reference.to_string(),
            key,
        })
    }

    /// Whether `signature` (ASN.1 DER) is this key's, of `message`.
    pub(super) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        Signature::from_der(signature)
            .is_ok_and(|signature| self.key.verify(message, &signature).is_ok())
    }

    /// In PEM, for cosign and for manifests.
    ///
    /// # Errors
    /// Never for a key that was read.
    pub fn pem(&self) -> Result<String, ImageError> {
        self.key
            .to_public_key_pem(LineEnding::LF)
            .map_err(|error| ImageError::Key {
                key: self.name.clone(),
                reason: error.to_string(),
            })
    }
}

/// Why the public key that a manifest below `folder` names is of no use, as far as that shows without AWS.
#[must_use]
pub fn unusable_key(text: &str, folder: &Path) -> Option<String> {
    match KeyReference::new(text, folder) {
        KeyReference::Kms(_) => None,
        KeyReference::File(path) => read_public(&path).err(),
    }
}

fn read_public(path: &Path) -> Result<VerifyingKey, String> {
    let pem = fs::read_to_string(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => "there is no such file".to_owned(),
        _ => error.to_string(),
    })?;
    VerifyingKey::from_public_key_pem(&pem)
        .map_err(|_| "it is no P-256 public key in PEM".to_owned())
}

/// An ARN's own region, which may be another than the environment's.
fn config(id: &str) -> aws_sdk_kms::config::Builder {
    let config = aws_sdk_kms::Config::builder();
    match id
        .strip_prefix("arn:")
        .and_then(|arn| arn.split(':').nth(2))
    {
        Some(region) => config.region(Region::new(region.to_owned())),
        None => config,
    }
}

/// Makes a key for a laptop: `path` with the private half, readable for its owner alone, and `<path>.pub`. Returns the
/// latter's path.
///
/// # Errors
/// One of the files exists, or cannot be written.
pub fn generate(path: &Path) -> Result<PathBuf, ImageError> {
    let reference = KeyReference::File(path.to_owned());
    let key = SigningKey::generate();
    let wrong = |error: p256::pkcs8::Error| reference.unusable(error);
    let private = key.to_pkcs8_pem(LineEnding::LF).map_err(wrong)?;
    let public = PublicKey {
        name: reference.to_string(),
        key: *key.verifying_key(),
    };
    let mut beside = path.as_os_str().to_owned();
    beside.push(".pub");
    let beside = PathBuf::from(beside);
    for (path, mode, text) in [
        (path, 0o600, private.as_str()),
        (&beside, 0o644, &public.pem()?),
    ] {
        let attempt = format!("writing {}", path.display());
        let mut options = fs::OpenOptions::new();
        let mut file = options
            .write(true)
            .create_new(true)
            .mode(mode)
            .open(path)
            .map_err(ImageError::io(&attempt))?;
        file.write_all(text.as_bytes())
            .map_err(ImageError::io(&attempt))?;
    }
    Ok(beside)
}
