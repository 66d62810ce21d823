<?php
// Tries from inside to end the quarantine, and prints what a site makes of it as JSON.

global $wpdb;
update_option( 'bbws_quarantine', '' );
delete_option( 'bbws_quarantine' );
$comment = $wpdb->get_row( "SELECT * FROM wp_comments WHERE comment_content = 'größer als gedacht'" );
$post    = (int) $comment->comment_post_ID;
echo wp_json_encode(
	array(
		'from'    => $wpdb->get_var( "SELECT option_value FROM wp_options WHERE option_name = 'bbws_quarantine'" ),
		'mail'    => wp_mail( 'somebody@example.org', 'x', 'x' ),
		'http'    => is_wp_error( wp_remote_get( 'https://api.wordpress.org/' ) ),
		'inside'  => wp_remote_retrieve_response_code( wp_remote_get( home_url( '/' ) ) ),
		'author'  => $comment->comment_author,
		'address' => $comment->comment_author_email,
		'content' => get_post( $post )->post_content,
		'form'    => get_post_meta( $post, 'form', true ),
		'cards'   => get_option( 'woocommerce_cards_settings' ),
		'mailer'  => json_decode( get_option( 'mailer' ), true ),
	),
	JSON_UNESCAPED_UNICODE
), "\n";
