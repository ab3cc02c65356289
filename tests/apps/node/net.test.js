// SPDX-License-Identifier: BSD-2-Clause
// net.test.js - what Node.js promises of sockets, over the address of the lab.
'use strict';
const assert = require('node:assert');
const child = require('node:child_process');
const dgram = require('node:dgram');
const net = require('node:net');
const os = require('node:os');
const test = require('node:test');

const addresses = Object.values(os.networkInterfaces()).flat()
	.filter((a) => a.family === 'IPv4').map((a) => a.address);

test('a stream comes back', async () => {
	for (const host of addresses) {
		const server = net.createServer((s) => s.pipe(s)).listen(0, host);
		await new Promise((resolve) => server.on('listening', resolve));
		const data = Buffer.alloc(1 << 20, 'abc');
		const got = await new Promise((resolve, reject) => {
			const chunks = [];
			const s = net.connect(server.address().port, host, () => s.end(data));
			s.on('data', (chunk) => chunks.push(chunk));
			s.on('end', () => resolve(Buffer.concat(chunks)));
			s.on('error', reject);
		});
		assert(got.equals(data));
		server.close();
	}
});

test('a refused connection says so', async () => {
	const error = await new Promise((resolve) => {
		net.connect(9, addresses[0]).on('error', resolve);
	});
	assert.strictEqual(error.code, 'ECONNREFUSED');
});

test('datagrams come back', async () => {
	const server = dgram.createSocket('udp4');
	server.on('message', (data, from) => server.send(data, from.port, from.address));
	await new Promise((resolve) => server.bind(0, resolve));
	const client = dgram.createSocket('udp4');
	const got = await new Promise((resolve) => {
		client.on('message', resolve);
		client.send('hello', server.address().port, addresses.at(-1));
	});
	assert.strictEqual(got.toString(), 'hello');
	client.close();
	server.close();
});

test('children have their streams', () => {
	assert.strictEqual(child.execFileSync('cat', { input: 'hello' }).toString(), 'hello');
});
