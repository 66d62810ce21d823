<?php
// Tests of the object cache's must-use plugin, on WordPress's own cache of a request; APCu and the rest of WordPress are
// replaced. Run inside the image: `docker run --rm -i --entrypoint php bbws/wordpress:TAG < image/tests/object-cache.php`.
// The last line says how many passed.

namespace {
	define( 'ABSPATH', '/srv/wordpress/' );
	$apcu     = array();
	$hooks    = array();
	$language = 'en_US';
	class WP_Theme_JSON_Resolver {
		protected static $blocks_cache = array();
		protected static $core;
		protected static $blocks;
		protected static $theme;
		protected static $user;
		public static function work(): void {
			static::$core   = 'core';
			static::$blocks = 'blocks';
			static::$theme  = 'theme';
			static::$user   = 'user';
		}
		public static function forget(): void {
			static::$core = static::$blocks = static::$theme = static::$user = null;
		}
		public static function theme() {
			return static::$theme;
		}
		public static function get_style_variations( $scope ) {
			return array( array( 'slug' => 'plain', 'title' => 'Plain', 'blockTypes' => array( 'core/group' ), 'styles' => array( 'long' ), 'settings' => array( 'long' ) ) );
		}
	}
	class WP_Duotone {
		private static $global_styles_block_names;
		public static function names( $worked_out = null ) {
			return self::$global_styles_block_names ??= $worked_out;
		}
		public static function forget(): void {
			self::$global_styles_block_names = null;
		}
	}
	class WP_Theme_JSON {
		protected static $blocks_metadata = array();
	}
	function is_multisite() {
		return false;
	}
	function wp_suspend_cache_addition() {
		return false;
	}
	function get_locale() {
		return $GLOBALS['language'];
	}
	function get_stylesheet() {
		return 'plain';
	}
	/** WordPress's styles of a page, as far as the plugin needs them. */
	final class Sheets {
		public array $registered = array();
		public function __construct( public array $queue ) {}
		public function add_data( $handle, $key, $value ) {
			$this->registered[ $handle ]->extra[ $key ] = $value;
		}
	}
	function wp_styles() {
		return $GLOBALS['styles'];
	}
	function wp_register_style( $handle ) {
		wp_styles()->registered[ $handle ] ??= (object) array( 'extra' => array() );
	}
	function wp_enqueue_style( $handle ) {
		wp_styles()->queue[] = $handle;
	}
	function wp_enqueue_global_styles() {
		++$GLOBALS['made'];
		wp_register_style( 'global-styles' );
		wp_styles()->add_data( 'global-styles', 'after', array( 'sheet ' . $GLOBALS['made'], wp_get_custom_css() ) );
		wp_enqueue_style( 'global-styles' );
		foreach ( $GLOBALS['besides'] as $handle ) {
			wp_enqueue_style( $handle );
		}
	}
	function wp_is_block_theme() {
		return $GLOBALS['block_theme'];
	}
	function wp_get_custom_css() {
		return $GLOBALS['by_hand'];
	}
	function remove_action( $hook, $call ) {
		$GLOBALS['removed'] = "$hook $call";
	}
	function get_stylesheet_directory() {
		return '/themes/child';
	}
	function get_template_directory() {
		return '/themes/parent';
	}
	function add_action( $hook, $call ) {
		$GLOBALS['hooks'][ $hook ][] = $call;
	}
	function add_filter( $hook, $call ) {
		$GLOBALS['hooks'][ $hook ][] = $call;
	}
	function wp_load_alloptions() {
		return $GLOBALS['options'];
	}
	function wp_cache_get( $key, $group = '', $force = false, &$found = null ) {
		return $GLOBALS['wp_object_cache']->get( $key, $group, $force, $found );
	}
	function wp_cache_set( $key, $value, $group = '' ) {
		return $GLOBALS['wp_object_cache']->set( $key, $value, $group );
	}
	function wp_register_block_style_variations_from_theme_json_partials( $variations ) {
		$GLOBALS['registered'] = $variations;
	}
	function get_block_templates( $query, $type ) {
		++$GLOBALS['computed'];
		$templates = run( 'pre_get_block_templates', null, $query, $type );
		return $templates ?? array( 'made' );
	}
	/** What the filters make of the first argument; nothing is no answer of theirs. */
	function run( $hook, ...$arguments ) {
		foreach ( $GLOBALS['hooks'][ $hook ] ?? array() as $call ) {
			$answer = $call( ...$arguments );
		}
		return $answer ?? null;
	}
	require '/srv/wordpress/wp-includes/class-wp-object-cache.php';
}

namespace Bbws\ObjectCache {
	function apcu_enabled() {
		return $GLOBALS['apcu_enabled'] ?? true;
	}
	function apcu_fetch( $key, &$found ) {
		$found = isset( $GLOBALS['apcu'][ $key ] );
		return $found ? $GLOBALS['apcu'][ $key ] : false;
	}
	function apcu_store( $key, $value, $seconds ) {
		$GLOBALS['apcu'][ $key ] = $value;
		$GLOBALS['seconds']      = $seconds;
	}
	function apcu_delete( $key ) {
		unset( $GLOBALS['apcu'][ $key ] );
	}
}

namespace {
	$passed = 0;
	function check( string $what, $is, $expected ): void {
		if ( $is !== $expected ) {
			echo "$what: ", var_export( $is, true ), ', not ', var_export( $expected, true ), "\n";
			exit( 1 );
		}
		++$GLOBALS['passed'];
	}
	/** A new request. The plugin's classes are there after the first; what it does with them is its last part. */
	function request( string $generation, string $view = '1' ): void {
		$GLOBALS['hooks']           = array();
		$GLOBALS['options']         = array( 'bbws_content_generation' => $generation );
		$GLOBALS['wp_object_cache'] = new WP_Object_Cache();
		$GLOBALS['wp_object_cache']->set( 'alloptions', 'as read', 'options' );
		$_SERVER['BBWS_VIEW'] = $view;
		WP_Theme_JSON_Resolver::forget();
		WP_Duotone::forget();
		Bbws\ObjectCache\begin();
	}
	function ends(): void {
		run( 'shutdown' );
	}

	$_SERVER['BBWS_VIEW'] = '';
	$options              = array();
	$wp_object_cache      = new WP_Object_Cache();
	require '/srv/wordpress/wp-content/mu-plugins/bbws-object-cache.php';

	request( 'one' );
	check( 'what was read before', wp_cache_get( 'alloptions', 'options' ), 'as read' );
	check( 'nothing is kept yet', wp_cache_get( 7, 'posts' ), false );
	foreach ( array( 'posts', 'terms', 'category_relationships', 'post-queries', 'theme_json', 'options', 'post_meta', 'user_meta', 'comment', 'default' ) as $group ) {
		wp_cache_set( 7, "seven of $group", $group );
	}
	request( 'one' );
	foreach ( array( 'posts', 'terms', 'category_relationships', 'post-queries', 'theme_json' ) as $group ) {
		check( "kept: $group", wp_cache_get( 7, $group ), "seven of $group" );
	}
	foreach ( array( 'options', 'post_meta', 'user_meta', 'comment', 'default' ) as $group ) {
		check( "not kept: $group", wp_cache_get( 7, $group ), false );
	}
	check( 'for as long as a page', $seconds, 600 );

	request( 'one', '' );
	check( 'not for whoever is logged in', wp_cache_get( 7, 'posts' ), false );
	wp_cache_set( 8, 'a draft', 'posts' );
	request( 'one' );
	check( 'nor from them', wp_cache_get( 8, 'posts' ), false );
	request( 'two' );
	check( 'not after a change', wp_cache_get( 7, 'posts' ), false );
	request( '' );
	check( 'not without a generation', get_class( $wp_object_cache ), 'WP_Object_Cache' );
	$apcu_enabled = false;
	request( 'one' );
	check( 'not without APCu', get_class( $wp_object_cache ), 'WP_Object_Cache' );
	$apcu_enabled = true;

	request( 'one' );
	$language = 'de_DE';
	check( 'another language has its own styles', wp_cache_get( 7, 'theme_json' ), false );
	check( 'and the same posts', wp_cache_get( 7, 'posts' ), 'seven of posts' );
	$language = 'en_US';
	$wp_object_cache->delete( 7, 'posts' );
	request( 'one' );
	check( 'what is deleted is gone', wp_cache_get( 7, 'posts' ), false );
	$post        = new stdClass();
	$post->title = 'kept';
	wp_cache_set( 9, $post, 'posts' );
	request( 'one' );
	wp_cache_get( 9, 'posts' )->title = 'changed by a plugin';
	check( 'an object is nobody else\'s', wp_cache_get( 9, 'posts' )->title, 'kept' );

	// Which options are not there is known from the second view on, and of WordPress's own alone.
	request( 'three' );
	wp_cache_set( 'notoptions', array( 'site_logo' => true, 'a_plugins_counter' => true ), 'options' );
	ends();
	request( 'three' );
	check( 'absent options', wp_cache_get( 'notoptions', 'options' ), array( 'site_logo' => true ) );

	// Templates are worked out once.
	$computed = 0;
	request( 'four' );
	check( 'templates', run( 'pre_get_block_templates', null, array( 'slug__in' => array( 'home' ) ), 'wp_template' ), array( 'made' ) );
	request( 'four' );
	check( 'the same templates', run( 'pre_get_block_templates', null, array( 'slug__in' => array( 'home' ) ), 'wp_template' ), array( 'made' ) );
	check( 'worked out once', $computed, 1 );
	check( 'a plugin knows better', run( 'pre_get_block_templates', array( 'its own' ), array(), 'wp_template' ), array( 'its own' ) );

	// Styles too.
	request( 'five' );
	run( 'wp_loaded' );
	ends();
	request( 'five' );
	run( 'wp_loaded' );
	check( 'a view that asked for no styles leaves none', WP_Theme_JSON_Resolver::theme(), null );
	WP_Theme_JSON_Resolver::work();
	WP_Duotone::names( array( 'core/image' => 'blue' ) );
	ends();
	request( 'five' );
	run( 'wp_loaded' );
	check( 'the theme\'s styles', WP_Theme_JSON_Resolver::theme(), 'theme' );
	check( 'what they tint', WP_Duotone::names(), array( 'core/image' => 'blue' ) );
	check( 'its variations are registered', $registered, array( array( 'styles' => true, 'slug' => 'plain', 'title' => 'Plain', 'blockTypes' => array( 'core/group' ) ) ) );

	// So is the style sheet of a page's blocks.
	$block_theme = true;
	$by_hand     = '';
	$besides     = array();
	$made        = 0;
	/** What a new page with these blocks gets from whatever stands under the maker's name. */
	function sheet( string ...$blocks ): array {
		request( 'six' );
		$GLOBALS['styles']    = new Sheets( $blocks );
		$GLOBALS['removed']   = '';
		$GLOBALS['wp_filter'] = array(
			'wp_enqueue_scripts' => (object) array(
				'callbacks' => array( 10 => array( 'wp_enqueue_global_styles' => array( 'function' => 'wp_enqueue_global_styles' ) ) ),
			),
		);
		run( 'wp_loaded' );
		$GLOBALS['wp_filter']['wp_enqueue_scripts']->callbacks[10]['wp_enqueue_global_styles']['function']();
		return $GLOBALS['styles']->registered['global-styles']->extra['after'];
	}
	check( 'a sheet is made', sheet( 'group', 'list' ), array( 'sheet 1', '' ) );
	check( 'and kept', sheet( 'group', 'list' ), array( 'sheet 1', '' ) );
	check( 'it is the last in the queue', $styles->queue, array( 'group', 'list', 'global-styles' ) );
	check( 'what it holds is not printed again', $removed, 'wp_head wp_custom_css_cb' );
	check( 'its blocks have their styles apart from it', $hooks['wp_theme_json_get_style_nodes'], array( 'wp_filter_out_block_nodes' ) );
	check( 'other blocks have another', sheet( 'group' ), array( 'sheet 2', '' ) );
	$by_hand = 'a {}';
	check( 'and another text by hand', sheet( 'group' ), array( 'sheet 3', 'a {}' ) );
	$by_hand     = '';
	$block_theme = false;
	check( 'a classic theme makes its own', sheet( 'group' ), array( 'sheet 4', '' ) );
	$block_theme = true;
	$besides     = array( 'of a plugin' );
	sheet( 'list' );
	check( 'what does more than that is not kept', sheet( 'list' ), array( 'sheet 6', '' ) );

	// And the headers of the theme's patterns, once they have been read.
	$child = 'site_transient_wp_theme_files_patterns-' . md5( '/themes/child' );
	request( 'seven' );
	run( 'after_setup_theme' );
	check( 'no patterns yet', run( "pre_$child", false ), false );
	run( $child, false );
	check( 'nor after a view that found none', run( "pre_$child", false ), false );
	check( 'they are read', run( $child, array( 'read' ) ), array( 'read' ) );
	request( 'seven' );
	run( 'after_setup_theme' );
	check( 'and kept', run( "pre_$child", false ), array( 'read' ) );
	check( 'a plugin knows better', run( "pre_$child", 'its own' ), 'its own' );
	check( 'the parent has its own', run( 'pre_site_transient_wp_theme_files_patterns-' . md5( '/themes/parent' ), false ), false );
	echo "$passed passed\n";
}
