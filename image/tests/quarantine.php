<?php
// Tests of the must-use plugin that quarantines, with WordPress's functions replaced. Run as page-cache.php is.

namespace {
	define( 'ABSPATH', '/srv/wordpress/' );
	class WP_Error {
		public function __construct( public string $code = '', public string $message = '' ) {}
	}
	$options = array();
	$hooks   = array();
	$passed  = 0;
	$logged  = tempnam( '/tmp', 'log' );
	ini_set( 'error_log', $logged );
	function wp_load_alloptions() {
		return $GLOBALS['options'];
	}
	function add_option( $name, $value ) {
		$GLOBALS['options'][ $name ] = $value;
	}
	function add_filter( $hook, $call, $priority = 10, $arguments = 1 ) {
		$GLOBALS['hooks'][ $hook ] = $call;
	}
	function add_action( ...$arguments ) {
		add_filter( ...$arguments );
	}
	function wp_json_encode( ...$arguments ) {
		return json_encode( ...$arguments );
	}
	function wp_parse_url( ...$arguments ) {
		return parse_url( ...$arguments );
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

	require '/srv/wordpress/wp-content/mu-plugins/bbws-quarantine.php';
	$on = function_exists( 'wp_mail' ) || defined( 'WP_HTTP_BLOCK_EXTERNAL' ) || getenv( 'all_proxy' ) || $hooks;
	check( 'a site without the option', (bool) $on, false );
	$options['bbws_quarantine'] = '';
	check( 'an empty option', Bbws\Quarantine\is_on(), false );

	$options['bbws_quarantine'] = 'prod';
	check( 'a site with the option', Bbws\Quarantine\is_on(), true );
	Bbws\Quarantine\begin();

	$request = static fn ( string $url, $answer = false ) => $hooks['pre_http_request']( $answer, array(), $url );
	foreach ( array( 'https://api.example.org/v1?k=1', 'http://127.0.0.1:80801/', 'http://127.0.0.1:8080@example.org/', 'http://169.254.170.2/', 'no address' ) as $url ) {
		check( $url, $request( $url ) instanceof WP_Error, true );
	}
	check( 'the site itself', $request( 'http://127.0.0.1:8080/wp-cron.php' ), false );
	check( 'what is answered already', $request( 'https://acme.test/', array( 'body' => 'x' ) ), array( 'body' => 'x' ) );
	check( 'a mail', Bbws\Quarantine\mail( "a@example.org\r\nBcc: b@example.org", 'Reset: größer' ), true );

	$lines = file( $logged );
	check( 'one line a thing in the log', count( $lines ), 6 );
	check( 'no query in the log', str_contains( implode( $lines ), 'k=1' ), false );
	check( 'the mail in the log', str_contains( end( $lines ), 'bbws quarantine: a mail kept back {"to":"a@example.org\r\nBcc' ), true );

	check( 'PHP\'s URLs', array_values( array_intersect( array( 'http', 'https', 'ftp', 'ftps' ), stream_get_wrappers() ) ), array() );
	$reaches = static function ( string $host ): bool {
		$server = stream_socket_server( "tcp://$host:0" );
		$curl   = curl_init( 'http://' . stream_socket_get_name( $server, false ) . '/' );
		$all    = curl_multi_init();
		curl_multi_add_handle( $all, $curl );
		for ( $n = 0; $n < 20; $n++ ) {
			curl_multi_exec( $all, $running );
			if ( @stream_socket_accept( $server, 0.05 ) ) {
				return true;
			}
		}
		return false;
	};
	check( 'curl to the site itself', $reaches( '127.0.0.1' ), true );
	check( 'curl to others', $reaches( '127.0.0.2' ), false );

	check( 'scheduled work', $hooks['pre_get_ready_cron_jobs'](), array() );
	check( 'search engines', $hooks['pre_option_blog_public'](), '0' );
	check( 'robots.txt', $hooks['robots_txt']( "User-agent: *\nDisallow:\n" ), "User-agent: *\nDisallow: /\n" );
	check( 'an attempt to change the option', $hooks['pre_update_option_bbws_quarantine']( '', 'prod' ), 'prod' );
	unset( $options['bbws_quarantine'] );
	$hooks['delete_option_bbws_quarantine']();
	check( 'an attempt to delete it', $options['bbws_quarantine'] ?? null, 'prod' );
	echo "$passed passed\n";
}
