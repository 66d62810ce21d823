<?php
// Makes WordPress's settings as the manifest says. Run by WP-CLI's eval-file inside a loaded WordPress; reads
// {"settings": {…}, "admin_password": "…"} from standard input and prints {"changed": […], "locale_unavailable": bool}
// as its last line. What is already so is not touched. Plugins that the site has for the first time are told that they are
// active: they make their tables then.

require_once ABSPATH . 'wp-admin/includes/plugin.php';

$input    = json_decode( stream_get_contents( STDIN ), true, 512, JSON_THROW_ON_ERROR );
$settings = $input['settings'];
$changed  = array();

// The image's code may be newer than the form of the tables. This runs before a task with that code serves anybody.
if ( (int) get_option( 'db_version' ) < (int) $GLOBALS['wp_db_version'] ) {
	require_once ABSPATH . 'wp-admin/includes/upgrade.php';
	wp_upgrade();
	$changed[] = 'tables';
}

// An administrator may have the address of an older account or have been removed by hand.
$admin = get_user_by( 'login', $settings['admin_user'] );
if ( ! $admin ) {
	$id = wp_insert_user(
		array(
			'user_login' => $settings['admin_user'],
			'user_pass'  => $input['admin_password'],
			'user_email' => $settings['admin_email'],
			'role'       => 'administrator',
		)
	);
	if ( is_wp_error( $id ) ) {
		WP_CLI::error( 'creating the administrator: ' . $id->get_error_message() );
	}
	$changed[] = 'admin_user';
} else {
	if ( ! in_array( 'administrator', $admin->roles, true ) ) {
		$admin->set_role( 'administrator' );
		$changed[] = 'admin_user';
	}
	if ( $admin->user_email !== $settings['admin_email'] ) {
		$updated = wp_update_user(
			array(
				'ID'         => $admin->ID,
				'user_email' => $settings['admin_email'],
			)
		);
		if ( is_wp_error( $updated ) ) {
			WP_CLI::error( "setting the administrator's address: " . $updated->get_error_message() );
		}
		$changed[] = 'admin_email';
	}
}

/** Sets an option in its table: `home` and `siteurl` are constants to get_option(). */
$set = static function ( string $option, string $name, string $value ) use ( &$changed ): void {
	global $wpdb;
	$value   = sanitize_option( $option, $value );
	// An option that is not there counts as empty: WordPress keeps no row for its own language.
	$current = (string) $wpdb->get_var( $wpdb->prepare( "SELECT option_value FROM $wpdb->options WHERE option_name = %s", $option ) );
	if ( $current === $value ) {
		return;
	}
	if ( 'home' === $option || 'siteurl' === $option ) {
		$wpdb->update( $wpdb->options, array( 'option_value' => $value ), array( 'option_name' => $option ) );
		wp_cache_delete( 'alloptions', 'options' );
	} else {
		update_option( $option, $value );
	}
	$changed[] = $name;
};

$set( 'blogname', 'title', $settings['title'] );
$set( 'admin_email', 'admin_email', $settings['admin_email'] );
$set( 'home', 'home', $settings['home'] );
$set( 'siteurl', 'siteurl', $settings['home'] );
$set( 'timezone_string', 'timezone', $settings['timezone'] );

$locale             = 'en_US' === $settings['locale'] ? '' : $settings['locale'];
$locale_unavailable = '' !== $locale && ! in_array( $locale, get_available_languages(), true );
if ( ! $locale_unavailable ) {
	$set( 'WPLANG', 'locale', $locale );
}

// By plugin, which version was told. Plugins that are gone cannot be told: their code is not there.
$told    = (array) get_option( 'bbws_plugins', array() );
$plugins = array();
foreach ( get_option( 'active_plugins' ) as $file ) {
	$fits = validate_plugin_requirements( $file );
	if ( is_wp_error( $fits ) ) {
		WP_CLI::error( "/srv/code/plugins/$file: " . wp_strip_all_tags( $fits->get_error_message() ) );
	}
	if ( ! isset( $told[ $file ] ) ) {
		do_action( 'activate_plugin', $file, false );
		do_action( "activate_$file", false );
		do_action( 'activated_plugin', $file, false );
	}
	$plugins[ $file ] = get_plugin_data( WP_PLUGIN_DIR . "/$file", false, false )['Version'];
}
if ( $plugins !== $told ) {
	update_option( 'bbws_plugins', $plugins, false );
	$changed[] = 'plugins';
}

// So is a theme that the manifest begins to show. WordPress would do that with the next request, which may be one of a task
// that still shows the theme before.
$theme = has_filter( 'pre_option_stylesheet' ) ? get_option( 'stylesheet' ) : '';
$shown = get_option( 'bbws_theme', '' );
if ( $theme !== $shown ) {
	$before = wp_get_theme( $shown ? $shown : WP_DEFAULT_THEME );
	do_action( 'after_switch_theme', $before->get( 'Name' ), $before );
	update_option( 'bbws_theme', $theme, false );
	$changed[] = 'theme';
}

global $wp_rewrite;
if ( array_intersect( array( 'plugins', 'theme' ), $changed ) ) {
	$wp_rewrite->flush_rules( false );
}
if ( get_option( 'permalink_structure' ) !== $settings['permalinks'] ) {
	$wp_rewrite->set_permalink_structure( $settings['permalinks'] );
	$wp_rewrite->flush_rules( false );
	$changed[] = 'permalinks';
}

// `home` and `siteurl` are set behind WordPress's back.
if ( $changed ) {
	do_action( 'bbws_content_changed' );
}

echo "\n", wp_json_encode(
	array(
		'changed'            => array_values( array_unique( $changed ) ),
		'locale_unavailable' => $locale_unavailable,
	)
), "\n";
