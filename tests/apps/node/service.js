// SPDX-License-Identifier: BSD-2-Clause
// service.js DATABASE - pages, a chat for all who join it, and a counter that
// the redis at DATABASE keeps.
'use strict';
const http = require('node:http');
const net = require('node:net');
const websocket = require('./websocket.js');

const members = new Set();
let database;
const asking = [];

function count(done) {
	if (!database) {
		database = net.connect(6379, process.argv[2]);
		database.setNoDelay(true);
		database.on('data', (reply) => {
			for (const line of reply.toString().split('\r\n').filter(Boolean))
				asking.shift()(line.slice(1));
		});
	}
	asking.push(done);
	database.write('*2\r\n$4\r\nINCR\r\n$5\r\ncount\r\n');
}

const server = http.createServer((request, response) => {
	if (request.url === '/count')
		count((n) => response.end(n));
	else
		response.end('hello\n'.repeat(100));
});

websocket.serve(server, (socket) => {
	members.add(socket);
	websocket.listen(socket, (text) => {
		for (const member of members)
			member.write(websocket.frame(text, false));
	});
	socket.on('close', () => members.delete(socket));
	socket.on('error', () => members.delete(socket));
});
process.on('SIGTERM', () => process.exit(0));
server.listen(3000);
