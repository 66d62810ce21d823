<?php
/**
 * Plugin Name: bbws platform
 * Description: Tells WordPress what the platform does for it: code is updated with the image, pages are cached by the web server.
 *
 * @package bbws
 */

namespace Bbws\Platform;

defined( 'ABSPATH' ) || exit;

/** Where this container's web server listens. */
const INSIDE = 'http://127.0.0.1:8080';

// Site Health would otherwise call it an error that WordPress cannot update itself.
add_filter(
	'site_status_tests',
	static function ( array $tests ): array {
		unset( $tests['async']['background_updates'], $tests['direct']['plugin_theme_auto_updates'], $tests['direct']['update_temp_backup_writable'], $tests['direct']['available_updates_disk_space'] );
		return $tests;
	}
);
add_filter(
	'site_status_page_cache_supported_cache_headers',
	static function ( array $headers ): array {
		$headers['x-bbws-cache'] = static fn ( $value ): bool => in_array( $value, array( 'HIT', 'STALE', 'UPDATING' ), true );
		return $headers;
	}
);

// What the site asks of itself (Site Health, the editor, plugins' background work) stays inside the container, which may not
// reach its own public address at all.
add_filter(
	'pre_http_request',
	static function ( $answer, array $arguments, string $url ) {
		$own   = wp_parse_url( WP_HOME );
		$asked = wp_parse_url( $url );
		$same  = isset( $asked['host'] ) && 0 === strcasecmp( $asked['host'], $own['host'] ) && ( $asked['port'] ?? null ) === ( $own['port'] ?? null );
		if ( false !== $answer || ! $same || str_starts_with( $url, INSIDE ) ) {
			return $answer;
		}
		$arguments['headers']['Host']      = $own['host'];
		$arguments['reject_unsafe_urls']   = false;
		$arguments['sslverify']            = false;
		$path                              = ( $asked['path'] ?? '/' ) . ( isset( $asked['query'] ) ? '?' . $asked['query'] : '' );
		return wp_remote_request( INSIDE . $path, $arguments );
	},
	10,
	3
);

// WordPress reads the folder of language packs for every page, and there are over a thousand. They come with the image, so
// the list is good for as long as the task runs.
add_filter(
	'pre_get_language_files_from_path',
	static function ( $files, string $path ) {
		if ( null !== $files || ! str_starts_with( $path, WP_LANG_DIR . '/' ) || ! apcu_enabled() ) {
			return $files;
		}
		$list = static fn () => array_merge( glob( $path . '*.mo' ) ?: array(), glob( $path . '*.l10n.php' ) ?: array() );
		return apcu_entry( 'bbws-languages:' . $path, $list );
	},
	10,
	2
);

// WordPress looks 300 times a page for a block's style sheet in the list of all of them, of which it asks for a quarter: those
// in the form and direction that it serves. They too are the image's own.
add_filter(
	'pre_transient_wp_core_block_css_files',
	static function ( $kept ) {
		if ( false !== $kept || ! apcu_enabled() ) {
			return $kept;
		}
		$ending = wp_scripts_get_suffix() . '.css';
		$rtl    = is_rtl();
		$list   = static function () use ( $ending, $rtl ): array {
			$names = array_map( static fn ( $path ) => substr( $path, strlen( BLOCKS_PATH ) ), glob( BLOCKS_PATH . '*/*' . $ending ) ?: array() );
			return array_values( array_filter( $names, static fn ( $name ) => $rtl || ! str_ends_with( $name, '-rtl' . $ending ) ) );
		};
		return array(
			'version' => wp_get_wp_version(),
			'files'   => apcu_entry( 'bbws-block-styles:' . ( $rtl ? 'rtl' : 'ltr' ) . $ending, $list ),
		);
	}
);
