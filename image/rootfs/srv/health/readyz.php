<?php
// Readiness: the site's database accepts its user over TLS. WordPress's tables are not required: a fresh site is ready
// to be installed. The reason goes to the log, never to the visitor.
require '/srv/health/database.php';

header( 'Content-Type: text/plain' );
header( 'Cache-Control: no-store' );
try {
	bbws_database( 3 )->query( 'SELECT 1' );
	echo "ready\n";
} catch ( mysqli_sql_exception $error ) {
	error_log( 'readyz: database: ' . $error->getCode() . ' ' . $error->getMessage() );
	http_response_code( 503 );
	echo "database unreachable\n";
}
