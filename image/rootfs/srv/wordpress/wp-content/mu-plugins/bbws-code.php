<?php
/**
 * Plugin Name: bbws code
 * Description: Which plugins are active and which theme is shown is what the site's task was started with, not what the database says.
 *
 * So a task of the version before shows the version before, whatever the next one's activation has written meanwhile.
 *
 * @package bbws
 */

namespace Bbws\Code;

defined( 'ABSPATH' ) || exit;

/** `site-job` writes it when all plugins and themes are in place. */
const SITE = '/srv/code/site.php';

/** Below wp-content, so that WordPress knows their URLs. */
const THEMES = 'site-themes';

$site = is_file( SITE ) ? require SITE : array(
	'plugins' => array(),
	'theme'   => array(),
);

add_filter( 'pre_option_active_plugins', static fn () => $site['plugins'] );
register_theme_directory( THEMES );
foreach ( $site['theme'] as $option => $value ) {
	add_filter( "pre_option_$option", static fn () => $value );
}

// What would change nothing is not offered.
$fixed = array( 'activate_plugin', 'deactivate_plugin', 'deactivate_plugins' );
if ( $site['theme'] ) {
	$fixed[] = 'switch_themes';
}
add_filter(
	'map_meta_cap',
	static fn ( array $needed, string $asked ): array => in_array( $asked, $fixed, true ) ? array( 'do_not_allow' ) : $needed,
	10,
	2
);
add_action(
	'pre_current_active_plugins',
	static function (): void {
		wp_admin_notice( __( 'Plugins are installed, updated and removed in the manifest of this site.', 'bbws' ), array( 'type' => 'info' ) );
	}
);
