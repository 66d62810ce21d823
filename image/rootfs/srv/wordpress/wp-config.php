<?php
// WordPress's configuration: everything that differs between sites comes from the environment.

require_once '/srv/health/database.php';

/** The value of a variable that must be there; its name, never a value, is in the error. */
function bbws_required( string $name ): string {
	$value = getenv( $name );
	if ( false === $value || '' === $value ) {
		error_log( "wp-config: the environment has no $name" );
		http_response_code( 500 );
		exit( 1 );
	}
	return $value;
}

define( 'DB_NAME', bbws_required( 'DB_NAME' ) );
define( 'DB_USER', bbws_required( 'DB_USER' ) );
define( 'DB_PASSWORD', bbws_required( 'DB_PASSWORD' ) );
define( 'DB_HOST', bbws_required( 'DB_HOST' ) . ':' . ( getenv( 'DB_PORT' ) ?: '3306' ) );
define( 'DB_CHARSET', 'utf8mb4' );
define( 'DB_COLLATE', '' );
define( 'MYSQL_CLIENT_FLAGS', bbws_database_flags() );
$table_prefix = 'wp_';

foreach ( array( 'AUTH', 'SECURE_AUTH', 'LOGGED_IN', 'NONCE' ) as $bbws_purpose ) {
	define( $bbws_purpose . '_KEY', bbws_required( 'WP_' . $bbws_purpose . '_KEY' ) );
	define( $bbws_purpose . '_SALT', bbws_required( 'WP_' . $bbws_purpose . '_SALT' ) );
}
unset( $bbws_purpose );

define( 'WP_HOME', rtrim( bbws_required( 'WP_HOME' ), '/' ) );
define( 'WP_SITEURL', WP_HOME );

// Viewers speak TLS to the edge; what arrives here is plain HTTP. How they speak is configuration: a header could be
// anybody's.
unset( $_SERVER['HTTPS'] );
if ( str_starts_with( WP_HOME, 'https://' ) ) {
	$_SERVER['HTTPS']       = 'on';
	$_SERVER['SERVER_PORT'] = '443';
	define( 'FORCE_SSL_ADMIN', true );
}
if ( 'cli' === PHP_SAPI ) {
	$_SERVER['HTTP_HOST'] = preg_replace( '~^https?://([^/]+).*$~', '$1', WP_HOME );
}

// Code comes with the image, and the site's own plugins and themes with its task; `site-job` lays them there.
define( 'WP_PLUGIN_DIR', '/srv/code/plugins' );
define( 'DISALLOW_FILE_MODS', true );
define( 'AUTOMATIC_UPDATER_DISABLED', true );
define( 'WP_AUTO_UPDATE_CORE', false );
define( 'WP_TEMP_DIR', '/tmp' );
define(
	'WP_ENVIRONMENT_TYPE',
	array(
		'dev' => 'development',
		'sit' => 'staging',
	)[ getenv( 'BBWS_ENVIRONMENT' ) ] ?? 'production'
);
define( 'WP_DEBUG', false );
// `site-job` runs what is due, in one task of the site.
define( 'DISABLE_WP_CRON', true );

if ( ! defined( 'ABSPATH' ) ) {
	define( 'ABSPATH', __DIR__ . '/' );
}
require_once ABSPATH . 'wp-settings.php';
