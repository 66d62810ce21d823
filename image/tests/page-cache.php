<?php
// Tests of the page cache's must-use plugin, with the few functions of WordPress that it asks replaced. Run inside the image:
// `docker run --rm -i --entrypoint php bbws/wordpress:TAG < image/tests/page-cache.php`. The last line says how many passed.

namespace {
	define( 'ABSPATH', '/srv/wordpress/' );
	class WP_Post {
		public string $post_status = 'publish';
		public string $post_type   = 'post';
	}
	class WP_Comment {
		public string $comment_approved = '1';
	}
	$hooks = array();
	$world = array();
	function add_action( $hook, $call, $priority = 10, $arguments = 1 ) {
		$GLOBALS['hooks'][ $hook ][] = array( $call, $arguments );
	}
	function has_action( $hook ) {
		return isset( $GLOBALS['hooks'][ $hook ] );
	}
	function did_action( $hook ) {
		return $GLOBALS['world']['front'] ?? true;
	}
	function is_user_logged_in() {
		return $GLOBALS['world']['user'] ?? false;
	}
	function is_preview() {
		return $GLOBALS['world']['preview'] ?? false;
	}
	function is_customize_preview() {
		return false;
	}
	function wp_doing_cron() {
		return $GLOBALS['world']['cron'] ?? false;
	}
	function get_post( $post ) {
		return $post;
	}
	function get_comment( $comment ) {
		return $comment;
	}
	require '/srv/wordpress/wp-content/mu-plugins/bbws-page-cache.php';

	$passed = 0;
	function check( string $what, $found, $wanted ) {
		if ( $found !== $wanted ) {
			echo "$what: ", var_export( $found, true ), ', not ', var_export( $wanted, true ), "\n";
			exit( 1 );
		}
		++$GLOBALS['passed'];
	}
	function kept( array $world = array(), $status = 200, array $headers = array(), string $method = 'GET' ): int {
		$GLOBALS['world']          = $world;
		$_SERVER['REQUEST_METHOD'] = $method;
		return Bbws\PageCache\kept_for( $status, $headers );
	}
	/** Whether an event empties the cache. */
	function purges( string $hook, array $world, ...$arguments ): bool {
		$GLOBALS['world'] = $world;
		unset( $GLOBALS['hooks']['shutdown'] );
		foreach ( $GLOBALS['hooks'][ $hook ] as list( $call, $count ) ) {
			$call( ...array_slice( $arguments, 0, $count ) );
		}
		return has_action( 'shutdown' );
	}

	check( 'a page', kept(), 600 );
	check( 'HEAD', kept( array(), 200, array(), 'HEAD' ), 600 );
	check( 'a form that was sent', kept( array(), 200, array(), 'POST' ), 0 );
	check( 'a user', kept( array( 'user' => true ) ), 0 );
	check( 'a preview', kept( array( 'preview' => true ) ), 0 );
	check( 'the administration', kept( array( 'front' => false ) ), 0 );
	check( 'a permanent redirect', kept( array(), 301 ), 600 );
	check( 'a temporary redirect', kept( array(), 302 ), 0 );
	check( 'an error', kept( array(), 500 ), 0 );
	check( 'a missing page', kept( array(), 404, array( 'Cache-Control: no-cache, no-store, private' ) ), 60 );
	check( 'a cookie', kept( array(), 200, array( 'set-cookie: a=b' ) ), 0 );
	check( 'a cookie with a missing page', kept( array(), 404, array( 'Set-Cookie: a=b' ) ), 0 );
	foreach ( array( 'private', 'no-store', 'no-cache', 'max-age=0', 'public, max-age=0' ) as $control ) {
		check( $control, kept( array(), 200, array( "Cache-Control: $control" ) ), 0 );
	}
	check( 'what may be kept', kept( array(), 200, array( 'Cache-Control: public, max-age=60', 'X-A: private' ) ), 600 );

	$post         = new WP_Post();
	$hidden       = new WP_Post();
	$hidden->post_type = 'oembed_cache';
	$draft        = new WP_Post();
	$draft->post_status = 'draft';
	$waiting      = new WP_Comment();
	$waiting->comment_approved = '0';
	$user         = array( 'user' => true );
	check( 'publishing', purges( 'transition_post_status', array(), 'publish', 'draft', $post ), true );
	check( 'trashing', purges( 'transition_post_status', array(), 'trash', 'publish', $post ), true );
	check( 'a draft', purges( 'transition_post_status', array(), 'draft', 'auto-draft', $draft ), false );
	check( 'a kept embed', purges( 'transition_post_status', array(), 'publish', 'new', $hidden ), false );
	check( 'deleting', purges( 'deleted_post', array(), 1, $post ), true );
	check( 'deleting a draft', purges( 'deleted_post', array(), 1, $draft ), false );
	check( 'approving', purges( 'transition_comment_status', array(), 'approved', 'unapproved' ), true );
	check( 'spam', purges( 'transition_comment_status', array(), 'spam', 'unapproved' ), false );
	check( 'a comment', purges( 'wp_insert_comment', array(), 1, new WP_Comment() ), true );
	check( 'a comment that waits', purges( 'wp_insert_comment', array(), 1, $waiting ), false );
	check( 'editing a comment that waits', purges( 'edit_comment', array(), $waiting ), false );
	check( 'an option', purges( 'updated_option', $user, 'blogname' ), true );
	check( "a plugin's note of a visit", purges( 'updated_option', array(), 'blogname' ), false );
	check( 'an option of scheduled work', purges( 'updated_option', $user + array( 'cron' => true ), 'stats' ), false );
	foreach ( array( '_transient_x', '_site_transient_x', 'cron', 'rewrite_rules', 'bbws_content_generation' ) as $option ) {
		check( $option, purges( 'updated_option', $user, $option ), false );
	}
	check( 'a picture', purges( 'updated_post_meta', $user, 1, $post, '_thumbnail_id' ), true );
	check( 'a lock', purges( 'updated_post_meta', $user, 1, $post, '_edit_lock' ), false );
	check( 'a counter of visits', purges( 'updated_post_meta', array(), 1, $post, 'views' ), false );
	foreach ( array( 'saved_term', 'wp_update_nav_menu', 'switch_theme', 'profile_update', 'bbws_content_changed' ) as $hook ) {
		check( $hook, purges( $hook, array(), 1 ), true );
	}

	// Emptying deletes this task's pages and leaves a generation.
	class Recorder {
		public string $options = 'wp_options';
		public array $queries  = array();
		public function prepare( ...$arguments ) {
			return $arguments;
		}
		public function query( $query ) {
			$this->queries[] = $query;
		}
	}
	$wpdb = new Recorder();
	@mkdir( Bbws\PageCache\FOLDER . '/t', 0700, true );
	file_put_contents( Bbws\PageCache\FOLDER . '/t/page', 'old' );
	Bbws\PageCache\purge();
	check( 'the old page', file_exists( Bbws\PageCache\FOLDER . '/t/page' ), false );
	check( 'the generation', count( $wpdb->queries ), 1 );
	check( 'its option', $wpdb->queries[0][1], 'bbws_content_generation' );
	rmdir( Bbws\PageCache\FOLDER . '/t' );

	define( 'DONOTCACHEPAGE', true );
	check( "a plugin's wish", kept(), 0 );
	echo "$passed passed\n";
}
