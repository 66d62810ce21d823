<?php
// Fills a site up to a size, the same way each time, with what rewriting meets: HTML, blocks' JSON, serialized values, URLs in all
// their forms, and texts without any. $args: MB of the database, MB of uploads. Prints as its last line
// {"database": bytes, "uploads": bytes, "rows": n}: of values, without keys and indexes.

list( $database, $uploads ) = array_map( static fn ( $megabytes ) => (int) $megabytes * 1000000, $args );
global $wpdb;
$home = home_url();
$host = preg_replace( '~^https?:~', '', $home );
mt_srand( 7 );
$words = array();
for ( $n = 0; $n < 3000; $n++ ) {
	$words[] = substr( base_convert( hash( 'crc32b', "word $n" ), 16, 36 ), 0, mt_rand( 2, 7 ) ) . ( 0 === $n % 9 ? 'größe' : '' );
}
$text = static function ( int $count ) use ( $words ): string {
	$picked = array();
	for ( $n = 0; $n < $count; $n++ ) {
		$picked[] = $words[ mt_rand( 0, 2999 ) ];
	}
	return implode( ' ', $picked );
};
$insert = static function ( string $into, array &$rows ) use ( $wpdb ): void {
	if ( $rows && ! mysqli_query( $wpdb->dbh, "INSERT INTO $into VALUES " . implode( ',', $rows ) ) ) {
		WP_CLI::error( mysqli_error( $wpdb->dbh ) );
	}
	$rows = array();
};
$quoted = static fn ( string $value ): string => "'" . mysqli_real_escape_string( $wpdb->dbh, $value ) . "'";

// Whoever comes again goes on with what is missing.
$done    = get_option( 'bench_filled', array( 'database' => 0, 'uploads' => 0, 'rows' => 0 ) );
$pending = array( 'posts' => array(), 'meta' => array(), 'comments' => array() );
$into    = array(
	'posts'    => 'wp_posts (ID, post_author, post_date, post_content, post_title, post_excerpt, post_status, post_name, to_ping, pinged, post_content_filtered, guid)',
	'meta'     => 'wp_postmeta (post_id, meta_key, meta_value)',
	'comments' => 'wp_comments (comment_post_ID, comment_author, comment_author_email, comment_content, comment_approved)',
);
$id = 1000 + (int) $wpdb->get_var( 'SELECT MAX(ID) FROM wp_posts' );
while ( $done['database'] < $database ) {
	++$id;
	$image   = "$home/wp-content/uploads/bench/$id.jpg";
	$block   = wp_json_encode( array( 'url' => $image, 'id' => $id, 'alt' => 'größer' ) );
	$content = "<!-- wp:image $block -->\n<img src=\"$image\">\n<!-- /wp:image -->\n<p>" . $text( 350 ) . "</p>\n<p><a href='$host/x/?u=" . rawurlencode( "$home/$id" ) . "'>" . $text( 350 ) . '</a></p>';
	$values  = array( 'posts' => $content );
	$pending['posts'][] = "($id, 1, NOW(), " . $quoted( $content ) . ", 'Bench $id', '', 'publish', 'bench-$id', '', '', '', '$home/?p=$id')";
	for ( $n = 0; $n < 2; $n++ ) {
		$layout = array( 'n' => $n, 'text' => $text( 40 ), 'deep' => array( 'ü' => $text( 30 ) ) );
		if ( 0 === $n ) {
			$layout['link']  = "$home/größe/$id";
			$layout['inner'] = serialize( array( $image, wp_json_encode( array( 'u' => $image ) ) ) );
		}
		$layout            = serialize( $layout );
		$values[]          = $layout;
		$pending['meta'][] = "($id, 'layout', " . $quoted( $layout ) . ')';
	}
	$comment               = $text( 40 ) . ( 0 === $id % 3 ? " $home/c/$id" : '' );
	$values[]              = $comment;
	$pending['comments'][] = "($id, 'Somebody', 'somebody@example.org', " . $quoted( $comment ) . ", '1')";
	$done['database']     += array_sum( array_map( 'strlen', $values ) );
	$done['rows']         += count( $values );
	if ( count( $pending['posts'] ) >= 200 ) {
		foreach ( $pending as $kind => &$rows ) {
			$insert( $into[ $kind ], $rows );
		}
		unset( $rows );
	}
}
foreach ( $pending as $kind => &$rows ) {
	$insert( $into[ $kind ], $rows );
}
unset( $rows );
wp_mkdir_p( '/srv/uploads/bench' );
for ( $n = $done['uploads']; $done['uploads'] < $uploads; $n++ ) {
	$size = 50000 + ( $n * 7919 ) % 900000;
	if ( false === file_put_contents( "/srv/uploads/bench/$n.jpg", random_bytes( $size ) ) ) {
		WP_CLI::error( 'the uploads cannot be written' );
	}
	$done['uploads'] += $size;
}
update_option( 'bench_filled', $done, false );
echo "\n", wp_json_encode( $done ), "\n";
