<?php
// Tries to get out of a quarantined site, in each way that plugins use. Run by WP-CLI's eval-file inside a loaded WordPress; reads
// {"web": "127.0.0.2:1", "mail": "127.0.0.2:2"}, where `site-job` listens, from standard input, and prints as its last line
// {"tried": {"<way>": <whether this side takes it for blocked>}}. Who listens knows better what came through.

$input = json_decode( stream_get_contents( STDIN ), true, 512, JSON_THROW_ON_ERROR );
$url   = static fn ( string $way ) => "http://{$input['web']}/$way";
$tried = array();

// A site with a mail server: WordPress would reach it.
add_action(
	'phpmailer_init',
	static function ( $mailer ) use ( $input ): void {
		list( $mailer->Host, $mailer->Port ) = explode( ':', $input['mail'] );
		$mailer->Timeout                     = 5;
		$mailer->SMTPAutoTLS                 = false;
		$mailer->isSMTP();
	},
	PHP_INT_MAX
);
// It says that it was sent, whoever kept it; who listens for mail knows.
wp_mail( 'leak@masked.invalid', 'leak', 'leak' );
$tried['wp_mail'] = true;
$tried['mail']    = ! @mail( 'leak@masked.invalid', 'leak', 'leak' );

$tried['wp_http'] = is_wp_error( wp_remote_post( $url( 'wp_http' ), array( 'timeout' => 5 ) ) );
$curl             = curl_init( $url( 'curl' ) );
curl_setopt_array(
	$curl,
	array(
		CURLOPT_RETURNTRANSFER => true,
		CURLOPT_TIMEOUT        => 5,
	)
);
$tried['curl'] = false === curl_exec( $curl );
$tried['url']  = false === @file_get_contents( $url( 'url' ) );

wp_schedule_single_event( time() - 60, 'bbws_leak' );
$tried['scheduled'] = array() === wp_get_ready_cron_jobs();
wp_clear_scheduled_hook( 'bbws_leak' );
$tried['indexed'] = '0' === get_option( 'blog_public' );

// No way is blocked that nobody could have gone: this one is open to PHP, and must be seen to arrive.
$socket = stream_socket_client( "tcp://{$input['web']}", $code, $reason, 5 );
if ( $socket ) {
	fwrite( $socket, "GET /control HTTP/1.0\r\n\r\n" );
	stream_get_contents( $socket );
}

echo "\n", wp_json_encode( array( 'tried' => $tried ) ), "\n";
