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
			self::duotone( $kept['duotone'] );
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
			'duotone'    => self::duotone(),
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

	/** Which blocks the styles tint: for that alone WordPress puts them together once more. Private to its class; given names are put there. */
	private static function duotone( ?array $names = null ): ?array {
		return \Closure::bind( static fn () => self::$global_styles_block_names = $names ?? self::$global_styles_block_names, null, \WP_Duotone::class )();
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

/**
 * The style sheet of the site's styles, a tenth of a view's work: it depends on which blocks the page has, which is by then the
 * queue. What WordPress adds to its styles is kept, and only where that is all that it did.
 */
final class Sheet {
	private const HANDLE = 'global-styles';
	private const MAKER  = 'wp_enqueue_global_styles';

	/** Takes the maker's place under its name, so that plugins still find it and can take it away. */
	public static function begin(): void {
		foreach ( $GLOBALS['wp_filter']['wp_enqueue_scripts']->callbacks ?? array() as $priority => $calls ) {
			if ( self::MAKER === ( $calls[ self::MAKER ]['function'] ?? null ) ) {
				$GLOBALS['wp_filter']['wp_enqueue_scripts']->callbacks[ $priority ][ self::MAKER ]['function'] = array( self::class, 'enqueue' );
			}
		}
	}

	public static function enqueue(): void {
		$styles = wp_styles();
		$queue  = $styles->queue;
		// Classic themes print it at the end of the page.
		if ( ! wp_is_block_theme() || isset( $styles->registered[ self::HANDLE ] ) ) {
			wp_enqueue_global_styles();
			return;
		}
		// What was added by hand is part of it; plugins choose that by the page.
		$key  = 'sheet:' . md5( serialize( array( $queue, wp_get_custom_css() ) ) );
		$kept = wp_cache_get( $key, 'bbws' );
		if ( is_array( $kept ) ) {
			add_filter( 'wp_theme_json_get_style_nodes', 'wp_filter_out_block_nodes' );
			remove_action( 'wp_head', 'wp_custom_css_cb', 101 );
			wp_register_style( self::HANDLE, false );
			$styles->add_data( self::HANDLE, 'after', $kept );
			wp_enqueue_style( self::HANDLE );
			return;
		}
		wp_enqueue_global_styles();
		$made = $styles->registered[ self::HANDLE ]->extra ?? array();
		if ( array( 'after' ) === array_keys( $made ) && array( ...$queue, self::HANDLE ) === $styles->queue ) {
			wp_cache_set( $key, $made['after'], 'bbws' );
		}
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

/** What WordPress knows of the theme's patterns: their files' headers, which it reads from a transient in the database. */
function patterns(): void {
	foreach ( array_unique( array( get_stylesheet_directory(), get_template_directory() ) ) as $folder ) {
		$name = 'wp_theme_files_patterns-' . md5( $folder );
		add_filter( "pre_site_transient_$name", static fn ( $kept ) => false === $kept ? wp_cache_get( $name, 'bbws' ) : $kept, PHP_INT_MAX );
		add_filter(
			"site_transient_$name",
			static function ( $read ) use ( $name ) {
				wp_cache_set( $name, $read, 'bbws' );
				return $read;
			},
			PHP_INT_MAX
		);
	}
}

function begin(): void {
	$generation = wp_load_alloptions()['bbws_content_generation'] ?? '';
	if ( '1' !== ( $_SERVER['BBWS_VIEW'] ?? '' ) || '' === $generation || ! apcu_enabled() ) {
		return;
	}
	$GLOBALS['wp_object_cache'] = new Kept( $generation, $GLOBALS['wp_object_cache'] );
	absent();
	add_action( 'after_setup_theme', __NAMESPACE__ . '\\patterns', PHP_INT_MAX, 0 );
	add_action( 'wp_loaded', array( Styles::class, 'begin' ) );
	add_action( 'wp_loaded', array( Sheet::class, 'begin' ) );
	add_filter( 'pre_get_block_templates', __NAMESPACE__ . '\\templates', PHP_INT_MAX, 3 );
}

begin();
