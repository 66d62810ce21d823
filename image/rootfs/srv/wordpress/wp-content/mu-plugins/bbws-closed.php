<?php
/**
 * Plugin Name: bbws closed by default
 * Description: Keeps the names of accounts from strangers, and XML-RPC shut.
 *
 * @package bbws
 */

namespace Bbws\Closed;

defined( 'ABSPATH' ) || exit;

// nginx answers for xmlrpc.php; this keeps WordPress from advertising it.
add_filter( 'xmlrpc_enabled', '__return_false' );
add_filter(
	'wp_headers',
	static function ( array $headers ): array {
		unset( $headers['X-Pingback'] );
		return $headers;
	}
);
remove_action( 'wp_head', 'rsd_link' );
remove_action( 'wp_head', 'wp_generator' );

// ?author=1 is redirected to an address that holds the account's name, and so are authors' archives under it. A site that
// wants them has a plugin with add_filter( 'bbws_author_archives', '__return_true' ).
add_action(
	'parse_request',
	static function ( \WP $request ): void {
		$asked = isset( $request->query_vars['author'] ) || isset( $request->query_vars['author_name'] );
		if ( $asked && ! is_user_logged_in() && ! apply_filters( 'bbws_author_archives', false ) ) {
			$request->query_vars = array( 'error' => '404' );
		}
	}
);
add_filter(
	'author_link',
	static fn ( $link ) => is_admin() || apply_filters( 'bbws_author_archives', false ) ? $link : home_url( '/' )
);

// /wp-json/wp/v2/users, also where it is embedded into posts.
add_filter(
	'rest_pre_dispatch',
	static function ( $result, $server, \WP_REST_Request $request ) {
		if ( null === $result && preg_match( '~^/wp/v2/users(?:/|$)~i', $request->get_route() ) && ! is_user_logged_in() ) {
			return new \WP_Error( 'rest_not_logged_in', __( 'You are not currently logged in.' ), array( 'status' => 401 ) );
		}
		return $result;
	},
	10,
	3
);
add_filter(
	'oembed_response_data',
	static function ( array $data ): array {
		unset( $data['author_name'], $data['author_url'] );
		return $data;
	}
);
add_filter(
	'wp_sitemaps_add_provider',
	static function ( $provider, string $name ) {
		return 'users' === $name ? false : $provider;
	},
	10,
	2
);

// One answer whether the account is unknown or the password wrong.
add_filter(
	'authenticate',
	static function ( $user ) {
		$telling = array( 'invalid_username', 'invalid_email', 'incorrect_password', 'invalidcombo' );
		if ( is_wp_error( $user ) && array_intersect( $user->get_error_codes(), $telling ) ) {
			return new \WP_Error( 'incorrect_password', __( '<strong>Error:</strong> Invalid username, email address or incorrect password.' ) );
		}
		return $user;
	},
	PHP_INT_MAX
);
// The form for a lost password says the same of an account that there is not as of one that there is.
add_filter(
	'lostpassword_errors',
	static function ( \WP_Error $errors, $user ): \WP_Error {
		$unknown = ! $user || array_intersect( $errors->get_error_codes(), array( 'invalid_email', 'invalidcombo' ) );
		$asked   = '' !== trim( (string) ( $_POST['user_login'] ?? '' ) );
		if ( $unknown && $asked && did_action( 'login_form_lostpassword' ) + did_action( 'login_form_retrievepassword' ) ) {
			wp_safe_redirect( 'wp-login.php?checkemail=confirm' );
			exit;
		}
		return $errors;
	},
	10,
	2
);
