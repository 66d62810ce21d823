function handler(event) {
  var page = '<!doctype html><html lang="en"><meta charset="utf-8">'
    + '<meta name="viewport" content="width=device-width"><title>Paused</title>'
    + '<body style="font:1.1rem/1.6 system-ui;margin:20vh auto;max-width:32rem;padding:0 1rem">'
    + '<h1>This site is taking a break</h1>'
    + '<p>It is switched off for the moment. Nothing is lost; please come back later.</p></body></html>';
  return {
    statusCode: 503,
    statusDescription: 'Service Unavailable',
    headers: {
      'content-type': { value: 'text/html; charset=utf-8' },
      'cache-control': { value: 'no-store' },
      'retry-after': { value: '3600' }
    },
    body: { encoding: 'text', data: page }
  };
}
