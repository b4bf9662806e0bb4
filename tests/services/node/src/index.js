'use strict';

const polka = require('polka');
const ms = require('ms');

const host = process.env.HOST || '0.0.0.0';
const port = Number(process.env.PORT || 8080);
const started = Date.now();

function answer(res, status, body) {
  res.writeHead(status, { 'content-type': 'application/json' });
  res.end(JSON.stringify(body) + '\n');
}

const service = polka({ onNoMatch: (req, res) => answer(res, 404, { error: 'not found' }) })
  .get('/', (req, res) => answer(res, 200, { service: 'hello-node', hello: 'world' }))
  .get('/hello/:name', (req, res) => answer(res, 200, { service: 'hello-node', hello: req.params.name }))
  .get('/health', (req, res) => answer(res, 200, { status: 'ok', up: ms(Date.now() - started) }));

service.listen(port, host, (error) => {
  if (error) throw error;
  console.log(`hello-node listens on ${host}:${port}`);
});

// As pid 1 of a container a process has no default handlers: without this, `docker stop` waits ten seconds.
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(0));
