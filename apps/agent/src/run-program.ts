import { spawn } from 'node:child_process'
import { once } from 'node:events'

export interface ProgramResult {
  readonly exitCode: number
  readonly stdout: string
  readonly stderr: string
}

export interface ProgramOptions {
  readonly input?: string
  readonly timeoutMs?: number
}

const outputMaxBytes = 1 << 20

/** Runs a program of the host to its end. Rejects when it cannot be started (ENOENT) or takes too long. */
export async function runProgram(
  program: string,
  args: readonly string[],
  { input, timeoutMs = 10_000 }: ProgramOptions = {},
): Promise<ProgramResult> {
  const signal = AbortSignal.timeout(timeoutMs)
  const child = spawn(program, args, { signal, killSignal: 'SIGKILL', stdio: ['pipe', 'pipe', 'pipe'] })
  // A program that does not read its input may be gone before it is written.
  child.stdin.on('error', () => {})
  child.stdin.end(input)
  const [stdout, stderr, [code]] = await Promise.all([
    readText(child.stdout),
    readText(child.stderr),
    once(child, 'close') as Promise<[number | null]>,
  ])
  return { exitCode: code ?? 137, stdout, stderr }
}

async function readText(stream: NodeJS.ReadableStream): Promise<string> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes <= outputMaxBytes) chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}
