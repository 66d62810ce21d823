<?php
// What only prod knows: customers, and what a shop says to others. Strings that may not leave it are in promotion/down.rs.

global $wpdb;
$home = home_url();
wp_insert_user(
	array(
		'user_login'   => 'thandi.nkosi',
		'user_pass'    => wp_generate_password(),
		'user_email'   => 'thandi.nkosi@example.net',
		'display_name' => 'Thandi Nkosi',
		'role'         => 'subscriber',
	)
);
$customer = get_user_by( 'login', 'thandi.nkosi' )->ID;
update_user_meta( $customer, 'billing_address_1', '9 Kloofstraße' );
$post = wp_insert_post(
	array(
		'post_title'   => 'Our customers',
		'post_status'  => 'publish',
		'post_author'  => $customer,
		'post_content' => "Write to Thandi.Nkosi@example.net or see $home/shop/.",
	),
	true
);
wp_insert_comment(
	array(
		'comment_post_ID'      => $post,
		'comment_author'       => 'Thandi Nkosi',
		'comment_author_email' => 'thandi.nkosi@example.net',
		'comment_author_url'   => 'https://thandi.example.net/',
		'comment_author_IP'    => '198.51.100.77',
		'comment_agent'        => 'Telephone of Thandi',
		'comment_content'      => 'größer als gedacht',
		'comment_approved'     => 1,
		'user_id'              => $customer,
	)
);
// An old order's copy of the address.
add_post_meta( $post, '_billing_first_name', 'Thandi' );
add_post_meta( $post, '_billing_phone', '082 555 0123' );
add_post_meta( $post, '_billing_address_index', 'Thandi Nkosi 9 Kloofstraße' );
add_post_meta( $post, 'form', array( 'größe' => 'L', 'mail' => 'thandi.nkosi@example.net' ) );
update_option( 'woocommerce_cards_settings', array( 'title' => 'Kärten', 'secret_key' => 'sk_live_51H', 'to' => 'thandi.nkosi@example.net' ) );
update_option( 'mailer', wp_json_encode( array( 'host' => 'smtp.example.net', 'password' => 'hünter2-live' ), JSON_UNESCAPED_UNICODE ) );
wp_upload_bits( 'seen.txt', null, 'seen by all' );
wp_mkdir_p( '/srv/uploads/wp-personal-data-exports' );
file_put_contents( '/srv/uploads/wp-personal-data-exports/thandi.txt', 'Thandi Nkosi' );
// Scheduled work would take these away at some time.
array_map( 'delete_post_meta_by_key', array( '_encloseme', '_pingme' ) );
wp_clear_scheduled_hook( 'do_pings' );
echo "filled\n";
