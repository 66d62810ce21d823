//! Plugins and themes of our own, as zips in the fleet.

use std::io::{Cursor, Write as _};

use anyhow::{Context as _, Result};
use e2e::Fleet;
use sha2::{Digest, Sha256};
use zip::{ZipWriter, write::SimpleFileOptions};

/// A plugin or theme that lies in the fleet.
#[derive(Clone, Debug)]
pub(in super::super) struct Zip {
    slug: &'static str,
    version: &'static str,
    pub(super) sha256: String,
    source: String,
}

impl Zip {
    /// As an item of the manifest's lists.
    fn item(&self) -> String {
        format!(
            "{{slug: {}, version: \"{}\", sha256: \"{}\", source: {}}}",
            self.slug, self.version, self.sha256, self.source
        )
    }
}

/// The value of `plugins` or `themes`.
pub(in super::super) fn list(zips: &[&Zip]) -> String {
    let items: Vec<_> = zips.iter().map(|zip| zip.item()).collect();
    format!("[{}]", items.join(", "))
}

/// The plugin `greeter`: greets on every page, and has a table and a style sheet. `more` are header lines, `then` is PHP.
pub(in super::super) fn greeter(
    fleet: &Fleet,
    version: &'static str,
    more: &str,
    then: &str,
) -> Result<Zip> {
    let php = format!(
        r#"<?php
/**
 * Plugin Name: Greeter
 * Version: {version}
{more} */
register_activation_hook( __FILE__, function () {{
	global $wpdb;
	$wpdb->query( "CREATE TABLE {{$wpdb->prefix}}greeter (id int)" );
}} );
add_action( 'wp_footer', function () {{
	echo '<p id="greeter">greetings of {version}</p>';
}} );
add_action( 'wp_enqueue_scripts', function () {{
	wp_enqueue_style( 'greeter', plugins_url( 'greeter.css', __FILE__ ), array(), '{version}' );
}} );
{then}
"#
    );
    let css = format!("#greeter {{ color: green }} /* {version} */");
    let files = [
        ("greeter/greeter.php", php.as_str()),
        ("greeter/greeter.css", &css),
        ("greeter/inner/more.php", "<?php\n"),
    ];
    put(fleet, "greeter", version, &files)
}

/// The theme `evening`, a child of one that the image has.
pub(super) fn evening(fleet: &Fleet) -> Result<Zip> {
    let files = [
        (
            "evening/style.css",
            "/*\nTheme Name: Evening\nTemplate: twentytwentyfive\nVersion: 1.0\n*/\nbody { background: #123 }\n",
        ),
        (
            "evening/functions.php",
            "<?php\nadd_action( 'wp_enqueue_scripts', function () {\n\twp_enqueue_style( 'evening', get_stylesheet_uri() );\n} );\n\
             add_action( 'after_switch_theme', function () {\n\tupdate_option( 'evening_began', 'yes' );\n} );\n",
        ),
    ];
    put(fleet, "evening", "1.0", &files)
}

/// Makes a zip and puts it into the fleet.
fn put(
    fleet: &Fleet,
    slug: &'static str,
    version: &'static str,
    files: &[(&str, &str)],
) -> Result<Zip> {
    let zip = packed(files)?;
    let sha256 = hex::encode(Sha256::digest(&zip));
    let short = sha256.get(..8).context("a checksum is longer")?;
    let source = format!("packages/{slug}-{version}-{short}.zip");
    fleet.put(&source, &zip)?;
    Ok(Zip {
        slug,
        version,
        sha256,
        source,
    })
}

pub(super) fn packed(files: &[(&str, &str)]) -> Result<Vec<u8>> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in files {
        writer.start_file(*name, SimpleFileOptions::default())?;
        writer.write_all(content.as_bytes())?;
    }
    Ok(writer.finish()?.into_inner())
}
