<?php
/**
 * Plugin Name: bbws object cache
 * Description: Keeps what WordPress works out for anonymous views between requests, under the same rules as pages.
 *
 * A view that is not in the page cache still finds what earlier views read and computed: posts, terms, queries, the theme's
 * templates and styles. It lies in APCu, so in this task alone, under the content generation that the page cache leaves in
 * the database with every change. WordPress reads that with its options at the start of each request; with another
 * generation nothing of before is found again.
 *
 * Only anonymous views take part (nginx says which). Whoever is logged in, shops, sends a form or calls the API works on the
 * database alone, and so do scheduled work and WP-CLI. Metadata, options and users are never kept: a view that counts itself
 * in a post's metadata must not count on from an old value. Transients stay in the database.
 *
 * @package bbws
 */

namespace Bbws\ObjectCache;

defined( 'ABSPATH' ) || exit;

/** What is kept; beside these, which post has which terms. */
const GROUPS = array( 'posts', 'terms', 'post-queries', 'term-queries', 'users', 'bbws-options' );
/** What is worked out of the theme's files too, in one language. */
const COMPUTED = array( 'theme_json', 'bbws' );
/** Options that WordPress asks the database for in each view of a site that does not have them. */
const ABSENT = array( 'WPLANG', 'can_compress_scripts', 'site_logo', 'theme_switched' );
/** Seconds, as long as the page cache keeps a page: what a plugin changes behind WordPress's back is seen after that. */
const KEPT = 600;

/** WordPress's own cache of a request, which looks at what is kept before it says that it has nothing. */
final class Kept extends \WP_Object_Cache {
	private string $generation;

	public function __construct( string $generation, \WP_Object_Cache $request ) {
		parent::__construct();
		$this->generation = $generation;
		// Private to WordPress's class, which lets it be read and written all the same.
		$this->cache = $request->cache;
	}

	public function get( $key, $group = 'default', $force = false, &$found = null ) {
		$value = parent::get( $key, $group, $force, $found );
		if ( $found || ! self::keeps( $group ) ) {
			return $value;
		}
		$value = apcu_fetch( $this->name( $key, $group ), $found );
		if ( $found ) {
			parent::set( $key, $value, $group );
		}
		return $value;
	}

	public function set( $key, $data, $group = 'default', $expire = 0 ) {
		$set = parent::set( $key, $data, $group, $expire );
		if ( $set && self::keeps( $group ) ) {
			apcu_store( $this->name( $key, $group ), $data, $expire > 0 ? min( $expire, KEPT ) : KEPT );
		}
		return $set;
	}

	public function delete( $key, $group = 'default', $deprecated = false ) {
		if ( self::keeps( $group ) ) {
			apcu_delete( $this->name( $key, $group ) );
		}
		return parent::delete( $key, $group, $deprecated );
	}

	private static function keeps( $group ): bool {
		return in_array( $group, GROUPS, true ) || in_array( $group, COMPUTED, true ) || str_ends_with( (string) $group, '_relationships' );
	}

	/** Plugins choose a language or another theme by the request. */
	private function name( $key, $group ): string {
		$of = in_array( $group, COMPUTED, true ) ? get_locale() . ':' . get_stylesheet() : '';
		return "bbws:$this->generation:$of:$group:$key";
	}
}

/**
 * What WordPress made of the theme's, the blocks' and the site's styles: a fifth of a view's work, and the same in each. WordPress
 * holds it for one request in properties that only a subclass reaches, and makes it anew itself when further blocks are
 * registered.
 */
final class Styles extends \WP_Theme_JSON_Resolver {
	private const NAMES = array( 'blocks_cache', 'core', 'blocks', 'theme', 'user' );

	/** Puts back what an earlier view made; without it, this view's is kept when it ends. */
	public static function begin(): void {
		$kept = wp_cache_get( 'styles', 'bbws' );
		if ( ! is_array( $kept ) ) {
			add_action( 'shutdown', array( self::class, 'keep' ) );
		} elseif ( null === static::$theme ) {
			foreach ( self::NAMES as $name ) {
				static::$$name = $kept[ $name ];
			}
			Blocks::begin( $kept['metadata'] );
			// WordPress does this when it reads the theme.
			wp_register_block_style_variations_from_theme_json_partials( $kept['variations'] );
		}
	}

	public static function keep(): void {
		if ( null === static::$core || null === static::$blocks || null === static::$theme || null === static::$user ) {
			return;
		}
		$kept = array(
			'metadata'   => Blocks::metadata(),
			'variations' => array(),
		);
		foreach ( self::NAMES as $name ) {
			$kept[ $name ] = static::$$name;
		}
		foreach ( static::get_style_variations( 'block' ) as $variation ) {
			$kept['variations'][] = array( 'styles' => ! empty( $variation['styles'] ) ) + array_intersect_key( $variation, array_flip( array( 'slug', 'title', 'blockTypes' ) ) );
		}
		wp_cache_set( 'styles', $kept, 'bbws' );
	}
}

/** The same for what WordPress knows of each block's selectors. */
final class Blocks extends \WP_Theme_JSON {
	public static function begin( array $metadata ): void {
		static::$blocks_metadata = $metadata;
	}

	public static function metadata(): array {
		return static::$blocks_metadata;
	}
}

/** Tells WordPress which of the options in ABSENT are not there; without knowing, keeps that when the view ends. */
function absent(): void {
	$kept = wp_cache_get( 'absent', 'bbws-options' );
	if ( is_array( $kept ) ) {
		wp_cache_set( 'notoptions', $kept + ( wp_cache_get( 'notoptions', 'options' ) ?: array() ), 'options' );
		return;
	}
	add_action(
		'shutdown',
		static function (): void {
			$absent = array_intersect_key( wp_cache_get( 'notoptions', 'options' ) ?: array(), array_flip( ABSENT ) );
			wp_cache_set( 'absent', $absent, 'bbws-options' );
		}
	);
}

/** The templates that a page is made of, with the theme's files read and the blocks in them completed. */
function templates( $templates, $query, $type ) {
	static $inside = false;
	if ( null !== $templates || $inside ) {
		return $templates;
	}
	$key   = 'templates:' . md5( serialize( array( $query, $type ) ) );
	$found = false;
	$kept  = wp_cache_get( $key, 'bbws', false, $found );
	if ( $found ) {
		return $kept;
	}
	$inside    = true;
	$templates = get_block_templates( $query, $type );
	$inside    = false;
	wp_cache_set( $key, $templates, 'bbws' );
	return $templates;
}

function begin(): void {
	$generation = wp_load_alloptions()['bbws_content_generation'] ?? '';
	if ( '1' !== ( $_SERVER['BBWS_VIEW'] ?? '' ) || '' === $generation || ! apcu_enabled() ) {
		return;
	}
	$GLOBALS['wp_object_cache'] = new Kept( $generation, $GLOBALS['wp_object_cache'] );
	absent();
	add_action( 'wp_loaded', array( Styles::class, 'begin' ) );
	add_filter( 'pre_get_block_templates', __NAMESPACE__ . '\\templates', PHP_INT_MAX, 3 );
}

begin();
