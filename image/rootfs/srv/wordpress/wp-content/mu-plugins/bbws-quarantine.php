<?php
/**
 * Plugin Name: bbws quarantine
 * Description: Keeps a site that holds another environment's content from mailing, calling out, running scheduled work, and being found.
 *
 * `site-job` writes the option when it loads such content, and takes it away when the quarantine is lifted or other content
 * comes. It is read once, before any plugin of the site is there to answer in its place. What a plugin sends through a
 * socket of its own is not stopped here: docs/promotion.md says what is.
 *
 * @package bbws
 */

namespace Bbws\Quarantine {
	defined( 'ABSPATH' ) || exit;

	const OPTION = 'bbws_quarantine';
	/** Where nobody listens: the discard port, which needs root. */
	const NOWHERE = 'http://127.0.0.1:9';
	/** Where this container's web server listens. The platform's plugin leads what the site asks of itself there. */
	const INSIDE = 'http://127.0.0.1:8080';

	function is_on(): bool {
		return '' !== (string) ( wp_load_alloptions()[ OPTION ] ?? '' );
	}

	/** One line in the task's log; no contents, which may hold links that open accounts. */
	function kept_back( string $what, array $about ): void {
		error_log( "bbws quarantine: $what kept back " . wp_json_encode( $about, JSON_UNESCAPED_SLASHES | JSON_INVALID_UTF8_SUBSTITUTE ) );
	}

	/** Takes the place of WordPress's own, and of plugins': whoever is first defines it. Says that it was sent, so that forms go on. */
	function mail( $to, $subject ): bool {
		kept_back(
			'a mail',
			array(
				'to'      => $to,
				'subject' => $subject,
			)
		);
		return true;
	}

	/** The answer to a request that no other filter has answered. */
	function request( $answer, array $arguments, string $url ) {
		if ( false !== $answer || str_starts_with( $url, INSIDE . '/' ) ) {
			return $answer;
		}
		kept_back( 'a request', array( 'host' => wp_parse_url( $url, PHP_URL_HOST ) ) );
		return new \WP_Error( 'http_request_not_executed', __( 'This site is quarantined: it may not call out.', 'bbws' ) );
	}

	function begin(): void {
		add_filter( 'pre_http_request', __NAMESPACE__ . '\\request', PHP_INT_MAX, 3 );
		// WordPress's own block stays where a plugin removes filters.
		defined( 'WP_HTTP_BLOCK_EXTERNAL' ) || define( 'WP_HTTP_BLOCK_EXTERNAL', true );
		defined( 'WP_ACCESSIBLE_HOSTS' ) || define( 'WP_ACCESSIBLE_HOSTS', '127.0.0.1' );
		// Plugins' own libraries use curl, which takes its proxy from the environment, and PHP's URLs.
		foreach ( array( 'http_proxy', 'https_proxy', 'all_proxy' ) as $proxy ) {
			putenv( "$proxy=" . NOWHERE );
		}
		putenv( 'no_proxy=127.0.0.1' );
		foreach ( array_intersect( array( 'http', 'https', 'ftp', 'ftps' ), stream_get_wrappers() ) as $wrapper ) {
			stream_wrapper_unregister( $wrapper );
		}

		// `site-job` leaves scheduled work alone as well; these are the other ways to it.
		add_filter( 'pre_get_ready_cron_jobs', static fn () => array(), PHP_INT_MAX );
		add_filter( 'action_scheduler_queue_runner_concurrent_batches', '__return_zero', PHP_INT_MAX );
		add_filter( 'action_scheduler_allow_async_request_runner', '__return_false', PHP_INT_MAX );
		add_filter( 'woocommerce_webhook_should_deliver', '__return_false', PHP_INT_MAX );

		add_filter( 'pre_option_blog_public', static fn () => '0', PHP_INT_MAX );
		add_filter( 'robots_txt', static fn () => "User-agent: *\nDisallow: /\n", PHP_INT_MAX );
		if ( 'cli' !== PHP_SAPI ) {
			header( 'X-Robots-Tag: noindex, nofollow' );
		}

		// Nothing that goes through WordPress changes it.
		add_filter( 'pre_update_option_' . OPTION, static fn ( $new, $old ) => $old, PHP_INT_MAX, 2 );
		$from = wp_load_alloptions()[ OPTION ];
		add_action( 'delete_option_' . OPTION, static fn () => add_option( OPTION, $from ), PHP_INT_MAX );

		add_action(
			'admin_notices',
			static function () use ( $from ): void {
				/* translators: %s: name of an environment. */
				$told = sprintf( __( 'This site holds the content of %s and is quarantined: it sends no mail, calls nobody and runs no scheduled work.', 'bbws' ), esc_html( $from ) );
				wp_admin_notice( $told, array( 'type' => 'warning' ) );
			}
		);
	}
}

namespace {
	if ( Bbws\Quarantine\is_on() ) {
		Bbws\Quarantine\begin();
		function wp_mail( $to, $subject, $message, $headers = '', $attachments = array(), $embeds = array() ) {
			return Bbws\Quarantine\mail( $to, $subject );
		}
	}
}
