// SPDX-License-Identifier: BSD-2-Clause
// chat.js HOST - eight members who each say a hundred things, and hear all.
'use strict';
const websocket = require('./websocket.js');

const MEMBERS = 8, SAID = 100;
const sockets = [];
let heard = 0;

function begin() {
	for (const [i, socket] of sockets.entries())
		for (let n = 0; n < SAID; n++)
			socket.write(websocket.frame(`${i}: ${n} ` + 'x'.repeat(n * 10), true));
}

for (let i = 0; i < MEMBERS; i++)
	websocket.connect(process.argv[2], 3000, (socket) => {
		const last = {};

		websocket.listen(socket, (text) => {
			const [who, n] = text.split(/: | /);
			if (Number(n) !== (last[who] ?? -1) + 1 || !text.endsWith('x'.repeat(n * 10)))
				throw new Error(`${who} said ${n} after ${last[who]}`);
			last[who] = Number(n);
			if (++heard === MEMBERS * MEMBERS * SAID) {
				console.log('all heard all');
				process.exit(0);
			}
		});
		sockets.push(socket);
		if (sockets.length === MEMBERS)
			begin();
	});
