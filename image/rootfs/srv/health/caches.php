<?php
// For `site-job doctor`: what OPcache and APCu hold of this task's PHP.
header( 'Content-Type: application/json' );
$opcache = opcache_get_status( false );
$apcu    = function_exists( 'apcu_enabled' ) && apcu_enabled() ? apcu_sma_info( true ) : null;
echo json_encode(
	array(
		'opcache' => $opcache ? array(
			'scripts' => $opcache['opcache_statistics']['num_cached_scripts'],
			'used'    => $opcache['memory_usage']['used_memory'],
			'free'    => $opcache['memory_usage']['free_memory'],
			'full'    => $opcache['cache_full'],
		) : null,
		'apcu'    => $apcu ? array(
			'used' => $apcu['num_seg'] * $apcu['seg_size'] - $apcu['avail_mem'],
			'free' => $apcu['avail_mem'],
		) : null,
	)
);
