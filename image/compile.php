<?php
// Compiles WordPress while the image is built, into the files that OPcache reads: a task's first page then waits for no
// compiler. Run as root with the finished tree: `php compile.php ROOT`; fills ROOT/srv/opcache.
//
// PHP-FPM itself compiles, changed into ROOT, because OPcache takes only files that a PHP with the same extensions wrote
// for the same paths. Each file is a request of its own: files that never run together declare the same names.
//
// PHP leaves addresses of its memory in what it writes, which it sets anew when it reads, and what lay in its memory before. So
// that two builds make the same files, two processes write them, and what may differ between builds differs between these:
// addresses, times, files' inodes. Where the files differ is nothing that PHP reads, and one value put.

/** Not for a visitor's page, or hardly: libraries for mail, feeds, sound and old PHP, the customizer, what is deprecated. */
const LEFT_OUT = '~^wp-admin/|^wp-content/languages/|^wp-includes/(?:ID3|IXR|PHPMailer|SimplePie|Text|customize|js|php-ai-client|sodium_compat)/|^wp-includes/class-wp-(?:customize|xmlrpc)|^wp-includes/(?:deprecated|ms-deprecated)\.php$~';
const CACHE = '/srv/opcache';
/** Where the checksum is in a file. PHP is told not to look at it. */
const CHECKSUM = 72;
/** A file to see by that PHP reads what was written, and not the source. It does not stay. */
const PROBE = '/srv/wordpress/compiled.php';

$root = $argv[1];
file_put_contents( $root . PROBE, '<?php return "compiled";' );
list( $first, $addresses ) = compile( $root );
// The same files in other inodes.
exec( "cp -a $root/srv/wordpress $root/srv/copy && rm -r $root/srv/wordpress && mv $root/srv/copy $root/srv/wordpress", $output, $failed );
$failed && fail( 'WordPress cannot be copied' );
$addresses = array_diff( $addresses, fixed() );
do {
	list( $second, $others ) = compile( $root );
} while ( array_intersect( $addresses, $others ) );

if ( array_keys( $first ) !== array_keys( $second ) ) {
	fail( 'PHP wrote other files the second time' );
}
foreach ( $first as $path => $bytes ) {
	is_dir( dirname( "$root$path" ) ) || mkdir( dirname( "$root$path" ), 0755, true );
	file_put_contents( "$root$path", same( $path, $bytes, $second[ $path ] ) );
}
probe( $root );

/**
 * Lets a new PHP-FPM compile everything.
 *
 * @return array{array<string, string>, string[]} The files that it wrote, by path in $root, and addresses().
 */
function compile( string $root ): array {
	mkdir( $root . CACHE );
	$fpm = start( $root, array( 'opcache.file_cache=' . CACHE, 'opcache.file_cache_only=1' ) );

	$files = array();
	foreach ( files( "$root/srv/wordpress" ) as $file ) {
		$path = substr( $file, strlen( "$root/srv/wordpress/" ) );
		if ( str_ends_with( $path, '.php' ) && ! preg_match( LEFT_OUT, $path ) ) {
			$answer = answer( $root, '<?php echo opcache_compile_file( $_SERVER["FILE"] ) ? "compiled" : "";', "/srv/wordpress/$path" );
			str_ends_with( $answer, 'compiled' ) || fail( "PHP does not compile $path: $answer" );
			$files[] = $path;
		}
	}
	$addresses = addresses( proc_get_status( $fpm )['pid'] );
	stop( $root, $fpm );

	$written = array();
	foreach ( files( $root . CACHE ) as $file ) {
		// The requests' own script is kept too.
		if ( ! str_ends_with( $file, '/tmp/compile/request.php.bin' ) ) {
			$written[ substr( $file, strlen( $root ) ) ] = file_get_contents( $file );
		}
	}
	count( $written ) === count( $files ) || fail( count( $files ) . ' files were compiled and ' . count( $written ) . ' kept' );
	exec( 'rm -r ' . $root . CACHE );
	return array( $written, $addresses );
}

/** Sees that PHP-FPM takes what is there in the way in which a task has it: linked in a folder that could be written to. */
function probe( string $root ): void {
	file_put_contents( $root . PROBE, '<?php return "read";' );
	$fpm    = start( $root, array( 'opcache.file_cache=/tmp/compile/cache' ) );
	$answer = answer( $root, '<?php echo include $_SERVER["FILE"];', PROBE );
	stop( $root, $fpm );
	str_ends_with( $answer, 'compiled' ) || fail( "PHP does not take what it compiled: $answer" );
	unlink( $root . PROBE );
	// What it left: the probe, and the request's own script.
	exec( 'rm -r ' . $root . CACHE . '/*' . PROBE . '.bin ' . $root . CACHE . '/*/tmp' );
}

/** Starts PHP-FPM in $root, with the settings of the image and these. */
function start( string $root, array $settings ) {
	mkdir( "$root/tmp/compile/cache", 0755, true );
	foreach ( glob( $root . CACHE . '/*' ) as $folder ) {
		symlink( CACHE . '/' . basename( $folder ), "$root/tmp/compile/cache/" . basename( $folder ) );
	}
	// PHP-FPM opens it; a container has its own.
	touch( "$root/dev/null" );
	file_put_contents( "$root/tmp/compile/fpm.conf", "[global]\nerror_log = /tmp/compile/log\n[www]\nlisten = /tmp/compile/socket\npm = static\npm.max_children = 1\n" );
	$command = array( 'chroot', $root, '/usr/sbin/php-fpm8.4', '--allow-to-run-as-root', '--nodaemonize', '--fpm-config', '/tmp/compile/fpm.conf' );
	foreach ( array( ...$settings, 'log_errors=0', 'display_errors=1' ) as $setting ) {
		array_push( $command, '-d', $setting );
	}
	// What lies between the parts of a file is memory as PHP got it: zeros, by the C library's allocator. Nothing else is in the
	// environment: it lies in PHP's memory too, so that a host's name moves what comes after it.
	$environment = array(
		'USE_ZEND_ALLOC' => '0',
		'GLIBC_TUNABLES' => 'glibc.malloc.perturb=255:glibc.malloc.tcache_count=0',
	);
	$fpm         = proc_open( $command, array(), $pipes, null, $environment );
	// The socket is there a moment before anybody listens.
	for ( $wait = 0; ! @stream_socket_client( "unix://$root/tmp/compile/socket" ); $wait++ ) {
		$wait < 300 || fail( 'PHP-FPM does not start' );
		usleep( 100000 );
	}
	return $fpm;
}

function stop( string $root, $fpm ): void {
	proc_terminate( $fpm );
	proc_close( $fpm );
	exec( "rm -r $root/tmp/compile $root/dev/null" );
}

/** @return string[] All files below a folder, in the same order on any machine: what came before leaves its traces in PHP's memory. */
function files( string $folder ): array {
	$all   = new RecursiveIteratorIterator( new RecursiveDirectoryIterator( $folder, FilesystemIterator::SKIP_DOTS ) );
	$files = array_keys( iterator_to_array( $all ) );
	sort( $files );
	return $files;
}

/** What FPM answers to a request for a script, headers included: a FastCGI request in four records. */
function answer( string $root, string $script, string $file ): string {
	file_put_contents( "$root/tmp/compile/request.php", $script );
	$values     = array(
		'SCRIPT_FILENAME' => '/tmp/compile/request.php',
		'REQUEST_METHOD'  => 'GET',
		'FILE'            => $file,
	);
	$parameters = '';
	foreach ( $values as $name => $value ) {
		$parameters .= pack( 'NN', strlen( $name ) | 0x80000000, strlen( $value ) | 0x80000000 ) . $name . $value;
	}
	$record     = static fn ( int $type, string $content ) => pack( 'CCnnCC', 1, $type, 1, strlen( $content ), 0, 0 ) . $content;
	$connection = stream_socket_client( "unix://$root/tmp/compile/socket" );
	$connection || fail( 'PHP-FPM does not listen' );
	fwrite( $connection, $record( 1, pack( 'nCx5', 1, 0 ) ) . $record( 4, $parameters ) . $record( 4, '' ) . $record( 5, '' ) );
	$answer = '';
	while ( 8 === strlen( $header = (string) stream_get_contents( $connection, 8 ) ) ) {
		[ 'type' => $type, 'length' => $length, 'padding' => $padding ] = unpack( 'Cversion/Ctype/nid/nlength/Cpadding', $header );
		$content = substr( (string) stream_get_contents( $connection, $length + $padding ), 0, $length );
		// Standard output and standard error.
		$answer .= 6 === $type || 7 === $type ? $content : '';
	}
	return trim( $answer );
}

/**
 * What two processes must not have in common for all of their addresses to differ, whatever part of one is left over: the upper
 * halves, and the program's first byte. That of libraries is the same nearly always.
 *
 * @return string[]
 */
function addresses( int $process ): array {
	preg_match_all( '/^([0-9a-f]{4})[0-9a-f]{8}-/m', file_get_contents( "/proc/$process/maps" ), $found );
	return array_unique( array( ...$found[1], substr( $found[1][0], 0, 2 ) ) );
}

/**
 * Of these, what all processes of this machine have in common, and so all builds: on arm64 the upper halves, `aaaa` and `ffff`. On
 * amd64 the first byte is one of two, so it takes many to tell.
 *
 * @return string[]
 */
function fixed(): array {
	$sample = static function (): array {
		$process = proc_open( array( 'sleep', '60' ), array(), $pipes );
		$id      = proc_get_status( $process )['pid'];
		for ( $wait = 0; ! str_contains( file_get_contents( "/proc/$id/maps" ), '/sleep' ); $wait++ ) {
			$wait < 10000 || fail( 'sleep does not start' );
			usleep( 1000 );
		}
		$addresses = addresses( $id );
		proc_terminate( $process, 9 );
		proc_close( $process );
		return $addresses;
	};
	return array_intersect( ...array_map( $sample, range( 1, 32 ) ) );
}

/** One file of two processes' files, without what differs in them: numbers of four bytes. */
function same( string $path, string $first, string $second ): string {
	strlen( $first ) === strlen( $second ) || fail( "$path has another size each time" );
	$file  = $first;
	$words = unpack( 'V*', $second );
	foreach ( unpack( 'V*', $first ) as $number => $word ) {
		if ( $word !== $words[ $number ] ) {
			$file = substr_replace( $file, pack( 'V', 4096 ), ( $number - 1 ) * 4, 4 );
		}
	}
	$file = without_leftovers( $file );
	foreach ( strings( $first ) as $at => $length ) {
		// Up to the next part nobody reads what follows the closing zero.
		$text = substr( $first, $at, $length + 1 );
		substr( $second, $at, $length + 1 ) === $text || fail( "$path has another text each time" );
		$file = substr_replace( $file, str_pad( $text, ( $length + 8 ) & ~7, "\0" ), $at, ( $length + 8 ) & ~7 );
	}
	return substr_replace( $file, "\0\0\0\0", CHECKSUM, 4 );
}

/**
 * The texts in a file: where they are, and their lengths. A text (zend_string) is its references and its type in 4 bytes each, its
 * hash and its length in 8 each, then the text and a zero.
 *
 * @return array<int, int>
 */
function strings( string $file ): array {
	$strings = array();
	for ( $at = 80, $end = strlen( $file ) - 24; $at < $end; $at += 8 ) {
		// Of the type's flags, the lowest says that it is part of no cycle. The highest bit of a hash is set.
		if ( 0x16 !== ( ord( $file[ $at + 4 ] ) & 0x1f ) || ord( $file[ $at + 15 ] ) < 0x80 ) {
			continue;
		}
		[ 'hash' => $hash, 'length' => $length ] = unpack( 'Vhash/x4/Plength', $file, $at + 8 );
		if ( $length >= 0 && $length < $end - $at && hash_of( substr( $file, $at + 24, $length ) ) === $hash ) {
			$strings[ $at + 24 ] = $length;
			// On to its last 8 bytes.
			$at += 16 + ( ( $length + 8 ) & ~7 );
		}
	}
	return $strings;
}

/** The lower half of PHP's hash of a text. */
function hash_of( string $text ): int {
	$hash = 5381;
	for ( $at = 0, $length = strlen( $text ); $at < $length; $at++ ) {
		$hash = ( $hash * 33 + ord( $text[ $at ] ) ) & 0xffffffff;
	}
	return $hash;
}

/**
 * A file without the first operands of operations on `$this` and the second of those that append (`$a[] = 1`). They have none, so
 * PHP leaves there what was on its stack, such as a file's inode or how much memory was free. An operation (zend_op) is the number
 * of its handler in 8 bytes, two operands, the result, more and the line in 4 each, then its code and the kinds of both operands and
 * the result in one each. Here one kind is none, and the other not.
 */
function without_leftovers( string $file ): string {
	$on_this = array_flip( array( 24, 28, 32, 76, 82, 85, 88, 91, 94, 97, 112, 132, 133, 134, 135, 148 ) );
	$append  = array_flip( array( 23, 27, 84, 87, 93 ) );
	$kinds   = array_flip( array( 1, 2, 4, 8 ) );
	$length  = strlen( $file ) - 32;
	for ( $at = 80; $at <= $length; $at += 8 ) {
		[ $code, $one, $two, $result ] = array( ord( $file[ $at + 28 ] ), ord( $file[ $at + 29 ] ), ord( $file[ $at + 30 ] ), ord( $file[ $at + 31 ] ) );
		if ( isset( $on_this[ $code ], $kinds[ $two ] ) && 0 === $one ) {
			$operand = $at + 8;
		} elseif ( isset( $append[ $code ], $kinds[ $one ] ) && 0 === $two ) {
			$operand = $at + 12;
		} else {
			continue;
		}
		[ 'handler' => $handler, 'line' => $line ] = unpack( 'Phandler/x16/Vline', $file, $at );
		if ( $result < 64 && $handler > 0 && $handler < 8192 && $line > 0 && $line < 65536 ) {
			$file = substr_replace( $file, "\0\0\0\0", $operand, 4 );
		}
	}
	return $file;
}

function fail( string $message ): never {
	fwrite( STDERR, "compile.php: $message\n" );
	exit( 1 );
}
