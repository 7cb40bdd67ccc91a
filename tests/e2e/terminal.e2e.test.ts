import type { Container } from '@gpulab/contract'
import { ensureImages } from '@gpulab/images'
import { eventually } from '@gpulab/testing'
import { readdir, readFile } from 'node:fs/promises'
import { beforeAll, describe, expect, it } from 'vitest'
import { openPty, type Pty, type PtyOptions } from './src/open-pty.ts'
import { readScreen } from './src/read-screen.ts'
import { testEngine } from './src/start-system.ts'
import { useWorkshop } from './src/use-workshop.ts'

const shop = useWorkshop()
const { running, proxied } = shop

/** A prompt that nothing else on the screen looks like. */
const prompt = 'READY> '
async function openShell(command = 'ssh workshop', options: PtyOptions = {}): Promise<Pty> {
  const pty = openPty(shop.system, `gpulab ${command}; echo "code $?"`, options)
  await pty.shows(/[#$] $/)
  pty.type(`PS1='READY''> '; bind 'set enable-bracketed-paste off' 2>/dev/null\r`)
  await pty.shows(prompt)
  return pty
}

/** The process of the CLI on that terminal. */
async function findCli(pty: Pty): Promise<number> {
  const started = process.env['GPULAB_TEST_CLI'] ?? 'dist/main.js'
  for (const entry of await readdir('/proc')) {
    const line = await readFile(`/proc/${entry}/cmdline`, 'utf8').catch(() => '')
    const status = await readFile(`/proc/${entry}/status`, 'utf8').catch(() => '')
    const parent = Number(/PPid:\s+(\d+)/.exec(status)?.[1])
    if (line.includes(started) && parent === pty.process.pid) return Number(entry)
  }
  throw new Error('The CLI does not run')
}

/**
 * Runs the command line, and then says whether the settings of the terminal are as before; at once, or (of a process that
 * was killed) after a moment.
 */
const guarded = (line: string, tries = 1): string =>
  `before=$(stty -g); ${line}; code=$?
  for try in $(seq ${tries}); do after=$(stty -g); [ "$before" = "$after" ] && break; sleep 0.1; done
  [ "$before" = "$after" ] && echo "SAME $code" || echo "OTHER $code"`

describe('a shell', () => {
  it('is a login shell on a terminal of this size, and ends with its code', async () => {
    const pty = openPty(shop.system, guarded('gpulab ssh workshop'), { columns: 91, rows: 31 })
    await pty.shows(/[#$] $/)
    pty.type('stty size; tty; echo "term $TERM"; shopt login_shell\r')
    await pty.shows('31 91')
    await pty.shows(/\/dev\/pts\/\d+/)
    await pty.shows('term xterm')
    await pty.shows(/login_shell\s+on/)
    pty.process.resize(120, 40)
    pty.type('until stty size | grep "40 120"; do sleep 0.1; done\r')
    await pty.shows(/[\r\n]40 120\r\n/)
    // As it was before, or the settings would differ.
    pty.process.resize(91, 31)
    pty.type('exit 7\r')
    await pty.shows('SAME 7')
    await pty.ended
  })

  it('opens with exec --interactive too', async () => {
    const pty = await openShell('exec workshop --interactive')
    pty.type('exit 0\r')
    await pty.shows('code 0')
  })

  it('gets Ctrl-C as a key', async () => {
    const pty = await openShell()
    pty.type('echo sleeping; sleep 600\r')
    await pty.shows('\nsleeping\r\n')
    pty.type('\u0003')
    await pty.shows(/\^C\r\n[^]*READY> $/)
    pty.type('echo code is $?\r')
    await pty.shows('code is 130')
    pty.type('exit 0\r')
    await pty.shows('code 0')
  })

  it('stops a flood within a second of Ctrl-C', async () => {
    const pty = await openShell()
    pty.type('yes\r')
    await eventually(() => expect(pty.screen().length).toBeGreaterThan(1 << 20), { timeoutMs: 30_000 })
    pty.type('\u0003')
    await pty.shows(/\^C\r\n[^]*READY> $/)
    pty.type('exit 0\r')
    await pty.shows('code 0')
  })

  it('passes bytes that are no text, both ways', async () => {
    const script = String.raw`stty raw -echo; printf "<\377\303(\200>"; head -c 3 | od -An -tx1`
    const pty = openPty(shop.system, `gpulab exec -it workshop -- sh -c '${script}'; echo "code $?"`, {
      encoding: 'latin1',
    })
    await pty.shows('<\u00ff\u00c3(\u0080>')
    pty.type('\u00ff\u00c3(')
    await pty.shows('ff c3 28')
    await pty.shows('code 0')
  })

  it('runs a command without a terminal, with standard input', async () => {
    const pty = openPty(
      shop.system,
      `printf 'a\\nb\\n' | gpulab ssh workshop -- sh -c 'cat; [ -t 0 ]'; echo "code $?"`,
    )
    await pty.shows('code 1')
    expect(pty.screen()).toBe('a\r\nb\r\ncode 1\r\n')
  })
})

describe('a cut', () => {
  it('in the middle of a shell costs nothing', async () => {
    const pty = await openShell('ssh workshop', proxied())
    const from = pty.screen().length
    // Less than what is kept of a terminal, which never waits for its reader.
    pty.type('stty -onlcr; seq 60000; sleep 0.3; seq 60001 130000; echo the end\r')
    for (const bytes of [50_000, 250_000, 450_000]) {
      await eventually(() => expect(pty.screen().length - from).toBeGreaterThan(bytes), {
        timeoutMs: 30_000,
      })
      shop.proxy.cut()
    }
    await pty.shows('\nthe end\n', from)
    // Nothing is said of cuts that are over at once.
    const [, numbers = ''] = /\n(1\n2\n[^]*\n)the end\n/.exec(pty.screen().slice(from)) ?? []
    expect(numbers).toBe(Array.from({ length: 130_000 }, (_, n) => `${n + 1}\n`).join(''))
    pty.type('exit 0\r')
    await pty.shows('code 0')
  })

  it('that lasts longer than output is kept shows what is missing', async () => {
    const pty = await openShell('ssh workshop', proxied())
    pty.type('echo begin; sleep 1; seq 500000; echo the end\r')
    await pty.shows('\nbegin\r\n')
    shop.proxy.set({ kind: 'cut' })
    await eventually(async () => expect((await running())[0]?.end_offset).toBeGreaterThan(3_880_000), {
      timeoutMs: 30_000,
    })
    shop.proxy.heal()
    await pty.shows('\nthe end\r\n')
    expect(pty.screen()).toMatch(/gpulab: \d+ bytes of output are not kept any more/)
    pty.type('exit 0\r')
    await pty.shows('code 0')
  })

  it('can be left with ~.', async () => {
    const pty = await openShell('ssh workshop', proxied())
    shop.proxy.set({ kind: 'cut' })
    await pty.shows('trying to go on')
    pty.type('\r~.')
    await pty.shows('code 130')
  })

  it('does not lose what is typed meanwhile', async () => {
    const pty = await openShell('ssh workshop', proxied())
    shop.proxy.set({ kind: 'cut' })
    await pty.shows('trying to go on')
    pty.type('echo "typed" "anyway"\r')
    shop.proxy.heal()
    await pty.shows('typed anyway')
    pty.type('exit 0\r')
    await pty.shows('code 0')
  })
})

describe('escapes', () => {
  it('leave, explain themselves, and send a tilde', async () => {
    const pty = await openShell(`ssh workshop`)
    pty.type('echo ~~.\r')
    await pty.shows('~~.')
    pty.type('~?')
    await pty.shows('Supported escapes')
    pty.type('~~\u0015')
    pty.type('echo here\r')
    await pty.shows('here')
    pty.type('~.')
    await pty.shows('code 130')
    await eventually(async () => expect(await running()).toEqual([]), { timeoutMs: 10_000 })
  })

  it('let the session go on, and it is taken over', async () => {
    const pty = await openShell()
    pty.type('\r')
    pty.type('~d')
    await pty.shows('code 0')
    const [session] = await running()
    const again = openPty(shop.system, `gpulab sessions attach workshop ${session?.id}; echo "code $?"`)
    await again.shows(prompt)
    again.type('exit 3\r')
    await again.shows('code 3')
  })
})

describe('a copy', () => {
  it('shows how far it is, and nothing of that is left', async () => {
    const file = `${shop.system.dir}/big`
    const copying = `gpulab cp ${file} workshop:/tmp/big`
    const pty = openPty(shop.system, `head -c 200M /dev/zero >${file}; ${copying}; echo "code $?"`)
    await pty.shows(/[█░]{20} \d+% [\d.]+ [KM]?B of 200 MB · [\d.]+ [KMG]?B\/s/)
    await pty.shows('code 0')
    expect(await readScreen(pty)).toMatch(/^✓ 1 file, 200 MB in [\d.]+ s\ncode 0\n/)
  })
})

/** Takes the whole screen, and draws its size whenever that changes. */
const fullScreen = String.raw`
printf '\033[?1049h\033[?25l\033[?1000h\033[31m'
draw() { printf '\033[H\033[2J<%s>' "$(stty size)"; }
trap draw WINCH
draw
while :; do read -rsn1 -t 1 key; [ "$key" = q ] && break; [ "$key" = a ] && draw; done
printf '\033[0m\033[?1000l\033[?25h\033[?1049l'
exit 6`
const fullScreenCommand = `exec --interactive workshop -- bash -c '${fullScreen.replaceAll("'", String.raw`'\''`)}'`
const resets = ['\u001b[?1049l', '\u001b[?25h', '\u001b[?1000l', '\u001b[0m']

describe('a program that has the whole screen', () => {
  it('draws again when the size changes, and is taken over with its screen', async () => {
    const pty = openPty(shop.system, `gpulab ${fullScreenCommand}; echo "code $?"`)
    await pty.shows('<30 90>')
    pty.process.resize(100, 33)
    await pty.shows('<33 100>')
    const [session] = await running()
    const next = openPty(shop.system, `gpulab sessions attach workshop ${session?.id}; echo "code $?"`, {
      columns: 100,
      rows: 33,
    })
    // Of the same size: it draws because it is made to.
    await next.shows('<33 100>')
    await pty.shows('code 125')
    for (const reset of resets) expect(pty.screen()).toContain(reset)
    expect(pty.screen()).toContain('Another client has attached')
    next.type('q')
    await next.shows('code 6')
  })

  it.each([
    ['SIGTERM', 143],
    ['SIGHUP', 129],
    ['SIGKILL', 137],
    ['SIGSEGV', 139],
  ] as const)('leaves the terminal as it was when the CLI gets %s', async (signal, code) => {
    const isCaught = signal === 'SIGTERM' || signal === 'SIGHUP'
    const pty = openPty(shop.system, guarded(`gpulab ${fullScreenCommand}`, isCaught ? 1 : 100))
    await pty.shows('<30 90>')
    const from = pty.screen().length
    process.kill(await findCli(pty), signal)
    await pty.shows(new RegExp(String.raw`(SAME|OTHER) ${code}`), from)
    expect(pty.screen().slice(from)).toContain(`SAME ${code}`)
    for (const reset of resets) await pty.shows(reset, from)
  })
})

describe('the screen', () => {
  beforeAll(async () => {
    const { screens } = await ensureImages({ dockerHost: testEngine().dockerHost, keys: ['screens'] })
    const options = ['--image', screens.reference, '--memory', '1', '--wait']
    await shop.system.json<Container>('deploy', '--name', 'screens', ...options)
  }, 600_000)

  it.each([
    ['vim', 'seq -f "line %g of the file" 100 >file; vim.tiny -c "normal 50Gzt" file', 'line 77 of', ':q!\r'],
    ['htop', 'htop', 'Load average', 'q'],
    ['tmux', String.raw`tmux new 'seq -f "line %g of the pane" 60; cat'`, 'line 59 of', '\u0004'],
  ])('of %s is whole again after a cut, and for who takes it over', async (_name, command, shown, quit) => {
    const pty = openPty(shop.system, 'gpulab ssh screens', proxied())
    await pty.shows(/[#$] $/)
    pty.type(`cd /tmp; clear; ${command}\r`)
    await eventually(async () => expect(await readScreen(pty)).toContain(shown), { timeoutMs: 20_000 })
    const from = pty.screen().length
    shop.proxy.cut()
    // Drawn anew, over the next connection.
    pty.process.resize(80, 30)
    await eventually(() => expect(pty.screen().length).toBeGreaterThan(from), { timeoutMs: 30_000 })
    await eventually(
      async () => {
        const screen = await readScreen(pty)
        expect(screen).toContain(shown)
        expect(screen).not.toContain('onnect')
      },
      { timeoutMs: 20_000 },
    )
    const { stdout } = await shop.system.gpulab(['sessions', 'ls', 'screens', '-q'])
    const next = openPty(shop.system, `gpulab sessions attach screens ${stdout.trim()}; echo "code $?"`)
    await eventually(async () => expect(await readScreen(next)).toContain(shown), { timeoutMs: 20_000 })
    next.type(quit)
    await next.shows(/[#$] $/)
    next.type('exit 4\r')
    await next.shows('code 4')
  })
})
