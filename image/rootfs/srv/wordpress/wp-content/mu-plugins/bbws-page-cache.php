<?php
/**
 * Plugin Name: bbws page cache
 * Description: Says which pages the web server may keep for anonymous visitors, and empties its cache when content changes.
 *
 * Each task of a site keeps pages of its own. A change empties the cache of the task that makes it before that answers, and
 * leaves a new generation in the database, by which `site-job` in the other tasks sees within a second that theirs is old.
 * Plugins that know of a change which is missing here call do_action( 'bbws_content_changed' ); one that wants a page kept
 * from the cache defines DONOTCACHEPAGE, as with other page caches.
 *
 * @package bbws
 */

namespace Bbws\PageCache;

defined( 'ABSPATH' ) || exit;

/** Where nginx keeps pages: fastcgi_cache_path. */
const FOLDER = '/tmp/bbws-pages';
/** The option that holds the generation; `site-job` reads it, and WordPress with the options that it loads for every request. */
const OPTION = 'bbws_content_generation';
/** How long a page is kept, in seconds. Nonces in it must outlive that; they live for 12 hours at least. */
const KEPT = 600;
/** The same for the answer that there is no such page. */
const KEPT_MISSING = 60;

/** Post types whose posts nobody sees as such; some are written while a page is made. */
const HIDDEN_TYPES = array( 'revision', 'oembed_cache', 'customize_changeset', 'user_request', 'scheduled-action' );
/** Options and post metadata that WordPress writes for itself. */
const HIDDEN_KEYS = '/^(?:_transient_|_site_transient_|_edit_|_wp_|_encloseme|_pingme|cron$|rewrite_rules$|recently_|auto_updater|auto_core|core_updater|user_count$|can_compress_scripts$|action_scheduler_|bbws_|db_upgraded$|fresh_site$|https_detection_errors$|uninstall_plugins$|nonce_|auth_|logged_in_|secure_auth_)/';

if ( 'cli' !== PHP_SAPI ) {
	header_register_callback( __NAMESPACE__ . '\\mark' );
}

/** Tells nginx, just before the headers go out, for how long it may keep the answer. It keeps none without that. */
function mark(): void {
	$seconds = kept_for( http_response_code(), headers_list() );
	header( "X-Accel-Expires: $seconds" );
	if ( $seconds > 0 ) {
		// Nobody on the way may keep it longer than the page cache, which alone learns of changes.
		header( 'Cache-Control: no-cache' );
		header_remove( 'Expires' );
		header_remove( 'Pragma' );
	}
}

/**
 * Seconds for which an answer to this request may be shown to everybody; 0 if not at all.
 *
 * @param int|false $status  HTTP status.
 * @param string[]  $headers As headers_list() gives them.
 */
function kept_for( $status, array $headers ): int {
	$safe = in_array( $_SERVER['REQUEST_METHOD'] ?? '', array( 'GET', 'HEAD' ), true );
	if ( ! $safe || ! did_action( 'template_redirect' ) || is_user_logged_in() || is_preview() || is_customize_preview() ) {
		return 0;
	}
	if ( ( defined( 'DONOTCACHEPAGE' ) && DONOTCACHEPAGE ) || ! in_array( $status, array( 200, 301, 404 ), true ) ) {
		return 0;
	}
	foreach ( $headers as $header ) {
		// WordPress forbids everybody to keep a 404; for a minute it does no harm.
		if ( preg_match( '/^Set-Cookie:/i', $header )
			|| ( 404 !== $status && preg_match( '/^Cache-Control:.*(?:private|no-store|no-cache|max-age=0)/i', $header ) ) ) {
			return 0;
		}
	}
	return 404 === $status ? KEPT_MISSING : KEPT;
}

/** Remembers to empty the cache when this request or command ends, once however much it changes. */
function changed(): void {
	if ( ! has_action( 'shutdown', __NAMESPACE__ . '\\purge' ) ) {
		add_action( 'shutdown', __NAMESPACE__ . '\\purge', PHP_INT_MAX );
	}
}

/** Leaves a new generation in the database, then deletes this task's pages: nginx takes a missing file for a miss. */
function purge(): void {
	global $wpdb;
	$generation = bin2hex( random_bytes( 8 ) );
	$wpdb->query(
		$wpdb->prepare(
			"INSERT INTO $wpdb->options (option_name, option_value, autoload) VALUES (%s, %s, 'on') ON DUPLICATE KEY UPDATE option_value = %s, autoload = 'on'",
			OPTION,
			$generation,
			$generation
		)
	);
	foreach ( glob( FOLDER . '/*/*' ) ?: array() as $file ) {
		// Another request, or nginx, may have been faster.
		@unlink( $file );
	}
}

/** Whether somebody is at work, and not a visitor's request or a scheduled one that keeps notes of its own. */
function by_hand(): bool {
	return ! wp_doing_cron() && ( ( defined( 'WP_CLI' ) && WP_CLI ) || ( function_exists( 'is_user_logged_in' ) && is_user_logged_in() ) );
}

function post_shows( $post ): bool {
	return $post instanceof \WP_Post && 'publish' === $post->post_status && ! in_array( $post->post_type, HIDDEN_TYPES, true );
}

add_action( 'bbws_content_changed', __NAMESPACE__ . '\\changed', 10, 0 );

add_action(
	'transition_post_status',
	static function ( $to, $from, $post ): void {
		if ( in_array( 'publish', array( $to, $from ), true ) && ! in_array( $post->post_type, HIDDEN_TYPES, true ) ) {
			changed();
		}
	},
	10,
	3
);
add_action(
	'deleted_post',
	static function ( $id, $post ): void {
		if ( post_shows( $post ) ) {
			changed();
		}
	},
	10,
	2
);
foreach ( array( 'edit_attachment', 'delete_attachment' ) as $hook ) {
	add_action( $hook, __NAMESPACE__ . '\\changed', 10, 0 );
}
foreach ( array( 'added_post_meta', 'updated_post_meta', 'deleted_post_meta' ) as $hook ) {
	add_action(
		$hook,
		static function ( $id, $post, $key ): void {
			if ( by_hand() && ! preg_match( HIDDEN_KEYS, (string) $key ) && post_shows( get_post( $post ) ) ) {
				changed();
			}
		},
		10,
		3
	);
}

add_action(
	'transition_comment_status',
	static function ( $to, $from ): void {
		if ( in_array( 'approved', array( $to, $from ), true ) ) {
			changed();
		}
	},
	10,
	2
);
add_action(
	'wp_insert_comment',
	static function ( $id, $comment ): void {
		if ( '1' === (string) $comment->comment_approved ) {
			changed();
		}
	},
	10,
	2
);
foreach ( array( 'edit_comment', 'deleted_comment' ) as $hook ) {
	add_action(
		$hook,
		static function ( $id, $comment = null ): void {
			$comment = $comment instanceof \WP_Comment ? $comment : get_comment( $id );
			if ( ! $comment || '1' === (string) $comment->comment_approved ) {
				changed();
			}
		},
		10,
		2
	);
}

// Terms, menus, themes, and what is known of authors.
foreach ( array( 'saved_term', 'delete_term', 'wp_update_nav_menu', 'wp_delete_nav_menu', 'switch_theme', 'customize_save_after', 'profile_update', 'deleted_user', 'activated_plugin', 'deactivated_plugin' ) as $hook ) {
	add_action( $hook, __NAMESPACE__ . '\\changed', 10, 0 );
}
foreach ( array( 'added_option', 'updated_option', 'deleted_option' ) as $hook ) {
	add_action(
		$hook,
		static function ( $option ): void {
			if ( by_hand() && ! preg_match( HIDDEN_KEYS, (string) $option ) ) {
				changed();
			}
		}
	);
}
