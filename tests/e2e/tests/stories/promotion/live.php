<?php
// What visitors and editors of the upper site made there.

global $wpdb;
wp_insert_user( array( 'user_login' => 'eva', 'user_pass' => wp_generate_password(), 'role' => 'editor' ) );
$wpdb->query( 'CREATE TABLE wp_wc_orders (id bigint PRIMARY KEY AUTO_INCREMENT, billing_email varchar(320))' );
for ( $n = 0; $n < 5; $n++ ) {
	$wpdb->insert( 'wp_wc_orders', array( 'billing_email' => "customer-$n@example.org" ) );
}
update_option( 'blogdescription', 'Of the customers' );
wp_insert_post( array( 'post_title' => 'Only here', 'post_status' => 'publish', 'post_content' => 'old content' ) );
$upload = wp_upload_bits( 'only-here.txt', null, 'mine' );
// Scheduled work would take these away at some time.
array_map( 'delete_post_meta_by_key', array( '_encloseme', '_pingme' ) );
wp_clear_scheduled_hook( 'do_pings' );
echo $upload['error'] ? $upload['error'] : 'filled', "\n";
