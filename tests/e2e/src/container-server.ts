/**
 * What runs in the container of the gateway's tests, as one script for `node -e`: a web server on the port that is
 * given, on the container's own loopback address, and another on all addresses, one port higher.
 */
const script = String.raw`
const http = require('http'), crypto = require('crypto')
const port = Number(process.argv[1])
const mib = Buffer.alloc(1 << 20, 'x')
const polls = []
let listener, left = 0
const serve = (request, response) => {
  const { pathname, searchParams } = new URL(request.url, 'http://x')
  if (pathname === '/echo') { response.writeHead(200, { 'x-method': request.method }); request.pipe(response); return }
  if (pathname === '/headers') return response.end(JSON.stringify(request.headers))
  if (pathname === '/sse') {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    listener = response.on('close', () => (listener = undefined))
    return void response.write('data: 0\n\n')
  }
  if (pathname === '/ticks') {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    const timer = setInterval(() => response.write('data: ' + Date.now() + '\n\n'), 100)
    return void response.on('close', () => clearInterval(timer))
  }
  if (pathname === '/event') { listener?.write('data: ' + searchParams.get('data') + '\n\n'); return response.end(listener ? 'sent' : 'nobody') }
  if (pathname === '/poll') return void polls.push(response)
  if (pathname === '/wake') { for (const one of polls.splice(0)) one.end('news'); return response.end('woken') }
  if (pathname === '/big') {
    let left = Number(searchParams.get('mib'))
    response.writeHead(200, { 'content-length': left << 20 })
    const more = () => { while (left > 0) { left--; if (!response.write(mib)) return void response.once('drain', more) } response.end() }
    return more()
  }
  if (pathname === '/count') { let n = 0; request.on('data', (part) => (n += part.length)); request.on('end', () => response.end(String(n))); return }
  if (pathname === '/redirect') { response.writeHead(302, { location: 'http://169.254.169.254/' }); return response.end() }
  if (pathname === '/huge') { response.writeHead(200, { 'x-huge': 'x'.repeat(300000) }); return response.end() }
  if (pathname === '/stall') return
  if (pathname === '/leave') { request.socket.once('close', () => left++); response.end('bye'); return void setTimeout(() => request.socket.end(), 100) }
  if (pathname === '/left') { response.writeHead(200, { connection: 'close' }); return response.end(String(left)) }
  if (pathname === '/reset') return request.socket.resetAndDestroy()
  if (pathname === '/half') { response.writeHead(200, { 'content-length': 100 }); response.write('half'); return void setTimeout(() => request.socket.destroy(), 200) }
  if (pathname === '/cookie') { response.writeHead(200, { 'set-cookie': ['own=1; Path=/', 'tossed=1; Domain=proxy.localhost; Path=/', 'gpulab-port=forged'] }); return response.end() }
  response.end('hello from the container')
}
const upgrade = (request, socket, head) => {
  const accept = crypto.createHash('sha1').update(request.headers['sec-websocket-key'] + '258EAFA5-E914-47DA-95CA-C5AB0DC85B11').digest('base64')
  socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ' + accept + '\r\n\r\n')
  socket.on('error', () => socket.destroy())
  let pending = head
  const take = () => {
    for (;;) {
      if (pending.length < 6) return
      let length = pending[1] & 127, at = 2
      if (length === 126) { if (pending.length < 8) return; length = pending.readUInt16BE(2); at = 4 }
      else if (length === 127) { if (pending.length < 14) return; length = Number(pending.readBigUInt64BE(2)); at = 10 }
      if (pending.length < at + 4 + length) return
      const mask = pending.subarray(at, at + 4), body = Buffer.from(pending.subarray(at + 4, at + 4 + length))
      for (let i = 0; i < length; i++) body[i] ^= mask[i & 3]
      const head = Buffer.from(pending.subarray(0, at))
      head[1] &= 127
      pending = pending.subarray(at + 4 + length)
      if ((head[0] & 15) === 8) return socket.end(Buffer.concat([head, body]))
      socket.write(Buffer.concat([head, body]))
    }
  }
  take()
  socket.on('data', (part) => { pending = Buffer.concat([pending, part]); take() })
}
http.createServer(serve).on('upgrade', upgrade).listen(port, '127.0.0.1')
http.createServer(serve).on('upgrade', upgrade).listen(port + 1, '0.0.0.0', () => console.log('serving'))
`

/** For a string that runs through `sh -c`. */
export const containerServer = (port: number): string =>
  `exec node -e '${script.replaceAll("'", `'"'"'`)}' ${port}`
