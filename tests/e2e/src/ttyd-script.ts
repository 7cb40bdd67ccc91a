/**
 * Speaks as the script of ttyd 1.7's page does (tsl0922/ttyd, html/src/components/terminal/xterm/index.ts), which no distribution
 * or registry has: binary messages, a fresh token for each connection, pauses while much is still to be drawn, and a new
 * connection after every end but 1000. What it has got is in `client`.
 */
export const ttydScript = `
const encoder = new TextEncoder(), decoder = new TextDecoder()
const client = { output: '', preferences: [], closes: [], paused: 0, pending: 0, socket: undefined }
const sinceCallback = { bytes: 0 }
let drawn = Promise.resolve()
const send = (text) => client.socket.send(encoder.encode(text))
client.type = (text) => send('0' + text)
client.resize = (columns, rows) => send('1' + JSON.stringify({ columns, rows }))
function write(data) {
  client.output += decoder.decode(data, { stream: true })
  sinceCallback.bytes += data.byteLength
  if (sinceCallback.bytes < 50000) return
  sinceCallback.bytes = 0
  client.pending++
  // One after the other, as a terminal draws; slower than any gateway sends.
  drawn = drawn.then(() => new Promise((resolve) => setTimeout(resolve, 300))).then(() => {
    client.pending--
    if (client.pending < 4) send('3')
  })
  if (client.pending > 10) { client.paused++; send('2') }
}
async function connect() {
  const answer = await fetch('/token').catch(() => undefined)
  if (!answer?.ok) return void setTimeout(connect, 500)
  const { token } = await answer.json()
  const socket = new WebSocket('ws://' + location.host + '/ws', ['tty'])
  socket.binaryType = 'arraybuffer'
  client.socket = socket
  socket.onopen = () => {
    client.output = ''
    socket.send(encoder.encode(JSON.stringify({ AuthToken: token, columns: 100, rows: 30 })))
  }
  socket.onmessage = ({ data }) => {
    const rest = data.slice(1)
    switch (String.fromCharCode(new Uint8Array(data)[0])) {
      case '0': return write(rest)
      case '1': document.title = decoder.decode(rest); return
      case '2': client.preferences.push(JSON.parse(decoder.decode(rest))); return
    }
  }
  socket.onclose = ({ code }) => {
    client.closes.push(code)
    if (code !== 1000) setTimeout(connect, 500)
  }
}
connect()
`
