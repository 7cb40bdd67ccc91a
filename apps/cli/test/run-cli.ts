import { type ChildProcessWithoutNullStreams, spawn, type SpawnOptionsWithoutStdio } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buffer, text } from 'node:stream/consumers'
import { build } from 'rolldown'
import { afterAll } from 'vitest'
import config from '../rolldown.config.ts'

const directory = mkdtempSync(join(tmpdir(), 'gpulab-cli-'))
afterAll(() => rmSync(directory, { recursive: true, force: true }))

/**
 * How the CLI is started: an executable that a release has, where `GPULAB_TEST_CLI` names one, else the sources, bundled
 * as for a release: they start three times as fast.
 */
export const program: readonly string[] = process.env['GPULAB_TEST_CLI']
  ? [process.env['GPULAB_TEST_CLI']]
  : [process.execPath, await bundle()]

/** Of util-linux: runs a command line on a terminal of its own. */
const pseudoTerminal = 'script'

export interface CliOptions {
  readonly env?: Readonly<Record<string, string>>
  /** Written to standard input, which is then closed. */
  readonly input?: string
  /** Sends SIGINT once this is on standard output. */
  readonly interruptAt?: string
  /** Sends SIGINT once this has happened. */
  readonly interruptAfter?: Promise<unknown>
}

export interface CliResult {
  readonly code: number | null
  readonly bytes: Buffer
  readonly stdout: string
  readonly stderr: string
  /** What standard error holds with `--json`. */
  readonly error: {
    code: string
    message: string
    hint?: string
    retryable: boolean
    exit_code: number
    origin: string
  }
}

/** Runs the CLI as a process of its own, with an empty home unless told otherwise. */
export async function runCli(args: readonly string[], options: CliOptions = {}): Promise<CliResult> {
  const child = start(args, { env: environment(options.env) })
  child.stdin.end(options.input ?? '')
  if (options.interruptAt !== undefined) {
    child.stdout.on('data', (chunk: Buffer) => {
      if (chunk.includes(options.interruptAt ?? '')) child.kill('SIGINT')
    })
  }
  void options.interruptAfter?.then(() => child.kill('SIGINT'))
  const [bytes, stderr] = await Promise.all([buffer(child.stdout), text(child.stderr), once(child, 'close')])
  return {
    code: child.exitCode,
    bytes,
    stdout: bytes.toString(),
    stderr,
    get error() {
      return (JSON.parse(stderr) as { error: CliResult['error'] }).error
    },
  }
}

/** Runs the CLI on a terminal, and types the answer once it asks. Both streams come as one. */
export async function runOnTerminal(
  args: readonly string[],
  { env, prompt, answer }: { env: Readonly<Record<string, string>>; prompt: string; answer: string },
): Promise<{ code: number | null; screen: string }> {
  const line = [...program, ...args].map((word) => `'${word}'`).join(' ')
  const child = spawn(pseudoTerminal, ['-qec', line, '/dev/null'], {
    env: { ...environment(env), TERM: 'xterm' },
  })
  let screen = ''
  let isAnswered = false
  child.stdout.on('data', (chunk: Buffer) => {
    screen += chunk.toString()
    if (isAnswered || !screen.includes(prompt)) return
    isAnswered = true
    child.stdin.write(answer)
  })
  await once(child, 'close')
  return { code: child.exitCode, screen }
}

/** Runs the CLI with a file for its standard output. */
export async function runInto(
  file: string,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<{ code: number | null; stderr: string }> {
  const child = spawn('sh', ['-c', 'exec "$@" >"$0"', file, ...program, ...args], { env: environment(env) })
  const [stderr] = await Promise.all([text(child.stderr), once(child, 'close')])
  return { code: child.exitCode, stderr }
}

function start(args: readonly string[], options: SpawnOptionsWithoutStdio): ChildProcessWithoutNullStreams {
  const [command = '', ...first] = program
  return spawn(command, [...first, ...args], options)
}

export const createHome = (): string => mkdtempSync(join(directory, 'home-'))

async function bundle(): Promise<string> {
  const root = join(import.meta.dirname, '..')
  const outDirectory = join(directory, 'dist')
  const input = join(root, 'src/main.ts')
  await build({ ...config, input, output: { ...config.output, dir: outDirectory } })
  writeFileSync(join(outDirectory, 'package.json'), '{"type":"module"}')
  return join(outDirectory, 'main.js')
}

const environment = (env: Readonly<Record<string, string>> = {}): Record<string, string> => ({
  HOME: env['HOME'] ?? createHome(),
  PATH: process.env['PATH'] ?? '',
  XDG_CACHE_HOME: join(directory, 'cache'),
  ...env,
})
