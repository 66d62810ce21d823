<?php
// Fills a site as its people would over years. Run inside a loaded WordPress.

require_once ABSPATH . 'wp-admin/includes/nav-menu.php';
global $wpdb;
$home = home_url();

// Somebody who is nobody here first, so that accounts have other numbers than elsewhere.
wp_insert_user( array( 'user_login' => 'passer-by', 'user_pass' => wp_generate_password(), 'role' => 'subscriber' ) );
$editor = wp_insert_user( array( 'user_login' => 'eva', 'user_pass' => wp_generate_password(), 'role' => 'editor' ) );
$leaver = wp_insert_user( array( 'user_login' => 'leaver', 'user_pass' => wp_generate_password(), 'role' => 'editor' ) );

$uploads = array();
for ( $n = 0; $n < 60; $n++ ) {
	$name   = 0 === $n % 7 ? "größe $n.txt" : "file-$n.txt";
	$upload = wp_upload_bits( $name, null, str_repeat( hash( 'sha256', "upload $n", true ), 1 + $n * 40 ) );
	if ( $upload['error'] ) {
		WP_CLI::error( $upload['error'] );
	}
	$uploads[] = $upload['url'];
}
for ( $n = 0; $n < 200; $n++ ) {
	$url  = $uploads[ $n % 60 ];
	$json = wp_json_encode( array( 'url' => $url, 'alt' => 'größer "als"' ) );
	$post = wp_insert_post(
		array(
			'post_title'   => "Story $n",
			'post_status'  => 'publish',
			'post_author'  => array( 1, $editor, $leaver )[ $n % 3 ],
			// Slashed, as WordPress wants what comes from a form.
			'post_content' => wp_slash( "<!-- wp:image $json --><img src=\"$url\"><!-- /wp:image -->\n<a href='$home/about/'>it's \\ here</a> and " . preg_replace( '~^https?:~', '', $home ) . '/x?u=' . rawurlencode( $home ) . " or $home." ),
		),
		true
	);
	if ( 0 === $n % 4 ) {
		wp_insert_comment( array( 'comment_post_ID' => $post, 'comment_content' => "see $home/c/$n", 'comment_approved' => 1, 'user_id' => $editor ) );
	}
	add_post_meta( $post, 'layout', array( 'hero' => array( 'link' => "$home/größe/$n", 'deep' => serialize( array( $home, 'ä' ) ) ), 'n' => $n ) );
}
$menu = wp_create_nav_menu( 'Main' );
wp_update_nav_menu_item( $menu, 0, array( 'menu-item-title' => 'Shop', 'menu-item-url' => "$home/shop/", 'menu-item-status' => 'publish' ) );
update_option( 'widget_text', array( 2 => array( 'title' => 'Für alle', 'text' => "<a href=\"$home\">größer</a>" ), '_multiwidget' => 1 ) );
$object        = new stdClass();
$object->home  = $home;
$object->inner = serialize( array( 'über' => "$home/ü", 'json' => wp_json_encode( array( 'u' => "$home/j" ) ) ) );
update_option( 'shop_settings', $object );
update_option( 'shop_json', wp_json_encode( array( 'u' => "$home/j/ö" ) ) );
update_option( 'blogdescription', 'Of the developers' );
$wpdb->query( 'CREATE TABLE wp_blobs (id int PRIMARY KEY, data longblob, small float, nothing varchar(9)) ' );
$wpdb->query( $wpdb->prepare( 'INSERT INTO wp_blobs VALUES (1, %s, 0.1, NULL)', serialize( array( 'u' => "$home/blob" ) ) ) );
// Scheduled work would take these away at some time.
array_map( 'delete_post_meta_by_key', array( '_encloseme', '_pingme' ) );
wp_clear_scheduled_hook( 'do_pings' );
orders( 3, 'developer' );

function orders( int $count, string $of ): void {
	global $wpdb;
	$wpdb->query( 'CREATE TABLE wp_wc_orders (id bigint PRIMARY KEY AUTO_INCREMENT, billing_email varchar(320))' );
	for ( $n = 0; $n < $count; $n++ ) {
		$wpdb->insert( 'wp_wc_orders', array( 'billing_email' => "$of-$n@example.org" ) );
	}
}
echo "filled\n";
