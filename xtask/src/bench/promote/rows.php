<?php
// Prints a hash of every row that a promotion takes and that no site keeps for itself, one a line, in the order of their keys.

global $wpdb;
$tables = array(
	'wp_posts'       => 'ID',
	'wp_postmeta'    => 'meta_id',
	'wp_comments'    => 'comment_ID',
	'wp_commentmeta' => 'meta_id',
	'wp_terms'       => 'term_id',
);
foreach ( $tables as $table => $key ) {
	mysqli_real_query( $wpdb->dbh, "SELECT * FROM $table ORDER BY $key" );
	$rows = mysqli_use_result( $wpdb->dbh );
	while ( $row = mysqli_fetch_assoc( $rows ) ) {
		echo "$table {$row[ $key ]} ", hash( 'xxh128', serialize( $row ) ), "\n";
	}
	mysqli_free_result( $rows );
}
