<?php
// Tests of the platform's must-use plugin: of its list of blocks' style sheets, on WordPress's own files. Run inside the image:
// `docker run --rm -i --entrypoint php bbws/wordpress:TAG < image/tests/platform.php`. The last line says how many passed.

namespace {
	define( 'ABSPATH', '/srv/wordpress/' );
	define( 'BLOCKS_PATH', ABSPATH . 'wp-includes/blocks/' );
	$hooks = array();
	$apcu  = array();
	function add_filter( $hook, $call ) {
		$GLOBALS['hooks'][ $hook ] = $call;
	}
	function wp_scripts_get_suffix() {
		return $GLOBALS['suffix'];
	}
	function is_rtl() {
		return $GLOBALS['rtl'];
	}
	function wp_get_wp_version() {
		return 'the version';
	}
}

namespace Bbws\Platform {
	function apcu_enabled() {
		return true;
	}
	function apcu_entry( $key, $make ) {
		return $GLOBALS['apcu'][ $key ] ??= $make();
	}
}

namespace {
	require '/srv/wordpress/wp-content/mu-plugins/bbws.php';

	$passed = 0;
	function check( string $what, $is, $expected ): void {
		if ( $is !== $expected ) {
			echo "$what: ", var_export( $is, true ), ', not ', var_export( $expected, true ), "\n";
			exit( 1 );
		}
		++$GLOBALS['passed'];
	}

	$all  = array_map( static fn ( $path ) => substr( $path, strlen( BLOCKS_PATH ) ), glob( BLOCKS_PATH . '**/**.css' ) );
	$call = $hooks['pre_transient_wp_core_block_css_files'];
	check( 'a plugin knows better', $call( array( 'its own' ) ), array( 'its own' ) );
	// Whatever register_core_block_style_handles() looks for has the answer that WordPress's own list gives.
	foreach ( array( '.min', '' ) as $suffix ) {
		foreach ( array( false, true ) as $rtl ) {
			$list = $call( false );
			check( 'the version', $list['version'], 'the version' );
			check( 'nothing else', array_diff( $list['files'], $all ), array() );
			foreach ( array_keys( require BLOCKS_PATH . 'blocks-json.php' ) as $block ) {
				foreach ( array( 'theme', 'style', 'editor' ) as $file ) {
					foreach ( $rtl ? array( '', '-rtl' ) : array( '' ) as $direction ) {
						$path = "$block/$file$direction$suffix.css";
						check( $path, in_array( $path, $list['files'], true ), in_array( $path, $all, true ) );
					}
				}
			}
		}
	}
	check( 'it is short', count( $apcu['bbws-block-styles:ltr.min.css'] ) < count( $all ) / 3, true );
	echo "$passed passed\n";
}
