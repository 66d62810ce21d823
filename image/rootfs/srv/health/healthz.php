<?php
// Liveness: PHP answers. It says nothing of the database, so that an outage there does not restart every task.
header( 'Content-Type: text/plain' );
header( 'Cache-Control: no-store' );
echo "ok\n";
