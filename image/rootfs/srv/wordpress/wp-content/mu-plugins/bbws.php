<?php
/**
 * Plugin Name: bbws platform
 * Description: Tells WordPress what the platform does for it: code is updated with the image, not from the site.
 *
 * @package bbws
 */

defined( 'ABSPATH' ) || exit;

// Site Health would otherwise call it an error that WordPress cannot update itself.
add_filter(
	'site_status_tests',
	static function ( array $tests ): array {
		unset( $tests['async']['background_updates'], $tests['direct']['plugin_theme_auto_updates'], $tests['direct']['update_temp_backup_writable'], $tests['direct']['available_updates_disk_space'] );
		return $tests;
	}
);

