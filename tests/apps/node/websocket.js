// SPDX-License-Identifier: BSD-2-Clause
// websocket.js - as much of RFC 6455 as a chat needs: text of any length, close.
'use strict';
const crypto = require('node:crypto');
const http = require('node:http');

const MAGIC = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';

function answer(key) {
	return crypto.createHash('sha1').update(key + MAGIC).digest('base64');
}

function frame(text, masked) {
	const data = Buffer.from(text);
	const head = Buffer.alloc(4);
	const mask = crypto.randomBytes(4);

	head[0] = 0x81;
	head[1] = (masked ? 0x80 : 0) | 126;
	head.writeUInt16BE(data.length, 2);
	if (!masked)
		return Buffer.concat([head, data]);
	for (let i = 0; i < data.length; i++)
		data[i] ^= mask[i % 4];
	return Buffer.concat([head, mask, data]);
}

// Calls heard(text) for each message; frames have the long form of frame().
function listen(socket, heard) {
	let rest = Buffer.alloc(0);

	socket.on('data', (some) => {
		rest = Buffer.concat([rest, some]);
		while (rest.length >= 4) {
			const masked = rest[1] & 0x80;
			const at = 4 + (masked ? 4 : 0);
			const len = rest.readUInt16BE(2);
			if (rest.length < at + len)
				return;
			const data = Buffer.from(rest.subarray(at, at + len));
			for (let i = 0; masked && i < len; i++)
				data[i] ^= rest[4 + i % 4];
			rest = rest.subarray(at + len);
			heard(data.toString());
		}
	});
}

function serve(server, joined) {
	server.on('upgrade', (request, socket) => {
		socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n' +
			'Connection: Upgrade\r\nSec-WebSocket-Accept: ' +
			answer(request.headers['sec-websocket-key']) + '\r\n\r\n');
		joined(socket);
	});
}

function connect(host, port, opened) {
	const key = crypto.randomBytes(16).toString('base64');
	const request = http.request({ host, port, headers: {
		Connection: 'Upgrade', Upgrade: 'websocket',
		'Sec-WebSocket-Version': 13, 'Sec-WebSocket-Key': key } });

	request.on('upgrade', (response, socket, head) => {
		if (response.headers['sec-websocket-accept'] !== answer(key))
			throw new Error('another answer');
		socket.unshift(head);
		opened(socket);
	});
	request.end();
}

module.exports = { connect, frame, listen, serve };
