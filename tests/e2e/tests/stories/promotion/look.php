<?php
// Looks at a site from inside and prints what it finds as JSON. $args: words that are looked for in every column.

global $wpdb;
$left   = array();
$rows   = array();
$broken = array();
foreach ( $wpdb->get_col( 'SHOW TABLES' ) as $table ) {
	$rows[ $table ] = (int) $wpdb->get_var( "SELECT COUNT(*) FROM `$table`" );
	foreach ( $wpdb->get_results( "SELECT * FROM `$table`", ARRAY_A ) as $row ) {
		foreach ( $row as $column => $value ) {
			foreach ( $args as $word ) {
				if ( null !== $value && false !== stripos( $value, $word ) ) {
					$left[] = "$word in $table.$column: " . mb_substr( $value, 0, 200 );
				}
			}
			if ( is_serialized( $value ) && 'b:0;' !== $value && false === @unserialize( $value ) ) {
				$broken[] = "$table.$column: " . mb_substr( $value, 0, 200 );
			}
		}
	}
}
$uploads = array();
$files   = new RecursiveIteratorIterator( new RecursiveDirectoryIterator( '/srv/uploads', FilesystemIterator::SKIP_DOTS ) );
foreach ( $files as $path => $_ ) {
	$uploads[ substr( $path, strlen( '/srv/uploads/' ) ) ] = hash_file( 'sha256', $path );
}
ksort( $uploads );
$author = static fn ( string $title ) => get_userdata( (int) $wpdb->get_var( $wpdb->prepare( 'SELECT post_author FROM wp_posts WHERE post_title = %s', $title ) ) )->user_login;
$object = get_option( 'shop_settings' );
echo wp_json_encode(
	array(
		'left'     => $left,
		'broken'   => $broken,
		'rows'     => $rows,
		'uploads'  => $uploads,
		'home'     => $wpdb->get_var( "SELECT option_value FROM wp_options WHERE option_name = 'home'" ),
		'tagline'  => get_option( 'blogdescription' ),
		'orders'   => $rows['wp_wc_orders'] ?? null ? $wpdb->get_col( 'SELECT billing_email FROM wp_wc_orders ORDER BY id' ) : array(),
		'users'    => $wpdb->get_col( 'SELECT user_login FROM wp_users ORDER BY user_login' ),
		'authors'  => isset( $rows['wp_blobs'] ) ? array( $author( 'Story 0' ), $author( 'Story 1' ), $author( 'Story 2' ) ) : array(),
		'settings' => $object ? array( $object->home, unserialize( $object->inner ), json_decode( get_option( 'shop_json' ), true ) ) : null,
		'layout'   => get_post_meta( (int) $wpdb->get_var( "SELECT ID FROM wp_posts WHERE post_title = 'Story 7'" ), 'layout', true ),
		'blob'     => isset( $rows['wp_blobs'] ) ? unserialize( $wpdb->get_var( 'SELECT data FROM wp_blobs' ) ) : null,
		'small'    => isset( $rows['wp_blobs'] ) ? $wpdb->get_var( 'SELECT small + 0e0 FROM wp_blobs' ) : null,
		'checked'  => $wpdb->get_results( 'CHECKSUM TABLE ' . implode( ', ', array_map( static fn ( $t ) => "`$t`", array_keys( $rows ) ) ), ARRAY_N ),
	),
	JSON_UNESCAPED_UNICODE | JSON_UNESCAPED_SLASHES
), "\n";
