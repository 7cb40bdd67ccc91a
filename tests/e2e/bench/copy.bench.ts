import type { Container } from '@gpulab/contract'
import { run } from '@gpulab/testing'
import { mkdir, open, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { it } from 'vitest'
import { randomBytes } from 'node:crypto'
import { startSystem } from '../src/start-system.ts'
import { type Comparison, compare, describeComparison, header, timeOf } from './measure.ts'

/** GPULAB_BENCH_CP_MIB=100 makes a short run. */
const bigMib = Number(process.env['GPULAB_BENCH_CP_MIB'] ?? 1024)
const runs = 3
const smallFiles = 1000

it('cp beside docker cp', { timeout: 1_800_000 }, async () => {
  await using system = await startSystem()
  const options = ['--name', 'bench', '--template', 'ubuntu', '--memory', '4', '--wait']
  await system.json<Container>('deploy', ...options)
  const [own] = await system.listOwn()
  const docker = own?.Id ?? ''
  const [big, tree, out] = ['big', 'tree', 'out'].map((name) => join(system.dir, name)) as [
    string,
    string,
    string,
  ]
  await writeBig(big)
  await writeTree(tree)

  const succeed = async (action: Promise<{ code: number | null; stderr: string }>): Promise<void> => {
    const { code, stderr } = await action
    if (code !== 0) throw new Error(stderr)
  }
  const clear = async (): Promise<void> => {
    await succeed(system.gpulab(['exec', 'bench', '--', 'rm', '-rf', '/tmp/to']))
    await rm(out, { recursive: true, force: true })
  }
  const measure = (name: string, from: string, isUpload: boolean): Promise<Comparison> => {
    const copyOf = (container: string): string[] =>
      isUpload ? [from, `${container}:/tmp/to`] : [`${container}:${from}`, out]
    const timed = async (action: () => Promise<void>): Promise<number> => {
      await clear()
      return timeOf(action)
    }
    return compare(name, runs, {
      ours: () => timed(() => succeed(system.gpulab(['cp', ...copyOf('bench')]))),
      peer: () => timed(() => succeed(run('docker', ['cp', ...copyOf(docker)]))),
    })
  }
  await succeed(system.gpulab(['cp', big, 'bench:/root/big']))
  await succeed(system.gpulab(['cp', tree, 'bench:/root/tree']))
  const rows = [
    await measure(`${bigMib} MiB in`, big, true),
    await measure(`${bigMib} MiB out`, '/root/big', false),
    await measure(`${smallFiles} small files in`, tree, true),
    await measure(`${smallFiles} small files out`, '/root/tree', false),
  ]
  process.stdout.write(`
${header}
${rows.map(describeComparison).join('\n')}

Milliseconds of whole processes, gpulab cp and docker cp in turn on one machine.
`)
})

async function writeBig(path: string): Promise<void> {
  const piece = randomBytes(1 << 20)
  await using file = await open(path, 'w')
  for (let index = 0; index < bigMib; index++) {
    piece.writeUInt32BE(index)
    await file.write(piece)
  }
}

async function writeTree(path: string): Promise<void> {
  for (let index = 0; index < smallFiles; index++) {
    const folder = join(path, String(index % 20))
    if (index < 20) await mkdir(folder, { recursive: true })
    await writeFile(join(folder, `file-${index}`), `file ${index}\n`.repeat(100))
  }
}
