<?php
// How this image reaches MySQL; wp-config.php and the readiness check share it.

/**
 * Client flags: TLS always. The server's certificate is verified when DB_CA_FILE names its authority (site-job adds that
 * file to PHP's trust store at start); without one the connection is encrypted but the server is not authenticated.
 */
function bbws_database_flags(): int {
	return MYSQLI_CLIENT_SSL
		| ( getenv( 'DB_CA_FILE' ) ? MYSQLI_CLIENT_SSL_VERIFY_SERVER_CERT : MYSQLI_CLIENT_SSL_DONT_VERIFY_SERVER_CERT );
}

/**
 * A connection to the site's database, or mysqli_sql_exception.
 *
 * @param int $seconds How long connecting and a query may take.
 */
function bbws_database( int $seconds ): mysqli {
	mysqli_report( MYSQLI_REPORT_ERROR | MYSQLI_REPORT_STRICT );
	$database = mysqli_init();
	$database->options( MYSQLI_OPT_CONNECT_TIMEOUT, $seconds );
	$database->options( MYSQLI_OPT_READ_TIMEOUT, $seconds );
	$database->real_connect(
		getenv( 'DB_HOST' ),
		getenv( 'DB_USER' ),
		getenv( 'DB_PASSWORD' ),
		getenv( 'DB_NAME' ),
		(int) ( getenv( 'DB_PORT' ) ?: 3306 ),
		null,
		bbws_database_flags()
	);
	return $database;
}
