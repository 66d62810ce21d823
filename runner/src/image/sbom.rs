//! The software bill of materials: CycloneDX 1.6 in JSON (<https://cyclonedx.org/docs/1.6/json/>).
//!
//! A pure function of the image: its time is the image's, its serial number comes from the image's id. So the same image
//! has the same bill whoever writes it, and whenever.

use std::path::Path;

use serde_json::{Value, json};

use super::{
    ImageError,
    build::connect,
    contents::{self, Contents, Extension},
    crates::{self, Crate},
    packages::Package,
};

/// The bill of the image that this machine has under `reference`; see [`crate::image`] for what is in it.
///
/// # Errors
/// When the image is not there or is none of ours, or the engine fails.
pub async fn sbom(reference: &str) -> Result<Value, ImageError> {
    let contents = contents::read(&connect().await?, reference).await?;
    bill(&contents)
}

/// Writes the bill to a file.
///
/// # Errors
/// The system's.
pub fn write(bill: &Value, path: &Path) -> Result<(), ImageError> {
    std::fs::write(path, format!("{bill:#}\n"))
        .map_err(ImageError::io(format_args!("writing {}", path.display())))
}

/// The bill of an image's contents.
///
/// # Errors
/// When the image holds no WordPress or no `site-job`: it is none of ours, and its bill would be silent about most of it.
pub(super) fn bill(contents: &Contents) -> Result<Value, ImageError> {
    let lacks = |what: &str| ImageError::Answer(format!("{} holds no {what}", contents.reference));
    let wordpress = contents
        .wordpress
        .as_ref()
        .ok_or_else(|| lacks("WordPress"))?;
    let site_job = contents
        .site_job
        .as_ref()
        .ok_or_else(|| lacks("site-job"))?;
    let php = php_version(&contents.packages).ok_or_else(|| lacks("PHP"))?;
    let crates = crates::of_site_job().map_err(ImageError::Answer)?;

    let mut parts = vec![
        json!({
            "type": "application", "bom-ref": "wordpress", "name": "wordpress", "version": wordpress,
            "purl": format!("pkg:generic/wordpress@{}", encoded(wordpress)),
            "cpe": format!("cpe:2.3:a:wordpress:wordpress:{wordpress}:*:*:*:*:*:*:*"),
            "licenses": [{"license": {"id": "GPL-2.0-or-later"}}],
        }),
        json!({
            "type": "platform", "bom-ref": "php", "name": "php", "version": php,
            "purl": format!("pkg:generic/php@{}", encoded(php)),
            "cpe": format!("cpe:2.3:a:php:php:{php}:*:*:*:*:*:*:*"),
        }),
    ];
    if let Some(version) = contents
        .labels
        .get("bbws.wp-cli.version")
        .filter(|v| !v.is_empty())
    {
        parts.push(json!({
            "type": "application", "bom-ref": "wp-cli", "name": "wp-cli", "version": version,
            "purl": format!("pkg:generic/wp-cli@{}", encoded(version)),
            "licenses": [{"license": {"id": "MIT"}}],
        }));
    }
    parts.extend(contents.extensions.iter().map(of_extension));
    parts.extend(
        contents
            .packages
            .iter()
            .map(|package| of_package(package, contents)),
    );
    let mut direct: Vec<_> = parts.iter().map(|part| part["bom-ref"].clone()).collect();
    direct.push("site-job".into());
    parts.push(json!({
        "type": "application", "bom-ref": "site-job", "name": "site-job", "version": env!("CARGO_PKG_VERSION"),
        "hashes": [{"alg": "SHA-256", "content": site_job}],
        "licenses": [{"license": {"id": "Apache-2.0"}}],
    }));
    parts.extend(crates.iter().map(of_crate));
    let linked: Vec<_> = crates.iter().map(crate_purl).collect();
    Ok(json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": serial(&contents.id),
        "version": 1,
        "metadata": {
            "timestamp": contents.created,
            "tools": {"components": [
                {"type": "application", "name": "bbws", "version": env!("CARGO_PKG_VERSION")},
            ]},
            "component": of_image(contents),
        },
        "components": parts,
        "dependencies": [
            {"ref": "image", "dependsOn": direct},
            {"ref": "site-job", "dependsOn": linked},
        ],
    }))
}

fn of_image(contents: &Contents) -> Value {
    let mut properties = vec![
        json!({"name": "bbws:image:id", "value": contents.id}),
        json!({"name": "bbws:image:platform", "value": contents.platform}),
    ];
    let mut labels: Vec<_> = contents.labels.iter().collect();
    labels.sort();
    properties.extend(
        labels
            .iter()
            .map(|(name, value)| json!({"name": format!("bbws:label:{name}"), "value": value})),
    );
    json!({
        "type": "container", "bom-ref": "image",
        "name": super::LOCAL_NAME,
        "version": contents.labels.get("org.opencontainers.image.version").map_or("unknown", String::as_str),
        "properties": properties,
    })
}

fn of_extension(extension: &Extension) -> Value {
    let Extension {
        kind,
        slug,
        name,
        version,
    } = extension;
    let mut part = json!({
        "type": "library", "bom-ref": format!("{kind}/{slug}"), "name": slug, "group": format!("wordpress-{kind}"),
        "description": name,
    });
    if !version.is_empty() {
        part["version"] = version.as_str().into();
        let version = encoded(version);
        part["purl"] = format!("pkg:generic/wordpress-{kind}/{}@{version}", encoded(slug)).into();
    }
    part
}

fn of_package(package: &Package, contents: &Contents) -> Value {
    let Package {
        name,
        version,
        architecture,
        source,
        ..
    } = package;
    let of = |name: &str| contents.os.get(name).map(String::as_str);
    let distribution = match (of("ID"), of("VERSION_ID")) {
        (Some(id), Some(version)) => format!("&distro={id}-{version}"),
        _ => String::new(),
    };
    let upstream = match source == name {
        true => String::new(),
        false => format!("&upstream={}", encoded(source)),
    };
    let purl = format!(
        "pkg:deb/debian/{}@{}?arch={architecture}{distribution}{upstream}",
        encoded(name),
        encoded(version)
    );
    json!({"type": "library", "bom-ref": purl, "name": name, "version": version, "purl": purl})
}

fn of_crate(found: &Crate) -> Value {
    let purl = crate_purl(found);
    let mut part = json!({
        "type": "library", "bom-ref": purl, "name": found.name, "version": found.version, "purl": purl,
    });
    if let Some(checksum) = &found.checksum {
        part["externalReferences"] = json!([{
            "type": "distribution",
            "url": format!("https://static.crates.io/crates/{0}/{0}-{1}.crate", found.name, found.version),
            "hashes": [{"alg": "SHA-256", "content": checksum}],
        }]);
    }
    part
}

fn crate_purl(found: &Crate) -> String {
    format!("pkg:cargo/{}@{}", found.name, encoded(&found.version))
}

/// The upstream version of the PHP that the image runs: Debian's without epoch, repackaging and revision.
fn php_version(packages: &[Package]) -> Option<&str> {
    let cli =
        |package: &&Package| package.name.starts_with("php8.") && package.name.ends_with("-cli");
    let version = &packages.iter().find(cli)?.version;
    let version = version
        .split_once(':')
        .map_or(version.as_str(), |(_epoch, rest)| rest);
    version.split(['-', '+', '~']).next()
}

/// Percent-encoded as package URLs want it: all but letters, digits and `.-_~:`,
/// <https://github.com/package-url/purl-spec>.
fn encoded(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b if b.is_ascii_alphanumeric() || b".-_~:".contains(&b) => char::from(b).to_string(),
            b => format!("%{b:02X}"),
        })
        .collect()
}

/// A UUID (version 8, RFC 9562: "custom") from an image's id.
fn serial(id: &str) -> String {
    let hex = id.trim_start_matches("sha256:");
    let part = |from: usize, to: usize| hex.get(from..to).unwrap_or("0");
    format!(
        "urn:uuid:{:0>8}-{:0>4}-8{:0>3}-8{:0>3}-{:0>12}",
        part(0, 8),
        part(8, 12),
        part(12, 15),
        part(15, 18),
        part(18, 30)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    fn contents() -> Contents {
        let package = |name: &str, version: &str, source: &str| Package {
            name: name.to_owned(),
            version: version.to_owned(),
            architecture: "amd64".to_owned(),
            source: source.to_owned(),
            source_version: version.to_owned(),
        };
        Contents {
            id: format!("sha256:{}", "0123456789abcdef".repeat(4)),
            reference: "bbws/wordpress:test".to_owned(),
            created: "2026-11-25T03:18:00Z".to_owned(),
            platform: "linux/amd64".to_owned(),
            labels: HashMap::from([
                ("bbws.wp-cli.version".to_owned(), "2.12.0".to_owned()),
                (
                    "org.opencontainers.image.version".to_owned(),
                    "7.1.1-1".to_owned(),
                ),
            ]),
            os: HashMap::from([
                ("ID".to_owned(), "debian".to_owned()),
                ("VERSION_ID".to_owned(), "13".to_owned()),
            ]),
            packages: vec![
                package("libstdc++6", "14.2.0-19", "gcc-14"),
                package("php8.4-cli", "8.4.21-1~deb13u1", "php8.4"),
            ],
            wordpress: Some("7.1.1".to_owned()),
            extensions: vec![
                Extension {
                    kind: "plugin",
                    slug: "akismet".to_owned(),
                    name: "Akismet Anti-spam".to_owned(),
                    version: "5.5".to_owned(),
                },
                Extension {
                    kind: "mu-plugin",
                    slug: "bbws".to_owned(),
                    name: "bbws".to_owned(),
                    version: String::new(),
                },
            ],
            site_job: Some("ab".repeat(32)),
        }
    }

    fn schema() -> jsonschema::Validator {
        let read = |name: &str| -> Value {
            let path = format!(
                "{}/../tests/fixtures/cyclonedx/{name}.SNAPSHOT.schema.json",
                env!("CARGO_MANIFEST_DIR")
            );
            serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
        };
        let resource = |name: &str| {
            (
                format!("http://cyclonedx.org/schema/{name}.SNAPSHOT.schema.json"),
                jsonschema::Resource::from_contents(read(name)).unwrap(),
            )
        };
        jsonschema::options()
            .with_resources([resource("spdx"), resource("jsf-0.82")].into_iter())
            .build(&read("bom-1.6"))
            .unwrap()
    }

    #[test]
    fn the_bill_is_valid_cyclonedx() {
        let schema = schema();
        let mut bill = bill(&contents()).unwrap();
        let errors: Vec<_> = schema.iter_errors(&bill).map(|e| e.to_string()).collect();
        assert_eq!(errors, Vec::<String>::new());
        // The schema does look: a component of no type is refused.
        bill["components"][0]
            .as_object_mut()
            .unwrap()
            .remove("type");
        assert!(!schema.is_valid(&bill));
    }

    #[test]
    fn every_part_can_be_found_by_its_package_url() {
        let bill = bill(&contents()).unwrap();
        let purls: Vec<_> = bill["components"]
            .as_array()
            .unwrap()
            .iter()
            .filter_map(|part| part["purl"].as_str())
            .collect();
        for expected in [
            "pkg:generic/wordpress@7.1.1",
            "pkg:generic/php@8.4.21",
            "pkg:generic/wp-cli@2.12.0",
            "pkg:generic/wordpress-plugin/akismet@5.5",
            "pkg:deb/debian/libstdc%2B%2B6@14.2.0-19?arch=amd64&distro=debian-13&upstream=gcc-14",
        ] {
            assert!(purls.contains(&expected), "{expected} is not in {purls:?}");
        }
        assert!(
            purls
                .iter()
                .any(|purl| purl.starts_with("pkg:cargo/tokio@"))
        );
    }

    #[test]
    fn the_same_image_has_the_same_bill_and_another_has_another() {
        assert_eq!(bill(&contents()).unwrap(), bill(&contents()).unwrap());
        let mut other = contents();
        other.id = format!("sha256:{}", "fedcba9876543210".repeat(4));
        let serial = |contents: &Contents| bill(contents).unwrap()["serialNumber"].clone();
        assert_ne!(serial(&contents()), serial(&other));
    }

    #[test]
    fn an_image_that_is_none_of_ours_gets_no_bill() {
        let mut other = contents();
        other.wordpress = None;
        assert!(
            bill(&other)
                .unwrap_err()
                .to_string()
                .contains("holds no WordPress")
        );
    }
}
