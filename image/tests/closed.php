<?php
// Tests of the must-use plugin that is closed by default, with WordPress's functions replaced. Run as page-cache.php is.

namespace {
	define( 'ABSPATH', '/srv/wordpress/' );
	class WP_Error {
		public function __construct( public string $code = '', public string $message = '', public $data = null ) {}
		public function get_error_codes() {
			return array( $this->code );
		}
	}
	class WP {
		public array $query_vars = array();
	}
	class WP_REST_Request {
		public function __construct( private string $route ) {}
		public function get_route() {
			return $this->route;
		}
	}
	$hooks  = array();
	$user   = false;
	$passed = 0;
	function add_filter( $hook, $call, $priority = 10, $arguments = 1 ) {
		$GLOBALS['hooks'][ $hook ] = $call;
	}
	function add_action( ...$arguments ) {
		add_filter( ...$arguments );
	}
	function remove_action() {}
	function apply_filters( $hook, $value ) {
		return isset( $GLOBALS['hooks'][ $hook ] ) && 'bbws_author_archives' === $hook ? true : $value;
	}
	function is_user_logged_in() {
		return $GLOBALS['user'];
	}
	function is_wp_error( $thing ) {
		return $thing instanceof WP_Error;
	}
	function is_admin() {
		return false;
	}
	function home_url( $path ) {
		return "https://acme.test$path";
	}
	function __( $text ) {
		return $text;
	}
	function check( string $what, $found, $wanted ) {
		if ( $found !== $wanted ) {
			echo "$what: ", var_export( $found, true ), ', not ', var_export( $wanted, true ), "\n";
			exit( 1 );
		}
		++$GLOBALS['passed'];
	}
	require '/srv/wordpress/wp-content/mu-plugins/bbws-closed.php';

	function asked( array $query ): array {
		$request             = new WP();
		$request->query_vars = $query;
		$GLOBALS['hooks']['parse_request']( $request );
		return $request->query_vars;
	}
	$missing = array( 'error' => '404' );
	check( '?author=1', asked( array( 'author' => '1' ) ), $missing );
	check( '/author/acme-admin/', asked( array( 'author_name' => 'acme-admin' ) ), $missing );
	check( 'a post', asked( array( 'p' => '1' ) ), array( 'p' => '1' ) );
	check( "an author's link", $hooks['author_link']( 'https://acme.test/author/acme-admin/' ), 'https://acme.test/' );
	$user = true;
	check( '?author=1 for a user', asked( array( 'author' => '1' ) ), array( 'author' => '1' ) );
	$user = false;

	$dispatch = static fn ( string $route ) => $hooks['rest_pre_dispatch']( null, null, new WP_REST_Request( $route ) );
	foreach ( array( '/wp/v2/users', '/wp/v2/users/1', '/WP/v2/Users' ) as $route ) {
		check( $route, is_wp_error( $dispatch( $route ) ), true );
	}
	check( 'posts', $dispatch( '/wp/v2/posts' ), null );
	check( 'a route that begins alike', $dispatch( '/wp/v2/users-of-mine' ), null );
	$user = true;
	check( 'users for a user', $dispatch( '/wp/v2/users' ), null );

	check( 'an embed', $hooks['oembed_response_data']( array( 'title' => 'x', 'author_name' => 'a', 'author_url' => 'u' ) ), array( 'title' => 'x' ) );
	check( "users' sitemap", $hooks['wp_sitemaps_add_provider']( 'p', 'users' ), false );
	check( "posts' sitemap", $hooks['wp_sitemaps_add_provider']( 'p', 'posts' ), 'p' );
	check( 'X-Pingback', $hooks['wp_headers']( array( 'X-Pingback' => 'u', 'a' => 'b' ) ), array( 'a' => 'b' ) );

	$words = array();
	foreach ( array( 'invalid_username', 'invalid_email', 'incorrect_password' ) as $code ) {
		$answer  = $hooks['authenticate']( new WP_Error( $code, "about $code" ) );
		$words[] = $answer->code . $answer->message;
	}
	check( 'one answer to every wrong login', count( array_unique( $words ) ), 1 );
	check( 'another refusal', $hooks['authenticate']( new WP_Error( 'too_many', 'wait' ) )->message, 'wait' );
	check( 'a right login', $hooks['authenticate']( 'user' ), 'user' );

	add_filter( 'bbws_author_archives', true );
	$user = false;
	check( "authors' archives where wanted", asked( array( 'author_name' => 'a' ) ), array( 'author_name' => 'a' ) );
	echo "$passed passed\n";
}
