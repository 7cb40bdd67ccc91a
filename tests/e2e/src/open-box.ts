import type { Container } from '@gpulab/contract'
import { eventually, startTcpProxy } from '@gpulab/testing'
import { createHash, randomBytes } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { mkdtemp, open } from 'node:fs/promises'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { type RunningCli, spawnCli } from './spawn-cli.ts'
import { startSystem, type System } from './start-system.ts'

/** What `gpulab cp --json` prints. */
export interface Result {
  readonly target: string
  readonly bytes: number
  readonly files: number
  readonly sha256: string | null
  readonly resumed_bytes: number
}

/** A system with one container, "box", to copy into and out of. */
export interface Box extends AsyncDisposable {
  readonly system: System
  /** New ones, here and in the container. */
  makeFolders(): Promise<{ work: string; there: string }>
  /** Gives what the command prints in the container; throws where it fails. */
  run(...command: string[]): Promise<string>
  list(folder: string): Promise<string[]>
  cp(...args: string[]): Promise<Result>
  tryCp(...args: string[]): Promise<{ code: number | null; stdout: string; stderr: string }>
  /** A copy that is in the midst, by how much of it is there under another name, and stays so until it may go on. */
  startCopy(
    args: readonly string[],
    partBytes: () => Promise<number>,
  ): Promise<RunningCli & { readonly goOn: () => void }>
}

export async function openBox(): Promise<Box> {
  const system = await startSystem()
  await system.json<Container>('deploy', '--name', 'box', '--template', 'ubuntu', '--memory', '1', '--wait')
  let count = 0
  const box: Box = {
    system,
    makeFolders: async () => {
      const there = `/tmp/${++count}`
      await box.run('mkdir', there)
      return { work: await mkdtemp(join(system.dir, 'cp-')), there }
    },
    run: async (...command) => {
      const { code, stdout, stderr } = await system.gpulab(['exec', 'box', '--', ...command])
      if (code !== 0) throw new Error(`${command.join(' ')}: ${code} ${stderr}`)
      return stdout
    },
    list: async (folder) => (await box.run('ls', '-A', folder)).split('\n').filter((name) => name !== ''),
    cp: (...args) => system.json<Result>('cp', ...args),
    tryCp: async (...args) => {
      const { code, stderr, stdout } = await system.gpulab(['cp', ...args])
      return { code, stderr, stdout }
    },
    startCopy: async (args, partBytes) => {
      const proxy = await startTcpProxy({ target: { port: system.apiPort } })
      onTestFinished(() => proxy[Symbol.asyncDispose]())
      proxy.set({ kind: 'stall-after', bytes: 24 << 20 })
      const running = spawnCli(system, ['cp', ...args], { apiUrl: `http://127.0.0.1:${proxy.port}` })
      // What is held would hide its end, too.
      void running.ended.then(() => proxy.heal())
      await eventually(async () => expectBytes(await partBytes(), running), { timeoutMs: 60_000 })
      return { ...running, goOn: () => proxy.heal() }
    },
    [Symbol.asyncDispose]: () => system[Symbol.asyncDispose](),
  }
  return box
}

function expectBytes(bytes: number, { stderr }: RunningCli): void {
  if (bytes <= 5 << 20) throw new Error(`only ${bytes} bytes have come: ${stderr()}`)
}

/** Bytes of no pattern, but cheap ones. */
export async function makeFile(path: string, sizeBytes: number): Promise<void> {
  const piece = randomBytes(1 << 20)
  await using file = await open(path, 'w')
  for (let at = 0; at < sizeBytes; at += piece.length) {
    piece.writeUIntBE(at, 0, 6)
    await file.write(piece, 0, Math.min(piece.length, sizeBytes - at))
  }
}

export async function hashOf(path: string): Promise<string> {
  const hash = createHash('sha256')
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer)
  return hash.digest('hex')
}
