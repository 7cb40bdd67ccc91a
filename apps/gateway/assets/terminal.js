// The terminal page: one session of the container, over as many connections as it takes. Frames: docs/sessions.md.

const frames = { input: 0, stdout: 1, stderr: 2, control: 3 }
const screenMaxBytes = 256 << 10
const ackEveryBytes = 32 << 10
const retryMs = [0, 500, 1000, 2000, 3000]
const saveMs = 1000

/** The sixteen colours that programs print in have to be read on either ground. */
const themes = {
  dark: { background: '#101014' },
  light: {
    background: '#fdfdfe',
    foreground: '#1a1a20',
    cursor: '#1a1a20',
    cursorAccent: '#fdfdfe',
    selectionBackground: '#bcd5f5',
    black: '#1a1a20',
    red: '#b42318',
    green: '#1a7f37',
    yellow: '#8a6100',
    blue: '#0b57d0',
    magenta: '#8b2fb0',
    cyan: '#0b7285',
    white: '#5c5c68',
    brightBlack: '#6e6e7a',
    brightRed: '#c4321f',
    brightGreen: '#2b8a3e',
    brightYellow: '#9a6700',
    brightBlue: '#1d6fe0',
    brightMagenta: '#9c36b5',
    brightCyan: '#0c8599',
    brightWhite: '#3a3a44',
  },
}
const isDark = matchMedia('(prefers-color-scheme: dark)')
const chooseTheme = () => (isDark.matches ? themes.dark : themes.light)

const notice = document.getElementById('notice')
const terminal = new globalThis.Terminal({
  fontFamily: 'ui-monospace, Menlo, Consolas, monospace',
  fontSize: 14,
  scrollback: 10_000,
  theme: chooseTheme(),
  // What programs print may look like a link to one place and lead to another.
  linkHandler: {
    activate: (_event, target) => {
      if (/^https?:\/\//.test(target) && confirm(`Open ${target} ?`))
        window.open(target, '_blank', 'noopener,noreferrer')
    },
  },
})
const fit = new globalThis.FitAddon.FitAddon()
terminal.loadAddon(fit)
terminal.open(document.getElementById('terminal'))
fit.fit()
terminal.focus()
isDark.addEventListener('change', () => {
  terminal.options.theme = chooseTheme()
})

/** What has come: its end counts from the session's start, its bytes are the last of it. */
const screen = { offset: 0, bytes: new Uint8Array(0) }
/** Input that the session has not acknowledged. */
const input = { from: 0, bytes: new Uint8Array(0) }
let socket
let attempts = 0
let hasEnded = false
let acknowledged = 0

const encoder = new TextEncoder()
const decoder = new TextDecoder()
const join = (left, right) => {
  const joined = new Uint8Array(left.length + right.length)
  joined.set(left)
  joined.set(right, left.length)
  return joined
}
const toText = (bytes) => Array.from(bytes, (byte) => String.fromCharCode(byte)).join('')
const toBytes = (text) => Uint8Array.from(text, (letter) => letter.charCodeAt(0))

function tell(text) {
  notice.textContent = text
  notice.hidden = text === ''
}

/** So that a reload shows what was there, and goes on after it. Of this tab alone. */
function save() {
  const { offset, bytes } = screen
  sessionStorage.setItem('screen', JSON.stringify({ offset, bytes: btoa(toText(bytes)) }))
}

function restore() {
  const saved = sessionStorage.getItem('screen')
  if (saved === null) return
  const { offset, bytes } = JSON.parse(saved)
  screen.offset = offset
  screen.bytes = toBytes(atob(bytes))
  acknowledged = offset
  terminal.write(screen.bytes)
}

async function askToken(init) {
  const answer = await fetch('/token', { cache: 'no-store', credentials: 'same-origin', ...init })
  const body = await answer.json()
  if (answer.ok && body.token) return body.token
  throw Object.assign(
    new Error(
      body.error
        ? [body.error.message, body.error.hint].filter(Boolean).join(' ')
        : 'This page needs a new link: gpulab ssh CONTAINER --web',
    ),
    {
      isFinal: answer.status === 401 || answer.status === 404 || (answer.ok && !body.token),
    },
  )
}

/** The ticket of the link is used up at once, and is in no history. */
async function firstToken() {
  const ticket = location.hash.slice(1)
  if (ticket === '') {
    restore()
    return askToken({})
  }
  history.replaceState(null, '', '/')
  sessionStorage.removeItem('screen')
  const headers = { 'content-type': 'application/json' }
  return askToken({ method: 'POST', headers, body: JSON.stringify({ ticket }) })
}

function send(type, payload) {
  if (socket?.readyState !== WebSocket.OPEN) return
  const message = new Uint8Array(1 + payload.length)
  message[0] = type
  message.set(payload, 1)
  socket.send(message)
}
const control = (message) => send(frames.control, encoder.encode(JSON.stringify(message)))
const size = () => ({ columns: terminal.cols, rows: terminal.rows })

function redraw() {
  control({ type: 'resize', columns: Math.max(terminal.cols - 1, 1), rows: terminal.rows })
  setTimeout(() => control({ type: 'resize', ...size() }), 100)
}

const handlers = {
  resumed: (message) => {
    document.body.dataset.state = 'open'
    attempts = 0
    tell('')
    if (message.offset !== screen.offset || screen.offset > 0) redraw()
    screen.offset = message.offset
    const had = Math.max(0, Math.min(message.input_offset - input.from, input.bytes.length))
    input.bytes = input.bytes.slice(had)
    input.from = message.input_offset
    if (input.bytes.length > 0) send(frames.input, input.bytes)
  },
  gap: (message) => {
    screen.offset += message.bytes
    redraw()
  },
  ack: (message) => {
    const had = Math.max(0, Math.min(message.offset - input.from, input.bytes.length))
    input.bytes = input.bytes.slice(had)
    input.from += had
  },
  exit: (message) => {
    control({ type: 'ack', offset: screen.offset })
    finish(
      `The session has ended${message.exit_code === null ? '' : ` with ${message.exit_code}`}. gpulab ssh CONTAINER --web opens another.`,
    )
  },
  error: (message) => {
    if (!message.retryable) finish(message.message)
  },
}

function finish(text) {
  hasEnded = true
  document.body.dataset.state = 'ended'
  tell(text)
  sessionStorage.removeItem('screen')
  fetch('/token', { method: 'DELETE' }).catch(() => {})
  socket?.close(1000)
}

function receive(message) {
  const type = message[0]
  const payload = message.subarray(1)
  if (type === frames.control) {
    const told = JSON.parse(decoder.decode(payload))
    handlers[told.type]?.(told)
    return
  }
  if (type !== frames.stdout && type !== frames.stderr) return
  screen.offset += payload.length
  screen.bytes = join(screen.bytes, payload).slice(-screenMaxBytes)
  const { offset } = screen
  // A page that cannot follow holds the program back, as a terminal does.
  terminal.write(payload, () => {
    if (offset - acknowledged < ackEveryBytes && offset !== screen.offset) return
    acknowledged = offset
    control({ type: 'ack', offset })
  })
}

async function connect(askFor) {
  let token
  try {
    token = await askFor()
  } catch (error) {
    if (error.isFinal) return finish(error.message)
    return again()
  }
  const scheme = location.protocol === 'https:' ? 'wss' : 'ws'
  socket = new WebSocket(`${scheme}://${location.host}/ws`, ['gpulab.tty.v1', 'tty'])
  socket.binaryType = 'arraybuffer'
  socket.addEventListener('open', () =>
    socket.send(JSON.stringify({ AuthToken: token, ...size(), offset: screen.offset })),
  )
  socket.addEventListener('message', ({ data }) => receive(new Uint8Array(data)))
  socket.addEventListener('close', () => {
    if (hasEnded) return
    document.body.dataset.state = 'cut'
    again()
  })
  document.body.dataset.state = 'connecting'
}

function again() {
  if (hasEnded) return
  const ms = retryMs[Math.min(attempts++, retryMs.length - 1)]
  if (attempts > 1) tell('The connection was lost. Trying again …')
  setTimeout(() => void connect(() => askToken({})), ms)
}

terminal.onData((text) => type(encoder.encode(text)))
terminal.onBinary((text) => type(toBytes(text)))
function type(bytes) {
  if (hasEnded) return
  input.bytes = join(input.bytes, bytes)
  send(frames.input, bytes)
}
terminal.onResize(() => control({ type: 'resize', ...size() }))
terminal.onTitleChange((title) => {
  document.title = title === '' ? 'Terminal' : title.slice(0, 200)
})
window.addEventListener('resize', () => fit.fit())
window.addEventListener('pagehide', save)
setInterval(save, saveMs)
window.addEventListener('online', () => {
  if (socket?.readyState !== WebSocket.OPEN) attempts = 0
})

await connect(firstToken)
